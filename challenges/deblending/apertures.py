"""Light in a circle: every pixel counts with the share of its area that lies inside."""

from __future__ import annotations

import numpy as np

from blindsky.scoring.measurements import Array, FloatArray


def _quadrant(x: FloatArray, y: FloatArray, radius: float) -> FloatArray:
    """Area within ``radius`` of the origin of the rectangle from there to (x, y), x and y >= 0."""
    x, y = np.minimum(x, radius), np.minimum(y, radius)
    leaves = np.minimum(np.sqrt(radius**2 - y**2), x)  # where the upper side leaves the circle

    def below(t: FloatArray) -> FloatArray:
        return 0.5 * (t * np.sqrt(np.maximum(radius**2 - t**2, 0)) + radius**2 * np.arcsin(t / radius))

    return np.asarray(y * leaves + below(x) - below(leaves))


def coverage(dx: FloatArray, dy: FloatArray, radius: float) -> FloatArray:
    """Shares (m, rows, columns) of pixels in circles; their centres are at ``dx`` (m, columns), ``dy`` (m, rows)."""
    x, y = (np.concatenate([d - 0.5, d[:, -1:] + 0.5], axis=1) for d in (dx, dy))
    sign = np.sign(x)[:, None, :] * np.sign(y)[:, :, None]
    corner = sign * _quadrant(np.abs(x)[:, None, :], np.abs(y)[:, :, None], radius)
    return np.asarray(np.diff(np.diff(corner, axis=1), axis=2))


def fluxes(images: Array, x: FloatArray, y: FloatArray, radius: float) -> FloatArray:
    """Light (m, bands) of images (m, bands, size, size) within ``radius`` pixels of (x, y) (m,), inside the stamp."""
    size, patch = images.shape[-1], np.arange(int(np.ceil(2 * radius)) + 2)
    columns, rows = (np.floor(at - radius).astype(np.int64)[:, None] + patch for at in (x, y))
    share = coverage(columns - x[:, None], rows - y[:, None], radius)
    share *= ((columns >= 0) & (columns < size))[:, None, :] & ((rows >= 0) & (rows < size))[:, :, None]
    rows, columns = np.clip(rows, 0, size - 1), np.clip(columns, 0, size - 1)
    light = images[np.arange(len(images))[:, None, None], :, rows[:, :, None], columns[:, None, :]]
    return np.asarray(np.einsum("mijb,mij->mb", light, share))
