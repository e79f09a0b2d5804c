"""Rows that are NaN count as if they were not there, whatever their weight."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blindsky.scoring import defined
from blindsky.scoring.measurements import Measurements
from blindsky.scoring.metric import ones


def mad(x):
    return 1.4826 * np.median(np.abs(x - np.median(x)))


EXPECTED = {"mean": np.mean, "std": np.std, "median": np.median, "nmad": mad}


def prepared(kind, x):
    return defined.prepare(Measurements({"x": x}), kind, "x", lambda m: m.floats("x"))


@pytest.mark.parametrize("kind", EXPECTED)
@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_against_numpy_on_the_rows_that_are_there(kind, seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 50))
    x = rng.normal(5, 1, n)
    x[rng.random(n) < 0.4] = np.nan
    weights = rng.poisson(1, (4, n)).astype(np.uint8)
    found = prepared(kind, x)(weights)
    for value, w in zip(found, weights, strict=True):
        rows = np.repeat(x, w)[~np.isnan(np.repeat(x, w))]
        expected = EXPECTED[kind](rows) if len(rows) else np.nan
        # a spread from sums of squares of order 1 is good to the root of their rounding
        assert value == pytest.approx(expected, rel=1e-12, abs=1e-7 if kind == "std" else 1e-12, nan_ok=True)


@pytest.mark.parametrize("kind", EXPECTED)
def test_nothing_defined(kind):
    assert np.isnan(prepared(kind, np.full(3, np.nan))(ones(3)))
    assert np.isnan(prepared(kind, np.array([1.0, np.nan]))(np.array([[0, 5]], np.uint8)))


def test_columns_of_other_names_are_others():
    table = Measurements({"x": np.array([1.0, 2.0, 4.0])})
    x = defined.prepare_median(table, "x", lambda m: m.floats("x"))
    square = defined.prepare_median(table, "x^2", lambda m: m.floats("x") ** 2)
    mean, mean_square = (
        defined.prepare_mean(table, f"x^{k}", lambda m, k=k: m.floats("x") ** k) for k in (1, 2)
    )
    assert (x(ones(3))[0], square(ones(3))[0]) == (2, 4)
    assert (mean(ones(3))[0], mean_square(ones(3))[0]) == pytest.approx((7 / 3, 7))
