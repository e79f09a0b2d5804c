"""Distances and HI masses in the flat universe of the mock sky: H0 = 67 km/s/Mpc, Om = 0.32, no radiation."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from blindsky.challenges.hi.field import C_KMS, F0
from blindsky.scoring.measurements import Array, FloatArray

H0 = 67.0  # km/s/Mpc
OMEGA_M = 0.32
MASS = 49.8  # Msun / (Mpc^2 Jy Hz): Duffy et al. 2012
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(24)  # 1/E is smooth: 1e-13 to z = 1
_ROWS = 65_536  # at once


class Distances(NamedTuple):
    """Mpc, (n,): comoving, luminosity and angular-diameter distance."""

    comoving: FloatArray
    luminosity: FloatArray
    angular: FloatArray


def expansion(z: Array) -> FloatArray:
    """H(z) / H0, the shape of ``z``."""
    return np.asarray(np.sqrt(OMEGA_M * (1 + np.asarray(z)) ** 3 + 1 - OMEGA_M))


def distances(z: Array) -> Distances:
    """The distances at redshifts z (n,)."""
    z = np.asarray(z, dtype=np.float64)
    comoving = np.empty_like(z)
    for first in range(0, len(z), _ROWS):
        part = slice(first, first + _ROWS)
        half = z[part] / 2
        comoving[part] = C_KMS / H0 * half * (_WEIGHTS / expansion(half[:, None] * (1 + _NODES))).sum(axis=1)
    return Distances(comoving, (1 + z) * comoving, comoving / (1 + z))


def redshift(frequency: Array) -> FloatArray:
    """Redshift of the line seen at a frequency in Hz."""
    return np.asarray(F0 / np.asarray(frequency, dtype=np.float64) - 1)


def volume(z: FloatArray) -> FloatArray:
    """Comoving Mpc^3 per steradian and unit redshift at z (n,)."""
    return np.asarray(C_KMS / H0 * distances(z).comoving ** 2 / expansion(z))


def flux(mass: Array, luminosity_distance: Array) -> FloatArray:
    """Line flux in Jy Hz of an HI mass in Msun at a luminosity distance in Mpc."""
    return np.asarray(mass / (MASS * luminosity_distance**2))


def mass(flux: Array | float, luminosity_distance: Array) -> FloatArray:
    """HI mass in Msun of a line flux in Jy Hz at a luminosity distance in Mpc."""
    return np.asarray(flux * (MASS * luminosity_distance**2))
