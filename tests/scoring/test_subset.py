"""A metric of some of the rows is the metric of a table that holds only these."""

from __future__ import annotations

from functools import partial

import numpy as np

from blindsky.scoring import ranking
from blindsky.scoring.measurements import Measurements
from blindsky.scoring.subset import count, prepare_within
from blindsky.scoring.sums import mean


def table(n=300, seed=0):
    rng = np.random.default_rng(seed)
    label = rng.random(n) < 0.4
    score = np.round(rng.normal(label, 1), 1)
    return Measurements({"label": label, "score": score, "inside": rng.random(n) < 0.7})


def test_rows_outside_do_not_count():
    rows, weights = table(), np.random.default_rng(1).poisson(1, (6, 300)).astype(np.uint8)
    inside = rows["inside"]
    for prepare in (ranking.prepare_auroc, ranking.prepare_tpr10, partial(mean, column="score")):
        found = prepare_within(rows, prepare, "inside")(weights)
        np.testing.assert_allclose(found, prepare(rows.select(inside))(weights[:, inside]), rtol=1e-14)
        np.testing.assert_allclose(found, prepare(rows)(weights * inside), rtol=1e-12)
        assert not np.allclose(found, prepare(rows)(weights))


def test_all_rows_and_none():
    rows, weights = table(), np.random.default_rng(1).poisson(1, (2, 300)).astype(np.uint8)
    for value in (True, False):
        rows.rows["chosen"] = np.full(300, value)
        chosen = Measurements(rows.rows)
        found = prepare_within(chosen, ranking.prepare_auroc, "chosen")(weights)
        expected = ranking.prepare_auroc(rows)(weights) if value else np.full(2, np.nan)
        np.testing.assert_array_equal(found, expected)


def test_rows_are_counted():
    rows = Measurements({"a": np.array([1, 1, 0, 0]), "b": np.array([True, False, True, False])})
    assert count(rows, ("a",)) == 2
    assert count(rows, ("a", "b")) == 1
