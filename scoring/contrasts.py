"""How well each of many scores puts its own cases above others: exact for the score, of first order for replicates.

Exact replicates of twenty areas of millions of rows would take minutes. An area is a smooth function of the weights,
so a replicate is the score plus the sum over the rows of (weight - 1) times the row's influence value (Hampel 1974),
the derivative of the area by that weight. An area does not change when all weights grow alike, so its influence
values sum to 0 and (weight - 1) may be the weight: all replicates of all areas are one product of matrices (tally.py).
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from blindsky.scoring.measurements import Array, FloatArray, Measurements
from blindsky.scoring.metric import Statistic
from blindsky.scoring.ranking import Indices
from blindsky.scoring.sums import latest, ratio
from blindsky.scoring.tally import Single, Tally, Use
from blindsky.scoring.threads import each

Area = Literal["auroc", "average_precision"]
AREAS: tuple[Area, ...] = ("auroc", "average_precision")
_MANY = 50  # cases; the chance that none of them is in a replicate is exp(-50)


class Contrast(NamedTuple):
    """Two sides of a table and the score that should tell them apart, as columns of measurements.

    Positives are the rows whose ``column`` is ``value``, negatives those whose ``against`` is not ``but``.
    """

    score: str
    column: str
    value: int
    against: str
    but: int


class Runs(NamedTuple):
    """Weight of the two sides in each run of scores, by descending score, and down to its end; (g,) each."""

    positive: FloatArray
    negative: FloatArray
    positive_upto: FloatArray
    negative_upto: FloatArray


class Descent:
    """Rows by descending score, in runs: those level with a positive, and those between two levels of positives.

    run : (n,) which run a row is in, odd for a level.   Positives are few in most contrasts, so this takes a look-up
    in their scores and no sorting of the rest.
    """

    def __init__(self, score: Array, positive: NDArray[np.bool_]) -> None:
        levels = np.unique(score[positive])
        upto = np.searchsorted(levels, score, side="right")
        # NaN before the lowest level, for rows below all of them
        level = np.append(np.array([np.nan], dtype=levels.dtype), levels)[upto] == score
        self.run: Indices = 2 * (len(levels) - upto) + level
        self._runs = 2 * len(levels) + 1

    def runs(self, positive: Array, negative: Array) -> Runs:
        """The runs of two sides whose rows weigh ``positive`` and ``negative``, (n,) each."""
        p, n = (
            np.bincount(self.run, side, minlength=self._runs).astype(np.float64)
            for side in (positive, negative)
        )
        return Runs(p, n, np.cumsum(p), np.cumsum(n))


def _areas(runs: Runs) -> tuple[float, float]:
    """AUROC and average precision; NaN where a side that they need has no weight."""
    p, n = runs.positive_upto[-1], runs.negative_upto[-1]
    called = runs.positive_upto + runs.negative_upto
    precision = np.divide(runs.positive_upto, called, out=np.zeros(called.shape), where=called > 0)
    wrong = runs.positive @ (runs.negative_upto - runs.negative / 2)
    auroc = 1 - wrong / (p * n) if p > 0 and n > 0 else np.nan
    return auroc, runs.positive @ precision / p if p > 0 else np.nan


def _influence(
    runs: Runs, auroc: float, precision: float
) -> tuple[tuple[FloatArray, FloatArray], tuple[FloatArray, FloatArray]]:
    """Influence of a positive and of a negative of each run (g,) on the AUROC, and on the average precision."""
    p, n = runs.positive_upto[-1], runs.negative_upto[-1]
    below = 1 - (runs.negative_upto - runs.negative / 2) / n  # share of negatives that a positive beats
    above = (runs.positive_upto - runs.positive / 2) / p  # share of positives that beat a negative
    called = np.maximum(runs.positive_upto + runs.negative_upto, 1.0)
    share = runs.positive_upto / called
    # one row more changes the precision in its own run and below: a positive by 1/C - P/C^2, a negative by - P/C^2
    gained = np.cumsum((runs.positive / called)[::-1])[::-1]
    lost = np.cumsum((runs.positive / called * share)[::-1])[::-1]
    return (
        ((below - auroc) / p, (above - auroc) / n),
        ((share - precision + gained - lost) / p, -lost / p),
    )


class _Prepared(NamedTuple):
    """What replicates of k contrasts start from.

    areas : (k, 2) under weights of one.   influence : (2 k, n), in the order of the tally.   few : rows of the
    positives and of the negatives of each contrast where they are few, so that a replicate may miss them all.
    """

    areas: FloatArray
    influence: Single
    few: tuple[tuple[Indices | None, Indices | None], ...]


class Contests:
    """The areas of all contrasts of one table, and their influence values."""

    def __init__(self, measurements: Measurements, tally: Tally) -> None:
        self._measurements, self._tally = measurements, tally
        self._contrasts: list[Contrast] = []

    def add(self, contrast: Contrast) -> int:
        """One more contrast; returns its place."""
        if contrast not in self._contrasts:
            self._contrasts.append(contrast)
            self._known: _Prepared | None = None
            self._under = latest(self._exact)
            self._about_one = latest(self._first_order)
            self._tally.add_linear(lambda: self._prepared().influence)
        return self._contrasts.index(contrast)

    def areas(self, weights: Array, use: Use) -> FloatArray:
        """AUROC and average precision of each contrast, (B, k, 2), under weights (B, n)."""
        return self._under(weights) if use == "score" else self._about_one(weights)

    def _sides(self, contrast: Contrast) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        m = self._measurements
        return m[contrast.column] == contrast.value, m[contrast.against] != contrast.but

    def _exact(self, weights: Array) -> FloatArray:
        # the areas under weights of one are known with the influence values
        if np.all(weights == 1):
            return np.repeat(self._prepared().areas[None], len(weights), axis=0)
        found: FloatArray = np.empty((len(weights), len(self._contrasts), 2))
        for k, contrast in enumerate(self._contrasts):
            positive, negative = self._sides(contrast)
            descent = Descent(self._measurements[contrast.score], positive)
            for b, w in enumerate(weights):
                found[b, k] = _areas(descent.runs(w * positive, w * negative))
        return found

    def _first_order(self, weights: Array) -> FloatArray:
        areas, _, few = self._prepared()
        found = np.clip(areas + self._tally.linear(weights).reshape(len(weights), -1, 2), 0, 1)
        for k, (positive, negative) in enumerate(few):
            found[_missed(weights, positive), k] = np.nan
            found[_missed(weights, negative), k, 0] = np.nan
        return found

    def _prepared(self) -> _Prepared:
        if self._known is None:
            self._known = self._prepare()
        return self._known

    def _prepare(self) -> _Prepared:
        k, n = len(self._contrasts), len(self._measurements)
        order = self._tally.order
        influence: Single = np.zeros((k, 2, n), dtype=np.float32)

        def expand(i: int) -> tuple[tuple[float, float], tuple[Indices | None, Indices | None]]:
            contrast = self._contrasts[i]
            positive, negative = self._sides(contrast)
            areas, values = _expand(self._measurements[contrast.score], positive, negative)
            np.take(values, order, axis=1, out=influence[i], mode="clip")
            return areas, (_few(positive), _few(negative))

        areas, few = zip(*each(expand, range(k), n), strict=True)
        return _Prepared(np.array(areas), influence.reshape(2 * k, n), few)


def _expand(
    score: Array, positive: NDArray[np.bool_], negative: NDArray[np.bool_]
) -> tuple[tuple[float, float], Single]:
    """Both areas under weights of one, and the influence values (2, n) of all rows on them, in their own order."""
    descent = Descent(score, positive)
    runs = descent.runs(positive, negative)
    areas = _areas(runs)
    values: Single = np.zeros((2, len(positive)), dtype=np.float32)
    if np.all(np.isfinite(areas)):
        for row, of_runs in zip(values, _influence(runs, *areas), strict=True):
            for side, of_run in zip((positive, negative), of_runs, strict=True):
                np.copyto(row, of_run.astype(np.float32)[descent.run], where=side)
    return areas, values


def _few(side: NDArray[np.bool_]) -> Indices | None:
    rows = np.flatnonzero(side)
    return rows if len(rows) <= _MANY else None


def _missed(weights: Array, rows: Indices | None) -> NDArray[np.bool_]:
    """Replicates (B,) in which these few rows have no weight."""
    if rows is None:
        return np.zeros(len(weights), dtype=np.bool_)
    return np.asarray(np.take(weights, rows, axis=1).sum(axis=1) == 0)


def _contests(measurements: Measurements, classes: int) -> Contests:
    tally = Tally.of(measurements, classes)
    return measurements.shared("contests", lambda: Contests(measurements, tally))


def prepare_area(
    measurements: Measurements, contrast: Contrast, area: Area, classes: int, use: Use = "score"
) -> Statistic:
    """Statistic of one area of one contrast; NaN without positives, and the AUROC without negatives.

    classes : how many classes ``y`` may name.   use : ``score`` for the area under any weights, ``replicates`` to first
    order about weights of one.
    """
    contests = _contests(measurements, classes)
    k, j = contests.add(contrast), AREAS.index(area)
    return lambda weights: contests.areas(weights, use)[:, k, j]


def prepare_macro_auroc(
    measurements: Measurements, contrasts: tuple[Contrast, ...], classes: int, use: Use = "score"
) -> Statistic:
    """Statistic of the mean AUROC of these contrasts; those that are undefined are left out."""
    contests = _contests(measurements, classes)
    chosen = [contests.add(contrast) for contrast in contrasts]

    def statistic(weights: Array) -> FloatArray:
        found = contests.areas(weights, use)[:, chosen, 0]
        defined = np.isfinite(found)
        return ratio(np.sum(found, axis=1, where=defined), np.sum(defined, axis=1, dtype=np.float64))

    return statistic
