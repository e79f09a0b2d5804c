"""How a cube larger than memory is walked through: boxes with a margin around them, of a bounded number of voxels."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np

from blindsky.scoring.measurements import Array, FloatArray

VOXELS = 1 << 26  # of a box with its margins; a search holds some 21 bytes of each, 1.4 GB
MARGIN = (40, 16, 16)  # planes, rows, columns: neighbours overlap by twice as much, 80 channels and 32 pixels
_SPANS = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Region:
    """A box of a cube, and the larger one that is looked at to know what is in it.

    inner, outer : first and last plane, row and column, the last exclusive.
    """

    inner: _SPANS
    outer: _SPANS

    @property
    def tile(self) -> tuple[int, int, int, int, int, int]:
        """The outer box, as a cube is asked for it."""
        (z0, z1), (y0, y1), (x0, x1) = self.outer
        return z0, z1, y0, y1, x0, x1

    @property
    def origin(self) -> tuple[int, int, int]:
        """First plane, row and column of the outer box."""
        z, y, x = (first for first, _ in self.outer)
        return z, y, x

    @property
    def voxels(self) -> int:
        """Of the inner box; those of all regions add up to the cube."""
        return math.prod(last - first for first, last in self.inner)

    def owns(self, place: tuple[int, int, int]) -> bool:
        """Whether a voxel of the outer box, counted from its corner, lies in the inner one."""
        return all(
            first <= at + start < last
            for at, start, (first, last) in zip(place, self.origin, self.inner, strict=True)
        )


def regions(
    shape: tuple[int, int, int], voxels: int = VOXELS, margin: tuple[int, int, int] = MARGIN
) -> Iterator[Region]:
    """A cube in boxes that share no voxel and leave none out, ascending; with margins at most ``voxels`` each."""
    parts = [_cut(n, count) for n, count in zip(shape, _counts(shape, voxels, margin), strict=True)]
    for spans in product(*parts):
        outer = tuple(
            (max(first - m, 0), min(last + m, n))
            for (first, last), m, n in zip(spans, margin, shape, strict=True)
        )
        yield Region(tuple(spans), outer)


def _cut(length: int, count: int) -> list[tuple[int, int]]:
    """As many stretches of about equal length."""
    ends = [k * length // count for k in range(count + 1)]
    return list(pairwise(ends))


def _counts(shape: tuple[int, int, int], voxels: int, margin: tuple[int, int, int]) -> tuple[int, int, int]:
    """Boxes along each axis: no box has more voxels, or boxes are as thin as their margins, and these add least."""
    counts, longest, work = zip(*map(_axis, shape, margin), strict=True)
    chosen, best = tuple(int(count[-1]) for count in counts), math.inf
    plane, total = np.outer(longest[1], longest[2]), np.outer(work[1], work[2])
    for number, planes, height in zip(counts[0].tolist(), longest[0].tolist(), work[0].tolist(), strict=True):
        each = np.where(plane * planes <= voxels, total * height, math.inf)
        if each.min() < best:
            best = float(each.min())
            row, column = np.unravel_index(np.argmin(each), each.shape)
            chosen = number, int(counts[1][row]), int(counts[2][column])
    z, y, x = chosen
    return z, y, x


def _axis(length: int, margin: int) -> tuple[Array, FloatArray, FloatArray]:
    """Numbers of stretches along an axis, the longest of them with its margins, and all of them together."""
    count = np.arange(1, max(length // max(margin, 1), 1) + 1)
    sides = np.minimum(count - 1, 2)  # that a stretch has a margin on
    longest = np.minimum(-(-length // count) + sides * margin, length)
    return count, longest.astype(np.float64), np.asarray(length + 2.0 * margin * (count - 1), np.float64)
