"""SDC2's official files: a small field in their form, with the real truth folded into it or one that is made up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blindsky.challenges.errors import InputFault
from blindsky.challenges.hi import official
from blindsky.challenges.hi.columns import EXTRAS, SDC2
from blindsky.challenges.hi.field import BEAM_SIGMA, C_KMS, CHANNEL, FIRST, PIXEL, Field
from blindsky.challenges.importing import Imported

SharedData = Callable[[str], Path]

NX, NY, NCHAN, K0 = 40, 36, 600, 2000
FIELD = Field(NX, NY, NCHAN, K0, 1, 1, 1.8, (16, 16, 128), 217)
NOISE = 3e-6  # Jy/beam
NONE = np.arange(0)


def made_up(n: int = 60) -> np.ndarray:
    """Rows as SDC2 has them: bright ones and faint ones."""
    rng = np.random.default_rng(4)
    table = np.empty((n, 9))
    table[:, 0] = rng.permutation(10 * n)[:n]
    table[:, 3], table[:, 4] = rng.uniform(2, 12, n), rng.choice([5.0, 60.0, 120.0], n)
    table[:, 6:] = np.stack([rng.uniform(0, 360, n), rng.uniform(0, 90, n), rng.uniform(60, 400, n)], axis=1)
    return folded(table)


def folded(table: np.ndarray) -> np.ndarray:
    """The same galaxies at places in the small field."""
    n = len(table)
    rng = np.random.default_rng(5)
    x, y = rng.uniform(3, NX - 4, n), rng.uniform(3, NY - 4, n)
    table[:, 1], table[:, 2] = FIELD.world(x, y)
    table[:, 5] = FIRST + CHANNEL * (K0 + rng.uniform(120, NCHAN - 120, n))
    return table


def voxels(table: np.ndarray, shift: float = 0.0) -> np.ndarray:
    """Noise, and sources as beams with flat lines; ``shift`` of the grid in channels."""
    rng = np.random.default_rng(6)
    cube = rng.normal(0, NOISE, (NCHAN, NY, NX)).astype(np.float32)
    x, y = FIELD.pixel(table[:, 1], table[:, 2])
    for k, row in enumerate(table):
        beam = np.exp(-((np.arange(NX) - x[k]) ** 2) / 2 / BEAM_SIGMA**2)
        beam = np.exp(-((np.arange(NY)[:, None] - y[k]) ** 2) / 2 / BEAM_SIGMA**2) * beam
        middle = (row[5] - FIRST) / CHANNEL - K0 - shift
        half = row[8] * row[5] / C_KMS / CHANNEL / 2
        line = np.clip(half + 0.5 - np.abs(np.arange(NCHAN) - middle), 0, 1)
        cube += (row[4] / CHANNEL / line.sum() * line)[:, None, None] * beam.astype(np.float32)
    return cube


def write_fits(path: Path, data: np.ndarray, step: float = CHANNEL, **changed: Any) -> None:
    from astropy.io import fits

    cards = {
        "BUNIT": "JY/BEAM", "BMAJ": 7 / 3600, "BMIN": 7 / 3600, "BPA": 0.0,
        "CTYPE1": "RA---SIN", "CRPIX1": FIELD.centre[0] + 1.0, "CDELT1": -PIXEL / 3600, "CRVAL1": 180.0,
        "CTYPE2": "DEC--SIN", "CRPIX2": FIELD.centre[1] + 1.0, "CDELT2": PIXEL / 3600, "CRVAL2": -30.0,
        "CTYPE3": "FREQ", "CRPIX3": 1.0, "CDELT3": step, "CRVAL3": FIRST + CHANNEL * K0,
    }  # fmt: skip
    header = fits.Header(list((cards | changed).items()))
    fits.PrimaryHDU(data.astype(">f4"), header).writeto(path, overwrite=True)


def write(folder: Path, size: str, table: np.ndarray, cube: np.ndarray, **changed: Any) -> Path:
    folder.mkdir(exist_ok=True)
    write_fits(folder / f"sky_{size}_v2.fits", cube, **changed)
    np.savetxt(folder / f"sky_{size}_truthcat_v2.txt", table, "%.17g", header=" ".join(SDC2), comments="")
    return folder


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(official, "SIZES", {"dev": FIELD, "ldev": FIELD, "full": replace(FIELD, nx=NX + 2)})


def read(folder: Path, **options: Any) -> Imported:
    return official.sdc2([folder], lambda n: np.arange(n), **options)


def truth_of(found: Imported) -> Mapping[str, np.ndarray]:
    (rows,) = found.test
    return rows.block.hidden["truth_sources"].columns


@pytest.fixture
def sky(tmp_path: Path) -> Path:
    table = made_up()
    return write(tmp_path / "sky", "dev", table, voxels(table))


def test_a_field_and_its_truth(sky: Path) -> None:
    table = made_up()
    found = read(sky)
    assert (found.track, found.size) == ("survey", "dev")
    assert list(found.train) == []
    (rows,) = found.test
    sources, block = rows.block.hidden["truth_sources"], rows.block
    assert sources.counts.sum() == len(table) and len(sources.counts) == FIELD.blocks
    assert tuple(sources.columns) == (*SDC2, *EXTRAS)
    order = np.argsort(sources.columns["id"])
    for name, column in zip(SDC2, table[np.argsort(table[:, 0])].T, strict=True):
        np.testing.assert_array_equal(sources.columns[name][order], column)
    edges = {name: np.repeat(column, sources.counts) for name, column in block.public.items()}
    for axis in ("x", "y", "chan"):
        place = sources.columns[axis] + 0.5
        assert ((place >= edges[f"{axis}0"]) & (place < edges[f"{axis}1"])).all()
    np.testing.assert_array_equal(block.private["truth"]["sources"], sources.counts)
    assert Field.of(found.files["fields"]["test"]) == FIELD  # type: ignore[index]
    assert found.links == {"test_cube.fits": sky / "sky_dev_v2.fits"}
    assert any("60 sources" in note and "sigma at" in note for note in found.notes)
    assert "test: no continuum map" in found.notes


def test_what_follows_from_the_truth(sky: Path) -> None:
    c = truth_of(read(sky))
    np.testing.assert_allclose(c["z"], 1.420405752e9 / c["central_freq"] - 1)
    np.testing.assert_allclose(c["chan"], (c["central_freq"] - 950e6) / 3e4, rtol=1e-9)
    x, y = FIELD.pixel(c["ra"], c["dec"])
    np.testing.assert_allclose([c["x"], c["y"]], [x, y])
    # Jy Hz of 1e9 Msun at 1000 and 1050 MHz, section 4.1 of the specification; nearly exponential in between
    unit = 3.5071 * (5.2906 / 3.5071) ** ((c["central_freq"] - 1e9) / 50e6)
    np.testing.assert_allclose(10 ** c["log_mhi"] / 1e9, c["line_flux_integral"] / unit, rtol=0.02)
    sigma = (13.6 + 3.5 * (c["central_freq"] / 1e9 - 0.95) / 0.4) * np.sqrt(115 / 30) * 1e-6
    spread = np.sqrt(c["w20"] * c["central_freq"] / C_KMS * CHANNEL) * np.sqrt(1 + (c["hi_size"] / 7) ** 2)
    ratio = c["snr"] * sigma * spread / c["line_flux_integral"]
    assert (ratio < 1.0001).all() and np.median(ratio) > 0.9  # interference makes some of it fainter
    for name in ("v_flat", "sigma_v", "mu", "lop", "lop_phase", "warp", "f_in"):
        assert np.isnan(c[name]).all()


def test_the_real_truth_folded_into_a_small_field(tmp_path: Path, shared_data: SharedData) -> None:
    whole = np.loadtxt(shared_data("hi/sky_ldev_truthcat_v2.txt"), skiprows=1)
    assert whole.shape == (11091, 9)
    bright = whole[whole[:, 4] > 50]
    assert len(bright) > 450
    table = folded(np.concatenate([bright[::8], whole[whole[:, 4] < 10][:40]]))
    found = read(write(tmp_path / "sky", "dev", table, voxels(table)))
    assert len(truth_of(found)["id"]) == len(table)
    real = official.read_truth(shared_data("hi/sky_ldev_truthcat_v2.txt"))
    np.testing.assert_array_equal(np.stack([*real.values()], axis=1), whole)


def test_channels_that_lie_between_ours_are_taken_from_the_header(tmp_path: Path) -> None:
    table = made_up()
    begin = FIRST + CHANNEL * (K0 + 0.3)
    folder = write(tmp_path / "sky", "dev", table, voxels(table, 0.3), CRVAL3=begin + 7 * CHANNEL, CRPIX3=8.0)
    found = read(folder)
    assert found.files["test_channels"]["freq_hz"][0] == pytest.approx(begin, abs=1e-3)
    assert found.files["fields"]["test"]["k0"] == K0  # type: ignore[index]
    c = truth_of(found)
    np.testing.assert_allclose(c["chan"], K0 + (c["central_freq"] - begin) / CHANNEL, atol=1e-6)
    assert "test: channels lie +0.3000 of a channel off 950 MHz + 30 kHz k" in found.notes
    far = write(tmp_path / "far", "dev", table, voxels(table, 100), CRVAL3=FIRST + CHANNEL * (K0 + 100))
    assert read(far).files["fields"]["test"]["k0"] == K0 + 100  # type: ignore[index]


def test_the_smaller_field_is_for_training(tmp_path: Path) -> None:
    one, two = made_up(60), made_up(50)
    folder = write(tmp_path / "sky", "dev", one, voxels(one))
    write(folder, "ldev", two, voxels(two))
    write_fits(folder / "cont_dev.fits", np.zeros((21, NY, NX)), 10e6, CRVAL3=950e6)
    found = read(folder)
    (train,), (test,) = found.train, found.test
    assert train.block.long["sources"].counts.sum() == 60 and not train.block.hidden
    assert test.block.hidden["truth_sources"].counts.sum() == 50 and not test.block.long
    assert found.links == {
        "train_cube.fits": folder / "sky_dev_v2.fits",
        "train_cont.fits": folder / "cont_dev.fits",
        "train_truth.txt": folder / "sky_dev_truthcat_v2.txt",
        "test_cube.fits": folder / "sky_ldev_v2.fits",
    }
    assert set(found.files) == {"fields", "train_channels", "test_channels"}
    assert list(read(folder, size="dev").train) == []
    (folder / "elsewhere.txt").write_bytes((folder / "sky_dev_truthcat_v2.txt").read_bytes())
    alone = read(folder, size="dev", truth=folder / "elsewhere.txt", cont=folder / "cont_dev.fits")
    assert set(alone.links) == {"test_cube.fits", "test_cont.fits"}


def test_the_truth_of_another_cube_is_noticed(sky: Path) -> None:
    path = sky / "sky_dev_truthcat_v2.txt"
    for change in (
        lambda t: t[:, 5] + 4 * CHANNEL,  # four channels off
        lambda t: np.random.default_rng(1).permutation(t[:, 5]),
    ):
        table = made_up()
        table[:, 5] = change(table)
        np.savetxt(path, table, "%.17g", header=" ".join(SDC2), comments="")
        with pytest.raises(InputFault, match="does not show the sources"):
            read(sky)
    np.savetxt(path, made_up()[:5], "%.17g", header=" ".join(SDC2), comments="")
    assert any("too few to see" in note for note in read(sky).notes)


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"CDELT3": 30_002.0}, "CDELT3"),
        ({"CTYPE3": "VOPT"}, "FREQ"),
        ({"BUNIT": "K"}, "BUNIT"),
        ({"CDELT2": 3.0 / 3600}, "CDELT2"),
        ({"BMAJ": 8.0 / 3600}, "BMAJ"),
        ({"CRVAL1": 180.1}, "centred elsewhere"),
        ({"CRPIX2": 12.0}, "centred elsewhere"),
    ],
)
def test_headers_that_are_refused(changed: dict[str, Any], match: str, tmp_path: Path) -> None:
    table = made_up(1)
    folder = write(tmp_path / "sky", "dev", table, np.zeros((NCHAN, NY, NX)), **changed)
    with pytest.raises(InputFault, match=match):
        read(folder)


def test_cubes_that_are_refused(sky: Path, shared_data: SharedData) -> None:
    wsrt = shared_data("hi/sofia/wsrt_subcube.fits")
    for size in (None, "dev"):
        with pytest.raises(InputFault, match=r"VOPT.*FREQ"):
            read(sky, cube=wsrt, size=size)


def test_other_shapes_and_damage(sky: Path) -> None:
    other = sky / "other.fits"
    write_fits(other, np.zeros((20, NY, NX)))
    with pytest.raises(InputFault, match=f"has {NX} x {NY} x 20 voxels. The official cubes"):
        read(sky, cube=other)
    with pytest.raises(InputFault, match=f"expected {NX} x {NY} x {NCHAN}"):
        read(sky, cube=other, size="dev")
    cube = np.zeros((NCHAN, NY, NX))
    cube[-1, 3, 4] = np.nan
    write_fits(other, cube)
    with pytest.raises(InputFault, match=f"plane {NCHAN - 1} has values that are no numbers"):
        read(sky, cube=other, size="dev")
    write_fits(sky / "cont_dev.fits", np.zeros((21, NY, NX + 1)), 10e6)
    with pytest.raises(InputFault, match=r"cont_dev\.fits has planes"):
        read(sky)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"size": "ldev"}, r"sky_ldev_v2\.fits is not there"),
        ({"size": "ldew"}, "no size 'ldew': did you mean ldev"),
        ({"cube": Path("none.fits"), "size": "dev"}, "is not there"),
    ],
)
def test_what_is_not_there(options: dict[str, Any], match: str, sky: Path) -> None:
    with pytest.raises(InputFault, match=match):
        read(sky, **options)


def test_folders_that_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputFault, match=r"holds no sky_dev_v2\.fits, sky_ldev_v2"):
        read(tmp_path)
    with pytest.raises(InputFault, match="wants one folder"):
        read(tmp_path / "no")


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("id ra dec\n1 2 3\n", "begins with the columns 'id ra dec'"),
        (" ".join(SDC2) + "\n1 2 3 4 5 6 7 8 x\n", "not a table of numbers"),
        (" ".join(SDC2) + "\n1 2 3 4 5 6 7 8\n", "expected 9 finite numbers"),
        (" ".join(SDC2) + "\n1 2 3 4 5 6 7 8 nan\n", "expected 9 finite numbers"),
        (" ".join(SDC2) + "\n1 2 3 4 5 6 7 8 0\n", "values of w20 that are not above 0"),
        (" ".join(SDC2) + "\n" + 2 * "1 2 3 4 5 6 7 8 9\n", "ids that occur twice"),
    ],
)
def test_truths_that_are_refused(text: str, match: str, tmp_path: Path) -> None:
    (tmp_path / "truth.txt").write_text(text)
    with pytest.raises(InputFault, match=match):
        official.read_truth(tmp_path / "truth.txt")


def test_from_the_files_to_a_score(tmp_path: Path) -> None:
    import blindsky
    from blindsky.challenges.importing import import_release
    from blindsky.challenges.trust import verify

    one, two = made_up(60), made_up(50)
    folder = write(tmp_path / "sky", "dev", one, voxels(one))
    write(folder, "ldev", two, voxels(two))
    release = import_release("hi/sdc2", [folder], tmp_path / "releases", release_id="real")
    public = release.public
    assert (public.size, public.track.name) == ("ldev", "survey")
    assert verify(public, release).ok
    for split, size in (("train", "dev"), ("test", "ldev")):
        path = public.root / f"{split}_cube.fits"
        assert path.is_symlink() and path.resolve() == (folder / f"sky_{size}_v2.fits").resolve()
    np.testing.assert_array_equal(np.sort(public.table("train_sources")["id"]), np.sort(one[:, 0]))
    # the truth as it was published is an entry without a fault
    card = blindsky.score(folder / "sky_ldev_truthcat_v2.txt", release.root)
    values = {name: found["value"] for name, found in card["parts"]["all"]["metrics"].items()}
    assert values["n_det"] == values["n_match"] == 50
    assert values["sdc2_value"] == pytest.approx(50)
