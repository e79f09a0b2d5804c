"""w20 of discs, from their noiseless line profiles.

A ring that turns at V in the line of sight has the spectrum of cos(theta): its characteristic function is a Bessel
function, dispersion multiplies it by a Gaussian, and one Fourier transform gives the profile of all the rings.
"""

from __future__ import annotations

import numpy as np

from blindsky.challenges.hi.profiles import REACH, SCALE, legendre, profile, rotation
from blindsky.scoring.measurements import Array, FloatArray, Table

FINE = 32  # steps of the velocity grid in a dispersion, at the least
_LEVEL = 0.2  # of the peak
_CUT = 6.5  # largest frequency, in 1/sigma: the Gaussian is 7e-10 there
_MARGIN = 8  # dispersions beyond the rotation
_CLASSES = (2, 4, 8, 16, 32, 64)  # rotation / dispersion: each has its own number of points
_ROWS = 256  # at once: tens of megabytes


def widths(sources: Table) -> FloatArray:
    """Full widths at 20 % of the peak in km/s of the rest frame, (n,).

    sources : the columns hi_size ... of a truth table; of them mu, v_flat, sigma_v, i, lop and lop_phase count.
    The outermost crossings, linear between steps of sigma_v / 32 or less.
    """
    fast = sources["v_flat"] * np.sin(np.radians(sources["i"])) / sources["sigma_v"]
    skew = sources["lop"] * np.cos(np.radians(sources["lop_phase"]))
    found: FloatArray = np.full(len(fast), np.nan)
    kind = np.searchsorted(_CLASSES, fast)
    for k, largest in enumerate(_CLASSES):
        rows = np.flatnonzero(kind == k)
        for part in (rows[first : first + _ROWS] for first in range(0, len(rows), _ROWS)):
            found[part] = _widths(largest, fast[part], skew[part], sources["mu"][part])
    return found * sources["sigma_v"]


def _widths(largest: int, fast: FloatArray, skew: FloatArray, mu: Array) -> FloatArray:
    """In units of the dispersion, of discs whose rotation ``fast`` is at most ``largest``, in the same units."""
    from scipy.special import j0, j1

    x, mass = _rings(mu, 16 + largest)
    speed = rotation(x)
    speed *= fast[:, None]
    period = 2 * (largest + _MARGIN)
    t = 2 * np.pi / period * np.arange(int(_CUT * period / (2 * np.pi)) + 1)
    phase = speed[:, :, None] * t  # (n, rings, t)
    even = np.einsum("nr,nrt->nt", mass, j0(phase))
    odd = np.einsum("nr,nrt->nt", mass, j1(phase))
    points = 1 << int(np.ceil(np.log2(FINE * period)))
    line = np.fft.irfft(np.exp(-(t**2) / 2) * (even - 1j * skew[:, None] * odd), n=points, axis=1)
    return _crossings(np.fft.fftshift(line, axes=1)) * (period / points)


def _rings(mu: Array, plateau: int) -> tuple[FloatArray, FloatArray]:
    """Radii and shares of the flux of the rings of each disc, (n, rings)."""
    tail = 24
    density = profile(mu)
    points, weights = legendre(80)
    inner = density.edge[:, None] * points[plateau, :plateau]
    outer = density.edge[:, None] + REACH * SCALE * points[tail, :tail]
    x = np.concatenate([inner, outer], axis=1)
    length = np.concatenate(
        [
            density.edge[:, None] * weights[plateau, :plateau],
            np.tile(REACH * SCALE * weights[tail, :tail], (len(x), 1)),
        ],
        axis=1,
    )
    mass = density(x) * x * length
    return x, mass / mass.sum(axis=1, keepdims=True)


def _crossings(line: FloatArray) -> FloatArray:
    """Distance in steps between the outermost places where profiles (n, m) pass 20 % of their peak."""
    rows = np.arange(len(line))
    level = _LEVEL * line.max(axis=1)
    above = line >= level[:, None]
    first, last = above.argmax(axis=1), line.shape[1] - 1 - above[:, ::-1].argmax(axis=1)
    left = first - (line[rows, first] - level) / (line[rows, first] - line[rows, first - 1])
    right = last + (line[rows, last] - level) / (line[rows, last] - line[rows, last + 1])
    return np.asarray(right - left)
