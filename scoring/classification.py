"""How good are the probabilities of many classes? Scores that count classes, not cases, and some that count cases.

Rows of probabilities are divided by their sum first. A case enters with the logarithm of the probability of its
true class, its Brier term, and the class called: the most probable, the first of equals. All scores are formed
from sums of these over the cases of each true class, so that replicates of all of them take one pass over the
weights (tally.py). Classes are numbers from 0; a class without weight is left out of every mean over classes.

A metric stands here twice with one arithmetic: ``prepare_x`` makes the statistic from measurements that hold the
columns of ``measure``, ``x`` applies it to arrays. ``classes`` says how many there are, ``use`` what for.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from blindsky.scoring.measurements import Array, FloatArray, Measurements, Table
from blindsky.scoring.metric import Prepare, Statistic, block, value
from blindsky.scoring.reliability import bin_of
from blindsky.scoring.sums import ratio
from blindsky.scoring.tally import Column, Indices, Sums, Tally, Use
from blindsky.scoring.threads import each, stretches

FLOOR = 1e-15  # of a probability whose logarithm is taken, PLAsTiCC's (Malz+2019)
BINS = 10  # of the calibration error
FALSE_COST = 3.0  # a false SN Ia costs as much as three true ones gain, Kessler+2010
THRESHOLD = 0.5  # of the probability from which a SN Ia is selected
DRAWS = 1000
_ROWS = 16384  # of probabilities at a time: they stay in the cache


def normalised(probability: Array) -> FloatArray:
    """Rows (n, k) over their sums; ValueError for other shapes, numbers below 0, rows without a finite sum above 0."""
    p = np.asarray(probability, dtype=np.float64)
    _check(p)
    return p / _row_sums(p)[:, None]


def _check(p: Array) -> None:
    if p.ndim != 2 or p.shape[1] == 0:
        message = f"expected probabilities of shape (n, classes), got {p.shape}"
        raise ValueError(message)


def _row_sums(p: FloatArray) -> FloatArray:
    with np.errstate(over="ignore", invalid="ignore"):  # found below
        sums: FloatArray = p @ np.ones(p.shape[1])
    if not (np.all(sums > 0) and np.all(sums < np.inf) and p.min(initial=0) >= 0):
        message = (
            "expected probabilities >= 0 whose rows have a finite sum above 0; got NaN, less, or only zeros"
        )
        raise ValueError(message)
    return sums


def _classes(truth: Array, n: int, classes: int) -> Indices:
    y = np.asarray(truth)
    if y.shape != (n,) or y.dtype.kind not in "iu" or (n and not (y.min() >= 0 and y.max() < classes)):
        message = (
            f"expected {n} integer classes from 0 to {classes - 1}, got shape {y.shape}, dtype {y.dtype}"
        )
        raise ValueError(message)
    return y


def _log(p_true: FloatArray) -> FloatArray:
    logarithm: FloatArray = np.log(np.clip(p_true, FLOOR, 1 - FLOOR))
    return logarithm


def measure(truth: Array, p: FloatArray) -> Table:
    """What the metrics here keep of each case, columns (n,); ValueError for classes outside 0..k-1.

    truth : (n,) class numbers.   p : (n, k), as ``normalised`` gives them.

    y int8; log_p = ln of the probability of the true class, clipped to 1e-15 from 0 and 1; brier = sum_j (p_j - y_j)^2;
    called int8, the most probable class, and its probability ``confidence``.
    """
    y, rows = _classes(truth, *p.shape), np.arange(len(p))
    true, called = p[rows, y], np.argmax(p, axis=1)
    return {
        "y": y.astype(np.int8),
        "log_p": _log(true),
        "brier": np.maximum(np.einsum("ij,ij->i", p, p) + 1 - 2 * true, 0),
        "called": called.astype(np.int8),
        "confidence": p[rows, called],
    }


def _sums(
    measurements: Measurements, classes: int, use: Use, columns: dict[str, Callable[[], Column]]
) -> Callable[[Array], Sums]:
    """Sums of these columns and of the weights, the latter named "", (B, epochs, classes, size) each."""
    tally = Tally.of(measurements, classes)
    for name, make in {"": Column, **columns}.items():
        tally.add(name, make, use)

    def sums(weights: Array) -> Sums:
        found = tally.sums(weights, use)
        return {
            name: found[name].reshape(len(weights), -1, classes, found[name].shape[2])
            for name in ("", *columns)
        }

    return sums


def _plain(measurements: Measurements, name: str) -> dict[str, Callable[[], Column]]:
    return {name: lambda: Column(measurements.floats(name))}


def _of_all(sums: FloatArray) -> FloatArray:
    """Sums of all epochs, (B, classes); those of one column that is not split."""
    total: FloatArray = sums.sum(axis=1)[:, :, 0]
    return total


def _mean(values: FloatArray, shares: FloatArray, over: FloatArray) -> FloatArray:
    """Mean over the last axis with ``shares``, where ``over`` is above 0; NaN where that is nowhere."""
    shares = np.where(over > 0, shares, 0.0)
    return ratio(np.sum(np.where(shares > 0, values, 0.0) * shares, axis=-1), shares.sum(axis=-1))


def _average(sums: FloatArray, weight: FloatArray, shares: FloatArray | float = 1.0) -> FloatArray:
    """Mean over the classes, on the last axis, of the means of their cases."""
    return _mean(ratio(sums, weight), np.broadcast_to(shares, weight.shape), weight)


def prepare_logloss(
    measurements: Measurements,
    class_weights: tuple[float, ...],
    epoch: int | None = None,
    use: Use = "score",
) -> Statistic:
    """Statistic of ``weighted_logloss``, of one ``epoch`` where that is a number."""
    sums = _sums(measurements, len(class_weights), use, _plain(measurements, "log_p"))
    shares = np.array(class_weights)

    def statistic(weights: Array) -> FloatArray:
        found = sums(weights)
        log_p, weight = found["log_p"][..., 0], found[""][..., 0]
        if epoch is None:
            return -_average(log_p.sum(axis=1), weight.sum(axis=1), shares)
        if epoch >= weight.shape[1]:
            return np.full(len(weights), np.nan)
        return -_average(log_p[:, epoch], weight[:, epoch], shares)

    return statistic


def prepare_epoch_mean_logloss(
    measurements: Measurements, class_weights: tuple[float, ...], use: Use = "score"
) -> Statistic:
    """Statistic of the mean over epochs of ``weighted_logloss``; epochs without weight are left out."""
    sums = _sums(measurements, len(class_weights), use, _plain(measurements, "log_p"))

    def statistic(weights: Array) -> FloatArray:
        found = sums(weights)
        log_p, weight = found["log_p"][..., 0], found[""][..., 0]
        losses = -_average(log_p, weight, np.array(class_weights))
        return _mean(losses, np.ones(losses.shape), weight.sum(axis=2))

    return statistic


def _prepare_macro(measurements: Measurements, column: str, classes: int, use: Use = "score") -> Statistic:
    sums = _sums(measurements, classes, use, _plain(measurements, column))

    def statistic(weights: Array) -> FloatArray:
        found = sums(weights)
        return _average(_of_all(found[column]), _of_all(found[""]))

    return statistic


prepare_macro_brier = partial(_prepare_macro, column="brier")


def prepare_class_logloss(
    measurements: Measurements, class_: int, classes: int, use: Use = "score"
) -> Statistic:
    """Statistic of the mean -ln p of the cases of one class."""
    sums = _sums(measurements, classes, use, _plain(measurements, "log_p"))

    def statistic(weights: Array) -> FloatArray:
        found = sums(weights)
        return -ratio(_of_all(found["log_p"])[:, class_], _of_all(found[""])[:, class_])

    return statistic


def prepare_brier(measurements: Measurements, classes: int, use: Use = "score") -> Statistic:
    """Statistic of ``brier``."""
    sums = _sums(measurements, classes, use, _plain(measurements, "brier"))

    def statistic(weights: Array) -> FloatArray:
        found = sums(weights)
        return ratio(_of_all(found["brier"]).sum(axis=1), _of_all(found[""]).sum(axis=1))

    return statistic


def _called(measurements: Measurements, classes: int, use: Use) -> Callable[[Array], FloatArray]:
    """Weight of each pair of true and called class, (B, classes, classes)."""
    make = partial(Column, None, measurements["called"], classes)
    sums = _sums(measurements, classes, use, {"called": make})
    return lambda weights: np.asarray(sums(weights)["called"].sum(axis=1))


def prepare_balanced_accuracy(measurements: Measurements, classes: int, use: Use = "score") -> Statistic:
    """Statistic of ``balanced_accuracy``."""
    called = _called(measurements, classes, use)

    def statistic(weights: Array) -> FloatArray:
        pairs = called(weights)
        return _average(np.diagonal(pairs, axis1=1, axis2=2), pairs.sum(axis=2))

    return statistic


def prepare_macro_f1(measurements: Measurements, classes: int, use: Use = "score") -> Statistic:
    """Statistic of ``macro_f1``."""
    called = _called(measurements, classes, use)

    def statistic(weights: Array) -> FloatArray:
        pairs = called(weights)
        right, true = np.diagonal(pairs, axis1=1, axis2=2), pairs.sum(axis=2)
        f1 = ratio(2 * right, true + pairs.sum(axis=1))
        return _mean(f1, np.ones(f1.shape), true)

    return statistic


def prepare_figure_of_merit(
    measurements: Measurements,
    selected: str,
    class_: int,
    classes: int,
    false_cost: float = FALSE_COST,
    use: Use = "score",
) -> Statistic:
    """Statistic of ``figure_of_merit``; ``selected`` names the bool column of the cases taken for ``class_``."""
    sums = _sums(measurements, classes, use, _plain(measurements, selected))

    def statistic(weights: Array) -> FloatArray:
        found = sums(weights)
        taken, weight = _of_all(found[selected]), _of_all(found[""])[:, class_]
        true = taken[:, class_]
        false = taken.sum(axis=1) - true
        purity = np.divide(true, true + false_cost * false, out=np.zeros(true.shape), where=true > 0)
        return np.asarray(ratio(true, weight) * purity)

    return statistic


def _gap(measurements: Measurements, bins: int) -> Column:
    confidence = measurements.floats("confidence")
    right = measurements["called"] == measurements["y"]
    return Column(confidence - right, bin_of(confidence, bins), bins)


def prepare_ece(measurements: Measurements, classes: int, bins: int = BINS, use: Use = "score") -> Statistic:
    """Statistic of ``ece``."""
    name = f"confidence - right in {bins}"
    sums = _sums(measurements, classes, use, {name: partial(_gap, measurements, bins)})

    def statistic(weights: Array) -> FloatArray:
        found = sums(weights)
        gaps = np.abs(found[name].sum(axis=(1, 2))).sum(axis=1)
        return ratio(gaps, _of_all(found[""]).sum(axis=1))

    return statistic


def null_ece(
    measurements: Measurements, generator: np.random.Generator, _: FloatArray, bins: int = BINS
) -> FloatArray:
    """Values of ece if cases were right as often as their confidence says; each bin's gap is nearly normal then."""
    confidence = measurements.floats("confidence")
    variance = np.bincount(bin_of(confidence, bins), confidence * (1 - confidence), minlength=bins)
    gaps = generator.standard_normal((DRAWS, bins)) * np.sqrt(np.maximum(variance, 0))
    found: FloatArray = np.abs(gaps).sum(axis=1) / len(confidence)
    return found


def _score(prepare: Prepare, columns: Table, weights: Array | None) -> float:
    measurements = Measurements(columns)
    return value(prepare(measurements), len(measurements), weights)


def weighted_logloss(
    truth: Array, probability: Array, *, class_weights: tuple[float, ...], weights: Array | None = None
) -> float:
    """Mean -ln p of the true class in each class, then the mean over classes with ``class_weights`` (Malz+2019), nat.

    truth : (n,) integers from 0 to k - 1.   probability : (n, k) >= 0, rows of any sum; after division by it,
    p is clipped to 1e-15 from 0 and 1.   class_weights : (k,) >= 0.   weights : (n,) >= 0.
    Classes without weight are left out; NaN if all are.   ValueError: ``normalised``, or other truth.
    """
    p = np.asarray(probability)
    _check(p)
    y = _classes(truth, *p.shape)
    if len(class_weights) != p.shape[1]:
        message = f"expected {p.shape[1]} class weights, got {len(class_weights)}"
        raise ValueError(message)
    log_p: FloatArray = np.empty(len(p))

    def fill(rows: slice) -> None:
        chunk = np.asarray(p[rows], dtype=np.float64)
        first = np.arange(0, chunk.size, chunk.shape[1])
        true = np.take(chunk.reshape(-1), first + y[rows])  # half the time of indexing rows and columns
        log_p[rows] = _log(true / _row_sums(chunk))

    each(fill, stretches(len(p), _ROWS), len(p))
    return _score(partial(prepare_logloss, class_weights=class_weights), {"y": y, "log_p": log_p}, weights)


def macro_logloss(truth: Array, probability: Array, *, weights: Array | None = None) -> float:
    """``weighted_logloss`` with equal class weights."""
    classes = np.shape(probability)[-1]
    return weighted_logloss(truth, probability, class_weights=(1.0,) * classes, weights=weights)


def _apply(
    prepare: Callable[..., Statistic], truth: Array, probability: Array, weights: Array | None
) -> float:
    return _score(
        partial(prepare, classes=np.shape(probability)[-1]), measure(truth, normalised(probability)), weights
    )


def brier(truth: Array, probability: Array, *, weights: Array | None = None) -> float:
    """Mean of sum_j (p_j - y_j)^2, from 0 to 2 (Brier 1950).

    truth : (n,) integers from 0 to k - 1.   probability : (n, k) >= 0, rows of any sum.   weights : (n,) >= 0; NaN
    where they sum to 0.   ValueError: ``normalised``, or other truth.
    """
    return _apply(prepare_brier, truth, probability, weights)


def macro_brier(truth: Array, probability: Array, *, weights: Array | None = None) -> float:
    """Mean over classes of their mean Brier score. Arguments: ``brier``."""
    return _apply(prepare_macro_brier, truth, probability, weights)


def balanced_accuracy(truth: Array, probability: Array, *, weights: Array | None = None) -> float:
    """Mean over classes of the share of their cases that are called right. Arguments: ``brier``."""
    return _apply(prepare_balanced_accuracy, truth, probability, weights)


def macro_f1(truth: Array, probability: Array, *, weights: Array | None = None) -> float:
    """Mean of 2 TP/(2 TP + FP + FN) over the classes of the truth (van Rijsbergen 1979). Arguments: ``brier``."""
    return _apply(prepare_macro_f1, truth, probability, weights)


def ece(truth: Array, probability: Array, *, bins: int = BINS, weights: Array | None = None) -> float:
    """Mean |share called right - mean probability of the class called| over equal bins of it (Guo+2017), best 0.

    Bins count by their weight. Arguments: ``brier``.
    """
    return _apply(partial(prepare_ece, bins=bins), truth, probability, weights)


def confusion(truth: Array, probability: Array, *, weights: Array | None = None) -> FloatArray:
    """Share of the cases of each true class (row) called each class (column), (k, k); NaN for classes without weight.

    Arguments: ``brier``.
    """
    columns = Measurements(measure(truth, normalised(probability)))
    return confusion_of(columns, np.shape(probability)[-1], weights)


def confusion_of(measurements: Measurements, classes: int, weights: Array | None = None) -> FloatArray:
    """``confusion`` of measurements that hold y and called."""
    pairs = _called(measurements, classes, "score")(block(len(measurements), weights))[0]
    return ratio(pairs, np.broadcast_to(pairs.sum(axis=1, keepdims=True), pairs.shape))


def figure_of_merit(
    truth: Array,
    probability: Array,
    *,
    class_: int,
    threshold: float = THRESHOLD,
    false_cost: float = FALSE_COST,
    weights: Array | None = None,
) -> float:
    """Efficiency times TP/(TP + false_cost FP) of the cases whose p of ``class_`` reaches ``threshold``.

    Kessler+2010, who call the second factor pseudo-purity.   0 if none is selected, NaN without cases of the class.
    Arguments: ``brier``.
    """
    p = normalised(probability)
    y = _classes(truth, *p.shape)
    prepare = partial(
        prepare_figure_of_merit, selected="selected", class_=class_, classes=p.shape[1], false_cost=false_cost
    )
    return _score(prepare, {"y": y, "selected": p[:, class_] >= threshold}, weights)
