"""Distances and volumes against astropy, and against the distance moduli of the real PLAsTiCC files."""

from __future__ import annotations

import numpy as np
import pytest

from blindsky.challenges.transients import cosmology

Z = np.array([0.011, 0.1, 0.5, 1.5, 3.45])


def test_against_astropy() -> None:
    reference = pytest.importorskip("astropy.cosmology").FlatLambdaCDM(H0=70, Om0=0.3)
    np.testing.assert_allclose(cosmology.comoving(Z), reference.comoving_distance(Z).value, rtol=1e-8)
    np.testing.assert_allclose(cosmology.distance_modulus(Z), reference.distmod(Z).value, atol=1e-7)
    volume = reference.differential_comoving_volume(Z).value
    np.testing.assert_allclose(cosmology.volume(Z), volume, rtol=1e-7)


def test_distance_moduli_of_the_real_files() -> None:
    found = cosmology.distance_modulus(np.array([1.6267, 0.2262]))
    np.testing.assert_allclose(found, [45.4062, 40.2562], atol=1e-4)
