"""What is shown before the reveal: every number that rests on the truth rounded to a tenth of its interval.

Whoever may hand in ten predictions a day could read a hidden row off an exact count or median that changes when one
row of the prediction does. What a figure shows to the eye stays as it is.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median
from typing import Any

from blindsky.leaderboard.cells import TWO_CASES, own_width, rounding_step
from blindsky.scoring.card import wilson

Data = Mapping[str, Any]
Number = float | None
Where = tuple[str, str | None, str]  # part, slice (None: the whole) and metric
_ENDS = 3.92  # length of a 95 % interval in standard deviations


def least_widths(cards: Sequence[Data]) -> dict[Where, float]:
    """Width that the rounding of each metric follows at least.

    The median over the release's own rows, or over all entries where these have none. A prediction can be made so
    that all its cases but one score alike; its own interval would be narrow enough to show that one.
    """
    submitted = [card for card in cards if card["entry"]["kind"] == "submission"]
    own = _medians((card for card in cards if card["entry"]["kind"] != "submission"), {})
    return own | _medians(submitted, own)


def _medians(cards: Iterable[Data], known: Mapping[Where, float]) -> dict[Where, float]:
    """The median width of the intervals of what is not known yet."""
    found: dict[Where, list[float]] = defaultdict(list)
    for card in cards:
        slices = ((row["name"], row["parts"]) for row in card.get("slices", ()))
        for name, parts in ((None, card.get("parts", {})), *slices):
            for part, numbers in parts.items():
                for key, ends in numbers["metrics"].items():
                    where = (part, name, key)
                    if where not in known and (width := own_width(ends)) > 0:
                        found[where].append(width)
    return {where: median(widths) for where, widths in found.items()}


def coarsened(kind: str, data: Data) -> dict[str, Any]:
    """The data of an entry's figure as they may be shown before the reveal (kinds of ``figures.py``).

    ValueError for a kind that has no rule here, because it must not be shown as it is.
    """
    if kind not in _RULES:
        message = f"no rule says how a figure of kind {kind!r} is shown before the reveal; known are: "
        raise ValueError(message + ", ".join(sorted(_RULES)))
    return {**data, **_RULES[kind](data)}


def _rounded(value: Number, width: float) -> Number:
    if value is None:
        return None
    step = rounding_step(width if width > 0 else abs(value) or 1.0)
    return round(value / step) * step


def counted(count: Number) -> Number:
    """A number of cases, whose interval is that of a Poisson variable."""
    return None if count is None else _rounded(count, _ENDS * math.sqrt(max(count, 1.0)))


def _heights(values: Sequence[Number], one: float) -> list[Number]:
    """Heights of bins to each of which a case adds ``one``."""
    counts = [None if v is None else counted(v / one) for v in values]
    return [None if c is None else c * one for c in counts]


def _with_ends(data: Data, values: str = "values") -> dict[str, list[Number]]:
    """Values with the ends of their intervals, all rounded with the same step, of at least two cases where known."""
    found: dict[str, list[Number]] = {name: [] for name in (values, "low", "high")}
    ones = data.get("one") or [None] * len(data[values])
    for value, low, high, one in zip(data[values], data["low"], data["high"], ones, strict=True):
        width = 0.0 if low is None or high is None else high - low
        for name, x in zip(found, (value, low, high), strict=True):
            found[name].append(_rounded(x, max(width, TWO_CASES * (one or 0.0))))
    return found


def _heatmap(data: Data) -> dict[str, Any]:
    return {"counts": [[None if c is None else int(counted(c) or 0) for c in row] for row in data["counts"]]}


def _histogram(data: Data) -> dict[str, Any]:
    return {"values": _heights(data["values"], data["one"])}


def _line_pair(data: Data) -> dict[str, Any]:
    return {"series": [{**s, "values": _heights(s["values"], s["one"])} for s in data["series"]]}


def _offsets(data: Data) -> dict[str, Any]:
    return {"series": [{**s, **_with_ends(s)} for s in data["series"]]}


def _curves(data: Data) -> dict[str, Any]:
    """Their x was fixed beforehand, or follows from the prediction alone."""
    panels = [
        {**panel, "series": [{**one, **_with_ends(one, "y")} for one in panel["series"]]}
        for panel in data["panels"]
    ]
    return {"panels": panels}


def _qq(data: Data) -> dict[str, Any]:
    """The ends of the curve are 0 and 1 for everybody."""
    points = zip(data["observed"], data["band_low"], data["band_high"], strict=True)
    return {"observed": [_rounded(o, high - low) if high > low else o for o, low, high in points]}


def _matrix(data: Data) -> dict[str, Any]:
    """Shares of a row, whose interval is that of a binomial variable."""
    rows = []
    for row, one in zip(data["values"], data["one"], strict=True):
        ends = [None if v is None else wilson(v, round(1 / one)) for v in row]
        widths = [0.0 if e is None else max(e[1] - e[0], TWO_CASES * one) for e in ends]
        rows.append([_rounded(v, width) for v, width in zip(row, widths, strict=True)])
    return {"values": rows}


_RULES: dict[str, Callable[[Data], dict[str, Any]]] = {
    "heatmap": _heatmap,
    "binned_curve": _with_ends,
    "curves": _curves,
    "histogram": _histogram,
    "qq": _qq,
    "line_pair": _line_pair,
    "offsets": _offsets,
    "matrix": _matrix,
    "bars": _with_ends,
}
