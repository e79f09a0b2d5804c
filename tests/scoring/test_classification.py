"""Scores of class probabilities: by hand, the integer example, archetypes, properties; replicates against scores."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blindsky.scoring import classification
from blindsky.scoring.measurements import Measurements
from blindsky.scoring.metric import ones, value

# The integer example: sixty objects, fifteen classes; the last class is class 99, the twelfth class 90
ROW, K = np.arange(60), np.arange(15)
TRUTH = (ROW * ROW + 3 * ROW + ROW // 7) % 15
P = 1.0 + ((7 * ROW[:, None] + 3 * K + (ROW[:, None] * K) % 5) % 11)
P[ROW, TRUTH] += 6
WEIGHTS, EPOCH = ROW % 3, ROW % 4
CLASS_WEIGHTS = (1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1, 1, 1, 2)

# By hand: two objects of class 0, one of class 1, none of class 2
SMALL_TRUTH = np.array([0, 0, 1])
SMALL = np.array([[0.5, 0.3, 0.2], [0.2, 0.4, 0.4], [0.1, 0.6, 0.3]])

logloss = partial(classification.weighted_logloss, class_weights=CLASS_WEIGHTS)
CALIBRATION = classification.ece
SCORES = (
    classification.macro_logloss,
    classification.brier,
    classification.macro_brier,
    classification.balanced_accuracy,
    classification.macro_f1,
    CALIBRATION,
    partial(classification.figure_of_merit, class_=1, threshold=0.29),  # no ratio of small numbers
)


def drawn(seed, most=60, classes=5):
    """A small table with ties and absent classes; counts as weights, some of them 0."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, most))
    truth = rng.integers(0, int(rng.integers(1, classes + 1)), n)
    p = rng.integers(0, 6, (n, classes)) + 0.0
    p[np.arange(n), rng.integers(0, classes, n)] += 1  # no row without a sum
    weights = rng.poisson(1, n)
    weights[0] += 1
    return rng, truth, p, weights


@pytest.mark.parametrize(
    ("truth", "p"),
    [
        (SMALL_TRUTH, SMALL[0]),
        (SMALL_TRUTH, SMALL[:, :0]),
        (SMALL_TRUTH, SMALL[:2]),
        (SMALL_TRUTH[:, None], SMALL),
        (SMALL_TRUTH + 0.5, SMALL),
        (SMALL_TRUTH + 2, SMALL),
        (SMALL_TRUTH - 1, SMALL),
        (SMALL_TRUTH, np.zeros((3, 3))),
        (SMALL_TRUTH, np.where(SMALL == 0.1, 0.0, SMALL) * [[1], [1], [0]]),
        (SMALL_TRUTH, np.where(SMALL == 0.1, np.nan, SMALL)),
        (SMALL_TRUTH, np.where(SMALL == 0.1, np.inf, SMALL)),
        (SMALL_TRUTH, np.where(SMALL == 0.1, -0.1, SMALL)),
        (SMALL_TRUTH, np.full((3, 3), 1e308)),
    ],
)
def test_arrays_that_do_not_fit(truth, p):
    for score in (*SCORES, classification.confusion):
        with pytest.raises(ValueError, match="expected"):
            score(truth, p)


def test_options_that_do_not_fit():
    with pytest.raises(ValueError, match="expected 3 class weights"):
        classification.weighted_logloss(SMALL_TRUTH, SMALL, class_weights=(1.0, 1.0))
    with pytest.raises(ValueError, match="weights"):
        classification.brier(SMALL_TRUTH, SMALL, weights=-np.ones(3))


def test_by_hand():
    loss = -(np.log(0.5) + np.log(0.2)) / 2, -np.log(0.6)
    found = classification.weighted_logloss(SMALL_TRUTH, SMALL, class_weights=(1.0, 3.0, 5.0))
    assert found == pytest.approx((loss[0] + 3 * loss[1]) / 4, abs=1e-15)
    assert classification.macro_logloss(SMALL_TRUTH, SMALL) == pytest.approx(sum(loss) / 2, abs=1e-15)
    terms = [0.25 + 0.09 + 0.04, 0.64 + 0.16 + 0.16, 0.01 + 0.16 + 0.09]
    assert classification.brier(SMALL_TRUTH, SMALL) == pytest.approx(sum(terms) / 3, abs=1e-15)
    expected = (terms[0] + terms[1]) / 4 + terms[2] / 2
    assert classification.macro_brier(SMALL_TRUTH, SMALL) == pytest.approx(expected, abs=1e-15)
    # called 0, 1 (the first of equals), 1
    assert classification.balanced_accuracy(SMALL_TRUTH, SMALL) == 0.75
    assert classification.macro_f1(SMALL_TRUTH, SMALL) == pytest.approx(2 / 3, abs=1e-15)
    confusion = classification.confusion(SMALL_TRUTH, SMALL)
    np.testing.assert_array_equal(confusion, [[0.5, 0.5, 0], [0, 1, 0], [np.nan] * 3])
    # confidences .5 right, .4 wrong, .6 right, each alone in its bin
    assert CALIBRATION(SMALL_TRUTH, SMALL) == pytest.approx((0.5 + 0.4 + 0.4) / 3, abs=1e-15)
    # p_1 >= .4 selects one true, one false: efficiency 1 x 1/(1 + 3)
    merit = partial(classification.figure_of_merit, SMALL_TRUTH, SMALL, class_=1)
    assert merit(threshold=0.4) == 0.25
    assert merit(threshold=0.5) == 1
    assert merit(threshold=0.4, false_cost=1) == 0.5
    assert merit(threshold=0.7) == 0
    assert np.isnan(classification.figure_of_merit(SMALL_TRUTH, SMALL, class_=2))


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_the_integer_example(weights):
    plain = weights is None
    expected = {
        logloss: 2.203991845607 if plain else 2.146490692506,
        classification.macro_brier: 0.854916061033 if plain else 0.846461256650,
        classification.macro_f1: 0.491477411477 if plain else 0.554838124838,
        CALIBRATION: 0.3723654425 if plain else 0.4388303292,
        partial(classification.figure_of_merit, class_=11, threshold=0.1): 1 / 19 if plain else 2 / 41,
    }
    if plain:
        expected |= {
            classification.macro_logloss: 2.195765499711,
            classification.brier: 0.854124061601,
            classification.balanced_accuracy: 0.485396825397,
        }
    for score, number in expected.items():
        assert score(TRUTH, P, weights=weights) == pytest.approx(number, abs=1e-10)
    assert logloss(TRUTH, P * (1 + ROW[:, None]), weights=weights) == pytest.approx(expected[logloss])


def test_archetypes_are_in_order():
    """Malz+2019: rows of probabilities are those of a conditional matrix."""
    unit, uniform, truth = np.eye(15), np.full((15, 15), 1 / 15), np.arange(15)
    always = np.zeros((15, 15))
    always[:, 3] = 1
    tables = (unit, (4 * unit + uniform) / 5, (2 * unit + uniform) / 3, uniform, always)
    losses = [logloss(truth, p) for p in tables]
    assert losses == pytest.approx([0, 0.2066, 0.3727, 2.7081, 32.62], abs=5e-5)
    assert losses == sorted(losses)
    # normalised first, clipped then: a zero costs ln 1e-15 once, whatever the row's sum
    assert logloss(truth, 1e3 * always) == pytest.approx(34.5387763949 * (1 - 1 / 18), abs=1e-9)


def test_a_perfect_entry():
    p = np.eye(15)[TRUTH]
    assert logloss(TRUTH, p) == pytest.approx(0, abs=1e-14)
    for score in (classification.brier, classification.macro_brier, CALIBRATION):
        assert score(TRUTH, p) == 0
    for score in (classification.balanced_accuracy, classification.macro_f1):
        assert score(TRUTH, p) == 1


@pytest.mark.parametrize("score", [logloss, *SCORES])
def test_no_weight_is_undefined(score):
    assert np.isnan(score(TRUTH, P, weights=np.zeros(60)))
    assert np.isnan(score(np.empty(0, dtype=int), np.empty((0, 15))))


def test_classes_that_do_not_count():
    alone = TRUTH == 4
    only = tuple(float(k == 4) for k in range(15))
    found = classification.weighted_logloss(TRUTH, P, class_weights=only)
    expected = -np.mean(np.log(classification.normalised(P)[alone, 4]))
    assert found == pytest.approx(expected, abs=1e-14)
    assert np.isnan(
        classification.weighted_logloss(TRUTH[~alone], P[~alone], class_weights=only)
    )  # only absent ones would
    assert np.isnan(classification.weighted_logloss(TRUTH, P, class_weights=(0.0,) * 15))


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 100_000))
def test_weights_are_repeated_rows_and_neither_order_nor_sum_matters(seed):
    rng, truth, p, weights = drawn(seed)
    scores = (partial(classification.weighted_logloss, class_weights=(1, 2, 1, 3, 1)), *SCORES)
    order, scale = rng.permutation(len(p)), 10.0 ** rng.integers(-3, 4, (len(p), 1))
    repeated = np.repeat(truth, weights), np.repeat(p, weights, axis=0)
    for score in scores:
        found = score(truth, p, weights=weights)
        same = partial(pytest.approx, found, rel=1e-12, abs=1e-13, nan_ok=True)
        assert score(*repeated) == same()
        assert score(truth[order], p[order], weights=weights[order]) == same()
        assert score(truth, p, weights=weights / 7) == same()
        if score is not CALIBRATION:  # a rounded sum may move a confidence across the edge of a bin
            assert score(truth, p * scale, weights=weights) == same()


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 100_000))
def test_class_numbers_are_only_names(seed):
    rng, truth, p, weights = drawn(seed)
    p = p + rng.random(p.shape) / 9  # no ties: their winner is the first class
    names = rng.permutation(p.shape[1])
    for score in (
        classification.macro_logloss,
        classification.brier,
        classification.balanced_accuracy,
        classification.macro_f1,
    ):
        renamed = score(names[truth], p[:, np.argsort(names)], weights=weights)
        assert renamed == pytest.approx(score(truth, p, weights=weights), abs=1e-12)


PREPARED = {
    "loss": partial(classification.prepare_logloss, class_weights=CLASS_WEIGHTS),
    "class loss": partial(classification.prepare_class_logloss, class_=7, classes=15),
    "brier": partial(classification.prepare_brier, classes=15),
    "macro brier": partial(classification.prepare_macro_brier, classes=15),
    "balanced": partial(classification.prepare_balanced_accuracy, classes=15),
    "f1": partial(classification.prepare_macro_f1, classes=15),
    "ece": partial(classification.prepare_ece, classes=15),
    "merit": partial(classification.prepare_figure_of_merit, selected="taken", class_=11, classes=15),
}


def table(n=60):
    rows = classification.measure(TRUTH, classification.normalised(P))
    rows["taken"] = classification.normalised(P)[:, 11] >= 0.1
    rows["epoch"] = EPOCH.astype(np.int8)
    return Measurements({name: np.resize(column, n) for name, column in rows.items()})


@pytest.mark.parametrize("name", PREPARED)
def test_replicates_are_the_score_under_counts(name):
    measurements = table(5000)
    block = np.random.default_rng(1).poisson(1, (8, 5000)).astype(np.uint8)
    block[0] = 1
    exact = PREPARED[name](measurements)(block)
    quick = PREPARED[name](measurements, use="replicates")(block)
    np.testing.assert_allclose(quick, exact, rtol=2e-6)  # single precision
    assert np.std(exact) > 100 * np.max(np.abs(quick - exact))
    each = [value(PREPARED[name](table(5000)), 5000, w) for w in block]
    np.testing.assert_allclose(exact, each, rtol=1e-13)


@pytest.mark.parametrize("use", ["score", "replicates"])
def test_epochs(use):
    measurements, rtol = table(), 1e-13 if use == "score" else 1e-6
    weights = np.random.default_rng(2).poisson(1, (3, 60)).astype(np.uint8)
    weights[2, EPOCH == 3] = 0  # an epoch without weight is left out of the mean
    means = classification.prepare_epoch_mean_logloss(measurements, CLASS_WEIGHTS, use=use)(weights)
    alone = np.array([[logloss(TRUTH, P, weights=w * (k == EPOCH)) for k in range(4)] for w in weights])
    assert np.sum(np.isnan(alone)) == 1
    np.testing.assert_allclose(means, np.nanmean(alone, axis=1), rtol=rtol)
    for k in range(4):
        statistic = classification.prepare_logloss(measurements, CLASS_WEIGHTS, epoch=k, use=use)
        np.testing.assert_allclose(statistic(weights), alone[:, k], rtol=rtol)
    nothing = classification.prepare_logloss(measurements, CLASS_WEIGHTS, epoch=7, use=use)
    assert np.all(np.isnan(nothing(weights)))
    whole = classification.prepare_logloss(measurements, CLASS_WEIGHTS, use=use)
    expected = [logloss(TRUTH, P, weights=w) for w in weights]
    np.testing.assert_allclose(whole(weights), expected, rtol=rtol)


def test_measured_columns():
    p = classification.normalised(P)
    rows = classification.measure(TRUTH, p)
    assert {name: str(column.dtype) for name, column in rows.items()} == {
        "y": "int8",
        "log_p": "float64",
        "brier": "float64",
        "called": "int8",
        "confidence": "float64",
    }
    np.testing.assert_allclose(rows["log_p"], np.log(p[ROW, TRUTH]), rtol=1e-15)
    np.testing.assert_allclose(rows["brier"], np.sum((p - np.eye(15)[TRUTH]) ** 2, axis=1), atol=1e-15)
    np.testing.assert_array_equal(rows["confidence"], p.max(axis=1))
    np.testing.assert_array_equal(rows["called"], np.argmax(p, axis=1))


@pytest.mark.parametrize("n", [300, 5000])
def test_the_band_of_a_calibrated_entry(n):
    rng = np.random.default_rng(3)
    p = classification.normalised(rng.gamma(0.4, size=(n, 15)))
    band = classification.null_ece(
        Measurements(classification.measure(np.zeros(n, dtype=int), p)), np.random.default_rng(4), np.empty(0)
    )
    found = []
    for _ in range(400):
        truth = (rng.random((n, 1)) > np.cumsum(p, axis=1)[:, :-1]).sum(axis=1)
        found.append(CALIBRATION(truth, p))
    # 400 draws know a mean to 2 % and the tails to 5 %; the normal approximation of small bins adds 2 %
    assert np.mean(band) == pytest.approx(np.mean(found), rel=0.06)
    for level in (0.1, 0.9, 0.975):
        assert np.quantile(band, level) == pytest.approx(np.quantile(found, level), rel=0.12)


def test_many_rows_of_one_kind_lose_no_digits():
    n = 1_000_000
    p = np.full((n, 3), [0.2, 0.3, 0.5])
    found = classification.macro_logloss(np.zeros(n, dtype=np.int8), p)
    assert found == pytest.approx(-np.log(0.2), abs=1e-12)
    statistic = classification.prepare_brier(
        Measurements(classification.measure(np.zeros(n, dtype=np.int8), p)), classes=3
    )
    assert statistic(ones(n))[0] == pytest.approx(0.64 + 0.09 + 0.25, abs=1e-12)
