"""Curves and shares of an entry that may be published: taken at nodes fixed beforehand, and never on fewer than ten.

While the truth of some cases is still to be hidden, a node is kept only if at least ``FEWEST`` positives and, where
the axis counts them, as many negatives lie between it and the last one, and beyond it: no stretch of a curve rests on
fewer. After the reveal all nodes are kept. A bin of fewer than ``FEWEST`` cases is never shown.

A curve is {x, y, low, high, one}, lists of equal length: 95 % intervals, and what one case adds to y.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from blindsky.scoring.card import wilson
from blindsky.scoring.measurements import Array, FloatArray, Table
from blindsky.scoring.ranking import SLACK, Indices
from blindsky.scoring.reliability import bin_of

FEWEST = 10
NORMAL = 1.959963984540054  # two-sided 95 % point of the normal distribution
_DECADES = [float(f"{rate:.3g}") for rate in 10.0 ** (np.arange(-50, 1) / 10)]
RATES = np.unique([*_DECADES, *np.round(np.arange(0.02, 1, 0.02), 2)])  # ten to a decade, and even steps
COMPLETENESS = np.round(np.arange(0.05, 1.001, 0.05), 2)

Point = tuple[float, float, float, float, float]  # x, y, low, high, one
Share = tuple[float, float, float, float]  # y, low, high, one
Curve = dict[str, Any]


def hidden(columns: Table) -> bool:
    """Whether these are the cases of one part, as shown before the reveal; all cases are shown after it."""
    return len(np.unique(columns["part"])) < 2


def fewest(columns: Table) -> int:
    """How many cases a stretch of a curve holds at least: ``FEWEST`` before the reveal, any number after it."""
    return FEWEST if hidden(columns) else 0


def plain(x: Array) -> list[float]:
    """Numbers (n,) ready for JSON."""
    return [round(float(v), 10) for v in x]


def curve(points: Iterable[Point]) -> Curve:
    """The points, at least one, as a curve."""
    columns = ([float(f"{v:.6g}") for v in column] for column in zip(*points, strict=True))
    return dict(zip(("x", "y", "low", "high", "one"), columns, strict=True))


def kept(least: int, *counts: Array) -> list[int]:
    """The nodes that part off at least so many of each count (k + 1,) from the last one kept and from the end.

    counts : ascending, the total at the end.
    """
    table: NDArray[np.float64] = np.stack([np.asarray(c, dtype=np.float64) for c in counts])
    last, nodes = np.zeros(len(table)), []
    for k in range(table.shape[1] - 1):
        here = table[:, k]
        if np.all(here - last >= least) and np.all(table[:, -1] - here >= least):
            nodes.append(k)
            last = here
    return nodes


class Sides(NamedTuple):
    """Scores of the positives (P,) and of the negatives (N,), ascending."""

    positive: Array
    negative: Array

    @classmethod
    def of(cls, label: NDArray[np.bool_], score: Array) -> Sides:
        """The two sides of a column of scores (n,)."""
        return cls(np.sort(score[label]), np.sort(score[~label]))

    @property
    def few(self) -> bool:
        """Whether one side is too small for any curve."""
        return min(len(self.positive), len(self.negative)) < FEWEST

    def reaching(self, threshold: Array) -> tuple[Indices, Indices]:
        """How many positives and negatives score as high as the thresholds or higher, (k,) each."""
        true, false = (len(side) - np.searchsorted(side, threshold, side="left") for side in self)
        return true, false

    def above(self, threshold: Array) -> tuple[Indices, Indices]:
        """How many positives and negatives score higher than the thresholds, (k,) each."""
        true, false = (len(side) - np.searchsorted(side, threshold, side="right") for side in self)
        return true, false

    def passed(self, false: FloatArray) -> FloatArray:
        """Positives passed where ``false`` (k,) negatives are, along a straight line across ties.

        Of a vertical step the most.
        """
        p, n = len(self.positive), len(self.negative)
        at = np.minimum(np.floor(false + SLACK).astype(np.intp), n)
        next_one = self.negative[::-1][np.minimum(at, n - 1)]
        (low, first), (high, end) = self.above(next_one), self.reaching(next_one)
        share = np.clip((false - first) / (end - first), 0, 1)
        return np.where(at == n, p, low + share * (high - low))

    def complete(self, completeness: FloatArray) -> tuple[Indices, Indices]:
        """Positives and negatives from the highest threshold up that reaches each completeness, (k,) each."""
        chosen = np.ceil(completeness * len(self.positive) - SLACK).astype(np.intp) - 1
        return self.reaching(self.positive[::-1][chosen])


def roc(sides: Sides, least: int) -> Curve | None:
    """True-positive rate at fixed false-positive rates, from 1/N or more to (1, 1); None where a side is too small.

    least : as ``kept`` takes it.
    """
    if sides.few:
        return None
    p, n = len(sides.positive), len(sides.negative)
    false = RATES * n
    true = sides.passed(false)
    nodes = [k for k in kept(least, false, true) if false[k] >= 1 - SLACK]
    points = [(RATES[k], true[k] / p, *wilson(true[k] / p, p), 1 / p) for k in nodes]
    return curve([*points, (1.0, 1.0, 1.0, 1.0, 0.0)]) if points else None


def precision_recall(sides: Sides, least: int) -> Curve | None:
    """Precision at fixed completeness, with as many negatives as there are; None where a side is too small.

    The threshold is the highest that reaches the completeness.   least : as ``kept`` takes it.
    """
    if sides.few:
        return None
    true, false = sides.complete(COMPLETENESS)
    nodes = kept(least, np.append(true, len(sides.positive)), np.append(false, len(sides.negative)))
    called = true + false
    points = [
        (COMPLETENESS[k], true[k] / called[k], *wilson(true[k] / called[k], int(called[k])), 1 / called[k])
        for k in nodes
    ]
    return curve(points) if points else None


def share(yes: NDArray[np.bool_]) -> Share | None:
    """Share of (n,), its Wilson interval, and what one case adds; None for fewer than ``FEWEST`` cases."""
    n = len(yes)
    if n < FEWEST:
        return None
    value = float(np.count_nonzero(yes)) / n
    low, high = wilson(value, n)
    return value, float(low), float(high), 1 / n


def heights(points: Sequence[Share | None]) -> dict[str, list[float | None]]:
    """Shares as the columns ``values``, ``low``, ``high`` and ``one``, None where there is none."""
    names = ("values", "low", "high", "one")
    return {name: [None if p is None else p[j] for p in points] for j, name in enumerate(names)}


def reliability(right: NDArray[np.bool_], confidence: FloatArray, bins: int) -> Curve | None:
    """Share of the cases (n,) that are right against their mean confidence, in equal bins of it."""
    where = bin_of(confidence, bins)
    found = [(confidence[where == k], share(right[where == k])) for k in range(bins)]
    points = [(round(float(c.mean()), 2), *point) for c, point in found if point is not None]
    return curve(points) | {"dots": True} if points else None


def reliability_figure(found: Curve, x_label: str, y_label: str) -> dict[str, Any]:
    """A reliability diagram as the kind ``curves`` draws it."""
    return {
        "x_label": x_label,
        "x_range": [0.0, 1.0],
        "x_log": False,
        "panels": [
            {
                "key": "share",
                "y_label": y_label,
                "y_range": [0.0, 1.0],
                "guides": [{"label": "calibrated", "x": [0.0, 1.0], "y": [0.0, 1.0]}],
                "series": [found],
            }
        ],
    }
