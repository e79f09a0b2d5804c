"""Real photometry becomes a release: DC2 files, and catalogues in four formats described by a TOML."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from blindsky.challenges import tables
from blindsky.challenges.errors import InputFault
from blindsky.challenges.importing import import_release
from blindsky.challenges.photoz import official
from blindsky.challenges.release import Release
from blindsky.challenges.trust import verify
from blindsky.scoring.measurements import Table

LSST = "ugrizy"
TRAIN, TEST = "photoz/dc2_training_9816.hdf5", "photoz/dc2_validation_9816.hdf5"


def backwards(n: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.arange(n)[::-1]


# --- DC2 -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def dc2(shared_data: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Release:
    pytest.importorskip("h5py")
    files = [shared_data(TRAIN), shared_data(TEST)]
    return import_release(
        "photoz/dc2", files, tmp_path_factory.mktemp("dc2"), release_id="dc2", key=bytes(range(32))
    )


def original(path: Path) -> Table:
    import h5py

    with h5py.File(path) as file:
        return {name: np.asarray(column) for name, column in file["photometry"].items()}


def test_dc2_has_every_galaxy_but_two(dc2: Release) -> None:
    manifest = dc2.public.manifest
    assert manifest["splits"] == {"train": {"rows": 10_225}, "test": {"rows": 20_447}}
    assert manifest["source"]["notes"][0] == (
        "dc2_validation_9816.hdf5: dropped 2 rows with a redshift outside [0, 3]"
    )
    assert re.fullmatch(
        r"non-detections have flux 0 and the error of the faintest detections, nJy: u 5\d\.\d, g 1\d(\.\d)?",
        manifest["source"]["notes"][1],
    )
    assert verify(dc2.public, dc2).ok


def test_dc2_magnitudes_become_fluxes(dc2: Release, shared_data: Callable[[str], Path]) -> None:
    """Row by row through the private source ids, with astropy's own conversion."""
    from astropy import units as u

    source = original(shared_data(TEST))
    test, truth = dc2.public.table("test"), next(dc2.truth(100_000))
    place = {str(name): i for i, name in enumerate(source["id"])}
    rows = np.array([place[name] for name in truth["source_id"]])
    np.testing.assert_array_equal(truth["z_true"], source["redshift"][rows])
    assert truth["z_true"].max() <= 3
    for band in LSST:
        mag, error = source[f"mag_{band}_lsst"][rows], source[f"mag_err_{band}_lsst"][rows]
        seen = np.isfinite(mag) & (mag < 99)
        flux = (mag[seen] * u.ABmag).to_value(u.nJy)
        np.testing.assert_allclose(test[f"flux_{band}"][seen], flux, rtol=1e-5)
        # error of ln F is ln(10)/2.5 times the error of m
        np.testing.assert_allclose(
            test[f"flux_err_{band}"][seen] / flux, error[seen] * 0.4 * np.log(10), rtol=1e-5
        )
        assert (test[f"flux_{band}"][~seen] == 0).all()
        assert len(np.unique(test[f"flux_err_{band}"][~seen])) <= 1
    assert (test["flux_u"] == 0).sum() == 1488  # of 1,489; one of the two that were dropped


@pytest.mark.parametrize(("band", "expected"), [("u", 57), ("g", 12)])
def test_dc2_non_detections_have_the_error_of_the_faintest(
    dc2: Release, shared_data: Callable[[str], Path], band: str, expected: float
) -> None:
    train = dc2.public.table("train")
    (error,) = np.unique(train[f"flux_err_{band}"][train[f"flux_{band}"] == 0])
    assert error == pytest.approx(expected, rel=0.05)
    both = [original(shared_data(name)) for name in (TRAIN, TEST)]
    mag = np.concatenate([s[f"mag_{band}_lsst"] for s in both])
    spread = np.concatenate([s[f"mag_err_{band}_lsst"] for s in both])
    seen = np.flatnonzero(mag < 99)
    faint = seen[np.argsort(mag[seen])[-len(seen) // 10 :]]
    assert error == pytest.approx(
        np.median(10 ** (-0.4 * (mag[faint] - 31.4)) * spread[faint] / 1.0857), rel=0.01
    )


def test_dc2_keeps_redshifts_and_names_of_the_test_galaxies_private(
    dc2: Release, shared_data: Callable[[str], Path]
) -> None:
    source = original(shared_data(TEST))
    for path in dc2.public.root.glob("*.parquet"):
        for name, column in tables.read(path).items():
            if column.dtype.kind in "iu":
                assert not np.isin(column, source["id"]).any()
            if path.stem != "train" and column.dtype.kind == "f" and column.ndim == 1:
                assert not np.isin(column.astype(np.float64), source["redshift"]).any(), name
    fluxes = [f"{kind}_{b}" for kind in ("flux", "flux_err") for b in LSST]
    assert list(dc2.public.table("test")) == ["object_id", *fluxes]
    train = dc2.public.table("train")
    known = original(shared_data(TRAIN))
    assert sorted(train["redshift"]) == sorted(known["redshift"].astype(np.float32))
    assert set(train["survey"]) == {"all"}


def test_dc2_rows_are_in_no_order(dc2: Release, shared_data: Callable[[str], Path]) -> None:
    source = original(shared_data(TEST))
    place = {str(name): i for i, name in enumerate(source["id"])}
    rows = [place[name] for name in next(dc2.truth(100_000))["source_id"]]
    assert abs(np.corrcoef(rows, np.arange(len(rows)))[0, 1]) < 5 / np.sqrt(len(rows))


def test_dc2_has_no_ceiling_and_the_derived_columns_of_any_release(dc2: Release) -> None:
    assert dc2.public.manifest["references"] == []
    assert not (dc2.private / "references").exists()
    derived, test = dc2.public.table("derived"), dc2.public.table("test")
    np.testing.assert_allclose(derived["i_obs"], 31.4 - 2.5 * np.log10(test["flux_i"]), rtol=1e-5)
    assert dc2.public.json("bands")["bands"] == list(LSST)
    assert dc2.public.json("bands")["softening_njy"]["u"] == pytest.approx(57, rel=0.05)


def test_dc2_refuses_a_galaxy_that_stands_in_both_files(shared_data: Callable[[str], Path]) -> None:
    with pytest.raises(InputFault, match="10,225 ids stand in both files"):
        official.dc2([shared_data(TRAIN)] * 2, backwards)


def test_dc2_wants_two_files(shared_data: Callable[[str], Path], tmp_path: Path) -> None:
    with pytest.raises(InputFault, match="photoz/dc2 wants two files, TRAIN and TEST; got 1"):
        official.dc2([tmp_path / "a"], backwards)
    pytest.importorskip("h5py")
    with pytest.raises(InputFault, match=r"has no group 'photometry'. It has: ancil, data, meta"):
        official.dc2([shared_data("photoz/qp_interp_example.hdf5")] * 2, backwards)


# --- any catalogue ---------------------------------------------------------------------------------------------------

N = 40
COLUMNS = """
id = "name"
flux = "m_{band}"
error = "e_{band}"
units = "mag"
bands = ["g", "r", "i"]
redshift = "z_spec"
test_fraction = 0.25
"""


@pytest.fixture
def survey() -> dict[str, Any]:
    """Forty galaxies: four not detected in r, three without a redshift, one beyond 3, one seen nowhere."""
    rng = np.random.default_rng(4)
    table: dict[str, Any] = {"name": np.array([f"J{i:03d}" for i in range(N)])}
    for band in "gri":
        table[f"m_{band}"] = rng.uniform(18, 26, N)
        table[f"e_{band}"] = rng.uniform(0.01, 0.2, N)
    table["z_spec"] = rng.uniform(0.05, 2.5, N)
    table["m_r"][[0, 1, 2, 3]] = [99, np.nan, -99, 99]
    table["z_spec"][[10, 11, 12, 13]] = [np.nan, np.nan, np.nan, 3.5]
    for band in "gri":
        table[f"m_{band}"][20] = 99
    return table


@pytest.fixture
def columns(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "columns.toml"
        path.write_text(text)
        return path

    return write


def write(path: Path, table: dict[str, Any]) -> Path:
    """A catalogue in the format of its name."""
    if path.suffix == ".csv":
        import pandas as pd

        pd.DataFrame(table).to_csv(path, index=False)
    elif path.suffix == ".parquet":
        import pandas as pd

        pd.DataFrame(table).to_parquet(path)
    elif path.suffix == ".fits":
        from astropy.table import Table as AstropyTable

        AstropyTable(table).write(path)
    else:
        h5py = pytest.importorskip("h5py")
        with h5py.File(path, "w") as file:
            for name, column in table.items():
                file[name] = column.astype("S") if column.dtype.kind == "U" else column
    return path


def catalogue(files: list[Path], columns: Path) -> SimpleNamespace:
    """What the importer read, by what it is for."""
    found = official.catalogue(files, backwards, columns=columns)
    (train,), (test,) = found.train, found.test
    hidden = {**train.block.private, **test.block.private}
    return SimpleNamespace(
        train=train.block.public,
        test=test.block.public,
        truth=hidden["truth"],
        source_ids={split: hidden[f"{split}_source"]["source_id"] for split in ("train", "test")},
        files=found.files,
        notes=found.notes,
    )


def equal(a: SimpleNamespace, b: SimpleNamespace) -> None:
    for one, other in (
        (a.train, b.train),
        (a.test, b.test),
        (a.truth, b.truth),
        (a.source_ids, b.source_ids),
    ):
        assert list(one) == list(other)
        for name in one:
            np.testing.assert_array_equal(one[name], other[name])


@pytest.mark.parametrize("form", ["csv", "parquet", "fits", "hdf5"])
def test_a_catalogue_in_any_format(
    tmp_path: Path, survey: dict[str, Any], columns: Callable[[str], Path], form: str
) -> None:
    path = write(tmp_path / f"survey.{form}", survey)
    found = catalogue([path], columns(COLUMNS))
    labelled = [i for i in range(N) if i not in (10, 11, 12, 13, 20)][::-1]
    test, train = labelled[:9], labelled[9:]  # a quarter of 35
    assert found.source_ids["test"].tolist() == [f"J{i:03d}" for i in test]
    assert found.source_ids["train"].tolist() == [f"J{i:03d}" for i in train]
    np.testing.assert_array_equal(found.truth["z_true"], survey["z_spec"][test])
    np.testing.assert_array_equal(found.train["redshift"], survey["z_spec"][train].astype(np.float32))
    assert list(found.test) == [*(f"flux_{b}" for b in "gri"), *(f"flux_err_{b}" for b in "gri")]
    flux = 10 ** (-0.4 * (survey["m_g"] - 31.4))
    np.testing.assert_allclose(found.test["flux_g"], flux[test], rtol=1e-6)
    np.testing.assert_allclose(found.test["flux_err_g"], (flux * survey["e_g"] * 0.921034)[test], rtol=1e-5)
    unseen = [train.index(i) for i in (0, 1, 2, 3)]
    assert (found.train["flux_r"][unseen] == 0).all() and (np.delete(found.train["flux_r"], unseen) > 0).all()
    unlabelled: Any = found.files["unlabelled"]
    np.testing.assert_allclose(unlabelled["flux_g"], flux[[10, 11, 12]], rtol=1e-6)
    assert all(c.dtype == np.float32 for t in (found.test, unlabelled) for c in t.values())
    assert found.notes[:2] == (
        f"survey.{form}: dropped 2 rows without flux or with a redshift outside [0, 3]",
        "3 rows without a redshift are public as unlabelled photometry",
    )


def test_fluxes_in_njy_are_taken_as_they_are(
    tmp_path: Path, survey: dict[str, Any], columns: Callable[[str], Path]
) -> None:
    mags = write(tmp_path / "mags.csv", survey)
    fluxes = dict(survey)
    for band in "gri":
        seen = np.abs(survey[f"m_{band}"]) < 99
        flux = np.where(seen, 10 ** (-0.4 * (np.where(seen, survey[f"m_{band}"], 0) - 31.4)), np.nan)
        fluxes[f"m_{band}"], fluxes[f"e_{band}"] = flux, flux * survey[f"e_{band}"] * np.log(10) / 2.5
    fluxes["m_g"][35], fluxes["e_g"][35] = -4.5, 3.0  # a measurement like any other
    text = COLUMNS.replace('"mag"', '"nJy"')
    found = catalogue([write(tmp_path / "fluxes.csv", fluxes)], columns(text))
    row = found.source_ids["test"].tolist().index("J035")
    assert (found.test["flux_g"][row], found.test["flux_err_g"][row]) == (-4.5, 3.0)
    known = catalogue([mags], columns(COLUMNS))
    np.testing.assert_allclose(found.train["flux_i"], known.train["flux_i"], rtol=1e-6)
    assert (found.train["flux_r"] == 0).sum() == 4


def test_bands_may_be_named_otherwise(
    tmp_path: Path, survey: dict[str, Any], columns: Callable[[str], Path]
) -> None:
    known = catalogue([write(tmp_path / "a.csv", survey)], columns(COLUMNS))
    renamed = {name.replace("m_g", "m_F475W").replace("e_g", "e_F475W"): c for name, c in survey.items()}
    text = COLUMNS + '[names]\ng = "F475W"\n'
    equal(
        catalogue([write(tmp_path / "b.csv", renamed)], columns(text)),
        known,
    )


def test_a_catalogue_becomes_a_release(
    tmp_path: Path, survey: dict[str, Any], columns: Callable[[str], Path]
) -> None:
    path = write(tmp_path / "survey.fits", survey)
    release = import_release(
        "photoz/catalogue", [path], tmp_path / "releases", options={"columns": columns(COLUMNS)}
    )
    public = release.public
    assert verify(public, release).ok
    assert public.manifest["source"]["files"] == ["survey.fits"]
    assert public.rows("unlabelled") == 3
    card = (public.root / "README.md").read_text()
    assert "`flux_g`" in card and "`flux_u`" not in card
    for path in public.root.rglob("*.parquet"):
        assert not {"name", "source_id"} & set(tables.read(path))


def test_a_galaxy_that_stands_twice_is_in_one_split_alone(
    tmp_path: Path, survey: dict[str, Any], columns: Callable[[str], Path]
) -> None:
    path = write(tmp_path / "survey.fits", survey)
    once = catalogue([path], columns(COLUMNS))
    twice = catalogue([path, path], columns(COLUMNS))
    names = np.concatenate([*twice.source_ids.values()])
    assert len(names) == len(set(names)) == len(np.concatenate([*once.source_ids.values()]))
    assert any("whose id stands further up too" in note for note in twice.notes)


def test_rubin_objects_are_unlabelled_photometry(
    tmp_path: Path, shared_data: Callable[[str], Path], columns: Callable[[str], Path]
) -> None:
    rubin = shared_data("photoz/rubin_dm_dc2_example.pq")
    text = """
    id = "objectId"
    flux = "{band}_gaap1p0Flux"
    error = "{band}_gaap1p0FluxErr"
    units = "nJy"
    bands = ["u", "g", "r", "i", "z", "y"]
    """
    with pytest.raises(
        InputFault,
        match=r"no file has a column 'redshift'. Mend redshift in .*, or give a file that has it",
    ):
        catalogue([rubin], columns(text))
    known = tables.read(rubin)
    rng = np.random.default_rng(1)
    labelled = {name: column[:50].copy() for name, column in known.items()}
    labelled["redshift"] = rng.uniform(0, 2, 50)
    first = write(tmp_path / "labelled.parquet", labelled)
    found = catalogue([first, rubin], columns(text))
    assert len(found.train["flux_u"]) + len(found.test["flux_u"]) == 50
    unlabelled: Any = found.files["unlabelled"]
    seen = np.isfinite(known["i_gaap1p0Flux"])
    np.testing.assert_allclose(unlabelled["flux_i"][seen], known["i_gaap1p0Flux"][seen], rtol=1e-6)
    assert found.notes[0] == "100 rows without a redshift are public as unlabelled photometry"


# --- faults ----------------------------------------------------------------------------------------------------------


def test_every_fault_of_a_toml_at_once(columns: Callable[[str], Path]) -> None:
    path = columns(
        """
        flux = "mag"
        error = 5
        units = "Jy"
        bands = ["g", "g"]
        redshift = ["z"]
        test_fraction = 1.5
        names = ["g"]
        colour = "blue"
        """
    )
    with pytest.raises(InputFault) as fault:
        official.read_columns(path)
    expected = [
        f"{path} does not describe a catalogue: ",
        "colour is not known (known are: id, flux, error, units, bands, redshift, test_fraction, group, names)",
        "id is missing",
        "flux is 'mag', expected a column name that contains {band}",
        "error is 5, expected a text",
        "units is 'Jy', expected mag or nJy",
        "bands is ['g', 'g'], expected a list of different short names such as",
        "redshift is ['z'], expected a text",
        "test_fraction is 1.5, expected a number between 0 and 1",
        "names is ['g'], expected a table such as { g = \"G\" }",
        "The README shows an example",
    ]
    assert [words for words in expected if words not in str(fault.value)] == []


@pytest.mark.parametrize(
    "line",
    [
        "bands = []",
        'bands = ["u g"]',
        "bands = [1]",
        'bands = "ugr"',
        "bands = [[]]",
        "test_fraction = true",
        "id = 1",
    ],
)
def test_one_fault_of_a_toml(columns: Callable[[str], Path], line: str) -> None:
    name = line.split(" ")[0]
    text = "\n".join([row for row in COLUMNS.splitlines() if not row.startswith(name + " ")] + [line])
    with pytest.raises(InputFault, match=f"does not describe a catalogue: {name} is "):
        official.read_columns(columns(text))


def test_a_toml_that_is_none(columns: Callable[[str], Path], tmp_path: Path) -> None:
    with pytest.raises(InputFault, match=r"columns.toml is not readable as TOML \(.*line 1"):
        official.read_columns(columns("id = \n"))
    (tmp_path / "columns.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(InputFault, match="is not readable as TOML"):
        official.read_columns(tmp_path / "columns.toml")
    with pytest.raises(InputFault, match=r"photoz/catalogue wants --columns FILE\.toml"):
        official.catalogue([tmp_path / "a.csv"], backwards)


def test_a_name_is_never_a_format(
    columns: Callable[[str], Path], tmp_path: Path, survey: dict[str, Any]
) -> None:
    text = COLUMNS.replace("m_{band}", "{band.__class__}{0}{band}{x}")
    path = write(tmp_path / "a.csv", survey)
    with pytest.raises(InputFault, match=re.escape("has no column {band.__class__}{0}g{x}")):
        catalogue([path], columns(text))


def test_columns_that_are_not_there(
    columns: Callable[[str], Path], tmp_path: Path, survey: dict[str, Any]
) -> None:
    survey.pop("e_g")
    path = write(tmp_path / "a.csv", survey)
    with pytest.raises(
        InputFault, match=r"a\.csv has no column e_g\. It has: name, m_g, m_r.*Mend the names"
    ):
        catalogue([path], columns(COLUMNS))


@pytest.mark.parametrize(
    ("name", "content", "form"),
    [
        ("a.parquet", b"PAR1" + bytes(100), "Parquet"),
        ("a.hdf5", b"\x89HDF\r\n\x1a\n" + bytes(100), "HDF5"),
        ("a.fits", b"SIMPLE  =                    T", "FITS"),
        ("a.csv", b"", "FITS, Parquet, HDF5 or CSV"),
        ("a.csv", b"\xff\xfe\x00" * 50, "FITS, Parquet, HDF5 or CSV"),
    ],
)
@pytest.mark.filterwarnings("ignore::astropy.utils.exceptions.AstropyUserWarning")
def test_files_that_are_damaged(
    columns: Callable[[str], Path], tmp_path: Path, name: str, content: bytes, form: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(
        InputFault, match=f"is not readable as {form} .*It may be truncated|holds no FITS table"
    ):
        catalogue([tmp_path / name], columns(COLUMNS))


def test_values_that_can_not_be(
    columns: Callable[[str], Path], tmp_path: Path, survey: dict[str, Any]
) -> None:
    words = dict(survey, m_g=np.array(["bright"] * N))
    with pytest.raises(InputFault, match="column m_g holds something that is not a number"):
        catalogue([write(tmp_path / "a.csv", words)], columns(COLUMNS))
    wide = dict(survey, m_g=np.ones((N, 2)))
    with pytest.raises(InputFault, match=r"m_g has shape \(40, 2\), expected one value for each of 40 rows"):
        catalogue([write(tmp_path / "a.fits", wide)], columns(COLUMNS))
    dark = dict(survey, m_r=np.full(N, 99.0))
    with pytest.raises(InputFault, match=r"no galaxy is detected in band r\. Leave that band out"):
        catalogue([write(tmp_path / "b.csv", dark)], columns(COLUMNS))


def test_fits_without_a_table(columns: Callable[[str], Path], tmp_path: Path) -> None:
    from astropy.io import fits

    fits.PrimaryHDU(np.zeros((3, 3))).writeto(tmp_path / "image.fits")
    with pytest.raises(InputFault, match="holds no FITS table"):
        catalogue([tmp_path / "image.fits"], columns(COLUMNS))


def test_the_error_of_the_faintest() -> None:
    """Ten detections of flux 1 ... 10 and one non-detection: the faintest tenth is the first."""
    flux, error = np.arange(1.0, 12.0), np.arange(11.0, 22.0)
    error[10] = np.nan
    assert official.faint_error(flux, error) == 11
    assert official.faint_error(np.arange(100.0), np.arange(100.0)) == 4.5
