"""PLAsTiCC's files become a release: of the competition, to check predictions, or unblinded, to score them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blindsky.challenges.errors import InputFault
from blindsky.challenges.importing import import_release
from blindsky.challenges.release import Release
from blindsky.challenges.transients import official, plasticc_csv
from blindsky.challenges.trust import reveal, verify

KEY = bytes(range(32))
METADATA = "object_id,ra,decl,gal_l,gal_b,ddf,hostgal_specz,hostgal_photoz,hostgal_photoz_err,distmod,mwebv"
CURVES = "object_id,mjd,passband,flux,flux_err,detected"
UNBLINDED = (
    "object_id,ra,decl,ddf_bool,hostgal_specz,hostgal_photoz,hostgal_photoz_err,distmod,mwebv,target,true_target,"
    "true_submodel,true_z,true_distmod,true_lensdmu,true_vpec,true_rv,true_av,true_peakmjd,libid_cadence,tflux_u"
)
TRAIN = {615: 92, 713: 88, 730: 42}
TEST = {13: 90, 14: 62, 17: 991, 23: 994, 34: 6, 40: 15, 58: 64}


def save(path: Path, header: str, rows: list[str]) -> None:
    content = "\n".join([header, *rows]) + "\n"
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(content.encode()))
    else:
        path.write_text(content)


def curve(i: int) -> list[str]:
    """Eight visits, the last two first; detected at 59600.5, 59600.51 and 59603.5."""
    days = [6.5, 7.5, 0.5, 0.51, 1.5, 2.5, 3.5, 4.5]
    seen = {0.5, 0.51, 3.5}
    return [
        f"{i},{59600 + d:.4f},{(i + k) % 6},{-1.25 * i + d:.6f},{1 + k / 8:.6f},{int(d in seen)}"
        for k, d in enumerate(days)
    ]


def competition(folder: Path) -> Path:
    """The four files; objects of our Galaxy have no distance, those of the test seldom a spectrum."""
    folder.mkdir()
    train = [
        f"{i},{i / 10},{-i / 100},{i / 5},{i / 7},1,0.5,0.6,0.01,42.5,0.02,{c}" for i, c in TRAIN.items()
    ]
    test = [
        f"{i},{i / 10},{-i / 3},{i},{-i},{i % 2},{'' if i > 14 else 0.25},0.3,0.02,{'nan' if i == 34 else 40.5},0.1"
        for i in TEST
    ]
    save(folder / "training_set_metadata.csv", f"{METADATA},target", train)
    save(folder / "training_set.csv", CURVES, [row for i in TRAIN for row in curve(i)])
    save(folder / "test_set_metadata.csv", METADATA, test)
    save(folder / "test_set.csv", CURVES, [row for i in TEST for row in curve(i)])
    save(folder / "test_set_sample.csv", CURVES, curve(13))  # of the competition too, and part of the other
    save(folder / "sample_submission.csv", "object_id,class_6", ["13,1"])
    return folder


def unblinded(folder: Path) -> Path:
    """Gzipped files, the test in two; objects of our Galaxy have -9 for a distance."""
    folder.mkdir()

    def row(i: int, c: int, target: int) -> str:
        galactic = c in (6, 991)
        z = 0 if galactic else i / 100
        modulus = -9 if galactic else 41.5
        return (
            f"{i},{i * 3.1 % 360},{-i % 60},{i % 2},{-9 if i % 3 else z},{z},0.05,{modulus},0.03,{target},{c},{i % 4},"
            f"{z},41,0,12,3.1,0.5,59604.5,77,1.5"
        )

    save(folder / "plasticc_train_metadata.csv.gz", UNBLINDED, [row(i, c, c) for i, c in TRAIN.items()])
    save(
        folder / "plasticc_test_metadata.csv.gz", UNBLINDED, [row(i, c, 0) for i, c in reversed(TEST.items())]
    )
    header = CURVES.replace("detected", "detected_bool")
    save(folder / "plasticc_train_lightcurves.csv.gz", header, [row for i in TRAIN for row in curve(i)])
    for part, ids in (("01", (13, 14, 17)), ("02", (23, 34, 40, 58))):
        name = f"plasticc_test_lightcurves_{part}.csv.gz"
        save(folder / name, header, [row for i in ids for row in curve(i)])
    return folder


def run(folder: Path, **options: Any) -> Release:
    release_id = options.pop("release_id", "real")
    place = folder.parent / "releases"
    return import_release(
        "transients/plasticc", [folder], place, options=options, release_id=release_id, key=KEY
    )


def refused(folder: Path, **options: Any) -> str:
    with pytest.raises(InputFault) as fault:
        run(folder, **options)
    releases = folder.parent / "releases"
    assert not releases.exists() or not list(releases.iterdir())
    return str(fault.value)


def expected_curves(ids: list[int]) -> Any:
    """What was written, each object in order of time."""
    rows = np.array([[float(cell) for cell in row.split(",")] for i in ids for row in curve(i)])
    return rows[np.lexsort((rows[:, 1], rows[:, 0]))]


def check_curves(release: Release, split: str, ids: list[int]) -> None:
    found, expected = release.public.table(f"{split}_lightcurves"), expected_curves(ids)
    types = [found[name].dtype.name for name in found]
    assert types == ["int64", "float64", "int8", "float32", "float32", "int8"]
    for k, name in enumerate(CURVES.split(",")):
        np.testing.assert_array_equal(found[name], expected[:, k].astype(found[name].dtype))


# --- the competition -------------------------------------------------------------------------------------------------


def test_the_competition_is_checked_not_scored(tmp_path: Path) -> None:
    release = run(competition(tmp_path / "kaggle"))
    public = release.public
    assert public.manifest["splits"] == {"train": {"rows": 3}, "test": {"rows": 7}}
    assert (public.manifest["track"], public.has_truth) == ("biased", False)
    train, test = public.table("train"), public.table("test")
    assert list(test) == METADATA.split(",") and list(train) == [*test, "target"]
    assert (
        train["target"].dtype == np.int16
        and dict(zip(train["object_id"], train["target"], strict=True)) == TRAIN
    )
    assert test["object_id"].tolist() == list(TEST)
    np.testing.assert_array_equal(test["ra"], np.float32(np.array(list(TEST)) / 10))
    np.testing.assert_array_equal(test["hostgal_specz"], np.float32([0.25, 0.25, *[np.nan] * 5]))
    np.testing.assert_array_equal(test["distmod"], np.float32([40.5] * 4 + [np.nan] + [40.5] * 2))
    check_curves(release, "train", list(TRAIN))
    check_curves(release, "test", list(TEST))
    assert not list(release.private.glob("*.parquet")) and verify(public, release).ok
    assert public.json("classes")["classes"][1] == {"class": 15, "name": "TDE", "weight": 2}
    notes = public.manifest["source"]["notes"]
    assert "test split: 7 objects with 56 observations" in notes
    assert "test_set_metadata.csv holds no truth: predictions are checked, not scored" in notes
    assert "whose truth is not known: checked, not scored" in (public.root / "README.md").read_text()


def test_training_alone(tmp_path: Path) -> None:
    folder = competition(tmp_path / "kaggle")
    for path in folder.glob("test_set*"):
        path.unlink()
    release = run(folder)
    assert release.public.manifest["splits"] == {"train": {"rows": 3}, "test": {"rows": 0}}
    check_curves(release, "train", list(TRAIN))


# --- unblinded -------------------------------------------------------------------------------------------------------


def test_the_unblinded_files_make_a_release_that_scores(tmp_path: Path) -> None:
    import blindsky
    from blindsky.submissions.canonical import sample_submission

    release = run(unblinded(tmp_path / "zenodo"))
    public = release.public
    test, truth = public.table("test"), next(release.truth())
    assert not any(name.startswith("true") or name == "target" for name in test)
    check_curves(release, "test", list(TEST))
    assert dict(zip(truth["object_id"], truth["true_target"], strict=True)) == TEST  # 991 and 994 stay apart
    assert truth["true_submodel"].tolist() == [str(i % 4) for i in TEST]
    np.testing.assert_array_equal(truth["true_peakmjd"], 59604.5)
    assert truth["n_det"].tolist() == [3] * 7  # the second, 14 minutes after the first, does not trigger
    np.testing.assert_array_equal(truth["trigger_mjd"], 59603.5)
    assert np.isnan(test["hostgal_specz"]).tolist() == [i % 3 > 0 for i in TEST]
    assert np.isnan(test["distmod"]).tolist() == [c in (6, 991) for c in TEST.values()]
    train = public.table("train")
    assert dict(zip(train["object_id"], train["target"], strict=True)) == TRAIN
    sample_submission(public, tmp_path / "sample.csv")
    card = blindsky.score(tmp_path / "sample.csv", release.root)
    # equal probabilities: - ln 1/15, whatever the classes
    assert card["parts"]["all"]["metrics"]["weighted_logloss"]["value"] == pytest.approx(
        np.log(15), abs=1e-12
    )
    reveal(release)
    assert verify(public).ok


def test_galactic_coordinates_that_the_unblinded_files_lack(tmp_path: Path) -> None:
    from astropy import units
    from astropy.coordinates import SkyCoord

    test = run(unblinded(tmp_path / "zenodo")).public.table("test")
    where = SkyCoord(test["ra"] * units.deg, test["decl"] * units.deg, frame="icrs").galactic
    np.testing.assert_allclose(test["gal_l"], where.l.deg, atol=1e-3)
    np.testing.assert_allclose(test["gal_b"], where.b.deg, atol=1e-3)


@pytest.mark.parametrize("size", [300, 1000])
def test_blocks_of_any_length_give_the_same_release(size: int, tmp_path: Path, monkeypatch: Any) -> None:
    folder = unblinded(tmp_path / "zenodo")
    whole = run(folder)
    monkeypatch.setattr(plasticc_csv, "BLOCK_BYTES", size)
    pieces = run(folder, release_id="pieces")
    for path in sorted(whole.public.root.glob("*.parquet")):
        for name, column in whole.public.table(path.stem).items():
            np.testing.assert_array_equal(pieces.public.table(path.stem)[name], column)


def test_ids_that_do_not_ascend_are_told(tmp_path: Path) -> None:
    folder = unblinded(tmp_path / "zenodo")
    one, two = (folder / f"plasticc_test_lightcurves_{part}.csv.gz" for part in ("01", "02"))
    one.rename(tmp_path / "one")
    two.rename(one)
    (tmp_path / "one").rename(two)
    release = run(folder)
    order = [23, 34, 40, 58, 13, 14, 17]
    assert release.public.table("test")["object_id"].tolist() == order
    assert release.public.table("test_lightcurves")["object_id"][::8].tolist() == order
    assert next(release.truth())["true_target"].tolist() == [TEST[i] for i in order]
    notes = json.dumps(release.public.manifest["source"]["notes"])
    assert "test split: objects are in the order of the files, not of their ids" in notes


def test_light_curves_that_end_early_are_of_that_track(tmp_path: Path) -> None:
    folder = competition(tmp_path / "early")
    lines = (folder / "test_set_metadata.csv").read_text().splitlines()
    cuts = [
        "epoch_cut,true_target",
        *(f"{(0, 2, 8, 32, 128)[k % 5]},{c}" for k, c in enumerate(TEST.values())),
    ]
    (folder / "test_set_metadata.csv").write_text(
        "".join(f"{line},{cut}\n" for line, cut in zip(lines, cuts, strict=True))
    )
    release = run(folder)
    assert release.public.track.name == "early"
    cut = [0, 2, 8, 32, 128, 0, 2]
    assert (
        release.public.table("test")["epoch_cut"].tolist()
        == next(release.truth())["epoch_cut"].tolist()
        == cut
    )


# --- what can't be ---------------------------------------------------------------------------------------------------


def spoil(path: Path, old: str, new: str) -> None:
    packed = path.suffix == ".gz"
    text = gzip.decompress(path.read_bytes()).decode() if packed else path.read_text()
    assert old in text
    text = text.replace(old, new, 1)
    path.write_bytes(gzip.compress(text.encode())) if packed else path.write_text(text)


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("test_set_metadata.csv", "mwebv", "ebv", r"has no column mwebv\. It has: object_id, ra, .*, ebv"),
        ("test_set.csv", "flux_err", "error", r"test_set\.csv has no column flux_err"),
        ("training_set_metadata.csv", ",target", ",label", "has no column target"),
        ("training_set_metadata.csv", ",92\n", ",99\n", "target is 99 for some objects, expected one of 6, 15"),
        ("training_set_metadata.csv", ",92\n", ",91\n", "target is 91 for some objects"),
        ("test_set_metadata.csv", "\n14,", "\n13,", r"1 object \(13\) more than once"),
        ("test_set_metadata.csv", "\n14,", "\n15,", r"1 object \(14\) of test_set\.csv not in test_set_metadata"),
        ("test_set_metadata.csv", "\n58,", "\n15,1,1,1,1,1,1,1,1,1,1\n58,", r"1 object \(15\) .* without light curves"),
        ("test_set.csv", ",5,", ",6,", "observation of object .*'passband': 6.*expected a passband from 0 to 5"),
        ("test_set.csv", ",-9.750000,", ",nan,", "observation of object 13 .*'flux': nan"),
        ("test_set.csv", ",5,", ",r,", r"test_set\.csv is not readable as CSV \(In CSV column .*'r'"),
        ("test_set.csv", "\n14,", "\n,", "column object_id has empty cells"),
        ("test_set.csv", "\n58,", "\n13,", "light curves of object 13 lie in two places of test_set.csv"),
        ("test_set.csv", "\n58,59606.5000,", "\n58,59606.5000,1,", "not readable as CSV .*Expected 6 columns, got 7"),
    ],
)  # fmt: skip
def test_what_cannot_be(name: str, old: str, new: str, message: str, tmp_path: Path) -> None:
    import re

    folder = competition(tmp_path / "kaggle")
    spoil(folder / name, old, new)
    found = refused(folder)
    assert re.search(message, found), found


def test_a_class_of_the_truth_that_there_is_none_of(tmp_path: Path) -> None:
    folder = unblinded(tmp_path / "zenodo")
    spoil(folder / "plasticc_test_metadata.csv.gz", ",0,62,", ",0,63,")
    assert "true_target is 63 for some objects" in refused(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: (f / "test_set.csv").unlink(), "but no light curves of the test split"),
        (lambda f: (f / "test_set_metadata.csv").unlink(), "but no table about the objects"),
        (lambda f: (f / "test_set.csv.gz").write_bytes(b""), "data of the test split more than once: test_set_"),
        (lambda f: (f / "plasticc_test_lightcurves.csv").write_text(""), "more than once"),
        (lambda f: [p.unlink() for p in f.iterdir()], "holds neither training_set.csv with"),
        (lambda f: (f / "test_set_metadata.csv").write_text(METADATA + "\n"), "has a header but no rows"),
        (lambda f: (f / "test_set.csv").write_text(""), "has no column object_id, mjd"),
    ],
)  # fmt: skip
def test_a_folder_that_lacks_or_doubles(change: Callable[[Path], Any], message: str, tmp_path: Path) -> None:
    folder = competition(tmp_path / "kaggle")
    change(folder)
    assert message in refused(folder)


def test_a_download_cut_short(tmp_path: Path) -> None:
    folder = unblinded(tmp_path / "zenodo")
    path = folder / "plasticc_test_lightcurves_02.csv.gz"
    path.write_bytes(path.read_bytes()[:-40])
    assert "plasticc_test_lightcurves_02.csv.gz is not readable as CSV" in refused(folder)


def test_not_a_folder(tmp_path: Path) -> None:
    (tmp_path / "training_set.csv").write_text("")
    with pytest.raises(InputFault, match="transients/plasticc wants one folder"):
        import_release("transients/plasticc", [tmp_path / "training_set.csv"], tmp_path / "releases")


def test_what_lacks_its_other_half_is_left_out_where_that_is_allowed(tmp_path: Path) -> None:
    """Such as all but the deep fields, which are the first of the unblinded files."""
    folder = unblinded(tmp_path / "zenodo")
    (folder / "plasticc_test_lightcurves_02.csv.gz").unlink()
    spoil(folder / "plasticc_test_metadata.csv.gz", "\n14,", "\n15,")
    assert "1 object (14)" in refused(folder)
    release = run(folder, allow_missing=True)
    assert release.public.table("test")["object_id"].tolist() == [13, 17]
    check_curves(release, "test", [13, 17])
    notes = release.public.manifest["source"]["notes"]
    one = "plasticc_test_lightcurves_01.csv.gz"
    assert f"1 object (14) of {one} not in plasticc_test_metadata.csv.gz; left out" in notes
    told = f"5 objects (15, 23, 34, 40, 58) of plasticc_test_metadata.csv.gz without light curves in {one}; left out"
    assert told in notes


def test_nothing_left(tmp_path: Path) -> None:
    folder = competition(tmp_path / "kaggle")
    save(folder / "test_set.csv", CURVES, curve(99))
    assert "1 object (99) of test_set.csv not in test_set_metadata.csv" in refused(folder, allow_missing=True)


# --- the real files --------------------------------------------------------------------------------------------------


def test_real_objects(shared_data: Callable[[str], Path], tmp_path: Path) -> None:
    """Ten objects of the training set; distances are those of their photometric redshifts in the mock's cosmology."""
    from blindsky.challenges.transients.cosmology import distance_modulus

    folder = tmp_path / "plasticc"
    folder.mkdir()
    for theirs, name in (("lightcurves", "training_set.csv"), ("metadata", "training_set_metadata.csv")):
        (folder / name).symlink_to(shared_data(f"transients/plasticc_training_sample_{theirs}.csv"))
    public = run(folder).public
    train, curves = public.table("train"), public.table("train_lightcurves")
    assert (len(train["object_id"]), len(curves["mjd"])) == (10, 3279)
    assert train["target"].tolist() == [92, 88, 42, 90, 90, 65, 90, 42, 90, 65]
    galactic = np.isin(train["target"], (65, 92))
    np.testing.assert_array_equal(np.isnan(train["distmod"]), galactic)
    modulus = distance_modulus(train["hostgal_photoz"][~galactic].astype(float))
    np.testing.assert_allclose(train["distmod"][~galactic], modulus, atol=1.1e-3)  # from four digits of z
    counts = np.unique(curves["object_id"], return_counts=True)[1]
    assert (counts.min(), counts.max()) == (255, 352)
    same = np.diff(curves["object_id"]) == 0
    assert (np.diff(curves["mjd"])[same] > 0).all() and (np.diff(curves["object_id"]) >= 0).all()
    assert curves["flux"][0] == np.float32(-544.810303)


def test_detections_by_hand() -> None:
    from blindsky.challenges.skies import Ragged

    mjd = np.array([1.0, 1.02, 1.03, 5, 2, 3, 4, 7])
    seen = np.array([1, 1, 1, 1, 0, 1, 0, 0], np.int8)
    found = official.detections(Ragged(np.array([4, 3, 1]), {"mjd": mjd, "detected": seen}))
    np.testing.assert_array_equal(found["trigger_mjd"], [1.03, np.nan, np.nan])
    assert found["n_det"].tolist() == [4, 1, 0]
