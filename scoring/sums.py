"""Weighted sums of columns, whole and between cuts, taken once per block of weights for all who ask.

A replicate block is 32 rows of weights as long as the table. Reading it is what costs, so the metrics that
are means register their columns here and one pass serves them all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from blindsky.scoring.measurements import Array, FloatArray, Measurements
from blindsky.scoring.metric import Statistic

T = TypeVar("T")
_ROWS = 512  # 32 x 512 float64 weights stay in the cache, and BLAS keeps products so small on one thread


def latest(compute: Callable[[Array], T]) -> Callable[[Array], T]:
    """``compute`` with its last answer kept, because many metrics ask with the very same array of weights.

    The array must not be changed in between.
    """
    asked: Array | None = None
    answer: T

    def remembered(weights: Array) -> T:
        nonlocal asked, answer
        if asked is not weights:
            answer = compute(weights)
            asked = weights
        return answer

    return remembered


def ratio(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """The quotient, NaN where the denominator is 0."""
    quotient: FloatArray = np.full(numerator.shape, np.nan)
    return np.divide(numerator, denominator, out=quotient, where=denominator > 0)


def weighted_sums(weights: Array, columns: FloatArray) -> FloatArray:
    """Sums of w x: weights (B, n), columns (n, c) -> (B, c)."""
    sums: FloatArray = np.zeros((len(weights), columns.shape[1]))
    for i in range(0, len(columns), _ROWS):
        sums += weights[:, i : i + _ROWS].astype(np.float64) @ columns[i : i + _ROWS]
    return sums


def segment_sums(weights: Array, columns: FloatArray, cuts: NDArray[np.intp]) -> FloatArray:
    """Sums of w x between cuts of the rows, each replicate with its own cuts.

    weights : (B, n).   columns : (n, c).   cuts : (B, s + 1), ascending from 0 to n.   Returns (B, s, c).
    """
    n, replicates = len(columns), np.arange(len(weights))
    # sums before each stretch of rows; a cut lies a part of a stretch further
    before: FloatArray = np.zeros((len(weights), n // _ROWS + 2, columns.shape[1]))
    for j, i in enumerate(range(0, n, _ROWS)):
        stretch = weights[:, i : i + _ROWS].astype(np.float64)
        before[:, j + 1] = before[:, j] + stretch @ columns[i : i + _ROWS]
    at_cuts = before[replicates[:, None], cuts // _ROWS]
    for b, k in np.ndindex(cuts.shape):
        start, cut = cuts[b, k] // _ROWS * _ROWS, cuts[b, k]
        at_cuts[b, k] += weights[b, start:cut].astype(np.float64) @ columns[start:cut]
    return np.diff(at_cuts, axis=1)


class Means:
    """Weighted means of the columns of one table."""

    def __init__(self, n: int) -> None:
        self._columns: dict[str, FloatArray] = {"": np.ones(n)}  # its sum is the total weight
        self._stacked: FloatArray | None = None
        self.of = latest(self._means)

    def add(self, name: str, column: FloatArray) -> None:
        """One more column, (n,); a name that is known already is the same column."""
        if name not in self._columns:
            self._columns[name] = column
            self._stacked = None
            self.of = latest(self._means)

    def _means(self, weights: Array) -> dict[str, FloatArray]:
        if self._stacked is None:
            self._stacked = np.stack(list(self._columns.values()), axis=1)
        sums = weighted_sums(weights, self._stacked)
        means = ratio(sums, np.broadcast_to(sums[:, :1], sums.shape))
        return dict(zip(self._columns, means.T, strict=True))


def mean_of(measurements: Measurements, name: str, make: Callable[[Measurements], FloatArray]) -> Statistic:
    """Statistic of the weighted mean of ``make(measurements)`` (n,); ``name`` tells it from other columns."""
    means = measurements.shared("means", lambda: Means(len(measurements)))
    means.add(name, make(measurements))
    return lambda weights: means.of(weights)[name]


def mean(measurements: Measurements, column: str) -> Statistic:
    """Statistic of the weighted mean of one measured column."""
    return mean_of(measurements, column, lambda m: m.floats(column))
