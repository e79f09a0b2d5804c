"""A value with its interval as the site prints it: how far it is rounded, how it is written.

Before the reveal a board must not leak truth, so a value is rounded to a tenth of its interval; the table,
the JSON and the CSV are all made from the same rounded cell. A share of cases is rounded to two of them or more,
because its own interval can be narrower than one. Text of others is bounded and disarmed here.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from blindsky.leaderboard.ranks import SLIP
from blindsky.scoring.card import wilson
from blindsky.scoring.measurements import FloatArray
from blindsky.scoring.metric import Metric

MAX_DECIMALS = 6
SAME = 1e-6  # of a value: narrower intervals are those of an entry that says the same of every case
TWO_CASES = 20.0  # a tenth of so many cases is two: a change of one row can't be told from none
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_BIDI = frozenset(
    map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A)))
)  # could reorder the text around them
_UNSPEAKABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_UNSHOWN = frozenset(("Cc", "Cs", "Zl", "Zp"))  # controls, lone surrogates, line and paragraph separators


def rounding_step(width: float) -> float:
    """The smallest of 1, 2, 5 times a power of ten that is not below a tenth of ``width`` > 0."""
    tenth = width / 10
    power = 10.0 ** math.floor(math.log10(tenth))
    return next(m * power for m in (1, 2, 5, 10) if m * power >= tenth * (1 - 1e-9))


def own_width(metric: Mapping[str, Any]) -> float:
    """Width of the interval of a metric of a card; 0 where it has none, or one of no width."""
    value, low, high = (_finite(metric.get(name)) for name in ("value", "low", "high"))
    return 0.0 if value is None else _width(value, low, high, None)


def share_width(metric: Mapping[str, Any] | None) -> float:
    """The width whose tenth is two cases, where a metric of a card is a share of cases; 0 where it isn't."""
    trials = (metric or {}).get("trials")
    return TWO_CASES / trials if trials else 0.0


def step_decimals(step: float) -> int:
    """Digits after the point that a multiple of ``step`` needs, at most ``MAX_DECIMALS``."""
    return min(MAX_DECIMALS, max(0, -math.floor(math.log10(step) + 1e-9)))


def number(value: float, decimals: int) -> str:
    """A number for a reader: a true minus sign, thin groups of thousands, never a negative zero."""
    text = f"{value:,.{decimals}f}".replace(",", "\N{NARROW NO-BREAK SPACE}")
    size = text.removeprefix("-")
    return text if size == text else f"\N{MINUS SIGN}{size}" if size.strip("0.") else size


@dataclass(frozen=True)
class Cell:
    """A value with the ends of its interval, None where undefined. ``interval`` says how they were made."""

    value: float | None
    low: float | None = None
    high: float | None = None
    interval: str = "none"
    decimals: int = 3

    @property
    def text(self) -> str:
        """The value, or a dash."""
        return "–" if self.value is None else number(self.value, self.decimals)

    @property
    def range_text(self) -> str:
        """The interval in brackets, or nothing."""
        if self.value is None or self.low is None or self.high is None:
            return ""
        return f"[{number(self.low, self.decimals)}, {number(self.high, self.decimals)}]"

    @property
    def range_label(self) -> str:
        """What the interval is where it isn't the value's own: the band of a perfect entry."""
        return "perfect" if self.interval == "null" else ""

    @property
    def half(self) -> float:
        """Half the length of the entry's own interval; infinite where there is none, or that of a perfect entry."""
        if self.low is None or self.high is None or self.interval == "null":
            return math.inf
        return (self.high - self.low) / 2


EMPTY = Cell(None)


def cell(
    metric: Mapping[str, Any] | None,
    replicates: FloatArray | None = None,
    *,
    rounded: bool,
    least: float = 0.0,
) -> Cell:
    """One metric of a card as a cell; ``rounded`` before the reveal.

    metric : {"value", "low", "high", "interval", of a share "trials"} of a card, or None where the card lacks it.
    replicates : shape (R,); their spread counts too where the interval is the band of a perfect entry.
    least : width that rounding follows where the interval is narrower.
    """
    if metric is None:
        return EMPTY
    value, low, high = (_finite(metric.get(name)) for name in ("value", "low", "high"))
    if value is None:
        return EMPTY
    interval = str(metric.get("interval", "none"))
    width = max(_width(value, low, high, replicates), least)
    if rounded:
        width = max(width, share_width(metric))
    # without any, as if two digits of the value were known, or three of one that may be shown as it is
    step = rounding_step(width or (abs(value) / (1 if rounded else 10)) or 10.0)
    decimals = step_decimals(step)
    if rounded:
        value = _multiple(value, step, decimals)
        if interval == "binomial" and metric.get("trials"):
            # value and ends, each rounded by itself, would together say which case it was
            low, high = wilson(min(max(value, 0.0), 1.0), metric["trials"])
        low, high = (None if x is None else _multiple(x, step, decimals) for x in (low, high))
    return Cell(value, low, high, interval, decimals)


def shown_difference(metric: Metric, of: Cell, other: Cell) -> Cell:
    """By how much ``of`` is better than ``other``, from the shown values, as if the two erred independently.

    The interval has the root of the summed squares of the two halves; its ends are rounded outwards.
    """
    if of.value is None or other.value is None:
        return EMPTY
    a, b = metric.loss(np.array([other.value, of.value]))
    decimals, half = max(of.decimals, other.decimals), math.hypot(of.half, other.half)
    value = round(float(a - b), decimals) + 0.0
    if not math.isfinite(half):
        return Cell(value, decimals=decimals)
    unit = 10.0**decimals
    low, high = (
        math.floor((value - half) * unit + SLIP) / unit,
        math.ceil((value + half) * unit - SLIP) / unit,
    )
    return Cell(value, round(low, decimals), round(high, decimals), "independent", decimals)


def tidy(text: object, limit: int = 120) -> str:
    """Text that others wrote, bounded and without control characters; escaping is left to the template."""
    shown = (c for c in str(text) if c not in _BIDI)
    clean = "".join(" " if unicodedata.category(c) in _UNSHOWN else c for c in shown).strip()
    return clean if len(clean) <= limit else clean[: limit - 1].rstrip() + "…"


def xml_text(text: str) -> str:
    """Text of characters that XML 1.0 knows; escaping is left to the writer."""
    return _UNSPEAKABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def csv_text(text: str) -> str:
    """Text that no spreadsheet takes for a formula: a leading apostrophe disarms it."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _finite(x: Any) -> float | None:
    return None if x is None or not math.isfinite(x) else float(x)


def _width(value: float, low: float | None, high: float | None, replicates: FloatArray | None) -> float:
    """Width of the interval that rounding follows, 0 where there is none: not even the slips of binary numbers."""
    widths = [] if low is None or high is None else [high - low]
    if replicates is not None and np.isfinite(replicates).any():
        ends = np.quantile(replicates[np.isfinite(replicates)], [0.025, 0.975])
        widths.append(float(ends[1] - ends[0]))
    widest = max(widths, default=0.0)
    return widest if widest > SAME * abs(value) else 0.0


def _multiple(x: float, step: float, decimals: int) -> float:
    return round(round(x / step) * step, decimals) + 0.0
