"""What is looked at of one source: mask, moment maps, spectrum, width and position-velocity cut of a piece of a cube.

Pure arrays: a piece (channels, rows, columns) in Jy/beam, frequency ascending, pixels and channels counted from 0 at
its first voxel. Angles in deg from North (up) through East (left), as on the field's own grid.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from blindsky.challenges.hi.field import BEAM, BEAM_AREA, BEAM_SIGMA, C_KMS, CHANNEL, PIXEL
from blindsky.scoring.measurements import Array, FloatArray

NEAR = 1.5  # beams, within which a mask must come near the source
BOX = 3  # channels that a mask is smoothed over
W20 = 0.2  # share of the peak at which widths are taken
ACROSS = 5  # lines of sight side by side in a cut
_NOISE_SIGMA = BEAM_SIGMA / np.sqrt(2)  # pixels: noise has the beam as its autocorrelation
QUIETER = float(_NOISE_SIGMA / np.hypot(_NOISE_SIGMA, BEAM_SIGMA))  # share of noise that the beam leaves

Mask = NDArray[np.bool_]


def velocities(frequency: Array, centre: float) -> FloatArray:
    """km/s in the rest frame of the source, receding positive, of channels (n,) in Hz; ``centre`` Hz, of the source."""
    return np.asarray(C_KMS * (1 - np.asarray(frequency, dtype=np.float64) / centre))


def significance(cube: Array, rms: Array) -> FloatArray:
    """Signal to noise of a piece smoothed by the beam and by three channels; ``rms`` (channels,) in Jy/beam."""
    from scipy.ndimage import gaussian_filter, uniform_filter1d

    signal = np.asarray(cube, dtype=np.float64) / np.asarray(rms)[:, None, None]
    smooth = gaussian_filter(signal, (0, BEAM_SIGMA, BEAM_SIGMA), mode="constant")
    quieter = QUIETER / np.sqrt(BOX)  # channels are independent
    return np.asarray(uniform_filter1d(smooth, BOX, axis=0, mode="constant") / quieter)


def mask(
    cube: Array, rms: Array, place: tuple[float, float, float], width: float, sigma: float = 3.0
) -> Mask:
    """Voxels above ``sigma`` in the smoothed piece that hang together and come near the source.

    place : channel, row and column of the source.   width : channels that its line takes.
    """
    from scipy.ndimage import label

    parts, _ = label(significance(cube, rms) > sigma, np.ones((3, 3, 3)))
    z, y, x = np.ogrid[tuple(slice(n) for n in parts.shape)]
    near = (np.abs(z - place[0]) <= width / 2 + 1) & (
        np.hypot(y - place[1], x - place[2]) <= NEAR * BEAM / PIXEL
    )
    wanted = np.unique(parts[near & (parts > 0)])
    return np.asarray(np.isin(parts, wanted))


def moment0(cube: Array, inside: Mask | None = None, step: float = CHANNEL) -> FloatArray:
    """The line's integral at each pixel, (rows, columns): Jy/beam times the unit of ``step``, Hz by default."""
    return np.asarray(_masked(cube, inside).sum(axis=0) * step)


def smoothed0(total: Array) -> FloatArray:
    """Moment 0 smoothed by the beam, (rows, columns); of its noise a share of ``QUIETER`` is left."""
    from scipy.ndimage import gaussian_filter

    return np.asarray(gaussian_filter(np.asarray(total, dtype=np.float64), BEAM_SIGMA))


def moment1(cube: Array, velocity: Array, inside: Mask | None = None) -> FloatArray:
    """Mean velocity weighted by intensity at each pixel, (rows, columns); NaN where the integral is not above 0."""
    weight = _masked(cube, inside)
    total = weight.sum(axis=0)
    mean = np.tensordot(np.asarray(velocity), weight, axes=1)
    return np.asarray(np.divide(mean, total, out=np.full(total.shape, np.nan), where=total > 0))


def spectrum(cube: Array, inside: Mask | None = None) -> FloatArray:
    """Flux density of each channel in Jy, (channels,). ``inside`` : voxels, or pixels for all channels alike."""
    return np.asarray(_masked(cube, inside).sum(axis=(1, 2)) / BEAM_AREA)


def _masked(cube: Array, inside: Mask | None) -> FloatArray:
    signal = np.asarray(cube, dtype=np.float64)
    return signal if inside is None else np.where(inside, signal, 0.0)


def counted_width(line: Array, step: float, level: float = W20) -> float:
    """Channels of a spectrum (n,) from ``level`` of its peak on, times ``step``: the width of a line without noise."""
    return float(np.count_nonzero(line >= level * np.max(line)) * abs(step))


def width(line: Array, step: float, level: float = W20) -> float:
    """Distance of the outermost crossings of ``level`` of a spectrum's (n,) peak, interpolated; NaN without any."""
    line = np.asarray(line, dtype=np.float64)
    limit = level * line.max()
    above = np.flatnonzero(line >= limit)
    first, last = above[0], above[-1]
    if first == 0 or last == len(line) - 1 or limit <= 0:
        return float("nan")
    low = first - (line[first] - limit) / (line[first] - line[first - 1])
    high = last + (line[last] - limit) / (line[last] - line[last + 1])
    return float((high - low) * abs(step))


def cut(cube: Array, place: tuple[float, float], pa: float, half: int, across: float = BEAM) -> FloatArray:
    """Position-velocity cut through row and column ``place``, (channels, 2 half + 1), mean over ``across`` arcsec.

    One pixel a step along ``pa``, the last on the side that it points to. 0 outside the piece.
    """
    from scipy.ndimage import map_coordinates

    along = np.arange(-half, half + 1)
    beside = across / PIXEL * (np.arange(ACROSS) / (ACROSS - 1) - 0.5)
    sine, cosine = np.sin(np.radians(pa)), np.cos(np.radians(pa))
    row = place[0] + np.add.outer(beside * sine, along * cosine)
    column = place[1] + np.add.outer(beside * cosine, -along * sine)
    channel = np.arange(len(cube))[:, None, None]
    at = np.broadcast_arrays(channel, row, column)
    sights = map_coordinates(np.asarray(cube, dtype=np.float64), at, order=1, mode="constant")
    return np.asarray(sights.mean(axis=1))
