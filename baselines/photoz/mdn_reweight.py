"""The mixture density network on labels resampled to look like the test galaxies. Lima et al. 2008.

blindsky baseline photoz/mdn_reweight --release ID --device auto

A label weighs as many test galaxies as lie within the distance of its 20th labelled neighbour, over 20: an
estimate of the ratio of the two densities in feature space. It can't help where there are no labels at all.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from blindsky.baselines.baseline import Settings
from blindsky.baselines.photoz.mdn import MixtureDensity, train_on
from blindsky.baselines.photoz.photometry import labels
from blindsky.challenges.errors import InputFault
from blindsky.challenges.release import Public
from blindsky.scoring.measurements import FloatArray

NEIGHBOURS = 20


def weights(labelled: NDArray[np.float64], test: NDArray[np.float64], workers: int = 1) -> FloatArray:
    """Density of test galaxies over density of labels at each label, up to a factor; Lima et al. 2008.

    labelled : (n, F) features, n > NEIGHBOURS.    test : (m, F).    Returns (n,).
    """
    from scipy.spatial import cKDTree

    # the label itself is its own first neighbour
    distance, _ = cKDTree(labelled).query(labelled, k=[NEIGHBOURS + 1], workers=workers)
    inside = cKDTree(test).query_ball_point(labelled, distance[:, 0], return_length=True, workers=workers)
    return np.asarray(inside / NEIGHBOURS, dtype=np.float64)


def train(public: Public, settings: Settings) -> MixtureDensity:
    """Draw as many labels as there are, by weight; InputFault where no weight is positive."""
    photometry, features, z = labels(public)
    test = np.concatenate([photometry.features(batch) for batch in public.batches("test")])
    weight = weights(features, test, settings.workers)
    if not weight.any():
        message = (
            f"no test galaxy of release {public.release_id} lies near any label in magnitude and colours, so "
            "the labels can't be reweighted. Use photoz/mdn or photoz/template"
        )
        raise InputFault(message)
    chosen = np.random.default_rng([settings.seed]).choice(len(z), len(z), p=weight / weight.sum())
    return train_on(public, settings, photometry, features[chosen], z[chosen], name="mdn_reweight")
