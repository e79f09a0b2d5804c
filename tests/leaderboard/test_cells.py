"""Rounding, writing and disarming of what the site shows."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blindsky.challenges.lens.metrics import TPR0
from blindsky.leaderboard.cells import cell, csv_text, number, rounding_step, step_decimals, tidy
from blindsky.scoring.card import evaluate, part_dict
from blindsky.scoring.measurements import Measurements
from blindsky.scoring.weights import Replicates


@pytest.mark.parametrize(
    ("width", "step", "decimals"),
    [(0.004, 0.0005, 4), (0.01, 0.001, 3), (0.011, 0.002, 3), (5.0, 0.5, 1), (6.0, 1.0, 0), (300.0, 50.0, 0)],
)
def test_a_step_is_a_tenth_of_the_interval_or_the_next_of_1_2_5(
    width: float, step: float, decimals: int
) -> None:
    assert rounding_step(width) == pytest.approx(step)
    assert step_decimals(rounding_step(width)) == decimals


@given(width=st.floats(1e-5, 1e6))
def test_a_step_is_never_finer_than_a_tenth_nor_coarser_than_a_quarter(width: float) -> None:
    assert width / 10 * (1 - 1e-6) <= rounding_step(width) <= width / 4 * (1 + 1e-6)


def test_before_the_reveal_value_and_ends_are_multiples_of_the_step() -> None:
    card = {"value": 0.123456, "low": 0.10111, "high": 0.14999, "interval": "percentile"}
    shown = cell(card, rounded=True)
    assert (shown.value, shown.low, shown.high) == (0.125, 0.1, 0.15)
    assert (shown.text, shown.range_text) == ("0.125", "[0.100, 0.150]")


def test_after_the_reveal_the_file_holds_the_whole_value() -> None:
    card = {"value": 0.123456, "low": 0.10111, "high": 0.14999, "interval": "percentile"}
    shown = cell(card, rounded=False)
    assert shown.value == 0.123456
    assert shown.text == "0.123"


def test_the_spread_of_the_value_counts_beside_the_band_of_a_perfect_entry() -> None:
    card = {"value": 0.5123, "low": 0.001, "high": 0.002, "interval": "null"}
    assert cell(card, rounded=True).value == pytest.approx(0.5123)
    assert cell(card, np.linspace(0.4, 0.6, 101), rounded=True).value == pytest.approx(0.52)
    assert cell(card, rounded=True).range_label == "perfect"


def test_a_narrow_interval_does_not_make_the_step_finer_than_asked() -> None:
    card = {"value": 0.123456, "low": 0.1234, "high": 0.1235, "interval": "percentile"}
    shown = cell(card, rounded=True, least=0.05)
    assert (shown.value, shown.low, shown.high) == (0.125, 0.125, 0.125)


@pytest.mark.parametrize("n", [3, 45, 900, 15_000])
def test_before_the_reveal_a_share_shows_no_case_of_it(n: int) -> None:
    """TPR0 of every number of lenses above the first non-lens: what is shown are steps of two lenses or more."""
    shown: dict[Any, list[int]] = {}
    step = rounding_step(20 / n)
    for k in range(min(n, 60) + 1):
        score = np.concatenate([np.full(k, 0.9), np.full(n - k, 0.1), [0.5]])
        measurements = Measurements({"label": np.arange(n + 1) < n, "score": score})
        card = part_dict(evaluate(measurements, [TPR0], Replicates(b"k" * 32, np.arange(n + 1)), 4))
        found = cell(card["metrics"]["tpr0"], rounded=True, least=3.84 / (n + 3.84))  # type: ignore[index]
        assert found.value is not None
        assert found.value / step == pytest.approx(round(found.value / step), abs=1e-3)
        shown.setdefault((found.value, found.low, found.high), []).append(k)
    assert len(shown) == len({value for value, _, _ in shown}), "the ends say no more than the value"
    alike = list(shown.values())
    assert all(len(counts) > 1 for counts in alike[1:-1])
    assert len(alike) <= (n if n < 60 else 60) / 2 + 1
    exact = cell(
        {"value": 1 / n, "low": 0.0, "high": 0.1, "interval": "binomial", "trials": n}, rounded=False
    )
    assert exact.value == 1 / n


@pytest.mark.parametrize("value", [0.123456, -98765.4321, 0.0])
def test_without_an_interval_two_digits_are_shown(value: float) -> None:
    shown = cell({"value": value, "low": None, "high": None, "interval": "none"}, rounded=True)
    assert shown.value == pytest.approx(value, rel=0.1)
    assert shown.value == float(f"{shown.value:.2g}")


@pytest.mark.parametrize(
    "metric", [None, {"value": None, "low": 0.0, "high": 1.0}, {"value": math.nan, "low": None, "high": None}]
)
def test_the_undefined_is_an_empty_cell(metric: dict[str, float] | None) -> None:
    shown = cell(metric, rounded=False)
    assert (shown.value, shown.text, shown.range_text) == (None, "–", "")


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [(-0.25, 2, "−0.25"), (-0.001, 2, "0.00"), (1234567.0, 0, "1\u202f234\u202f567"), (0.5, 1, "0.5")],
)
def test_numbers_for_readers(value: float, decimals: int, text: str) -> None:
    assert number(value, decimals) == text


@pytest.mark.parametrize("start", list("=+-@\t\r\n＝＋－＠"))
def test_no_cell_of_a_csv_is_a_formula(start: str) -> None:
    assert csv_text(f"{start}cmd|' /C calc'!A0").startswith("'")


@pytest.mark.parametrize("text", ["", "plain", "a=b", "3.2", "'quoted", "Δz"])
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert csv_text(text) == text


def test_names_are_bounded_and_without_controls() -> None:
    assert tidy("a" * 500) == "a" * 119 + "…"
    assert tidy("a\x00b\nc\u2028d\ud800") == "a b c d"
    assert tidy("\u202eevil\u2066") == "evil", "overrides of the direction are dropped"
    assert tidy("نیم\u200cفاصله") == "نیم\u200cفاصله", "joiners belong to the script and stay"


def test_nothing_at_all_is_a_plain_zero() -> None:
    shown = cell({"value": 0.0, "low": 0.0, "high": 0.0, "interval": "percentile"}, rounded=False)
    assert (shown.text, shown.range_text) == ("0", "[0, 0]")
