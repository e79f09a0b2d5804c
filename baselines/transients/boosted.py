"""Trees on features: the classifier that every method with features of light curves shares.

A method brings numbers for every training object and, later, for every test object; what happens in between is here.
Objects of our Galaxy and those beyond are told apart by their host and get a model each, so that neither gets a
probability of the other's classes. Every class weighs in training as it does in the score. A temperature, chosen on
objects that a model has not seen, softens or sharpens the answers (Guo et al. 2017). What no training set holds gets
its probability from ``novelty``, and the others share the rest.

    classifier = boosted.train_on(features, table, public, settings, name="features_gbm")
    answer = classifier.answer(features_of_test, test)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blindsky.baselines.baseline import Settings
from blindsky.baselines.transients import novelty
from blindsky.baselines.transients.novelty import Novelty
from blindsky.baselines.transients.sides import class_weights, columns_that_vary, folds, galactic, of_rows
from blindsky.challenges.challenge import rows
from blindsky.challenges.progress import Progress
from blindsky.challenges.release import Public
from blindsky.challenges.transients.classes import NUMBERS, OTHER
from blindsky.scoring.measurements import Array, FloatArray, Table

Features = NDArray[np.float32]
Make = Callable[[Settings], Any]  # -> an untrained classifier of scikit-learn

FOLDS = 3
ITERATIONS = 100
# Small trees, few features a split and coarse bins: the test set is fainter than what they learn from
LEAVES = 5
SHARE = 0.1
BINS = 31
RATE = 0.1
RIDGE = 3.0  # else every rare object of a small training set is learned by heart
TREES = 400
COLDEST, HOTTEST = 0.2, 5.0
FLOOR = 1e-6  # of a probability before it is heated: forests say 0


def boosting(settings: Settings) -> Any:
    """Gradient boosting of histogram trees."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(
        max_iter=ITERATIONS,
        learning_rate=RATE,
        max_leaf_nodes=LEAVES,
        max_features=SHARE,
        l2_regularization=RIDGE,
        early_stopping=False,  # the default turns it on above 10,000 rows: one recipe for every size
        random_state=settings.seed,
    )


def forest(settings: Settings) -> Any:
    """A random forest."""
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(TREES, n_jobs=settings.workers, random_state=settings.seed)


@dataclass(frozen=True)
class Bins:
    """Features as numbers of bins that hold the same share of the training set; NaN where unknown.

    Trees learn as much from them, and scikit-learn does not look for bins of its own in every fold.
    columns : features that vary (k,).   edges : (BINS - 1, k).
    """

    columns: Array
    edges: FloatArray

    @classmethod
    def of(cls, features: Features) -> Bins:
        """From training features (n, F)."""
        columns = columns_that_vary(features)
        shares = np.arange(1, BINS) / BINS
        return cls(columns, np.nanquantile(features[:, columns].astype(np.float64), shares, axis=0))

    def __call__(self, features: Features) -> Features:
        """Bins (n, k) of features (n, F)."""
        found = np.empty((len(features), len(self.columns)), dtype=np.float32)
        for k, column in enumerate(self.columns):
            values = features[:, column]
            found[:, k] = np.where(np.isnan(values), np.nan, np.searchsorted(self.edges[:, k], values))
        return found


@dataclass(frozen=True)
class Side:
    """The classifier of one side, in our Galaxy or beyond.

    numbers : its classes (c,).   bins : of features.   temperature : by which ln p is divided.
    """

    numbers: Array
    bins: Bins
    model: Any
    temperature: float

    def probabilities(self, features: Features) -> FloatArray:
        """Of each of its classes, (n, c)."""
        return heated(_predicted(self.model, self.bins(features), self.numbers), self.temperature)


@dataclass(frozen=True)
class Classifier:
    """Trained on features; answers any number of test objects at a time.

    sides : by whether an object is in our Galaxy; a side that the training set lacks is not there.
    """

    sides: dict[bool, Side]
    novelty: Novelty

    def answer(self, features: Features, test: Table) -> Table:
        """Probabilities and anomaly score of test objects.

        features : (n, F), in the columns of training; NaN where unknown.   test : their metadata, ``object_id`` and
        ``hostgal_photoz`` among it. -> object_id, class_6 ... class_99, which sum to 1, and anomaly_score, (n,) each.
        """
        strange, score = self.novelty.of_features(features, test)
        found = np.zeros((rows(test), len(NUMBERS)))
        inside = galactic(test)
        for where, side in self.sides.items():
            chosen = inside == where
            if np.any(chosen):
                places = np.searchsorted(NUMBERS, side.numbers)
                known = side.probabilities(features[chosen])
                found[np.ix_(chosen, places)] = known * (1 - strange[chosen, None])
        found[:, NUMBERS.index(OTHER)] = 1 - found.sum(axis=1)
        columns = {f"class_{number}": found[:, k] for k, number in enumerate(NUMBERS)}
        return {"object_id": test["object_id"], **columns, "anomaly_score": score}


def train_on(
    features: Features,
    table: Table,
    public: Public,
    settings: Settings,
    *,
    name: str,
    make: Make = boosting,
) -> Classifier:
    """Train on the rows of ``lightcurves.training``.

    features : (n, F) float32; NaN where unknown, never infinite.   table : columns (n,), ``object_id``, ``target`` and
    ``hostgal_photoz`` among them; an object may stand there more than once, cut at several times, and then stays on
    one side of every division.   name : shown while it trains.   make : the classifier, one for each side.
    """
    from threadpoolctl import threadpool_limits

    inside, untrained = galactic(table), make(settings)  # once it is there, its threads can be limited
    with (
        threadpool_limits(settings.workers),
        settings.progress(f"training {name}", 2 * (FOLDS + 1), "models") as bar,
    ):
        sides = {
            where: _side(
                features[inside == where], of_rows(table, inside == where), public, settings, untrained, bar
            )
            for where in (True, False)
            if np.any(inside == where)
        }
    return Classifier(sides, novelty.train_on(features, table, public, settings))


def _side(
    features: Features, table: Table, public: Public, settings: Settings, untrained: Any, bar: Progress
) -> Side:
    from sklearn.base import clone

    target = table["target"]
    numbers = np.unique(target)
    bins = Bins.of(features)
    features = bins(features)
    weights = class_weights(target, public)
    unseen = np.empty((len(target), len(numbers)))
    fold = folds(table, FOLDS, settings.seed)
    for k in range(FOLDS):
        learn, ask = fold != k, fold == k
        model = clone(untrained).fit(features[learn], target[learn], sample_weight=weights[learn])
        unseen[ask] = _predicted(model, features[ask], numbers)
        bar.advance()
    temperature = best_temperature(unseen, np.searchsorted(numbers, target), weights)
    model = clone(untrained).fit(features, target, sample_weight=weights)
    bar.advance()
    return Side(numbers, bins, model, temperature)


def _predicted(model: Any, features: Features, numbers: Array) -> FloatArray:
    """Probabilities (n, c); 0 for classes that the model has not met."""
    found = np.zeros((len(features), len(numbers)))
    found[:, np.searchsorted(numbers, model.classes_)] = model.predict_proba(features)
    return found


def heated(probability: FloatArray, temperature: float) -> FloatArray:
    """Rows (n, c) in proportion to p^(1/T), which sum to 1."""
    logarithm = np.log(np.maximum(probability, FLOOR)) / temperature
    power = np.exp(logarithm - logarithm.max(axis=1, keepdims=True))
    return np.asarray(power / power.sum(axis=1, keepdims=True))


def best_temperature(probability: FloatArray, truth: Array, weights: FloatArray) -> float:
    """Temperature of the least log-loss, (n, c) probabilities of classes ``truth`` (n,), each row by its weight."""
    from scipy.optimize import minimize_scalar

    def loss(logarithm: float) -> float:
        p = heated(probability, float(np.exp(logarithm)))
        return -float(np.sum(weights * np.log(p[np.arange(len(truth)), truth])))

    found = minimize_scalar(loss, bounds=np.log([COLDEST, HOTTEST]), method="bounded")
    return float(np.exp(found.x))
