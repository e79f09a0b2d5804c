"""ROC, its areas, average precision, F-beta and calibration against scikit-learn, under weights and with ties."""

from __future__ import annotations

import numpy as np
import pytest

from blindsky.scoring import operating, ranking, reliability


@pytest.fixture(scope="module")
def metrics():
    return pytest.importorskip("sklearn.metrics")


def tables():
    """Label, score and weights: continuous, rounded to many ties, tiny, strongly unbalanced; weights none to float."""
    rng = np.random.default_rng(4)
    for n, share, digits in ((2000, 0.4, 15), (2000, 0.5, 1), (15, 0.5, 1), (3000, 0.01, 2)):
        label = rng.random(n) < share
        label[:2] = True, False
        score = np.round(1 / (1 + np.exp(-rng.normal(2.0 * label - 1, 1.5))), digits)
        for weights in (None, rng.poisson(1, n) + (np.arange(n) < 2), rng.random(n)):
            yield label, score, weights


def test_areas(metrics):
    for label, score, weights in tables():
        theirs = metrics.roc_auc_score(label, score, sample_weight=weights)
        assert ranking.auroc(label, score, weights=weights) == pytest.approx(theirs, abs=1e-12)
        theirs = metrics.average_precision_score(label, score, sample_weight=weights)
        assert ranking.average_precision(label, score, weights=weights) == pytest.approx(theirs, abs=1e-12)
        # theirs is standardised: (1 + (A - A_chance)/(A_perfect - A_chance))/2 (McClish 1989)
        for f in (0.01, 0.1, 0.5):
            theirs = metrics.roc_auc_score(label, score, sample_weight=weights, max_fpr=f)
            area = f * ranking.partial_auc(label, score, max_fpr=f, weights=weights)
            assert (1 + (area - f**2 / 2) / (f - f**2 / 2)) / 2 == pytest.approx(theirs, abs=1e-12)


def test_the_curve_and_its_points(metrics):
    for label, score, weights in tables():
        fpr, tpr, threshold = metrics.roc_curve(label, score, sample_weight=weights, drop_intermediate=False)
        ours = ranking.roc(label, score, weights=weights)
        # scikit-learn may leave out scores whose weight is 0: compare where both have a point
        both = np.isin(ours[2], threshold)
        np.testing.assert_allclose(ours[2][both], threshold)
        np.testing.assert_allclose(ours[0][both], fpr, atol=1e-12)
        np.testing.assert_allclose(ours[1][both], tpr, atol=1e-12)
        for limit in (1e-4, 1e-3, 1e-2, 0.137, 0.5):
            found = ranking.tpr_at_fpr(label, score, fpr=limit, weights=weights)
            assert found == pytest.approx(tpr[fpr <= limit + 1e-12].max(), abs=1e-12)
        assert ranking.tpr0(label, score, weights=weights) == pytest.approx(tpr[fpr == 0].max(), abs=1e-12)


def test_tpr10(metrics):
    for label, score, weights in tables():
        if weights is None or weights.dtype.kind != "f":
            fpr, tpr, _ = metrics.roc_curve(label, score, sample_weight=weights, drop_intermediate=False)
            false = fpr * (np.sum(~label) if weights is None else weights[~label].sum())
            expected = tpr[false < 9.5].max()
            assert ranking.tpr10(label, score, weights=weights) == pytest.approx(expected, abs=1e-12)


def test_fbeta(metrics):
    for label, score, weights in tables():
        precision, recall, _ = metrics.precision_recall_curve(label, score, sample_weight=weights)
        for beta2 in (1e-3, 1.0, 4.0):
            below = beta2 * precision + recall
            f = (1 + beta2) * precision * recall / np.where(below > 0, below, 1)
            assert operating.fbeta(label, score, beta2=beta2, weights=weights) == pytest.approx(
                f.max(), abs=1e-12
            )
            best = operating.fbeta_point(label, score, beta2=beta2, weights=weights)
            called = score >= best.threshold
            theirs = metrics.fbeta_score(label, called, beta=np.sqrt(beta2), sample_weight=weights)
            assert best.score == pytest.approx(theirs, abs=1e-12)
            theirs = metrics.precision_score(label, called, sample_weight=weights)
            assert best.precision == pytest.approx(theirs, abs=1e-12)
            theirs = metrics.recall_score(label, called, sample_weight=weights)
            assert best.recall == pytest.approx(theirs, abs=1e-12)


def test_brier_and_the_reliability_diagram(metrics):
    calibration = pytest.importorskip("sklearn.calibration")
    for label, score, weights in tables():
        theirs = metrics.brier_score_loss(label, score, sample_weight=weights)
        assert reliability.brier(label, score, weights=weights) == pytest.approx(theirs, abs=1e-12)
    label, score, _ = next(tables())
    share, confidence = calibration.calibration_curve(label, score, n_bins=15)
    weight, ours, positives = reliability.reliability(label, score)
    np.testing.assert_allclose(ours[weight > 0], confidence, atol=1e-12)
    np.testing.assert_allclose(positives[weight > 0], share, atol=1e-12)
