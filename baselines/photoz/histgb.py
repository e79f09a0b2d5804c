"""Gradient boosting of histogram trees on magnitude and colours.

blindsky baseline photoz/histgb --release ID
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from blindsky.baselines.baseline import Settings
from blindsky.baselines.photoz import densities
from blindsky.baselines.photoz.photometry import Photometry, labels
from blindsky.challenges.release import Public
from blindsky.scoring.measurements import FloatArray, Table

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingRegressor

ITERATIONS = 400
REPORT = 40  # iterations between two words on progress
RATE = 0.08


@dataclass(frozen=True)
class Boosting:
    """trees : from features to ln(1 + z)."""

    photometry: Photometry
    trees: HistGradientBoostingRegressor
    nodes: FloatArray

    def predict(self, test: Table) -> Table:
        """The median of ln(1 + z), as far as the trees know it."""
        z = np.expm1(self.trees.predict(self.photometry.features(test)))
        return densities.point(test, z, self.nodes)


def train(public: Public, settings: Settings) -> Boosting:
    """Absolute error, because a few labels are wrong and many galaxies have two redshifts that fit."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    photometry, features, z = labels(public)
    trees = HistGradientBoostingRegressor(
        loss="absolute_error",
        learning_rate=RATE,
        early_stopping=False,  # the default turns it on above 10,000 rows: one recipe for every size
        warm_start=True,
        random_state=settings.seed,
    )
    with settings.progress("training histgb", ITERATIONS, "trees") as bar:
        for done in range(REPORT, ITERATIONS + 1, REPORT):
            trees.set_params(max_iter=done).fit(features, np.log1p(z))
            bar.advance(REPORT)
    return Boosting(photometry, trees, densities.grid(public))
