"""A scale and its ticks, linear or logarithmic: data coordinates to those of an SVG, and numbers beside an axis."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from blindsky.leaderboard.cells import number, rounding_step, step_decimals

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def ticks(low: float, high: float, about: int = 5) -> tuple[float, ...]:
    """Round numbers between ``low`` and ``high`` > ``low``, equally spaced by 1, 2 or 5 times a power of ten.

    At least two, unless the ends are too close for float64, and at most ``about`` + 1 (or five, if that is more).
    """
    if not (math.isfinite(low) and math.isfinite(high) and high > low):
        message = f"ticks need finite ends with low < high, got {low} and {high}"
        raise ValueError(message)
    step = rounding_step(10 * (high - low) / about)
    found = _multiples(low, high, step)
    while len(found) < 2 and step > 1e-15 * max(abs(low), abs(high)):
        step = rounding_step(step * 4)  # the next finer of 1, 2, 5
        found = _multiples(low, high, step)
    return found


def _multiples(low: float, high: float, step: float) -> tuple[float, ...]:
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return tuple(k * step + 0.0 for k in range(first, last + 1))


def tick_labels(values: tuple[float, ...]) -> tuple[str, ...]:
    """The ticks as text, all with as many digits after the point as their spacing needs."""
    if len(values) < 2:
        return tuple(f"{v:g}" for v in values)
    decimals = step_decimals(values[1] - values[0])
    return tuple(number(v, decimals) for v in values)


def log_ticks(low: float, high: float, about: int = 5) -> tuple[float, ...]:
    """Powers of ten between ``low`` > 0 and ``high`` > ``low``, with 2 and 5 times those where they are few.

    At least two, or those of a linear axis; at most ``about`` + 1 powers, of many every second or third.
    """
    if not (math.isfinite(low) and math.isfinite(high) and 0 < low < high):
        message = f"a logarithmic axis needs finite ends with 0 < low < high, got {low} and {high}"
        raise ValueError(message)
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    powers = range(first, last + 1)
    if len(powers) > 2:
        every = math.ceil(len(powers) / (about + 1))
        return tuple(float(f"1e{k}") for k in powers if (last - k) % every == 0)
    for steps in ((1, 3), (1, 2, 5)):
        found = [float(f"{m}e{k}") for k in range(first - 1, last + 1) for m in steps]
        inside = tuple(t for t in found if low * (1 - 1e-9) <= t <= high * (1 + 1e-9))
        if len(inside) >= 3:
            return inside
    return ticks(low, high, about)


def log_label(value: float) -> str:
    """A tick of a logarithmic axis as text: plain near 1, a power of ten far from it."""
    if 1e-4 <= value < 1e5:
        return f"{value:g}"
    power = math.floor(math.log10(value) + 1e-9)
    factor = value / 10.0**power
    raised = str(power).translate(_RAISED)
    return f"10{raised}" if abs(factor - 1) < 1e-6 else f"{factor:g}·10{raised}"


@dataclass(frozen=True)
class Scale:
    """A map of [low, high] to [start, stop] in SVG units, linear or, with ``log``, in the logarithm.

    Called with a value, gives a coordinate. An axis without length, of data that are all alike, gets one.
    """

    low: float
    high: float
    start: float
    stop: float
    log: bool = False

    def __post_init__(self) -> None:
        """Widen an axis without length by one, or tenfold, to both sides."""
        if self.low == self.high:
            low, high = (self.low / 10, self.high * 10) if self.log else (self.low - 1, self.high + 1)
            object.__setattr__(self, "low", low)
            object.__setattr__(self, "high", high)

    def __call__(self, value: float) -> float:
        """The coordinate of a value, to a tenth of a unit. ValueError for one that no logarithmic axis can hold."""
        low, high, at = (math.log10(v) if self.log else v for v in (self.low, self.high, value))
        share = (at - low) / (high - low)
        return round(self.start + share * (self.stop - self.start), 1)

    def marks(self, about: int = 5) -> list[tuple[float, str]]:
        """Coordinate and label of every tick."""
        if self.log:
            return [(self(v), log_label(v)) for v in log_ticks(self.low, self.high, about)]
        values = ticks(self.low, self.high, about)
        return [(self(v), label) for v, label in zip(values, tick_labels(values), strict=True)]

    @property
    def ends(self) -> str:
        """The whole scale in five numbers, for the script that reads values off a figure."""
        return " ".join(f"{v:.9g}" for v in (self.low, self.high, self.start, self.stop, self.log))

    def holds(self, value: float) -> bool:
        """Whether a value lies on the axis."""
        return self.low <= value <= self.high

    def held(self, value: float) -> float:
        """The value, or the end of the axis that it lies beyond."""
        return min(max(value, self.low), self.high)


def span(values: Iterable[float | None], *, margin: float = 0.05, zero: bool = False) -> tuple[float, float]:
    """Ends of an axis that shows all ``values`` with a margin; None and NaN are left out.

    zero : the axis holds 0, and starts or ends there where all values are on one side.
    """
    known = [v for v in values if v is not None and math.isfinite(v)]
    if zero:
        known.append(0.0)
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    if high == low:
        half = abs(low) / 2 or 0.5  # half of the smallest number there is is nothing
        low, high = low - half, high + half
    pad = margin * (high - low)
    return (low if zero and low == 0 else low - pad, high if zero and high == 0 else high + pad)
