"""Curves with their intervals, in one panel or in several over one axis: an entry's own, or those of many together.

kind ``curves``: x_label, x_range [low, high], x_log, x_ticks [[x, text]] (absent: round numbers); panels of

    key, y_label, y_range [low, high], y_log (absent: linear)
    x_range    an axis of its own; otherwise that of the figure, with its numbers under the last panel
    title      what the curves with labels have in common, written above these
    guides     [{label, x, y}], fixed lines such as chance
    series     [{x, y}], with low and high an interval: a band or, with ``dots`` or for a lone point, bars;
               ``dotted``: from which point on the line is dotted; ``one``: what a case adds to y; ``mark``: a few
               letters written on the curve; ``style``: 0 ... 9, or 10 for ink, and then no band; ``label``: its name,
               in a legend beside the panel; ``shape``: of its dots, ``disc`` (absent), ``ring`` or ``cross``
    published  [{label, x, y}], drawn in grey
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from blindsky.leaderboard import labels
from blindsky.leaderboard.scales import Scale, span

Data = Mapping[str, Any]

WIDTH, LEFT, RIGHT, TOP = 400, 62, 384, 14
ALONE, HALF, SHARED = 240, 112, 92  # height of a panel: the only one, one of two, one of more
BETWEEN, BELOW = 16, 46
NUMBERS = 14  # height of the numbers under a panel with an axis of its own
STYLES = 10  # curves that look different
ABOVE, BEYOND = 8, 12  # how far letters on a curve may stand out of its panel, at the top and to the right
LETTER, SWATCH, LINE = 6.5, 26, 15  # of a legend: mean width of a letter, room of its line, height of a row


def together(kind: str, entries: Sequence[tuple[int, str, Data]]) -> dict[str, Any] | None:
    """The figure of one entry each as a figure of all: (style, mark, figure data) in, data of ``curves`` out.

    The curves lose their intervals. None where nobody has a curve; ValueError for a kind without curves.
    """
    if kind not in ("curves", "binned_curve"):
        message = f"figures of kind {kind!r} have no curves that could be drawn together"
        raise ValueError(message)
    found = [
        (style, mark, _as_curves(data) if kind == "binned_curve" else data) for style, mark, data in entries
    ]
    if not found:
        return None
    every = [data for _, _, data in found]
    x_range = [min(data["x_range"][0] for data in every), max(data["x_range"][1] for data in every)]
    fullest = max(
        every, key=lambda data: len(data["panels"])
    )  # a panel without enough cases is left out of a figure
    panels = []
    for key in dict.fromkeys(panel["key"] for data in (fullest, *every) for panel in data["panels"]):
        own = [(s, mark, p) for s, mark, data in found for p in data["panels"] if p["key"] == key]
        series = [
            {"x": one["x"], "y": one["y"], "mark": mark, "style": style, "dots": one.get("dots", False)}
            for style, mark, panel in own
            for one in panel["series"]
        ]
        ends = [end for _, _, panel in own for end in panel.get("y_range", ())]
        guides = own[0][2].get("guides", ())
        heights = [y for one in (*series, *guides) for y in one["y"]]
        y_range = (min(ends), max(ends)) if ends else span(heights, zero=True)
        panels.append({**own[0][2], "series": series, "y_range": y_range})
    return {**every[0], "x_range": x_range, "panels": panels}


def _as_curves(data: Data) -> dict[str, Any]:
    """A binned curve as a line through the middles of its bins."""
    edges, log = data["edges"], data.get("x_log", False)
    points = [
        ((a * b) ** 0.5 if log else (a + b) / 2, value)
        for (a, b), value in zip(pairwise(edges), data["values"], strict=True)
        if value is not None
    ]
    series = {"x": [x for x, _ in points], "y": [y for _, y in points], "dots": True}
    ends = [edges[0], edges[-1]]
    guides = [{"x": ends, "y": [line["value"]] * 2} for line in data.get("requirements", ())]
    panel = {"key": "y", "y_label": data["y_label"], "series": [series], "guides": guides}
    return {"x_label": data["x_label"], "x_range": [edges[0], edges[-1]], "x_log": log, "panels": [panel]}


def context(data: Data) -> dict[str, Any]:
    """What the template of ``curves`` shows."""
    right = _right(data["panels"])
    height = {1: ALONE, 2: HALF}.get(len(data["panels"]), SHARED)
    between = BETWEEN + (NUMBERS if any("x_range" in panel for panel in data["panels"]) else 0)
    panels = []
    for k, panel in enumerate(data["panels"]):
        top = TOP + k * (height + between)
        x, y = _scale({**data, **panel}, "x", LEFT, right), _scale(panel, "y", top + height, top)
        panels.append(
            {
                "x": x,
                "y": y,
                "top": top,
                "bottom": top + height,
                "y_label": panel["y_label"],
                "ticks": [(x(at), text) for at, text in data["x_ticks"]] if "x_ticks" in data else x.marks(6),
                "numbered": "x_range" in panel or k == len(data["panels"]) - 1,
                "legend": _legend(panel, right, top),
                "guides": [_line(guide, x, y) for guide in panel.get("guides", ())],
                "published": [
                    {"label": one["label"], "points": _line(one, x, y)} for one in panel.get("published", ())
                ],
                "series": [_series(one, x, y) for one in panel["series"]],
                "labels": _labels(panel["series"], x, y),
            }
        )
    bottom = panels[-1]["bottom"]
    names = " and ".join(dict.fromkeys(panel["y_label"] for panel in panels))
    grey = any(panel["published"] for panel in panels)
    return {
        "panels": panels,
        "right": right,
        "bottom": bottom,
        "height": bottom + BELOW,
        "x_label": data["x_label"],
        "description": f"{names} against {data['x_label']}, {_counted(data['panels'])}"
        + (f" before {len(panels[0]['published'])} published ones in grey." if grey else "."),
    }


def _counted(panels: Sequence[Data]) -> str:
    """How many curves there are, and whose where they have names."""
    named = [one["label"] for panel in panels for one in panel["series"] if "label" in one]
    if named:
        return f"curves of {', '.join(dict.fromkeys(named))}"
    return f"{len(panels[0]['series'])} curves"


def _right(panels: Sequence[Data]) -> float:
    """Right edge of the plotting area, which leaves room for the longest name of a legend."""
    names = [one["label"] for panel in panels for one in panel["series"] if "label" in one]
    if not names:
        return RIGHT
    names += [panel["title"] for panel in panels if "title" in panel]
    return WIDTH - SWATCH - 8 - math.ceil(LETTER * max(map(len, names)))


def _legend(panel: Data, right: float, top: float) -> dict[str, Any]:
    """Title and rows of the names of a panel: (style, y, name, shape of dots or None), the title at its y."""
    named = [one for one in panel["series"] if "label" in one]
    first = top + (LINE if "title" in panel else 0)
    rows = [
        (one["style"], first + LINE * k + 5, one["label"], one.get("shape")) for k, one in enumerate(named)
    ]
    return {"left": right + 8, "title": panel.get("title") if named else None, "top": top + 5, "rows": rows}


def _scale(data: Data, axis: str, start: float, stop: float) -> Scale:
    low, high = data[f"{axis}_range"]
    return Scale(low, high, start, stop, log=data.get(f"{axis}_log", False))


def _series(one: Data, x: Scale, y: Scale) -> dict[str, Any]:
    xs, ys = one["x"], one["y"]
    cut = one.get("dotted", len(xs))
    dots, own = _has_dots(one), "style" not in one
    bars = "".join(
        f"M{x(at):g} {y(y.held(low)):g}V{y(y.held(high)):g}"
        for at, low, high in zip(xs, one.get("low", ()), one.get("high", ()), strict=False)
        if dots
    )
    band = ""
    if "low" in one and own and not dots:
        around = {"x": [*xs, *reversed(xs)], "y": [*one["high"], *reversed(one["low"])]}
        band = _line(around, x, y)
    return {
        "style": one.get("style", 0),
        "own": own,
        "name": one.get("label") or one.get("mark") or "",
        "solid": "" if dots and "low" in one else _points(xs[:cut], ys[:cut], x, y),
        "dotted": _points(xs[max(cut - 1, 0) :], ys[max(cut - 1, 0) :], x, y) if cut < len(xs) else "",
        "band": band,
        "bars": bars,
        "dots": [(x(a), y(b)) for a, b in zip(xs, ys, strict=True) if y.holds(b)] if dots else [],
        "shape": one.get("shape", "disc"),
    }


def _labels(many: Sequence[Data], x: Scale, y: Scale) -> list[labels.Label]:
    """The letters of the curves that have some, each at a place of its own; those of equal curves together."""
    room = labels.Box(x.start + 1, y.stop - ABOVE, x.stop + BEYOND, y.start - 1)
    named = [
        labels.Curve(points, _has_dots(one), one.get("style", 0), one["mark"])
        for one in many
        if one.get("mark") and (points := _within(_places(one, x, y), room))
    ]
    return labels.on_curves(named, room)


def _within(points: Sequence[labels.Point], room: labels.Box) -> tuple[labels.Point, ...]:
    """Points no farther off than a line beside the room: a value beyond an axis may be as large as it likes."""
    low, high = room.top - NUMBERS, room.bottom + NUMBERS
    left, right = room.left - NUMBERS, room.right + NUMBERS
    return tuple((min(max(a, left), right), min(max(b, low), high)) for a, b in points)


def _has_dots(one: Data) -> bool:
    return one.get("dots", False) or len(one["x"]) == 1


def _line(line: Data, x: Scale, y: Scale) -> str:
    return _points(line["x"], line["y"], x, y)


def _points(xs: Sequence[float], ys: Sequence[float], x: Scale, y: Scale) -> str:
    return " ".join(f"{a:g},{b:g}" for a, b in _places({"x": xs, "y": ys}, x, y))


def _places(line: Data, x: Scale, y: Scale) -> list[labels.Point]:
    """Points of a line; what lies beyond an axis is cut off in the drawing, what a logarithm can't hold here."""
    held = [(a, y.held(b) if y.log else b) for a, b in zip(line["x"], line["y"], strict=True)]
    return [(x(a), y(b)) for a, b in held if not x.log or a > 0]
