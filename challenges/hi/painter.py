"""The cube, plane by plane: noise, then what continuum leaves, then the stamps of the sources in their order.

Every voxel is the same float32 sum whatever slab, tile or process it is painted in: noise is drawn per channel and
block, and stamps are made in chunks of neighbours in frequency, whole even where a part is used. They are kept while
planes above still need them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from blindsky.challenges.hi import render
from blindsky.challenges.hi.field import BEAM_SIGMA, C_KMS, CHANNEL, PIXEL, Field
from blindsky.challenges.hi.noise import Noise
from blindsky.challenges.hi.profiles import REACH, SCALE
from blindsky.challenges.randomness import Streams
from blindsky.scoring.measurements import Array, FloatArray, Table

CHUNK = 64  # sources rendered together
BUDGET = 2**28  # bytes of a slab and what it takes to make it
_COPIES = 3  # slabs' worth of memory that a slab takes

Floats = NDArray[np.float32]


class Remains(Protocol):
    """What is left of the continuum in the cube."""

    def plane(self, k: int) -> Floats:
        """Of global channel k, (ny, nx) Jy/beam."""
        ...


class Painter:
    """Paints any planes of a field, fastest in ascending order.

    sources : rows of a truth table, in any order.   rms : of the noise in each local channel, (nchan,) Jy/beam.
    streams : of the split.   residual : of the continuum, or None.   device : of torch, where stamps are made.
    """

    def __init__(
        self,
        field: Field,
        sources: Table,
        rms: FloatArray,
        streams: Streams,
        residual: Remains | None = None,
        device: str = "cpu",
    ) -> None:
        self.field, self.residual, self.device = field, residual, device
        self.noise = Noise(field, rms, streams)
        order = np.lexsort((sources["x"], sources["central_freq"]))
        rows = [order[first : first + CHUNK] for first in range(0, len(order), CHUNK)]
        self._chunks = [{name: column[of] for name, column in sources.items()} for of in rows]
        self._reach = [_bounds(field, chunk) for chunk in self._chunks]
        self._span = np.array(
            [(reach[0, :, 0].min(), reach[0, :, 1].max()) for reach in self._reach]
        ).reshape(-1, 2)
        self._alive: dict[int, list[render.Stamp]] = {}

    def height(self, budget: int = BUDGET) -> int:
        """Planes of a slab whose making takes so many bytes."""
        return max(budget // (4 * self.field.nx * self.field.ny * _COPIES), 1)

    def planes(self, first: int, last: int, height: int | None = None) -> Iterator[Floats]:
        """Slabs (height, ny, nx) in Jy/beam of the local planes first <= z < last, ascending; the last may be lower."""
        height = height or self.height()
        for z in range(first, last, height):
            yield self.paint(z, min(z + height, last))

    def paint(self, z0: int, z1: int) -> Floats:
        """The local planes z0 <= z < z1, (z1 - z0, ny, nx) Jy/beam."""
        return self.tile(z0, z1, 0, self.field.ny, 0, self.field.nx)

    def tile(self, z0: int, z1: int, y0: int, y1: int, x0: int, x1: int) -> Floats:
        """A part of these planes, with the bytes of that slice of them."""
        found = np.empty((z1 - z0, y1 - y0, x1 - x0), np.float32)
        for z, plane in enumerate(found, start=z0):
            self.noise.fill(plane, z, y0, x0)
            if self.residual is not None:
                plane += self.residual.plane(self.field.k0 + z)[y0:y1, x0:x1]
        box = np.array([[z0, z1], [y0, y1], [x0, x1]])
        there = np.flatnonzero((self._span[:, 0] < z1) & (self._span[:, 1] > z0)).tolist()
        there = [c for c in there if _near(self._reach[c], box)]
        self._alive = {c: self._alive[c] for c in there if c in self._alive}
        for c in there:
            made = self._alive.pop(c, None) or render.stamps(self.field, self._chunks[c], self.device)
            for stamp in made:
                _add(found, stamp, box)
            if self._span[c, 1] > z1:
                self._alive[c] = made
        return found


def _bounds(field: Field, sources: Table) -> Array:
    """Local planes, rows and columns beyond which each source adds nothing, first and last + 1, (3, n, 2)."""
    shift = sources["central_freq"] / (C_KMS * CHANNEL)
    fast = sources["v_flat"] * np.sin(np.radians(sources["i"])) + render.REACH * sources["sigma_v"]
    wide = (1 + REACH * SCALE) * sources["hi_size"] / 2 / PIXEL + render.REACH * BEAM_SIGMA
    places = (field.channel(sources["central_freq"]) - field.k0, sources["y"], sources["x"])
    half = (shift * fast, wide, wide)
    return np.stack(
        [
            np.stack([np.floor(at - by) - 1, np.ceil(at + by) + 2], axis=-1)
            for at, by in zip(places, half, strict=True)
        ]
    )


def _near(bounds: Array, box: Array) -> bool:
    """Whether any of the sources reaches into a box (3, 2)."""
    return bool(((bounds[:, :, 0] < box[:, 1:]) & (bounds[:, :, 1] > box[:, :1])).all(axis=0).any())


def _add(found: Floats, stamp: render.Stamp, box: Array) -> None:
    """Add what lies in the box whose voxels are ``found``."""
    inside, cut = [], []
    for at, n, (first, last) in zip(
        (stamp.z, stamp.y, stamp.x), stamp.values.shape, box.tolist(), strict=True
    ):
        lo, hi = max(at, first), min(at + n, last)
        if lo >= hi:
            return
        inside.append(slice(lo - first, hi - first))
        cut.append(slice(lo - at, hi - at))
    found[tuple(inside)] += stamp.values[tuple(cut)]
