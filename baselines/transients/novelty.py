"""How strange an object is, and how probably it is of no class that the training set holds.

Such objects cannot be learned, but what it is like to meet one can: leave a class out of the training set, train
without it, and see how its objects look to the model. A random forest is unsure of them. That its first choice is
wrong, by its own words of probability 1 - max p, is nearly all that carries over from one class left out to another:
an isolation forest, distances to the classes and the probabilities of single classes tell those left out apart from
the rest and fail on the next one. So a logistic regression on ln(1 - max p), one for each side of the sky, gives the
probability. Objects left out weigh as class 99 does in the score, the others as their classes do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blindsky.baselines.baseline import Settings
from blindsky.baselines.transients.constant import OTHER_GALACTIC
from blindsky.baselines.transients.features import features
from blindsky.baselines.transients.lightcurves import LightCurves, training
from blindsky.baselines.transients.sides import (
    class_weights,
    columns_that_vary,
    folds,
    galactic,
    of_rows,
    stated_weights,
)
from blindsky.challenges.challenge import rows
from blindsky.challenges.progress import Progress
from blindsky.challenges.release import Public
from blindsky.challenges.transients.classes import OTHER
from blindsky.scoring.measurements import Array, FloatArray, Table

FOLDS = 3
TREES = 100
LEAF = 2  # objects in a leaf at least, so that probabilities are not those of single objects
SUREST = 1e-3  # 1 - max p is not below: a hundred trees say no more


@dataclass(frozen=True)
class Side:
    """One side of the sky, in our Galaxy or beyond.

    forest : knows all its classes.   columns : features that it reads.   slope, offset : logit p99 from ln(1 - max p).
    prior : logit p99 of an object about which nothing is known.
    """

    forest: Any
    columns: Array
    slope: float
    offset: float
    prior: float

    def logit(self, found: NDArray[np.float32]) -> FloatArray:
        """Logit p99 of objects (n,) with these features (n, F)."""
        return self.slope * doubt(self.forest, found[:, self.columns]) + self.offset


@dataclass(frozen=True)
class Novelty:
    """Learned by leaving classes out of the training set, one at a time.

    sides : by whether an object is in our Galaxy; where the training set has nothing, everything is new.
    """

    sides: dict[bool, Side]

    def of(self, curves: LightCurves, test: Table) -> tuple[FloatArray, FloatArray]:
        """Probability of class 99 and anomaly score, larger is stranger, (n,) each.

        The score is the logarithm of the Bayes factor: by how much p99/(1 - p99) exceeds what it is on that side of
        the sky for an object about which nothing is known.
        curves, test : light curves and metadata of the same n objects, whole or cut as the track has them. For what
        was trained by ``train``.
        """
        return self.of_features(features(curves, test), test)

    def of_features(self, found: NDArray[np.float32], test: Table) -> tuple[FloatArray, FloatArray]:
        """The same from features (n, F), for what was trained on features."""
        logit, score = np.full((2, rows(test)), -np.log(SUREST))
        inside = galactic(test)
        for where, side in self.sides.items():
            chosen = inside == where
            if np.any(chosen):
                logit[chosen] = side.logit(found[chosen])
                score[chosen] = logit[chosen] - side.prior
        return 1 / (1 + np.exp(-logit)), score


def train(public: Public, settings: Settings) -> Novelty:
    """Read the training set, leave each class out in turn, and learn how objects of no known class look."""
    table, curves = training(public)
    return train_on(features(curves, table), table, public, settings)


def train_on(found: NDArray[np.float32], table: Table, public: Public, settings: Settings) -> Novelty:
    """The same from features (n, F) of the rows of ``lightcurves.training``."""
    once = _once(table, settings.seed)
    found, table = found[once], of_rows(table, once)
    inside = galactic(table)
    groups = {where: inside == where for where in (True, False) if np.any(inside == where)}
    steps = sum(len(np.unique(table["target"][chosen])) + 1 for chosen in groups.values())
    with settings.progress("learning novelty", steps, "forests") as bar:
        return Novelty(
            {
                where: _side(found[chosen], of_rows(table, chosen), where, public, settings, bar)
                for where, chosen in groups.items()
            }
        )


def _once(table: Table, seed: int) -> NDArray[np.int64]:
    """One row of each object, by lot."""
    order = np.random.default_rng(seed).permutation(rows(table))
    return np.sort(order[np.unique(table["object_id"][order], return_index=True)[1]])


def _side(
    found: NDArray[np.float32], table: Table, inside: bool, public: Public, settings: Settings, bar: Progress
) -> Side:
    from sklearn.ensemble import RandomForestClassifier

    columns = columns_that_vary(found)
    found, target = found[:, columns], table["target"]
    weights = class_weights(target, public)

    def grow(chosen: Array) -> Any:
        forest = RandomForestClassifier(
            TREES, min_samples_leaf=LEAF, n_jobs=settings.workers, random_state=settings.seed
        )
        bar.advance()
        return forest.fit(found[chosen], target[chosen], sample_weight=weights[chosen])

    stated = stated_weights(public)
    new = stated[OTHER] * (OTHER_GALACTIC if inside else 1 - OTHER_GALACTIC)
    old = sum(stated[int(number)] for number in np.unique(target))
    fold = folds(table, FOLDS, settings.seed)
    slope, offset = calibrate(*_left_out(found, target, fold, grow), weights / weights.sum() * old, new)
    return Side(grow(np.ones(len(target), dtype=bool)), columns, slope, offset, float(np.log(new / old)))


def _left_out(
    found: NDArray[np.float32], target: Array, fold: Array, grow: Callable[[Array], Any]
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Doubt (c, n) about objects with each class left out in turn, NaN where not asked, and whether of that class.

    Each time one part of the others stays out as well, to be asked about.
    """
    numbers = np.unique(target)
    doubts = np.full((len(numbers), len(target)), np.nan)
    left_out = target == numbers[:, None]
    for k, out in enumerate(left_out):
        learn = (fold != k % FOLDS) & ~out
        if np.any(learn):
            ask = out | (fold == k % FOLDS)
            doubts[k, ask] = doubt(grow(learn), found[ask])
    return doubts, left_out


def doubt(forest: Any, found: NDArray[np.float32]) -> FloatArray:
    """ln(1 - max p) of objects (n,)."""
    highest = forest.predict_proba(found).max(axis=1)
    return np.asarray(np.log(np.maximum(1 - highest, SUREST)))


def calibrate(
    doubts: FloatArray, left_out: NDArray[np.bool_], weights: FloatArray, new: float
) -> tuple[float, float]:
    """Slope and offset of the logistic regression that tells objects left out apart from the others by their doubt.

    doubts, left_out : (c, n), one row for each class left out; NaN where an object was not asked about.
    weights : (n,), of objects while they are known, all together those of their classes; new : of class 99, which
    the classes left out share evenly.
    """
    from scipy.optimize import minimize

    asked = np.isfinite(doubts)
    if not np.any(asked):  # one class alone, and nothing to learn from
        return 0.0, float(np.log(new / weights.sum()))
    shares = (
        weights * asked * ~left_out,
        asked * left_out / np.maximum(left_out.sum(axis=1, keepdims=True), 1),
    )
    each = sum(
        total * share / share.sum() for total, share in zip((weights.sum(), new), shares, strict=True)
    )[asked]
    x, sign = doubts[asked], np.where(left_out[asked], -1.0, 1.0)

    def loss(line: FloatArray) -> tuple[float, FloatArray]:
        margin = sign * (line[0] * x + line[1])
        pull = each * sign / (1 + np.exp(-margin))
        return float(each @ np.logaddexp(0, margin)), np.array([pull @ x, pull.sum()])

    found = minimize(loss, np.array([0.0, np.log(new / weights.sum())]), jac=True, method="BFGS")
    return float(found.x[0]), float(found.x[1])
