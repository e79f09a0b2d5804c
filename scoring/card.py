"""The score card: every metric of a table of measurements with its interval, by part and by slice."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from blindsky.scoring.measurements import Array, FloatArray, Measurements
from blindsky.scoring.metric import Metric, Statistic, ones
from blindsky.scoring.weights import BLOCK, REPLICATES, SLICE_REPLICATES, Replicates

LEVEL = 0.95
_TAIL = (1 - LEVEL) / 2
_NORMAL = 1.959963984540054  # two-sided 95 % point of the normal distribution
_DEFINED = 0.9  # share of replicates that must be defined for an interval to be given


@dataclass(frozen=True)
class Score:
    """One metric: value and 95 % interval (for ``null``: the band of a perfect entry); NaN where undefined.

    trials : how many cases the value is a share of; None where it is no share.
    """

    value: float
    low: float
    high: float
    interval: str
    trials: int | None = None


@dataclass(frozen=True)
class Part:
    """The scores of one subset of the cases, with the replicates that made the intervals."""

    n: int
    scores: dict[str, Score]
    replicates: dict[str, FloatArray]


class Cut(NamedTuple):
    """A subset of the cases to be scored, or of the measured rows where a case has several.

    mask : (n,) cases that are scored, or rows where ``of_rows``.   about : (n,) those of them that count as the slice's
    own, where the others are kept to compare with; None for all.   metrics : keys, or () for every metric.
    """

    name: str
    family: str
    mask: NDArray[np.bool_]
    metrics: tuple[str, ...] = ()
    about: NDArray[np.bool_] | None = None
    of_rows: bool = False


@dataclass(frozen=True)
class SliceScores:
    """One slice: its share of each part's cases, and its scores there; ``n`` of a part are the slice's own cases.

    Where the slice is of measured rows, both count these.
    """

    name: str
    family: str
    share: dict[str, float]
    parts: dict[str, Part]


@dataclass(frozen=True)
class ScoreCard:
    """All parts and slices of one entry."""

    parts: dict[str, Part]
    slices: tuple[SliceScores, ...] = field(default_factory=tuple)


def wilson(share: float, n: int) -> tuple[float, float]:
    """The 95 % interval of a share of n cases (Wilson 1927)."""
    z2 = _NORMAL**2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = _NORMAL / (1 + z2 / n) * np.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    # rounding must not leave the share itself outside
    return min(max(centre - half, 0.0), share), max(min(centre + half, 1.0), share)


def _central(draws: FloatArray) -> tuple[float, float]:
    defined = draws[np.isfinite(draws)]
    if len(defined) < _DEFINED * len(draws) or not len(draws):
        return np.nan, np.nan
    low, high = np.quantile(defined, [_TAIL, 1 - _TAIL])
    return float(low), float(high)


def _null_generator(key: str) -> np.random.Generator:
    """The same draws for every team: a band belongs to the metric and the size, not to the entry."""
    return np.random.default_rng(list(hashlib.sha256(key.encode()).digest()))


def replicate(
    measurements: Measurements, statistics: Mapping[str, Statistic], replicates: Replicates, count: int
) -> dict[str, FloatArray]:
    """Each statistic under ``count`` replicates, (count,) per key; weights are made a block at a time."""
    values = {key: np.empty(count) for key in statistics}
    for first in range(0, count, BLOCK):
        weights: Array = replicates.block(first, min(BLOCK, count - first))
        if measurements.case is not None:
            weights = np.take(weights, measurements.case, axis=1)
        for key, statistic in statistics.items():
            values[key][first : first + len(weights)] = statistic(weights)
    return values


def evaluate(
    measurements: Measurements, metrics: Sequence[Metric], replicates: Replicates, count: int = REPLICATES
) -> Part:
    """Every metric whose columns are there, with its kind of interval.

    replicates : of the cases of these measurements, in their order; of all cases where rows name their case.
    count : a multiple of 4.
    """
    n = len(measurements)
    present = [m for m in metrics if m.available(measurements)]
    if n == 0:
        return Part(0, {m.key: Score(np.nan, np.nan, np.nan, m.interval) for m in present}, {})
    statistics = {m.key: m.prepare(measurements) for m in present}
    unit = ones(n)
    values = {key: float(statistic(unit)[0]) for key, statistic in statistics.items()}
    sampled = {
        m.key: statistics[m.key] if m.replicate is None else m.replicate(measurements)
        for m in present
        if m.interval not in ("null", "none")
    }
    drawn = replicate(measurements, sampled, replicates, count)
    scores = {
        m.key: Score(
            values[m.key],
            *_interval(m, measurements, values, drawn),
            m.interval_on(measurements),
            _trials(m, measurements),
        )
        for m in present
    }
    return Part(n, scores, drawn)


def _trials(metric: Metric, measurements: Measurements) -> int | None:
    share = metric.interval == "binomial" or metric.sparse is not None
    return int(metric.trials(measurements)) if share else None


def _interval(
    metric: Metric, measurements: Measurements, values: Mapping[str, float], drawn: Mapping[str, FloatArray]
) -> tuple[float, float]:
    if not np.isfinite(values[metric.key]):
        return np.nan, np.nan
    if metric.interval_on(measurements) == "binomial":
        return wilson(values[metric.key], metric.trials(measurements))
    if metric.interval == "null" and metric.null is not None:
        if any(key not in drawn for key in metric.null_from):
            return np.nan, np.nan
        empty: FloatArray = np.empty((0, 0))
        base = np.stack([drawn[key] for key in metric.null_from], axis=1) if metric.null_from else empty
        return _central(metric.null(measurements, _null_generator(metric.key), base))
    if metric.interval in ("percentile", "signed"):
        return _central(drawn[metric.key])
    return np.nan, np.nan


def score(
    parts: Mapping[str, Measurements],
    part_of: Array,
    metrics: Sequence[Metric],
    replicates: Replicates,
    slices: Sequence[Cut] = (),
    *,
    advance: Callable[[], None] = lambda: None,
) -> ScoreCard:
    """The card of one entry.

    parts : measurements by part, with ``all`` among them.   part_of : (n,) part of every case.
    replicates : of all cases.   slices : subsets of the cases or of the rows.
    advance : called after each part and slice.
    """
    whole = parts["all"]

    def drawn(mask: NDArray[np.bool_]) -> Replicates:
        return replicates if whole.case is not None else replicates.select(mask)

    inside = {name: part_of == name if name != "all" else np.ones(len(part_of), bool) for name in parts}
    scored = {}
    for name, measurements in parts.items():
        part = evaluate(measurements, metrics, drawn(inside[name]))
        scored[name] = replace(part, n=int(np.count_nonzero(inside[name])))
        advance()
    rows = []
    for cut in slices:
        mask, about = cut.mask, cut.mask if cut.about is None else cut.mask & cut.about
        chosen = [m for m in metrics if not cut.metrics or m.key in cut.metrics]
        found, share = {}, {}
        for name in parts:
            within = inside[name][whole.case] if cut.of_rows else inside[name]
            both = mask & within
            subset = whole.select(both if whole.case is None or cut.of_rows else both[whole.case])
            n = int(np.count_nonzero(about & within))
            found[name] = replace(evaluate(subset, chosen, drawn(both), SLICE_REPLICATES), n=n)
            share[name] = float(n / max(within.sum(), 1))
        rows.append(SliceScores(cut.name, cut.family, share, found))
        advance()
    return ScoreCard(scored, tuple(rows))


def to_json(number: float) -> float | None:
    """A number for JSON: NaN and infinities become null."""
    return float(number) if np.isfinite(number) else None


def part_dict(part: Part) -> dict[str, object]:
    """A part as it is written on a card."""
    return {"n": part.n, "metrics": {key: _score_dict(s) for key, s in part.scores.items()}}


def _score_dict(score: Score) -> dict[str, object]:
    numbers = {"value": to_json(score.value), "low": to_json(score.low), "high": to_json(score.high)}
    share = {} if score.trials is None else {"trials": score.trials}
    return {**numbers, "interval": score.interval, **share}


def card_dict(card: ScoreCard) -> dict[str, object]:
    """The ``parts`` and ``slices`` of a card, ready for JSON."""
    return {
        "parts": {name: part_dict(part) for name, part in card.parts.items()},
        "slices": [
            {
                "name": row.name,
                "family": row.family,
                "parts": {
                    name: {"share": row.share[name], **part_dict(part)} for name, part in row.parts.items()
                },
            }
            for row in card.slices
        ],
    }
