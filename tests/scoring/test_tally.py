"""Sums within groups against a loop over the rows; in threads the same to the last bit."""

from __future__ import annotations

import numpy as np
import pytest

from blindsky.scoring import threads
from blindsky.scoring.measurements import Measurements
from blindsky.scoring.tally import Column, Tally

GROUPS, PLACES = 5, 3


@pytest.fixture(scope="module")
def rows():
    """10,000 rows; the last group has none."""
    rng = np.random.default_rng(0)
    n = 10_000
    return {
        "group": rng.integers(0, GROUPS - 1, n).astype(np.int16),
        "x": rng.normal(3, 1, n),
        "into": rng.integers(0, PLACES, n).astype(np.int8),
        "linear": rng.normal(0, 1, (2, n)),
        "weights": rng.poisson(1, (8, n)).astype(np.uint8),
    }


def tallied(rows, use):
    tally = Tally(rows["group"], GROUPS)
    tally.add("count", Column, use)
    tally.add("x", lambda: Column(rows["x"]), use)
    tally.add("place", lambda: Column(None, rows["into"], PLACES), use)
    tally.add("x in place", lambda: Column(rows["x"], rows["into"], PLACES), use)
    tally.add_linear(lambda: rows["linear"][:, tally.order].astype(np.float32))
    return tally


def expected(rows, weights):
    found = {name: np.zeros((len(weights), GROUPS, size)) for name, size in
             (("count", 1), ("x", 1), ("place", PLACES), ("x in place", PLACES))}  # fmt: skip
    for g in range(GROUPS):
        inside = rows["group"] == g
        found["count"][:, g, 0] = weights[:, inside].sum(axis=1)
        found["x"][:, g, 0] = weights[:, inside] @ rows["x"][inside]
        for k in range(PLACES):
            there = inside & (rows["into"] == k)
            found["place"][:, g, k] = weights[:, there].sum(axis=1)
            found["x in place"][:, g, k] = weights[:, there] @ rows["x"][there]
    return found


@pytest.mark.parametrize("use", ["score", "replicates"])
def test_against_a_loop(rows, use):
    tally = tallied(rows, use)
    found = tally.sums(rows["weights"], use)
    for name, sums in expected(rows, rows["weights"].astype(float)).items():
        exact = use == "score" or name in ("count", "place")
        np.testing.assert_allclose(found[name], sums, rtol=1e-13 if exact else 1e-6)
    forms = rows["weights"].astype(float) @ rows["linear"].T
    np.testing.assert_allclose(tally.linear(rows["weights"]), forms, rtol=1e-4, atol=1e-3)


def test_any_weights(rows):
    weights = np.random.default_rng(1).random((2, 10_000))
    for name, sums in expected(rows, weights).items():
        np.testing.assert_allclose(tallied(rows, "score").sums(weights, "score")[name], sums, rtol=1e-12)


def test_a_column_for_the_score_alone_takes_no_part_in_replicates(rows):
    tally = tallied(rows, "score")
    tally.add("x", lambda: pytest.fail("known already"), "replicates")
    assert set(tally.sums(rows["weights"], "replicates")) == {"x"}
    assert set(tally.sums(rows["weights"], "score")) == {"count", "x", "place", "x in place"}


def test_threads_change_no_bit(rows, monkeypatch):
    once = {use: tallied(rows, use).sums(rows["weights"], use) for use in ("score", "replicates")}
    monkeypatch.setattr(threads, "LONG", 1000)
    monkeypatch.setattr("blindsky.scoring.tally.stretches", lambda rows: threads.stretches(rows, 1000))
    several = []
    for cores in (1, 4):
        monkeypatch.setattr("joblib.cpu_count", lambda cores=cores: cores)
        tally = tallied(rows, "replicates")
        several.append((tally.sums(rows["weights"], "replicates"), tally.linear(rows["weights"])))
    for name, sums in several[0][0].items():
        np.testing.assert_array_equal(sums, several[1][0][name])
        np.testing.assert_allclose(sums, once["replicates"][name], rtol=1e-6)
    np.testing.assert_array_equal(several[0][1], several[1][1])


def test_no_rows():
    tally = tallied({"group": np.empty(0, np.int16), "x": np.empty(0), "into": np.empty(0, np.int8),
                     "linear": np.empty((2, 0))}, "replicates")  # fmt: skip
    weights = np.empty((4, 0), dtype=np.uint8)
    for use in ("score", "replicates"):
        assert all(np.all(sums == 0) for sums in tally.sums(weights, use).values())


def test_groups_are_classes_within_epochs():
    y = np.array([2, 0, 1, 2], dtype=np.int8)
    plain, early = ({"y": y}, {"y": y, "epoch": np.array([0, 1, 1, 1], dtype=np.int8)})
    for columns, counts in ((plain, [1, 1, 2]), (early, [0, 0, 1, 1, 1, 1])):
        table = Measurements(columns)
        tally = Tally.of(table, 3)
        tally.add("", Column, "score")
        assert list(tally.sums(np.ones((1, 4)), "score")[""][0, :, 0]) == counts
        assert Tally.of(table, 3) is tally
