"""The Gaussian process through the visits of an object, against scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern

from blindsky.challenges.transients.smoothing import AMPLITUDES, COLOUR_SCALE, TIME_SCALES, Smooth


def visits(n: int = 60, seed: int = 0) -> tuple[np.ndarray, ...]:
    """A pulse of 20 days, redder later, in three bands."""
    rng = np.random.default_rng(seed)
    t, wavelength = np.sort(rng.uniform(-40, 60, n)), rng.choice([4800.0, 6200.0, 7500.0], n)
    flux = 100 * np.exp(-0.5 * ((t - (wavelength - 6000) / 500) / 20) ** 2)
    error = rng.uniform(2, 6, n)
    return t, wavelength, flux + error * rng.normal(size=n), error


def reference(scale: float, amplitude: float, *given: np.ndarray) -> GaussianProcessRegressor:
    t, wavelength, flux, error = given
    kernel = ConstantKernel(amplitude**2, "fixed") * Matern([scale, COLOUR_SCALE], "fixed", nu=1.5)
    process = GaussianProcessRegressor(kernel, alpha=error**2, optimizer=None)
    return process.fit(np.stack([t, wavelength], axis=1), flux)


def test_the_mean_is_that_of_scikit_learn() -> None:
    given = visits()
    smooth = Smooth.of(*given)
    process = reference(smooth.scale, smooth.amplitude, *given)
    at = np.linspace(-60, 80, 50)
    for wavelength in (3700.0, 6200.0):
        expected = process.predict(np.stack([at, np.full(50, wavelength)], axis=1))
        np.testing.assert_allclose(smooth.flux(at, wavelength), expected, atol=1e-6)


def test_the_scales_are_the_most_likely_of_the_grid() -> None:
    given = visits()
    smooth = Smooth.of(*given)
    rms = np.sqrt(np.mean(given[2] ** 2))
    likelihood = {
        (float(s), float(a)): reference(s, a * rms, *given).log_marginal_likelihood_value_
        for s in TIME_SCALES
        for a in AMPLITUDES
    }
    scale, amplitude = max(likelihood, key=likelihood.__getitem__)
    assert (smooth.scale, smooth.amplitude) == (scale, pytest.approx(amplitude * rms))
    best = likelihood[scale, amplitude]
    constant = -np.sum(np.log(given[3])) - len(given[0]) / 2 * np.log(2 * np.pi)
    assert smooth.likelihood + constant == pytest.approx(best, abs=1e-6)


def test_a_pulse_is_followed_and_one_visit_is_enough() -> None:
    t, _, _, _ = visits()
    smooth = Smooth.of(*visits())
    at = np.linspace(t.min(), t.max(), 40)
    truth = 100 * np.exp(-0.5 * ((at - 0.4) / 20) ** 2)
    assert np.sqrt(np.mean((smooth.flux(at, 6200.0) - truth) ** 2)) < 4, "below the error of a visit"
    lone = Smooth.of(*(np.array([v]) for v in (0.0, 5000.0, 10.0, 1.0)))
    assert 5 < lone.flux(np.zeros(1), 5000.0)[0] <= 10
