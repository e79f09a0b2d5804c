"""Pairs in the COIN format, its published results, batches of BlendingToolKit: what is read, what is refused."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blindsky.challenges.deblending import of_track
from blindsky.challenges.deblending.btk import btk
from blindsky.challenges.deblending.coin import border_sigma, coin
from blindsky.challenges.deblending.coin_results import coin_results
from blindsky.challenges.deblending.metrics import SCENE
from blindsky.challenges.errors import InputFault
from blindsky.challenges.importing import Imported, import_release
from blindsky.challenges.skies import Block, Ragged
from blindsky.challenges.trust import verify
from blindsky.scoring.measurements import Measurements
from blindsky.scoring.metric import ones

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


def spoil_some_fluxes(value: float) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        flux = np.load(folder / "test_flux.npy")
        flux[2, 1] = value
        np.save(folder / "test_flux.npy", flux)

    return spoil


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


def spoil_line(line: int, change: Callable[[list[str]], list[str]]) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        path = folder / "test_catalogue.csv"
        lines = path.read_text().splitlines()
        lines[line] = ",".join(change(lines[line].split(",")))
        path.write_text("\n".join(lines))

    return spoil


def far(cells: list[str]) -> list[str]:
    """The companion 64 rows above the centre, where row 128 would be."""
    return [cells[0], "64", "64", "0", *cells[4:]]


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
        (
            spoil_some_fluxes(np.nan),
            r"row 3 \(1 in all\): the flux nan of galaxy 2 .* magnitude [\d.]* .* 25.96$",
        ),
        (spoil_some_fluxes(-3), r"the flux -3 of galaxy 2 .* 25.96$"),
        (spoil_some_fluxes(0), r"the flux 0 of galaxy 2 .* 25.96$"),
        (spoil_line(3, lambda cells: [cells[0], "nan", *cells[2:]]), "row 3, column distance: found 'nan'"),
        (spoil_line(3, lambda cells: cells[:6]), "row 3: found more or fewer cells than the header"),
        (spoil_line(2, far), "row 2: the companion is at row 128, column 64, expected both from 0 to 127"),
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


RESULTS = (
    "distance",
    *(f"g{k}_{n}" for k in (1, 2) for n in ("mag", "rad", "z", "type", "flux")),
    *(f"g{k}_flux_{short}" for k in (1, 2) for short in ("b2f", "b2m2f", "sex")),
)


def results(path: Path, **changed: Any) -> Path:
    """Two pairs; a cell of the second may be changed, None ends its row there."""
    row = dict.fromkeys(RESULTS, 9.0) | {"g1_type": "disk", "g2_type": "irr"}
    for k, magnitude in ((1, 21.5), (2, 22.0)):
        row |= {f"g{k}_mag": magnitude, f"g{k}_flux": 10 ** (-0.4 * (magnitude - 25.96))}
    lines = [list(map(str, row.values())), list(map(str, (row | changed).values()))]
    lines[1] = lines[1][: lines[1].index("None")] if "None" in lines[1] else lines[1]
    path.write_text("\n".join(",".join(cells) for cells in ([*RESULTS], *lines)))
    return path


def test_a_result_that_was_not_found_is_empty(tmp_path: Path) -> None:
    found = coin_results([results(tmp_path / "r.csv", g2_flux_sex="")], nobody)
    assert found.files["published_sextractor"]["flux"].tolist()[3] == 0


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {"g2_flux": 1.0},
            r"row 2 \(1 in all\): the flux 1 of galaxy 2 doesn't follow from its magnitude 22 ",
        ),
        ({"g1_mag": "nan"}, "row 2, column g1_mag: found 'nan'"),
        ({"distance": "nan"}, "row 2, column distance: found 'nan'"),
        ({"g2_flux_sex": None}, "row 2: found more or fewer cells"),
    ],
)
def test_results_that_contradict_themselves(tmp_path: Path, changed: dict[str, Any], said: str) -> None:
    with pytest.raises(InputFault, match=said):
        coin_results([results(tmp_path / "r.csv", **changed)], nobody)


SIDE = 120


def npz(path: Path, **changed: Any) -> Path:
    """Two scenes of two galaxies and of one; the fainter one first."""
    rng = np.random.default_rng(4)
    alone = np.zeros((2, 3, 6, SIDE, SIDE), np.float32)
    at = np.arange(SIDE)
    for scene, galaxy, row, column, peak in ((0, 0, 20, 18, 50), (0, 1, 25, 22, 100), (1, 1, 19, 21, 100)):
        light = np.exp(-0.5 * ((at[:, None] - row) ** 2 / 4 + (at - column) ** 2 / 9))
        alone[scene, galaxy] = peak * (1 + np.arange(6))[:, None, None] * light
    content = {
        "isolated_images": alone,
        "blend_images": alone.sum(axis=1) + rng.normal(0, 1, (2, 6, SIDE, SIDE)),
        "sigma": np.ones(6),
        "psf_fwhm": np.full(6, 0.8),
        **changed,
    }
    np.savez(path, **{name: value for name, value in content.items() if value is not None})
    return path


def test_a_batch_of_scenes(tmp_path: Path) -> None:
    found = btk([npz(tmp_path / "b.npz")], nobody)
    block = blocks(found.test)
    objects, alone = (block.hidden[f"truth_{name}"] for name in ("objects", "isolated"))
    assert objects.counts.tolist() == alone.counts.tolist() == [2, 1] and found.track == "scene"
    told = objects.columns
    np.testing.assert_array_equal(told["obj"], [0, 1, 0])  # in order of decreasing flux
    np.testing.assert_array_equal(alone.columns["obj"], told["obj"])
    np.testing.assert_allclose(told["x"], [22, 18, 21], atol=1e-3)
    np.testing.assert_allclose(told["y"], [25, 20, 19], atol=1e-3)
    np.testing.assert_allclose(told["flux_r"], 3 * 12 * np.pi * np.array([100, 50, 100]), rtol=1e-3)
    np.testing.assert_allclose(alone.columns["isolated"].max(axis=(1, 2)), [300, 150, 300])
    # a Gaussian of variances 9 and 4 under a round weight w: 1/v = 1/9 + 1/w^2 and 1/4 + 1/w^2
    radius = 1.17741 * np.sqrt(6.5)
    np.testing.assert_allclose(told["r_half"], 0.2 * radius, rtol=1e-3)
    x, y = (1 / (1 / v + 1 / (1.5 * radius) ** 2) for v in (9, 4))
    np.testing.assert_allclose(told["e1"], (x - y) / (x + y), rtol=1e-3)
    np.testing.assert_allclose(told["e2"], 0, atol=1e-6)
    assert any("flux_is_stamp_sum" in note for note in found.notes) and told["scored"].all()
    assert told["blendedness"][2] == pytest.approx(0, abs=1e-9)
    flux = 1 + np.arange(36.0).reshape(2, 3, 6)
    known = btk([npz(tmp_path / "c.npz", flux=flux)], nobody)
    np.testing.assert_array_equal(blocks(known.test).hidden["truth_objects"].columns["flux_g"], [8, 2, 26])


def test_a_batch_is_scored_in_every_way(tmp_path: Path) -> None:
    """The truth handed in as it is has every metric, and the best of each."""
    block = blocks(btk([npz(tmp_path / "b.npz")], nobody).test)
    truth, alone = block.hidden["truth_objects"], block.hidden["truth_isolated"].columns["isolated"]
    sent = {"det": truth.columns["obj"], "image": alone[:, None]}
    sent |= {name: truth.columns[name] for name in ("x", "y", "mask", *(f"flux_{band}" for band in "ugrizy"))}
    cases = {name: block.public[name] for name in ("image", "sigma")}
    measured = of_track(cases, block.hidden, Ragged(truth.counts, sent))
    table = Measurements(measured.rows, case=measured.case)
    found = {m.key: float(m.prepare(table)(ones(len(table)))[0]) for m in SCENE if m.available(table)}
    assert set(found) == {m.key for m in SCENE}
    for key in ("deblend_error", "recon", "conservation", "e_m", "e_c", "centroid_px"):
        assert found[key] == pytest.approx(0, abs=1e-6)
    assert found["cosine"] == pytest.approx(1) and found["iou"] == 1
    assert found["residual_chi2"] == pytest.approx(1, abs=0.05)


def test_a_batch_becomes_a_test_alone(tmp_path: Path) -> None:
    released = import_release("deblending/btk", [npz(tmp_path / "b.npz")], tmp_path / "r", release_id="b")
    assert verify(released.public, released).ok
    with pytest.raises(InputFault, match="has no train split: its data are a test alone"):
        released.public.table("train_objects")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {"sigma": None},
            r"sigma is not as it should be; expected blend_images \(B, bands, N, N\), isolated_images",
        ),
        ({"sigma": np.ones(5)}, "sigma is not"),
        ({"sigma": np.zeros(6)}, "sigma of 0: expected all above 0"),
        ({"psf_fwhm": np.ones((2, 6))}, "psf_fwhm is not"),
        ({"isolated_images": np.zeros((2, 6, SIDE, SIDE))}, "isolated_images is not"),
        ({"isolated_images": np.zeros((2, 3, 6, SIDE, SIDE))}, "holds no galaxy"),
        ({"isolated_images": np.zeros((2, 0, 6, SIDE, SIDE))}, "holds no galaxy"),
        ({"blend_images": np.zeros((2, 5, SIDE, SIDE))}, "blend_images is not"),
        ({"blend_images": np.zeros((2, 6, 60, 60))}, "blend_images is not.* N = 120"),
        ({"blend_images": np.full((2, 6, SIDE, SIDE), np.nan)}, "NaN or infinite values in blend_images"),
        ({"blend_images": np.full((2, 6, SIDE, SIDE), "a")}, "blend_images is not"),
        ({"x": np.zeros((2, 2)), "y": np.zeros((2, 3))}, "x is not"),
        ({"x": np.zeros((2, 3))}, "y is not"),
        ({"x": np.zeros((2, 3)), "y": np.full((2, 3), 130.0)}, "beside its image"),
        ({"flux": np.zeros((2, 3))}, "flux is not"),
        ({"flux": np.zeros((2, 3, 6))}, "flux of 0: expected all of galaxies above 0"),
    ],
)
def test_a_batch_that_is_none(tmp_path: Path, changed: dict[str, Any], said: str) -> None:
    with pytest.raises(InputFault, match=said):
        btk([npz(tmp_path / "b.npz", **changed)], nobody)


def test_files_that_are_no_batch(tmp_path: Path) -> None:
    (tmp_path / "no.npz").write_bytes(b"PK\x03\x04 but no archive")
    with pytest.raises(InputFault, match="can't be read as npz"):
        btk([tmp_path / "no.npz"], nobody)
    np.save(tmp_path / "one.npy", np.zeros(3))
    with pytest.raises(InputFault, match="can't be read as npz"):
        btk([tmp_path / "one.npy"], nobody)
    batch = npz(tmp_path / "b.npz")
    with pytest.raises(InputFault, match="expected one npz file, found 2"):
        btk([batch, batch], nobody)
