"""Distances against published-grade numbers of an independent code, and the isothermal relation both ways."""

from __future__ import annotations

import numpy as np
import pytest

from blindsky.challenges.lens import cosmology


def test_comoving_distances() -> None:
    distance = cosmology.comoving(np.array([0.5, 1.5]))
    np.testing.assert_allclose(distance, [1888.625, 4363.856], atol=6e-4)


def test_distances_agree_with_astropy() -> None:
    astropy = pytest.importorskip("astropy.cosmology")
    z = np.linspace(0.05, 5.5, 12)
    reference = astropy.FlatLambdaCDM(H0=70, Om0=0.3)
    np.testing.assert_allclose(cosmology.comoving(z), reference.comoving_distance(z).value, rtol=1e-9)
    np.testing.assert_allclose(cosmology.distance_modulus(z), reference.distmod(z).value, atol=1e-8)
    kpc = reference.arcsec_per_kpc_proper(z).value
    np.testing.assert_allclose(cosmology.arcsec_per_kpc(z), kpc, rtol=1e-6)


def test_einstein_radius_and_its_inverse() -> None:
    sigma, lens, source = np.array([200.0]), np.array([0.5]), np.array([1.5])
    theta = cosmology.einstein_radius(sigma, lens, source)
    np.testing.assert_allclose(theta, 0.654333, atol=6e-7)
    np.testing.assert_allclose(cosmology.dispersion(theta, lens, source), sigma, rtol=1e-12)
