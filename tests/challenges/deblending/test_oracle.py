"""Least squares with the true shapes: exact without noise, never negative, as good as scipy's."""

from __future__ import annotations

import numpy as np
from scipy.optimize import nnls

from blindsky.challenges.deblending import oracle


def shapes(stream: np.random.Generator, m: int) -> np.ndarray:
    at = np.arange(24)
    x, y = stream.uniform(6, 17, (2, m, 1, 1))
    width = stream.uniform(1, 4, (m, 1, 1))
    light = np.exp(-0.5 * ((at - x) ** 2 + (at[:, None] - y) ** 2) / width**2)
    return np.repeat((light / light.sum(axis=(1, 2), keepdims=True))[:, None], 2, axis=1).astype(np.float32)


def test_without_noise_it_is_the_truth() -> None:
    stream = np.random.default_rng(1)
    flux = stream.uniform(1, 50, (4, 2))
    isolated = shapes(stream, 4) * flux[:, :, None, None]
    np.testing.assert_allclose(oracle.fluxes(isolated.sum(axis=0), isolated, flux), flux, rtol=1e-4)


def test_with_noise_it_is_non_negative_least_squares() -> None:
    """Faint objects, so that many of them are found at 0; the residual's least squares are scipy's."""
    stream = np.random.default_rng(2)
    zeros = 0
    for _ in range(20):
        flux = stream.uniform(0.05, 0.3, (5, 2))
        isolated = shapes(stream, 5) * flux[:, :, None, None]
        image = isolated.sum(axis=0) + 0.05 * stream.standard_normal((2, 24, 24))
        found = oracle.fluxes(image, isolated, flux)
        zeros += int((found == 0).sum())
        for band in range(2):
            matrix = (isolated[:, band].reshape(5, -1) / flux[:, band, None]).T
            expected = nnls(matrix.astype(np.float64), image[band].ravel())[0]
            np.testing.assert_allclose(found[:, band], expected, atol=1e-8)
    assert zeros > 10
