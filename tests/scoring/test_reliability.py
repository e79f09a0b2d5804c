"""Brier score and calibration error: by hand, on a calibrated score, as weighted means."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blindsky.scoring import reliability

SCORE = np.array([0.95, 0.90, 0.90, 0.80, 0.70, 0.60, 0.60, 0.40, 0.30, 0.10])
LABEL = np.array([1, 1, 0, 1, 1, 0, 1, 0, 0, 0])
WEIGHTS = np.array([1, 2, 0, 1, 0, 3, 1, 1, 2, 1])


@pytest.mark.parametrize("score", [np.full(10, 1.1), np.full(10, -0.1)])
def test_scores_outside(score):
    for call in (reliability.brier, reliability.ece, reliability.reliability):
        with pytest.raises(ValueError, match="between 0 and 1"):
            call(LABEL, score)


def test_the_table():
    assert reliability.brier(LABEL, SCORE) == pytest.approx(0.17325, abs=1e-12)
    assert reliability.ece(LABEL, SCORE) == pytest.approx(0.235, abs=1e-12)
    assert reliability.brier(LABEL, SCORE, weights=WEIGHTS) == pytest.approx(0.13770833, abs=1e-8)
    assert reliability.ece(LABEL, SCORE, weights=WEIGHTS) == pytest.approx(0.24583333, abs=1e-8)


def test_no_weight_is_undefined():
    for score in (reliability.brier, reliability.ece):
        assert np.isnan(score(LABEL, SCORE, weights=np.zeros(10)))
        assert np.isnan(score(np.empty(0), np.empty(0)))


def test_an_edge_is_in_the_bin_above_it_and_one_in_the_last():
    assert list(reliability.bin_of(np.arange(16) / 15)) == [*range(15), 14]
    assert list(reliability.bin_of(np.arange(11) / 10, 10)) == [*range(10), 9]


def test_a_constant_score():
    assert reliability.ece(LABEL, np.full(10, 0.5)) == 0
    assert reliability.ece(LABEL, np.full(10, 0.8)) == pytest.approx(0.3)
    assert reliability.brier(LABEL, np.full(10, 0.5)) == 0.25
    assert reliability.brier(LABEL, LABEL.astype(float)) == 0
    assert reliability.ece(LABEL, 1.0 - LABEL) == 1


def test_a_calibrated_score():
    # label Bernoulli(score), score uniform: Brier is Int s(1-s) = 1/6; the error of a bin of 1e5/15 is 0.6 %
    rng = np.random.default_rng(3)
    score = rng.random(100_000)
    label = rng.random(100_000) < score
    assert reliability.brier(label, score) == pytest.approx(1 / 6, abs=2e-3)
    assert reliability.ece(label, score) < 0.01
    # s^2 for s: Int |s - s^2| ds = 1/6
    assert reliability.ece(label, score**2) == pytest.approx(1 / 6, abs=0.01)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 100_000))
def test_weights_order_and_the_diagram(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 60))
    label, score, weights = rng.random(n) < 0.5, rng.integers(0, 31, n) / 30, rng.poisson(1, n)
    weights[0] += 1
    order, rows = rng.permutation(n), np.repeat(np.arange(n), weights)
    for measure in (reliability.brier, reliability.ece):
        value = measure(label, score, weights=weights)
        assert measure(label[rows], score[rows]) == pytest.approx(value, abs=1e-13)
        assert measure(label[order], score[order], weights=weights[order] / 7) == pytest.approx(
            value, abs=1e-13
        )
    weight, confidence, share = reliability.reliability(label, score, weights=weights)
    assert weight.sum() == weights.sum()
    assert np.isnan(share[weight == 0]).all()
    gaps = np.nansum(weight * np.abs(share - confidence)) / weight.sum()
    assert reliability.ece(label, score, weights=weights) == pytest.approx(gaps, abs=1e-13)
