"""Trees on features of light curves, or on metadata alone.

blindsky baseline transients/features_gbm --release ID
blindsky baseline transients/features_rf --release ID
blindsky baseline transients/metadata_gbm --release ID
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from blindsky.baselines.baseline import Settings
from blindsky.baselines.transients import boosted
from blindsky.baselines.transients.boosted import Classifier, Features, Make
from blindsky.baselines.transients.features import features
from blindsky.baselines.transients.lightcurves import KEY, Archive, training
from blindsky.challenges.release import Public
from blindsky.scoring.measurements import Table

METADATA = ("ra", "decl", "gal_l", "gal_b", "ddf", "hostgal_photoz", "hostgal_photoz_err", "mwebv")


@dataclass(frozen=True)
class OfLightCurves:
    """A classifier on features of the light curves in an archive."""

    archive: Archive
    classifier: Classifier

    def predict(self, test: Table) -> Table:
        """Probabilities and anomaly score of test objects, whose light curves are read as they are asked for."""
        return self.classifier.answer(features(self.archive.read(test[KEY]), test), test)


@dataclass(frozen=True)
class OfMetadata:
    """A classifier on metadata."""

    classifier: Classifier

    def predict(self, test: Table) -> Table:
        """Probabilities and anomaly score of test objects."""
        return self.classifier.answer(_metadata(test), test)


def train_boosting(public: Public, settings: Settings) -> OfLightCurves:
    """Gradient boosting on features of light curves."""
    return _train(public, settings, "features_gbm", boosted.boosting)


def train_forest(public: Public, settings: Settings) -> OfLightCurves:
    """A random forest on features of light curves."""
    return _train(public, settings, "features_rf", boosted.forest)


def train_metadata(public: Public, settings: Settings) -> OfMetadata:
    """Gradient boosting on metadata, without a look at light curves."""
    table = public.table("train")
    return OfMetadata(boosted.train_on(_metadata(table), table, public, settings, name="metadata_gbm"))


def _train(public: Public, settings: Settings, name: str, make: Make) -> OfLightCurves:
    table, curves = training(public)
    classifier = boosted.train_on(features(curves, table), table, public, settings, name=name, make=make)
    return OfLightCurves(Archive.of(public, "test"), classifier)


def _metadata(table: Table) -> Features:
    return np.stack([table[name] for name in METADATA], axis=1).astype(np.float32)
