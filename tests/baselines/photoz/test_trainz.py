"""trainZ against a direct sum of Gaussians about the labels."""

from __future__ import annotations

import numpy as np

from blindsky.baselines.baseline import Settings
from blindsky.baselines.photoz import trainz


def test_density_is_the_smoothed_histogram_of_the_labels(public):
    z = public.table("train")["redshift"].astype(np.float64)
    nodes = np.arange(301) / 100
    direct = np.exp(-((nodes[:, None] - np.rint(z * 100)[None, :] / 100) ** 2) / (2 * 0.05**2)).sum(axis=1)
    direct /= np.trapezoid(direct, nodes)
    pdf = trainz.train(public, Settings()).predict(public.table("test"))["pdf"]
    assert np.array_equal(pdf[0], pdf[-1])
    inside = slice(30, 271)  # the smoothing reflects at the ends of the grid, the direct sum loses mass there
    assert np.allclose(pdf[0][inside], direct[inside], rtol=0.01, atol=0.005)
