"""Weighted quantiles of a sorted sample under many sets of weights, without sorting again.

The quantile is the inverse of the weighted step CDF (type 1 of Hyndman & Fan 1996, NumPy's
``inverted_cdf``), so that integer weights equal repeated rows exactly.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from blindsky.scoring.measurements import Array, FloatArray, Sample
from blindsky.scoring.metric import block

SLACK = 1e-12  # of the total weight: 0.2 of 15 rows is 3, not the 3.0000000000000004 of float64
_EPS = float(np.finfo(np.float64).eps)


def _targets(cumulative: NDArray[Any], levels: FloatArray) -> NDArray[Any]:
    """The cumulative weight that a quantile must reach, (B, q), in the dtype of ``cumulative`` (B, n)."""
    total = cumulative[:, -1:].astype(np.float64)
    reach = (levels - SLACK) * total
    return reach if cumulative.dtype.kind == "f" else np.ceil(reach).astype(cumulative.dtype)


def reached(cumulative: NDArray[Any], levels: FloatArray) -> NDArray[np.intp]:
    """Position of the first sorted row whose cumulative weight (B, n) reaches a share of the total.

    levels : (q,) in (0, 1].   Returns (B, q).
    """
    targets = _targets(cumulative, levels)
    found = [np.searchsorted(row, target) for row, target in zip(cumulative, targets, strict=True)]
    positions: NDArray[np.intp] = np.minimum(np.stack(found), cumulative.shape[1] - 1)
    return positions


def quantiles(sample: Sample, weights: Array, *levels: float) -> FloatArray:
    """Q_q at each level, (B, q): smallest value whose cumulative weight is at least q W; NaN for W = 0."""
    if not len(sample.values):
        return np.full((len(weights), len(levels)), np.nan)
    cumulative = sample.cumulative(weights)
    values = sample.values[reached(cumulative, np.asarray(levels))]
    return np.where(cumulative[:, -1:] > 0, values, np.nan)


def quantile(x: Array, q: float, *, weights: Array | None = None) -> float:
    """The weighted quantile of x (n,): smallest x whose cumulative weight is at least q W; NaN for W = 0.

    q : in (0, 1].   weights : (n,) >= 0.   ValueError for a level or weights out of range.
    """
    if not 0 < q <= 1:
        message = f"expected a level in (0, 1], got {q}"
        raise ValueError(message)
    return float(quantiles(Sample(np.asarray(x)), block(len(x), weights), q)[0, 0])


def absolute_deviation(sample: Sample, weights: Array) -> FloatArray:
    """Q_.5(|x - Q_.5(x)|) of each set of weights, (B,); NaN for W = 0.

    The rows within r of the median are one stretch of the sorted sample. Bisection finds the last left end
    whose stretch still holds half the weight; the answer is that end's distance, unless the stretch that
    starts one row later reaches half the weight at a smaller one. No sort: O(log n) steps a block.
    """
    found: FloatArray = np.full(len(weights), np.nan)
    if not len(sample.values):
        return found
    cumulative, x = sample.cumulative(weights), sample.values
    rows = np.flatnonzero(cumulative[:, -1] > 0)
    half = np.array([0.5])
    middle = reached(cumulative, half)[rows, 0]
    need = _targets(cumulative, half)[rows, 0]
    centre = x[middle]

    def left_weight(i: NDArray[np.intp]) -> NDArray[Any]:
        """Weight of the rows before i."""
        return np.where(i > 0, cumulative[rows, np.maximum(i - 1, 0)], 0)

    def right_end(i: NDArray[np.intp]) -> NDArray[np.intp]:
        """Last row at most as far from the centre as row i is, up to rounding."""
        distance = centre - x[i]
        reach = centre + distance + 4 * _EPS * (np.abs(centre) + distance)
        end: NDArray[np.intp] = np.searchsorted(x, reach, side="right") - 1
        return end

    low, high = np.zeros_like(middle), middle.copy()  # row 0 qualifies: its stretch reaches the median
    while np.any(low < high):
        i = (low + high + 1) // 2
        enough = cumulative[rows, right_end(i)] - left_weight(i) >= need
        low, high = np.where(enough, i, low), np.where(enough, high, i - 1)
    targets = need + cumulative[rows, low]
    beyond = np.array(
        [np.searchsorted(cumulative[b], target) for b, target in zip(rows, targets, strict=True)],
        dtype=np.intp,
    )
    right = np.where(beyond < len(x), x[np.minimum(beyond, len(x) - 1)] - centre, np.inf)
    found[rows] = np.minimum(centre - x[low], right)
    return found
