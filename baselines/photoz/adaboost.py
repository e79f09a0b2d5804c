"""AdaBoost: 100 boosted trees of depth 12, the method that photo-z papers compared with for a decade.

blindsky baseline photoz/adaboost --release ID
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from blindsky.baselines.baseline import Settings
from blindsky.baselines.photoz import densities
from blindsky.baselines.photoz.photometry import Photometry, labels
from blindsky.challenges.release import Public
from blindsky.scoring.measurements import FloatArray, Table

if TYPE_CHECKING:
    from sklearn.ensemble import AdaBoostRegressor

TREES = 100
DEPTH = 12


@dataclass(frozen=True)
class AdaBoost:
    """trees : from features to redshift; their answer is the weighted median of the trees'."""

    photometry: Photometry
    trees: AdaBoostRegressor
    nodes: FloatArray

    def predict(self, test: Table) -> Table:
        """The weighted median of the trees."""
        return densities.point(test, self.trees.predict(self.photometry.features(test)), self.nodes)


def train(public: Public, settings: Settings) -> AdaBoost:
    """Boost with the linear loss of Drucker 1997."""
    from sklearn.ensemble import AdaBoostRegressor
    from sklearn.tree import DecisionTreeRegressor

    photometry, features, z = labels(public)
    trees = AdaBoostRegressor(
        DecisionTreeRegressor(max_depth=DEPTH), n_estimators=TREES, random_state=settings.seed
    )
    return AdaBoost(photometry, trees.fit(features, z), densities.grid(public))
