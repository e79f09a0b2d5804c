"""An isolation forest: how strange an object is, judged without classes (Liu, Ting & Zhou 2008).

blindsky baseline transients/isolation_forest --release ID
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from blindsky.baselines.baseline import Settings
from blindsky.baselines.transients.boosted import Features
from blindsky.baselines.transients.constant import Constant, train_galactic
from blindsky.baselines.transients.features import features
from blindsky.baselines.transients.lightcurves import KEY, Archive, training
from blindsky.baselines.transients.sides import columns_that_vary
from blindsky.challenges.release import Public
from blindsky.scoring.measurements import Array, FloatArray, Table

TREES = 200


@dataclass(frozen=True)
class Scale:
    """Features (n, F) as a forest without labels needs them: about 0, no wider than their bulk, never NaN.

    columns : those that vary (k,).   middle, width : median and interquartile range of each (k,).
    """

    columns: Array
    middle: FloatArray
    width: FloatArray

    @classmethod
    def of(cls, found: Features) -> Scale:
        """From training features (n, F)."""
        columns = columns_that_vary(found)
        low, middle, high = np.nanpercentile(found[:, columns].astype(np.float64), [25, 50, 75], axis=0)
        return cls(columns, middle, np.where(high > low, high - low, 1.0))

    def __call__(self, found: Features) -> FloatArray:
        """Asinh of the distance from the median, 0 where unknown."""
        return np.nan_to_num(np.arcsinh((found[:, self.columns] - self.middle) / self.width))


@dataclass(frozen=True)
class Isolation:
    """An isolation forest beside constant probabilities."""

    archive: Archive
    constant: Constant
    scale: Scale
    forest: Any

    def predict(self, test: Table) -> Table:
        """The score is high where random cuts soon set an object apart from all others."""
        found = self.scale(features(self.archive.read(test[KEY]), test))
        return self.constant.predict(test) | {"anomaly_score": -self.forest.score_samples(found)}


def train(public: Public, settings: Settings) -> Isolation:
    """Grow it on the training set, whose classes it is not told."""
    from sklearn.ensemble import IsolationForest

    table, curves = training(public)
    found = features(curves, table)
    scale = Scale.of(found)
    forest = IsolationForest(n_estimators=TREES, n_jobs=settings.workers, random_state=settings.seed)
    constant = train_galactic(public, settings)
    return Isolation(Archive.of(public, "test"), constant, scale, forest.fit(scale(found)))
