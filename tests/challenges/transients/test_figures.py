"""The data of the transients figures: ready for JSON, equal to scikit-learn's, blank below ten objects."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import auc, confusion_matrix, precision_recall_curve, roc_curve

from blindsky.challenges.curves import FEWEST
from blindsky.challenges.transients.classes import CLASSES, DAYS, HIDDEN, NUMBERS, OTHER, SNIA, WEIGHTS
from blindsky.challenges.transients.figures import DISTANT, FIGURES, NAMES, ORDER
from blindsky.challenges.transients.measure import measure
from blindsky.leaderboard.coarse import coarsened
from blindsky.leaderboard.figures import draw
from blindsky.scoring.classification import figure_of_merit, weighted_logloss
from blindsky.scoring.measurements import Measurements, Table

KEYS = {f.key: f for f in FIGURES}
PLACES = [NUMBERS.index(number) for number in ORDER]
IA = NUMBERS.index(SNIA)


def sky(
    n: int, *, seed: int = 0, part: str = "", early: bool = True, anomaly: bool = True
) -> tuple[Measurements, Table]:
    """An entry and the truth of n objects; ``part`` names the only part of the cases, or both are there."""
    rng = np.random.default_rng(seed)
    number = rng.choice([*NUMBERS[:-1], *(h.number for h in HIDDEN)], n)
    place = np.searchsorted(NUMBERS, np.minimum(number, OTHER))
    odds = rng.normal(size=(n, 15)) + 2.0 * (np.arange(15) == place[:, None])
    prediction: Table = {f"class_{c}": np.exp(odds[:, k]) for k, c in enumerate(NUMBERS)}
    if anomaly:
        prediction["anomaly_score"] = rng.normal(size=n) + 1.2 * (number > OTHER)
    truth: Table = {"true_target": number}
    if early:
        truth["epoch_cut"] = rng.choice(DAYS, n).astype(np.float32)
    galactic = np.isin(number, [c.number for c in (*CLASSES, *HIDDEN) if c.galactic])
    columns: Table = {
        "part": np.full(n, part) if part else np.where(rng.random(n) < 0.3, "public", "private"),
        "true_z": np.where(galactic, 0.0, rng.gamma(3, 0.15, n)),
    }
    return Measurements(measure(truth, prediction).rows), columns


def numbers(data: Any) -> list[float]:
    """Every number of a JSON value, flat."""
    if isinstance(data, dict):
        data = list(data.values())
    if isinstance(data, list | tuple):
        return [x for item in data for x in numbers(item)]
    return [float(data)] if isinstance(data, int | float) and not isinstance(data, bool) else []


def series(data: dict[str, Any] | None) -> list[dict[str, Any]]:
    """The curves of a figure, in all its panels."""
    return [] if data is None else [one for panel in data["panels"] for one in panel["series"]]


def named(key: str, name: str, measurements: Measurements, columns: Table) -> dict[str, Any]:
    """The curve of one class of a figure."""
    (found,) = [one for one in series(KEYS[key].data(measurements, columns)) if one["label"] == name]
    return found


@pytest.mark.parametrize("part", ["", "public"])
@pytest.mark.parametrize("n", [12, 450, 6000])
def test_every_figure_is_ready_for_json_and_for_its_template(n: int, part: str) -> None:
    measurements, columns = sky(n, part=part)
    for f in FIGURES:
        assert all(name in columns for name in f.needs)
        data = f.data(measurements, columns)
        if data is None:
            assert n < 6000, f"{f.key} shows nothing"
            continue
        assert json.loads(json.dumps(data, allow_nan=False)) == data
        assert all(np.isfinite(numbers(data)))
        for shown in (data, coarsened(f.kind, data)):
            ET.fromstring(str(draw(f.kind, shown, uid=f.key, title=f.title)))


def test_keys_are_unique_and_curves_drawn_together_have_the_same_panels() -> None:
    assert len(KEYS) == len(FIGURES)
    for f in FIGURES:
        if f.together:
            shown = [f.data(*sky(n, part="public", seed=n)) for n in (300, 900, 6000)]
            panels = {tuple(p["key"] for p in data["panels"]) for data in shown if data is not None}
            assert len(panels) == 1, f.key


def test_what_a_track_lacks_is_absent() -> None:
    measurements, columns = sky(3000, early=False, anomaly=False)
    found = {f.key for f in FIGURES if f.data(measurements, columns) is not None}
    assert found == set(KEYS) - {"loss_by_day"}
    assert {f.key for f in FIGURES if "true_z" in f.needs} == {"snia_redshift", "completeness"}
    assert all(f.data(*sky(5)) is None for f in FIGURES)
    probability = measurements.floats(f"p_{OTHER}")
    assert measurements["anomaly"] == pytest.approx(probability, abs=1e-7)


@settings(max_examples=25, deadline=None)
@given(n=st.integers(1, 700), seed=st.integers(0, 1000))
def test_before_the_reveal_nothing_rests_on_fewer_than_ten(n: int, seed: int) -> None:
    measurements, columns = sky(n, seed=seed, part="public")
    y, called = measurements["y"], measurements["called"]
    shown = {key: f.data(measurements, columns) for key, f in KEYS.items()}
    counts = confusion_matrix(y, called, labels=range(15))[np.ix_(PLACES, PLACES)]
    if shown["confusion"] is not None:
        values = np.array(shown["confusion"]["values"], dtype=np.float64)
        assert np.array_equal(np.isnan(values), (counts < FEWEST) | (counts.sum(axis=1) < FEWEST)[:, None])
    if shown["class_logloss"] is not None:
        few = counts.sum(axis=1) < FEWEST
        assert [v is None for v in shown["class_logloss"]["values"]] == few.tolist()
    for key in ("reliability", "snia_redshift", "completeness"):
        assert all(one <= 1 / FEWEST + 1e-6 for s in series(shown[key]) for one in s["one"])
    for s in series(shown["roc"]):
        own = np.count_nonzero(y == NUMBERS.index(next(k for k, v in NAMES.items() if v == s["label"])))
        assert np.all(np.diff([0.0, *s["y"]]) * own >= FEWEST - 0.01)
        assert np.all(np.diff([0.0, *s["x"]]) * (n - own) >= FEWEST - 0.01)
    for panel in shown["snia_threshold"]["panels"] if shown["snia_threshold"] is not None else ():
        for s in panel["series"]:
            reached = measurements["p_90"][:, None] >= np.float32(s["x"][::-1])
            true, false = (np.count_nonzero(reached[side], axis=0) for side in (y == IA, y != IA))
            assert np.all(np.diff([0, *true, np.count_nonzero(y == IA)]) >= FEWEST)
            if panel["key"] == "purity":
                assert np.all(np.diff([0, *false, np.count_nonzero(y != IA)]) >= FEWEST)
    days = series(shown["loss_by_day"])[0]["x"] if shown["loss_by_day"] is not None else []
    enough = np.bincount(measurements["epoch"], minlength=5) >= FEWEST
    assert days == [day or 0.5 for day, some in zip(DAYS, enough, strict=True) if some]


def test_cells_of_none_and_of_nine_look_the_same() -> None:
    """Whoever calls one object a TDE and no other must not learn from it what it is."""
    y = np.repeat([IA, 0], 40).astype(np.int8)
    shown = []
    for k in (0, 1, 9, 10):
        called = np.where(np.arange(80) < k, NUMBERS.index(15), y).astype(np.int8)
        for part in ("public", "both"):
            columns = {"part": np.where((np.arange(80) < 40) | (part == "public"), "public", "private")}
            data = KEYS["confusion"].data(Measurements({"y": y, "called": called}), columns)
            assert data is not None
            row = data["values"][ORDER.index(SNIA)]
            shown.append((k, part, row[ORDER.index(15)], row[ORDER.index(6)]))
    assert [s[2] for s in shown if s[1] == "public"] == [None, None, None, 0.25]
    assert {s[3] for s in shown if s[1] == "public"} == {None}
    assert [s[2:] for s in shown if s[1] == "both"] == [(k / 40, 0.0) for k in (0, 1, 9, 10)]


def test_the_confusion_is_that_of_scikit_learn() -> None:
    measurements, columns = sky(4000)
    data = KEYS["confusion"].data(measurements, columns)
    assert data is not None
    expected = confusion_matrix(measurements["y"], measurements["called"], normalize="true")
    np.testing.assert_allclose(np.array(data["values"]), expected[np.ix_(PLACES, PLACES)], atol=1e-12)
    assert data["rows"] == data["columns"] == [NAMES[number] for number in ORDER]
    assert sorted(ORDER) == sorted(NUMBERS)


@pytest.mark.parametrize("number", [SNIA, 64, 6, OTHER])
def test_curves_of_a_class_are_those_of_scikit_learn(number: int) -> None:
    measurements, columns = sky(4000)
    own, score = measurements["y"] == NUMBERS.index(number), measurements[f"p_{number}"]
    curve = named("roc", NAMES[number], measurements, columns)
    fpr, tpr, _ = roc_curve(own, score, drop_intermediate=False)
    assert curve["y"] == pytest.approx(np.interp(np.array(curve["x"]) + 1e-12, fpr, tpr), abs=2e-6)
    curve = named("precision", NAMES[number], measurements, columns)
    precision, recall, _ = precision_recall_curve(own, score)
    for x, y in zip(curve["x"], curve["y"], strict=True):
        assert y == pytest.approx(precision[np.flatnonzero(recall >= x - 1e-9)[-1]], abs=2e-6)


def test_novelty_curves_compare_what_the_metrics_compare() -> None:
    from blindsky.challenges.transients.metrics import NOVELTY, NOVELTY_BY_KIND

    measurements, columns = sky(6000)
    metrics = {m.key: m for m in (*NOVELTY, *NOVELTY_BY_KIND)}
    (whole,) = series(KEYS["novelty_roc"].data(measurements, columns))
    pairs = [("novelty_auroc", whole)]
    pairs += [
        (f"novelty_auroc_{h.number}", named("novelty_kinds", h.name, measurements, columns)) for h in HIDDEN
    ]
    for key, curve in pairs:
        area = auc([0.0, *curve["x"]], [0.0, *curve["y"]])
        exact = float(metrics[key].prepare(measurements)(np.ones((1, 6000)))[0])
        assert area == pytest.approx(exact, abs=0.005), "the nodes are ten to a decade"


def test_losses_of_classes_are_means_with_their_normal_interval() -> None:
    measurements, columns = sky(6000)
    data = KEYS["class_logloss"].data(measurements, columns)
    assert data is not None
    rng = np.random.default_rng(3)
    for k, number in enumerate(ORDER):
        losses = -measurements["log_p"][measurements["y"] == NUMBERS.index(number)]
        assert data["values"][k] == pytest.approx(losses.mean())
        draws = losses[rng.integers(0, len(losses), (1000, len(losses)))].mean(axis=1)
        low, high = np.quantile(draws, [0.025, 0.975])
        # 1,000 draws know an interval to about 5 %
        assert data["high"][k] - data["low"][k] == pytest.approx(high - low, rel=0.2)
    assert [label for label in data["labels"] if label.endswith("×2")] == [
        "TDE ×2",
        "kilonova ×2",
        "other ×2",
    ]


def test_loss_by_day_is_the_metric_with_the_interval_of_a_bootstrap() -> None:
    measurements, columns = sky(6000)
    data = KEYS["loss_by_day"].data(measurements, columns)
    assert data is not None
    known = tuple(0.0 if n == OTHER else w for n, w in zip(NUMBERS, WEIGHTS, strict=True))
    p = np.stack([measurements.floats(f"p_{n}") for n in NUMBERS], axis=1)
    rng = np.random.default_rng(5)
    for one, weights in zip(series(data), (WEIGHTS, known), strict=True):
        assert one["x"] == [0.5, 2, 8, 32, 128]
        for k in range(len(DAYS)):
            inside = measurements["epoch"] == k
            y, log_p = measurements["y"][inside], measurements["log_p"][inside]
            assert one["y"][k] == pytest.approx(
                weighted_logloss(y, p[inside], class_weights=weights), abs=2e-5
            )
            if k == 0:
                draws = rng.integers(0, len(y), (600, len(y)))
                w = np.array(weights)
                means = [-np.bincount(y[d], log_p[d], 15) / np.bincount(y[d], minlength=15) for d in draws]
                low, high = np.quantile(np.array(means) @ w / w.sum(), [0.025, 0.975])
                assert one["high"][k] - one["low"][k] == pytest.approx(high - low, rel=0.2)
    assert [text for _, text in data["x_ticks"]] == [str(day) for day in DAYS]
    assert {p["y_range"][1] % 1 for p in data["panels"]} == {0}, "an exact end would tell the highest loss"


def test_snia_by_threshold_holds_the_figure_of_merit() -> None:
    measurements, columns = sky(6000)
    data = KEYS["snia_threshold"].data(measurements, columns)
    assert data is not None
    efficiency, purity = series(data)
    p = np.stack([measurements.floats(f"p_{n}") for n in NUMBERS], axis=1)
    for threshold in (0.1, 0.3, 0.5):
        e, q = (one["y"][one["x"].index(threshold)] for one in (efficiency, purity))
        exact = figure_of_merit(measurements["y"], p, class_=IA, threshold=threshold)
        assert e / (1 + 3 * (1 - q) / q) == pytest.approx(exact, abs=1e-5)
    assert efficiency["x"] == sorted(efficiency["x"])


def test_bins_of_redshift_are_counted_in_the_long_way() -> None:
    measurements, columns = sky(6000)
    z, y = columns["true_z"], measurements["y"]
    efficiency, purity = series(KEYS["snia_redshift"].data(measurements, columns))
    for one, among, yes in (
        (efficiency, y == IA, measurements["snia"]),
        (purity, measurements["snia"] & (z > 0), y == IA),
    ):
        step = 0.1  # 330 SN Ia
        for at, share, adds in zip(one["x"], one["y"], one["one"], strict=True):
            inside = among & (np.floor(z / step + 1e-9) == round(at / step - 0.5))
            assert np.count_nonzero(inside) >= FEWEST
            assert share == pytest.approx(yes[inside].mean(), abs=2e-6)
            assert adds == pytest.approx(1 / np.count_nonzero(inside), rel=1e-5)


def test_completeness_is_of_distant_classes_and_adds_up() -> None:
    measurements, columns = sky(30_000)
    galactic = {c.number for c in CLASSES if c.galactic}
    for numbers_of in DISTANT.values():
        for number in numbers_of:
            assert number not in galactic | {OTHER}
            curve = named("completeness", NAMES[number], measurements, columns)
            own = measurements["y"] == NUMBERS.index(number)
            cases = 1 / np.array(curve["one"])
            # what lies in bins of fewer than ten is left out
            assert 0.97 * np.count_nonzero(own) <= round(cases.sum()) <= np.count_nonzero(own)
            right = np.mean(measurements["called"][own] == NUMBERS.index(number))
            assert cases @ np.array(curve["y"]) / cases.sum() == pytest.approx(right, abs=0.01)


@pytest.mark.parametrize("f", FIGURES, ids=lambda f: f.key)
def test_before_the_reveal_every_figure_is_rounded(f: Any) -> None:
    data = f.data(*sky(3000, part="public"))
    assert data is not None
    coarse = coarsened(f.kind, data)
    assert coarse.keys() == data.keys()
    exact, shown = np.array(numbers(data)), np.array(numbers(coarse))
    assert np.mean(exact != shown) > 0.05
