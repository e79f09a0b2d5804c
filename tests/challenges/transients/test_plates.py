"""What the pages of a release show of its data: counted from public tables, no more of which is read than needed."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blindsky.challenges import registry, tables
from blindsky.challenges.release import Public
from blindsky.challenges.transients import CHALLENGE, plates
from blindsky.challenges.transients.figures import NAMES, ORDER
from blindsky.leaderboard.figures import draw
from blindsky.scoring.measurements import Table

CLASSES = (90, 42, 92)


def objects(n: int, seed: int, target: bool) -> tuple[Table, Table]:
    """A table of objects and one of their light curves: pulses whose heights grow with the id."""
    rng = np.random.default_rng(seed)
    ids = np.arange(n, dtype=np.int64) * 10 + 3
    counts = rng.integers(20, 40, n)
    owner = np.repeat(np.arange(n), counts)
    mjd = np.concatenate([np.sort(rng.uniform(60_000, 60_300, k)) for k in counts])
    error = rng.uniform(2, 6, len(owner))
    height = 10.0 * (owner + 2)
    flux = height * np.exp(-0.5 * ((mjd - 60_150) / 25) ** 2) + error * rng.normal(size=len(owner))
    curves: Table = {
        "object_id": ids[owner],
        "mjd": mjd,
        "passband": rng.integers(0, 6, len(owner)).astype(np.int8),
        "flux": flux.astype(np.float32),
        "flux_err": error.astype(np.float32),
        "detected": (flux > 5 * error).astype(np.int8),
    }
    table: Table = {
        "object_id": ids,
        "ddf": (np.arange(n) % 7 == 0).astype(np.int8),
        "hostgal_photoz": np.where(rng.random(n) < 0.2, 0, rng.gamma(2, 0.3, n)).astype(np.float32),
    }
    if target:
        table["target"] = np.array(CLASSES, dtype=np.int16)[np.arange(n) % 3]
    return table, curves


def released(folder: Path, *splits: str, group: int = 97, n: int = 40) -> Public:
    """The public tables of a release, light curves in small row groups."""
    import pyarrow.parquet as pq

    for k, split in enumerate(splits):
        for name, table in zip((split, f"{split}_lightcurves"), objects(n, k, split == "train"), strict=True):
            pq.write_table(tables.to_arrow(table), folder / f"{name}.parquet", row_group_size=group)
    return Public(folder, {"id": "r"})


def visits(public: Public, split: str, k: int) -> Table:
    """The light curve of the object in row k."""
    curves = public.table(f"{split}_lightcurves")
    own = curves["object_id"] == public.table(split)["object_id"][k]
    return {name: column[own] for name, column in curves.items()}


def test_the_declaration_names_them() -> None:
    assert registry.function(CHALLENGE.plates) is plates.plates


def test_every_plate_is_drawn(tmp_path: Path) -> None:
    made = plates.plates(released(tmp_path, "train", "test"))
    shown = [NAMES[number] for number in ORDER if number in CLASSES]
    assert [p.title for p in made] == ["Redshift", "Brightest visit", *shown]
    for k, plate in enumerate(made):
        svg = ET.fromstring(str(draw(plate.kind, plate.data, uid=f"plate-{k}", title=plate.title)))
        assert svg.attrib["role"] == "img"
    assert len({p.group for p in made}) == 2


@pytest.mark.parametrize("most", [7, 25, 40])
def test_histograms_count_the_first_objects_of_both_splits(
    most: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plates, "MOST", most)
    public = released(tmp_path, "train", "test")
    redshift, brightest, *_ = plates.plates(public)
    for k, split in enumerate(("train", "test")):
        z = public.table(split)["hostgal_photoz"][:most]
        counts, _ = np.histogram(z[z > 0], bins=redshift.data["edges"])
        assert redshift.data["series"][k]["values"] == pytest.approx(counts / np.count_nonzero(z > 0))
        peaks = []
        for row in range(most):
            own = visits(public, split, row)
            clear = own["flux"][own["flux"] / own["flux_err"] > 5]
            peaks += [27.5 - 2.5 * np.log10(clear.max())] if len(clear) else []
        counts, _ = np.histogram(peaks, bins=brightest.data["edges"])
        assert brightest.data["series"][k]["values"] == pytest.approx(counts / len(peaks))
    assert [s["label"] for s in redshift.data["series"]] == ["training set", "test set"]


def test_no_more_is_read_than_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plates, "MOST", 5)
    public = released(tmp_path, "test")
    read: list[int] = []
    whole = tables.Groups.read

    def counted(self: tables.Groups, k: int, columns: Any = None) -> Table:
        read.append(k)
        return whole(self, k, columns)

    monkeypatch.setattr(tables.Groups, "read", counted)
    seen = [t["object_id"] for t in plates.observations(public, "test", ("flux",))]
    assert np.unique(np.concatenate(seen)).tolist() == public.table("test")["object_id"][:5].tolist()
    rows = sum(len(visits(public, "test", k)["mjd"]) for k in range(5))
    assert sum(map(len, seen)) == rows
    assert max(read) <= rows // 97 and len(public.groups("test_lightcurves").places) > 8


def test_examples_are_a_bright_and_a_middling_object_of_the_wide_survey(tmp_path: Path) -> None:
    public = released(tmp_path, "train")
    made = {p.title: p for p in plates.plates(public)}
    assert set(made) == {NAMES[number] for number in CLASSES}, "no test set, nothing to compare with"
    train = public.table("train")
    for number in CLASSES:
        own = np.flatnonzero((train["target"] == number) & (train["ddf"] == 0))
        signal = [max(v["flux"] / v["flux_err"]) for v in (visits(public, "train", k) for k in own)]
        order = own[np.argsort(signal)]
        expected = [order[int(rank * (len(own) - 1))] for rank in (0.9, 0.5)]
        plate = made[NAMES[number]]
        assert all(str(train["object_id"][k]) in plate.caption for k in expected)
        for k, panel in zip(expected, plate.data["panels"], strict=True):
            curve = visits(public, "train", k)
            seen = curve["mjd"][curve["detected"] > 0]
            peak = curve["flux"][np.argmax(curve["flux"] / curve["flux_err"])]
            inside = (curve["mjd"] >= seen.min() - 30) & (curve["mjd"] <= seen.max() + 60)
            inside &= curve["flux_err"] <= peak
            for b in range(6):
                band = inside & (curve["passband"] == b)
                points = panel["series"][b]
                assert points["x"] == pytest.approx(curve["mjd"][band] - seen.min(), abs=1e-3)
                assert points["y"] == pytest.approx(curve["flux"][band], rel=1e-5)
                assert np.array(points["high"]) - points["y"] == pytest.approx(
                    curve["flux_err"][band], rel=1e-3
                )
            lines = panel["series"][6:]
            assert len(lines) == len(np.unique(curve["passband"][inside]))
            assert all(min(s["x"]) >= panel["x_range"][0] for s in lines)
            low, high = panel["y_range"]
            assert all(low < y < high for s in panel["series"][:6] for y in s["y"])
        first, second = plate.data["panels"]
        assert [s.get("label") for s in first["series"][:6]] == list("ugrizy")
        assert not any("label" in s for s in second["series"]), "the bands are named once"


def test_what_varies_too_fast_has_no_line() -> None:
    rng = np.random.default_rng(0)
    n = 100
    curve: Table = {
        "mjd": np.sort(rng.uniform(0, 900, n)) + 60_000,
        "passband": rng.integers(0, 6, n).astype(np.int8),
        "flux": rng.normal(0, 100, n).astype(np.float32),
        "flux_err": np.ones(n, dtype=np.float32),
        "detected": np.ones(n, dtype=np.int8),
    }
    panel = plates._panel(curve, first=True)
    assert len(panel["series"]) == 6
    slow = {**curve, "flux": (100 * np.sin(curve["mjd"] / 100)).astype(np.float32)}
    assert len(plates._panel(slow, first=True)["series"]) == 12


@pytest.mark.parametrize("lacking", ["train_lightcurves", "train"])
def test_what_a_release_lacks_is_not_shown(lacking: str, tmp_path: Path) -> None:
    public = released(tmp_path, "train", "test")
    (tmp_path / f"{lacking}.parquet").unlink()
    assert plates.plates(public) == ()
    assert plates.plates(Public(tmp_path / "nothing", {"id": "r"})) == ()


def test_a_test_alone_shows_nothing_and_a_class_of_one_one_curve(tmp_path: Path) -> None:
    assert plates.plates(released(tmp_path, "test")) == ()
    (tmp_path / "one").mkdir()
    (plate,) = plates.plates(released(tmp_path / "one", "train", n=1))
    assert len(plate.data["panels"]) == 1
    draw(plate.kind, plate.data, uid="p", title="t")


def test_objects_of_plasticc(shared_data: Callable[[str], Path], tmp_path: Path) -> None:
    from blindsky.challenges.importing import import_release

    (tmp_path / "csv").mkdir()
    for there, here in (("lightcurves", "training_set"), ("metadata", "training_set_metadata")):
        sample = shared_data(f"transients/plasticc_training_sample_{there}.csv")
        (tmp_path / "csv" / f"{here}.csv").write_bytes(sample.read_bytes())
    public = import_release("transients/plasticc", [tmp_path / "csv"], tmp_path, key=bytes(32)).public
    made = plates.plates(public)
    shown = set(public.table("train")["target"])
    assert {p.title for p in made} == {NAMES[number] for number in shown}
    for plate in made:
        draw(plate.kind, plate.data, uid="p", title=plate.title)
