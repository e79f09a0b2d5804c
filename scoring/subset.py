"""Metrics of some of the rows beside metrics of all of them: under masked weights, prepared once."""

from __future__ import annotations

import numpy as np

from blindsky.scoring.measurements import Measurements
from blindsky.scoring.metric import Prepare, Statistic
from blindsky.scoring.sums import latest


def prepare_within(measurements: Measurements, prepare: Prepare, column: str) -> Statistic:
    """The statistic of ``prepare`` on the rows where the bool ``column`` holds; these are chosen and sorted once."""

    def choose() -> tuple[Measurements, Statistic]:
        mask = measurements[column].astype(bool)
        rows = np.flatnonzero(mask)
        return measurements.select(mask), latest(lambda weights: np.take(weights, rows, axis=1))

    subset, weights_within = measurements.shared(f"within {column}", choose)
    statistic = prepare(subset)
    return lambda weights: statistic(weights_within(weights))


def count(measurements: Measurements, columns: tuple[str, ...]) -> int:
    """Number of rows where all of these bool columns hold."""
    return int(np.all([measurements[column].astype(bool) for column in columns], axis=0).sum())
