"""Is a confidence a probability? Brier score and calibration error of scores between 0 and 1."""

from __future__ import annotations

import numpy as np

from blindsky.scoring.measurements import Array, FloatArray, Measurements
from blindsky.scoring.metric import Statistic, block, value
from blindsky.scoring.ranking import Indices, table
from blindsky.scoring.sums import mean_of, ratio

BINS = 15  # Guo+2017


def bin_of(score: FloatArray, bins: int = BINS) -> Indices:
    """Which of ``bins`` equal bins from 0 to 1 a score (n,) is in; an edge is in the bin above it, 1 in the last."""
    return np.minimum((np.asarray(score) * bins).astype(np.intp), bins - 1)


def prepare_brier(measurements: Measurements, label: str = "label", score: str = "score") -> Statistic:
    """Statistic of ``brier``."""
    return mean_of(
        measurements,
        f"({score} - {label})^2",
        lambda m: (m.floats(score) - m.floats(label)) ** 2,
    )


def prepare_ece(
    measurements: Measurements, bins: int = BINS, label: str = "label", score: str = "score"
) -> Statistic:
    """Statistic of ``ece``; the weight of a bin cancels, so it takes one mean a bin."""
    excess = measurements.floats(score) - measurements.floats(label)
    where = bin_of(measurements.floats(score), bins)

    def within(k: int) -> Statistic:
        name = f"{score} - {label} in bin {k} of {bins}"
        return mean_of(measurements, name, lambda _: np.where(where == k, excess, 0.0))

    gaps = [within(k) for k in np.unique(where)]

    def statistic(weights: Array) -> FloatArray:
        found: FloatArray = np.full(len(weights), np.nan)
        if gaps:
            np.sum([np.abs(gap(weights)) for gap in gaps], axis=0, out=found)
        return found

    return statistic


def _table(label: Array, score: Array) -> Measurements:
    measurements = table(label, score)
    confidence = measurements["score"]
    if np.any((confidence < 0) | (confidence > 1)):
        message = f"expected scores between 0 and 1, got {confidence.min():g} to {confidence.max():g}"
        raise ValueError(message)
    return measurements


def brier(label: Array, score: Array, *, weights: Array | None = None) -> float:
    """Mean of (score - label)^2, best 0 (Brier 1950).

    label : (n,), 1 for positive.   score : (n,), from 0 to 1.   weights : (n,) >= 0; NaN where they sum to 0.
    ValueError: ``ranking.table``, or scores outside 0..1.
    """
    measurements = _table(label, score)
    return value(prepare_brier(measurements), len(measurements), weights)


def ece(label: Array, score: Array, *, bins: int = BINS, weights: Array | None = None) -> float:
    """Expected calibration error: mean |share of positives - mean score| over equal bins of score (Guo+2017), best 0.

    Bins count by their weight. Arguments: ``brier``.
    """
    measurements = _table(label, score)
    return value(prepare_ece(measurements, bins), len(measurements), weights)


def reliability(
    label: Array, score: Array, *, bins: int = BINS, weights: Array | None = None
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Weight, mean score and share of positives of each bin of ``ece``, (bins,) each; means of no weight are NaN.

    Arguments: ``brier``.
    """
    measurements = _table(label, score)
    w = block(len(measurements), weights)[0].astype(np.float64)
    where = bin_of(measurements["score"], bins)

    def total(x: FloatArray) -> FloatArray:
        return np.bincount(where, x, minlength=bins).astype(np.float64)

    weight = total(w)
    score_sum, label_sum = (total(w * measurements.floats(column)) for column in ("score", "label"))
    return weight, ratio(score_sum, weight), ratio(label_sum, weight)
