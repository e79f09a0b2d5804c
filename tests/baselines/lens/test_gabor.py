"""Moments against SciPy, the machine's decision against scikit-learn's."""

from __future__ import annotations

import numpy as np
from scipy.special import expit
from scipy.stats import kurtosis, skew
from sklearn.svm import SVC

from blindsky.baselines.baseline import Settings
from blindsky.baselines.lens import gabor
from blindsky.baselines.lens.gabor import Responses, moments
from blindsky.baselines.lens.stamps import Camera


def test_moments_are_scipys():
    response = np.random.default_rng(0).gamma(2.0, size=(5, 48, 96)).astype(np.float32)
    flat = response.reshape(5, -1).astype(np.float64)
    centred = response - flat.mean(axis=1)[:, None, None]
    found = moments(response)
    assert np.allclose(found[:, 0], np.log(flat.std(axis=1)), atol=2e-3)
    assert np.allclose(found[:, 1], skew(flat, axis=1), rtol=1e-4)
    assert np.allclose(found[:, 2], np.log(kurtosis(flat, axis=1, fisher=False)), rtol=1e-4)
    assert np.allclose(found[:, 3], np.log(np.sqrt((centred[:, :24] ** 2).mean(axis=(1, 2)))), atol=2e-3)
    assert np.allclose(found[:, 4], np.log(np.sqrt((centred[:, 24:] ** 2).mean(axis=(1, 2)))), atol=2e-3)
    assert np.allclose(found[:, 5], np.log(flat.max(axis=1)), atol=2e-3)


def test_nothing_has_no_moments():
    response = np.stack([np.zeros((48, 96)), np.eye(48, 96)]).astype(np.float32)
    found = moments(response)
    assert np.isnan(found[0]).all() and np.isfinite(found[1]).all()


def test_a_turn_changes_nothing():
    image = np.random.default_rng(0).standard_normal((1, 2, 101, 101)).astype(np.float32)
    table = {
        "image": np.concatenate([image, np.rot90(image, 1, axes=(2, 3))]),
        "sigma": np.ones((2, 2), np.float32),
    }
    features = Responses((Camera("image", ("g", "i"), 0),))(table)
    assert features.shape == (2, 3 * 12 * 6)  # g, i and g - a i
    assert np.allclose(features[0], features[1], atol=1e-3)


def test_the_decision_is_scikit_learns(toy_stamps):
    public, _ = toy_stamps(60, 20)
    model = gabor.train(public, Settings())
    table = public.table("train")
    features = model.standard(model.describe(table))
    label = public.table("train_labels")["label"].astype(bool)
    svc = SVC(C=gabor.C, gamma=1 / features.shape[1]).fit(features, label)
    test = public.table("test")
    expected = svc.decision_function(model.standard(model.describe(test)))
    assert np.allclose(model.decide(model.standard(model.describe(test))), expected, atol=1e-4)
    assert np.allclose(model.predict(test)["score"], expit(expected), atol=1e-4)
