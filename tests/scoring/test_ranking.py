"""Ranking scores against a table computed by hand, all pairs and all thresholds, and the binormal closed form."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blindsky.scoring import ranking
from blindsky.scoring.measurements import Measurements, counter
from blindsky.scoring.metric import ones

SCORE = np.array([0.95, 0.90, 0.90, 0.80, 0.70, 0.60, 0.60, 0.40, 0.30, 0.10])
LABEL = np.array([1, 1, 0, 1, 1, 0, 1, 0, 0, 0])
WEIGHTS = np.array([1, 2, 0, 1, 0, 3, 1, 1, 2, 1])
SCORES = (
    ranking.auroc,
    partial(ranking.partial_auc, max_fpr=0.3),
    ranking.tpr0,
    partial(ranking.tpr_at_fp, most=2),
    partial(ranking.tpr_at_fpr, fpr=0.2),
    ranking.average_precision,
)


def drawn(seed, most=60):
    """A small table with both classes, many ties, counts as weights with both classes present."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, most))
    label = rng.random(n) < rng.uniform(0.1, 0.9)
    label[:2] = True, False
    score = (rng.integers(0, int(rng.integers(1, 40)) + 1, n) + 4 * label) / 64
    weights = rng.poisson(1, n)
    weights[:2] += 1
    return rng, label, score, weights


def thresholds(label, score, weights):
    """False- and true-positive weight of ``score > t``, for t from above the highest score to below the lowest."""
    cuts = [np.inf, *np.unique(score)[::-1], -np.inf]
    false = np.array([np.sum(weights[(score > t) & ~label]) for t in cuts])
    true = np.array([np.sum(weights[(score > t) & label]) for t in cuts])
    return false, true


@pytest.mark.parametrize(
    ("label", "score"),
    [
        (np.ones(3), np.ones(2)),
        (np.ones((3, 1)), np.ones((3, 1))),
        (np.array([0, 1, 2]), np.ones(3)),
        (np.array([0.0, np.nan]), np.ones(2)),
        (np.array([0, 1]), np.array([0.5, np.nan])),
        (np.array([0, 1]), np.array([0.5, np.inf])),
    ],
)
def test_arrays_that_do_not_fit(label, score):
    with pytest.raises(ValueError, match="expected"):
        ranking.auroc(label, score)


def test_options_out_of_range():
    for call in (
        partial(ranking.partial_auc, max_fpr=0),
        partial(ranking.partial_auc, max_fpr=1.1),
        partial(ranking.tpr_at_fpr, fpr=0),
        partial(ranking.tpr_at_fpr, fpr=np.nan),
        partial(ranking.tpr_at_fp, most=-1),
        partial(ranking.tpr_at_fp, most=np.nan),
        partial(ranking.auroc, weights=np.ones(9)),
        partial(ranking.auroc, weights=-np.ones(10)),
    ):
        with pytest.raises(ValueError, match="expected"):
            call(LABEL, SCORE)


def test_the_table():
    assert ranking.auroc(LABEL, SCORE) == pytest.approx(0.84, abs=1e-15)
    assert ranking.tpr0(LABEL, SCORE) == 0.2
    assert ranking.tpr_at_fp(LABEL, SCORE, most=1) == 0.8
    assert ranking.tpr_at_fpr(LABEL, SCORE, fpr=0.2) == 0.8
    assert ranking.tpr10(LABEL, SCORE) == 1


def test_the_table_with_weights():
    # The non-lens that ties with a lens at .90 has weight 0: it isn't there and blocks nothing
    assert ranking.auroc(LABEL, SCORE, weights=WEIGHTS) == pytest.approx(0.9571428571, abs=1e-10)
    assert ranking.tpr0(LABEL, SCORE, weights=WEIGHTS) == 0.8
    assert ranking.tpr10(LABEL, SCORE, weights=WEIGHTS) == 1


def test_areas_by_hand():
    # ROC of the table: (0,.2) then a slope to (.2,.4), up to .8, (.4,.8)-(.4,1) on a slope
    assert ranking.partial_auc(LABEL, SCORE, max_fpr=0.2) == pytest.approx(0.3, abs=1e-15)
    assert ranking.partial_auc(LABEL, SCORE, max_fpr=0.1) == pytest.approx(0.25, abs=1e-15)
    # steps of recall .2: precision 1, 2/3, 3/4, 4/5, 5/7
    expected = (1 + 2 / 3 + 3 / 4 + 4 / 5 + 5 / 7) / 5
    assert ranking.average_precision(LABEL, SCORE) == pytest.approx(expected, abs=1e-15)


def test_tpr0_needs_a_score_strictly_above_and_tpr10_nine_non_lenses_below_none():
    label, score = np.array([1, 0, 1]), np.array([0.9, 0.9, 0.9])
    assert ranking.tpr0(label, score) == 0
    assert ranking.tpr10(label, score) == 1
    label = np.r_[np.zeros(10), np.ones(4)]
    assert ranking.tpr10(label, np.r_[np.arange(10) / 10, 0.95, 0.85, 0.05, 0.0]) == 0.75  # tenth largest: 0
    assert ranking.tpr10(label, np.r_[np.arange(10) / 10, 0.95, 0.85, 0.05, -1.0]) == 0.75
    assert ranking.tpr10(label[1:], np.r_[np.arange(9) / 10, 0.95, 0.85, 0.05, 0.0]) == 1


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_a_constant_score(level):
    score = np.full(10, level)
    assert ranking.auroc(LABEL, score) == 0.5
    assert ranking.partial_auc(LABEL, score, max_fpr=0.2) == pytest.approx(0.1)
    assert ranking.tpr0(LABEL, score) == 0
    assert ranking.tpr_at_fpr(LABEL, score, fpr=0.5) == 0
    assert ranking.tpr_at_fpr(LABEL, score, fpr=1) == 1
    assert ranking.average_precision(LABEL, score) == 0.5
    # fewer than ten non-lenses: even one threshold below all of them is allowed; with twenty it isn't
    assert ranking.tpr10(LABEL, score) == 1
    assert ranking.tpr10(np.tile(LABEL, 4), np.tile(score, 4)) == 0


def test_perfect_and_reversed_scores():
    for score in SCORES:
        assert score(LABEL, LABEL.astype(float)) == 1
    assert ranking.auroc(LABEL, 1.0 - LABEL) == 0
    assert ranking.partial_auc(LABEL, 1.0 - LABEL, max_fpr=0.5) == 0
    assert ranking.tpr_at_fpr(LABEL, 1.0 - LABEL, fpr=0.9) == 0


@pytest.mark.parametrize("score", SCORES)
def test_what_is_undefined(score):
    assert np.isnan(score(LABEL, SCORE, weights=np.zeros(10)))
    assert np.isnan(score(np.empty(0), np.empty(0)))
    assert np.isnan(score(np.zeros(10), SCORE))
    assert np.isnan(score(LABEL, SCORE, weights=1 - LABEL))  # no weight on positives


def test_no_negatives():
    for weights in (None, WEIGHTS):
        assert np.isnan(ranking.auroc(np.ones(10), SCORE, weights=weights))
        assert np.isnan(ranking.partial_auc(np.ones(10), SCORE, max_fpr=0.1, weights=weights))
        assert np.isnan(ranking.tpr_at_fpr(np.ones(10), SCORE, fpr=0.1, weights=weights))
        assert np.isnan(ranking.tpr0(np.ones(10), SCORE, weights=weights))
        assert np.isnan(ranking.tpr10(np.ones(10), SCORE, weights=weights))
        assert ranking.average_precision(np.ones(10), SCORE, weights=weights) == 1
    assert np.isnan(ranking.auroc(LABEL, SCORE, weights=LABEL))


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 100_000))
def test_against_all_pairs_and_all_thresholds(seed):
    rng, label, score, weights = drawn(seed)
    p, n = score[label], score[~label]
    pairs = (p[:, None] > n) + 0.5 * (p[:, None] == n)
    expected = weights[label] @ pairs @ weights[~label] / (weights[label].sum() * weights[~label].sum())
    assert ranking.auroc(label, score, weights=weights) == pytest.approx(expected, abs=1e-14)
    false, true = thresholds(label, score, weights)
    for most in (0, 1, 3, 9):
        best = true[false <= most].max() / true[-1]
        assert ranking.tpr_at_fp(label, score, most=most, weights=weights) == best
    for fpr in (1e-4, 1 / 3, 0.25, 0.5, 1.0):
        best = true[false <= fpr * false[-1] + 1e-9].max() / true[-1]
        assert ranking.tpr_at_fpr(label, score, fpr=fpr, weights=weights) == best
    # area under the polygon through the thresholds, cut off at a rate between two of them
    limit = rng.uniform(0.05, 1)
    x, y = false / false[-1], true / true[-1]
    grid = np.union1d(np.linspace(0, limit, 7), x[x <= limit])
    area = 0.0
    for a, b in pairwise(grid):
        middle = (a + b) / 2
        right = np.searchsorted(x, middle, "right")
        height = y[right - 1] + (y[right] - y[right - 1]) * (middle - x[right - 1]) / (
            x[right] - x[right - 1]
        )
        area += (b - a) * height
    found = ranking.partial_auc(label, score, max_fpr=limit, weights=weights)
    assert found == pytest.approx(area / limit, abs=1e-12)


@pytest.mark.parametrize("score", SCORES)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 100_000))
def test_weights_are_repeated_rows_and_neither_order_nor_scale_matters(score, seed):
    rng, label, x, weights = drawn(seed)
    value, order = score(label, x, weights=weights), rng.permutation(len(x))
    assert score(np.repeat(label, weights), np.repeat(x, weights)) == pytest.approx(value, abs=1e-13)
    assert score(label[order], x[order], weights=weights[order]) == pytest.approx(value, abs=1e-13)
    for rising in (np.exp, np.arctan, lambda t: 3 * t - 7):
        assert score(label, rising(x), weights=weights) == pytest.approx(value, abs=1e-13)
    floats = score(label, x, weights=weights.astype(float))
    assert floats == pytest.approx(value, abs=1e-13)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 100_000))
def test_rates_ignore_the_scale_of_the_weights(seed):
    _, label, x, weights = drawn(seed)
    for score in (*SCORES[:2], SCORES[4], SCORES[5]):
        assert score(label, x, weights=weights / 7) == pytest.approx(
            score(label, x, weights=weights), abs=1e-12
        )
    swapped = ranking.auroc(~label, -x, weights=weights)
    assert swapped == pytest.approx(ranking.auroc(label, x, weights=weights), abs=1e-13)
    whole = ranking.partial_auc(label, x, max_fpr=1, weights=weights)
    assert whole == pytest.approx(ranking.auroc(label, x, weights=weights), abs=1e-13)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 100_000))
def test_a_block_of_weights_is_each_row_alone(seed):
    rng, label, x, _ = drawn(seed)
    block = rng.poisson(1, (5, len(x)))
    table = Measurements({"label": label, "score": x})
    for prepare, score in (
        (ranking.prepare_auroc, ranking.auroc),
        (ranking.prepare_tpr10, ranking.tpr10),
        (ranking.prepare_average_precision, ranking.average_precision),
        (partial(ranking.prepare_tpr_at_fpr, fpr=0.1), partial(ranking.tpr_at_fpr, fpr=0.1)),
        (partial(ranking.prepare_partial_auc, max_fpr=0.1), partial(ranking.partial_auc, max_fpr=0.1)),
    ):
        found = prepare(table)(block)
        np.testing.assert_allclose(found, [score(label, x, weights=w) for w in block], atol=1e-14)


def test_other_columns_rank_apart():
    table = Measurements({"label": LABEL, "score": SCORE, "novel": 1 - LABEL, "anomaly": -SCORE})
    assert ranking.prepare_auroc(table)(ones(10))[0] == pytest.approx(0.84, abs=1e-15)
    mirrored = ranking.prepare_auroc(table, label="novel", score="anomaly")
    assert mirrored(ones(10))[0] == pytest.approx(0.84, abs=1e-15)
    crossed = ranking.prepare_auroc(table, score="anomaly")
    assert crossed(ones(10))[0] == pytest.approx(0.16, abs=1e-15)


def test_many_weights_do_not_overflow():
    # 255 a row fits no byte when summed
    n = 4000
    label, score = np.arange(n) % 2, np.arange(n) / n
    heavy = np.full(n, 255, dtype=np.uint8)
    assert ranking.auroc(label, score, weights=heavy) == pytest.approx(ranking.auroc(label, score), abs=1e-14)
    assert ranking.tpr_at_fpr(label, score, fpr=0.1, weights=heavy) == ranking.tpr_at_fpr(
        label, score, fpr=0.1
    )

    assert counter(np.broadcast_to(np.uint8(1), (1, 8_000_000))) is np.int32
    assert counter(np.broadcast_to(np.uint8(1), (1, 9_000_000))) is np.int64  # 255 x 9e6 exceeds 2^31


def test_a_budget_of_false_positives_survives_rounding():
    # 0.29 x 100 is 28.999999999999996; the lens lies below exactly 29 non-lenses
    label, score = np.r_[True, np.zeros(100, bool)], np.r_[71.5, np.arange(1, 101)]
    assert ranking.tpr_at_fpr(label, score, fpr=0.29) == 1
    assert ranking.tpr_at_fpr(label, score, fpr=0.2899) == 0


def test_the_roc_curve_of_the_table():
    fpr, tpr, threshold = ranking.roc(LABEL, SCORE)
    np.testing.assert_allclose(fpr, np.array([0, 0, 1, 1, 1, 2, 3, 4, 5]) / 5)
    np.testing.assert_allclose(tpr, np.array([0, 1, 2, 3, 4, 5, 5, 5, 5]) / 5)
    np.testing.assert_array_equal(threshold, [np.inf, 0.95, 0.9, 0.8, 0.7, 0.6, 0.4, 0.3, 0.1])
    fpr, tpr, _ = ranking.roc(LABEL, SCORE, weights=LABEL)
    assert np.isnan(fpr).all()
    assert tpr[-1] == 1


def test_the_binormal_closed_form():
    # d' = sqrt 2 Phi^-1(AUROC), TPR(f) = Phi(d' + Phi^-1(f)); scores at evenly spaced quantiles leave no noise
    normal = pytest.importorskip("scipy.stats").norm
    n = 40_000
    z = normal.ppf((np.arange(n) + 0.5) / n)
    label = np.repeat([True, False], n)
    for auroc, shift, tpr2, tpr3 in (
        (0.93, 2.087084, 0.405450, 0.157895),
        (0.98, 2.904440, 0.718399, 0.426304),
        (0.99, 3.289953, 0.832378, 0.579150),
    ):
        score = np.concatenate([z + shift, z])
        assert ranking.auroc(label, score) == pytest.approx(auroc, abs=2e-6)
        # the threshold is a quantile half a step of 1/n away: TPR moves by 1/(2 n f) of its own slope
        assert ranking.tpr_at_fpr(label, score, fpr=1e-2) == pytest.approx(tpr2, abs=2e-3)
        assert ranking.tpr_at_fpr(label, score, fpr=1e-3) == pytest.approx(tpr3, abs=8e-3)
        f = (np.arange(5000) + 0.5) / 5000 * 0.01
        partial_area = normal.cdf(shift + normal.ppf(f)).mean()
        assert ranking.partial_auc(label, score, max_fpr=0.01) == pytest.approx(partial_area, abs=2e-3)
