"""The extinction law at the published points and the two distributions of A_V."""

from __future__ import annotations

import numpy as np
import pytest

from blindsky.challenges.transients import dust

N = 100_000


def test_law() -> None:
    wavelength = np.array([1500, 2175, 3000, 3650, 4450, 5510, 6580, 8060, 9700, 12500.0])
    expected = [2.6639, 3.1851, 1.8182, 1.5364, 1.3080, 0.9963, 0.8101, 0.5989, 0.4243, 0.2821]
    np.testing.assert_allclose(dust.extinction(wavelength), expected, atol=1e-9)
    np.testing.assert_allclose(dust.extinction(np.array([700.0, 20_000.0])), [2.6639, 0.2821], atol=1e-9)
    middle = np.array([2 / (1 / 4450 + 1 / 5510)])  # half way in 1/l
    np.testing.assert_allclose(dust.extinction(middle), (1.3080 + 0.9963) / 2, atol=1e-9)
    single = dust.extinction(wavelength.astype(np.float32))
    np.testing.assert_allclose(single, expected, rtol=1e-5)


@pytest.mark.parametrize("share", [dust.WHOLE, dust.HALF, dust.ALL])
def test_host_extinction(share: float) -> None:
    """Share below x: exponential of 0.4 mag cut at 3, and half-normal of 0.1 mag."""
    from scipy.special import erf

    a_v = dust.draw_a_v(np.random.default_rng(5), N, share)
    assert 0 <= a_v.min() <= a_v.max() < 3
    for x in (0.05, 0.2, 1.0):
        exponential = np.expm1(-x / 0.4) / np.expm1(-3 / 0.4)
        expected = share * exponential + (1 - share) * erf(x / 0.1 / np.sqrt(2))
        assert (a_v < x).mean() == pytest.approx(expected, abs=0.005)
