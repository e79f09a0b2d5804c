"""Dust in the host galaxy: the extinction law and how much of it a transient sits behind."""

from __future__ import annotations

import numpy as np

from blindsky.challenges.transients.interpolation import PiecewiseLinear
from blindsky.scoring.measurements import Array, FloatArray

R_V = 3.1
MOST = 3.0  # mag of A_V
_TAU, _SIGMA = 0.4, 0.1  # mag; Wood-Vasey & Riess 2007, as used by SNANA
WHOLE, HALF, ALL = 2 / 3, 1 / 2, 1.0  # shares of the exponential: "W", "W/2", and of tidal disruptions

# A(l)/A_V of Cardelli et al. 1989 with the optical coefficients of O'Donnell 1994, R_V = 3.1
_WAVELENGTH = (12500, 9700, 8060, 6580, 5510, 4450, 3650, 3000, 2175, 1500)
_RATIO = (0.2821, 0.4243, 0.5989, 0.8101, 0.9963, 1.3080, 1.5364, 1.8182, 3.1851, 2.6639)
_by_wavenumber = PiecewiseLinear([1 / x for x in _WAVELENGTH], _RATIO)  # of 1/Angstrom


def extinction(wavelength: Array) -> Array:
    """A(l)/A_V at a rest-frame ``wavelength`` in Angstrom: linear in 1/l, constant outside 1500 to 12500."""
    return _by_wavenumber(1 / wavelength)


def draw_a_v(stream: np.random.Generator, n: int, share: float) -> FloatArray:
    """A_V (n,) in magnitudes: exponential (0.4 mag) with probability ``share``, else half-normal (0.1 mag), below 3."""
    u = stream.random(n)
    a_v: FloatArray = -_TAU * np.log1p(u * np.expm1(-MOST / _TAU))
    if share < 1:
        thin = stream.random(n) >= share
        a_v[thin] = _SIGMA * np.abs(stream.standard_normal(int(thin.sum())))  # 3 mag are 30 sigma
    return a_v
