"""Curves that may be published: equal to scikit-learn's at the nodes, and no stretch of them on few cases."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr
from scipy.stats import binomtest
from sklearn.calibration import calibration_curve
from sklearn.metrics import precision_recall_curve, roc_curve

from blindsky.challenges import curves
from blindsky.challenges.curves import COMPLETENESS, FEWEST, RATES, Sides, kept


def scored(n: int, *, seed: int = 0, digits: int = 3, distance: float = 1.5) -> tuple[Any, Any]:
    """Labels and binormal scores with ties."""
    rng = np.random.default_rng(seed)
    label = rng.random(n) < 0.3
    return label, np.round(ndtr(rng.normal(size=n) + distance * label - 1), digits)


@pytest.mark.parametrize("digits", [1, 2, 6])
@pytest.mark.parametrize("n", [90, 3000])
def test_the_roc_is_that_of_scikit_learn_at_every_node(n: int, digits: int) -> None:
    label, score = scored(n, seed=n + digits, digits=digits)
    curve = curves.roc(Sides.of(label, score), 0)
    assert curve is not None
    fpr, tpr, _ = roc_curve(label, score, drop_intermediate=False)
    # of a vertical step the upper end: the same curve read an instant to the right
    assert curve["y"] == pytest.approx(np.interp(np.array(curve["x"]) + 1e-12, fpr, tpr), abs=2e-6)
    assert curve["x"] == pytest.approx(RATES[RATES * np.count_nonzero(~label) >= 1 - 1e-9])


@pytest.mark.parametrize("digits", [1, 2, 6])
@pytest.mark.parametrize("n", [90, 3000])
def test_precision_is_that_of_scikit_learn_at_every_node(n: int, digits: int) -> None:
    label, score = scored(n, seed=n + digits, digits=digits)
    curve = curves.precision_recall(Sides.of(label, score), 0)
    assert curve is not None
    precision, recall, _ = precision_recall_curve(label, score)
    assert curve["x"] == pytest.approx(COMPLETENESS)
    for x, y in zip(curve["x"], curve["y"], strict=True):
        reaching = np.flatnonzero(recall >= x - 1e-9)[
            -1
        ]  # recall descends: the highest threshold that reaches it
        assert y == pytest.approx(precision[reaching], abs=2e-6)


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(20, 900),
    seed=st.integers(0, 1000),
    digits=st.sampled_from([1, 2, 9]),
    distance=st.floats(0, 4),
)
def test_while_truth_is_hidden_no_stretch_rests_on_fewer_than_ten(
    n: int, seed: int, digits: int, distance: float
) -> None:
    label, score = scored(n, seed=seed, digits=digits, distance=distance)
    sides = Sides.of(label, score)
    p, q = len(sides.positive), len(sides.negative)
    found = curves.roc(sides, FEWEST)
    if found is not None:
        # y is kept to six digits; the last node is (1, 1)
        assert np.all(np.diff([0.0, *found["y"]]) * p >= FEWEST - 1e-5 * p)
        assert np.all(np.diff([0.0, *found["x"]]) * q >= FEWEST - 1e-5 * q)
    found = curves.precision_recall(sides, FEWEST)
    if found is not None:
        true, false = sides.complete(np.array(found["x"]))
        assert np.all(np.diff([0, *true, p]) >= FEWEST)
        assert np.all(np.diff([0, *false, q]) >= FEWEST)


@given(st.lists(st.integers(0, 30), min_size=1, max_size=20), st.integers(0, 12))
def test_nodes_part_off_enough_and_none_could_be_added_before_the_next(steps: list[int], least: int) -> None:
    counts = np.cumsum(steps)
    nodes = kept(least, counts)
    places = [0, *(int(counts[k]) for k in nodes), int(counts[-1])]
    assert all(b - a >= least for a, b in pairwise(places)) or not nodes
    if not nodes and least:
        assert not any(least <= c <= counts[-1] - least for c in counts[:-1])


def test_too_few_of_a_side_have_no_curve() -> None:
    for label in (np.arange(60) < 9, np.arange(60) >= 9):
        sides = Sides.of(label, np.linspace(0, 1, 60))
        assert curves.roc(sides, 0) is None
        assert curves.precision_recall(sides, 0) is None


@pytest.mark.parametrize(("k", "n"), [(0, 10), (5, 37), (200, 200)])
def test_a_share_has_the_interval_of_wilson(k: int, n: int) -> None:
    ends = binomtest(k, n).proportion_ci(method="wilson")
    assert curves.share(np.arange(n) < k) == pytest.approx((k / n, ends.low, ends.high, 1 / n), abs=1e-12)
    assert curves.share(np.ones(9, bool)) is None


def test_reliability_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    confidence = rng.uniform(0.2, 1, 4000)
    right = rng.random(4000) < confidence**2
    found = curves.reliability(right, confidence, 10)
    share, mean = calibration_curve(right, confidence, n_bins=10)
    assert found is not None
    assert found["y"] == pytest.approx(share, abs=2e-6)
    assert found["x"] == pytest.approx(mean, abs=0.0051)
    few = curves.reliability(np.ones(19, bool), np.repeat([0.35, 0.95], [9, 10]), 10)
    assert few is not None
    assert (few["x"], few["y"]) == ([0.95], [1.0])
