"""How well a score puts one class above the other: ROC, its area, and the true-positive rate at few false positives.

Each class is sorted once, by descending score, and each row knows how many of the other class stand above it.
Under any weights a metric is then a few look-ups in two cumulative sums, with ties exact: a case is called
positive if its score lies above the threshold, so tied cases pass together or not at all, and the area
crosses them on a straight line. Rows of weight 0 do not exist.

A metric stands here twice with one arithmetic: ``prepare_x`` makes the statistic from measurements that hold
``label`` and ``score``, ``x`` applies it to arrays.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from blindsky.scoring.measurements import Array, FloatArray, Measurements, counter
from blindsky.scoring.metric import Prepare, Statistic, block, value
from blindsky.scoring.sums import latest, ratio

Indices = NDArray[np.intp]
FEW = 9.0  # TPR10 allows "fewer than ten" false positives, Metcalf+2019
SLACK = 1e-9  # of weight: 0.29 of 100 rows is 29, not the 28.999999999999996 of float64


class Passed(NamedTuple):
    """Cumulative weights of the two classes by descending score, from 0 to their totals.

    positive : (B, P + 1).   negative : (B, N + 1).
    """

    positive: NDArray[Any]
    negative: NDArray[Any]


class Ranking:
    """Positives and negatives of one table, sorted by descending score, and where each stands in the other class.

    positive : (P,) rows of the table.   negative : (N,) rows.   scores : (P,) scores of the positives.
    positives_above : (N + 1,) positives above each negative; all of them at the end.
    positives_upto, negatives_above, negatives_upto : (P,) cases above, or above and level with, each positive.
    """

    def __init__(self, label: NDArray[np.bool_], score: FloatArray) -> None:
        descent = -score
        p, n = np.flatnonzero(label), np.flatnonzero(~label)
        self.positive: Indices = p[np.argsort(descent[p], kind="stable")]
        self.negative: Indices = n[np.argsort(descent[n], kind="stable")]
        p_descent, n_descent = descent[self.positive], descent[self.negative]
        self.scores: FloatArray = -p_descent
        self.positives_above: Indices = np.append(np.searchsorted(p_descent, n_descent, "left"), len(p))
        self.positives_upto: Indices = np.searchsorted(p_descent, p_descent, "right")
        self.negatives_above: Indices = np.searchsorted(n_descent, p_descent, "left")
        self.negatives_upto: Indices = np.searchsorted(n_descent, p_descent, "right")
        self.passed = latest(self._passed)

    @classmethod
    def of(cls, measurements: Measurements, label: str = "label", score: str = "score") -> Ranking:
        """The ranking of two columns, sorted at the first call."""
        return measurements.shared(
            f"ranking of {label} by {score}",
            lambda: cls(measurements[label].astype(bool), measurements.floats(score)),
        )

    def _passed(self, weights: Array) -> Passed:
        return Passed(*(_running(weights, rows) for rows in (self.positive, self.negative)))

    def totals(self, weights: Array) -> tuple[FloatArray, FloatArray]:
        """Weight of the positives and of the negatives, (B,) each."""
        positive, negative = (side[:, -1].astype(np.float64) for side in self.passed(weights))
        return positive, negative


def _running(weights: Array, rows: Indices) -> NDArray[Any]:
    """Cumulative weight (B, k + 1) before, between and after these k rows of the weights (B, n)."""
    dtype = counter(weights)
    running: NDArray[Any] = np.zeros((len(weights), len(rows) + 1), dtype=dtype)
    np.cumsum(np.take(weights, rows, axis=1), axis=1, dtype=dtype, out=running[:, 1:])
    return running


def _weigh(weights: Array, rows: Indices, heights: NDArray[Any]) -> FloatArray:
    """Sum of w h over these rows: weights (B, n), heights (B, k) of the rows (k,) -> (B,)."""
    sums: FloatArray = np.einsum("bk,bk->b", np.take(weights, rows, axis=1), heights, dtype=np.float64)
    return sums


def prepare_auroc(measurements: Measurements, label: str = "label", score: str = "score") -> Statistic:
    """Statistic of ``auroc``."""
    ranking = Ranking.of(measurements, label, score)
    tied = np.flatnonzero(ranking.negatives_above < ranking.negatives_upto)
    above, upto = ranking.negatives_above[tied], ranking.negatives_upto[tied]

    def statistic(weights: Array) -> FloatArray:
        negative = ranking.passed(weights).negative
        # twice the pairs in the wrong order, tied pairs counted once
        wrong = 2 * _weigh(weights, ranking.positive, np.take(negative, ranking.negatives_upto, axis=1))
        level = np.take(negative, upto, axis=1) - np.take(negative, above, axis=1)
        wrong -= _weigh(weights, ranking.positive[tied], level)
        p, n = ranking.totals(weights)
        return 1 - ratio(wrong, 2 * p * n)

    return statistic


def prepare_partial_auc(
    measurements: Measurements, max_fpr: float, label: str = "label", score: str = "score"
) -> Statistic:
    """Statistic of ``partial_auc``.

    A positive adds 0 to the height of the ROC curve left of the false positives above it, its weight right of those
    level with it, and rises linearly between: the area below that, up to the limit, in closed form.
    """
    ranking = Ranking.of(measurements, label, score)

    def statistic(weights: Array) -> FloatArray:
        negative = ranking.passed(weights).negative
        p, n = ranking.totals(weights)
        limit = (max_fpr * n)[:, None]
        start = np.take(negative, ranking.negatives_above, axis=1).astype(np.float64)
        end = np.take(negative, ranking.negatives_upto, axis=1).astype(np.float64)
        rise = np.clip(limit, start, end) - start
        slope = np.divide(rise, end - start, out=np.zeros(start.shape), where=end > start)
        area = _weigh(weights, ranking.positive, rise * slope / 2 + np.maximum(limit - end, 0))
        return ratio(area, p * limit[:, 0])

    return statistic


def _rate_within(ranking: Ranking, weights: Array, most: FloatArray) -> FloatArray:
    """Largest TPR whose false positives weigh at most ``most`` (B,); a threshold is a negative's score, or none."""
    positive, negative = ranking.passed(weights)
    # the first negative that would be one too many stays below the threshold, and all that is level with it
    most = np.minimum(most, negative[:, -1])
    reach = most if negative.dtype.kind == "f" else np.floor(most).astype(negative.dtype)
    pairs = zip(negative, reach, strict=True)
    allowed = np.array([np.searchsorted(row[1:], limit, "right") for row, limit in pairs], dtype=np.intp)
    found = positive[np.arange(len(positive)), ranking.positives_above[allowed]]
    return ratio(found.astype(np.float64), positive[:, -1].astype(np.float64))


def prepare_tpr_at_fp(
    measurements: Measurements, most: float, label: str = "label", score: str = "score"
) -> Statistic:
    """Statistic of ``tpr_at_fp``."""
    ranking = Ranking.of(measurements, label, score)

    def statistic(weights: Array) -> FloatArray:
        found = _rate_within(ranking, weights, np.full(len(weights), most))
        return np.where(ranking.totals(weights)[1] > 0, found, np.nan)  # against nobody, nothing is shown

    return statistic


prepare_tpr0 = partial(prepare_tpr_at_fp, most=0.0)
prepare_tpr10 = partial(prepare_tpr_at_fp, most=FEW)


def prepare_tpr_at_fpr(
    measurements: Measurements, fpr: float, label: str = "label", score: str = "score"
) -> Statistic:
    """Statistic of ``tpr_at_fpr``."""
    ranking = Ranking.of(measurements, label, score)

    def statistic(weights: Array) -> FloatArray:
        n = ranking.totals(weights)[1]
        return np.where(n > 0, _rate_within(ranking, weights, fpr * n + SLACK), np.nan)

    return statistic


def prepare_average_precision(
    measurements: Measurements, label: str = "label", score: str = "score"
) -> Statistic:
    """Statistic of ``average_precision``."""
    ranking = Ranking.of(measurements, label, score)

    def statistic(weights: Array) -> FloatArray:
        positive, negative = ranking.passed(weights)
        true = np.take(positive, ranking.positives_upto, axis=1)
        called = true + np.take(negative, ranking.negatives_upto, axis=1)
        precision = np.divide(true, called, out=np.zeros(true.shape), where=called > 0)
        return ratio(_weigh(weights, ranking.positive, precision), ranking.totals(weights)[0])

    return statistic


def table(label: Array, score: Array) -> Measurements:
    """Measurements of these two columns; ValueError for other shapes, labels beside 0 and 1, scores not finite."""
    truth, confidence = np.asarray(label), np.asarray(score, dtype=np.float64)
    if truth.ndim != 1 or truth.shape != confidence.shape:
        message = f"expected label and score of one shape (n,), got {truth.shape} and {confidence.shape}"
        raise ValueError(message)
    if not np.all((truth == 0) | (truth == 1)):
        message = f"expected labels 0 and 1, got {np.unique(truth)[:5]}"
        raise ValueError(message)
    if not np.all(np.isfinite(confidence)):
        message = "expected finite scores, got NaN or infinity"
        raise ValueError(message)
    return Measurements({"label": truth.astype(bool), "score": confidence})


def _score(prepare: Prepare, label: Array, score: Array, weights: Array | None) -> float:
    measurements = table(label, score)
    return value(prepare(measurements), len(measurements), weights)


def _share(name: str, share: float) -> float:
    if not 0 < share <= 1:
        message = f"expected {name} in (0, 1], got {share}"
        raise ValueError(message)
    return share


def auroc(label: Array, score: Array, *, weights: Array | None = None) -> float:
    """Chance that a positive scores above a negative, ties counted half (Mann & Whitney 1947): area under the ROC.

    label : (n,), 1 for positive.   score : (n,), higher is more positive.   weights : (n,) >= 0.
    NaN without positives or without negatives.   ValueError: ``table``.
    """
    return _score(prepare_auroc, label, score, weights)


def partial_auc(label: Array, score: Array, *, max_fpr: float, weights: Array | None = None) -> float:
    """Mean TPR over false-positive rates from 0 to ``max_fpr``, straight lines across ties; ``auroc`` for 1.

    The plain area over its width: max_fpr/2 for chance, 1 for perfection; scikit-learn gives McClish's standardised
    area. Arguments: ``auroc``.
    """
    return _score(partial(prepare_partial_auc, max_fpr=_share("max_fpr", max_fpr)), label, score, weights)


def tpr_at_fp(label: Array, score: Array, *, most: float, weights: Array | None = None) -> float:
    """Largest share of positives above a threshold with false positives of weight ``most`` or less.

    Only real thresholds count, without interpolation. NaN where a class is empty. Arguments: ``auroc``.
    """
    if not most >= 0:
        message = f"expected a weight of false positives >= 0, got {most}"
        raise ValueError(message)
    return _score(partial(prepare_tpr_at_fp, most=most), label, score, weights)


def tpr0(label: Array, score: Array, *, weights: Array | None = None) -> float:
    """Share of positives above every negative (Metcalf+2019). Arguments: ``tpr_at_fp``."""
    return tpr_at_fp(label, score, most=0.0, weights=weights)


def tpr10(label: Array, score: Array, *, weights: Array | None = None) -> float:
    """Share of positives found with fewer than ten false positives (Metcalf+2019). Arguments: ``tpr_at_fp``."""
    return tpr_at_fp(label, score, most=FEW, weights=weights)


def tpr_at_fpr(label: Array, score: Array, *, fpr: float, weights: Array | None = None) -> float:
    """Largest share of positives above a threshold with a false-positive rate of ``fpr`` or less.

    Only real thresholds count, without interpolation. Arguments: ``auroc``.
    """
    return _score(partial(prepare_tpr_at_fpr, fpr=_share("fpr", fpr)), label, score, weights)


def average_precision(label: Array, score: Array, *, weights: Array | None = None) -> float:
    """Sum of (R_k - R_{k-1}) P_k over thresholds, precision P, recall R: steps, without interpolation.

    NaN without positives. Arguments: ``auroc``.
    """
    return _score(prepare_average_precision, label, score, weights)


def roc(
    label: Array, score: Array, *, weights: Array | None = None
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The ROC curve: false- and true-positive rate of ``score >= threshold`` and the thresholds, (k + 1,) each.

    One point per distinct score, from (0, 0) at an infinite threshold to (1, 1). A rate is NaN where its class has no
    weight. Arguments: ``auroc``.
    """
    measurements = table(label, score)
    ranking, w = Ranking.of(measurements), block(len(measurements), weights)
    descent = np.unique(-measurements["score"])
    rates = []
    for rows, passed in zip((ranking.positive, ranking.negative), ranking.passed(w), strict=True):
        upto = np.searchsorted(-measurements["score"][rows], descent, "right")
        reached: FloatArray = passed[0, np.append(0, upto)].astype(np.float64)
        rates.append(ratio(reached, np.broadcast_to(reached[-1], reached.shape)))
    return rates[1], rates[0], np.append(np.inf, -descent)
