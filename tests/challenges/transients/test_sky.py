"""Whole releases of the transients sky: exactly what is declared, sorted, the same from any number of workers."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from blindsky.challenges import registry
from blindsky.challenges.challenge import Challenge, Size
from blindsky.challenges.generation import generate
from blindsky.challenges.release import Release
from blindsky.challenges.transients import CHALLENGE
from blindsky.challenges.transients.counts import TINY
from blindsky.challenges.transients.sky import simulate
from blindsky.challenges.trust import reveal, verify
from blindsky.scoring.measurements import Table

KEY = bytes(range(32))
SIZE = Size(train=100, test=210)
SMALLER = replace(CHALLENGE, sizes={"tiny": SIZE})


@pytest.fixture(autouse=True)
def _found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The declaration, whether or not it is among the installed ones."""
    known: Callable[[str], Challenge] = registry.get
    monkeypatch.setattr(registry, "get", lambda name: SMALLER if name == "transients" else known(name))


@pytest.fixture(scope="module")
def early(tmp_path_factory: pytest.TempPathFactory) -> Release:
    return generate(SMALLER, "early", "tiny", tmp_path_factory.mktemp("early"), release_id="r", key=KEY)


def curves(release: Release, split: str) -> tuple[Table, list[Table]]:
    """The objects of a split and the light curve of each."""
    table, rows = release.public.table(split), release.public.table(f"{split}_lightcurves")
    edges = np.searchsorted(rows["object_id"], table["object_id"])
    assert edges[0] == 0
    pieces = {name: np.split(column, edges[1:]) for name, column in rows.items()}
    own = [dict(zip(pieces, row, strict=True)) for row in zip(*pieces.values(), strict=True)]
    for k, piece in enumerate(own):
        assert (piece["object_id"] == table["object_id"][k]).all() and len(piece["mjd"])
    return table, own


def test_tables_are_as_declared(early: Release) -> None:
    test, train = early.public.table("test"), early.public.table("train")
    metadata = [
        *("object_id", "ra", "decl", "gal_l", "gal_b", "ddf", "hostgal_specz", "hostgal_photoz"),
        *("hostgal_photoz_err", "distmod", "mwebv"),
    ]
    assert list(test) == [*metadata, "epoch_cut"]
    assert list(train) == [*metadata, "target"]
    assert (train["target"].dtype, test["epoch_cut"].dtype) == (np.int16, np.float32)
    rows = early.public.table("test_lightcurves")
    assert {name: str(c.dtype) for name, c in rows.items()} == {
        "object_id": "int64", "mjd": "float64", "passband": "int8", "flux": "float32", "flux_err": "float32",
        "detected": "int8",
    }  # fmt: skip
    for table in (test, train):
        assert (np.diff(table["object_id"]) > 0).all() and table["object_id"].max() < 2**53
        assert np.isfinite(table["ra"]).all() and (np.abs(table["gal_b"][table["ddf"] == 0]) > 7).all()
    assert verify(early.public, early).ok
    known = {p.name for p in early.public.track.public}
    assert set(test) | set(train) | set(rows) == known
    weights = {c["class"]: c["weight"] for c in early.public.json("classes")["classes"]}
    assert len(weights) == 15 and sum(weights.values()) == 18 and weights[99] == 2


def test_classes_are_as_many_as_declared(early: Release) -> None:
    sky = simulate(CHALLENGE.track("early"), SIZE, {})
    for split, column in (("train", "target"), ("test", "true_target")):
        table = early.public.table("train") if split == "train" else next(early.truth())
        found = dict(zip(*np.unique(table[column], return_counts=True), strict=True))
        expected: dict[int, int] = {}
        for name, number in sky.mixes[split].items():
            target = simulate_target(name)
            expected[target] = expected.get(target, 0) + sum(number)
        assert found == {target: n for target, n in expected.items() if n}


def simulate_target(name: str) -> int:
    from blindsky.challenges.transients.populations import POPULATIONS

    return POPULATIONS[name].source.target


def test_training_objects_hide_nothing(early: Release) -> None:
    train, own = curves(early, "train")
    galactic = np.isin(train["target"], [6, 16, 53, 65, 92])
    assert 99 not in train["target"] and train["target"].max() < 99
    assert (train["hostgal_specz"][galactic] == 0).all() and np.isnan(train["distmod"][galactic]).all()
    assert (train["hostgal_specz"][~galactic] > 0).all() and np.isfinite(train["distmod"][~galactic]).all()
    assert (train["hostgal_photoz"] > 0)[~galactic].all()
    assert np.mean([len(piece["mjd"]) for piece in own]) > 120


def test_early_light_curves_end_at_their_day(early: Release) -> None:
    test, own = curves(early, "test")
    truth = next(early.truth())
    np.testing.assert_array_equal(truth["epoch_cut"], test["epoch_cut"])
    days, number = np.unique(test["epoch_cut"], return_counts=True)
    assert days.tolist() == [0, 2, 8, 32, 128] and number.min() > 20
    for k, piece in enumerate(own):
        trigger = truth["trigger_mjd"][k]
        assert trigger in piece["mjd"] and piece["mjd"].max() <= trigger + test["epoch_cut"][k]
        assert piece["detected"].sum() == truth["n_det"][k] >= 2
    spectra = np.isfinite(test["hostgal_specz"][truth["true_z"] > 0])
    assert 0 < spectra.mean() < 0.5


def test_two_workers_make_the_same_bytes(early: Release, tmp_path: Path) -> None:
    again = generate(SMALLER, "early", "tiny", tmp_path, release_id="r", key=KEY, workers=2)

    def contents(release: Release) -> dict[str, bytes]:
        found = {p.relative_to(release.root): p.read_bytes() for p in release.root.rglob("*.parquet")}
        return {str(path): content for path, content in found.items()}

    assert contents(again) == contents(early)
    roots = [json.dumps(r.public.manifest["commitments"]) for r in (early, again)]
    assert roots[0] == roots[1]


def test_a_revealed_release_is_verified(early: Release, tmp_path: Path) -> None:
    import shutil

    from blindsky.challenges.release import open_release

    copy = open_release(shutil.copytree(early.root, tmp_path / "r"))
    reveal(copy)
    verdict = verify(copy.public, copy)
    assert verdict.ok and verdict.hidden_rows == SIZE.train + SIZE.test


def test_tracks_differ_where_they_should() -> None:
    skies = {t.name: simulate(t, TINY, {}) for t in CHALLENGE.tracks}
    assert [(s.spectra, s.early) for s in skies.values()] == [(True, False), (False, False), (True, True)]
    assert skies["biased"].mixes == skies["early"].mixes
    assert skies["biased"].mixes["test"] == skies["representative"].mixes["test"]
    for sky in skies.values():
        for split in ("train", "test"):
            assert sum(s.rows for s in sky.strata(split)) == getattr(TINY, split)
            assert all(s.rows for s in sky.strata(split))


def test_calendars_are_drawn_once_a_release() -> None:
    """Blocks of a deep field have its nights; another release has others."""
    visits = []
    for seed in (1, 1, 2):
        sky = simulate(CHALLENGE.track("biased"), TINY, {})
        sky.prepare(np.random.default_rng(seed))
        block = sky.draw("test", "SLSN-I-deep", 0, np.random.default_rng(3))
        visits.append(set(block.long["lightcurves"].columns["mjd"]))
    assert visits[0] == visits[1] and not visits[0] & visits[2]
    assert (
        set(sky.draw("train", "TDE-deep", 5, np.random.default_rng(8)).long["lightcurves"].columns["mjd"])
        <= visits[2]
    )
