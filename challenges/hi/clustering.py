"""Places of galaxies that cluster: a lognormal field on comoving cells (Coles & Jones 1991)."""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np

from blindsky.challenges.hi.field import PIXEL, Field
from blindsky.scoring.measurements import Array, FloatArray

CELL = 2.0  # Mpc
LENGTH, POWER = 4.0, 1.8  # of the correlation function (r / 4 Mpc)^-1.8
LEAST = 80.0  # Mpc, side of the box and what it exceeds the depth by
_RADIANS = math.radians(PIXEL / 3600)  # in a pixel


class Along(Protocol):
    """What is known along the line of sight; see population.Abundance."""

    @property
    def z(self) -> FloatArray:
        """Redshifts of the knots."""
        ...

    @property
    def comoving(self) -> FloatArray:
        """Their distances in Mpc, rising."""
        ...

    @property
    def per_volume(self) -> FloatArray:
        """Sources per Mpc^3 at the knots."""
        ...


def correlation(r: Array) -> FloatArray:
    """The two-point function of the galaxies at comoving distances r in Mpc, level within half a cell."""
    return np.asarray((np.maximum(r, CELL / 2) / LENGTH) ** -POWER)


def overdensity(shape: tuple[int, int, int], rng: np.random.Generator) -> FloatArray:
    """1 + delta on a periodic box of cells, of mean 1 over many boxes."""
    from scipy.fft import irfftn, rfftn

    offsets = [np.minimum(np.arange(n), n - np.arange(n)) * CELL for n in shape]
    r = np.sqrt(sum(np.square(o) for o in np.ix_(*offsets)))
    power = np.maximum(rfftn(np.log1p(correlation(r))).real, 0)
    variance = float(irfftn(power, s=shape)[0, 0, 0])
    modes = rfftn(rng.standard_normal(shape))
    modes *= np.sqrt(power)
    gauss = irfftn(modes, s=shape)
    return np.asarray(np.exp(gauss - variance / 2))


def clustered(
    field: Field, known: Along, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Columns, rows and redshifts of the galaxies of a field.

    The density is divided by its mean over the field: a field as small as ``tiny`` would hold anything from 50 to 800
    galaxies otherwise, and a contest on it would be one of luck.
    The sky is plane: offsets across are tangent-plane angles times the comoving distance, which is the third axis.
    """
    from scipy.fft import next_fast_len

    near, far = known.comoving[0], known.comoving[-1]
    across = [side * _RADIANS * far for side in (field.ny, field.nx)]
    lengths = [far - near + LEAST, *(max(2 * length, LEAST) for length in across)]
    density = overdensity(
        tuple(next_fast_len(math.ceil(length / CELL), real=True) for length in lengths), rng
    )
    used = [math.ceil(length / CELL) for length in (far - near, *across)]
    density = density[: used[0], : used[1], : used[2]]

    middle = near + CELL * (np.arange(used[0]) + 0.5)
    mean = np.interp(middle, known.comoving, known.per_volume) * CELL**3 * field.density
    within = [
        1.0 * (np.abs(CELL * (np.arange(n) + 0.5) - length / 2) <= length / 2 * (middle / far)[:, None])
        for n, length in zip(used[1:], across, strict=True)
    ]
    drawn = np.einsum("z,zy,zx,zyx->", mean, *within, density, optimize=True)
    density *= np.einsum("z,zy,zx->", mean, *within, optimize=True) / drawn
    counts = rng.poisson(density * mean[:, None, None])
    cells = np.repeat(np.arange(counts.size), counts.ravel())
    place = np.stack(np.unravel_index(cells, counts.shape)) + rng.random((3, len(cells)))

    depth = near + CELL * place[0]
    rows, columns = (
        (CELL * at - length / 2) / (_RADIANS * depth) + (side - 1) / 2
        for at, length, side in zip(place[1:], across, (field.ny, field.nx), strict=True)
    )
    kept = (depth < far) & (np.abs(rows - (field.ny - 1) / 2) < field.ny / 2)
    kept &= np.abs(columns - (field.nx - 1) / 2) < field.nx / 2
    return columns[kept], rows[kept], np.interp(depth[kept], known.comoving, known.z)
