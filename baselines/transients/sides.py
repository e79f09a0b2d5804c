"""What methods with features share: the two sides of the sky, weights of classes, and fair divisions of objects.

An object in our Galaxy has a host of photometric redshift 0. No class lies on both sides, so that each side is a
question of its own.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from blindsky.challenges.challenge import rows
from blindsky.challenges.release import Public
from blindsky.scoring.measurements import Array, FloatArray, Table

KNOWN = 0.1  # share of rows in which a feature must have a value


def galactic(table: Table) -> NDArray[np.bool_]:
    """Whether each object (n,) is in our Galaxy."""
    return np.broadcast_to(np.asarray(table["hostgal_photoz"]) == 0, rows(table))


def of_rows(table: Table, chosen: Array) -> Table:
    """Some rows of a table."""
    return {name: column[chosen] for name, column in table.items()}


def stated_weights(public: Public) -> dict[int, float]:
    """The weight of each class in the score."""
    return {c["class"]: float(c["weight"]) for c in public.json("classes")["classes"]}


def class_weights(target: Array, public: Public) -> FloatArray:
    """Weight of each training row (n,), of mean 1: a class counts by its weight in the score, whatever its number."""
    stated = stated_weights(public)
    numbers, place, n = np.unique(target, return_inverse=True, return_counts=True)
    weights = (np.array([stated[int(number)] for number in numbers]) / n)[place]
    return np.asarray(weights / weights.mean())


def folds(table: Table, k: int, seed: int) -> NDArray[np.int64]:
    """A division of rows (n,) into 0 to k - 1: objects stay whole, and classes are spread evenly."""
    _, first, owner = np.unique(table["object_id"], return_index=True, return_inverse=True)
    target = np.asarray(table["target"])[first]
    order = np.lexsort((np.random.default_rng(seed).random(len(first)), target))
    fold = np.empty(len(first), dtype=np.int64)
    fold[order] = np.arange(len(first)) % k
    return fold[owner]


def columns_that_vary(features: NDArray[np.float32]) -> NDArray[np.int64]:
    """Columns of (n, F) with two numbers or more, known for a tenth of the rows or more.

    The others say little, and scikit-learn stops at a column that is empty in some part of the rows.
    """
    unknown = np.isnan(features)
    low = np.where(unknown, np.inf, features).min(axis=0, initial=np.inf)
    high = np.where(unknown, -np.inf, features).max(axis=0, initial=-np.inf)
    return np.flatnonzero((low < high) & (unknown.mean(axis=0) <= 1 - KNOWN))
