"""Areas of many contrasts: exact against the ranking module, influence values against derivatives and replicates."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blindsky.scoring import ranking
from blindsky.scoring.card import evaluate
from blindsky.scoring.contrasts import AREAS, Contrast, prepare_area, prepare_macro_auroc
from blindsky.scoring.measurements import Measurements
from blindsky.scoring.metric import Metric, ones
from blindsky.scoring.sums import mean
from blindsky.scoring.weights import Replicates

CLASSES = 4
ONE_VS_REST = tuple(Contrast(f"p_{k}", "y", k, "y", k) for k in range(CLASSES))
# Two kinds of the last class, each against all but that class
KINDS = tuple(Contrast("odd", "kind", kind, "y", CLASSES - 1) for kind in (1, 2))
EXACT = dict(zip(AREAS, (ranking.auroc, ranking.average_precision), strict=True))


def drawn(seed, n=None, levels=12):
    """A small table with many ties; some classes may be absent."""
    rng = np.random.default_rng(seed)
    n = n or int(rng.integers(4, 60))
    y = rng.integers(0, int(rng.integers(1, CLASSES + 1)), n).astype(np.int8)
    rows = {"y": y, "kind": np.where(y == CLASSES - 1, rng.integers(1, 3, n), 0)}
    for k in range(CLASSES):
        rows[f"p_{k}"] = ((rng.integers(0, levels, n) + 4 * (y == k)) / 32).astype(np.float32)
    rows["odd"] = rng.integers(0, levels, n) - 3.0
    return rng, rows


def sides(rows, contrast):
    """Label, score and row numbers of the two sides of a contrast, for the ranking module."""
    positive, negative = rows[contrast.column] == contrast.value, rows[contrast.against] != contrast.but
    chosen = np.flatnonzero(positive | negative)
    return positive[chosen], rows[contrast.score][chosen].astype(float), chosen


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 100_000))
def test_areas_are_those_of_the_ranking_module(seed):
    rng, rows = drawn(seed)
    n = len(rows["y"])
    block = np.stack([np.ones(n), rng.poisson(1, n), rng.random(n), np.zeros(n)])
    found = []
    for contrast in (*ONE_VS_REST, *KINDS):
        label, score, chosen = sides(rows, contrast)
        for area, exact in EXACT.items():
            statistic = prepare_area(Measurements(rows), contrast, area, CLASSES)
            expected = [exact(label, score, weights=w[chosen]) for w in block]
            np.testing.assert_allclose(statistic(block), expected, atol=1e-13)
            np.testing.assert_allclose(statistic(ones(n)), expected[:1], atol=1e-13)
            found.append(expected)
    aurocs = np.array(found)[: 2 * CLASSES : 2]  # (classes, B)
    defined = [column[np.isfinite(column)] for column in aurocs.T]
    expected = [column.mean() if len(column) else np.nan for column in defined]
    macro = prepare_macro_auroc(Measurements(rows), ONE_VS_REST, CLASSES)
    np.testing.assert_allclose(macro(block), expected, atol=1e-13)


@pytest.mark.parametrize("area", AREAS)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 100_000))
def test_first_order_is_the_derivative(area, seed):
    rng, rows = drawn(seed, n=40)
    step = 1e-4 * rng.standard_normal((1, 40))
    for contrast in (*ONE_VS_REST, *KINDS):
        table = Measurements(rows)
        exact = prepare_area(table, contrast, area, CLASSES)
        quick = prepare_area(table, contrast, area, CLASSES, use="replicates")
        value = exact(ones(40))
        np.testing.assert_allclose(quick(ones(40)), value, atol=1e-6)
        slope = (exact(1 + step) - exact(1 - step)) / 2e-4
        first = (quick(1 + step) - quick(1 - step)) / 2e-4
        if np.all((value > 0.01) & (value < 0.99)):  # beyond lies the end of the range
            np.testing.assert_allclose(first, slope, atol=3e-3)  # single precision over the step


def test_every_contrast_of_a_table_keeps_its_own_values():
    """Statistics prepared one after the other share one table of influence values."""
    rng, rows = drawn(3, n=500)
    together, block = Measurements(rows), rng.poisson(1, (4, 500)).astype(np.uint8)
    contrasts = (*ONE_VS_REST, *KINDS)
    statistics = [
        prepare_area(together, c, area, CLASSES, use="replicates") for c in contrasts for area in AREAS
    ]
    alone = [
        prepare_area(Measurements(rows), c, area, CLASSES, use="replicates")(block)
        for c in contrasts
        for area in AREAS
    ]
    np.testing.assert_allclose([s(block) for s in statistics], alone, rtol=1e-6)
    macro = prepare_macro_auroc(together, ONE_VS_REST, CLASSES, use="replicates")(block)
    np.testing.assert_allclose(macro, np.mean(alone[: 2 * CLASSES : 2], axis=0), rtol=1e-6)


@pytest.mark.parametrize("positives", [133, 1000, 20_000])
def test_the_spread_of_exact_replicates(positives):
    n, count = 100_000, 160
    rng = np.random.default_rng(positives)
    y = np.zeros(n, dtype=np.int8)
    y[rng.permutation(n)[:positives]] = 1
    score = (1 / (1 + np.exp(4 - rng.standard_normal(n) - 3.0 * y))).astype(np.float32)
    table = Measurements({"y": y, "p": score, "label": y == 1, "score": score})
    contrast, replicates = Contrast("p", "y", 1, "y", 1), Replicates(b"key", np.arange(n))
    quick = [prepare_area(table, contrast, area, 2, use="replicates") for area in AREAS]
    exact = [ranking.prepare_auroc(table), ranking.prepare_average_precision(table)]
    blocks = [replicates.block(first, 32) for first in range(0, count, 32)]
    for mine, theirs in zip(quick, exact, strict=True):
        first = np.concatenate([mine(block) for block in blocks])
        true = np.concatenate([theirs(block) for block in blocks])
        # the same replicates: the ratio knows no chance but that of the second order
        assert first.std() == pytest.approx(true.std(), rel=0.03)
        assert np.corrcoef(first, true)[0, 1] > 0.99


def test_replicates_stay_within_the_range_and_undefined_ones_are_so():
    y = np.array([1, 0, 0, 0, 1, 0], dtype=np.int8)
    rows = {"y": y, "p": np.array([0.9, 0.8, 0.7, 0.6, 0.65, 0.1], dtype=np.float32)}
    contrast = Contrast("p", "y", 1, "y", 1)
    block = np.array([[9, 1, 1, 1, 0, 1], [0, 1, 1, 1, 0, 1], [1, 0, 0, 0, 1, 0], [0, 9, 9, 1, 1, 1]])
    block = block.astype(np.uint8)
    for area, undefined in zip(AREAS, ([1, 2], [1]), strict=True):
        quick = prepare_area(Measurements(rows), contrast, area, 2, use="replicates")(block)
        exact = prepare_area(Measurements(rows), contrast, area, 2)(block)
        assert list(np.flatnonzero(np.isnan(quick))) == list(np.flatnonzero(np.isnan(exact))) == undefined
        assert np.all((quick >= 0) & (quick <= 1) | np.isnan(quick))


def test_a_metric_may_have_another_statistic_for_its_replicates():
    n = 200
    measurements = Measurements({"x": np.random.default_rng(5).normal(5, 1, n)})
    facts = {"title": "", "direction": "low", "needs": ("x",), "formula": "", "reference": ""}
    plain = Metric(key="plain", prepare=lambda m: mean(m, "x"), **facts)
    other = Metric(
        key="other",
        prepare=lambda m: mean(m, "x"),
        replicate=lambda m: lambda weights: 100 + mean(m, "x")(weights),
        **facts,
    )
    part = evaluate(measurements, [plain, other], Replicates(b"key", np.arange(n)), 40)
    assert part.scores["other"].value == part.scores["plain"].value
    np.testing.assert_array_equal(part.replicates["other"], 100 + part.replicates["plain"])
    assert part.scores["other"].low > 100
