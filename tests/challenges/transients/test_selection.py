"""The spectroscopic selection: the logistic, and the brightest magnitude against a loop."""

from __future__ import annotations

import numpy as np
import pytest

from blindsky.challenges.transients import selection


def stream(seed: int = 1) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=[19, seed]))


def test_efficiency() -> None:
    i = np.array([22.6, 22.1, 23.1, 10.0, 1e6, np.inf])
    expected = [0.5, 1 / (1 + np.exp(-1)), 1 / (1 + np.e), 1, 0, 0]
    np.testing.assert_allclose(selection.efficiency(i), expected, atol=1e-10)


def test_accepted() -> None:
    i = np.repeat([21.6, 22.6, 23.6], 20_000)
    share = selection.accepted(stream(), i).reshape(3, -1).mean(axis=1)
    np.testing.assert_allclose(share, 1 / (1 + np.exp([-2, 0, 2])), atol=0.015)
    assert not selection.accepted(stream(), np.full(10, np.inf)).any()


def test_brightest() -> None:
    rng = stream(2)
    index, band = np.sort(rng.integers(0, 20, 300)), rng.integers(0, 6, 300)
    true = rng.normal(20, 50, 300).astype(np.float32)
    true[index == 3] = -1
    found = selection.brightest(index, band, true, 22)
    for k in range(22):
        fluxes = true[(index == k) & (band == 3)]
        expected = 27.5 - 2.5 * np.log10(fluxes.max()) if (fluxes > 0).any() else np.inf
        assert found[k] == pytest.approx(expected)
