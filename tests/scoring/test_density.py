"""Density scores against hand-computed values, numerical integration and the properties they must have."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blindsky.scoring import calibration, density

GRID = {"low": 0.0, "high": 3.0}
NODES = np.linspace(0, 3, 301)


def gaussians(parameters):
    m, s = np.array(parameters).T[:, :, None]
    return np.exp(-((NODES - m) ** 2) / (2 * s**2))


def case_c():
    i, k = np.arange(20)[:, None], np.arange(301)
    pdf = 1.0 + (k * (i + 3)) % 17
    z = ((37 * i[:, 0] + 11) % 290) / 100 + 0.0037
    return z, pdf, 1 + i[:, 0] ** 2 % 4


def case_random(n, seed=0, nodes=301):
    rng = np.random.default_rng(seed)
    pdf = rng.random((n, nodes)) ** 8 + 1e-3
    return rng.uniform(0, 3, n), pdf.astype(np.float32)


def test_a_row_without_integral_is_named():
    pdf = np.ones((1500, 301))
    pdf[1234] = 0
    with pytest.raises(ValueError, match="row 1234"):
        density.measure(np.ones(1500), pdf, 0, 3)
    pdf[1234] = np.nan
    with pytest.raises(ValueError, match="row 1234"):
        density.cdf_excess(np.ones(1500), pdf, 0, 3)


@pytest.mark.parametrize(
    ("z", "pdf", "words"),
    [
        (np.array([3.1]), np.ones((1, 301)), "3.1 in row 0"),
        (np.array([np.nan]), np.ones((1, 301)), "nan in row 0"),
        (np.ones(2), np.ones((1, 301)), "shapes"),
        (np.ones(1), np.ones(301), "shapes"),
    ],
)
def test_arrays_that_do_not_fit(z, pdf, words):
    with pytest.raises(ValueError, match=words):
        density.measure(z, pdf, 0, 3)


@pytest.mark.parametrize("weights", [np.ones(2), np.array([1, -1, 1]), np.array([1, np.nan, 1])])
def test_weights_that_can_not_be(weights):
    with pytest.raises(ValueError, match="3 finite weights"):
        density.crps(np.ones(3), np.ones((3, 301)), weights=weights, **GRID)


def test_uniform_density_by_hand():
    z, pdf = np.array([0.5, 1, 2]), np.full((3, 301), 1 / 3)
    rows = density.measure(z, pdf, 0, 3)
    np.testing.assert_allclose(rows["pit"], [1 / 6, 1 / 3, 2 / 3], atol=1e-8)
    np.testing.assert_allclose(rows["crps"], (z**3 + (3 - z) ** 3) / 27, atol=1e-8)
    np.testing.assert_allclose(rows["pdf_m2"], 3.0, atol=1e-8)
    assert density.cde_loss(z, pdf, **GRID) == pytest.approx(-1 / 3, abs=1e-8)
    assert density.mean_log_p(z, pdf, **GRID) == pytest.approx(-1.0986122887, abs=1e-8)
    assert density.crps(z, pdf, **GRID) == pytest.approx(0.4166666667, abs=1e-8)


def test_narrow_and_wide_gaussians():
    z = np.array([0.415, 1.02, 1.00, 2.60, 0.05])
    pdf = gaussians([(0.40, 0.02), (1.00, 0.05), (1.005, 0.004), (2.00, 0.30), (0.02, 0.05)])
    rows = density.measure(z, pdf, 0, 3)
    expected = {
        "p_true": [14.8509012821, 7.3654028061, 49.9036629085, 0.1800472252, 10.1758879387],
        "pit": [0.7688873208, 0.6549297809, 0.2504816855, 0.9776598103, 0.5802286705],
        "int_p2": [13.8198852649, 5.6231832350, 41.5384336440, 0.9410360189, 9.3544151526],
        "crps": [0.0089804049, 0.0148630633, 0.0029596279, 0.4361974257, 0.0088394774],
        "f05": [0.99683332, 0.93885812, 1.0, 0.07614432, 0.92358751],
        "pdf_mean": [0.4, 1.0, 1.005, 1.9995366, 0.04822382],
    }
    for name, values in expected.items():
        np.testing.assert_allclose(rows[name], values, atol=1e-8, err_msg=name)
    assert density.cde_loss(z, pdf, **GRID) == pytest.approx(-18.7349702012, abs=1e-8)
    assert density.mean_log_p(z, pdf, **GRID) == pytest.approx(1.8420867190, abs=1e-8)
    assert density.crps(z, pdf, **GRID) == pytest.approx(0.0943679998, abs=1e-8)
    assert calibration.nz_w1(z, pdf, **GRID) == pytest.approx(0.1368193196, abs=1e-8)


@pytest.mark.parametrize(
    ("weighted", "expected"),
    [
        (False, (-0.2384538440, -1.2433799317, 0.4886122099, 0.0773158093, 0.2199453925)),
        (True, (-0.2147493911, -1.2807760866, 0.4806655109, 0.0794982488, 0.2230312561)),
    ],
)
def test_ragged_densities_with_weights(weighted, expected):
    z, pdf, w = case_c()
    scores = (density.cde_loss, density.mean_log_p, density.crps, density.f05, density.f15)
    found = [score(z, pdf, weights=w if weighted else None, **GRID) for score in scores]
    np.testing.assert_allclose(found, expected, atol=1e-8)


def test_against_numerical_integration_on_another_grid():
    # 4,000 midpoints a cell leave an error near (step / 4000)^2
    low, high, n = -1.0, 2.0, 7
    rng = np.random.default_rng(3)
    nodes, fine = np.linspace(low, high, n), np.linspace(low, high, (n - 1) * 4000 + 1)
    middle, width = (fine[1:] + fine[:-1]) / 2, fine[1] - fine[0]
    pdf, z = rng.random((6, n)), np.array([-1.0, -0.75, 0.0, 0.5, 1.9, 2.0])
    rows = density.measure(z, pdf, low, high)
    for i in range(6):
        v = np.interp(middle, nodes, pdf[i])
        p = v / (v.sum() * width)
        F = np.cumsum(p) * width - p * width / 2
        np.testing.assert_allclose(rows["mass"][i], v.sum() * width, rtol=1e-6)
        np.testing.assert_allclose(rows["int_p2"][i], np.sum(p**2) * width, rtol=1e-6)
        np.testing.assert_allclose(rows["pdf_mean"][i], np.sum(p * middle) * width, atol=1e-6)
        np.testing.assert_allclose(rows["pdf_m2"][i], np.sum(p * middle**2) * width, atol=1e-6)
        np.testing.assert_allclose(rows["pit"][i], np.sum(p[middle < z[i]]) * width, atol=1e-6)
        np.testing.assert_allclose(rows["crps"][i], np.sum((F - (middle > z[i])) ** 2) * width, atol=1e-6)


def test_the_floor_of_the_logarithm():
    pdf = np.zeros((1, 301))
    pdf[0, 100] = 1
    rows = density.measure(np.array([2.0]), pdf, 0, 3)
    assert rows["log_p"][0] == pytest.approx(np.log(1e-6))
    assert rows["p_true"][0] == 0
    assert rows["pit"][0] == 1


def test_a_density_of_one_node_is_a_triangle():
    # A triangle of half-width 0.01 and height 100: Int p^2 = 2/3 of the height, f05 all of it
    pdf = np.zeros((1, 301), dtype=np.float32)
    pdf[0, 100] = 1
    rows = density.measure(np.array([1.0]), pdf, 0, 3)
    np.testing.assert_allclose(
        [rows[k][0] for k in ("p_true", "int_p2", "pit", "f05", "mass", "crps")],
        [100, 200 / 3, 0.5, 1.0, 0.01, 2 * 0.01 / 20],
        atol=1e-12,
    )


def test_chunks_and_order_change_no_bit():
    z, pdf = case_random(2500)
    whole = density.measure(z, pdf, 0, 3)
    pieces = [density.measure(z[a:b], pdf[a:b], 0, 3) for a, b in ((0, 1), (1, 700), (700, 2500))]
    order = np.random.default_rng(1).permutation(2500)
    shuffled = density.measure(z[order], pdf[order], 0, 3)
    for name, column in whole.items():
        assert np.array_equal(column, np.concatenate([p[name] for p in pieces])), name
        assert np.array_equal(column[order], shuffled[name]), name
    assert np.array_equal(
        density.cdf_excess(z, pdf, 0, 3)[order], density.cdf_excess(z[order], pdf[order], 0, 3)
    )


@settings(max_examples=20, deadline=None)
@given(st.floats(1e-9, 1e9), st.integers(0, 100))
def test_the_scale_of_a_density_does_not_matter(scale, seed):
    z, pdf = case_random(5, seed)
    rows, scaled = (density.measure(z, pdf.astype(float) * s, 0, 3) for s in (1, scale))
    for name in rows.keys() - {"mass"}:
        np.testing.assert_allclose(scaled[name], rows[name], rtol=1e-10, atol=1e-13, err_msg=name)
    np.testing.assert_allclose(scaled["mass"], rows["mass"] * scale, rtol=1e-12)


@settings(max_examples=20, deadline=None)
@given(st.floats(-5, 5), st.integers(0, 100))
def test_moving_the_grid_and_the_truth_together(shift, seed):
    z, pdf = case_random(5, seed)
    rows = density.measure(z, pdf, 0, 3)
    moved = density.measure(np.clip(z + shift, shift, 3 + shift), pdf, shift, 3 + shift)
    for name in ("p_true", "int_p2", "pit", "crps"):
        np.testing.assert_allclose(moved[name], rows[name], rtol=1e-8, atol=1e-9, err_msg=name)
    np.testing.assert_allclose(moved["pdf_mean"], rows["pdf_mean"] + shift, atol=1e-9)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000))
def test_integer_weights_are_repeated_rows(seed):
    z, pdf = case_random(12, seed)
    w = np.random.default_rng(seed).poisson(1, 12).astype(np.uint8)
    if w.sum() == 0:
        w[0] = 1
    for score in (density.cde_loss, density.mean_log_p, density.crps, density.f05, calibration.nz_w1):
        weighted = score(z, pdf, weights=w, **GRID)
        assert weighted == pytest.approx(score(np.repeat(z, w), np.repeat(pdf, w, axis=0), **GRID), abs=1e-10)
        assert weighted == pytest.approx(score(z, pdf, weights=0.3 * w, **GRID), abs=1e-10)


def test_no_weight_is_undefined():
    z, pdf = case_random(4)
    for score in (density.cde_loss, density.mean_log_p, density.crps, density.f15, calibration.nz_w1):
        assert np.isnan(score(z, pdf, weights=np.zeros(4), **GRID))


def test_no_rows_are_undefined():
    assert np.isnan(density.crps(np.empty(0), np.empty((0, 301)), **GRID))


def test_mode_and_median():
    pdf = gaussians([(0.40, 0.02), (1.003, 0.05), (2.0, 0.30)])
    np.testing.assert_array_equal(density.mode(pdf, 0, 3), NODES[[40, 100, 200]])
    found = density.median(pdf, 0, 3)
    # symmetric about 0.4; the truncation at z = 3 takes 4e-4 of the last one
    np.testing.assert_allclose(found[:2], [0.4, 1.003], atol=2e-4)
    np.testing.assert_allclose(density.measure(found, pdf, 0, 3)["pit"], 0.5, atol=1e-12)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000))
def test_the_median_is_where_the_pit_is_half(seed):
    rng = np.random.default_rng(seed)
    pdf = rng.random((8, 11)) * (rng.random((8, 11)) < 0.4)
    pdf[:, rng.integers(11)] += 0.5
    np.testing.assert_allclose(density.measure(density.median(pdf, 0, 3), pdf, 0, 3)["pit"], 0.5, atol=1e-9)


def test_excess_is_the_cdf_minus_the_step():
    z, pdf = case_random(3)
    excess = density.cdf_excess(z, pdf, 0, 3)
    assert excess.dtype == np.float32
    for k in (0, 57, 300):
        pit = density.measure(np.full(3, NODES[k]), pdf, 0, 3)["pit"]
        np.testing.assert_allclose(excess[:, k], pit - (z <= NODES[k]), atol=1e-6)
