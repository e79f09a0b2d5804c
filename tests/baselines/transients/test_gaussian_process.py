"""Gaussian processes of many light curves: against scikit-learn, a dense grid, and one light curve at a time."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern

from blindsky.baselines.baseline import Settings
from blindsky.baselines.transients import gaussian_process as gp
from blindsky.baselines.transients.gaussian_process import BANDS, FLOOR, Points, Sample
from blindsky.baselines.transients.lightcurves import LightCurves

CPU = torch.device("cpu")


def _drawn(rng, n, amplitude, length, noise):
    """Time, wavelength, flux, variance (n,) of a process with known A and l."""
    t, w = rng.uniform(-100, 100, n), BANDS[rng.integers(0, 6, n)]
    r = np.sqrt(3 * ((t[:, None] - t) ** 2 / length**2 + (w[:, None] - w) ** 2 / gp.WAVELENGTH**2))
    covariance = amplitude**2 * (1 + r) * np.exp(-r)
    flux = rng.multivariate_normal(np.zeros(n), covariance + noise**2 * np.eye(n))
    return t, w, flux, np.full(n, noise**2)


def _points(objects, width=None, dtype=torch.float64, junk=0.0):
    """Padded to ``width`` with whatever ``junk`` is, and an infinite variance."""
    width = width or max(len(one[0]) for one in objects)
    columns = []
    for k, empty in enumerate((junk, junk, junk, np.inf)):
        table = np.full((len(objects), width), empty)
        for row, one in zip(table, objects, strict=True):
            row[: len(one[k])] = one[k]
        columns.append(torch.tensor(table, dtype=dtype))
    return Points(*columns)


def _curves(*objects):
    """Of lists of (mjd, passband, flux, flux_err)."""
    rows = [row for one in objects for row in one]
    mjd, passband, flux, flux_err = np.array(rows, dtype=np.float64).reshape(-1, 4).T
    starts = np.cumsum([0, *(len(one) for one in objects)])
    return LightCurves(starts, mjd, passband.astype(np.int64), flux, flux_err, np.zeros(len(rows), bool))


@pytest.fixture(scope="module")
def objects():
    rng = np.random.default_rng(1)
    kinds = ((5, 1, 10, 0.1), (40, 0.4, 30, 0.05), (23, 2, 4, 0.3))
    return [_drawn(rng, *kind) for kind in kinds]


def test_posterior_and_likelihood_against_scikit_learn(objects):
    amplitude, length = torch.tensor([0.9, 0.6, 1.5]).double(), torch.tensor([12.0, 25.0, 5.0]).double()
    points = _points(objects)
    posterior = gp.condition(points, amplitude, length)
    likelihood = gp.log_likelihood(points, amplitude, length)
    time = torch.linspace(-120, 130, 30).double().repeat(3, 1)
    wavelength = torch.tensor(BANDS).repeat(5).repeat(3, 1)
    mean, variance = posterior.mean(time, wavelength), posterior.variance(time, wavelength)
    for k, (t, w, flux, var) in enumerate(objects):
        kernel = ConstantKernel(amplitude[k].item() ** 2) * Matern([length[k].item(), gp.WAVELENGTH], nu=1.5)
        peer = GaussianProcessRegressor(kernel, alpha=var, optimizer=None).fit(np.stack([t, w], axis=1), flux)
        expected, sd = peer.predict(np.stack([time[k], wavelength[k]], axis=1), return_std=True)
        np.testing.assert_allclose(mean[k], expected, atol=1e-9)
        np.testing.assert_allclose(variance[k], sd**2, atol=1e-9)
        assert likelihood[k].item() == pytest.approx(peer.log_marginal_likelihood_value_, abs=1e-8)
        assert posterior.log_likelihood[k].item() == pytest.approx(likelihood[k].item(), abs=1e-9)
        residual = flux - peer.predict(np.stack([t, w], axis=1))
        assert posterior.chi2[k].item() == pytest.approx(np.sum(residual**2 / var), rel=1e-7)


@given(extra=st.integers(1, 20), junk=st.sampled_from([0.0, 7.0, 1e6, np.nan]))
@settings(max_examples=15, deadline=None)
def test_padding_changes_nothing(objects, extra, junk):
    width = max(len(one[0]) for one in objects)
    a, b = _points(objects), _points(objects, width + extra, junk=junk)
    for x, y in zip(gp.fit(a), gp.fit(b), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-6)
    asked = torch.zeros(3, 6).double(), torch.tensor(BANDS).repeat(3, 1)
    hyper = gp.fit(a)
    for name in ("mean", "variance"):
        first, second = (getattr(gp.condition(points, *hyper), name)(*asked) for points in (a, b))
        np.testing.assert_allclose(first, second, atol=1e-10)


def test_the_fit_is_as_likely_as_the_best_of_a_dense_grid(objects):
    """Within a tenth: the difference of A and l is then far below their own uncertainty."""
    points = _points(objects)
    found = gp.log_likelihood(points, *gp.fit(points))
    lengths = np.geomspace(*gp.BOUNDS[0], 60)
    amplitudes = np.geomspace(*gp.BOUNDS[1], 60)
    for k, one in enumerate(objects):
        a, length = (torch.tensor(x.ravel()) for x in np.meshgrid(amplitudes, lengths))
        best = gp.log_likelihood(_points([one] * len(a)), a, length).max()
        assert found[k] > best - 0.1


def test_a_known_time_scale_is_found():
    rng = np.random.default_rng(2)
    points = _points([_drawn(rng, 80, 0.8, 12.0, 0.05) for _ in range(40)])
    amplitude, length = gp.fit(points)
    assert length.log().median() == pytest.approx(np.log(12), abs=0.15)  # scatter of one is .3
    assert amplitude.log().median() == pytest.approx(np.log(0.8), abs=0.15)


def test_single_precision_is_enough(objects):
    bright = [(t, w, f, v * 1e-12 + FLOOR**2) for t, w, f, v in objects]
    for x, y in zip(gp.fit(_points(bright)), gp.fit(_points(bright, dtype=torch.float32)), strict=True):
        np.testing.assert_allclose(x, y, rtol=5e-3)


def _supernova(rng, n, start=59_600.0):
    mjd = np.sort(start + rng.uniform(0, 150, n))
    passband = rng.integers(0, 6, n)
    error = rng.uniform(1, 6, n)
    flux = 90 * np.exp(-0.5 * ((mjd - start - 60) / 15) ** 2) + error * rng.standard_normal(n)
    return list(zip(mjd, passband, flux, error, strict=True))


HOSTILE = {
    "none": [],
    "one": [(59_600.0, 2, 30.0, 1.0)],
    "nothing but zero": [(59_600.0 + k, k % 6, 0.0, 0.0) for k in range(8)],
    "huge signal": [(59_600.0 + k, k % 6, 1e12 * (1 + k), 1e-9) for k in range(30)],
    "the same visit again and again": [(59_600.0, 3, 10.0, 0.1)] * 40,
    "the same visit, other fluxes": [(59_600.0, 3, float(k), 1e-3) for k in range(40)],
    "one band": [(59_600.0 + k, 1, 50.0 - k, 1.0) for k in range(60)],
    "no numbers": [(59_600.0, 2, np.nan, 1.0), (59_601.0, 2, 5.0, np.inf), (59_602.0, 2, 5.0, np.nan)],
    "negative": [(59_600.0 + k, k % 6, -1e4, 1.0) for k in range(30)],
    "years apart": [(59_000.0 + 400 * k, k % 6, 5.0, 1.0) for k in range(9)],
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_hostile_light_curves_have_finite_processes(dtype):
    sample = Sample.of(_curves(*HOSTILE.values()))
    points = sample.points(np.arange(len(HOSTILE)), CPU)
    points = Points(*(getattr(points, n).to(dtype) for n in ("time", "wavelength", "flux", "variance")))
    posterior = gp.condition(points, *gp.fit(points))
    asked = torch.linspace(-200, 300, 60, dtype=dtype).repeat(len(HOSTILE), 1)
    bands = torch.tensor(BANDS, dtype=dtype).repeat(10).repeat(len(HOSTILE), 1)
    for values in (
        posterior.amplitude,
        posterior.length,
        posterior.log_likelihood,
        posterior.mean(asked, bands),
        posterior.variance(asked, bands),
    ):
        for name, found in zip(HOSTILE, values, strict=True):
            assert torch.isfinite(found).all(), name


def test_observations_far_from_the_brightest_and_those_that_are_no_numbers_are_left_out():
    curves = _curves(
        [
            (59_000.0, 0, 5.0, 1.0),
            (59_400.0, 1, 80.0, 2.0),
            (59_650.0, 2, 300.0, 300.0),
            (59_701.0, 3, 1.0, 1.0),
        ],
        [(59_000.0, 0, np.nan, 1.0), (59_100.0, 1, -4.0, 1.0)],
        [],
    )
    sample = Sample.of(curves)
    assert sample.curves.mjd.tolist() == [59_400.0, 59_650.0, 59_100.0]
    assert sample.curves.counts.tolist() == [2, 1, 0]
    assert sample.centre.tolist() == [59_400.0, 59_100.0, 0.0]
    assert sample.scale.tolist() == [80.0, 4.0, 1.0]
    assert Sample.of(curves, near=np.inf).curves.counts.tolist() == [4, 1, 0]
    points = sample.points(np.array([1, 0]), CPU)
    assert points.flux.tolist() == [[-1.0, 0.0], [1.0, 3.75]]
    assert points.time.tolist() == [[0.0, 0.0], [0.0, 250.0]]
    np.testing.assert_allclose(points.variance, [[1 / 16, np.inf], [1 / 1600, 3.75**2]], rtol=1e-2)


@given(counts=st.lists(st.integers(0, 60), max_size=40), elements=st.integers(1, 9000))
@settings(max_examples=25, deadline=None)
def test_batches_hold_every_object_once_and_are_bounded(counts, elements):
    curves = _curves(*([(59_600.0 + k, 0, 1.0, 1.0) for k in range(n)] for n in counts))
    sample = Sample.of(curves)
    batches = sample.batches(elements)
    assert sorted(np.concatenate([*batches, []])) == list(range(len(counts)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(sample.curves.counts[batch]) ** 2 <= elements


def test_many_are_as_one_by_one_and_twice_the_same():
    rng = np.random.default_rng(3)
    sample = Sample.of(_curves(*(_supernova(rng, n) for n in rng.integers(1, 90, 40)), *HOSTILE.values()))
    many = gp.hyperparameters(sample, Settings())
    again = gp.hyperparameters(sample, Settings(workers=2))
    for x, y in zip(many, again, strict=True):
        np.testing.assert_array_equal(x, y)
    for k in range(40):
        alone = gp.hyperparameters(sample.take(np.array([k])), Settings())
        np.testing.assert_allclose([alone[0][0], alone[1][0]], [many[0][k], many[1][k]], rtol=2e-2)
