"""Weighted quantiles against NumPy's, and the median absolute deviation against its definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blindsky.scoring.measurements import Sample
from blindsky.scoring.quantiles import absolute_deviation, quantile, quantiles

samples = st.lists(
    st.tuples(st.sampled_from([-1.0, -0.1, 0.0, 0.1, 0.2, 0.3, 0.7]) | st.floats(-2, 2), st.integers(0, 4)),
    min_size=1,
    max_size=30,
)


def by_definition(x, w):
    centre = np.quantile(x, 0.5, method="inverted_cdf", weights=w)
    return np.quantile(np.abs(x - centre), 0.5, method="inverted_cdf", weights=w)


@pytest.mark.parametrize("level", [0.0, -0.1, 1.1, np.nan])
def test_levels_outside(level):
    with pytest.raises(ValueError, match="level"):
        quantile(np.arange(3.0), level)


def test_rounding_does_not_push_a_level_to_the_next_row():
    # 0.2 * 15 is 3.0000000000000004 in float64, yet the third of fifteen rows is meant
    assert quantile(np.arange(15.0), 0.2) == 2
    assert quantile(np.arange(15.0), 0.2, weights=np.full(15, 0.1)) == 2


@settings(max_examples=100, deadline=None)
@given(samples, st.sampled_from([0.02275, 0.25, 0.5, 0.75, 1.0]))
def test_equals_numpy_and_repeated_rows(sample, level):
    x, w = (np.array(column) for column in zip(*sample, strict=True))
    if w.sum() == 0:
        assert np.isnan(quantile(x, level, weights=w))
        return
    found = quantile(x, level, weights=w)
    assert found == np.quantile(np.repeat(x, w), level, method="inverted_cdf")
    assert found == quantile(x, level, weights=w.astype(float))
    assert found == quantile(x, level, weights=w.astype(np.uint8))


@settings(max_examples=200, deadline=None)
@given(samples)
def test_absolute_deviation_is_the_definition(sample):
    x, w = (np.array(column) for column in zip(*sample, strict=True))
    found = absolute_deviation(Sample(x), w[None, :])[0]
    if w.sum() == 0:
        assert np.isnan(found)
        return
    assert found == pytest.approx(by_definition(x, w.astype(float)), abs=1e-14)
    assert found == absolute_deviation(Sample(np.repeat(x, w)), np.ones((1, w.sum()), np.uint8))[0]


def test_blocks_equal_single_rows():
    rng = np.random.default_rng(0)
    x, weights = rng.standard_t(2, 1001), rng.poisson(1, (32, 1001)).astype(np.uint8)
    weights[5] = 0
    sample = Sample(x)
    found = np.column_stack([quantiles(sample, weights, 0.1, 0.9), absolute_deviation(sample, weights)])
    assert np.isnan(found[5]).all()
    for row, w in zip(np.delete(found, 5, axis=0), np.delete(weights, 5, axis=0), strict=True):
        repeated = np.repeat(x, w)
        expected = [np.quantile(repeated, q, method="inverted_cdf") for q in (0.1, 0.9)]
        np.testing.assert_allclose(row, [*expected, by_definition(x, w.astype(float))], rtol=1e-14)


def test_an_empty_sample_is_undefined():
    empty = Sample(np.empty(0))
    weights = np.empty((2, 0), np.uint8)
    assert np.isnan(quantiles(empty, weights, 0.5)).all()
    assert np.isnan(absolute_deviation(empty, weights)).all()
