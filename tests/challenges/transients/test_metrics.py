"""The declared metrics: constants of the full test set, the integer example, entries that try to gain, real tables."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest

from blindsky.challenges.transients.classes import CLASSES, DAYS, HIDDEN, NUMBERS, WEIGHTS
from blindsky.challenges.transients.measure import measure
from blindsky.challenges.transients.metrics import METRICS
from blindsky.scoring import classification
from blindsky.scoring.card import evaluate
from blindsky.scoring.measurements import Measurements
from blindsky.scoring.metric import value
from blindsky.scoring.weights import Replicates

BY_KEY = {metric.key: metric for metric in METRICS}
W = np.array(WEIGHTS)
GALACTIC = np.array([c.galactic for c in CLASSES])
MAIN = (
    *("weighted_logloss", "logloss_known", "macro_logloss", "macro_brier", "brier", "macro_auc"),
    *("balanced_accuracy", "macro_f1", "snia_fom", "ece", "novelty_auroc", "novelty_ap"),
)
LOW = {"weighted_logloss", "logloss_known", "macro_logloss", "macro_brier", "brier", "ece", "early_logloss"}


def judged(target, p, **more):
    """Measurements of an entry; ``more`` goes to the truth if it is a cut, to the prediction otherwise."""
    cut = {"epoch_cut": more.pop("epoch_cut")} if "epoch_cut" in more else {}
    prediction = {f"class_{c}": p[:, k] for k, c in enumerate(NUMBERS)} | more
    return Measurements(measure({"true_target": np.asarray(target), **cut}, prediction).rows)


def evaluated(key, measurements, weights=None):
    return value(BY_KEY[key].prepare(measurements), len(measurements), weights)


def full(known, other=None):
    """weighted_logloss on the counts of ``full``, one row per class weighted by its count, class 99 by its kinds.

    known : (15,) probabilities, or (15, 15), a row for each true class.   other : those of class 99, Galactic first.
    """
    p = np.broadcast_to(known, (15, 15))
    other = p[[14, 14]] if other is None else other
    target = [*NUMBERS[:-1], HIDDEN[0].number, HIDDEN[1].number]
    counts = [*(c.test for c in CLASSES[:-1]), HIDDEN[0].test, sum(kind.test for kind in HIDDEN[1:])]
    return evaluated("weighted_logloss", judged(target, np.concatenate([p[:14], other])), np.array(counts))


def drawn(n=3000, seed=0, strength=2.0):
    """Targets with many rare classes, some of them hidden, and a fair entry's probabilities."""
    rng = np.random.default_rng(seed)
    y = rng.choice(15, n, p=np.array([1, 1, 2, 6, 2, 1, 3, 1, 2, 2, 2, 8, 2, 2, 2]) / 37)
    target = np.array(NUMBERS)[y]
    target[y == 14] = rng.choice([kind.number for kind in HIDDEN], np.sum(y == 14))
    odds = rng.normal(0, 1, (n, 15))
    odds[np.arange(n), y] += strength
    return target, np.exp(odds)


def test_every_metric_is_declared_once_and_travels():
    keys = [metric.key for metric in METRICS]
    assert len(keys) == len(set(keys))
    assert set(keys) == {
        *MAIN,
        *(f"novelty_{short}_{kind.number}" for short in ("auroc", "ap") for kind in HIDDEN),
        *(f"{what}_{number}" for what in ("auc", "ap", "class_logloss") for number in NUMBERS),
        "early_logloss",
        *(f"logloss_{day}" for day in DAYS),
    }
    low = {m.key for m in METRICS if m.direction == "low"}
    assert low == {*LOW, *(f"class_logloss_{c}" for c in NUMBERS), *(f"logloss_{day}" for day in DAYS)}
    assert {m.key for m in METRICS if m.direction != "low"} == {
        m.key for m in METRICS if m.direction == "high"
    }
    assert {m.key for m in METRICS if m.interval != "percentile"} == {"ece"}
    table = judged(*drawn(), epoch_cut=np.resize(DAYS, 3000))
    for metric in METRICS:
        assert metric.available(table)
        again = pickle.loads(pickle.dumps(metric))
        assert value(again.prepare(table), 3000) == evaluated(metric.key, table)


def test_without_days_there_are_no_early_metrics():
    table = judged(*drawn(100))
    absent = {m.key for m in METRICS if not m.available(table)}
    assert absent == {"early_logloss", *(f"logloss_{day}" for day in DAYS)}


def test_constants_on_the_full_test_set():
    tests, train = np.array([c.test for c in CLASSES]), np.array([c.train for c in CLASSES])
    assert full(np.full(15, 1 / 15)) == pytest.approx(2.7080502011, abs=1e-10)
    assert full(W / 18) == pytest.approx(2.6593226977, abs=1e-10)
    assert full(tests / tests.sum()) == pytest.approx(4.9982525552, abs=1e-10)
    assert full(train / train.sum()) == pytest.approx(6.7031425085, abs=1e-10)
    for weight, loss in ((1, 32.6199554832), (2, 30.7011345733)):
        one_hot = np.eye(15)[list(W).index(weight)]
        assert full(one_hot) == pytest.approx(loss, abs=1e-9)
        assert full(one_hot) == pytest.approx(-np.log(1e-15) * (1 - weight / 18), abs=1e-12)


def test_galactic_objects_are_given_away():
    share = HIDDEN[0].test / CLASSES[-1].test
    inside, outside = np.where(GALACTIC, W, 0.0), np.where(GALACTIC, 0.0, W)
    inside[14], outside[14] = 2 * share, 2 * (1 - share)
    split = np.where(GALACTIC[:, None], inside, outside)
    assert full(split, np.stack([inside, outside])) == pytest.approx(2.0831239430, abs=1e-10)


def integer_example():
    i, k = np.arange(60), np.arange(15)
    p = 1.0 + ((7 * i[:, None] + 3 * k + (i[:, None] * k) % 5) % 11)
    y = (i * i + 3 * i + i // 7) % 15
    p[i, y] += 6
    return np.array(NUMBERS)[y], p, i


def test_the_integer_example():
    target, p, i = integer_example()
    assert list(np.unique(target, return_counts=True)[1]) == [6, 4, 7, 3, 5, 4, 6, 2, 3, 3, 4, 2, 4, 3, 4]
    table = judged(target, p)
    plain = {
        "weighted_logloss": 2.203991845607,
        "macro_logloss": 2.195765499711,
        "brier": 0.854124061601,
        "macro_brier": 0.854916061033,
        "balanced_accuracy": 0.485396825397,
        "macro_f1": 0.491477411477,
        "auc_90": 0.974137931034,
        "ap_90": 0.7,
        "auc_42": 0.725146198830,
        "ap_42": 0.177350427350,
        "ece": 0.3723654425,
    }
    weighted = {
        "weighted_logloss": 2.146490692506,
        "macro_brier": 0.846461256650,
        "macro_f1": 0.554838124838,
        "auc_90": 0.965517241379,
        "ap_90": 0.666666666667,
        "ece": 0.4388303292,
    }
    for expected, weights in ((plain, None), (weighted, i % 3)):
        for key, number in expected.items():
            assert evaluated(key, table, weights) == pytest.approx(number, abs=1e-10), key
    scaled = judged(target, p * (1 + i[:, None]))
    assert evaluated("weighted_logloss", scaled) == pytest.approx(plain["weighted_logloss"], abs=1e-12)


def test_parts_of_the_log_loss():
    target, p = drawn()
    table = judged(target, p)
    of_class = np.array([evaluated(f"class_logloss_{c}", table) for c in NUMBERS])
    assert evaluated("weighted_logloss", table) == pytest.approx(of_class @ W / 18, abs=1e-12)
    assert evaluated("macro_logloss", table) == pytest.approx(of_class.mean(), abs=1e-12)
    assert evaluated("logloss_known", table) == pytest.approx(of_class[:14] @ W[:14] / 16, abs=1e-12)
    known = target < 99
    alone = judged(target[known], p[known])
    assert evaluated("logloss_known", alone) == pytest.approx(evaluated("logloss_known", table), abs=1e-12)
    assert evaluated("weighted_logloss", alone) == evaluated("logloss_known", alone)
    assert np.isnan(evaluated("class_logloss_99", alone))
    assert np.isnan(evaluated("novelty_auroc", alone))


def test_days_after_the_trigger():
    target, p = drawn()
    cut = np.resize(DAYS, 3000)
    table = judged(target, p, epoch_cut=cut)
    losses = []
    for day in DAYS:
        alone = judged(target[cut == day], p[cut == day])
        losses.append(evaluated("weighted_logloss", alone))
        assert evaluated(f"logloss_{day}", table) == pytest.approx(losses[-1], abs=1e-12)
    assert evaluated("early_logloss", table) == pytest.approx(np.mean(losses), abs=1e-12)
    without = judged(target, p)
    for key in MAIN:
        assert evaluated(key, table) == pytest.approx(evaluated(key, without), abs=1e-12)


def test_novelty_is_apart_from_the_probabilities():
    target, p = drawn()
    strange = np.where(target > 99, 1.0, 0.0)
    perfect, plain = judged(target, p, anomaly_score=strange), judged(target, p)
    for key in ("novelty_auroc", "novelty_ap", *(f"novelty_ap_{kind.number}" for kind in HIDDEN)):
        assert evaluated(key, perfect) == 1
        assert evaluated(key, plain) < 1
    assert evaluated("novelty_auroc", plain) == pytest.approx(evaluated("auc_99", plain), abs=1e-6)
    for key in ("weighted_logloss", "auc_99", "brier"):
        assert evaluated(key, perfect) == evaluated(key, plain)
    # of one kind against the known classes; the other kinds take no part
    odd = judged(target, p, anomaly_score=np.where(target == 991, 1.0, np.where(target > 99, 2.0, 0.0)))
    assert evaluated("novelty_auroc_991", odd) == 1


def test_entries_that_try_to_gain():
    target, p = drawn()
    fair, constant = judged(target, p), judged(target, np.tile(W / 18, (3000, 1)))
    loss = evaluated("weighted_logloss", constant)
    assert evaluated("weighted_logloss", fair) < loss < np.log(15)
    counts = np.array([np.sum(target == c) for c in NUMBERS])
    counts[14] = np.sum(target > 99)
    rng = np.random.default_rng(1)
    rounded = np.where(p < p.max(axis=1, keepdims=True), 0, p)
    attempts = {
        "one class for all": np.tile(np.eye(15)[11], (3000, 1)),
        "the prior of the test": np.tile(counts / 3000, (3000, 1)),
        "permuted rows": p[rng.permutation(3000)],
        "permuted columns": p[:, np.roll(np.arange(15), 1)],
        "rounded to one class": rounded,
    }
    for name, attempt in attempts.items():
        assert evaluated("weighted_logloss", judged(target, attempt)) > loss, name
    # a probability of 0 for the truth costs ln 1e15 W_c/(18 n_c) each
    hit = rounded[np.arange(3000), measure({"true_target": target}, {
        f"class_{c}": p[:, k] for k, c in enumerate(NUMBERS)}).rows["y"]] > 0  # fmt: skip
    y = fair["y"]
    cost = sum(34.5387763949 * W[k] / 18 * np.mean(~hit[y == k]) for k in range(15))
    assert evaluated("weighted_logloss", judged(target, rounded)) == pytest.approx(cost, abs=1e-9)
    for refused in (np.zeros_like(p), -p, p * np.nan):
        with pytest.raises(ValueError, match="expected"):
            judged(target, refused)
    scaled = judged(target, 100 * p / p.sum(axis=1, keepdims=True))
    assert evaluated("weighted_logloss", scaled) == pytest.approx(
        evaluated("weighted_logloss", fair), abs=1e-12
    )


def test_intervals():
    n = 3000
    target, p = drawn()
    table, replicates = judged(target, p), Replicates(b"key", np.arange(n))
    part = evaluate(table, METRICS, replicates, 200)
    for key, score in part.scores.items():
        if key != "ece":
            assert score.low <= score.value <= score.high, key
            assert len(part.replicates[key]) == 200
    assert "ece" not in part.replicates
    assert (
        0 < part.scores["ece"].low < part.scores["ece"].high < part.scores["ece"].value
    )  # odds aren't calibrated
    # the same, under weights one after the other, without the statistics made for replicates
    plain = [replace(metric, replicate=None) for metric in METRICS]
    slow = evaluate(judged(target, p), plain, replicates, 40)
    for key, values in slow.replicates.items():
        quick = part.replicates[key][:40]
        if key.startswith(("auc", "ap", "novelty", "macro_auc")):
            # a dozen hidden objects of a kind are few for a first order
            assert np.corrcoef(quick, values)[0, 1] > 0.9, key
            assert quick.std() == pytest.approx(values.std(), rel=0.2), key
        else:
            np.testing.assert_allclose(quick, values, rtol=1e-5)


def test_the_error_of_a_class_mean_is_the_textbook_one():
    target, p = drawn()
    table = judged(target, p)
    part = evaluate(table, [BY_KEY["weighted_logloss"]], Replicates(b"key", np.arange(3000)), 1000)
    variance = 0.0
    for k in range(15):
        losses = table["log_p"][table["y"] == k]
        variance += (W[k] / 18) ** 2 * losses.var() / len(losses)
    # 1,000 replicates know a spread to 2.2 %; a ratio of sums adds 1/n
    assert part.replicates["weighted_logloss"].std() == pytest.approx(np.sqrt(variance), rel=0.08)


@pytest.mark.parametrize("number", [90, 6, 991])
def test_a_slice_of_one_class(number):
    target, p = drawn()
    chosen = target == number
    part = evaluate(
        judged(target[chosen], p[chosen]), METRICS, Replicates(b"key", np.arange(chosen.sum())), 40
    )
    y = 14 if number > 99 else NUMBERS.index(number)
    assert (
        part.scores["weighted_logloss"].value == part.scores[f"class_logloss_{NUMBERS[y]}"].value or y == 14
    )
    assert np.isnan(part.scores["macro_auc"].value)
    assert np.isnan(part.scores["logloss_known"].value) == (y == 14)
    assert np.isfinite(part.scores["snia_fom"].value) == (number == 90)


@pytest.mark.parametrize(
    ("name", "loss", "brier"),
    [
        ("ProClaM_Idealized", 0.9140034429, 0.4826950293),
        ("ProClaM_SubsumedTo", 1.2031887863, 0.4656156418),
        ("ProClaM_Broadbrush", 1.7919438690, 0.6122482720),
        ("ProClaM_Cruise", 1.9018245834, 1.0951839963),
        ("SNPhotCC_TemplatesBoostForest", 0.4055023290, 0.1456519283),
    ],
)
def test_real_tables(shared_data, name, loss, brier):
    """Mock and real classifiers of Malz+2019."""
    folder = shared_data("transients/proclam")
    p = np.loadtxt(folder / f"predicted_prob_{name}.csv.gz", delimiter=None)
    truth = np.argmax(np.loadtxt(folder / f"truth_table_{name}.csv.gz"), axis=1)
    assert classification.macro_logloss(truth, p) == pytest.approx(loss, abs=1e-9)
    assert classification.brier(truth, p) == pytest.approx(brier, abs=1e-9)


def test_a_real_entry(shared_data):
    """The random forest of a public entry on PLAsTiCC's training objects: one probability in three is 0."""
    pandas = pytest.importorskip("pandas")
    table = pandas.read_csv(shared_data("transients/plasticc_train_predictions_rf400.csv.gz"))
    p = table[[f"class_{c}" for c in NUMBERS]].to_numpy()
    assert p.shape == (7848, 15)
    assert 0.3 < np.mean(p == 0) < 0.9
    y = np.random.default_rng(8).integers(0, 15, 7848)
    logs = np.log(np.clip(p[np.arange(7848), y] / p.sum(axis=1), 1e-15, 1 - 1e-15))
    expected = -sum(W[k] * logs[y == k].mean() for k in range(15)) / 18
    found = evaluated("weighted_logloss", judged(np.array(NUMBERS)[y], p))
    assert found == pytest.approx(expected, abs=1e-11)
