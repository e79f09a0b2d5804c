"""Statistics of columns that are not defined on every row: rows that are NaN are left out, with their weights.

A table of objects holds numbers that only some of its rows have: the distance of those that were matched, the flux
ratio of those with a flux, a sum that belongs to the blend and stands on one of its rows. A column is told from others
by its name and made once, by ``make(measurements)`` (n,).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

import numpy as np

from blindsky.scoring.measurements import FloatArray, Measurements, Sample
from blindsky.scoring.medians import median_deviations, medians
from blindsky.scoring.metric import Statistic
from blindsky.scoring.regression import NORMAL_MAD
from blindsky.scoring.sums import mean_of, ratio

Make: TypeAlias = Callable[[Measurements], FloatArray]
Kind = Literal["mean", "std", "median", "nmad"]


def values(measurements: Measurements, name: str, make: Make) -> FloatArray:
    """The column of that name (n,), NaN where it is not defined; made at the first call."""
    return measurements.shared(f"values of {name}", lambda: make(measurements))


def sample(measurements: Measurements, name: str, make: Make) -> Sample:
    """The defined rows, sorted; to be asked with the weights of all rows."""

    def sort() -> Sample:
        column = values(measurements, name, make)
        rows = np.flatnonzero(~np.isnan(column))
        found = Sample(column[rows])
        found.order = rows[found.order]
        return found

    return measurements.shared(f"sample of {name}", sort)


def prepare_sum(measurements: Measurements, name: str, make: Make) -> Statistic:
    """Statistic of the sum of w x over the defined rows, divided by that of w over all rows; 0 if none is defined."""

    def filled(_: Measurements) -> FloatArray:
        column = values(measurements, name, make)
        return np.where(np.isnan(column), 0.0, column)

    return mean_of(measurements, f"filled {name}", filled)


def prepare_share(measurements: Measurements, name: str, make: Make) -> Statistic:
    """Statistic of the share of the weight on defined rows."""

    def known(_: Measurements) -> FloatArray:
        return (~np.isnan(values(measurements, name, make))).astype(np.float64)

    return mean_of(measurements, f"defined {name}", known)


def prepare_mean(measurements: Measurements, name: str, make: Make) -> Statistic:
    """Statistic of the weighted mean of the defined rows; NaN where they have no weight."""
    total, share = prepare_sum(measurements, name, make), prepare_share(measurements, name, make)
    return lambda weights: ratio(total(weights), share(weights))


def prepare_std(measurements: Measurements, name: str, make: Make) -> Statistic:
    """Statistic of the weighted standard deviation, ddof 0; moments about the plain mean, where they don't cancel."""
    column = values(measurements, name, make)
    known = column[~np.isnan(column)]
    deviation = column - (known.mean() if len(known) else 0.0)
    first = prepare_mean(measurements, f"{name} - mean", lambda _: deviation)
    second = prepare_mean(measurements, f"({name} - mean)^2", lambda _: deviation**2)
    return lambda weights: np.sqrt(np.maximum(second(weights) - first(weights) ** 2, 0))


def prepare_median(measurements: Measurements, name: str, make: Make) -> Statistic:
    """Statistic of the weighted median of the defined rows, the mean of the lower and the upper one."""
    found = sample(measurements, name, make)
    return lambda weights: medians(found, weights)


def prepare_nmad(measurements: Measurements, name: str, make: Make) -> Statistic:
    """Statistic of 1.4826 median |x - median(x)| of the defined rows."""
    found = sample(measurements, name, make)
    return lambda weights: NORMAL_MAD * median_deviations(found, weights)


_PREPARE = {"mean": prepare_mean, "std": prepare_std, "median": prepare_median, "nmad": prepare_nmad}


def prepare(measurements: Measurements, kind: Kind, name: str, make: Make) -> Statistic:
    """The statistic of one of these kinds."""
    return _PREPARE[kind](measurements, name, make)
