"""Straight lines between knots, in the precision of the argument and without a search for the segment."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from blindsky.scoring.measurements import Array


class PiecewiseLinear:
    """Linear between knots, constant outside; the same as ``np.interp``.

    The function is a sum of hinges, a start value and a change of slope at every knot: a few passes over the array
    that vectorise in float32, where ``np.interp`` searches for every element in float64.
    """

    def __init__(self, knots: Sequence[float], values: Sequence[float]) -> None:
        slopes = np.diff(values) / np.diff(knots)
        self.low, self.high = float(knots[0]), float(knots[-1])
        self.slope = float(slopes[0])
        self.hinges = [
            (float(x), float(turn)) for x, turn in zip(knots[1:-1], np.diff(slopes), strict=True) if turn
        ]
        # Each hinge below is turn * max(x, knot), which is turn * knot before its knot: taken off here
        self.start = float(values[0]) - self.slope * self.low - sum(x * turn for x, turn in self.hinges)

    def __call__(self, x: Array) -> Array:
        """Values at ``x``, its shape and precision."""
        x = np.minimum(np.maximum(x, self.low), self.high)
        total = x * self.slope
        total += self.start
        part = np.empty_like(total)
        for knot, turn in self.hinges:
            np.maximum(x, knot, out=part)
            part *= turn
            total += part
        return np.asarray(total)
