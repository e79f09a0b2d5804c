"""Panels drawn with NumPy alone: colours, enlarged images, contours, steps and bands, on squares of RGB from 0 to 1.

A panel is (SIDE, SIDE, 3), row 0 on top. Lines have soft edges: how much of a pixel they cover.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from blindsky.scoring.measurements import Array, FloatArray

Panel = NDArray[np.float32]

SIDE = 180  # pixels of a panel
_SHADES = 1024  # of a scale of colours: finer than a picture's 256 levels
NIGHT = (0.055, 0.063, 0.086)  # background
CHALK = (0.88, 0.90, 0.93)
GREEN = (0.36, 0.82, 0.52)  # truth
AMBER = (1.00, 0.68, 0.22)  # claim
_FIRE = np.array(
    [
        (6, 6, 20), (43, 14, 88), (106, 23, 110), (163, 44, 96),
        (214, 75, 64), (246, 130, 24), (250, 200, 50), (252, 255, 190),
    ]
) / 255  # fmt: skip
_POLES = np.array([(43, 80, 200), (110, 160, 250), (232, 232, 232), (246, 140, 105), (190, 22, 44)]) / 255


def _coloured(level: Array, anchors: FloatArray) -> Panel:
    """Colours of levels from 0 to 1, on straight lines between anchors (k, 3)."""
    place = np.linspace(0, len(anchors) - 1, _SHADES)
    shades = np.stack([np.interp(place, np.arange(len(anchors)), one) for one in anchors.T], axis=-1)
    index = np.rint(np.clip(level, 0, 1) * (_SHADES - 1)).astype(np.intp)
    return np.asarray(np.take(shades.astype(np.float32), index, axis=0))


def fire(level: Array) -> Panel:
    """Dark to bright."""
    return _coloured(level, _FIRE)


def poles(level: Array) -> Panel:
    """Blue at 0, grey at 1/2, red at 1."""
    return _coloured(level, _POLES)


def blank() -> Panel:
    """An empty panel."""
    return np.full((SIDE, SIDE, 3), NIGHT, np.float32)


def enlarged(image: Array, order: int = 1) -> FloatArray:
    """An image (rows, columns) on a panel, its first row at the bottom; splines of ``order`` between pixels."""
    rows, columns = image.shape
    return np.asarray(
        _weights(rows, order)[::-1] @ np.asarray(image, np.float64) @ _weights(columns, order).T
    )


@lru_cache(maxsize=256)
def _weights(n: int, order: int) -> FloatArray:
    """What each of n pixels gives to each place along a side (SIDE, n); beyond the last pixel its value holds."""
    from scipy.interpolate import make_interp_spline

    at = np.clip((np.arange(SIDE) + 0.5) / SIDE * n - 0.5, 0, n - 1)
    if order == 0:
        return np.eye(n)[np.rint(at).astype(np.intp)]
    return np.asarray(make_interp_spline(np.arange(n), np.eye(n), k=order)(at))


def over(panel: Panel, alpha: Array, colour: tuple[float, float, float]) -> None:
    """Paint a colour where ``alpha`` (SIDE, SIDE), or of a shape that fits, is above 0."""
    covered = np.broadcast_to(alpha.astype(np.float32), panel.shape[:2])
    box = tuple(_extent(np.any(covered, axis=1 - axis)) for axis in (0, 1))
    part = panel[box]
    part += covered[box][..., None] * (np.array(colour, np.float32) - part)


def _extent(inside: Array) -> slice:
    places = np.flatnonzero(inside)
    return slice(places[0], places[-1] + 1) if len(places) else slice(0)


def contour(values: FloatArray, level: float, width: float = 1.4) -> FloatArray:
    """Alpha of the line where values (SIDE, SIDE) pass a level; ``width`` in pixels."""
    slope = np.hypot(*np.gradient(values))
    away = np.abs(values - level) / np.maximum(slope, 1e-12 * (1 + np.abs(values).max()))
    return np.asarray(np.clip(0.5 + width / 2 - away, 0, 1))


def ellipse(place: tuple[float, float], radius: float) -> tuple[FloatArray, FloatArray]:
    """Alpha of a disc and of its rim; place and radius as shares of the side, from the lower left corner."""
    row, column = np.ogrid[:SIDE, :SIDE]
    away = np.hypot((SIDE - 1 - row) / SIDE - place[1], column / SIDE - place[0]) - radius
    return np.clip(0.5 - away * SIDE, 0, 1), np.clip(1 - np.abs(away) * SIDE, 0, 1)


def line(
    first: tuple[float, float], last: tuple[float, float], width: float = 1.2, dash: float = 0.0
) -> FloatArray:
    """Alpha of a straight line between places, broken every ``dash`` of the side."""
    half = 0.5 + width / 2
    low, high = np.sort([first, last], axis=0) * SIDE + ((-half,), (half,))
    left, bottom = np.clip(np.floor(low).astype(int), 0, SIDE)
    right, top = np.clip(np.ceil(high).astype(int) + 1, 0, SIDE)
    row, column = np.ogrid[SIDE - top : SIDE - bottom, left:right]
    x, y = column / SIDE - first[0], (SIDE - 1 - row) / SIDE - first[1]
    along = np.array(last) - np.array(first)
    length = float(np.hypot(*along))
    t = (x * along[0] + y * along[1]) / length
    beside = np.abs(x * along[1] - y * along[0]) / length
    drawn = np.clip(half - beside * SIDE, 0, 1) * ((t >= 0) & (t <= length))
    alpha = np.zeros((SIDE, SIDE))
    alpha[SIDE - top : SIDE - bottom, left:right] = drawn * (np.floor(t / dash) % 2 == 0) if dash else drawn
    return alpha


def steps(heights: FloatArray, width: float = 1.5) -> FloatArray:
    """Alpha of a curve (n,) of shares of the side, drawn as steps from left to right."""
    bins = np.minimum(np.arange(SIDE) * len(heights) // SIDE, len(heights) - 1)
    top = heights[bins] * SIDE
    before = np.concatenate([top[:1], top[:-1]])
    low, high = np.minimum(top, before), np.maximum(top, before)
    up = (SIDE - 1 - np.arange(SIDE))[:, None]
    half = width / 2
    return np.asarray(np.clip(0.5 + half - np.maximum(np.maximum(low - up, up - high), 0), 0, 1))


def across(first: float, last: float, *, upright: bool = True) -> FloatArray:
    """Alpha of a band between two shares of the side: of columns, or of rows from the bottom."""
    at = (np.arange(SIDE) + 0.5) / SIDE
    inside = ((at >= first) & (at <= last)).astype(np.float64)
    return inside[None, :] if upright else inside[::-1, None]


def finished(panels: list[list[Panel]], seam: int = 3) -> NDArray[np.uint8]:
    """Rows of panels as one picture (height, width, 3) with white seams."""
    rows, columns = len(panels), len(panels[0])
    whole = np.full((rows * (SIDE + seam) - seam, columns * (SIDE + seam) - seam, 3), 255, np.uint8)
    for i, row in enumerate(panels):
        for k, panel in enumerate(row):
            top, left = i * (SIDE + seam), k * (SIDE + seam)
            whole[top : top + SIDE, left : left + SIDE] = np.round(255 * np.clip(panel, 0, 1))
    return whole
