"""The sky of every track: what comes out, that blocks repeat and grow by prefix, that images are what they claim."""

from __future__ import annotations

import subprocess
import sys
from functools import cache

import numpy as np
import pytest

from blindsky.challenges.challenge import Size, Track
from blindsky.challenges.deblending import sky
from blindsky.challenges.deblending.bands import LSST, SPACE
from blindsky.challenges.deblending.measure import measure_known, measure_pair, measure_scene
from blindsky.challenges.deblending.metrics import OBJECTS
from blindsky.challenges.deblending.sky import SPLITS, DeblendingSky
from blindsky.challenges.skies import Block, Ragged
from blindsky.scoring.measurements import Measurements
from blindsky.scoring.metric import value

pytest.importorskip("torch")
PAIRS, SCENES = ("pair", "pair_shift"), ("scene", "scene_known")


@cache
def drawn(track: str, split: str, rows: int = 8, seed: int = 3, isolated: bool = False) -> Block:
    made = DeblendingSky(track, isolated=isolated, block_rows=16)
    return made.draw(split, 0, rows, np.random.default_rng(seed))


@pytest.mark.parametrize("track", SPLITS)
@pytest.mark.parametrize("split", ["train", "test"])
def test_columns(track: str, split: str) -> None:
    block, setting = drawn(track, split), SPLITS[track][split == "test"].setting
    bands, side = len(setting.bands.names), setting.size
    assert block.public["image"].shape == (8, bands, side, side)
    assert block.public["image"].dtype == np.float32
    assert np.isfinite(block.public["image"]).all()
    for name in ("sigma", "psf_fwhm"):
        assert block.public[name].shape == (8, bands)
        assert block.public[name].dtype == np.float32
    np.testing.assert_allclose(block.public["sigma"], np.tile(setting.sigma, (8, 1)), rtol=1e-6)
    objects = block.long["objects"] if split == "train" else block.hidden["truth_objects"]
    expected = {
        "obj",
        "x",
        "y",
        "type",
        "r_half",
        "bulge_frac",
        "blendedness",
        "snr",
        "scored",
        "mask",
        "e1",
        "e2",
    }
    expected |= {f"{kind}_{band}" for kind in ("flux", "flux_ap") for band in setting.bands.names}
    expected |= {f"mag_{setting.bands.reference}"} | ({"z"} if track in SCENES else set())
    assert set(objects.columns) == expected
    assert all(len(column) == objects.counts.sum() for column in objects.columns.values())
    assert objects.columns["mask"].shape[1:] == (side, side)
    assert objects.columns["mask"].dtype == np.uint8
    assert objects.columns["obj"].dtype == np.int16
    assert objects.columns["scored"].dtype == bool
    first = np.cumsum(objects.counts) - objects.counts
    assert (objects.columns["obj"][first] == 0).all()
    if track in PAIRS:
        assert (objects.counts == 2).all()
    for name, column in objects.columns.items():
        if column.dtype.kind == "f":
            assert np.isfinite(column).all(), name


@pytest.mark.parametrize("track", SPLITS)
def test_the_test_split_tells_only_what_it_should(track: str) -> None:
    block = drawn(track, "test")
    assert set(block.public) == {"image", "sigma", "psf_fwhm"}
    told = {"pair": {"obj"}, "pair_shift": {"obj"}, "scene": set(), "scene_known": {"obj", "x", "y"}}[track]
    assert set(block.long) == ({"objects"} if told else set())
    if told:
        assert set(block.long["objects"].columns) == told
    cases = {"separation", "sep_fwhm", "dm", "overlap", "types"} if track in PAIRS else set()
    assert set(block.private["truth"]) == {"n_objects"} | cases
    alone = block.hidden["truth_isolated"].columns["isolated"]
    assert alone.dtype == np.float32
    assert alone.shape == (block.private["truth"]["n_objects"].sum(), *block.public["image"].shape[2:])
    train = drawn(track, "train")
    assert not train.private
    assert not train.hidden
    assert not train.references
    assert set(train.long) == {"objects"}


@pytest.mark.parametrize("track", [*PAIRS, "scene"])
def test_blocks_repeat_and_grow_by_prefix(track: str) -> None:
    some, more, other = drawn(track, "test", 5), drawn(track, "test", 8), drawn(track, "test", 5, 4)
    again = DeblendingSky(track, block_rows=16).draw("test", 0, 5, np.random.default_rng(3))
    assert again.public["image"].tobytes() == some.public["image"].tobytes()
    for name, column in again.hidden["truth_objects"].columns.items():
        assert column.tobytes() == some.hidden["truth_objects"].columns[name].tobytes()
    scale = some.public["sigma"].max()
    np.testing.assert_allclose(some.public["image"], more.public["image"][:5], atol=1e-4 * scale, rtol=1e-5)
    fluxes, k = some.hidden["truth_objects"].columns, some.hidden["truth_objects"].counts.sum()
    np.testing.assert_array_equal(fluxes["x"], more.hidden["truth_objects"].columns["x"][:k])
    assert not np.array_equal(other.public["image"], some.public["image"])


@pytest.mark.parametrize("track", ["pair", "scene"])
def test_isolated_images_add_up_to_the_image(track: str) -> None:
    """What is left is noise of the stated rms, the photons' own with it."""
    block, setting = drawn(track, "train", isolated=True), SPLITS[track][0].setting
    alone = block.long["isolated"]
    assert set(alone.columns) == {"obj", "isolated"}
    ends = np.cumsum(alone.counts)
    light = np.stack([part.sum(axis=0) for part in np.split(alone.columns["isolated"], ends[:-1])])
    variance = np.array(setting.sigma)[:, None, None] ** 2 + (np.maximum(light, 0) if track == "scene" else 0)
    pull = (block.public["image"] - light) / np.sqrt(variance)
    assert pull.std(axis=(0, 2, 3)) == pytest.approx(np.ones(len(setting.sigma)), rel=0.02)
    bright = light > 20 * np.array(setting.sigma)[:, None, None] ** (2 if track == "scene" else 1)
    if bright.sum() > 200:
        assert pull[bright].std() == pytest.approx(1, rel=0.15)
    masks = block.long["objects"].columns["mask"]
    own = alone.columns["isolated"][:, setting.reference]
    np.testing.assert_array_equal(masks > 0, own > setting.mask * setting.sigma[setting.reference])
    plain = drawn(track, "train")
    assert plain.public["image"].tobytes() == block.public["image"].tobytes()


def test_hidden_images_are_those_the_truth_was_measured_on() -> None:
    block = drawn("scene", "test")
    alone, columns = block.hidden["truth_isolated"].columns, block.hidden["truth_objects"].columns
    np.testing.assert_array_equal(alone["obj"], columns["obj"])
    snr = np.sqrt((alone["isolated"].astype(np.float64) ** 2).sum(axis=(1, 2))) / np.sqrt(130_616.81)
    np.testing.assert_allclose(snr, columns["snr"], rtol=1e-6)


@pytest.mark.parametrize("track", SCENES)
def test_the_true_images_have_the_true_shapes(track: str) -> None:
    """Half of the galaxies are smaller than the smallest weight."""
    block = drawn(track, "test", 16)
    truth, alone = block.hidden["truth_objects"], block.hidden["truth_isolated"].columns["isolated"]
    assert (truth.columns["r_half"] < LSST.pixel).mean() > 0.2
    sent = {"image": alone} | {f"flux_{band}": truth.columns[f"flux_{band}"] for band in LSST.names}
    sent |= (
        {"obj": truth.columns["obj"]}
        if track == "scene_known"
        else {"det": truth.columns["obj"], "x": truth.columns["x"], "y": truth.columns["y"]}
    )
    work = measure_scene if track == "scene" else measure_known
    objects = Ragged(truth.counts, truth.columns | {"isolated": alone})
    measured = work(block.public, objects, Ragged(truth.counts, sent), bands=LSST)
    table = Measurements(measured.rows, case=measured.case)
    for key in ("e_m", "e_c"):
        metric = next(m for m in OBJECTS if m.key == key)
        assert value(metric.prepare(table), len(table)) == pytest.approx(0, abs=1e-9)


def test_empty_corners_have_the_stated_noise() -> None:
    """rms, and correlations at lags 1 and 2, of drizzled images (0.446, 0.063); louder and smoother when shifted."""
    for track, rms, lags in (("pair", 0.010, (0.446, 0.063)), ("pair_shift", 0.015, (0.730, 0.288))):
        images = drawn(track, "test").public["image"][:, 0].astype(np.float64)
        corners = np.stack(
            [images[:, a, b] for a in (np.s_[:24], np.s_[-24:]) for b in (np.s_[:24], np.s_[-24:])]
        )
        corners = corners.reshape(-1, 24, 24)
        quiet = corners[np.argsort(corners.mean(axis=(1, 2)))[:16]]
        quiet = quiet - quiet.mean()
        assert quiet.std() == pytest.approx(rms, rel=0.06)
        for step, expected in zip((1, 2), lags, strict=True):
            found = (quiet[:, :, step:] * quiet[:, :, :-step]).mean() / quiet.var()
            assert found == pytest.approx(expected, abs=0.05)


def test_no_two_blends_share_noise() -> None:
    train, test = (
        drawn("pair", split).public["image"][:, 0, :24, :24].reshape(8, -1) for split in ("train", "test")
    )
    correlation = np.corrcoef(
        np.concatenate([train, drawn("pair", "test", seed=9).public["image"][:, 0, :24, :24].reshape(8, -1)])
    )
    assert np.abs(correlation - np.eye(16)).max() < 0.25
    assert len(test) == 8


def test_the_third_galaxy_is_seen_but_not_asked_for() -> None:
    block = drawn("pair_shift", "test", 16)
    alone = block.hidden["truth_isolated"].columns["isolated"]
    left = block.public["image"][:, 0] - alone[::2] - alone[1::2]
    brightest = left.max(axis=(1, 2)) / 0.015
    assert (brightest > 6.5).any()
    assert (brightest < 5.5).any()


def test_a_shifted_track_trains_on_the_plain_sky() -> None:
    plain, shifted = drawn("pair", "train"), drawn("pair_shift", "train")
    assert plain.public["image"].tobytes() == shifted.public["image"].tobytes()
    assert drawn("pair_shift", "test").public["psf_fwhm"][0, 0] == pytest.approx(0.234)


@pytest.mark.parametrize("track", SPLITS)
def test_the_oracle_is_nearly_right(track: str) -> None:
    """Mean absolute relative error 0.6 % (pair, 64 objects here); mean clipped error of scenes to r = 26, 0.026."""
    block = drawn(track, "test", 16)
    best, true = block.references["oracle"], block.hidden["truth_objects"]
    if track in PAIRS:
        rows = measure_pair({}, true, best, bands=SPACE).rows
        assert np.abs(rows["ratio"] - 1).mean() < (0.009 if track == "pair" else 0.025)
        assert np.nanmean(rows["iou"]) > 0.97
        return
    work = measure_scene if track == "scene" else measure_known
    rows = work({}, true, best, bands=LSST).rows
    assert not rows["false"].any()
    assert np.nanmean(rows["deblend_error"]) < 0.09
    assert np.nanmean(rows["deblend_error"][rows["mag"] < 26]) < 0.045
    assert np.nanmean(rows["iou"][rows["mag"] < 26]) > 0.9


def test_a_blend_in_which_nothing_is_found_is_one_empty_row() -> None:
    counts = np.array([2, 1, 2])
    found = np.array([True, False, False, True, True])
    catalogue = sky._catalogue(counts, {"flux_r": np.arange(5.0)}, found)
    np.testing.assert_array_equal(catalogue.counts, [1, 1, 2])
    np.testing.assert_array_equal(catalogue.columns["det"], [0, -1, 0, 1])
    np.testing.assert_array_equal(catalogue.columns["flux_r"], [0, np.nan, 3, 4])


def test_files_describe_the_cameras() -> None:
    told = DeblendingSky("scene").files()["cameras"]
    (camera,) = told["cameras"]
    assert camera["bands"] == ["u", "g", "r", "i", "z", "y"] and told["reference"] == "r"
    assert camera["zero_points"][2] == pytest.approx(24 + 2.5 * np.log10(247_707.46))
    assert camera["unit"] == "electron"
    assert DeblendingSky("pair").files()["cameras"]["cameras"][0]["zero_points"] == [25.96]
    assert DeblendingSky("pair_shift").files()["cameras"]["test"][0]["noise"]["kernel_px"] == 0.9


def test_options() -> None:
    track = Track(name="scene", title="", description="", public=())
    assert sky.simulate(track, Size(1, 1), {"isolated": "yes"}).isolated
    assert not sky.simulate(track, Size(1, 1), {}).isolated


def test_the_declaration_stays_light() -> None:
    """Whoever lists challenges must not wait for torch."""
    code = "import sys, blindsky.challenges.deblending.sky; sys.exit('torch' in sys.modules or 'scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
