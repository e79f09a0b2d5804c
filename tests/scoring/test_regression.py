"""Point scores against a table computed by hand, scikit-learn and SciPy; coverage of their intervals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blindsky.scoring import regression
from blindsky.scoring.card import wilson
from blindsky.scoring.measurements import Measurements
from blindsky.scoring.sums import mean

Z_TRUE = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.5, 1.8, 2.1, 2.5])
Z_POINT = np.array([0.11, 0.19, 0.33, 0.40, 0.47, 0.62, 0.71, 0.79, 1.5, 1.02, 1.19, 1.55, 0.2, 2.14, 2.49])
WEIGHTS = np.array([1, 2, 0, 1, 3, 1, 1, 2, 1, 1, 0, 1, 1, 2, 1])
SCORES = (
    regression.mu,
    regression.mean_bias,
    regression.sigma,
    regression.sigma_nmad,
    regression.sigma_iqr,
    regression.sigma68,
    regression.sigma95,
    regression.out15,
    regression.out3,
    regression.hsc_loss,
)
# fmt: off
PLAIN = (0.0058823529, -0.0135651449, 0.1684230930, 0.0154602674, 0.0136833072, 0.0141666667, 0.4436090226,
         0.1333333333, 0.1333333333, 0.1226060407)
WEIGHTED = (-0.0028571429, -0.0146107947, 0.1536457527, 0.0190620000, 0.0154435384, 0.0164516129, 0.4436090226,
            0.1111111111, 0.1111111111, 0.1034321345)
# fmt: on


@pytest.mark.parametrize(
    ("z_true", "z_point"),
    [
        (np.ones(3), np.ones(2)),
        (np.ones((3, 1)), np.ones((3, 1))),
        (np.array([1.0, np.nan]), np.ones(2)),
        (np.ones(2), np.array([1.0, np.inf])),
        (np.array([-1.0]), np.ones(1)),
    ],
)
def test_arrays_that_do_not_fit(z_true, z_point):
    with pytest.raises(ValueError, match="expected"):
        regression.mu(z_true, z_point)


@pytest.mark.parametrize(("score", "expected"), list(zip(SCORES, PLAIN, strict=True)))
def test_the_table(score, expected):
    assert score(Z_TRUE, Z_POINT) == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize(("score", "expected"), list(zip(SCORES, WEIGHTED, strict=True)))
def test_the_table_with_weights(score, expected):
    assert score(Z_TRUE, Z_POINT, weights=WEIGHTS) == pytest.approx(expected, abs=1e-8)
    repeated = score(np.repeat(Z_TRUE, WEIGHTS), np.repeat(Z_POINT, WEIGHTS))
    assert score(Z_TRUE, Z_POINT, weights=WEIGHTS) == pytest.approx(repeated, abs=1e-12)
    assert score(Z_TRUE, Z_POINT, weights=0.1 * WEIGHTS) == pytest.approx(repeated, abs=1e-12)


@pytest.mark.parametrize("score", SCORES)
def test_no_weight_is_undefined(score):
    assert np.isnan(score(Z_TRUE, Z_POINT, weights=np.zeros(15)))
    assert np.isnan(score(np.empty(0), np.empty(0)))


@pytest.mark.parametrize("score", SCORES)
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_the_order_of_rows_and_repeated_rows(score, seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 60))
    z, p, w = rng.uniform(0, 3, n), rng.uniform(0, 3, n), rng.poisson(1, n).astype(np.uint8)
    w[0] += 1
    value, order = score(z, p, weights=w), rng.permutation(n)
    assert score(z[order], p[order], weights=w[order]) == pytest.approx(value, abs=1e-13)
    assert score(np.repeat(z, w), np.repeat(p, w)) == pytest.approx(value, abs=1e-12)


def test_against_scikit_learn_and_scipy():
    metrics, stats = pytest.importorskip("sklearn.metrics"), pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(1)
    z = rng.uniform(0, 3, 1001)
    e = 0.05 * rng.standard_t(3, 1001)
    p = z + e * (1 + z)
    # 1,001 rows: every convention of the median gives the middle row
    assert regression.sigma_nmad(z, p) == pytest.approx(1.4826 * stats.median_abs_deviation(e), rel=1e-10)
    centred = regression.sigma(z, p) ** 2 + regression.mean_bias(z, p) ** 2
    assert centred == pytest.approx(metrics.mean_squared_error(np.zeros(1001), e), rel=1e-10)
    w = rng.random(1001)
    assert regression.mean_bias(z, p, weights=w) == pytest.approx(np.average(e, weights=w), rel=1e-10)
    assert regression.out15(z, p, weights=w) == pytest.approx(
        metrics.zero_one_loss(np.zeros(1001), np.abs(e) > 0.15, sample_weight=w), rel=1e-10
    )


def test_widths_of_a_normal_sample():
    # 1e5 evenly spaced quantiles of a normal distribution of width 0.02
    stats = pytest.importorskip("scipy.stats")
    e = 0.02 * stats.norm.ppf((np.arange(100_000) + 0.5) / 100_000)
    z = np.full(100_000, 0.7)
    p = z + e * (1 + z)
    for width in (regression.sigma_nmad, regression.sigma_iqr, regression.sigma68, regression.sigma):
        assert width(z, p) == pytest.approx(0.02, rel=1e-3)
    assert regression.sigma95(z, p) == pytest.approx(0.04, rel=1e-3)


def test_a_perfect_entry():
    for score in SCORES:
        assert score(Z_TRUE, Z_TRUE) == 0


@pytest.fixture(scope="module")
def intervals():
    """95 % intervals and values of 400 entries of 2,000 rows, 250 replicates each, in (400, 3)."""
    n, entries, replicates = 2000, 400, 250
    rng = np.random.default_rng(20)
    weights = rng.poisson(1.0, (replicates, n)).astype(np.uint8)
    found = {"sigma_nmad": [], "mean": [], "out15": []}
    for _ in range(entries):
        table = Measurements({"e": 0.05 * rng.standard_normal(n)})
        for key, prepare in (
            ("sigma_nmad", regression.prepare_sigma_nmad),
            ("mean", lambda m: mean(m, "e")),
        ):
            found[key].append(np.quantile(prepare(table)(weights), [0.025, 0.975]))
        outliers = Measurements({"e": np.where(rng.random(n) < 0.08, 1.0, 0.0)})
        share = regression.prepare_out15(outliers)(np.ones((1, n), np.uint8))[0]
        found["out15"].append(wilson(share, n))
    return {key: np.array(rows) for key, rows in found.items()}


@pytest.mark.parametrize(("key", "truth"), [("sigma_nmad", 0.05), ("mean", 0.0), ("out15", 0.08)])
def test_intervals_cover_the_truth_as_often_as_they_say(intervals, key, truth):
    # The spread of a share of 400 trials at 95 % is 1.1 %: 3 % is 2.8 of it
    low, high = intervals[key].T
    assert np.mean((low <= truth) & (truth <= high)) == pytest.approx(0.95, abs=0.03)
