"""A scale and its ticks: data coordinates to those of an SVG, and round numbers to write beside an axis."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from blindsky.leaderboard.cells import number, rounding_step, step_decimals


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


@dataclass(frozen=True)
class Scale:
    """A linear map of [low, high] to [start, stop] in SVG units; called with a value, gives a coordinate."""

    low: float
    high: float
    start: float
    stop: float

    def __call__(self, value: float) -> float:
        """The coordinate of a value, to a tenth of a unit."""
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + share * (self.stop - self.start), 1)

    def marks(self, about: int = 5) -> list[tuple[float, str]]:
        """Coordinate and label of every tick."""
        values = ticks(self.low, self.high, about)
        return [(self(v), label) for v, label in zip(values, tick_labels(values), strict=True)]

    def holds(self, value: float) -> bool:
        """Whether a value lies on the axis."""
        return self.low <= value <= self.high


def span(values: Iterable[float | None], *, margin: float = 0.05, zero: bool = False) -> tuple[float, float]:
    """Ends of an axis that shows all ``values`` with a margin; None and NaN are left out.

    zero : the axis holds 0, and starts or ends there where all values are on one side.
    """
    known = [v for v in values if v is not None and math.isfinite(v)]
    if zero:
        known.append(0.0)
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    if high == low:
        low, high = low - (abs(low) or 1.0) / 2, high + (abs(high) or 1.0) / 2
    pad = margin * (high - low)
    return (low if zero and low == 0 else low - pad, high if zero and high == 0 else high + pad)
