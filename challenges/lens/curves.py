"""Curves of a lens entry: ROC, purity, what is left of both when faint lenses are removed; safe to publish.

What makes them so stands in challenges/curves.py, and what a curve is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from blindsky.challenges import curves
from blindsky.challenges.curves import COMPLETENESS, NORMAL, Curve, Point, Sides, fewest, hidden, kept
from blindsky.scoring.card import wilson
from blindsky.scoring.measurements import FloatArray, Measurements, Table
from blindsky.scoring.operating import purity
from blindsky.scoring.ranking import FEW, SLACK, Indices, Ranking

DOTTED = 100  # lenses: what rests on fewer is drawn dotted, Metcalf+2019


def passing(measurements: Measurements, rate: float) -> NDArray[np.bool_]:
    """Which cases (n,) lie above the threshold with at most this false-positive rate, as ``tpr_fpr*`` chooses it."""
    ranking = Ranking.of(measurements)
    score = measurements.floats("score")
    n = len(ranking.negative)
    allowed = int(np.floor(rate * n + SLACK))
    above = score > score[ranking.negative[allowed]] if allowed < n else np.ones(len(score), dtype=bool)
    return np.asarray(above)


def _sides(measurements: Measurements) -> Sides:
    return Sides.of(measurements["label"].astype(bool), measurements.floats("score"))


def roc(measurements: Measurements, columns: Table) -> Curve | None:
    """True-positive rate at fixed false-positive rates, from 1/N (hidden truth: from ten false positives) to (1, 1)."""
    return curves.roc(_sides(measurements), fewest(columns))


def purity_curve(measurements: Measurements, columns: Table) -> Curve | None:
    """Purity at fixed completeness in a sky where one candidate in a thousand is a lens.

    The threshold is the highest that reaches the completeness; the interval is that of the false-positive rate.
    """
    sides = _sides(measurements)
    if sides.few:
        return None
    p, n = len(sides.positive), len(sides.negative)
    true, false = sides.complete(COMPLETENESS)
    points = []
    for k in kept(fewest(columns), np.append(true, p), np.append(false, n)):
        low, high = wilson(false[k] / n, n)
        rates = np.array([false[k] / n, high, low, (false[k] + 1) / n])
        y, least, most, beside = purity(np.full(4, true[k] / p), rates)
        points.append((COMPLETENESS[k], y, least, most, abs(y - beside)))
    return curves.curve(points) if points else None


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
    if min(p, n) < curves.FEWEST:
        return None
    of_lens = np.nan_to_num(value[ranking.positive], nan=-np.inf)
    least = np.array([-np.inf, *cuts[1:]])
    removed = np.searchsorted(np.sort(of_lens), least, side="left")
    removed = removed[p - removed >= curves.FEWEST]
    nodes = [0, *kept(max(fewest(columns), 1), np.append(removed, p))]
    beaten, lenses_upto = _beaten(measurements, ranking)
    allowed = {"tpr10": int(FEW)} if hidden(columns) else {"tpr0": 0, "tpr10": int(FEW)}
    found: dict[str, list[Point]] = {key: [] for key in ("auroc", *allowed, "share")}
    for k in nodes:
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
    return {key: curves.curve(points) | {"dotted": dotted} for key, points in found.items()}


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
