"""Log-loss, accuracies, F1, confusion, areas and Brier score of many classes against scikit-learn, under weights."""

from __future__ import annotations

import numpy as np
import pytest

from blindsky.scoring import classification
from blindsky.scoring.contrasts import Contrast, prepare_area, prepare_macro_auroc
from blindsky.scoring.measurements import Measurements
from blindsky.scoring.metric import value

CLASS_WEIGHTS = (1.0, 2.0, 1.0, 3.0, 1.0, 2.0)
K = len(CLASS_WEIGHTS)


@pytest.fixture(scope="module")
def metrics():
    return pytest.importorskip("sklearn.metrics")


def tables():
    """Truth, probabilities and weights: continuous, rounded to many ties; weights none, counts, real."""
    rng = np.random.default_rng(7)
    shares = np.array([0.5, 0.3, 0.1, 0.07, 0.02, 0.01])
    for n, digits in ((3000, 15), (3000, 2), (200, 1)):
        truth = rng.choice(K, n, p=shares)
        truth[:K] = np.arange(K)
        odds = np.exp(rng.normal(0, 1, (n, K)) + 2 * np.eye(K)[truth])
        p = np.round(odds / odds.sum(axis=1, keepdims=True), digits) + 10.0**-digits
        p /= p.sum(axis=1, keepdims=True)
        for weights in (None, rng.poisson(1, n) + (np.arange(n) < K), rng.random(n)):
            yield truth, p, weights


def test_weighted_logloss(metrics):
    for truth, p, weights in tables():
        w = np.ones(len(truth)) if weights is None else weights
        of_class = np.bincount(truth, w, minlength=K)
        theirs = metrics.log_loss(
            truth, p, sample_weight=w * (np.array(CLASS_WEIGHTS) / of_class)[truth], labels=np.arange(K)
        )
        ours = classification.weighted_logloss(truth, p, class_weights=CLASS_WEIGHTS, weights=weights)
        assert ours == pytest.approx(theirs, abs=1e-12)


def test_classes_called(metrics):
    for truth, p, weights in tables():
        called = np.argmax(p, axis=1)
        theirs = metrics.balanced_accuracy_score(truth, called, sample_weight=weights)
        assert classification.balanced_accuracy(truth, p, weights=weights) == pytest.approx(theirs, abs=1e-12)
        theirs = metrics.f1_score(truth, called, sample_weight=weights, average="macro")
        assert classification.macro_f1(truth, p, weights=weights) == pytest.approx(theirs, abs=1e-12)
        theirs = metrics.confusion_matrix(truth, called, sample_weight=weights, normalize="true")
        np.testing.assert_allclose(classification.confusion(truth, p, weights=weights), theirs, atol=1e-12)


def test_brier_of_many_classes(metrics):
    for truth, p, weights in tables():
        # the sum over classes of the Brier scores of one against the rest
        theirs = sum(metrics.brier_score_loss(truth == k, p[:, k], sample_weight=weights) for k in range(K))
        assert classification.brier(truth, p, weights=weights) == pytest.approx(theirs, abs=1e-12)


def test_areas_of_each_class(metrics):
    for truth, p, weights in tables():
        table = Measurements({"y": truth, **{f"p_{k}": p[:, k] for k in range(K)}})
        contrasts = tuple(Contrast(f"p_{k}", "y", k, "y", k) for k in range(K))
        aurocs = []
        for k, contrast in enumerate(contrasts):
            for area, score in (
                ("auroc", metrics.roc_auc_score),
                ("average_precision", metrics.average_precision_score),
            ):
                theirs = score(truth == k, p[:, k], sample_weight=weights)
                ours = value(prepare_area(table, contrast, area, K), len(truth), weights)
                assert ours == pytest.approx(theirs, abs=1e-12)
                aurocs += [theirs] if area == "auroc" else []
        ours = value(prepare_macro_auroc(table, contrasts, K), len(truth), weights)
        assert ours == pytest.approx(np.mean(aurocs), abs=1e-12)


def test_top_label_calibration(metrics):
    calibration = pytest.importorskip("sklearn.calibration")
    truth, p, _ = next(tables())
    confidence, right = p.max(axis=1), np.argmax(p, axis=1) == truth
    share, mean = calibration.calibration_curve(right, confidence, n_bins=10)
    filled = np.bincount(np.minimum((10 * confidence).astype(int), 9), minlength=10)
    expected = np.sum(filled[filled > 0] * np.abs(share - mean)) / len(truth)
    assert classification.ece(truth, p) == pytest.approx(expected, abs=1e-12)
