"""Stamps in polar coordinates about their centre, where arcs are straight and a galaxy is nearly a function of radius.

Everything is linear algebra on whole chunks: one sparse product resamples, dense products convolve.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blindsky.baselines.lens.stamps import Good, Pixels

RADII, ANGLES = 48, 96
INNERMOST, OUTERMOST = 1.0, 48.0  # pixels, or as far as the stamp goes: steps about as long as a pixel
WAVELENGTHS = (4.0, 7.0, 12.0)  # steps of the polar grid
ENVELOPE = 0.5  # width of a filter's Gaussian in wavelengths: one bright and two dark bands are seen


def radii(size: int) -> NDArray[np.float64]:
    """Distances from the centre of a stamp, pixels, shape (RADII,)."""
    return np.linspace(INNERMOST, min(OUTERMOST, (size - 1) / 2 - 1), RADII)


@cache
def _resampling(size: int) -> Any:
    """Bilinear interpolation as a sparse matrix (RADII * ANGLES, size * size)."""
    from scipy.sparse import csr_array

    centre = (size - 1) / 2
    angle = 2 * np.pi * np.arange(ANGLES) / ANGLES
    x = (centre + radii(size)[:, None] * np.cos(angle)).ravel()
    y = (centre + radii(size)[:, None] * np.sin(angle)).ravel()
    column, row = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    right, down = x - column, y - row
    corners = [
        ((row + j) * size + column + i, (down if j else 1 - down) * (right if i else 1 - right))
        for j in (0, 1)
        for i in (0, 1)
    ]
    where = np.concatenate([place for place, _ in corners])
    weight = np.concatenate([share for _, share in corners]).astype(np.float32)
    return csr_array((weight, (np.tile(np.arange(RADII * ANGLES), 4), where)), (RADII * ANGLES, size * size))


def to_polar(values: Pixels, good: Good) -> tuple[Pixels, Good]:
    """Planes (m, s, s) to (m, RADII, ANGLES); good where all four pixels of the interpolation are."""
    planes, size = len(values), values.shape[-1]
    turn = _resampling(size)
    seen = np.asarray(turn @ values.reshape(planes, -1).T).T.reshape(planes, RADII, ANGLES)
    known = np.ones(seen.shape, bool)
    spoilt = ~good.all(axis=(1, 2))
    if spoilt.any():
        share = np.asarray(turn @ (~good[spoilt]).reshape(spoilt.sum(), -1).T.astype(np.float32)).T
        known[spoilt] = share.reshape(-1, RADII, ANGLES) == 0
    return np.ascontiguousarray(seen), known


@cache
def _waves(wavelength: float) -> tuple[Pixels, Pixels]:
    """One-dimensional filters as matrices: (4, RADII, RADII) across the radius, (ANGLES, 4 * ANGLES) around.

    A Gabor filter is a Gaussian times cos(k.x), a sum of products of one-dimensional ones. In order: the wave
    along the radius, the wave around, and for the two diagonals cosine and sine of k / sqrt(2).
    """
    k, width = 2 * np.pi / wavelength, ENVELOPE * wavelength
    across = np.subtract.outer(np.arange(RADII), np.arange(RADII))
    around = -np.subtract.outer(np.arange(ANGLES), np.arange(ANGLES))  # [from, to]: it stands on the right
    around = (around + ANGLES // 2) % ANGLES - ANGLES // 2  # the short way round

    def wave(step: NDArray[np.int64], k: float, phase: float) -> Pixels:
        return np.asarray(np.exp(-(step**2) / (2 * width**2)) * np.cos(k * step - phase), dtype=np.float32)

    diagonal = k / np.sqrt(2)
    parts = ((k, 0.0, 0.0), (0.0, k, 0.0), (diagonal, diagonal, 0.0), (diagonal, diagonal, np.pi / 2))
    left = np.stack([wave(across, radial, phase) for radial, _, phase in parts])
    right = np.concatenate([wave(around, turning, phase) for _, turning, phase in parts], axis=1)
    return left, (right * (np.sqrt(2 / np.pi) / width)).astype(np.float32)


def gabor(maps: Pixels) -> Iterator[Pixels]:
    """Responses (m, RADII, ANGLES) of maps of that shape to each filter, wavelength by wavelength.

    Orientations in order: rings (the wave along the radius), 45 deg, rays, 135 deg. Filters have unit norm, so that
    white noise keeps its rms; round the angle they close, and beyond the radii there is nothing.
    """
    for wavelength in WAVELENGTHS:
        left, right = _waves(wavelength)
        around = maps @ right
        ring, ray, even, odd = (left[i] @ around[..., i * ANGLES : (i + 1) * ANGLES] for i in range(4))
        yield from (ring, even - odd, ray, even + odd)
