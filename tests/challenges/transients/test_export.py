"""A release as PLAsTiCC published its data: its files to the letter, no truth before the reveal, and back again."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blindsky.challenges.errors import InputFault
from blindsky.challenges.exporting import export_release
from blindsky.challenges.importing import import_release
from blindsky.challenges.release import Release
from blindsky.challenges.trust import reveal

KEY = bytes(range(32))
TOLD = ["object_id", "ra", "decl", "gal_l", "gal_b", "ddf"]
TOLD += ["hostgal_specz", "hostgal_photoz", "hostgal_photoz_err", "distmod", "mwebv"]
CURVES = ["object_id", "mjd", "passband", "flux", "flux_err", "detected"]
HIDDEN = ["true_target", "true_submodel", "true_z", "true_peakmjd", "true_av", "true_rv", "trigger_mjd"]


def write(folder: Path, *, cut: bool = False) -> Path:
    """Numbers with all the digits that their types can hold, in the competition's files."""
    folder.mkdir()
    rng = np.random.default_rng(4)
    for split, ids in (("training_set", [5, 2**53 - 1]), ("test_set", [7, 8, 9, 2**52 + 1])):
        with (folder / f"{split}_metadata.csv").open("w", newline="") as file:
            own = ["target"] if split == "training_set" else [*HIDDEN, "peak_mag_i", *(["epoch_cut"] * cut)]
            writer = csv.writer(file)
            writer.writerow([*TOLD, *own])
            for i in ids:
                told = [
                    *(rng.random(4) * 60).tolist(),
                    int(i % 2),
                    "" if i < 9 else 0.1,
                    *rng.random(4).tolist(),
                ]
                truth = [
                    991 if i == 8 else 90,
                    "Ia-91bg" if i == 9 else 3,
                    *rng.random(3).tolist(),
                    3.1,
                    59700.123456789,
                    21.1,
                    *[8] * cut,
                ]
                writer.writerow([i, *told, *([90] if split == "training_set" else truth)])
        with (folder / f"{split}.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(CURVES)
            for i in ids:
                days = np.sort(rng.random(int(i % 7) + 1)) * 1000 + 59600
                writer.writerows([i, d, rng.integers(6), *rng.normal(0, 1e3, 2), 1] for d in days.tolist())
    return folder


def release_of(folder: Path, name: str = "one") -> Release:
    return import_release(
        "transients/plasticc", [folder], folder.parent / "releases", release_id=name, key=KEY
    )


def header(path: Path) -> list[str]:
    line = path.read_bytes().split(b"\n", 1)[0].decode()
    assert '"' not in line
    return line.split(",")


def same(one: Any, two: Any) -> None:
    assert list(one) == list(two)
    for name, column in one.items():
        np.testing.assert_array_equal(two[name], column)
        assert two[name].dtype == column.dtype


def test_no_truth_before_the_reveal_and_all_of_it_after(tmp_path: Path) -> None:
    release = release_of(write(tmp_path / "files"))
    notes = export_release(release.public, "csv", tmp_path / "before")
    names = ["test_set.csv", "test_set_metadata.csv", "training_set.csv", "training_set_metadata.csv"]
    assert sorted(path.name for path in (tmp_path / "before").iterdir()) == names
    assert header(tmp_path / "before" / "test_set.csv") == CURVES
    assert header(tmp_path / "before" / "test_set_metadata.csv") == TOLD
    assert header(tmp_path / "before" / "training_set_metadata.csv") == [*TOLD, "target"]
    assert any("export again after the reveal" in note for note in notes)
    blind = release_of(tmp_path / "before", "blind")
    assert not blind.public.has_truth
    reveal(release)
    export_release(release.public, "csv", tmp_path / "after")
    again = release_of(tmp_path / "after", "again")
    for back in (blind, again):
        for name in ("train", "test", "train_lightcurves", "test_lightcurves"):
            same(release.public.table(name), back.public.table(name))
    one, two = next(release.truth()), next(again.truth())
    assert set(HIDDEN) < set(one)
    same({n: c for n, c in one.items() if n != "part"}, {n: c for n, c in two.items() if n != "part"})


def test_light_curves_that_end_early(tmp_path: Path) -> None:
    release = release_of(write(tmp_path / "files", cut=True))
    assert release.public.track.name == "early"
    reveal(release)
    export_release(release.public, "csv", tmp_path / "out")
    again = release_of(tmp_path / "out", "again")
    assert again.public.track.name == "early"
    same(release.public.table("test"), again.public.table("test"))


def test_training_alone(tmp_path: Path) -> None:
    folder = write(tmp_path / "files")
    for path in folder.glob("test_set*"):
        path.unlink()
    notes = export_release(release_of(folder).public, "csv", tmp_path / "out")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "training_set.csv",
        "training_set_metadata.csv",
    ]
    assert notes == ("to read it back: blindsky import transients/plasticc FOLDER",)


def test_a_format_that_there_is_none_of(tmp_path: Path) -> None:
    release = release_of(write(tmp_path / "files"))
    with pytest.raises(InputFault, match="transients has no export format 'cvs': did you mean csv"):
        export_release(release.public, "cvs", tmp_path / "out")
    assert not (tmp_path / "out").exists()
