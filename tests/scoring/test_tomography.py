"""Tomographic scores against a table computed by hand and a direct loop over the bins."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blindsky.scoring import tomography
from blindsky.scoring.measurements import Measurements
from blindsky.scoring.tomography import tomo_bias, tomo_width

Z_TRUE = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.5, 1.8, 2.1, 2.5])
Z_POINT = np.array([0.11, 0.19, 0.33, 0.40, 0.47, 0.62, 0.71, 0.79, 1.5, 1.02, 1.19, 1.55, 0.2, 2.14, 2.49])
WEIGHTS = np.array([1, 2, 0, 1, 3, 1, 1, 2, 1, 1, 0, 1, 1, 2, 1])


def directly(z_true, z_point, w, pdf_mean, pdf_m2):
    """Bias of both estimates and width, by masks over repeated rows, (3, 5)."""
    t, p, m, s = (np.repeat(column, w) for column in (z_true, z_point, pdf_mean, pdf_m2))
    edges = [np.quantile(p, q, method="inverted_cdf") for q in (0.2, 0.4, 0.6, 0.8)]
    bin_ = np.searchsorted(edges, p, side="left")
    if set(bin_) != set(range(5)):
        return np.full((3, 5), np.nan)
    found = []
    for k in range(5):
        b = bin_ == k
        scale = 1 + t[b].mean()
        width = np.sqrt(max(s[b].mean() - m[b].mean() ** 2, 0)) - t[b].std()
        found.append(
            [(p[b].mean() - t[b].mean()) / scale, (m[b].mean() - t[b].mean()) / scale, width / scale]
        )
    return np.array(found).T


def test_the_table():
    expected = [-0.3137254902, 0, 0.0039215686, 0.1, 0.0087912088]
    np.testing.assert_allclose(tomo_bias(Z_TRUE, Z_POINT), expected, atol=1e-8)
    expected = [-0.2555555556, -0.0152542373, 0.0014492754, 0.1046875, 0.0072164948]
    np.testing.assert_allclose(tomo_bias(Z_TRUE, Z_POINT, weights=WEIGHTS), expected, atol=1e-8)


def test_shapes_that_differ():
    with pytest.raises(ValueError, match="one shape"):
        tomo_bias(np.ones(3), np.ones(2))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_against_masks_over_repeated_rows(seed, ties):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(5, 60))
    t, w = rng.uniform(0, 3, n), rng.poisson(1, n).astype(np.uint8)
    p = rng.integers(0, 8, n) / 4 if ties else t + 0.1 * rng.standard_normal(n)
    w[0] += 1
    m, s = p + 0.01, (p + 0.01) ** 2 + rng.random(n)
    expected = directly(t, p, w, m, s)
    for weights in (w, w.astype(float) * 0.3):
        np.testing.assert_allclose(tomo_bias(t, p, weights=weights), expected[0], atol=1e-12)
        np.testing.assert_allclose(tomo_bias(t, p, pdf_mean=m, weights=weights), expected[1], atol=1e-12)
        np.testing.assert_allclose(tomo_width(t, p, m, s, weights=weights), expected[2], atol=1e-7)


def test_many_rows_in_blocks_of_replicates():
    rng = np.random.default_rng(3)
    n = 3000
    t = rng.uniform(0, 3, n)
    p = t + 0.2 * rng.standard_normal(n)
    weights = rng.poisson(1, (8, n)).astype(np.uint8)
    table = Measurements({"z_true": t, "z_point": p, "pdf_mean": t, "pdf_m2": t**2 + 0.01})
    statistics = [tomography.prepare_tomo_bias(table, k) for k in range(1, 6)]
    found = np.stack([statistic(weights) for statistic in statistics], axis=1)
    largest, rms = tomography.prepare_tomo_bias_max(table), tomography.prepare_tomo_bias_rms(table)
    for b in range(8):
        expected = directly(t, p, weights[b], t, t**2)[0]
        np.testing.assert_allclose(found[b], expected, atol=1e-12)
        assert largest(weights)[b] == pytest.approx(np.abs(expected).max(), abs=1e-12)
        assert rms(weights)[b] == pytest.approx(np.sqrt(np.mean(expected**2)), abs=1e-12)


def test_a_constant_guess_and_no_weight_are_undefined():
    constant = np.full(15, 0.9)
    assert np.isnan(tomo_bias(Z_TRUE, constant)).all()
    assert np.isnan(tomo_width(Z_TRUE, constant, constant, constant)).all()
    assert np.isnan(tomo_bias(Z_TRUE, Z_POINT, weights=np.zeros(15))).all()
    assert np.isnan(tomo_bias(np.empty(0), np.empty(0))).all()
    table = Measurements({"z_true": Z_TRUE, "z_point": constant})
    assert np.isnan(tomography.prepare_tomo_bias_max(table)(np.ones((2, 15)))).all()


def test_the_null_band_holds_an_unbiased_entry():
    # 200 entries, 150 replicates each: the spread of the share is 1.5 %
    rng = np.random.default_rng(11)
    n = 1000
    weights = rng.poisson(1, (150, n)).astype(np.uint8)
    inside = []
    for _ in range(200):
        p = rng.uniform(0, 3, n)
        table = Measurements({"z_true": p + 0.1 * rng.standard_normal(n), "z_point": p})
        statistics = [tomography.prepare_tomo_bias(table, k) for k in range(1, 6)]
        drawn = np.stack([statistic(weights) for statistic in statistics], axis=1)
        low, high = np.quantile(tomography.null_rms(table, rng, drawn), [0.025, 0.975])
        inside.append(low <= tomography.prepare_tomo_bias_rms(table)(np.ones((1, n)))[0] <= high)
    assert np.mean(inside) == pytest.approx(0.95, abs=0.05)


def test_undefined_replicates_leave_the_null():
    replicates = np.array([[0.1] * 5, [0.3] * 5, [np.nan] * 5])
    table, rng = Measurements({}), np.random.default_rng(0)
    np.testing.assert_allclose(tomography.null_max(table, rng, replicates), [0.1, 0.1])
    assert len(tomography.null_rms(table, rng, replicates[2:])) == 0
