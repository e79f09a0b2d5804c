"""Weighted medians between two rows, and deviations from them, under many sets of weights without sorting again.

Where ``quantiles`` gives the inverse of the step CDF, the median here is the mean of the lower and the upper weighted
median: NumPy's ``median`` for weights of one, and that of the repeated rows for integer weights.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from blindsky.scoring.measurements import Array, FloatArray, Sample
from blindsky.scoring.metric import block
from blindsky.scoring.quantiles import SLACK

_EPS = float(np.finfo(np.float64).eps)
Indices = NDArray[np.intp]


def _halves(total: NDArray[Any]) -> NDArray[Any]:
    """Cumulative weight that the lower and the upper median must reach, (B, 2), of totals (B,)."""
    if total.dtype.kind == "f":
        return np.stack([(0.5 - SLACK) * total, (0.5 + SLACK) * total], axis=1)
    return np.stack([(total + 1) // 2, total // 2 + 1], axis=1)


def _middles(
    values: FloatArray, cumulative: NDArray[Any], rows: Indices, targets: NDArray[Any]
) -> FloatArray:
    """The mean of the sorted values where rows (b,) of the cumulative weights reach their targets (b, 2)."""
    found = [np.searchsorted(cumulative[b], pair) for b, pair in zip(rows, targets, strict=True)]
    middle: FloatArray = values[np.stack(found)].mean(axis=1)
    return middle


def medians(sample: Sample, weights: Array) -> FloatArray:
    """The median of each set of weights (B, n), (B,); NaN where they sum to 0."""
    return _evaluated(sample, weights, deviations=False)


def median_deviations(sample: Sample, weights: Array) -> FloatArray:
    """The median of |x - median(x)| of each set of weights (B, n), (B,); NaN where they sum to 0."""
    return _evaluated(sample, weights, deviations=True)


def _evaluated(sample: Sample, weights: Array, *, deviations: bool) -> FloatArray:
    found: FloatArray = np.full(len(weights), np.nan)
    if not len(sample.values):
        return found
    cumulative = sample.cumulative(weights)
    defined = np.flatnonzero(cumulative[:, -1] > 0)
    if not len(defined):
        return found
    targets = _halves(cumulative[defined, -1])
    found[defined] = _middles(sample.values, cumulative, defined, targets)
    if deviations:
        found[defined] = _distances(sample.values, cumulative, defined, found[defined], targets)
    return found


def _distances(
    x: FloatArray, cumulative: NDArray[Any], rows: Indices, centre: FloatArray, targets: NDArray[Any]
) -> FloatArray:
    """The mean over two targets of the smallest distance from the centre within which the weight reaches them.

    x : (n,) ascending.   rows : (b,) of ``cumulative`` (B, n).   centre : (b,).   targets : (b, 2).

    The weight within a distance needs two look-ups; the distances of the rows on either side of the centre are sorted
    already, so one bisection a side finds that side's smallest. No sort: O(log n) steps a block.
    """
    rows, centre = rows[:, None], centre[:, None]
    split = np.broadcast_to(np.searchsorted(x, centre, side="right"), targets.shape)

    def before(k: Indices) -> NDArray[Any]:
        """Weight of the first k rows."""
        return np.where(k > 0, cumulative[rows, np.maximum(k - 1, 0)], 0)

    def enough(k: Indices) -> NDArray[np.bool_]:
        """Whether the rows as near as row k, up to rounding, reach the target."""
        distance = np.abs(x[k] - centre)
        reach = distance + 4 * _EPS * (np.abs(centre) + distance)
        first = np.searchsorted(x, centre - reach, side="left")
        last = np.searchsorted(x, centre + reach, side="right")
        inside: NDArray[np.bool_] = before(last) - before(first) >= targets
        return inside

    n = len(x)
    low, high = np.full_like(split, -1), split - 1  # left: the last row that reaches far enough, -1 for none
    while np.any(low < high):
        k = (low + high + 1) // 2
        good = enough(np.maximum(k, 0))
        low, high = np.where(good, k, low), np.where(good, high, np.maximum(k - 1, low))
    left = np.where(low >= 0, centre - x[np.maximum(low, 0)], np.inf)
    low, high = split, np.full_like(split, n)  # right: the first, n for none
    while np.any(low < high):
        k = (low + high) // 2
        good = enough(np.minimum(k, n - 1))
        low, high = np.where(good, low, np.minimum(k + 1, high)), np.where(good, k, high)
    right = np.where(low < n, x[np.minimum(low, n - 1)] - centre, np.inf)
    nearest: FloatArray = np.minimum(left, right).mean(axis=1)
    return nearest


def median(x: Array, *, weights: Array | None = None) -> float:
    """The weighted median of x (n,), the mean of its lower and upper one; NaN for W = 0.

    weights : (n,) >= 0.   ValueError for weights out of range.
    """
    return float(medians(Sample(np.asarray(x)), block(len(x), weights))[0])


def median_deviation(x: Array, *, weights: Array | None = None) -> float:
    """The weighted median of |x - median(x)|. Arguments: ``median``."""
    return float(median_deviations(Sample(np.asarray(x)), block(len(x), weights))[0])
