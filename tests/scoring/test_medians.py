"""Medians between two rows against NumPy on repeated rows, and the example computed by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blindsky.scoring.measurements import Sample
from blindsky.scoring.medians import median, median_deviation, median_deviations, medians


def test_weights_that_can_not_be():
    with pytest.raises(ValueError, match="expected"):
        median(np.arange(3.0), weights=np.array([1, -1, 1]))


def test_by_hand():
    x = np.array([1.0, 2.0, 3.0, 10.0])
    assert median(x) == 2.5
    assert median(x, weights=np.array([2, 0, 1, 1])) == 2.0
    assert median_deviation(x) == 1.0  # 1.5 .5 .5 7.5
    assert median_deviation(x, weights=np.array([2, 0, 1, 1])) == 1.0  # 1 1 1 8
    assert median(x, weights=np.array([0.5, 0.0, 0.25, 0.25])) == 2.0
    assert median(np.array([3.0, 1.0]), weights=np.array([1.0, 3.0])) == 1.0


def test_nothing_to_go_by():
    for call in (median, median_deviation):
        assert np.isnan(call(np.empty(0)))
        assert np.isnan(call(np.ones(3), weights=np.zeros(3)))
        assert call(np.array([4.0])) == (4.0 if call is median else 0.0)


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 100_000), ties=st.booleans(), dtype=st.sampled_from(["u1", "i8", "f8"]))
def test_against_numpy_on_repeated_rows(seed, ties, dtype):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 40))
    x = rng.integers(-4, 5, n).astype(float) if ties else rng.normal(0, 1, n)
    weights = rng.poisson(1, (5, n)).astype(dtype)
    weights[4] = 0
    sample, counts = Sample(x), weights.astype(int)
    for row, found in zip(counts, medians(sample, weights), strict=True):
        expected = np.median(np.repeat(x, row)) if row.any() else np.nan
        assert found == pytest.approx(expected, abs=1e-14, nan_ok=True)
    for row, found in zip(counts, median_deviations(sample, weights), strict=True):
        many = np.repeat(x, row)
        expected = np.median(np.abs(many - np.median(many))) if row.any() else np.nan
        assert found == pytest.approx(expected, abs=1e-13, nan_ok=True)
    scaled = 0.1 * weights.astype(float)
    np.testing.assert_allclose(medians(sample, scaled), medians(sample, weights), atol=1e-14)
    np.testing.assert_allclose(
        median_deviations(sample, scaled), median_deviations(sample, weights), atol=1e-13
    )
