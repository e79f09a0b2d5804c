"""Random draws that mock skies share; every one takes the block's own stream."""

from __future__ import annotations

import numpy as np

from blindsky.scoring.measurements import FloatArray


def truncated_normal(
    stream: np.random.Generator, mean: float, sd: float, low: float, high: float, n: int
) -> FloatArray:
    """Normal draws (n,), those outside [low, high] drawn again."""
    x = stream.normal(mean, sd, n)
    while (outside := np.flatnonzero((x < low) | (x > high))).size:
        x[outside] = stream.normal(mean, sd, outside.size)
    return x


def power_law_magnitude(
    stream: np.random.Generator, slope: float, bright: float, faint: float, n: int
) -> FloatArray:
    """Magnitudes (n,) with counts dN/dm ~ 10^(slope m) between ``bright`` and ``faint``."""
    low, high = 10 ** (slope * bright), 10 ** (slope * faint)
    return np.asarray(np.log10(low + stream.random(n) * (high - low)) / slope)


def choose(stream: np.random.Generator, shares: dict[str, float], n: int) -> np.ndarray:
    """Names (n,) drawn with the given shares, which sum to one."""
    edges = np.cumsum(list(shares.values()))[:-1]
    return np.array(list(shares))[np.searchsorted(edges, stream.random(n), side="right")]
