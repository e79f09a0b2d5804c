"""The sky of every track: what comes out, that blocks repeat and grow by prefix, how it compares with real stamps."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from blindsky.challenges.lens.settings import SETTINGS
from blindsky.challenges.lens.sky import LABELS, LensSky
from blindsky.challenges.skies import Block
from blindsky.scoring.measurements import Table

pytest.importorskip("torch")
TRACKS = tuple(SETTINGS)


def drawn(track: str, split: str = "test", rows: int = 12, seed: int = 3, block_rows: int = 24) -> Block:
    return LensSky(SETTINGS[track], block_rows=block_rows).draw(split, 0, rows, np.random.default_rng(seed))


def labels(block: Block) -> Table:
    return block.beside["train_labels"]


@pytest.fixture(scope="module")
def ground() -> Block:
    return drawn("ground", "train", 128, 5, 128)


@pytest.fixture(scope="module")
def space() -> Block:
    return drawn("space", "train", 128, 5, 128)


@pytest.mark.parametrize("track", TRACKS)
def test_columns(track: str) -> None:
    setting, block = SETTINGS[track], drawn(track, rows=6)
    names = ("image",) if track != "euclid" else ("image_vis", "image_nisp")
    for name, camera in zip(names, setting.cameras, strict=True):
        image = block.public[name]
        assert image.shape == (6, len(camera.bands), camera.size, camera.size)
        assert image.dtype == np.float32
        assert np.isfinite(image).all()
    assert block.public["sigma"].shape == (6, len(setting.bands))
    assert ("mask" in block.public) == setting.masks
    truth = block.private["truth"]
    assert set(LABELS) <= set(truth)
    assert all(len(column) == 6 for column in truth.values())
    assert not set(LABELS) & set(block.public)
    np.testing.assert_array_equal(truth["label"], truth["is_lens" if track == "euclid" else "has_source"])
    score = block.references["oracle"]["score"]
    assert ((score >= 0) & (score <= 1)).all()


def test_labels_lie_beside_the_training_stamps(space: Block) -> None:
    assert set(labels(space)) == set(LABELS)
    assert not set(LABELS) & set(space.public)
    truth = space.private["train_truth"]
    assert (labels(space)["has_source"] == truth["has_source"]).all()
    assert set(space.beside) == {"train_labels"}
    assert not drawn("space", rows=3).beside


def test_truth_columns_have_the_stated_types(ground: Block) -> None:
    kinds = {"has_source": bool, "is_lens": bool, "npix": np.int32, "n_images": np.int8}
    for name, kind in kinds.items():
        assert labels(ground)[name].dtype == kind
    assert labels(ground)["impostor"].dtype.kind == "U"


def test_masked_is_the_share_of_bad_pixels(ground: Block, space: Block) -> None:
    share = ground.private["train_truth"]["masked"]
    np.testing.assert_allclose(share, (ground.public["mask"] > 0).mean(axis=(1, 2, 3)))
    assert 0.1 < (share > 0).mean() < 0.4
    assert not space.private["train_truth"]["masked"].any()


@pytest.mark.parametrize("track", ["ground", "ground_shift"])
def test_blocks_repeat_and_grow_by_prefix(track: str) -> None:
    some, more, other = drawn(track, rows=5), drawn(track, rows=9), drawn(track, rows=5, seed=4)
    for name, column in some.private["truth"].items():
        np.testing.assert_array_equal(column, more.private["truth"][name][:5])
    np.testing.assert_allclose(some.public["image"], more.public["image"][:5], rtol=1e-4, atol=1e-15)
    np.testing.assert_array_equal(some.public["mask"], more.public["mask"][:5])
    again = drawn(track, rows=5)
    assert again.public["image"].tobytes() == some.public["image"].tobytes()
    assert not np.array_equal(other.public["image"], some.public["image"])


def test_nulls_are_where_no_source_is(ground: Block) -> None:
    p = labels(ground)
    has = p["has_source"]
    for name in ("z_source", "mag_source", "mu_eff", "flux_sigma", "snr_arc", "contrast"):
        np.testing.assert_array_equal(np.isnan(p[name]), ~has)
    for name in ("npix", "n_images"):
        assert not p[name][~has].any()
    for name in ("r_ein", "z_lens", "mag_lens", "q_mass"):
        assert np.isfinite(p[name]).all()
    assert not (p["is_lens"] & ~has).any()
    assert (p["n_images"][has] >= 1).all()


def test_bad_pixels_hold_zero(ground: Block) -> None:
    image, mask = ground.public["image"], ground.public["mask"]
    assert mask.any()
    assert not image[mask > 0].any()
    assert (image[mask == 0] != 0).all()


def corner_noise(image: np.ndarray) -> np.ndarray:
    """3-sigma-clipped MAD of the four 20 x 20 corners, (n, bands)."""
    sides = (slice(None, 20), slice(-20, None))
    corner = np.concatenate(
        [image[:, :, a, b].reshape(*image.shape[:2], -1) for a in sides for b in sides], axis=2
    )
    corner = corner.astype(np.float64)
    for _ in range(4):
        middle = np.nanmedian(corner, axis=2, keepdims=True)
        mad = 1.4826 * np.nanmedian(np.abs(corner - middle), axis=2, keepdims=True)
        corner = np.where(np.abs(corner - middle) < 3 * mad, corner, np.nan)
    return np.asarray(mad[:, :, 0])


def test_corner_noise_is_that_of_the_table(ground: Block, space: Block) -> None:
    """Light in the corners may only add; 2 % (the clipping itself takes 1 % off)."""
    quiet = ~ground.private["train_truth"]["bright"] & ~ground.public["mask"].any(axis=(1, 2, 3))
    median = np.median(corner_noise(ground.public["image"][quiet]), axis=0)
    np.testing.assert_allclose(median, SETTINGS["ground"].sigma, rtol=0.02)
    median = np.median(corner_noise(space.public["image"]), axis=0)
    np.testing.assert_allclose(median, SETTINGS["space"].sigma, rtol=0.02)


def test_the_arc_is_in_the_image(space: Block) -> None:
    """Bright arcs raise the light of their stamps: the sum of squares above the noise exceeds that of the arc."""
    p = {**space.public, **labels(space)}
    bright = p["has_source"] & (p["snr_arc"] > 100)
    assert bright.sum() > 5
    signal = np.sqrt((p["image"][bright, 0].astype(np.float64) ** 2).sum(axis=(1, 2))) / p["sigma"][bright, 0]
    assert (signal > p["snr_arc"][bright]).all()


@pytest.mark.parametrize(("branch", "band"), [("space", "VIS"), ("ground", "R")])
def test_fluxes_and_peaks_agree_with_real_stamps(
    branch: str, band: str, ground: Block, space: Block, shared_data: Callable[[str], Path]
) -> None:
    """Quartiles of total flux and peak; a factor 2 and the scatter of 12 to 16 real stamps (factor 2.5 in all)."""
    lines = list(csv.DictReader(shared_data("lens/bologna1_samples.csv").read_text().splitlines()))
    lines = [r for r in lines if r["branch"] == branch and r["band"].upper() == band]
    assert len(lines) in (12, 16)
    image = (space if branch == "space" else ground).public["image"][:, 0 if branch == "space" else 2]
    for name, found in (("sum_unmasked", image.sum(axis=(1, 2))), ("peak", image.max(axis=(1, 2)))):
        real = np.quantile([float(r[name]) for r in lines], [0.25, 0.5, 0.75])
        ratio = np.quantile(found, [0.25, 0.5, 0.75]) / real
        assert (ratio > 0.4).all() and (ratio < 2.5).all(), (name, ratio)


def test_a_shifted_track_trains_on_the_plain_sky() -> None:
    plain, shifted = drawn("ground", "train", 4), drawn("ground_shift", "train", 4)
    np.testing.assert_array_equal(plain.public["image"], shifted.public["image"])
    fwhm = drawn("ground_shift", "test", 4).public["psf_fwhm"]
    assert len(np.unique(fwhm[:, 2])) == 4


def test_the_declaration_stays_light() -> None:
    """Whoever lists challenges must not wait for torch."""
    import subprocess
    import sys

    code = (
        "import sys, blindsky.challenges.lens.sky; sys.exit('torch' in sys.modules or 'scipy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_files_name_the_cameras() -> None:
    described = LensSky(SETTINGS["euclid"]).files()["cameras"]
    assert [c["bands"] for c in described["cameras"]] == [["VIS"], ["Y", "J", "H"]]


@pytest.mark.parametrize("track", ["ground", "euclid"])
def test_components_add_up_to_the_stamps(track: str) -> None:
    """Foreground with its noise plus the noiseless source is the stamp, which is the same without the option."""
    plain = drawn(track, "train", 8)
    sky = LensSky(SETTINGS[track], block_rows=24, components=True)
    parts = sky.draw("train", 0, 8, np.random.default_rng(3))
    has = labels(parts)["has_source"]
    assert 0 < has.sum() < 8
    first = 0
    for name, camera in zip(sky.image_names, sky.setting.cameras, strict=True):
        image, lensed = parts.public[name], parts.beside["train_lensed"][name]
        foreground = parts.beside["train_foreground"][name]
        good = parts.public["mask"] == 0 if "mask" in parts.public else np.ones(image.shape, dtype=bool)
        scale = float(np.abs(image).max())
        np.testing.assert_allclose((foreground + lensed)[good], image[good], atol=1e-6 * scale)
        np.testing.assert_allclose(image, plain.public[name], atol=1e-6 * scale)
        assert not foreground[~good].any()
        assert not lensed[~has].any()
        noise = sky.setting.sigma[first : first + len(camera.bands)]
        assert (lensed[has].max(axis=(2, 3)) > 1e-3 * noise).all()
        first += len(camera.bands)
    assert not sky.draw("test", 0, 3, np.random.default_rng(3)).beside


def test_the_lensed_component_is_what_the_truth_measures() -> None:
    sky = LensSky(SETTINGS["ground"], block_rows=24, components=True)
    block = sky.draw("train", 0, 12, np.random.default_rng(3))
    truth, arcs = labels(block), block.beside["train_lensed"]["image"][:, 2].astype(np.float64)
    has = truth["has_source"]
    sigma = block.public["sigma"][:, 2].astype(np.float64)
    snr = np.sqrt((arcs**2).sum(axis=(1, 2))) / sigma
    np.testing.assert_allclose(snr[has], truth["snr_arc"][has], rtol=1e-4)
    np.testing.assert_array_equal((arcs > sigma[:, None, None]).sum(axis=(1, 2)), truth["npix"])
