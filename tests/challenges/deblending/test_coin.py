"""Pairs in the COIN format, its published results, batches of BlendingToolKit: what is read, what is refused."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blindsky.challenges.deblending.btk import btk
from blindsky.challenges.deblending.coin import border_sigma, coin
from blindsky.challenges.deblending.coin_results import coin_results
from blindsky.challenges.errors import InputFault
from blindsky.challenges.importing import Imported
from blindsky.challenges.skies import Block

N = 5
COLUMNS = (
    "id",
    "distance",
    "shift_x",
    "shift_y",
    *(f"g{k}_{n}" for k in (1, 2) for n in ("id", "mag", "rad", "z", "type")),
)


def nobody(n: int) -> Any:
    raise AssertionError


def blob(row: float, column: float, flux: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    at = np.arange(128)
    return np.asarray(
        flux * np.exp(-0.5 * ((at[:, None] - row) ** 2 + (at - column) ** 2) / 9) / (18 * np.pi)
    )


def write_split(folder: Path, split: str, seed: int, single: bool = True) -> dict[str, Any]:
    """A split as candels-blender writes it: the shift along rows is called x, that along columns y."""
    rng = np.random.default_rng(seed)
    shift = rng.integers(-20, 20, (N, 2))
    magnitude = rng.uniform(20, 23, (N, 2))
    flux = 10 ** (-0.4 * (magnitude - 25.96))
    alone = np.stack(
        [
            np.stack([blob(64, 64, f[0]), blob(64 + dy, 64 + dx, f[1])], axis=-1)
            for f, (dy, dx) in zip(flux, shift, strict=True)
        ]
    )
    noise = rng.normal(0, 0.01, (N, 128, 128))
    masks = alone > 0.02
    ogg = np.stack([masks.all(axis=-1), masks[..., 0], masks[..., 1]], axis=-1).astype(np.uint8)
    np.save(folder / f"{split}_blends.npy", (alone.sum(axis=-1) + noise).astype(np.float32))
    np.save(folder / f"{split}_ogg_masks.npy", ogg)
    np.save(folder / f"{split}_flux.npy", flux)
    if single:
        np.save(folder / f"{split}_single_images.npy", alone.astype(np.float32))
    with (folder / f"{split}_catalogue.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for k in range(N):
            galaxies = [
                (100 * seed + 2 * k + g, f"{magnitude[k, g]:.6f}", 4 + g, 0.5, "disk") for g in (0, 1)
            ]
            writer.writerow([k, f"{np.hypot(*shift[k]):.6f}", *shift[k], *galaxies[0], *galaxies[1]])
    return {"shift": shift, "flux": flux, "alone": alone, "masks": masks}


def blocks(rows: Any) -> Block:
    (found,) = list(rows)
    return found.block  # type: ignore[no-any-return]


def read(folder: Path, **options: Any) -> Imported:
    return coin([folder], nobody, **options)


def test_a_folder_of_pairs(tmp_path: Path) -> None:
    write_split(tmp_path, "train", 1)
    made = write_split(tmp_path, "test", 2)
    found = read(tmp_path)
    train, test = blocks(found.train), blocks(found.test)
    assert found.track == "pair" and any("no galaxy is in both" in note for note in found.notes)
    objects = train.long["objects"]
    assert objects.counts.tolist() == [2] * N and set(train.long) == {"objects"} and not train.hidden
    hidden = test.hidden["truth_objects"].columns
    assert set(test.long["objects"].columns) == {"obj"}
    np.testing.assert_array_equal(hidden["obj"], [0, 1] * N)
    np.testing.assert_allclose(hidden["flux_f160w"], made["flux"].ravel())
    np.testing.assert_array_equal(hidden["y"][1::2], 64 + made["shift"][:, 0])
    np.testing.assert_array_equal(hidden["x"][1::2], 64 + made["shift"][:, 1])
    for k in range(N):  # the companion stands where the table says it does
        peak = np.unravel_index(made["alone"][k, ..., 1].argmax(), (128, 128))
        assert peak == (hidden["y"][2 * k + 1], hidden["x"][2 * k + 1])
    np.testing.assert_array_equal(hidden["mask"].reshape(N, 2, 128, 128), np.moveaxis(made["masks"], -1, 1))
    assert test.public["image"].shape == (N, 1, 128, 128) and test.public["image"].dtype == np.float32
    np.testing.assert_allclose(test.public["sigma"][:, 0], 0.01, rtol=0.1)
    np.testing.assert_allclose(test.private["truth"]["separation"], np.hypot(*made["shift"].T), atol=1e-6)
    shared = made["masks"].all(axis=-1).sum(axis=(1, 2)) / made["masks"].any(axis=-1).sum(axis=(1, 2))
    np.testing.assert_allclose(test.private["truth"]["overlap"], shared)
    light = made["alone"]
    own = 1 - (light**2).sum(axis=(1, 2)) / (light * light.sum(axis=-1, keepdims=True)).sum(axis=(1, 2))
    np.testing.assert_allclose(hidden["blendedness"], own.ravel(), atol=1e-5)


def test_border_noise_is_that_of_the_sky() -> None:
    images = np.random.default_rng(1).normal(0, 2, (3, 64, 64))
    images[1, :2, :9] = 500  # a star at the edge
    np.testing.assert_allclose(border_sigma(images), 2, rtol=0.12)


def test_without_single_images_blendedness_is_unknown(tmp_path: Path) -> None:
    write_split(tmp_path, "test", 2, single=False)
    found = read(tmp_path)
    assert "blendedness" not in blocks(found.test).hidden["truth_objects"].columns
    assert any("blendedness is not known" in note for note in found.notes) and list(found.train) == []


def test_galaxies_in_both_splits_are_told(tmp_path: Path) -> None:
    write_split(tmp_path, "train", 2)
    write_split(tmp_path, "test", 2)
    assert f"{2 * N} galaxies are in both splits" in read(tmp_path).notes


def spoil_flux(folder: Path) -> None:
    flux = np.load(folder / "test_flux.npy")
    np.save(folder / "test_flux.npy", flux * 10 ** (-0.4 * (25.96 - 25.5)))


def spoil_masks(folder: Path) -> None:
    masks = np.load(folder / "test_ogg_masks.npy")
    np.save(folder / "test_ogg_masks.npy", masks[..., ::-1])


def spoil_overlap(folder: Path) -> None:
    masks = np.load(folder / "test_ogg_masks.npy")
    masks[3, :2, :2, 0] = 1
    np.save(folder / "test_ogg_masks.npy", masks)


def spoil_length(folder: Path) -> None:
    np.save(folder / "test_flux.npy", np.load(folder / "test_flux.npy")[1:])


def spoil_shape(folder: Path) -> None:
    np.save(folder / "test_blends.npy", np.zeros((N, 64, 64), np.float32))


def spoil_pickle(folder: Path) -> None:
    np.save(folder / "test_flux.npy", np.array([{}] * N), allow_pickle=True)


def spoil_cell(folder: Path) -> None:
    path = folder / "test_catalogue.csv"
    path.write_text(path.read_text().replace("0.5,disk", "O.5,disk", 1))


def spoil_shift(folder: Path) -> None:
    path = folder / "test_catalogue.csv"
    lines = path.read_text().splitlines()
    cells = lines[2].split(",")
    cells[1] = "99"
    path.write_text("\n".join([*lines[:2], ",".join(cells), *lines[3:]]))


def spoil_column(folder: Path) -> None:
    path = folder / "test_catalogue.csv"
    path.write_text(path.read_text().replace("g2_mag", "g2_magnitude"))


def spoil_finite(folder: Path) -> None:
    images = np.load(folder / "test_blends.npy")
    images[2, 5, 5] = np.nan
    np.save(folder / "test_blends.npy", images)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (spoil_flux, r"test row 1 \(5 in all\): .* zero-point 25.96; 25.50 would. Give it as --zeropoint"),
        (spoil_masks, "first plane is not the overlap"),
        (spoil_overlap, "row 4: the first plane is not the overlap"),
        (spoil_length, "4 flux"),
        (spoil_shape, r"found float32 \(5, 64, 64\), expected numbers of shape \(n, 128, 128\)"),
        (spoil_pickle, "can't be read as a NumPy array"),
        (spoil_cell, "row 1, column g1_z: found 'O.5', expected a number"),
        (spoil_shift, "row 2: the shift .* is not the distance 99 long"),
        (spoil_column, "lacks the columns g2_mag"),
        (spoil_finite, "not finite"),
        (lambda folder: (folder / "test_flux.npy").unlink(), "lacks test_flux.npy of the test split"),
    ],
)
def test_what_contradicts_itself_is_refused(tmp_path: Path, spoil: Callable[[Path], Any], said: str) -> None:
    write_split(tmp_path, "test", 2)
    spoil(tmp_path)
    with pytest.raises(InputFault, match=said):
        list(read(tmp_path).test)


def test_another_zero_point_is_taken(tmp_path: Path) -> None:
    write_split(tmp_path, "test", 2)
    spoil_flux(tmp_path)
    found = read(tmp_path, zeropoint=25.5)
    assert found.files["cameras"]["cameras"][0]["zero_points"] == [25.5]
    assert len(list(found.test)) == 1


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(InputFault, match="holds neither"):
        read(tmp_path)


def test_the_published_catalogue(shared_data: Callable[[str], Path]) -> None:
    found = coin_results([shared_data("deblending/coin_output_catalog.csv")], nobody)
    (rows,) = list(found.test)
    truth = rows.block.hidden["truth_objects"]
    assert truth.counts.sum() == 2 * 4776
    np.testing.assert_allclose(
        truth.columns["flux_f160w"], 10 ** (-0.4 * (truth.columns["mag_f160w"] - 25.96)), rtol=1e-6
    )
    missed = found.files["published_sextractor"]["flux"].reshape(-1, 2) == 0
    np.testing.assert_allclose(missed.mean(axis=0), [0.16625, 0.06156], atol=5e-6)


def npz(path: Path, **changed: Any) -> Path:
    rng = np.random.default_rng(4)
    alone = np.zeros((2, 3, 6, 40, 40), np.float32)
    for scene, galaxy, row, column in ((0, 0, 20, 18), (0, 1, 25, 22), (1, 0, 19, 21)):
        at = np.arange(40)
        light = np.exp(-0.5 * ((at[:, None] - row) ** 2 + (at - column) ** 2) / 4)
        alone[scene, galaxy] = 100 * (1 + np.arange(6))[:, None, None] * light
    content = {
        "isolated_images": alone,
        "blend_images": alone.sum(axis=1) + rng.normal(0, 1, (2, 6, 40, 40)),
        "sigma": np.ones(6),
        "psf_fwhm": np.full(6, 0.8),
        **changed,
    }
    np.savez(path, **{name: value for name, value in content.items() if value is not None})
    return path


def test_a_batch_of_scenes(tmp_path: Path) -> None:
    found = btk([npz(tmp_path / "b.npz")], nobody)
    block = blocks(found.test)
    objects = block.hidden["truth_objects"]
    assert objects.counts.tolist() == [2, 1] and found.track == "scene"
    np.testing.assert_allclose(objects.columns["x"], [18, 22, 21], atol=1e-3)
    np.testing.assert_allclose(objects.columns["y"], [20, 25, 19], atol=1e-3)
    np.testing.assert_allclose(objects.columns["flux_r"], 100 * 3 * 8 * np.pi, rtol=1e-3)
    assert any("flux_is_stamp_sum" in note for note in found.notes) and objects.columns["scored"].all()
    assert objects.columns["blendedness"][2] == pytest.approx(0, abs=1e-9)
    flux = np.arange(36.0).reshape(2, 3, 6)
    told = btk([npz(tmp_path / "c.npz", flux=flux)], nobody)
    np.testing.assert_array_equal(blocks(told.test).hidden["truth_objects"].columns["flux_g"], [1, 7, 19])


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"sigma": None}, "expected sigma"),
        ({"isolated_images": np.zeros((2, 6, 40, 40))}, "expected isolated_images"),
        ({"blend_images": np.zeros((2, 5, 40, 40))}, "expected 6 bands"),
    ],
)
def test_a_batch_that_is_none(tmp_path: Path, changed: dict[str, Any], said: str) -> None:
    with pytest.raises(InputFault, match=said):
        btk([npz(tmp_path / "b.npz", **changed)], nobody)
    (tmp_path / "no.npz").write_bytes(b"PK\x03\x04 but no archive")
    with pytest.raises(InputFault, match="can't be read as npz"):
        btk([tmp_path / "no.npz"], nobody)
