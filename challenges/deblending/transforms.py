"""Fourier transforms of galaxy profiles and of the point spread, for unit flux, as tables to be interpolated.

A profile whose transform is known needs no sampling in real space: its flux is exact, its cusp is no trouble, and PSF
and pixel are factors. What depends on the radial frequency alone is tabulated on nodes that are even in
L = ln(1 + (stretch k)^2)/2, dense at low frequencies and logarithmic at high ones.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from blindsky.challenges.sersic import sersic_b, sersic_centre
from blindsky.scoring.measurements import Array, FloatArray


class Nodes(NamedTuple):
    """Radial frequencies of a table: ``number`` of them from 0 to ``highest``, even in L."""

    number: int
    stretch: float
    highest: float

    @property
    def step(self) -> float:
        """Distance of two nodes in L."""
        return 0.5 * float(np.log1p((self.stretch * self.highest) ** 2)) / (self.number - 1)

    @property
    def frequencies(self) -> FloatArray:
        """Frequencies k (number,)."""
        return np.asarray(np.sqrt(np.expm1(2 * self.step * np.arange(self.number))) / self.stretch)


BULGE = Nodes(2048, 10.0, 400.0)  # k in 1/R_e
DISC = Nodes(1024, 1.0, 200.0)  # k in 1/R_d
POINT = Nodes(2048, 1.0, 60.0)  # k in 1/alpha, the scale of a Moffat profile
INDICES = np.linspace(1.0, 5.0, 81)  # Sersic n
TERMS = 128  # of the series in _spiral; enough for the tightest arms

_DECADES = (-9.0, 9.0)  # log10 of radii in R_e that the Hankel transform sees
_RADII = 1 << 13


@cache
def sersic_table() -> FloatArray:
    """Transforms of circular Sersic profiles of R_e = 1, rows ``INDICES``, columns ``BULGE`` (Hamilton 2000)."""
    from scipy.fft import fht
    from scipy.interpolate import CubicSpline

    low, high = np.log(10) * np.array(_DECADES)
    ln_r = np.linspace(low, high, _RADII)
    step = float(ln_r[1] - ln_r[0])
    k = BULGE.frequencies
    found = np.ones((len(INDICES), BULGE.number))
    for row, n in zip(found, INDICES, strict=True):
        brightness = sersic_centre(n) * np.exp(-sersic_b(n) * np.exp(ln_r / n))
        # of r I(r), k times the transform over 2 pi, at k = 1/r from the last to the first
        spectrum = 2 * np.pi * fht(np.exp(ln_r) * brightness, step, 0) * np.exp(ln_r[::-1])
        row[1:] = CubicSpline(-ln_r[::-1], spectrum)(np.log(k[1:]))
    return found


def sersics(n: FloatArray) -> Array:
    """Transforms (m, nodes of ``BULGE``) float32 of circular Sersic profiles of R_e = 1; 1 <= n <= 5, (m,)."""
    table = sersic_table()
    place = (np.asarray(n) - INDICES[0]) / (INDICES[1] - INDICES[0])
    row = np.clip(place.astype(np.int64), 0, len(INDICES) - 2)
    share = (place - row)[:, None]
    return np.asarray((1 - share) * table[row] + share * table[row + 1], dtype=np.float32)


def spirals(
    arms: FloatArray, pitch: FloatArray, phase: FloatArray, amplitude: FloatArray
) -> tuple[Array, Array]:
    """What arms add to the transform of a face-on disc of R_d = 1: P cos(N t) - Q sin(N t), t the angle of k.

    The arms are a factor 1 + A cos(N theta + mu ln(2R) + phase), mu = N / tan(pitch), N even. With Jacobi and Anger
    their transform is that of Hankel, H = int R^(1 + i mu) exp(-R) J_N(k R) dR, a Legendre function of complex degree.
    All arguments (m,); P and Q (m, nodes of ``DISC``) float32.
    """
    mu = arms / np.tan(pitch)
    found = np.zeros((len(arms), DISC.number), dtype=np.complex128)
    for number in np.unique(arms):
        rows = np.flatnonzero(arms == number)
        turn = amplitude[rows] * (-1.0) ** (number / 2) * np.exp(1j * (phase[rows] + mu[rows] * np.log(2)))
        found[rows] = turn[:, None] * hankel(int(number), mu[rows])
    return found.real.astype(np.float32), found.imag.astype(np.float32)


def hankel(order: int, mu: FloatArray) -> Array:
    """H = int R^(1 + i mu) exp(-R) J_order(k R) dR, (m, nodes of ``DISC``) complex; Gradshteyn & Ryzhik 6.621.1.

    = Gamma(order + nu + 1) (1 + k^2)^(-(nu + 1)/2) P_nu^(-order)(x) with nu = 1 + i mu and x = (1 + k^2)^(-1/2).
    """
    from scipy.special import gamma

    L = DISC.step * np.arange(DISC.number)
    x = np.exp(-L)
    nu = (1 + 1j * mu)[:, None]
    j = np.arange(TERMS - 1)
    ratio = (
        (j - nu) * (j + nu + 1) / ((j + 1) * (j + order + 1))
    )  # of the terms of 2F1(-nu, nu + 1; order + 1; z)
    terms = np.cumprod(np.concatenate([np.ones((len(mu), 1)), ratio], axis=1), axis=1)
    powers = _powers()
    series = terms.real @ powers + 1j * (terms.imag @ powers)
    legendre = ((1 - x) / (1 + x)) ** (order / 2) / gamma(order + 1) * series
    return np.asarray(gamma(order + nu + 1) * np.exp(-(nu + 1) * L) * legendre)


@cache
def _powers() -> FloatArray:
    """Powers (``TERMS``, nodes) of (1 - x)/2, at most a half."""
    x = np.exp(-DISC.step * np.arange(DISC.number))
    return np.asarray((0.5 * (1 - x)) ** np.arange(TERMS)[:, None])


@cache
def moffat(beta: float) -> Array:
    """Transform of a Moffat profile (nodes of ``POINT``,) float32: 2 (k/2)^v K_v(k) / Gamma(v), v = beta - 1."""
    from scipy.special import gamma, kv

    k, v = POINT.frequencies[1:], beta - 1
    return np.concatenate([[1.0], 2 * (k / 2) ** v * kv(v, k) / gamma(v)]).astype(np.float32)


def moffat_scale(fwhm: FloatArray, beta: float) -> FloatArray:
    """Scale alpha of a Moffat profile of given FWHM, in its unit."""
    return np.asarray(0.5 * np.asarray(fwhm) / np.sqrt(2 ** (1 / beta) - 1))
