"""What every detector adds: Gaussian noise, white or correlated by resampling."""

from __future__ import annotations

import numpy as np

from blindsky.scoring.measurements import Array

REACH = 4.0  # widths: where the kernel that correlates noise ends


def noise(stream: np.random.Generator, shape: tuple[int, int, int], kernel: float = 0.0) -> Array:
    """Noise of unit rms of ``shape`` (images, rows, columns), float32.

    kernel : sigma in pixels of the Gaussian with which white noise was smoothed, 0 for white noise.
    """
    if kernel == 0:
        return stream.standard_normal(shape, dtype=np.float32)
    edge = int(REACH * kernel + 0.5)
    white = stream.standard_normal((shape[0], shape[1] + 2 * edge, shape[2] + 2 * edge), dtype=np.float32)
    taps = np.exp(-0.5 * (np.arange(-edge, edge + 1) / kernel) ** 2)
    taps = (taps / np.sqrt((taps**2).sum())).astype(np.float32)
    rows = sum(t * white[:, k : k + shape[1], :] for k, t in enumerate(taps))
    return np.asarray(sum(t * rows[:, :, k : k + shape[2]] for k, t in enumerate(taps)))
