"""SNANA's files become a test with its truth: synthetic ones by astropy, and a real simulation where it lies."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import blindsky
from blindsky.challenges.errors import InputFault
from blindsky.challenges.importing import import_release
from blindsky.challenges.release import Release
from blindsky.challenges.transients import snana
from blindsky.challenges.trust import verify
from blindsky.submissions.canonical import sample_submission

KEY = bytes(range(32))
COUNTS = (3, 5, 2)


def head(**changes: Any) -> dict[str, Any]:
    """Three objects whose ids don't ascend; the second has no redshifts of its host."""
    return {
        "SUBSURVEY": np.array(["DDF", "WFD", "WFD"]),
        "SNID": np.array(["90", "7", "1234567890123"]),
        "RA": np.array([10.0, 53.0, 200.0]),
        "DEC": np.array([-30.0, -27.0, 1.0]),
        "PTROBS_MIN": np.array([1, 5, 11], np.int32),
        "PTROBS_MAX": np.array([3, 9, 12], np.int32),
        "MWEBV": np.float32([0, 0.5, 0]),
        "REDSHIFT_HELIO": np.float32([0.3, -9, 0.1]),
        "HOSTGAL_PHOTOZ": np.float32([0.2262, -9, 0]),
        "HOSTGAL_PHOTOZ_ERR": np.float32([0.01, -9, 0]),
        "SIM_TYPE_INDEX": np.array([90, 991, 42], np.int16),
        "SIM_REDSHIFT_CMB": np.float32([0.31, 0, 0.12]),
        "SIM_PEAKMJD": np.float32([59605, 59606, 59607]),
        "SIM_AV": np.float32([0.4, -9, 0]),
        "SIM_PEAKMAG_i": np.float32([21.5, 99, 19]),
        **changes,
    }


def phot(**changes: Any) -> dict[str, Any]:
    """Their visits with a row between objects; those of the second are not in order of time."""
    mjd = [1, 2, 3, -777, 5, 4, 3, 2, 1, -777, 1, 2, -777]
    return {
        "MJD": np.array([m if m < 0 else 59600.0 + m for m in mjd]),
        "BAND": np.array(["u", "g", "Y", "-", "r", "i", "z", "Y", "g", "-", "u", "u", "-"]),
        "PHOTFLAG": np.array([0, 4096, 6144, 0, 4096, 2048, 4096, 0, 0, 0, 0, 0, 0], np.int32),
        "FLUXCAL": np.arange(13, dtype=np.float32) - 4,
        "FLUXCALERR": np.float32(0.5) + np.zeros(13, np.float32),
        **changes,
    }


def write(
    folder: Path, objects: dict[str, Any], visits: dict[str, Any], applied: int = 0, ending: str = ".FITS"
) -> list[Path]:
    from astropy.io import fits
    from astropy.table import Table

    paths = []
    for name, table in (("HEAD", objects), ("PHOT", visits)):
        primary = fits.PrimaryHDU()
        primary.header["SURVEY"] = "LSST"
        if applied:
            primary.header["HIERARCH MWEBV_APPLYFLAG"] = applied
        paths.append(folder / f"{name}{ending}")
        fits.HDUList([primary, fits.table_to_hdu(Table(table))]).writeto(paths[-1])
    return paths


def run(paths: list[Path], folder: Path, release_id: str = "sim") -> Release:
    return import_release("transients/snana", paths, folder / "releases", release_id=release_id, key=KEY)


def test_a_test_with_its_truth(tmp_path: Path) -> None:
    release = run(write(tmp_path, head(), phot()), tmp_path)
    public = release.public
    assert public.manifest["splits"] == {"train": {"rows": 0}, "test": {"rows": 3}}
    assert verify(public, release).ok
    test, truth, curves = public.table("test"), next(release.truth()), public.table("test_lightcurves")
    assert test["object_id"].tolist() == truth["object_id"].tolist() == [7, 90, 1234567890123]
    assert curves["object_id"].tolist() == [7] * 5 + [90] * 3 + [1234567890123] * 2
    assert curves["mjd"].tolist() == [59600.0 + d for d in (1, 2, 3, 4, 5, 1, 2, 3, 1, 2)]
    assert curves["passband"].tolist() == [1, 5, 4, 3, 2, 0, 1, 5, 0, 0]
    assert curves["detected"].tolist() == [0, 0, 1, 0, 1, 0, 1, 1, 0, 0]
    # 0.5 mag of E(B-V) before the first object: 10^(0.4 R_b E(B-V)) with R of Schlafly & Finkbeiner 2011
    dust = 10 ** (0.2 * np.array([3.237, 1.088, 1.323, 1.684, 2.273]))
    np.testing.assert_allclose(
        curves["flux"], [*np.array([4, 3, 2, 1, 0]) * dust, -4, -3, -2, 6, 7], rtol=1e-6
    )
    np.testing.assert_allclose(curves["flux_err"], [*0.5 * dust, *[0.5] * 5], rtol=1e-6)
    assert test["ddf"].tolist() == [0, 1, 0]
    np.testing.assert_array_equal(test["hostgal_specz"], np.float32([np.nan, 0.3, 0.1]))
    np.testing.assert_array_equal(test["hostgal_photoz"], np.float32([np.nan, 0.2262, 0]))
    np.testing.assert_allclose(
        test["distmod"], [np.nan, 40.2561, np.nan], atol=2e-4
    )  # of the real object 730
    assert truth["true_target"].tolist() == [991, 90, 42]
    np.testing.assert_array_equal(truth["true_av"], np.float32([np.nan, 0.4, 0]).astype(float))
    np.testing.assert_array_equal(truth["peak_mag_i"], [np.nan, 21.5, 19])
    assert truth["n_det"].tolist() == [2, 2, 0]
    np.testing.assert_array_equal(truth["trigger_mjd"], [59605, 59603, np.nan])
    notes = public.manifest["source"]["notes"]
    assert "3 objects with 10 observations, a test alone" in notes
    assert "fluxes were corrected for the dust of the Milky Way by MWEBV" in notes
    assert "no training split" in (public.root / "README.md").read_text()
    with pytest.raises(InputFault, match="has no train split: its data are a test alone"):
        public.table("train")
    sample_submission(public, tmp_path / "sample.csv")
    card = blindsky.score(tmp_path / "sample.csv", release.root)
    assert card["parts"]["all"]["metrics"]["weighted_logloss"]["value"] == pytest.approx(
        np.log(15), abs=1e-12
    )


def test_fluxes_that_were_corrected_already_and_older_names(tmp_path: Path) -> None:
    objects, visits = head(), phot()
    objects["DECL"], visits["FLT"] = objects.pop("DEC"), visits.pop("BAND")
    release = run(write(tmp_path, objects, visits, applied=1, ending=".FITS.gz"), tmp_path)
    curves = release.public.table("test_lightcurves")
    assert curves["flux"].tolist() == [4, 3, 2, 1, 0, -4, -3, -2, 6, 7]
    assert curves["passband"].tolist() == [1, 5, 4, 3, 2, 0, 1, 5, 0, 0]


def test_names_that_are_no_numbers(tmp_path: Path) -> None:
    from blindsky.challenges import tables

    release = run(write(tmp_path, head(SNID=np.array(["90", "2011fe", "7"])), phot()), tmp_path)
    test, truth = release.public.table("test"), next(release.truth())
    source = tables.read(release.private / "test_source.parquet")
    assert source["source_id"].tolist() == ["90", "2011fe", "7"]
    assert truth["true_target"].tolist() == [90, 991, 42] and len(set(test["object_id"])) == 3
    curves = release.public.table("test_lightcurves")
    assert curves["object_id"].tolist() == np.repeat(test["object_id"], COUNTS).tolist()


def test_objects_a_few_at_a_time(tmp_path: Path, monkeypatch: Any) -> None:
    paths = write(tmp_path, head(), phot())
    whole = run(paths, tmp_path)
    monkeypatch.setattr(snana, "ROWS", 1)
    pieces = run(paths, tmp_path, "pieces")
    for path in whole.public.root.glob("*.parquet"):
        assert (pieces.public.root / path.name).read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("objects", "visits", "message"),
    [
        (
            {"PTROBS_MAX": np.array([3, 9, 14], np.int32)},
            {},
            "PTROBS_MIN and PTROBS_MAX of row 3 are 11 and 14",
        ),
        ({"PTROBS_MIN": np.array([0, 5, 11], np.int32)}, {}, "of row 1 are 0 and 3, expected 1 to 13"),
        ({"PTROBS_MAX": np.array([4, 9, 12], np.int32)}, {}, "bands - among the visits of objects"),
        ({"SIM_TYPE_INDEX": np.array([90, 1, 42], np.int16)}, {}, "SIM_TYPE_INDEX is 1 for some objects"),
        ({"SNID": np.array(["90", "7", "90"])}, {}, "SNID 90 stands twice"),
        ({}, {"FLUXCAL": np.full(13, np.nan, np.float32)}, "values that are not finite"),
        ({}, {"BAND": np.array(["w"] * 13)}, "bands w among the visits"),
    ],
)
def test_what_cannot_be(objects: Any, visits: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputFault, match=message):
        run(write(tmp_path, head(**objects), phot(**visits)), tmp_path)


def test_other_files(tmp_path: Path) -> None:
    first, second = write(tmp_path, head(), phot())
    with pytest.raises(InputFault, match=r"PHOT\.FITS has no column SNID, .*Give HEAD\.FITS first"):
        run([second, first], tmp_path)
    with pytest.raises(InputFault, match="wants two files"):
        run([first], tmp_path)
    whole = second.read_bytes()
    for content in (whole[:5000], whole[: whole.rindex(b"END") + 100], b"no FITS"):
        second.write_bytes(content)
        told = r"PHOT\.FITS (is not readable as FITS|has no column MJD, .*no table: it may be cut short)"
        with pytest.raises(InputFault, match=told):
            run([first, second], tmp_path)


def test_a_real_simulation(shared_data: Callable[[str], Path], tmp_path: Path) -> None:
    """200 type Ia supernovae; every row of the file but the separators belongs to one."""
    paths = [shared_data(f"transients/snana_lsst_ia_{name}.FITS.gz") for name in ("HEAD", "PHOT")]
    release = run(paths, tmp_path)
    test, truth, curves = (
        release.public.table("test"),
        next(release.truth()),
        release.public.table("test_lightcurves"),
    )
    assert (len(test["object_id"]), len(curves["mjd"])) == (200, 250_976 - 200)
    assert set(truth["true_target"]) == {90} and (curves["mjd"] > 0).all()
    assert curves["detected"].sum() == truth["n_det"].sum() == 166_319 + 200  # 4096, and 4096 + 2048
    assert np.abs(test["hostgal_specz"] - truth["true_z"]).max() < 0.004
    # fluxes tell the truth: the brightest i visit is the peak magnitude that the simulation says
    own, i = (
        curves["passband"] == 3,
        np.repeat(np.arange(200), np.unique(curves["object_id"], return_counts=True)[1]),
    )
    brightest = np.array([curves["flux"][own & (i == k)].max() for k in range(200)])
    peak = 27.5 - 2.5 * np.log10(brightest)
    assert np.abs(np.median(peak - truth["peak_mag_i"])) < 0.02
