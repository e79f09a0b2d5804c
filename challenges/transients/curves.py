"""Curves of a transients entry: classes told apart, SN Ia selected, losses by day.

What makes them safe to publish stands in challenges/curves.py. Each function gives the curve of one class or one
sample, or None where it is too small for any.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from blindsky.challenges.curves import NORMAL, Curve, Point, Share, Sides, curve, kept, share
from blindsky.challenges.transients.classes import CLASSES, NUMBERS, OTHER, SNIA
from blindsky.scoring.card import wilson
from blindsky.scoring.measurements import Array, FloatArray, Measurements
from blindsky.scoring.threads import each

THRESHOLDS = np.array([0.99, *np.round(np.arange(0.95, 0.0, -0.05), 2)])  # of the probability of a SN Ia
UNINFORMED = float(
    np.log(len(CLASSES))
)  # loss of equal probabilities: what one case is taken to add to a sum of losses
Z_STEPS = np.round(np.arange(0, 1.601, 0.05), 2)
Z_RATIOS = 0.025 * 2.0 ** (np.arange(31) / 4)  # to 4.5
# (below this many cases, steps to a bin), or else one
STEPS = ((100, 8), (300, 4), (5_000, 2))
RATIOS = ((300, 4), (3_000, 2))


def _is(measurements: Measurements, number: int) -> NDArray[np.bool_]:
    return np.asarray(measurements["y"] == NUMBERS.index(number))


def sides(measurements: Measurements, number: int) -> Sides:
    """The probability of a class, of its own objects and of all others; sorted for all classes at the first call."""

    def sort(number: int) -> Sides:
        return Sides.of(_is(measurements, number), measurements[f"p_{number}"])

    def sort_all() -> dict[int, Sides]:
        return dict(zip(NUMBERS, each(sort, NUMBERS, len(measurements)), strict=True))

    return measurements.shared("sides of the classes", sort_all)[number]


def novelty(measurements: Measurements, number: int) -> Sides:
    """The anomaly score of class 99, or of one hidden kind of it, and of all that is not of class 99."""

    def sort() -> Sides:
        return Sides.of(_is(measurements, OTHER), measurements["anomaly"])

    whole = measurements.shared("sides of the anomaly score", sort)
    if number == OTHER:
        return whole
    return whole._replace(positive=np.sort(measurements["anomaly"][measurements["hidden"] == number]))


def snia_by_threshold(measurements: Measurements, least: int) -> tuple[Curve | None, Curve | None]:
    """Efficiency and purity of the objects whose probability of SN Ia reaches a threshold.

    least : as ``kept`` takes it.
    """
    both = sides(measurements, SNIA)
    if both.few:
        return None, None
    p, n = len(both.positive), len(both.negative)
    true, false = both.reaching(THRESHOLDS.astype(both.positive.dtype))
    true, false = np.append(true, p), np.append(false, n)
    efficiency: list[Point] = [
        (THRESHOLDS[k], true[k] / p, *wilson(true[k] / p, p), 1 / p) for k in kept(least, true)
    ]
    purity: list[Point] = []
    for k in kept(least, true, false):
        m = int(true[k] + false[k])
        if m:
            purity.append((THRESHOLDS[k], true[k] / m, *wilson(true[k] / m, m), 1 / m))
    return _upwards(efficiency), _upwards(purity)


def _upwards(points: list[Point]) -> Curve | None:
    return curve(points[::-1]) if points else None


def snia_by_redshift(measurements: Measurements, z: FloatArray) -> tuple[Curve | None, Curve | None]:
    """Efficiency and purity of the selected SN Ia in bins of true redshift; what has none is left out."""
    snia, selected = _is(measurements, SNIA), measurements["snia"].astype(bool)
    edges = Z_STEPS[:: _steps(snia, STEPS)]
    far = z > 0
    one, other = snia & far, selected & far
    return binned(z[one], selected[one], edges), binned(z[other], snia[other], edges)


def completeness(measurements: Measurements, z: FloatArray, number: int) -> Curve | None:
    """Share of a class called right in bins of true redshift, of equal ratio."""
    own = _is(measurements, number)
    called = measurements["called"][own] == NUMBERS.index(number)
    edges = Z_RATIOS[:: _steps(own, RATIOS)]
    return binned(z[own], called, edges, ratios=True)


def _steps(chosen: NDArray[np.bool_], table: tuple[tuple[int, int], ...]) -> int:
    return next((steps for limit, steps in table if np.count_nonzero(chosen) < limit), 1)


def binned(x: FloatArray, yes: NDArray[np.bool_], edges: FloatArray, *, ratios: bool = False) -> Curve | None:
    """Share of the cases (n,) that are ``yes`` in bins [a, b) of x, at the middle of each.

    ratios : the middle is the geometric one.
    """
    where = np.digitize(x, edges) - 1
    middle = np.sqrt(edges[1:] * edges[:-1]) if ratios else (edges[1:] + edges[:-1]) / 2
    found = [(middle[k], share(yes[where == k])) for k in range(len(middle))]
    points = [(round(float(at), 6), *point) for at, point in found if point is not None]
    return curve(points) | {"dots": True} if points else None


class Losses(NamedTuple):
    """Objects of each class, mean of their -ln p, and its standard error, (classes,); NaN where there are none."""

    n: FloatArray
    mean: FloatArray
    error: FloatArray

    @classmethod
    def of(cls, y: Array, log_p: FloatArray) -> Losses:
        """Those of objects of classes y (n,) with ln p (n,) of it."""
        k = len(CLASSES)
        n = np.bincount(y, minlength=k).astype(np.float64)
        with np.errstate(invalid="ignore"):
            mean = np.bincount(y, -log_p, minlength=k) / n
            squares = np.bincount(y, (-log_p - mean[y]) ** 2, minlength=k)
            error = np.sqrt(squares / np.maximum(n - 1, 1) / n)
        return cls(n, mean, error)

    def weighted(self, weights: tuple[float, ...]) -> Share | None:
        """The weighted log-loss, its interval from those of the means, and what one case may add to it.

        None where no class of weight has objects.
        """
        w = np.where(self.n > 0, weights, 0.0)
        used = w > 0
        if not used.any():
            return None
        w = w[used] / w[used].sum()
        value = float(w @ self.mean[used])
        half = NORMAL * float(np.sqrt(w**2 @ self.error[used] ** 2))
        return value, max(value - half, 0.0), value + half, UNINFORMED * float(np.max(w / self.n[used]))
