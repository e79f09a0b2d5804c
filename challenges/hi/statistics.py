"""Statistics of what ``measure`` leaves: sums of blocks, their quotients, and medians of errors, under weights.

Weights belong to blocks, so a sum over rows is one over blocks whose own sums were taken once: a replicate of the score
of a hundred thousand claims is a product of some thousand numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal

import numpy as np

from blindsky.challenges.hi.measure import CLAIM, SOURCE
from blindsky.scoring.catalogue import SCORES
from blindsky.scoring.defined import sample
from blindsky.scoring.measurements import Array, FloatArray, Measurements
from blindsky.scoring.metric import Statistic
from blindsky.scoring.quantiles import absolute_deviation, quantiles
from blindsky.scoring.regression import NORMAL_MAD
from blindsky.scoring.sums import latest, ratio, weighted_sums

EDGES = np.round(np.arange(0, 2.01, 0.1), 1)  # log10 S/N, of the bins of ``prepare_snr50``
HALF = 0.5
FEWEST_SPREAD = 3  # rows; the lower median of one or two distances from the lower median is 0

Columns = dict[str, FloatArray]
Kind = Literal["median", "nmad"]


def _shared_sums(
    measurements: Measurements, name: str, make: Callable[[], Columns]
) -> Callable[[Array], Columns]:
    """Weights (B, n) -> sums (B,) of each of the columns (n,), NaN counting 0."""

    def prepare() -> Callable[[Array], Columns]:
        n = len(measurements)
        case = np.arange(n) if measurements.case is None else measurements.case
        _, first, block = np.unique(case, return_index=True, return_inverse=True)
        columns = {key: np.nan_to_num(column) for key, column in make().items()}
        table: FloatArray = np.stack([np.bincount(block, c, len(first)) for c in columns.values()], axis=1)

        def sums(weights: Array) -> Columns:
            found = weighted_sums(np.take(weights, first, axis=1), table)
            return dict(zip(columns, found.T, strict=True))

        return latest(sums)

    return measurements.shared(name, prepare)


def _counts(measurements: Measurements) -> Columns:
    """What the quotients are made of; 5 marks sources with S/N of at least 5."""
    of = measurements.floats
    columns = {name: of(name) for name in ("gain", "strict_gain", "hit", "bad", "found")}
    columns["claims"] = (measurements["kind"] == CLAIM).astype(np.float64)
    columns["sources"] = (measurements["kind"] == SOURCE).astype(np.float64)
    columns["false"] = columns["claims"] - np.nan_to_num(columns["hit"])
    columns["score"] = np.where(columns["hit"] > 0, columns["gain"], 0.0)
    columns |= {f"score_{name}": of(f"score_{name}") for name in SCORES}
    if "found5" in measurements:
        columns |= {"found5": of("found5"), "sources5": np.isfinite(of("found5")).astype(np.float64)}
    return columns


def _sums(measurements: Measurements) -> Callable[[Array], Columns]:
    return _shared_sums(measurements, "sums of blocks", partial(_counts, measurements))


def prepare_sum(measurements: Measurements, *, column: str) -> Statistic:
    """Statistic of the sum of w x, over the rows where the column is defined."""
    sums = _sums(measurements)
    return lambda weights: sums(weights)[column]


def prepare_ratio(
    measurements: Measurements, *, above: str, below: str, scale: float = 1.0, empty: float = np.nan
) -> Statistic:
    """Statistic of scale times the quotient of two sums; ``empty`` where the one below is 0."""
    sums = _sums(measurements)

    def statistic(weights: Array) -> FloatArray:
        found = sums(weights)
        quotient = scale * ratio(found[above], found[below])
        return np.where(found[below] > 0, quotient, empty)

    return statistic


def prepare_f1(measurements: Measurements) -> Statistic:
    """Statistic of 2PC/(P + C) of purity and completeness5; 0 where both are, NaN without detectable sources."""
    purity = prepare_ratio(measurements, above="hit", below="claims", empty=0.0)
    completeness = prepare_ratio(measurements, above="found5", below="sources5")

    def statistic(weights: Array) -> FloatArray:
        p, c = purity(weights), completeness(weights)
        total = p + c
        return np.where(total == 0, 0.0, ratio(2 * p * c, total))

    return statistic


def prepare_snr50(measurements: Measurements) -> Statistic:
    """Statistic of the S/N from which the completeness stays at one half or above, inf where it never does.

    Bins of 0.1 dex from 1 to 100, those beyond in the first and the last one, empty ones left out; between the middles
    of the last bin below one half and the next, by a straight line in log S/N. NaN without sources.
    """
    bins = len(EDGES) - 1

    def columns() -> Columns:
        with np.errstate(divide="ignore", invalid="ignore"):
            where = np.digitize(np.log10(measurements.floats("snr")), EDGES[1:-1])
        found, source = measurements.floats("found"), measurements["kind"] == SOURCE
        known = source & ~np.isnan(measurements.floats("snr"))
        inside = {k: known & (where == k) for k in range(bins)}
        counted = {f"n{k}": rows.astype(np.float64) for k, rows in inside.items()}
        return counted | {f"found{k}": np.where(rows, found, 0.0) for k, rows in inside.items()}

    sums = _shared_sums(measurements, "sums of S/N bins", columns)

    def statistic(weights: Array) -> FloatArray:
        found = sums(weights)
        n, hits = (np.stack([found[f"{name}{k}"] for k in range(bins)], axis=1) for name in ("n", "found"))
        return np.array([_crossing(*both) for both in zip(n, hits, strict=True)])

    return statistic


def _crossing(n: FloatArray, hits: FloatArray) -> float:
    """The S/N of ``prepare_snr50`` from weights in bins: of sources, and of those found."""
    known = n > 0
    middles, share = ((EDGES[1:] + EDGES[:-1]) / 2)[known], hits[known] / n[known]
    if not len(share):
        return np.nan
    below = np.flatnonzero(share < HALF)
    if not len(below):
        return float(10 ** middles[0])
    k = below[-1]
    if k == len(share) - 1:
        return np.inf
    step = (HALF - share[k]) / (share[k + 1] - share[k])
    return float(10 ** (middles[k] + step * (middles[k + 1] - middles[k])))


def prepare_error(measurements: Measurements, *, kind: Kind, column: str) -> Statistic:
    """Statistic of the lower median of a column, or of 1.4826 times that of the distances from it.

    Of fewer than ``FEWEST_SPREAD`` rows the latter is undefined: it would be 0, as if they had no spread.
    """
    found = sample(measurements, column, lambda m: m.floats(column))
    if kind == "median":
        return lambda weights: quantiles(found, weights, 0.5)[:, 0]
    if len(found.values) < FEWEST_SPREAD:
        return lambda weights: np.full(len(weights), np.nan)
    return lambda weights: NORMAL_MAD * absolute_deviation(found, weights)
