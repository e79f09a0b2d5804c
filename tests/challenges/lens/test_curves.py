"""The curves of a lens entry: equal to other people's curves at the nodes, and no stretch of them on few cases."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.special import ndtr, ndtri
from sklearn.metrics import roc_auc_score, roc_curve

from blindsky.challenges.curves import COMPLETENESS, FEWEST, RATES
from blindsky.challenges.lens import curves
from blindsky.challenges.lens.curves import DOTTED
from blindsky.scoring.measurements import Measurements, Table
from blindsky.scoring.operating import purity_at
from blindsky.scoring.ranking import tpr_at_fp, tpr_at_fpr


def entry(
    n: int, *, seed: int = 0, distance: float = 2.0, digits: int = 3, part: str = ""
) -> tuple[Any, Any]:
    """Binormal scores with ties; ``part`` names the only part of the cases, or both are there."""
    rng = np.random.default_rng(seed)
    label = rng.random(n) < 0.4
    score = np.round(ndtr(rng.normal(size=n) + distance * label - 1), digits)
    parts = np.where(rng.random(n) < 0.3, "public", "private")
    columns: Table = {"part": np.full(n, part) if part else parts}
    return Measurements({"label": label, "score": score}), columns


@pytest.mark.parametrize("digits", [1, 2, 6])
@pytest.mark.parametrize("n", [60, 3000])
def test_the_roc_is_that_of_scikit_learn_at_every_node(n: int, digits: int) -> None:
    measurements, columns = entry(n, seed=n + digits, digits=digits)
    curve = curves.roc(measurements, columns)
    assert curve is not None
    fpr, tpr, _ = roc_curve(measurements["label"], measurements["score"], drop_intermediate=False)
    # of a vertical step the upper end: the same curve read an instant to the right
    expected = np.interp(np.array(curve["x"]) + 1e-12, fpr, tpr)
    assert curve["y"] == pytest.approx(expected, abs=2e-6)
    negatives = np.count_nonzero(~measurements["label"])
    assert curve["x"] == pytest.approx(RATES[RATES * negatives >= 1 - 1e-9])


def test_without_ties_the_roc_is_the_metric() -> None:
    measurements, columns = entry(5000, digits=12)
    curve = curves.roc(measurements, columns)
    assert curve is not None
    for fpr in (1e-3, 1e-2, 0.1):
        assert curve["y"][curve["x"].index(fpr)] == pytest.approx(
            tpr_at_fpr(measurements["label"], measurements["score"], fpr=fpr), abs=2e-6
        )


def test_the_roc_of_two_normal_classes_is_known() -> None:
    distance = float(np.sqrt(2) * ndtri(0.93))
    measurements, columns = entry(200_000, distance=distance, digits=12)
    curve = curves.roc(measurements, columns)
    assert curve is not None
    for fpr, published in ((1e-2, 0.405450), (1e-3, 0.157895)):
        k = curve["x"].index(fpr)
        # five standard errors: of the share of lenses, and of the threshold that so many false positives fix
        slope = np.exp((ndtri(1 - fpr) ** 2 - (distance - ndtri(1 - fpr)) ** 2) / 2)
        error = np.sqrt(published * (1 - published) / 80_000 + slope**2 * fpr / 120_000)
        assert curve["y"][k] == pytest.approx(published, abs=5 * error)
        assert curve["low"][k] < curve["y"][k] < curve["high"][k]


def test_scores_that_are_all_equal_lie_on_the_diagonal() -> None:
    label = np.arange(400) % 2 == 0
    columns: Table = {"part": np.full(400, "public")}
    curve = curves.roc(Measurements({"label": label, "score": np.full(400, 0.5)}), columns)
    assert curve is not None
    assert curve["y"] == pytest.approx(curve["x"], abs=2e-6)


@pytest.mark.parametrize("n", [150, 2000, 30_000])
@pytest.mark.parametrize("distance", [0.5, 2.0, 4.0])
def test_while_truth_is_hidden_no_stretch_of_a_curve_rests_on_fewer_than_ten(n: int, distance: float) -> None:
    measurements, columns = entry(n, distance=distance, part="public")
    label = measurements["label"]
    p, q = np.count_nonzero(label), np.count_nonzero(~label)
    found = curves.roc(measurements, columns)
    if found is not None:
        lenses = np.array([0.0, *(y * p for y in found["y"])])
        others = np.array([0.0, *np.floor(np.array(found["x"]) * q + 1e-6)])
        assert np.all(np.diff(lenses) >= FEWEST - 1e-3 * n**0.5)
        assert np.all(np.diff(others) >= FEWEST)
    found = curves.purity_curve(measurements, columns)
    if found is not None:
        assert np.all(np.diff([0.0, *(x * p for x in found["x"]), p]) >= FEWEST - 1)
    value = np.random.default_rng(1).lognormal(size=n)
    cut = curves.without_faint(measurements, value, np.geomspace(0.01, 100, 400), columns)
    assert cut is not None
    assert set(cut) == {"auroc", "tpr10", "share"}, "TPR0 hangs on one non-lens"
    left = np.array([*cut["share"]["y"], 0.0]) * p
    assert np.all(-np.diff(left) >= FEWEST - 1e-3 * n**0.5)


def test_purity_is_the_metric_at_every_completeness() -> None:
    measurements, columns = entry(3000, distance=1.5)
    curve = curves.purity_curve(measurements, columns)
    assert curve is not None
    assert curve["x"] == pytest.approx(COMPLETENESS)
    expected = [purity_at(measurements["label"], measurements["score"], tpr=c) for c in COMPLETENESS]
    assert curve["y"] == pytest.approx(expected, rel=1e-5)
    assert all(low <= y <= high for low, y, high in zip(curve["low"], curve["y"], curve["high"], strict=True))


@pytest.mark.parametrize("digits", [2, 12])
def test_without_the_faint_it_is_the_metrics_of_the_lenses_left(digits: int) -> None:
    measurements, columns = entry(1200, distance=1.5, digits=digits)
    label, score = measurements["label"], measurements["score"]
    value = np.random.default_rng(3).lognormal(size=1200)
    value[label & (np.arange(1200) % 50 == 0)] = np.nan  # unknown is faint
    cuts = np.geomspace(0.2, 8, 12)
    found = curves.without_faint(measurements, value, cuts, columns)
    assert found is not None
    auroc, tpr0, tpr10, share = (found[key] for key in ("auroc", "tpr0", "tpr10", "share"))
    assert len(auroc["x"]) > 8
    for k, cut in enumerate(auroc["x"]):
        kept = ~label | (k == 0) | (np.nan_to_num(value) >= cut - 1e-5)
        lenses = np.count_nonzero(label & kept)
        assert auroc["y"][k] == pytest.approx(roc_auc_score(label[kept], score[kept]), abs=2e-6)
        assert tpr0["y"][k] == pytest.approx(tpr_at_fp(label[kept], score[kept], most=0), abs=2e-6)
        assert tpr10["y"][k] == pytest.approx(tpr_at_fp(label[kept], score[kept], most=9), abs=2e-6)
        assert share["y"][k] == pytest.approx(lenses / np.count_nonzero(label), abs=2e-6)
        assert (k >= auroc["dotted"]) == (lenses < DOTTED)


def test_the_interval_of_the_area_is_that_of_delong() -> None:
    measurements, columns = entry(200, distance=1.0, digits=1)
    found = curves.without_faint(measurements, np.ones(200), np.array([0.5, 2.0]), columns)
    assert found is not None
    label, score = measurements["label"], measurements["score"]
    wins = (score[label][:, None] > score[~label]) + 0.5 * (score[label][:, None] == score[~label])
    of_lens, of_other = wins.mean(axis=1), wins.mean(axis=0)
    error = np.sqrt(of_lens.var(ddof=1) / len(of_lens) + of_other.var(ddof=1) / len(of_other))
    auroc = found["auroc"]
    assert auroc["high"][0] - auroc["low"][0] == pytest.approx(2 * 1.959964 * error, abs=1e-5)


@pytest.mark.parametrize("lenses", [0, 9, 191, 200])
def test_too_few_of_a_class_have_no_curve(lenses: int) -> None:
    label = np.arange(200) < lenses
    measurements = Measurements({"label": label, "score": np.linspace(0, 1, 200)})
    columns: Table = {"part": np.full(200, "public")}
    assert curves.roc(measurements, columns) is None
    assert curves.purity_curve(measurements, columns) is None
    assert curves.without_faint(measurements, np.ones(200), np.array([0.5, 2.0]), columns) is None


def test_passing_is_the_choice_of_the_metric() -> None:
    measurements, _ = entry(3000, digits=3)
    label, score = measurements["label"], measurements["score"]
    for rate in (0.0, 1e-3, 1e-2, 0.5, 1.0):
        above = curves.passing(measurements, rate)
        assert np.count_nonzero(above & ~label) <= rate * np.count_nonzero(~label) + 1e-9
        if rate:
            assert above[label].mean() == pytest.approx(tpr_at_fpr(label, score, fpr=rate))
