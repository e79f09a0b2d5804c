"""Ticks and scales: what must hold for any axis."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from blindsky.leaderboard.scales import Scale, log_label, log_ticks, span, tick_labels, ticks

ENDS = st.floats(-1e6, 1e6).filter(lambda x: x == 0 or abs(x) > 1e-3)


@given(low=ENDS, width=st.floats(1e-3, 1e6), about=st.integers(3, 8))
def test_ticks_are_few_round_inside_and_equally_spaced(low: float, width: float, about: int) -> None:
    high = low + width
    assume(high > low)
    found = ticks(low, high, about)
    step = found[1] - found[0]
    assert 2 <= len(found) <= max(about + 1, 5)
    assert all(low - 1e-6 * width <= t <= high + 1e-6 * width for t in found)
    assert all(b - a == pytest.approx(step, rel=1e-3) for a, b in pairwise(found))
    mantissa = step / 10 ** math.floor(math.log10(step) + 1e-6)
    assert min(abs(mantissa - m) for m in (1, 2, 5)) < 1e-2
    labels = tick_labels(found)
    assert len(set(labels)) == len(labels), "no two ticks read alike"


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.0, 1.0, ("0.0", "0.2", "0.4", "0.6", "0.8", "1.0")),
        (-0.02, 0.01, ("−0.02", "−0.01", "0.00", "0.01")),
        (0.0, 3.0, ("0", "1", "2", "3")),
    ],
)
def test_labels_have_the_digits_their_spacing_needs(
    low: float, high: float, expected: tuple[str, ...]
) -> None:
    assert tick_labels(ticks(low, high, 5)) == expected


@pytest.mark.parametrize(("low", "high"), [(1.0, 1.0), (2.0, 1.0), (math.nan, 1.0), (0.0, math.inf)])
def test_ticks_refuse_an_axis_that_is_none(low: float, high: float) -> None:
    with pytest.raises(ValueError, match="low < high"):
        ticks(low, high)


@given(low=ENDS, width=st.floats(1e-3, 1e6), share=st.floats(0, 1))
def test_a_scale_is_linear_and_hits_its_ends(low: float, width: float, share: float) -> None:
    scale = Scale(low, low + width, 250.0, 10.0)
    assume(scale.high > low)
    assert (scale(scale.low), scale(scale.high)) == (250.0, 10.0)
    assert scale(low + share * (scale.high - low)) == pytest.approx(250 - 240 * share, abs=0.1)


@given(low=st.floats(1e-12, 1e6), ratio=st.floats(1.01, 1e12), about=st.integers(3, 8))
def test_logarithmic_ticks_are_few_distinct_and_inside(low: float, ratio: float, about: int) -> None:
    high = low * ratio
    found = log_ticks(low, high, about)
    assert 2 <= len(found) <= max(about + 2, 9)
    assert list(found) == sorted(set(found))
    assert all(low * (1 - 1e-6) <= t <= high * (1 + 1e-6) for t in found)
    labels = [log_label(t) for t in found]
    assert len(set(labels)) == len(labels)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (1e-4, 1.0, ("0.0001", "0.001", "0.01", "0.1", "1")),
        (0.15, 10.0, ("0.3", "1", "3", "10")),
        (1e-9, 1.0, ("10⁻⁸", "10⁻⁶", "0.0001", "0.01", "1")),
        (3.0, 3e6, ("10", "100", "1000", "10000", "10⁵", "10⁶")),
        (0.2, 0.9, ("0.2", "0.4", "0.6", "0.8")),
    ],
)
def test_logarithmic_labels(low: float, high: float, expected: tuple[str, ...]) -> None:
    assert tuple(label for _, label in Scale(low, high, 0, 1, log=True).marks(6)) == expected


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-1.0, 1.0), (1.0, 1.0), (1.0, math.inf)])
def test_logarithmic_ticks_refuse_what_has_no_logarithm(low: float, high: float) -> None:
    with pytest.raises(ValueError, match="0 < low < high"):
        log_ticks(low, high)


@given(low=st.floats(1e-9, 1e3), ratio=st.floats(1.1, 1e9), share=st.floats(0, 1))
def test_a_logarithmic_scale_is_linear_in_the_logarithm(low: float, ratio: float, share: float) -> None:
    scale = Scale(low, low * ratio, 10.0, 250.0, log=True)
    assert scale(low * ratio**share) == pytest.approx(10 + 240 * share, abs=0.06)
    assert (scale.held(low / 2), scale.held(low * ratio * 2)) == (scale.low, scale.high)


@given(
    values=st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6), st.just(math.nan)), max_size=8),
    zero=st.booleans(),
)
@example(values=[5e-324], zero=False)
def test_a_span_holds_every_value_and_is_never_empty(values: list[float | None], zero: bool) -> None:
    low, high = span(values, zero=zero)
    assert low < high
    assert all(low <= v <= high for v in values if v is not None and not math.isnan(v))
    assert not zero or low <= 0 <= high


@pytest.mark.parametrize(("value", "log"), [(0.0, False), (-3.5, False), (4.0, True)])
def test_data_that_are_all_alike_have_an_axis(value: float, log: bool) -> None:
    scale = Scale(value, value, 0, 100, log)
    assert scale(value) == 50
    assert len(scale.marks()) >= 2
