"""The radio continuum of a field: its sources, the maps that are shipped, and what is left of it in the cube.

Maps lie 10 MHz apart over the whole band. Planes are made one by one, so that memory is that of a few of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from blindsky.challenges.hi.field import BAND, BEAM, BEAM_SIGMA, CHANNEL, FIRST, PIXEL, Field
from blindsky.challenges.hi.interference import sensitivity
from blindsky.challenges.hi.noise import Noise
from blindsky.challenges.randomness import Streams
from blindsky.scoring.measurements import Array, FloatArray, Table

STEP = 10e6  # Hz, from map to map
PLANES = 21
COUNTS = (0.859, 0.508, 0.376, -0.049, -0.121, 0.057, -0.008)  # Hopkins et al. 2003
FLUXES = (0.05, 1000.0)  # mJy at 1.4 GHz
REFERENCE = 1.4e9  # Hz
INDEX = (-0.7, 0.2)  # spectral index and its scatter
RESOLVED = 1.0  # mJy from which a source has a size
SIZE = (0.3, 0.3, 30.0)  # log10 of its FWHM in arcsec, scatter, the largest
RATIO = (0.3, 1.0)  # minor over major axis
LEFT = -1e-3  # of the continuum, times unit noise
CELL = 512.2  # arcsec between the knots of that noise
_KNOTS = 4001  # of the counts
_REACH = 5  # sigmas of a source that are painted
_PIXELS = 1 << 20  # of stamps at once
_BAND = 1 << 17  # bytes of a residual plane at once, which stay in the cache

Floats = NDArray[np.float32]


def counts() -> tuple[FloatArray, FloatArray]:
    """Sources per square degree above fluxes in mJy, on rising knots: flux (k,) and number (k,)."""
    log_flux = np.linspace(math.log10(FLUXES[0]), math.log10(FLUXES[1]), _KNOTS)
    shape = sum(a * log_flux**k for k, a in enumerate(COUNTS))  # Eq. 3 of Hopkins+2003: log of S^2.5 dN/dS
    jansky = 10**log_flux * 1e-3
    each = 10**shape * jansky**-1.5 * math.log(10) * math.radians(1) ** 2  # per decade and square degree
    pieces = (each[1:] + each[:-1]) / 2 * np.diff(log_flux)
    return 10**log_flux, np.append(np.cumsum(pieces[::-1])[::-1], 0)


def components(field: Field, streams: Streams) -> Table:
    """The continuum sources of a field, (n,).

    x, y : pixels.   ra, dec : deg.   flux : Jy at 1.4 GHz.   alpha : S ~ nu^alpha.   major, minor : arcsec, FWHM before
    the beam, 0 for a point.   pa : deg from North through East.
    """
    rng = streams("continuum/0")
    flux, above = counts()
    n = rng.poisson(above[0] * field.area * field.density)
    x, y = (rng.random(n) * side - 0.5 for side in (field.nx, field.ny))
    drawn = np.exp(np.interp(-(1 - rng.random(n)) * above[0], -above, np.log(flux)))
    alpha = INDEX[0] + INDEX[1] * rng.standard_normal(n)
    major = np.minimum(10 ** (SIZE[0] + SIZE[1] * rng.standard_normal(n)), SIZE[2])
    minor = major * rng.uniform(*RATIO, n)
    pa = 180 * rng.random(n)
    resolved = drawn >= RESOLVED
    ra, dec = field.world(x, y)
    return {
        "x": x,
        "y": y,
        "ra": ra,
        "dec": dec,
        "flux": drawn * 1e-3,
        "alpha": alpha,
        "major": np.where(resolved, major, 0),
        "minor": np.where(resolved, minor, 0),
        "pa": pa,
    }


def frequencies() -> FloatArray:
    """Of the maps, Hz."""
    return np.asarray(BAND[0] + STEP * np.arange(PLANES))


def sky(field: Field, components: Table, frequency: float) -> Floats:
    """The continuum at a frequency in Hz seen by the beam, without noise: (ny, nx) float32 Jy/beam."""
    flux = components["flux"] * (frequency / REFERENCE) ** components["alpha"]
    across, along = (np.hypot(components[name], BEAM) / BEAM for name in ("minor", "major"))
    peak = flux / (across * along)
    angle = np.radians(components["pa"])
    sine, cosine = np.sin(angle), np.cos(angle)  # of the major axis, which points to (-sine, cosine) in x, y
    narrow, wide = 1 / across**2, 1 / along**2
    form = (
        wide * sine**2 + narrow * cosine**2,
        (narrow - wide) * sine * cosine,
        wide * cosine**2 + narrow * sine**2,
    )
    plane = np.zeros((field.ny, field.nx), np.float32)
    half = np.ceil(_REACH * BEAM_SIGMA * along).astype(np.int64)
    for size in np.unique(half):
        rows = np.flatnonzero(half == size)
        many = max(_PIXELS // (2 * int(size) + 1) ** 2, 1)
        for part in (rows[first : first + many] for first in range(0, len(rows), many)):
            centre = components["x"][part], components["y"][part]
            _paint(plane, int(size), *centre, peak[part], *(term[part] for term in form))
    return plane


def _paint(
    plane: Floats,
    half: int,
    x: Array,
    y: Array,
    peak: FloatArray,
    xx: FloatArray,
    xy: FloatArray,
    yy: FloatArray,
) -> None:
    """Add Gaussians on boxes of 2 half + 1 pixels; xx, xy, yy is the quadratic form in units of the beam's."""
    box = np.arange(-half, half + 1)
    column, row = np.rint(x).astype(np.int64)[:, None] + box, np.rint(y).astype(np.int64)[:, None] + box
    dx, dy = (column - x[:, None])[:, None, :], (row - y[:, None])[:, :, None]
    form = xx[:, None, None] * dx**2 + 2 * xy[:, None, None] * dx * dy + yy[:, None, None] * dy**2
    stamp = peak[:, None, None] * np.exp(-form / (2 * BEAM_SIGMA**2))
    on = ((row >= 0) & (row < plane.shape[0]))[:, :, None] & ((column >= 0) & (column < plane.shape[1]))[
        :, None, :
    ]
    at = row[:, :, None] * plane.shape[1] + column[:, None, :]
    np.add.at(plane.reshape(-1), at[on], stamp[on].astype(np.float32))


def map_rms(field: Field) -> FloatArray:
    """Noise of the maps in Jy/beam, (21,)."""
    return field.noise * sensitivity(frequencies(), STEP)


def planes(field: Field, components: Table, streams: Streams) -> Iterator[Floats]:
    """The shipped maps one by one, (ny, nx) float32 Jy/beam: the sky and noise."""
    known = replace(field, k0=0, nchan=PLANES)
    noise = Noise(known, map_rms(field), replace(streams, path=f"{streams.path}/continuum"))
    for m, frequency in enumerate(frequencies()):
        plane = sky(field, components, frequency)
        plane += noise.plane(m)
        yield plane


def maps(field: Field, components: Table, streams: Streams) -> Floats:
    """The shipped maps, (21, ny, nx) float32 Jy/beam; of the full field take ``planes``."""
    return np.stack(list(planes(field, components, streams)))


class Residual:
    """What continuum subtraction leaves in the channels: -1e-3 times the continuum times smooth unit noise.

    That noise is drawn on knots 512 arcsec and 10 MHz apart, stream ``gain/<map>``, and linear between them, as the
    continuum is between maps. Only the two maps around the last channel are kept.
    """

    def __init__(self, field: Field, components: Table, streams: Streams) -> None:
        self.field, self.components, self.streams = field, components, streams
        self._kept: dict[int, tuple[Floats, Floats]] = {}

    def plane(self, k: int) -> Floats:
        """The residual in global channel k, (ny, nx) float32 Jy/beam."""
        place = min((FIRST + CHANNEL * k - BAND[0]) / STEP, PLANES - 1)
        low = min(int(place), PLANES - 2)
        part = np.float32(place - low)
        self._kept = {m: self._kept.get(m) or self._map(m) for m in (low, low + 1)}
        (gain0, sky0), (gain1, sky1) = self._kept.values()

        knots = gain0 + part * (gain1 - gain0)
        column, right = _between(self.field.nx)
        across = knots[:, column] + right * (knots[:, column + 1] - knots[:, column])
        row, up = _between(self.field.ny)
        climb = np.diff(across, axis=0) * np.float32(LEFT)
        across *= np.float32(LEFT)
        found = np.empty((self.field.ny, self.field.nx), np.float32)
        rows = max(_BAND // (4 * self.field.nx), 1)
        noise = np.empty((rows, self.field.nx), np.float32)
        for first in range(0, self.field.ny, rows):
            out = found[first : first + rows]
            band = slice(first, first + len(out))
            for i, (knot, rise) in enumerate(zip(row[band], up[band], strict=True)):
                np.multiply(climb[knot], rise, out=noise[i])
                noise[i] += across[knot]
            np.subtract(sky1[band], sky0[band], out=out)
            out *= part
            out += sky0[band]
            out *= noise[: len(out)]
        return found

    def _map(self, m: int) -> tuple[Floats, Floats]:
        """Unit noise on knots and the noiseless continuum of map m."""
        shape = [_between(side)[0][-1] + 2 for side in (self.field.ny, self.field.nx)]
        gain = self.streams(f"gain/{m}").standard_normal(shape, dtype=np.float32)
        return gain, sky(self.field, self.components, float(frequencies()[m]))


def _between(side: int) -> tuple[Array, Floats]:
    """Knot below each pixel, and how far the pixel is towards the next; the first knot is at pixel 0."""
    place = np.arange(side) / (CELL / PIXEL)
    below = place.astype(np.int64)
    return below, (place - below).astype(np.float32)
