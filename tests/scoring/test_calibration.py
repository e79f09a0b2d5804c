"""PIT tests against SciPy and by hand; null bands against simulation; the stacked density."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blindsky.scoring import calibration, density
from blindsky.scoring.measurements import Measurements, Moments
from blindsky.scoring.metric import ones

GRID = {"low": 0.0, "high": 3.0}
TESTS = (calibration.pit_ks, calibration.pit_cvm, calibration.pit_ad, calibration.pit_outlier)
NOTHING = np.empty((0, 0))


def case_c():
    i, k = np.arange(20)[:, None], np.arange(301)
    z = ((37 * i[:, 0] + 11) % 290) / 100 + 0.0037
    return z, 1.0 + (k * (i + 3)) % 17, 1 + i[:, 0] ** 2 % 4


@pytest.mark.parametrize("pit", [np.array([1.1]), np.array([-0.1]), np.array([np.nan]), np.ones((2, 2))])
def test_values_outside(pit):
    with pytest.raises(ValueError, match="between 0 and 1"):
        calibration.pit_ks(pit)


@pytest.mark.parametrize(
    ("weighted", "expected"),
    [
        (False, (0.1522567543, 0.0056204238, 0.0307041495, 0.1960008889)),
        (True, (0.1522567543, 0.0037821335, 0.0208894611, 0.1516472823)),
    ],
)
def test_ragged_densities(weighted, expected):
    z, pdf, w = case_c()
    weights = w if weighted else None
    pit = density.measure(z, pdf, 0, 3)["pit"]
    found = [score(pit, weights=weights) for score in TESTS[:3]]
    found.append(calibration.nz_w1(z, pdf, weights=weights, **GRID))
    np.testing.assert_allclose(found, expected, atol=1e-8)


def test_one_pit_by_hand():
    # F jumps from 0 to 1 at 1/2: Int u^2 and Int (1-u)^2 add up to 1/12; Int u/(1-u) from .01 to .5, twice
    pit = np.array([0.5])
    assert calibration.pit_ks(pit) == 0.5
    assert calibration.pit_cvm(pit) == pytest.approx(1 / 12, abs=1e-15)
    assert calibration.pit_ad(pit) == pytest.approx(2 * (np.log(2) + np.log(0.99) - 0.49), abs=1e-14)


def test_against_scipy():
    stats = pytest.importorskip("scipy.stats")
    pit = np.random.default_rng(5).beta(1.2, 0.9, 500)
    assert calibration.pit_ks(pit) == pytest.approx(stats.kstest(pit, "uniform").statistic, abs=1e-13)
    w2 = stats.cramervonmises(pit, "uniform").statistic
    assert 500 * calibration.pit_cvm(pit) == pytest.approx(w2, abs=1e-10)


def test_ad_against_the_sum_of_anderson_and_darling(monkeypatch):
    # A^2 = -n - sum (2i-1)/n [ln u_i + ln(1 - u_(n+1-i))] on (0, 1); the range used here leaves out 1e-9
    monkeypatch.setattr(calibration, "AD_RANGE", (1e-12, 1 - 1e-12))
    n = 400
    u = np.sort(np.random.default_rng(6).beta(1.1, 1.0, n))
    i = np.arange(1, n + 1)
    a2 = -n - np.sum((2 * i - 1) / n * (np.log(u) + np.log1p(-u[::-1])))
    assert n * calibration.pit_ad(u) == pytest.approx(a2, abs=1e-6)


def test_outliers_are_counted_at_both_ends():
    pit = np.array([0.0, 0.00005, 0.00011, 0.5, 0.9998, 0.99995, 1.0, 0.3])
    assert calibration.pit_outlier(pit) == 0.5
    assert calibration.pit_outlier(pit, weights=np.array([0, 0, 1, 1, 1, 0, 1, 0])) == 0.25


@pytest.mark.parametrize("score", TESTS)
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_weights_are_repeated_rows_and_order_is_nothing(score, seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 40))
    pit, w = rng.choice([0.0, 0.00001, 0.2, 0.5, 1.0], n), rng.poisson(1, n)
    pit[: n // 2] = rng.random(n // 2)
    w[0] += 1
    value, order = score(pit, weights=w), rng.permutation(n)
    assert score(np.repeat(pit, w)) == pytest.approx(value, abs=1e-12)
    assert score(pit, weights=w / 7) == pytest.approx(value, abs=1e-12)
    assert score(pit[order], weights=w[order]) == pytest.approx(value, abs=1e-12)
    assert np.isnan(score(pit, weights=np.zeros(n)))


@pytest.mark.parametrize("n", [12, 50, 2000])
def test_the_null_of_ks_is_the_exact_distribution(n):
    stats = pytest.importorskip("scipy.stats")
    draws = calibration.null_ks(Measurements({"pit": np.zeros(n)}), np.random.default_rng(0), NOTHING)
    for q in (0.025, 0.5, 0.975):
        assert np.quantile(draws, q) == pytest.approx(stats.kstwo.ppf(q, n), rel=0.01 if n < 50 else 0.003)


@pytest.mark.parametrize(
    ("null", "score"),
    [
        (calibration.null_ks, calibration.pit_ks),
        (calibration.null_cvm, calibration.pit_cvm),
        (calibration.null_ad, calibration.pit_ad),
    ],
)
@pytest.mark.parametrize("n", [40, 3000])
def test_the_null_band_holds_a_perfect_entry(null, score, n):
    # 400 perfect entries: the spread of the share is 1.1 %, of a band of 1,000 draws 1 %; 4 % is 2.7 of both
    rng = np.random.default_rng(n)
    draws = null(Measurements({"pit": np.zeros(n)}), np.random.default_rng(0), NOTHING)
    low, high = np.quantile(draws, [0.025, 0.975])
    values = np.array([score(rng.random(n)) for _ in range(400)])
    assert np.mean((low <= values) & (values <= high)) == pytest.approx(0.95, abs=0.04)


def test_a_null_band_is_the_same_for_every_entry():
    one, other = (Measurements({"pit": np.random.default_rng(s).random(300)}) for s in (1, 2))
    for null in (calibration.null_ks, calibration.null_cvm, calibration.null_ad):
        bands = [null(m, np.random.default_rng(9), NOTHING) for m in (one, other)]
        np.testing.assert_array_equal(*bands)


def stacked(z, pdf):
    moments = Moments.of(density.cdf_excess(z, pdf, 0, 3))
    return Measurements({"z_true": z}, {"cdf_excess": moments})


def perfect(rng, n):
    """Truths drawn from Gaussian densities given on the nodes."""
    m, s = rng.uniform(0.5, 2.5, n), rng.uniform(0.02, 0.1, n)
    pdf = np.exp(-((np.linspace(0, 3, 301) - m[:, None]) ** 2) / (2 * s[:, None] ** 2))
    return m + s * rng.standard_normal(n), pdf.astype(np.float32)


def test_the_stacked_density_from_moments():
    z, pdf, w = case_c()
    statistic = calibration.prepare_nz_w1(stacked(z, pdf), **GRID)
    assert statistic(ones(20))[0] == pytest.approx(0.1960008889, abs=1e-6)  # folded in float32
    assert statistic(np.full((1, 20), 3))[0] == statistic(ones(20))[0]
    assert np.isnan(statistic(np.zeros((1, 20)))[0])
    with pytest.raises(ValueError, match="unequal weights"):
        statistic(w[None, :])


def test_the_null_band_of_the_stacked_density_holds_a_perfect_entry():
    # 200 entries of 400 rows: the spread of the share is 1.5 %
    rng = np.random.default_rng(8)
    inside = []
    for _ in range(200):
        table = stacked(*perfect(rng, 400))
        draws = calibration.null_nz_w1(table, rng, NOTHING, **GRID)
        low, high = np.quantile(draws, [0.025, 0.975])
        inside.append(low <= calibration.prepare_nz_w1(table, **GRID)(ones(400))[0] <= high)
    assert np.mean(inside) == pytest.approx(0.95, abs=0.05)
