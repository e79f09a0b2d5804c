"""Score cards: intervals against other people's code, parts and slices against direct computation."""

from __future__ import annotations

import json
import math
import zlib
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from blindsky.scoring.card import Cut, card_dict, evaluate, part_dict, score, to_json, wilson
from blindsky.scoring.measurements import Array, FloatArray, Measurements, Moments, Table
from blindsky.scoring.metric import Interval, Metric, Statistic
from blindsky.scoring.sums import mean
from blindsky.scoring.weights import Replicates

KEY = bytes(range(32))
N = 400


def metric(key: str, interval: Interval = "percentile", **options: object) -> Metric:
    settings = {"direction": "low", "prepare": partial(mean, column="x"), "needs": ("x",)} | options
    return Metric(key=key, title=key, formula="", reference="", interval=interval, **settings)  # type: ignore[arg-type]


def prepare_undefined_without(measurements: Measurements, share: float) -> Statistic:
    """The mean of x, undefined wherever the first ``share`` of the replicates' weights are odd in sum."""

    def statistic(weights: Array) -> FloatArray:
        values = (weights @ measurements.floats("x")) / weights.sum(axis=1)
        odd = np.array([zlib.crc32(w.tobytes()) % 100 < 100 * share for w in weights])
        return np.where(odd & (weights.var(axis=1) > 0), np.nan, values)

    return statistic


@pytest.fixture
def x() -> NDArray[np.float64]:
    return np.random.default_rng(3).normal(5, 2, N)


@pytest.fixture
def replicates() -> Replicates:
    return Replicates(KEY, np.arange(N) * 7)


@settings(max_examples=60, deadline=None)
@given(n=st.integers(1, 500), share=st.floats(0, 1))
def test_wilson_against_scipy(n: int, share: float) -> None:
    from scipy.stats import binomtest

    k = round(share * n)
    expected = binomtest(k, n).proportion_ci(method="wilson")
    np.testing.assert_allclose(wilson(k / n, n), (expected.low, expected.high), atol=1e-12)


def test_percentile_is_the_central_range_of_the_replicates(
    x: NDArray[np.float64], replicates: Replicates
) -> None:
    part = evaluate(
        Measurements({"x": x}), [metric("m"), metric("s", "signed", direction="target")], replicates
    )
    weights = replicates.block(0, 1000).astype(float)
    direct = (weights @ x) / weights.sum(axis=1)
    np.testing.assert_allclose(part.replicates["m"], direct, rtol=1e-12)
    for key in ("m", "s"):
        found = part.scores[key]
        np.testing.assert_allclose(found.value, x.mean())
        np.testing.assert_allclose((found.low, found.high), np.quantile(direct, [0.025, 0.975]))
    # and that range is the standard error's: 2 x 1.96 / sqrt(n), within the noise of 1,000 replicates
    width = part.scores["m"].high - part.scores["m"].low
    assert width == pytest.approx(2 * 1.96 * x.std() / math.sqrt(N), rel=0.15)


def test_a_percentile_interval_covers_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for trial in range(120):
        replicates = Replicates(trial.to_bytes(32, "little"), np.arange(200))
        found = evaluate(Measurements({"x": rng.normal(0, 1, 200)}), [metric("m")], replicates, 200).scores[
            "m"
        ]
        covered += found.low <= 0 <= found.high
    assert 105 <= covered <= 120  # 114 expected; 4 standard deviations below


def test_binomial_is_wilson_of_the_share(replicates: Replicates) -> None:
    hit = (np.arange(N) < 30).astype(float)
    found = evaluate(Measurements({"x": hit}), [metric("m", "binomial")], replicates).scores["m"]
    assert (found.value, found.low, found.high) == (30 / N, *wilson(30 / N, N))
    assert found.trials == N


def test_null_is_the_band_of_a_perfect_entry_the_same_for_every_team(
    x: NDArray[np.float64], replicates: Replicates
) -> None:
    def null(measurements: Measurements, generator: np.random.Generator, base: FloatArray) -> FloatArray:
        assert base.shape == (1000, 2)
        return np.asarray(np.abs(base[:, 0] - base[:, 0].mean()) + 1e-3 * generator.random(1000))

    band = metric("band", "null", null=null, null_from=("a", "b"))
    metrics = [metric("a"), metric("b"), band]
    once, again = (evaluate(Measurements({"x": x}), metrics, replicates) for _ in range(2))
    assert once.scores["band"] == again.scores["band"]
    assert "band" not in once.replicates
    half = np.abs(once.replicates["a"] - once.replicates["a"].mean())
    assert once.scores["band"].high == pytest.approx(np.quantile(half, 0.975), abs=2e-3)
    alone = evaluate(Measurements({"x": x}), [band], replicates).scores["band"]
    assert np.isnan(alone.low) and np.isnan(alone.high) and alone.value == pytest.approx(x.mean())


def test_what_is_undefined_has_no_interval(x: NDArray[np.float64], replicates: Replicates) -> None:
    mostly = metric("mostly", prepare=partial(prepare_undefined_without, share=0.05))
    rarely = metric("rarely", prepare=partial(prepare_undefined_without, share=0.5))
    nothing = metric("nothing", prepare=lambda m: lambda w: np.full(len(w), np.nan))
    found = evaluate(Measurements({"x": x}), [mostly, rarely, nothing], replicates).scores
    assert np.isfinite(found["mostly"].low)  # more than nine in ten replicates are defined
    assert np.isfinite(found["rarely"].value) and np.isnan(found["rarely"].low)
    assert np.isnan(found["nothing"].value) and np.isnan(found["nothing"].high)


def test_a_metric_whose_columns_are_absent_is_absent(x: NDArray[np.float64], replicates: Replicates) -> None:
    part = evaluate(Measurements({"x": x}), [metric("m"), metric("no", needs=("pit",))], replicates)
    assert set(part.scores) == {"m"}


def test_no_cases_no_scores() -> None:
    part = evaluate(Measurements({"x": np.empty(0)}), [metric("m")], Replicates(KEY, np.empty(0, np.int64)))
    assert part.n == 0 and np.isnan(part.scores["m"].value) and not part.replicates


def measured(rows: Table, part_of: Array) -> dict[str, Measurements]:
    whole = Measurements(rows, {"wide": Moments(N, np.zeros(2), np.zeros((2, 2)))})
    return {
        "public": whole.select(part_of == "public"),
        "private": whole.select(part_of == "private"),
        "all": whole,
    }


def test_parts_and_slices_are_their_cases_alone(x: NDArray[np.float64], replicates: Replicates) -> None:
    part_of = np.where(np.arange(N) % 3 == 0, "public", "private")
    mask = x > 5
    calls: list[int] = []
    metrics = [metric("m"), metric("other"), metric("wide", needs=("wide",))]
    parts = measured({"x": x}, part_of)
    slices = [Cut("large", "x", mask, ("m",)), Cut("none", "x", np.zeros(N, bool))]
    card = score(parts, part_of, metrics, replicates, slices, advance=lambda: calls.append(1))
    assert len(calls) == 5
    assert {name: part.n for name, part in card.parts.items()} == {"public": 134, "private": 266, "all": N}
    assert card.parts["public"].scores["m"].value == pytest.approx(x[::3].mean())
    alone = evaluate(Measurements({"x": x[::3]}), [metric("m")], Replicates(KEY, np.arange(N)[::3] * 7))
    np.testing.assert_array_equal(card.parts["public"].replicates["m"], alone.replicates["m"])

    large, none = card.slices
    both = mask & (part_of == "public")
    assert set(large.parts["public"].scores) == {"m"}
    assert large.parts["public"].scores["m"].value == pytest.approx(x[both].mean())
    assert large.share["public"] == pytest.approx(both.sum() / 134)
    assert len(large.parts["public"].replicates["m"]) == 200
    assert none.parts["all"].n == 0 and none.share["all"] == 0
    assert "wide" not in none.parts["all"].scores  # moments of a slice are not known


def test_rows_take_the_weight_of_their_case(replicates: Replicates) -> None:
    """Three rows a case: weights belong to cases, in every part and slice."""
    rng = np.random.default_rng(5)
    case = np.repeat(np.arange(N), 3)[rng.permutation(3 * N)]
    x = rng.normal(size=3 * N)
    of_case = np.where(np.arange(N) % 2 == 0, "public", "private")
    whole = Measurements({"x": x}, case=case)
    parts = {"public": whole.select(of_case[case] == "public"), "all": whole}
    mask = np.arange(N) < 100
    card = score(parts, of_case, [metric("m")], replicates, [Cut("first", "", mask)])

    def direct(cases: NDArray[np.bool_], count: int) -> FloatArray:
        chosen = cases[case]
        weights = replicates.block(0, count)[:, case[chosen]].astype(float)
        return np.asarray((weights @ x[chosen]) / weights.sum(axis=1))

    np.testing.assert_allclose(card.parts["all"].replicates["m"], direct(np.ones(N, bool), 1000))
    np.testing.assert_allclose(card.parts["public"].replicates["m"], direct(of_case == "public", 1000))
    both = mask & (of_case == "public")
    np.testing.assert_allclose(card.slices[0].parts["public"].replicates["m"], direct(both, 200))


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_json_knows_no_nan(number: float) -> None:
    assert to_json(number) is None and to_json(0.1) == 0.1


def test_a_card_is_json(x: NDArray[np.float64], replicates: Replicates) -> None:
    part_of = np.full(N, "private")  # nothing on the public board
    slices = [Cut("large", "x", x > 5)]
    content = card_dict(score(measured({"x": x}, part_of), part_of, [metric("m")], replicates, slices))
    read = json.loads(json.dumps(content, allow_nan=False))
    assert read["parts"]["public"] == {
        "n": 0,
        "metrics": {"m": dict.fromkeys(("value", "low", "high")) | {"interval": "percentile"}},
    }
    assert read["parts"]["all"]["metrics"]["m"]["value"] == pytest.approx(x.mean())
    assert read["slices"][0]["parts"]["all"]["share"] == pytest.approx((x > 5).mean())


def test_a_share_that_hangs_on_few_cases_has_a_binomial_interval() -> None:
    measurements = Measurements({"x": np.array([0.0, 1, 0, 1, 0, 0, 0, 0])})
    replicates = Replicates(KEY, np.arange(8))
    for most in (None, 9, 7):
        sparse = None if most is None else lambda m, most=most: len(m) <= most
        found = evaluate(measurements, (metric("share", sparse=sparse),), replicates)
        score = found.scores["share"]
        assert score.interval == ("binomial" if most == 9 else "percentile")
        assert ((score.low, score.high) == wilson(0.25, 8)) == (most == 9)
        # a share of cases is one whatever its interval; boards round it to two of them
        assert part_dict(found)["metrics"]["share"].get("trials") == (None if most is None else 8)
        assert len(found.replicates["share"]) == 1_000  # ranks are compared on replicates all the same


def test_a_slice_counts_its_own_cases(replicates: Replicates) -> None:
    x = np.linspace(0, 1, N)
    part_of = np.where(np.arange(N) % 2 == 0, "public", "private")
    mask, about = x < 0.5, x < 0.1
    cut = Cut("few beside many", "", mask, (), about)
    found = score(measured({"x": x}, part_of), part_of, [metric("m")], replicates, [cut]).slices[0]
    assert found.parts["all"].n == about.sum() and found.share["all"] == about.mean()
    assert found.parts["public"].n == (about & (part_of == "public")).sum()
    assert found.parts["all"].scores["m"].value == pytest.approx(x[mask].mean())
