"""What a metric is: a number with direction, unit and reference, prepared once, evaluated under any weights.

``metric.prepare(measurements)`` sorts and integrates; the statistic it returns turns weights of shape (B, n)
into B values. Weights of one are the score, Poisson weights are bootstrap replicates, masks are boards and
slices.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from blindsky.scoring.measurements import Array, FloatArray, Measurements

Statistic = Callable[[Array], FloatArray]
"""Weights (B, n) >= 0, any real or integer dtype -> (B,) float64; NaN where undefined."""

Prepare = Callable[[Measurements], Statistic]
NullDraws = Callable[[Measurements, np.random.Generator, FloatArray], FloatArray]
"""Values that a perfect entry of the same size would get by chance.

Called with the measurements, a generator and the bootstrap replicates of the metrics named in
``Metric.null_from``, shape (R, len(null_from)); returns any number of draws, shape (K,).
"""

Direction = Literal["low", "high", "target", "none"]
Interval = Literal["percentile", "signed", "binomial", "null", "none"]


@dataclass(frozen=True)
class Requirement:
    """A line that a survey asks for: ``value`` on the metric's own scale, ``label`` says whose."""

    value: float
    label: str


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One number of a score card.

    key : column name, as the field writes it.        title : what a reader sees.
    direction : ``low``, ``high``, ``target`` (|value - target| is ranked) or ``none`` (shown, never ranked).
    needs : measurement columns without which the metric is absent.
    interval : ``percentile`` of replicates; ``signed`` (percentile of the signed value of a metric whose
        absolute value counts); ``binomial`` (Wilson, the value is a share of cases); ``null`` (the central
        range of a perfect entry, for norms whose best is 0); ``none``.
    trials : how many cases a ``binomial`` share is a share of; all of them unless it says otherwise.
    sparse : where it holds, a share hangs on one or two cases, which a bootstrap can't resample, and its interval is
        ``binomial`` whatever ``interval`` says.
    replicate : prepares the statistic of the replicates where that of the score would cost minutes: it may be of
        first order in the weights, or in single precision. None where one statistic serves both.
    null : draws of a perfect entry, for ``interval="null"``.   null_from : metrics whose replicates it uses.
    unit, low, high : unit and range.                formula, reference : how it is computed, and whose it is.
    """

    key: str
    title: str
    direction: Direction
    prepare: Prepare
    needs: tuple[str, ...]
    formula: str
    reference: str
    interval: Interval = "percentile"
    unit: str = ""
    low: float = -np.inf
    high: float = np.inf
    target: float = 0.0
    trials: Callable[[Measurements], int] = len
    sparse: Callable[[Measurements], bool] | None = None
    replicate: Prepare | None = None
    null: NullDraws | None = None
    null_from: tuple[str, ...] = ()
    requirements: tuple[Requirement, ...] = ()

    def loss(self, values: FloatArray) -> FloatArray:
        """Values turned so that lower is better; NaN stays NaN. Shape unchanged."""
        match self.direction:
            case "low":
                return values
            case "high":
                return -values
            case "target":
                return np.abs(values - self.target)
            case "none":
                message = f"metric {self.key} has no direction and can't be ranked"
                raise ValueError(message)

    def interval_on(self, measurements: Measurements) -> Interval:
        """The kind of interval on these rows."""
        sparse = self.sparse is not None and self.sparse(measurements)
        return "binomial" if sparse else self.interval

    def available(self, measurements: Measurements) -> bool:
        """Whether the columns it needs are there."""
        return all(column in measurements for column in self.needs)


def ones(n: int) -> Array:
    """The weights that give the score itself, shape (1, n)."""
    return np.ones((1, n), dtype=np.uint8)


def block(n: int, weights: Array | None = None) -> Array:
    """One set of weights (n,), or weights of one, as a block (1, n); ValueError for weights that can't be."""
    if weights is None:
        return ones(n)
    w: NDArray[Any] = np.asarray(weights)
    if w.shape != (n,) or not (w.dtype.kind in "buif" and np.all(w >= 0) and np.all(w < np.inf)):
        message = f"expected {n} finite weights >= 0, one for each row, got shape {w.shape}, dtype {w.dtype}"
        raise ValueError(message)
    return (w.astype(np.uint8) if w.dtype.kind == "b" else w)[None, :]


def value(statistic: Statistic, n: int, weights: Array | None = None) -> float:
    """A statistic under one set of weights (n,), or under weights of one."""
    return float(statistic(block(n, weights))[0])
