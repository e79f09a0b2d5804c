"""Nearest neighbours against brute force and scipy's gaussian_kde."""

from __future__ import annotations

import numpy as np
from scipy.stats import gaussian_kde

from blindsky.baselines.baseline import Settings
from blindsky.baselines.photoz import knn
from blindsky.baselines.photoz.photometry import labels

NODES = np.arange(301) / 100


def test_density_is_a_gaussian_kde_of_the_nearest_labels(public):
    photometry, features, z = labels(public)
    test = public.table("test")
    pdf = knn.train(public, Settings()).predict(test)["pdf"]
    wanted = photometry.features(test)
    for row in range(0, 400, 23):
        near = z[np.argsort(np.sum((features - wanted[row]) ** 2, axis=1))[:20]]
        width = max(0.5 * np.std(near) * 1.06 * 20**-0.2, 0.012)
        direct = gaussian_kde(near, bw_method=width / np.std(near, ddof=1))(NODES)
        direct /= np.trapezoid(direct, NODES)
        assert np.allclose(pdf[row], direct, rtol=2e-4, atol=1e-5)


def test_identical_neighbours_get_the_narrowest_kernel():
    density = knn.kernel_density(np.full((1, 20), 0.7), NODES)[0]
    expected = 20 * np.exp(-((NODES - 0.7) ** 2) / (2 * 0.012**2))
    assert np.allclose(density, expected, atol=1e-4)


def test_fewer_labels_than_neighbours(public):
    public.tables["train"] = {name: column[:7] for name, column in public.table("train").items()}
    pdf = knn.train(public, Settings()).predict(public.table("test"))["pdf"]
    assert np.allclose(np.trapezoid(pdf, NODES, axis=1), 1, atol=1e-5)
