"""Panels drawn with NumPy alone: colours, enlarged images, contours, steps and bands, on squares of RGB from 0 to 1.

A panel (SIDE, SIDE, 3) is drawn twice as large as it is shown, and averaged: lines have soft edges. Row 0 is on top.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from blindsky.scoring.measurements import Array, FloatArray

SHOWN = 180  # pixels of a panel's side
_FINER = 2
SIDE = SHOWN * _FINER
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


def _coloured(level: Array, anchors: FloatArray) -> FloatArray:
    """Colours of levels from 0 to 1, on straight lines between anchors (k, 3)."""
    place = np.clip(level, 0, 1) * (len(anchors) - 1)
    channels = [np.interp(place, np.arange(len(anchors)), one) for one in anchors.T]
    return np.stack(channels, axis=-1)


def fire(level: Array) -> FloatArray:
    """Dark to bright."""
    return _coloured(level, _FIRE)


def poles(level: Array) -> FloatArray:
    """Blue at 0, grey at 1/2, red at 1."""
    return _coloured(level, _POLES)


def blank() -> FloatArray:
    """An empty panel."""
    return np.broadcast_to(np.array(NIGHT), (SIDE, SIDE, 3)).copy()


def enlarged(image: Array, order: int = 1) -> FloatArray:
    """An image (rows, columns) on a panel, its first row at the bottom; splines of ``order`` between pixels."""
    from scipy.ndimage import map_coordinates

    rows, columns = image.shape
    row = (np.arange(SIDE)[::-1] + 0.5) / SIDE * rows - 0.5
    column = (np.arange(SIDE) + 0.5) / SIDE * columns - 0.5
    grid = np.meshgrid(row, column, indexing="ij")
    return np.asarray(map_coordinates(np.asarray(image, np.float64), grid, order=order, mode="nearest"))


def over(panel: FloatArray, alpha: Array, colour: tuple[float, float, float]) -> None:
    """Paint a colour where ``alpha`` (SIDE, SIDE), or of a shape that fits, is above 0."""
    covered = np.broadcast_to(alpha, panel.shape[:2])
    where = covered > 0
    panel[where] += covered[where][:, None] * (np.array(colour) - panel[where])


def contour(values: FloatArray, level: float, width: float = 1.4) -> FloatArray:
    """Alpha of the line where values (SIDE, SIDE) pass a level; ``width`` in shown pixels."""
    slope = np.hypot(*np.gradient(values))
    away = np.abs(values - level) / np.maximum(slope, 1e-12 * (1 + np.abs(values).max()))
    return np.asarray(np.clip(1 + width * _FINER / 2 - away, 0, 1))


def ellipse(place: tuple[float, float], radius: float) -> tuple[FloatArray, FloatArray]:
    """Alpha of a disc and of its rim; place and radius as shares of the side, from the lower left corner."""
    row, column = np.ogrid[:SIDE, :SIDE]
    away = np.hypot((SIDE - 1 - row) / SIDE - place[1], column / SIDE - place[0]) - radius
    return np.clip(0.5 - away * SIDE, 0, 1), np.clip(1 + _FINER / 2 - np.abs(away) * SIDE, 0, 1)


def line(
    first: tuple[float, float], last: tuple[float, float], width: float = 1.2, dash: float = 0.0
) -> FloatArray:
    """Alpha of a straight line between places, broken every ``dash`` of the side."""
    row, column = np.ogrid[:SIDE, :SIDE]
    x, y = column / SIDE - first[0], (SIDE - 1 - row) / SIDE - first[1]
    along = np.array(last) - np.array(first)
    length = float(np.hypot(*along))
    t = (x * along[0] + y * along[1]) / length
    beside = np.abs(x * along[1] - y * along[0]) / length
    alpha = np.clip(0.5 + width * _FINER / 2 - beside * SIDE, 0, 1) * ((t >= 0) & (t <= length))
    return alpha * (np.floor(t / dash) % 2 == 0) if dash else np.asarray(alpha)


def steps(heights: FloatArray, width: float = 1.5) -> FloatArray:
    """Alpha of a curve (n,) of shares of the side, drawn as steps from left to right."""
    bins = np.minimum(np.arange(SIDE) * len(heights) // SIDE, len(heights) - 1)
    top = heights[bins] * SIDE
    before = np.concatenate([top[:1], top[:-1]])
    low, high = np.minimum(top, before), np.maximum(top, before)
    up = (SIDE - 1 - np.arange(SIDE))[:, None]
    half = width * _FINER / 2
    return np.asarray(np.clip(0.5 + half - np.maximum(np.maximum(low - up, up - high), 0), 0, 1))


def across(first: float, last: float, *, upright: bool = True) -> FloatArray:
    """Alpha of a band between two shares of the side: of columns, or of rows from the bottom."""
    at = (np.arange(SIDE) + 0.5) / SIDE
    inside = ((at >= first) & (at <= last)).astype(np.float64)
    return inside[None, :] if upright else inside[::-1, None]


def finished(panels: list[list[FloatArray]], seam: int = 3) -> NDArray[np.uint8]:
    """Rows of panels as one picture (height, width, 3) with white seams."""
    rows, columns = len(panels), len(panels[0])
    whole = np.full((rows * (SHOWN + seam) - seam, columns * (SHOWN + seam) - seam, 3), 255, np.uint8)
    for i, row in enumerate(panels):
        for k, panel in enumerate(row):
            small = panel.reshape(SHOWN, _FINER, SHOWN, _FINER, 3).mean(axis=(1, 3))
            top, left = i * (SHOWN + seam), k * (SHOWN + seam)
            whole[top : top + SHOWN, left : left + SHOWN] = np.round(255 * np.clip(small, 0, 1))
    return whole
