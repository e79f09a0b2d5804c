"""Ticks and scales: what must hold for any axis."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from blindsky.leaderboard.scales import Scale, span, tick_labels, ticks

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


@given(
    values=st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6), st.just(math.nan)), max_size=8),
    zero=st.booleans(),
)
def test_a_span_holds_every_value_and_is_never_empty(values: list[float | None], zero: bool) -> None:
    low, high = span(values, zero=zero)
    assert low < high
    assert all(low <= v <= high for v in values if v is not None and not math.isnan(v))
    assert not zero or low <= 0 <= high
