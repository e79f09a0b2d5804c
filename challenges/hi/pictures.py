"""Sources as pictures: moment 0 and spectrum above, velocities and the cut along the major axis below.

Moment 0: beam, and contours of the map smoothed by it, at 1, 2 and 3 sigma of the smoothed map. Velocities: blue
approaching, red receding, and the line of the cut. Spectrum and cut share their axis, velocities from left to right;
the true width is green, a claimed one amber.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from blindsky.challenges import tables
from blindsky.challenges.challenge import Pictures, Sample
from blindsky.challenges.files import read_json
from blindsky.challenges.hi import moments, panels
from blindsky.challenges.hi.cube import Voxels, open_cube
from blindsky.challenges.hi.field import BEAM, BEAM_AREA, BEAM_SIGMA, C_KMS, CHANNEL, PIXEL, Field
from blindsky.scoring.measurements import Array, FloatArray, Table

PLACE = ("ra", "dec", "central_freq", "hi_size", "pa", "w20")
CLAIM = ("claimed_freq", "claimed_w20")  # where an entry found it; NaN where it did not
LEVELS = (1.0, 2.0, 3.0)  # sigma
PANELS = (
    "Each: integrated line with beam, and contours at 1, 2 and 3 sigma of the map smoothed by it; its spectrum, {}; "
    "velocities; cut along the major axis."
)
EACH = 4  # samples of a kind
FAINT, MIDDLE = 4.0, 8.0  # signal to noise of the samples that are not the brightest
_SIDES = (10, 24)  # pixels from the source to the edge, least and most
_MARGIN = 12  # channels beside the line
_LEAST = 12  # channels from the middle to either end, without the margin
_NOWHERE = -1e6  # pixels, of places on the far side of the sky, which have none: beyond any cube


class Tile(NamedTuple):
    """A piece of a cube around a source (channels, rows, columns), Jy/beam; 0 beyond the cube's ends.

    there : (rows, columns), pixels that the cube has.   rms : (channels,) Jy/beam.   frequency : (channels,) Hz.
    place : channel, row and column of the source.
    """

    cube: FloatArray
    there: NDArray[np.bool_]
    rms: FloatArray
    frequency: FloatArray
    place: tuple[float, float, float]


def tile(cube: Voxels, rms: Array, place: tuple[float, float, float], half: tuple[int, int]) -> Tile:
    """The piece within ``half`` channels and pixels of a place (channel, row, column) of a cube, all local."""
    centre = [round(at) for at in place]
    reach = (half[0], half[1], half[1])
    piece = np.zeros([2 * n + 1 for n in reach])
    there = np.zeros(piece.shape[1:], dtype=bool)
    low = [max(at - n, 0) for at, n in zip(centre, reach, strict=True)]
    high = [min(at + n + 1, size) for at, n, size in zip(centre, reach, cube.shape, strict=True)]
    if all(a < b for a, b in zip(low, high, strict=True)):
        first = [a - at + n for a, at, n in zip(low, centre, reach, strict=True)]
        z, y, x = (slice(k, k + b - a) for k, a, b in zip(first, low, high, strict=True))
        piece[z, y, x] = cube.tile(low[0], high[0], low[1], high[1], low[2], high[2])
        there[y, x] = True
    channel = np.arange(centre[0] - half[0], centre[0] + half[0] + 1)
    own = np.asarray(rms, np.float64)[np.clip(channel, 0, cube.shape[0] - 1)]
    where = tuple(at - round(at) + n for at, n in zip(place, reach, strict=True))
    frequency = cube.frequencies[0] + CHANNEL * channel
    return Tile(piece, there, own, frequency, (where[0], where[1], where[2]))


def picture(tile: Tile, source: Mapping[str, float]) -> NDArray[np.uint8]:
    """The four panels of a source (height, width, 3); ``source`` has PLACE, and perhaps CLAIM."""
    speed = moments.velocities(tile.frequency, source["central_freq"])
    wide = C_KMS * CHANNEL / source["central_freq"]  # km/s of a channel
    span = max(source["w20"], wide) / 2  # a claim may be as narrow as it likes, a picture has channels
    line = np.abs(speed) <= span
    inside = moments.mask(tile.cube, tile.rms, tile.place, source["w20"] / wide)
    # velocities from left to right are channels from last to first
    bands = [(-span, span, panels.GREEN)]
    if np.isfinite(source.get("claimed_w20", np.nan)):
        middle = C_KMS * (1 - source["claimed_freq"] / source["central_freq"])
        half = source["claimed_w20"] / 2
        bands.append((middle - half, middle + half, panels.AMBER))
    left, right = speed[-1] - wide / 2, speed[0] + wide / 2
    edges = [((a - left) / (right - left), (b - left) / (right - left), colour) for a, b, colour in bands]
    return panels.finished(
        [
            [_light(tile, line), _spectrum(tile, source, edges)],
            [_velocities(tile, speed, span, inside, source["pa"]), _cut(tile, source["pa"], edges)],
        ]
    )


def _light(tile: Tile, line: NDArray[np.bool_]) -> panels.Panel:
    """Moment 0 over the true width of the line."""
    total = moments.moment0(tile.cube[line])
    # of the channels that the cube has
    sigma = CHANNEL * np.sqrt((tile.rms[line & np.any(tile.cube, axis=(1, 2))] ** 2).sum()) or 1.0
    panel = panels.fire((panels.enlarged(total) / sigma + 2) / (max(total.max() / sigma, 6.0) + 2))
    panel[panels.enlarged(tile.there, 0) < 0.5] = panels.NIGHT
    smooth = panels.enlarged(moments.smoothed0(total), order=3) / (moments.QUIETER * sigma)
    panels.over(panel, panels.contours(smooth, LEVELS, (0.45, 0.7, 0.95)), panels.CHALK)
    radius = BEAM / PIXEL / 2 / len(total)
    disc, rim = panels.ellipse((0.04 + radius, 0.04 + radius), radius)
    panels.over(panel, disc, panels.CHALK, 0.25)
    panels.over(panel, rim, panels.CHALK)
    return panel


def _velocities(tile: Tile, speed: FloatArray, span: float, inside: moments.Mask, pa: float) -> panels.Panel:
    """Moment 1 in the mask, and where the cut runs."""
    panel = panels.blank()
    mean = moments.moment1(tile.cube, speed, inside & (tile.cube > 0))
    known = np.isfinite(mean)
    if known.any():
        level = panels.poles(panels.enlarged(np.where(known, mean, 0.0), 0) / (2 * span) + 0.5)
        panel = np.where(panels.enlarged(known, 0)[..., None] > 0.5, level, panel)
    side = len(mean)
    middle = ((tile.place[2] + 0.5) / side, (tile.place[1] + 0.5) / side)
    east, north = np.sin(np.radians(pa)), np.cos(np.radians(pa))
    ends = [(middle[0] - s * 0.45 * east, middle[1] + s * 0.45 * north) for s in (-1, 1)]
    panels.over(panel, panels.line(ends[0], ends[1], dash=0.025), panels.CHALK, 0.8)
    # the receding end, where the angle points
    panels.over(panel, panels.ellipse(ends[1], 0.014)[0], panels.CHALK)
    return panel


Edges = list[tuple[float, float, tuple[float, float, float]]]


def _spectrum(tile: Tile, source: Mapping[str, float], edges: Edges) -> panels.Panel:
    """Flux density in a circle of the source's size, with the noise there, and the widths."""
    _, y, x = np.ogrid[tuple(slice(n) for n in tile.cube.shape)]
    radius = np.hypot(source["hi_size"] / 2, BEAM / 2) / PIXEL
    near = np.hypot(y - tile.place[1], x - tile.place[2]) <= radius
    line = moments.spectrum(tile.cube, near)[::-1]
    noise = tile.rms[::-1] * _beams(near[0])
    low = min(line.min(), -2 * noise.max())
    high = max(line.max(), 3 * noise.max())
    low, high = low - 0.06 * (high - low), high + 0.12 * (high - low)
    panel = panels.blank()
    for first, last, colour in edges[:1]:
        panels.over(panel, panels.across(first, last), colour, 0.16)
    zero = -low / (high - low)
    band = float(np.median(noise)) / (high - low)
    panels.over(panel, panels.across(zero - band, zero + band, upright=False), panels.CHALK, 0.1)
    panels.over(panel, panels.line((0, zero), (1, zero), 1.0), panels.CHALK, 0.5)
    _mark(panel, edges)
    panels.over(panel, panels.steps((line - low) / (high - low)), panels.CHALK)
    return panel


def _beams(near: NDArray[np.bool_]) -> float:
    """Noise of a sum over pixels in terms of that of a beam; the noise has the beam as its autocorrelation."""
    places = np.argwhere(near)
    away = ((places[:, None] - places) ** 2).sum(axis=2)
    return float(np.sqrt(np.exp(-away / (2 * BEAM_SIGMA**2)).sum()) / BEAM_AREA)


def _cut(tile: Tile, pa: float, edges: Edges) -> panels.Panel:
    """Position-velocity cut, the side that recedes on top."""
    half = (tile.cube.shape[2] - 1) // 2
    shown = moments.cut(tile.cube, tile.place[1:], pa, half)[::-1]
    level = shown / float(np.median(tile.rms))
    panel = panels.fire((panels.enlarged(level.T) + 1.5) / (max(level.max(), 4.0) + 1.5))
    there = moments.cut(tile.there[None], tile.place[1:], pa, half)
    panel[panels.enlarged(there.T, 0)[:, 0] < 0.5] = panels.NIGHT
    # the cube ends where there is not even noise
    known = np.any(tile.cube, axis=(1, 2), keepdims=True)[::-1, 0].T
    panel[:, panels.enlarged(known, 0)[0] < 0.5] = panels.NIGHT
    panels.over(panel, panels.line((0, 0.5), (1, 0.5), 1.0), panels.CHALK, 0.35)
    _mark(panel, edges)
    return panel


def _mark(panel: panels.Panel, edges: Edges) -> None:
    for k, (first, last, colour) in enumerate(edges):
        for at in (first, last):
            panels.over(panel, panels.line((at, 0.0), (at, 1.0), 1.2, 0.03 if k else 0.0), colour, 0.9)


def places(public: Path, split: str, table: Table) -> NDArray[np.uint8]:
    """Pictures (n, height, width, 3) of sources in the cube of a split; ``table`` has PLACE, and perhaps CLAIM."""
    path = public / f"{split}_cube.fits"
    cube = open_cube(path if path.exists() else public / f"{split}_cube")
    field = Field.of(read_json(public / "fields.json")[split])
    rms = tables.read(public / f"{split}_channels.parquet", ["rms_jy_beam"])["rms_jy_beam"]
    x, y = (np.nan_to_num(at, nan=_NOWHERE) for at in field.pixel(table["ra"], table["dec"]))
    z = (np.asarray(table["central_freq"]) - cube.frequencies[0]) / CHANNEL
    drawn = []
    for k in range(len(x)):
        source = {name: float(column[k]) for name, column in table.items() if name in (*PLACE, *CLAIM)}
        channels = source["w20"] * source["central_freq"] / C_KMS / CHANNEL
        half = (
            round(max(0.75 * channels, _LEAST)) + _MARGIN,
            int(np.clip(np.ceil(0.7 * source["hi_size"] / PIXEL + 6), *_SIDES)),
        )
        drawn.append(picture(tile(cube, rms, (float(z[k]), float(y[k]), float(x[k])), half), source))
    empty = np.empty((0, 1, 1, 3), np.uint8)
    return np.stack(drawn) if drawn else empty


def samples(labels: Table) -> tuple[Sample, ...]:
    """Training sources: the brightest, and some near a signal to noise of 8 and of 4."""
    snr = np.nan_to_num(np.asarray(labels["snr"], np.float64), nan=-np.inf)
    left = np.isfinite(snr)
    kinds = []
    wanted = (("The brightest training sources", np.inf), ("Near S/N 8", MIDDLE), ("Near S/N 4", FAINT))
    for title, target in wanted:
        away = -snr if np.isinf(target) else np.abs(snr - target)
        order = np.argsort(np.where(left, away, np.inf), kind="stable")[: min(EACH, int(left.sum()))]
        left[order] = False
        rows = tuple(int(row) for row in order)
        notes = tuple(f"S/N {snr[row]:.1f}, {labels['w20'][row]:.0f} km/s" for row in rows)
        if rows:
            kinds.append(Sample(title, rows, notes, PANELS.format("width green")))
    return tuple(kinds)


PICTURES = Pictures(
    columns=(), render=None, samples=samples, labels=("train_sources", (*PLACE, "snr")), places=places
)
