"""Scores of one well-chosen threshold: the best F-beta, and the purity at given completeness and prevalence.

A test set is half positives, a survey one in a thousand: purity is therefore asked of the rates, with the
prevalence of the sky put in. A case is called positive if its score reaches the threshold. A threshold is the score
of a positive, since any other only adds false positives. The statistics know the point that they chose
as well as its value; ``field`` says which of the numbers of F-beta is wanted.
"""

from __future__ import annotations

from functools import partial
from typing import Literal, NamedTuple

import numpy as np

from blindsky.scoring.measurements import Array, FloatArray, Measurements
from blindsky.scoring.metric import Statistic, block
from blindsky.scoring.quantiles import reached
from blindsky.scoring.ranking import Indices, Ranking, table
from blindsky.scoring.sums import latest, ratio

BETA2 = 1e-3  # Strong Lens Finding Challenge 2.0
PREVALENCE = 1e-3  # lenses among the galaxies of a survey
COMPLETENESS = 0.5

Field = Literal["score", "precision", "recall", "threshold"]


class Points(NamedTuple):
    """The chosen threshold under each set of weights, (B,) each; NaN where there is none.

    score : the metric there.   precision, recall : of the weighted sample.   threshold : positive from here up.
    """

    score: FloatArray
    precision: FloatArray
    recall: FloatArray
    threshold: FloatArray


class Point(NamedTuple):
    """``Points`` of one set of weights."""

    score: float
    precision: float
    recall: float
    threshold: float


def purity(tpr: FloatArray, fpr: FloatArray, *, prevalence: float = PREVALENCE) -> FloatArray:
    """Share of true cases among those called, pi TPR / (pi TPR + (1 - pi) FPR); shape of the rates.

    prevalence : pi, share of positives in the sky.   NaN where nothing is called.
    """
    true = prevalence * np.asarray(tpr, dtype=np.float64)
    return ratio(true, true + (1 - prevalence) * np.asarray(fpr, dtype=np.float64))


def _called(ranking: Ranking, weights: Array, chosen: Indices) -> tuple[FloatArray, FloatArray]:
    """Weight of the positives and of the negatives that reach the score of these positives; all (B,)."""
    passed, b = ranking.passed(weights), np.arange(len(weights))
    true = passed.positive[b, ranking.positives_upto[chosen]]
    false = passed.negative[b, ranking.negatives_upto[chosen]]
    return true.astype(np.float64), false.astype(np.float64)


def _best_fbeta(ranking: Ranking, weights: Array, beta2: float) -> Points:
    if not len(ranking.positive):
        return Points(*np.full((4, len(weights)), np.nan))
    passed, (p, _) = ranking.passed(weights), ranking.totals(weights)
    true = np.take(passed.positive, ranking.positives_upto, axis=1)
    # (1 + b2) P R/(b2 P + R) with P = TP/(TP + FP) and R = TP/W_P
    below = np.take(passed.negative, ranking.negatives_upto, axis=1) + true + (beta2 * p)[:, None]
    f = np.divide(true, below, out=np.zeros(below.shape), where=below > 0)
    chosen = np.argmax(f, axis=1)  # the first, so the highest threshold, of equals
    best = np.where(p > 0, (1 + beta2) * f[np.arange(len(f)), chosen], np.nan)
    threshold = np.where(p > 0, ranking.scores[chosen], np.nan)
    true, false = _called(ranking, weights, chosen)
    return Points(best, ratio(true, true + false), ratio(true, p), threshold)


def _purity_at(ranking: Ranking, weights: Array, tpr: float, prevalence: float) -> Points:
    if not len(ranking.positive):
        return Points(*np.full((4, len(weights)), np.nan))
    p, n = ranking.totals(weights)
    chosen = reached(ranking.passed(weights).positive[:, 1:], np.array([tpr]))[:, 0]
    true, false = _called(ranking, weights, chosen)
    recall = ratio(true, p)
    threshold = np.where(p > 0, ranking.scores[chosen], np.nan)
    found = purity(recall, ratio(false, n), prevalence=prevalence)
    return Points(found, ratio(true, true + false), recall, threshold)


def prepare_fbeta(measurements: Measurements, beta2: float = BETA2, field: Field = "score") -> Statistic:
    """Statistic of ``fbeta``, or of precision, recall or threshold where it is largest."""
    ranking = Ranking.of(measurements)
    points = measurements.shared(f"fbeta {beta2}", lambda: latest(partial(_best_fbeta, ranking, beta2=beta2)))
    return lambda weights: _field(points(weights), field)


def prepare_purity(
    measurements: Measurements,
    tpr: float = COMPLETENESS,
    prevalence: float = PREVALENCE,
) -> Statistic:
    """Statistic of ``purity_at``."""
    ranking = Ranking.of(measurements)
    return lambda weights: _purity_at(ranking, weights, tpr, prevalence).score


def _field(points: Points, field: Field) -> FloatArray:
    found: FloatArray = getattr(points, field)
    return found


def _check(name: str, number: float, most: float = np.inf) -> float:
    if not 0 < number <= most:
        message = f"expected {name} above 0" + (f" and at most {most:g}" if most < np.inf else "")
        message += f", got {number}"
        raise ValueError(message)
    return number


def _point(points: Points) -> Point:
    return Point(*(float(number[0]) for number in points))


def fbeta_point(label: Array, score: Array, *, beta2: float = BETA2, weights: Array | None = None) -> Point:
    """The largest F-beta over thresholds with its precision, recall and threshold, the highest of equals.

    F = (1 + b2) P R/(b2 P + R), b2 = beta^2; a small b2 asks for precision (van Rijsbergen 1979).
    label : (n,), 1 for positive.   score : (n,), positive from the threshold up.   weights : (n,) >= 0.
    NaN without positives.   ValueError: ``ranking.table``, or beta2 not above 0.
    """
    measurements = table(label, score)
    w = block(len(measurements), weights)
    return _point(_best_fbeta(Ranking.of(measurements), w, _check("beta2", beta2)))


def fbeta(label: Array, score: Array, *, beta2: float = BETA2, weights: Array | None = None) -> float:
    """The largest F-beta over thresholds. Arguments: ``fbeta_point``."""
    return fbeta_point(label, score, beta2=beta2, weights=weights).score


def purity_point(
    label: Array,
    score: Array,
    *,
    tpr: float = COMPLETENESS,
    prevalence: float = PREVALENCE,
    weights: Array | None = None,
) -> Point:
    """``purity`` at the highest threshold whose TPR reaches ``tpr``, with precision, recall and threshold there.

    Precision is that of the sample as it is, purity that of a sky with this prevalence. NaN without positives; the
    purity also without negatives.   Arguments: ``fbeta_point``.
    """
    measurements = table(label, score)
    w, ranking = block(len(measurements), weights), Ranking.of(measurements)
    return _point(_purity_at(ranking, w, _check("tpr", tpr, 1), _check("prevalence", prevalence, 1)))


def purity_at(
    label: Array,
    score: Array,
    *,
    tpr: float = COMPLETENESS,
    prevalence: float = PREVALENCE,
    weights: Array | None = None,
) -> float:
    """The purity of ``purity_point``. Arguments: ``purity_point``."""
    return purity_point(label, score, tpr=tpr, prevalence=prevalence, weights=weights).score
