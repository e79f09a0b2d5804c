"""Distances and volumes in the flat universe of the mock sky: H0 = 70 km/s/Mpc, Om = 0.3, no radiation."""

from __future__ import annotations

import numpy as np

from blindsky.scoring.measurements import FloatArray

H0 = 70.0  # km/s/Mpc
OMEGA_M = 0.3
C = 299_792.458  # km/s
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(12)  # 1/E is smooth: 1e-7 to z = 4


def expansion(z: FloatArray) -> FloatArray:
    """H(z)/H0, shape of ``z``."""
    return np.asarray(np.sqrt(OMEGA_M * (1 + z) ** 3 + 1 - OMEGA_M))


def comoving(z: FloatArray) -> FloatArray:
    """Comoving distance in Mpc, shape of ``z``."""
    half = 0.5 * np.asarray(z, dtype=np.float64)
    total = np.zeros_like(half)
    for node, weight in zip(_NODES, _WEIGHTS, strict=True):
        total += weight / expansion(half * (1 + node))
    return np.asarray(C / H0 * half * total)


def distance_modulus(z: FloatArray) -> FloatArray:
    """Distance modulus m - M in magnitudes, without K-correction."""
    return np.asarray(5 * np.log10((1 + z) * comoving(z)) + 25)


def volume(z: FloatArray) -> FloatArray:
    """Comoving volume dV/dz in Mpc^3 per steradian and unit redshift."""
    return np.asarray(C / H0 * comoving(z) ** 2 / expansion(z))
