"""Noise of an image made by an interferometer: its autocorrelation is the beam.

White noise is drawn in square blocks with a stream each and smoothed by a Gaussian of the beam's width over sqrt(2). A
tile has the bytes of that slice of the whole plane, because every pixel is the same sums of the same numbers.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from blindsky.challenges.hi.field import BEAM_SIGMA, Field
from blindsky.challenges.randomness import Streams
from blindsky.scoring.measurements import FloatArray

REACH = 4  # pixels, of the kernel and of the first block beyond the plane
_BAND = 1 << 17  # bytes smoothed at once, which stay in the cache
_SIGMA = BEAM_SIGMA / np.sqrt(2)  # pixels: white noise smoothed by g has the autocorrelation g * g

Floats = NDArray[np.float32]


def taps() -> Floats:
    """The kernel at 0, 1 ... 4 pixels, (5,) float32; the squares of all nine add up to 1, so the rms stays."""
    one = np.exp(-(np.arange(REACH + 1) ** 2) / (2 * _SIGMA**2))
    return np.asarray(one / np.sqrt(one[0] ** 2 + 2 * (one[1:] ** 2).sum()), np.float32)


class Noise:
    """The noise of a field.

    rms : Jy/beam of each local channel, (nchan,).   streams : block ``noise/<global channel>/<row>/<column>``.
    """

    def __init__(self, field: Field, rms: FloatArray, streams: Streams) -> None:
        self.field, self.rms, self.streams = field, rms, streams

    def plane(self, z: int) -> Floats:
        """The noise of local channel z, (ny, nx) Jy/beam."""
        return self.tile(z, 0, self.field.ny, 0, self.field.nx)

    def tile(self, z: int, y0: int, y1: int, x0: int, x1: int) -> Floats:
        """Rows y0 ... y1 - 1 and columns x0 ... x1 - 1 of that plane."""
        found = np.empty((y1 - y0, x1 - x0), np.float32)
        self.fill(found, z, y0, x0)
        return found

    def fill(self, found: Floats, z: int, y0: int = 0, x0: int = 0) -> None:
        """Put the noise of local channel z into ``found`` (rows, columns), whose first pixel is row y0, column x0."""
        y1, x1 = y0 + found.shape[0], x0 + found.shape[1]
        across = taps() * np.float32(self.rms[z])
        rows = max(_BAND // (4 * (x1 - x0 + 2 * REACH)), 1)
        smoothed, term = np.empty((2, rows, x1 - x0 + 2 * REACH), np.float32)
        for first, strip in self._strips(z, y0, y1, x0, x1):
            for row in range(0, len(strip) - 2 * REACH, rows):
                n = min(rows, len(strip) - 2 * REACH - row)
                _smooth(strip[row : row + n + 2 * REACH].T, taps(), smoothed[:n].T, term[:n].T)
                out = found[first - y0 + row :][:n]
                _smooth(smoothed[:n], across, out, term[:n, : x1 - x0])

    def _strips(self, z: int, y0: int, y1: int, x0: int, x1: int) -> Iterator[tuple[int, Floats]]:
        """White noise by rows of blocks: the first row it is smoothed to, and rows with 4 pixels more around."""
        side = self.field.noise_side
        width = x1 - x0 + 2 * REACH
        kept = np.empty((0, width), np.float32)
        block = np.empty((side, side), np.float32)
        for by in range(y0 // side, (y1 + 2 * REACH - 1) // side + 1):
            top, bottom = max(by * side, y0), min((by + 1) * side, y1 + 2 * REACH)  # rows counted from -4
            strip = np.empty((len(kept) + bottom - top, width), np.float32)
            strip[: len(kept)] = kept
            for bx in range(x0 // side, (x1 + 2 * REACH - 1) // side + 1):
                left, right = max(bx * side, x0), min((bx + 1) * side, x1 + 2 * REACH)
                self.streams(f"noise/{self.field.k0 + z}/{by}/{bx}").standard_normal(
                    out=block, dtype=np.float32
                )
                strip[len(kept) :, left - x0 : right - x0] = block[
                    top - by * side : bottom - by * side, left - bx * side : right - bx * side
                ]
            yield top - len(kept), strip
            kept = strip[max(len(strip) - 2 * REACH, 0) :]


def _smooth(white: Floats, weights: Floats, out: Floats, term: Floats) -> None:
    """Smooth along the last axis, which loses 4 elements at either end; ``term`` is room for a term of the sum."""
    n = out.shape[-1]
    np.multiply(white[:, REACH : REACH + n], weights[0], out=out)
    for j in range(1, REACH + 1):
        np.add(white[:, REACH - j : REACH - j + n], white[:, REACH + j : REACH + j + n], out=term)
        np.multiply(term, weights[j], out=term)
        np.add(out, term, out=out)
