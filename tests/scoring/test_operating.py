"""The best F-beta and the purity at half completeness: by hand, over all thresholds, in their undefined cases."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blindsky.scoring import operating

SCORE = np.array([0.95, 0.90, 0.90, 0.80, 0.70, 0.60, 0.60, 0.40, 0.30, 0.10])
LABEL = np.array([1, 1, 0, 1, 1, 0, 1, 0, 0, 0])
WEIGHTS = np.array([1, 2, 0, 1, 0, 3, 1, 1, 2, 1])


def test_options_out_of_range():
    for call in (
        partial(operating.fbeta, beta2=0),
        partial(operating.fbeta, beta2=np.nan),
        partial(operating.purity_at, tpr=0),
        partial(operating.purity_at, tpr=1.01),
        partial(operating.purity_at, prevalence=0),
    ):
        with pytest.raises(ValueError, match="expected"):
            call(LABEL, SCORE)


def test_the_table():
    best = operating.fbeta_point(LABEL, SCORE)
    assert best.score == pytest.approx(0.99601990, abs=1e-8)
    assert best[1:] == (1, 0.2, 0.95)
    assert operating.fbeta(LABEL, SCORE, beta2=1) == pytest.approx(0.83333333, abs=1e-8)
    half = operating.purity_point(LABEL, SCORE)
    assert half.score == pytest.approx(0.00299401, abs=1e-8)
    assert half[1:] == (0.75, 0.6, 0.80)


def test_the_table_with_weights():
    best = operating.fbeta_point(LABEL, SCORE, weights=WEIGHTS)
    assert best.score == pytest.approx(0.99975031, abs=1e-8)
    assert best[1:] == (1, 0.8, 0.80)  # .70 is as good, but adds a lens of weight 0: the highest of equals
    half = operating.purity_point(LABEL, SCORE, weights=WEIGHTS)
    assert half == (1, 1, 0.6, 0.90)


def test_purity_is_bayes_theorem():
    assert operating.purity(np.array([0.5]), np.array([1e-3]), prevalence=1e-3)[0] == pytest.approx(
        0.5 / (0.5 + 0.999)
    )
    found = operating.purity(np.array([1.0, 0.3, 0.0]), np.array([0.0, 0.3, 0.0]), prevalence=0.2)
    np.testing.assert_allclose(found, [1, 0.2, np.nan])


def test_a_constant_score():
    score = np.full(10, 0.5)
    assert operating.fbeta_point(LABEL, score, beta2=1) == (pytest.approx(2 / 3), 0.5, 1, 0.5)
    assert operating.purity_at(LABEL, score) == pytest.approx(1e-3)


def test_what_is_undefined():
    for label, weights in (
        (LABEL, np.zeros(10)),
        (np.zeros(10), None),
        (LABEL, 1 - LABEL),
    ):
        assert np.isnan(operating.fbeta_point(label, SCORE, weights=weights)).all()
        assert np.isnan(operating.purity_point(label, SCORE, weights=weights)).all()
    assert np.isnan(operating.fbeta(np.empty(0), np.empty(0)))
    # without negatives precision is 1, the false-positive rate is nothing
    assert operating.fbeta_point(np.ones(10), SCORE) == (pytest.approx(1), 1, 1, 0.1)
    alone = operating.purity_point(LABEL, SCORE, weights=LABEL)
    assert np.isnan(alone.score)
    assert alone.precision == 1


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 100_000))
def test_against_all_thresholds(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 60))
    label, score = rng.random(n) < 0.5, rng.integers(0, 12, n) / 12
    weights = rng.poisson(1, n)
    label[:2], weights[:2] = (True, False), weights[:2] + 1
    beta2, tpr, pi = rng.choice([1e-3, 0.5, 1.0, 4.0]), rng.choice([0.2, 0.5, 0.9, 1.0]), 0.01
    points = []
    for t in np.unique(score[label & (weights > 0)])[::-1]:
        called = score >= t
        true, false = weights[called & label].sum(), weights[called & ~label].sum()
        p, r = true / (true + false), true / weights[label].sum()
        f = (1 + beta2) * p * r / (beta2 * p + r)
        pure = pi * r / (pi * r + (1 - pi) * false / weights[~label].sum())
        points.append((f, pure, p, r, t))
    best = operating.fbeta_point(label, score, beta2=beta2, weights=weights)
    assert best.score == pytest.approx(max(p[0] for p in points), abs=1e-13)
    # equal to rounding: any of them is the best here, the golden table says which
    assert any(best == pytest.approx((p[0], p[2], p[3], p[4]), abs=1e-12) for p in points)
    chosen = next(p for p in points if p[3] >= tpr - 1e-9)
    found = operating.purity_point(label, score, tpr=tpr, prevalence=pi, weights=weights)
    assert found == pytest.approx(chosen[1:], abs=1e-12)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 100_000))
def test_weights_are_repeated_rows_and_order_is_nothing(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 60))
    label, score, weights = rng.random(n) < 0.5, rng.integers(0, 12, n) / 12, rng.poisson(1, n)
    label[:2], weights[:2] = (True, False), weights[:2] + 1
    order = rng.permutation(n)
    for point in (operating.fbeta_point, operating.purity_point):
        value = point(label, score, weights=weights)
        assert point(np.repeat(label, weights), np.repeat(score, weights)) == pytest.approx(value)
        assert point(label[order], score[order], weights=weights[order]) == pytest.approx(value)
        scaled = point(label, score, weights=weights / 8)  # a power of 2: nothing is rounded
        assert scaled == pytest.approx(value)
        risen = point(label, np.exp(score), weights=weights)
        assert risen[:3] == pytest.approx(value[:3])
        assert risen.threshold == pytest.approx(np.exp(value.threshold))
