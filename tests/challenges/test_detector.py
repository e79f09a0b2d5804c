"""Noise: its rms, and how a Gaussian kernel correlates it."""

from __future__ import annotations

import numpy as np
import pytest

from blindsky.challenges import detector


def lag(image: np.ndarray, step: int) -> float:
    return float(np.corrcoef(image[:, :-step].ravel(), image[:, step:].ravel())[0, 1])


def test_white_noise_has_unit_rms_and_no_memory() -> None:
    drawn = detector.noise(np.random.default_rng(1), (1, 600, 600))
    assert drawn.dtype == np.float32
    assert drawn.std() == pytest.approx(1, rel=0.005)
    assert abs(lag(drawn[0], 1)) < 0.006


@pytest.mark.parametrize("kernel", [0.6, 0.9])
def test_correlated_noise(kernel: float) -> None:
    """Unit rms; correlations are those of the sampled kernel with itself, cut at four widths."""
    drawn = detector.noise(np.random.default_rng(2), (1, 800, 800), kernel)
    taps = np.exp(-0.5 * (np.arange(-20, 21) / kernel) ** 2) * (np.abs(np.arange(-20, 21)) <= 4 * kernel)
    expected = np.convolve(taps, taps[::-1])[40:43] / (taps**2).sum()
    assert drawn.std() == pytest.approx(1, rel=0.01)
    for step in (1, 2):
        assert lag(drawn[0], step) == pytest.approx(expected[step], abs=0.006)
        assert lag(drawn[0].T, step) == pytest.approx(expected[step], abs=0.006)
    if kernel == 0.6:
        assert expected[1:] == pytest.approx([0.446, 0.063], abs=1e-3)  # published for drizzled images


def test_images_share_no_noise() -> None:
    drawn = detector.noise(np.random.default_rng(3), (3, 60, 60), 0.6).reshape(3, -1)
    assert np.abs(np.corrcoef(drawn) - np.eye(3)).max() < 0.06
