"""Curves of a lens entry: ROC, purity, what is left of both when faint lenses are removed; safe to publish.

Every curve is taken at nodes that were fixed beforehand. While the truth of some cases is still to be hidden, a node
is kept only if at least ``FEWEST`` lenses and, where the axis counts them, as many non-lenses lie between it and the
last one, and beyond it: no stretch of a curve rests on fewer. After the reveal all nodes are kept.

A curve is {x, y, low, high, one}, lists of equal length: 95 % intervals, and what one case adds to y.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blindsky.scoring.card import wilson
from blindsky.scoring.measurements import Array, FloatArray, Measurements, Table
from blindsky.scoring.operating import purity
from blindsky.scoring.ranking import FEW, SLACK, Indices, Ranking

FEWEST = 10
NORMAL = 1.959963984540054  # two-sided 95 % point of the normal distribution
_DECADES = [float(f"{rate:.3g}") for rate in 10.0 ** (np.arange(-50, 1) / 10)]
RATES = np.unique([*_DECADES, *np.round(np.arange(0.02, 1, 0.02), 2)])  # ten to a decade, and even steps
COMPLETENESS = np.round(np.arange(0.05, 1.001, 0.05), 2)
DOTTED = 100  # lenses: what rests on fewer is drawn dotted, Metcalf+2019

Point = tuple[float, float, float, float, float]  # x, y, low, high, one
Curve = dict[str, Any]


def hidden(columns: Table) -> bool:
    """Whether these are the cases of one part, as shown before the reveal; all cases are shown after it."""
    return len(np.unique(columns["part"])) < 2


def _curve(points: Iterable[Point]) -> Curve:
    columns = ([float(f"{v:.6g}") for v in column] for column in zip(*points, strict=True))
    return dict(zip(("x", "y", "low", "high", "one"), columns, strict=True))


def _kept(fewest: int, *counts: Array) -> list[int]:
    """The nodes that part off at least ``fewest`` of each count (k + 1,) from the last one kept and from the end.

    counts : ascending, the total at the end.
    """
    table: NDArray[np.float64] = np.stack([np.asarray(c, dtype=np.float64) for c in counts])
    last, kept = np.zeros(len(table)), []
    for k in range(table.shape[1] - 1):
        here = table[:, k]
        if np.all(here - last >= fewest) and np.all(table[:, -1] - here >= fewest):
            kept.append(k)
            last = here
    return kept


def passing(measurements: Measurements, rate: float) -> NDArray[np.bool_]:
    """Which cases (n,) lie above the threshold with at most this false-positive rate, as ``tpr_fpr*`` chooses it."""
    ranking = Ranking.of(measurements)
    score = measurements.floats("score")
    n = len(ranking.negative)
    allowed = int(np.floor(rate * n + SLACK))
    above = score > score[ranking.negative[allowed]] if allowed < n else np.ones(len(score), dtype=bool)
    return np.asarray(above)


def passed_at(ranking: Ranking, non_lenses: FloatArray, false: FloatArray) -> FloatArray:
    """Lenses passed where ``false`` (k,) non-lenses are, on the straight line across ties; the most of a vertical step.

    non_lenses : scores of the negatives of the ranking, (N,).
    """
    n = len(non_lenses)
    at = np.minimum(np.floor(false + SLACK).astype(np.intp), n)
    lenses_upto = np.searchsorted(-ranking.scores, -non_lenses, side="right")
    first = np.searchsorted(-non_lenses, -non_lenses, side="left")
    end = np.searchsorted(-non_lenses, -non_lenses, side="right")
    inside = np.minimum(at, n - 1)
    low, high = ranking.positives_above[inside], lenses_upto[inside]
    share = (false - first[inside]) / (end[inside] - first[inside])
    return np.where(at == n, len(ranking.scores), low + np.clip(share, 0, 1) * (high - low))


def roc(measurements: Measurements, columns: Table) -> Curve | None:
    """True-positive rate at fixed false-positive rates, from 1/N (hidden truth: from ten false positives) to (1, 1)."""
    ranking = Ranking.of(measurements)
    p, n = len(ranking.positive), len(ranking.negative)
    if min(p, n) < FEWEST:
        return None
    scores = measurements.floats("score")[ranking.negative]
    false = RATES * n
    true = passed_at(ranking, scores, false)
    fewest = FEWEST if hidden(columns) else 0
    kept = [k for k in _kept(fewest, false, true) if false[k] >= 1 - SLACK]
    points = [(RATES[k], true[k] / p, *wilson(true[k] / p, p), 1 / p) for k in kept]
    return _curve([*points, (1.0, 1.0, 1.0, 1.0, 0.0)]) if points else None


def purity_curve(measurements: Measurements, columns: Table) -> Curve | None:
    """Purity at fixed completeness in a sky where one candidate in a thousand is a lens.

    The threshold is the highest that reaches the completeness; the interval is that of the false-positive rate.
    """
    ranking = Ranking.of(measurements)
    p, n = len(ranking.positive), len(ranking.negative)
    if min(p, n) < FEWEST:
        return None
    chosen = np.ceil(COMPLETENESS * p - SLACK).astype(np.intp) - 1
    true, false = ranking.positives_upto[chosen], ranking.negatives_upto[chosen]
    kept = _kept(FEWEST if hidden(columns) else 0, np.append(true, p), np.append(false, n))
    points = []
    for k in kept:
        low, high = wilson(false[k] / n, n)
        rates = np.array([false[k] / n, high, low, (false[k] + 1) / n])
        y, least, most, beside = purity(np.full(4, true[k] / p), rates)
        points.append((COMPLETENESS[k], y, least, most, abs(y - beside)))
    return _curve(points) if points else None


def without_faint(
    measurements: Measurements, value: FloatArray, cuts: FloatArray, columns: Table
) -> dict[str, Curve] | None:
    """``auroc``, ``tpr0``, ``tpr10`` and ``share`` of the lenses left without those with ``value`` (n,) below a cut.

    cuts : (k,) ascending and fixed; at the first, all lenses are kept.   None where lenses are too few. A curve also
    holds ``dotted``: from which point on fewer than ``DOTTED`` lenses are left. While truth is hidden there is no
    ``tpr0``, because all of it hangs on one non-lens.
    """
    ranking = Ranking.of(measurements)
    p, n = len(ranking.positive), len(ranking.negative)
    if min(p, n) < FEWEST:
        return None
    of_lens = np.nan_to_num(value[ranking.positive], nan=-np.inf)
    least = np.array([-np.inf, *cuts[1:]])
    removed = np.searchsorted(np.sort(of_lens), least, side="left")
    removed = removed[p - removed >= FEWEST]
    kept = [0, *_kept(FEWEST if hidden(columns) else 1, np.append(removed, p))]
    beaten, lenses_upto = _beaten(measurements, ranking)
    allowed = {"tpr10": int(FEW)} if hidden(columns) else {"tpr0": 0, "tpr10": int(FEW)}
    found: dict[str, list[Point]] = {key: [] for key in ("auroc", *allowed, "share")}
    for k in kept:
        lens = of_lens >= least[k]
        m = int(lens.sum())
        area, error = _area(lens, beaten, ranking.positives_above[:n], lenses_upto)
        ends = (max(0.0, area - NORMAL * error), min(1.0, area + NORMAL * error))
        found["auroc"].append((cuts[k], area, *ends, 1 / m))
        for key, most in allowed.items():
            tpr = float(lens[: ranking.positives_above[most]].sum()) / m
            found[key].append((cuts[k], tpr, *wilson(tpr, m), 1 / m))
        found["share"].append((cuts[k], m / p, *wilson(m / p, p), 1 / p))
    left = [round(share[1] * p) for share in found["share"]]
    dotted = next((k for k, m in enumerate(left) if m < DOTTED), len(left))
    return {key: _curve(points) | {"dotted": dotted} for key, points in found.items()}


def _beaten(measurements: Measurements, ranking: Ranking) -> tuple[FloatArray, Indices]:
    """Share of non-lenses below each lens (P,), ties counted half; lenses above or level with each non-lens (N,)."""
    share = 1 - (ranking.negatives_above + ranking.negatives_upto) / (2 * len(ranking.negative))
    non_lenses = measurements.floats("score")[ranking.negative]
    return share, np.searchsorted(-ranking.scores, -non_lenses, side="right")


def _area(lens: NDArray[np.bool_], beaten: FloatArray, above: Indices, upto: Indices) -> tuple[float, float]:
    """AUROC of the lenses kept against all non-lenses, and its standard error (DeLong+1988).

    lens : (P,) kept, in the order of the ranking.   above, upto : lenses above, and not below, each non-lens, (N,).
    """
    running = np.concatenate([[0], np.cumsum(lens)])
    m = running[-1]
    of_non_lens, of_lens = (running[above] + running[upto]) / (2 * m), beaten[lens]
    error = np.sqrt(of_lens.var(ddof=1) / m + of_non_lens.var(ddof=1) / len(of_non_lens))
    return float(of_lens.mean()), float(error)
