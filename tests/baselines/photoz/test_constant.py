"""The constant is the median label."""

from __future__ import annotations

import numpy as np

from blindsky.baselines.baseline import Settings
from blindsky.baselines.photoz import constant


def test_every_galaxy_gets_the_median_label(public):
    ordered = np.sort(public.table("train")["redshift"].astype(np.float64))  # an even number of labels
    n = len(ordered)
    z = constant.train(public, Settings()).predict(public.table("test"))["z_point"]
    assert np.all(z == (ordered[n // 2 - 1] + ordered[n // 2]) / 2)
