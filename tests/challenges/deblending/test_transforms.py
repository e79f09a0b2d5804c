"""Transforms of profiles against closed forms and direct quadrature."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import j0, jv

from blindsky.challenges.deblending import transforms
from blindsky.challenges.deblending.transforms import BULGE, DISC, POINT
from blindsky.challenges.sersic import sersic_b, sersic_centre


def nearest(nodes: transforms.Nodes, k: float) -> int:
    return int(np.abs(nodes.frequencies - k).argmin())


def test_an_exponential_is_a_power() -> None:
    """At n = 1: (1 + (k R_d)^2)^(-3/2) with R_d = R_e / b_1."""
    k = BULGE.frequencies / float(sersic_b(np.array(1.0)))
    np.testing.assert_allclose(transforms.sersics(np.array([1.0]))[0], (1 + k**2) ** -1.5, atol=1e-7)


@pytest.mark.parametrize("n", [1.525, 2.5, 4.0, 5.0])
@pytest.mark.parametrize("k", [0.03, 0.5, 5.0])
def test_sersic_profiles_by_quadrature(n: float, k: float) -> None:
    """In ln r, where the integrand is smooth; between rows of the table too."""
    at = nearest(BULGE, k)
    ln_r = np.linspace(-20, 12, 4_000_001)
    r = np.exp(ln_r)
    light = sersic_centre(np.array(n)) * np.exp(-sersic_b(np.array(n)) * r ** (1 / n))
    expected = 2 * np.pi * np.trapezoid(light * r**2 * j0(BULGE.frequencies[at] * r), ln_r)
    assert transforms.sersics(np.array([n]))[0, at] == pytest.approx(expected, abs=2e-5)


@pytest.mark.parametrize(("order", "mu"), [(2, 3.3), (2, 10.3), (4, 20.6)])
@pytest.mark.parametrize("k", [0.3, 2.0, 20.0])
def test_hankel_transforms_of_arms(order: int, mu: float, k: float) -> None:
    at = nearest(DISC, k)
    R = np.linspace(0, 50, 400_001)[1:]
    expected = np.trapezoid(R ** (1 + 1j * mu) * np.exp(-R) * jv(order, DISC.frequencies[at] * R), R)
    assert abs(transforms.hankel(order, np.array([mu]))[0, at] - expected) < 1e-8


def test_moffat_profiles() -> None:
    """A half-integer index has a closed form, and the FWHM is where brightness is halved."""
    k = POINT.frequencies
    np.testing.assert_allclose(transforms.moffat(3.5), np.exp(-k) * (1 + k + k**2 / 3), atol=1e-7)
    alpha = transforms.moffat_scale(np.array([0.8]), 3.5)
    assert (1 + (0.4 / alpha) ** 2) ** -3.5 == pytest.approx(0.5)
