"""Features: limits of the asinh magnitude, and the support of the labels against brute force."""

from __future__ import annotations

import numpy as np
import pytest

from blindsky.challenges.photoz import features
from blindsky.challenges.photoz.filters import LSST, NISP
from blindsky.challenges.photoz.photometry import survey


def test_asinh_magnitude() -> None:
    b = features.softening(("i",))[0]
    bright = np.array([1e4, 1e6])
    np.testing.assert_allclose(features.asinh_mag(bright, b), 31.4 - 2.5 * np.log10(bright), atol=1e-4)
    assert features.asinh_mag(np.zeros(1), b)[0] == pytest.approx(31.4 - 2.5 * np.log10(b))
    below, above = (features.asinh_mag(np.array([s]), b)[0] for s in (-3.0, 3.0))
    assert below + above == pytest.approx(2 * features.asinh_mag(np.zeros(1), b)[0])
    assert below > above


def test_softening_is_the_noise_of_the_sky() -> None:
    depths = np.array([25.90, 27.16, 27.17, 26.74, 26.10, 25.18])
    expected = 0.1975 * 10 ** (-0.4 * (depths - 31.4))
    np.testing.assert_allclose(features.softening(LSST), expected, rtol=1e-3)
    np.testing.assert_allclose(features.softening_of(survey(LSST, "y1")), expected * 10**0.5, rtol=1e-3)


def test_feature_vector() -> None:
    table = {
        f"flux_{band}": np.full(3, 1000.0 * (k + 1), dtype=np.float32)
        for k, band in enumerate((*LSST, *NISP))
    }
    table |= {"object_id": np.arange(3), "flux_err_u": np.ones(3)}
    found = features.features(table)
    assert features.bands_of(table) == (*LSST, *NISP)
    assert found.shape == (3, 9)
    expected = 31.4 - 2.5 * np.log10(1000.0 * np.arange(1, 10))
    np.testing.assert_allclose(found[0, 0], expected[3], atol=1e-2)
    np.testing.assert_allclose(found[0, 1:], expected[:-1] - expected[1:], atol=0.05)


def test_label_support_against_brute_force() -> None:
    rng = np.random.default_rng(1)
    train = rng.normal(0, [1, 5, 0.1], (300, 3))
    test = rng.normal(0, [2, 10, 0.2], (200, 3))
    a, b = (x - train.mean(axis=0) for x in (train, test))
    a, b = a / train.std(axis=0), b / train.std(axis=0)
    own = np.linalg.norm(a[:, None] - a[None], axis=-1)
    np.fill_diagonal(own, np.inf)
    limit = np.quantile(np.sort(own, axis=1)[:, 19], 0.95)
    distance = np.sort(np.linalg.norm(b[:, None] - a[None], axis=-1), axis=1)[:, 19]
    found = features.inside_label_support(train, test)
    assert found.tolist() == (distance < limit).tolist()
    assert 0 < found.mean() < 1
