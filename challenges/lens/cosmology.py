"""Distances in the flat universe of the mock sky: H0 = 70 km/s/Mpc, Om = 0.3, no radiation.

Also the tie between velocity dispersion and Einstein radius of an isothermal deflector.
"""

from __future__ import annotations

import numpy as np

from blindsky.scoring.measurements import FloatArray

H0 = 70.0  # km/s/Mpc
OMEGA_M = 0.3
C = 299_792.458  # km/s
ARCSEC = 206_264.806  # arcsec per radian
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(32)  # 1/E is smooth: 1e-12 to z = 6


def comoving(z: FloatArray) -> FloatArray:
    """Comoving distance D_C in Mpc, shape of ``z``."""
    z = np.asarray(z, dtype=np.float64)
    half = 0.5 * z[..., None]
    e = np.sqrt(OMEGA_M * (1 + half * (1 + _NODES)) ** 3 + 1 - OMEGA_M)
    return np.asarray(C / H0 * half[..., 0] * (_WEIGHTS / e).sum(axis=-1))


def distance_modulus(z: FloatArray) -> FloatArray:
    """Distance modulus m - M in magnitudes, without K-correction."""
    return np.asarray(5 * np.log10((1 + z) * comoving(z)) + 25)


def arcsec_per_kpc(z: FloatArray) -> FloatArray:
    """Angle of one proper kiloparsec."""
    return np.asarray(ARCSEC * 1e-3 * (1 + z) / comoving(z))


def lensing_ratio(z_lens: FloatArray, z_source: FloatArray) -> FloatArray:
    """D_ls/D_s, which in a flat universe is 1 - D_C(z_l)/D_C(z_s)."""
    return np.asarray(1 - comoving(z_lens) / comoving(z_source))


def einstein_radius(sigma: FloatArray, z_lens: FloatArray, z_source: FloatArray) -> FloatArray:
    """theta_E = 4 pi (sigma/c)^2 D_ls/D_s in arcsec; ``sigma`` in km/s."""
    return np.asarray(4 * np.pi * (sigma / C) ** 2 * lensing_ratio(z_lens, z_source) * ARCSEC)


def dispersion(theta_e: FloatArray, z_lens: FloatArray, z_source: FloatArray) -> FloatArray:
    """Velocity dispersion in km/s of the isothermal sphere of Einstein radius ``theta_e`` (arcsec)."""
    return np.asarray(C * np.sqrt(theta_e / ARCSEC / (4 * np.pi * lensing_ratio(z_lens, z_source))))
