"""Panels drawn with NumPy alone: colours, enlarged images, contours, steps and bands, on squares of RGB from 0 to 1.

A panel is (SIDE, SIDE, 3), row 0 on top. Lines have soft edges: how much of a pixel they cover.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from blindsky.scoring.measurements import Array, FloatArray

Panel = NDArray[np.float32]

SIDE = 180  # pixels of a panel
_SHADES = 1024  # of a scale of colours: finer than a picture's 256 levels
NIGHT = (0.055, 0.063, 0.086)  # background
_ALL = (slice(None), slice(None))
_ACROSS: Panel = np.arange(SIDE, dtype=np.float32) / np.float32(SIDE)
CHALK = (0.88, 0.90, 0.93)
GREEN = (0.36, 0.82, 0.52)  # truth
AMBER = (1.00, 0.68, 0.22)  # claim
# of 255
_FIRE = (
    (6, 6, 20), (43, 14, 88), (106, 23, 110), (163, 44, 96),
    (214, 75, 64), (246, 130, 24), (250, 200, 50), (252, 255, 190),
)  # fmt: skip
_POLES = ((43, 80, 200), (110, 160, 250), (232, 232, 232), (246, 140, 105), (190, 22, 44))


class Ink(NamedTuple):
    """How much of each pixel in a part of a panel is covered: alpha (rows, columns), or of a shape that fits."""

    part: tuple[slice, slice]
    alpha: Panel


@cache
def _shades(anchors: tuple[tuple[int, int, int], ...]) -> Panel:
    """The colours of a scale, on straight lines between anchors, (_SHADES, 3)."""
    place, known = np.linspace(0, len(anchors) - 1, _SHADES), np.arange(len(anchors))
    shades = [np.interp(place, known, one) for one in zip(*anchors, strict=True)]
    return (np.stack(shades, axis=-1) / 255).astype(np.float32)


def _coloured(level: Array, anchors: tuple[tuple[int, int, int], ...]) -> Panel:
    """Colours of levels from 0 to 1."""
    index = (np.clip(level, 0, 1) * (_SHADES - 1) + 0.5).astype(np.intp)
    return np.asarray(np.take(_shades(anchors), index, axis=0))


def fire(level: Array) -> Panel:
    """Dark to bright."""
    return _coloured(level, _FIRE)


def poles(level: Array) -> Panel:
    """Blue at 0, grey at 1/2, red at 1."""
    return _coloured(level, _POLES)


def blank() -> Panel:
    """An empty panel."""
    return np.full((SIDE, SIDE, 3), NIGHT, np.float32)


def enlarged(image: Array, order: int = 1) -> Panel:
    """An image (rows, columns) on a panel, its first row at the bottom; splines of ``order`` between pixels."""
    rows, columns = image.shape
    return np.asarray((_weights(rows, order) @ image.astype(np.float32) @ _weights(columns, order).T)[::-1])


@lru_cache(maxsize=256)
def _weights(n: int, order: int) -> Panel:
    """What each of n pixels gives to each place along a side (SIDE, n); beyond the last pixel its value holds."""
    from scipy.ndimage import map_coordinates

    at = np.clip((np.arange(SIDE) + 0.5) / SIDE * n - 0.5, 0, n - 1)
    places = np.broadcast_arrays(at[:, None], np.arange(n))
    return np.asarray(map_coordinates(np.eye(n), places, order=order, mode="mirror"), dtype=np.float32)


def over(panel: Panel, ink: Ink, colour: tuple[float, float, float], strength: float = 1.0) -> None:
    """Paint a colour where there is ink."""
    part = panel[ink.part]
    part += (strength * ink.alpha)[..., None] * (np.array(colour, np.float32) - part)


def contours(values: Panel, levels: Sequence[float], strengths: Sequence[float], width: float = 1.4) -> Ink:
    """The lines where values (SIDE, SIDE) pass levels; ``width`` in pixels."""
    slope = np.hypot(*np.gradient(values))
    slope = np.maximum(slope, 1e-6 * (1 + np.abs(values).max()))
    clear = np.ones_like(values)
    for level, strength in zip(levels, strengths, strict=True):
        clear *= 1 - strength * np.clip(0.5 + width / 2 - np.abs(values - level) / slope, 0, 1)
    return Ink(_ALL, 1 - clear)


def ellipse(place: tuple[float, float], radius: float) -> tuple[Ink, Ink]:
    """A disc and its rim; place and radius as shares of the side, from the lower left corner."""
    part, x, y = _around([place], radius * SIDE + 1)
    away = (np.hypot(x - place[0], y - place[1]) - radius) * SIDE
    return Ink(part, np.clip(0.5 - away, 0, 1)), Ink(part, np.clip(1 - np.abs(away), 0, 1))


def line(first: tuple[float, float], last: tuple[float, float], width: float = 1.2, dash: float = 0.0) -> Ink:
    """A straight line between places, broken every ``dash`` of the side."""
    half = 0.5 + width / 2
    part, x, y = _around([first, last], half)
    x, y = x - np.float32(first[0]), y - np.float32(first[1])
    along = np.array(last, np.float32) - np.array(first, np.float32)
    length = np.hypot(*along)
    t = (x * along[0] + y * along[1]) / length
    beside = np.abs(x * along[1] - y * along[0]) / length
    alpha = np.clip(half - beside * SIDE, 0, 1) * ((t >= 0) & (t <= length))
    return Ink(part, alpha * (np.floor(t / dash) % 2 == 0) if dash else alpha)


def _around(places: Sequence[tuple[float, float]], reach: float) -> tuple[tuple[slice, slice], Panel, Panel]:
    """The part of a panel within ``reach`` pixels of a box around places, and x and y of its pixels."""
    low, high = np.min(places, axis=0) * SIDE - reach, np.max(places, axis=0) * SIDE + reach
    left, bottom = (min(max(math.floor(at), 0), SIDE) for at in low)
    right, top = (min(max(math.ceil(at) + 1, 0), SIDE) for at in high)
    part = slice(SIDE - top, SIDE - bottom), slice(left, right)
    return part, _ACROSS[None, left:right], _ACROSS[bottom:top][::-1, None]


def steps(heights: FloatArray, width: float = 1.5) -> Ink:
    """A curve (n,) of shares of the side, drawn as steps from left to right."""
    bins = np.minimum(np.arange(SIDE) * len(heights) // SIDE, len(heights) - 1)
    top = (heights[bins] * SIDE).astype(np.float32)
    before = np.concatenate([top[:1], top[:-1]])
    low, high = np.minimum(top, before), np.maximum(top, before)
    up = np.arange(SIDE - 1, -1, -1, dtype=np.float32)[:, None]
    away = np.maximum(np.maximum(low - up, up - high), 0)
    return Ink(_ALL, np.clip(0.5 + width / 2 - away, 0, 1))


def across(first: float, last: float, *, upright: bool = True) -> Ink:
    """A band between two shares of the side: of columns, or of rows from the bottom."""
    low, high = (round(min(max(at, 0.0), 1.0) * SIDE) for at in (first, last))
    part = (slice(None), slice(low, high)) if upright else (slice(SIDE - high, SIDE - low), slice(None))
    return Ink(part, np.ones((1, 1), np.float32))


def finished(panels: list[list[Panel]], seam: int = 3) -> NDArray[np.uint8]:
    """Rows of panels as one picture (height, width, 3) with white seams."""
    rows, columns = len(panels), len(panels[0])
    whole = np.full((rows * (SIDE + seam) - seam, columns * (SIDE + seam) - seam, 3), 255, np.uint8)
    for i, row in enumerate(panels):
        for k, panel in enumerate(row):
            top, left = i * (SIDE + seam), k * (SIDE + seam)
            whole[top : top + SIDE, left : left + SIDE] = np.clip(255 * panel + 0.5, 0, 255)
    return whole
