"""SVG figures from the cards' figure data: numbers become coordinates here, templates/figures draws them.

No plotting library: a figure is a few thousand bytes of text in the page, takes the page's colours in light
and in dark, and carries a title and a description for those who don't see it. What a cell of fewer than ten
cases hides is None in the data and stays blank.

Kinds and their data (lists of equal length unless said; lines, requirements and bands may be absent, x_log and y_log
ask for a logarithmic axis):

heatmap       x_edges (nx + 1), y_edges (ny + 1), counts (ny, nx); lines [{label, x, y}]; x_log, y_log
binned_curve  edges (n + 1), values, low, high (n); requirements [{value, label}]; x_log
curves        see curves.py
histogram     edges (n + 1), values (n), one; reference (a height); band [low, high]; mark {value, label} (on x)
qq            nominal, observed, band_low, band_high
line_pair     edges (n + 1), series: two of {label, values (n), one}
offsets       labels (n), series [{label, values, low, high}]; bands [{half, label}]
dot_interval  rows [{place, label, value, text, low, high, kind}]; requirements [{value, label}]
scatter       points [{label, mark, named, x, y, kind}], named where the mark is a name
matrix        rows (ny names), columns (nx names), values (ny, nx) from 0 to 1, one (ny)
bars          labels (n), values, low, high, one (n); mark {value, label}

``one`` is the height that one case adds to a bin, or a list of them, from which coarse.py knows how far to round.
All but dot_interval, bars and offsets carry x_label and y_label, dot_interval and bars x_label and offsets y_label.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any

from markupsafe import Markup

from blindsky.leaderboard import curves, labels, named
from blindsky.leaderboard.cells import number, tidy
from blindsky.leaderboard.scales import Scale, span
from blindsky.leaderboard.store import remembered
from blindsky.leaderboard.templating import environment

WIDTH, HEIGHT = 400, 300
LEFT, RIGHT, TOP, BOTTOM = 62, 384, 14, 254  # edges of the plotting area
LEVELS = 7  # shades of a heat map
ROW = 34  # height of one row of a dot-interval plot: a name above its line
FEW_ROWS, FAR = 5, 8.0  # from so many rows on, what lies so many median distances off is drawn at the end
NAME_LENGTH = 44  # longest name inside a figure; the table beside it holds the whole

Data = Mapping[str, Any]
Number = float | None


def draw(kind: str, data: Data, *, uid: str, title: str) -> Markup:
    """One figure as inline SVG. ``uid`` is unique in its page; ValueError where nothing draws ``kind``."""
    if kind not in _KINDS:
        message = f"no template draws figures of kind {kind!r}; known kinds are {', '.join(sorted(_KINDS))}"
        raise ValueError(message)
    svg: str = remembered(["figure", kind, data, uid, title], lambda: _svg(kind, data, uid, title))
    return Markup(svg)


def _svg(kind: str, data: Data, uid: str, title: str) -> str:
    context = {"width": WIDTH, "height": HEIGHT, "left": LEFT, "right": RIGHT, "top": TOP, "bottom": BOTTOM}
    context |= {"uid": uid, "title": title, "x_label": "", "y_label": ""} | _KINDS[kind](data)
    return environment().get_template(f"figures/{kind}.svg.j2").render(context)


def is_wide(kind: str) -> bool:
    """Whether a figure takes the place of two beside each other."""
    return kind in _WIDE


def _axes(data: Data, x: tuple[float, float], y: tuple[float, float]) -> dict[str, Any]:
    return {
        "x": Scale(*x, LEFT, RIGHT, log=data.get("x_log", False)),
        "y": Scale(*y, BOTTOM, TOP, log=data.get("y_log", False)),
        "x_label": data["x_label"],
        "y_label": data["y_label"],
    }


def _heatmap(data: Data) -> dict[str, Any]:
    xs, ys, counts = data["x_edges"], data["y_edges"], data["counts"]
    axes = _axes(data, (xs[0], xs[-1]), (ys[0], ys[-1]))
    x, y = axes["x"], axes["y"]
    known = [c for row in counts for c in row if c is not None]
    fewest, most = min(known, default=0), max(known, default=0)
    paths = [""] * LEVELS
    for j, row in enumerate(counts):
        for i, count in enumerate(row):
            if count is not None:
                left, top = x(xs[i]), y(ys[j + 1])
                paths[_level(count, fewest, most)] += (
                    f"M{left:g} {top:g}h{x(xs[i + 1]) - left:.1f}v{y(ys[j]) - top:.1f}H{left:g}z"
                )
    shades = [(round(0.14 + 0.86 * k / (LEVELS - 1), 2), path) for k, path in enumerate(paths)]
    lines = [
        {"label": line["label"], "points": _points(line["x"], line["y"], x, y)}
        for line in data.get("lines", ())
    ]
    blank = sum(c is None for row in counts for c in row)
    text = f"Density of cases on {len(xs) - 1} by {len(ys) - 1} cells, {fewest} to {most} cases in a cell; "
    return axes | {
        "shades": shades,
        "lines": lines,
        "fewest": fewest,
        "most": most,
        "description": text + f"{blank} cells of fewer than 10 cases are blank.",
    }


def _level(count: float, fewest: float, most: float) -> int:
    """Shade of a count, on a logarithmic scale from the fewest to the most."""
    if most <= fewest:
        return LEVELS - 1
    return round((LEVELS - 1) * math.log(count / fewest) / math.log(most / fewest))


def _binned_curve(data: Data) -> dict[str, Any]:
    edges, requirements = data["edges"], data.get("requirements", ())
    heights = [*data["values"], *data["low"], *data["high"], *(line["value"] for line in requirements)]
    axes = _axes(data, (edges[0], edges[-1]), span(heights, zero=True))
    x, y = axes["x"], axes["y"]
    bins = [
        {
            "x1": x(a),
            "x2": x(b),
            "y": y(v),
            "low": y(low),
            "high": y(high),
            "text": _reading(a, b, v, low, high),
        }
        for a, b, v, low, high in zip(
            edges[:-1], edges[1:], data["values"], data["low"], data["high"], strict=True
        )
        if v is not None and low is not None and high is not None
    ]
    blank = len(data["values"]) - len(bins)
    lines = _requirement_lines(requirements, y)
    return axes | {
        "bins": bins,
        "named": _line_names(lines, bins),
        "zero": y(0) if y.low < 0 else None,
        "requirements": lines,
        "description": f"{data['y_label']} in {len(bins)} bins of {data['x_label']}, with 95 % intervals; "
        f"{blank} bins are blank.",
    }


def _requirement_lines(requirements: Sequence[Data], scale: Scale) -> list[dict[str, Any]]:
    """Lines with their labels; the label of a line and its mirror image (-value) is written once."""
    lines, written = [], set()
    for line in requirements:
        if scale.holds(line["value"]):
            label = "" if line["label"] in written else line["label"]
            written.add(line["label"])
            lines.append({"at": scale(line["value"]), "label": label})
    return lines


def _line_names(lines: Sequence[Data], bins: Sequence[Data]) -> list[tuple[labels.Point, str]]:
    """The names of level lines and their middles, off the bins where there is room."""
    taken = set()
    for b in bins:
        middle = (b["x1"] + b["x2"]) / 2
        taken |= labels.inked([(b["x1"], b["y"]), (b["x2"], b["y"])])
        taken |= labels.inked([(middle, b["low"]), (middle, b["high"])])
    for line in lines:  # of a line and its mirror image one has no name, and is as much in the way
        taken |= labels.inked([(LEFT, line["at"]), (RIGHT, line["at"])])
    named = [(line["at"], line["label"]) for line in lines if line["label"]]
    middles = labels.on_lines(named, taken, labels.Box(LEFT, TOP - 10, RIGHT, BOTTOM))
    return [(middle, label) for middle, (_, label) in zip(middles, named, strict=True)]


def _histogram(data: Data) -> dict[str, Any]:
    edges, values = data["edges"], data["values"]
    band, reference, mark = data.get("band"), data.get("reference"), data.get("mark")
    heights = [*values, *(band or ()), reference, 0.0]
    axes = _axes(data, (edges[0], edges[-1]), span(heights, zero=True))
    x, y = axes["x"], axes["y"]
    bars = [
        {"x": x(a), "y": y(v), "width": round(x(b) - x(a), 1), "height": round(BOTTOM - y(v), 1)}
        for a, b, v in zip(edges[:-1], edges[1:], values, strict=True)
        if v is not None
    ]
    return axes | {
        "bars": bars,
        "band": None if band is None else (y(band[1]), round(y(band[0]) - y(band[1]), 1)),
        "reference": None if reference is None else y(reference),
        "mark": None if mark is None else {"at": x(mark["value"]), "label": mark["label"]},
        "description": f"Histogram of {data['x_label']} in {len(values)} bins; "
        f"{len(values) - len(bars)} bins of fewer than 10 cases are blank.",
    }


def _qq(data: Data) -> dict[str, Any]:
    axes = _axes(data, (0.0, 1.0), (0.0, 1.0))
    x, y = axes["x"], axes["y"]
    ends = [(n, o) for n, o in zip(data["nominal"], data["observed"], strict=True) if o is not None]
    worst = max((abs(o - n) for n, o in ends), default=0.0)
    around = [*data["nominal"], *reversed(data["nominal"])]
    return axes | {
        "curve": _points([n for n, _ in ends], [o for _, o in ends], x, y),
        "dots": [(x(n), y(o)) for n, o in ends],
        "band": _points(around, [*data["band_high"], *reversed(data["band_low"])], x, y),
        "description": f"{data['y_label']} against {data['x_label']}; the largest distance from the diagonal "
        f"is {number(worst, 2)}.",
    }


def _line_pair(data: Data) -> dict[str, Any]:
    edges, series = data["edges"], data["series"]
    heights = [v for one in series for v in one["values"]]
    axes = _axes(data, (edges[0], edges[-1]), span(heights, zero=True))
    x, y = axes["x"], axes["y"]
    return axes | {
        "series": [{"label": s["label"], "path": _steps(edges, s["values"], x, y)} for s in series],
        "key_right": _free_third([s["values"] for s in series]),
        "description": f"{data['y_label']} in {len(edges) - 1} bins of {data['x_label']}: "
        + " and ".join(s["label"] for s in series)
        + ".",
    }


def _free_third(heights: Sequence[Sequence[Number]]) -> float:
    """Right end of the third of the plot where the lines leave most room above them; the right one of equals."""
    n = len(heights[0])

    def highest(third: int) -> float:
        inside = slice(third * n // 3, max((third + 1) * n // 3, third * n // 3 + 1))
        return max((v for values in heights for v in values[inside] if v is not None), default=0.0)

    return LEFT + (min((2, 1, 0), key=highest) + 1) * (RIGHT - LEFT) / 3


def _steps(edges: Sequence[float], values: Sequence[Number], x: Scale, y: Scale) -> str:
    """A path along the tops of the bins, broken where a bin is blank."""
    path, drawn = "", False
    for a, b, v in zip(edges[:-1], edges[1:], values, strict=True):
        if v is not None:
            path += f"V{y(v):g}H{x(b):g}" if drawn else f"M{x(a):g} {y(v):g}H{x(b):g}"
        drawn = v is not None
    return path


def _offsets(data: Data) -> dict[str, Any]:
    series, bands = data["series"], data.get("bands", ())
    heights = [v for s in series for v in (*s["values"], *s["low"], *s["high"])]
    heights += [sign * band["half"] for band in bands for sign in (-1, 1)]
    low, high = span(heights, margin=0.08, zero=True)
    n, names = len(data["labels"]), [s["label"] for s in series]
    ends = labels.in_a_row(names, 36, (LEFT, RIGHT))
    axes = _axes({"x_label": data.get("x_label", ""), **data}, (0.0, float(n)), (low, high))
    x, y = axes["x"], axes["y"]
    marks = []
    for k, one in enumerate(series):
        shift = (k - (len(series) - 1) / 2) * 0.22
        for i, (v, lo, hi) in enumerate(zip(one["values"], one["low"], one["high"], strict=True)):
            if v is not None and lo is not None and hi is not None:
                at = x(i + 0.5 + shift)
                marks.append({"x": at, "y": y(v), "low": y(lo), "high": y(hi), "series": k})
    return axes | {
        "marks": marks,
        "labels": [(x(i + 0.5), label) for i, label in enumerate(data["labels"])],
        "series": [{"label": name, "at": at} for name, at in zip(names, ends, strict=True)],
        "key_y": HEIGHT + 8,
        "height": HEIGHT + (20 if len(series) > 1 else 0),
        "zero": y(0),
        "bands": [
            {"top": y(b["half"]), "height": round(y(-b["half"]) - y(b["half"]), 1), "label": b["label"]}
            for b in bands
        ],
        "description": f"{data['y_label']} in {n} bins, with 95 % intervals"
        + (f" and the bands {', '.join(b['label'] for b in bands)}." if bands else "."),
    }


def _dot_interval(data: Data) -> dict[str, Any]:
    rows = [r for r in data["rows"] if r["value"] is not None]
    requirements = data.get("requirements", ())
    left, right, bottom = 14, WIDTH - 14, TOP + ROW * len(rows) + 6
    x = Scale(*_kept_span(rows, [line["value"] for line in requirements]), left, right)
    marks = []
    for i, r in enumerate(rows):
        mark = {"y": TOP + ROW * i + 23, "label": _isolated(r["label"]), "full": r["label"], "low": None}
        mark |= {"place": r["place"], "kind": r["kind"], "off": "", "text": r["text"]}
        if not x.holds(r["value"]):
            mark["off"] = "left" if r["value"] < x.low else "right"
        elif r["low"] is not None and r["high"] is not None:
            mark |= {"low": x(max(r["low"], x.low)), "high": x(min(r["high"], x.high))}
        marks.append(mark | {"x": x(min(max(r["value"], x.low), x.high))})
    lines = [line for line in requirements if x.holds(line["value"])]
    words = list(dict.fromkeys(f"{number(abs(line['value']), 3)} {line['label']}" for line in lines))
    off = sum(bool(mark["off"]) for mark in marks)
    return {
        "x": x,
        "marks": marks,
        "left": left,
        "right": right,
        "bottom": bottom,
        "height": bottom + 44 + 17 * len(words),
        "lines": [x(line["value"]) for line in lines],
        "named": [(bottom + 56 + 17 * k, label) for k, label in enumerate(words)],
        "x_label": data["x_label"],
        "description": f"{data['x_label']} of {len(marks)} entries, with 95 % intervals"
        + (f"; {off} lie beyond the axis." if off else "."),
    }


def _kept_span(rows: Sequence[Data], lines: Sequence[float]) -> tuple[float, float]:
    """Ends of the axis: a few entries far from all others don't press these together, they are marked at the end.

    The leader, the first row with a place, is always on it.
    """
    leader = next((r for r in rows if r["place"]), None)
    values = [r["value"] for r in rows]
    kept = list(rows)
    if len(rows) >= FEW_ROWS:
        middle = median(values)
        spread = median(abs(v - middle) for v in values)
        kept = [r for r in rows if abs(r["value"] - middle) <= FAR * spread or spread == 0 or r is leader]
    return span([*(r[name] for r in kept for name in ("value", "low", "high")), *lines])


def _scatter(data: Data) -> dict[str, Any]:
    points = [p for p in data["points"] if p["x"] is not None and p["y"] is not None]
    axes = _axes(
        data, span([p["x"] for p in points], margin=0.08), span([p["y"] for p in points], margin=0.08)
    )
    x, y = axes["x"], axes["y"]
    placed = [
        {**p, "x": x(p["x"]), "y": y(p["y"]), "mark": _isolated(p["mark"]), "width": 6.2 * len(p["mark"])}
        for p in points
    ]
    for p in placed:
        p["at"] = _label_place(p, placed)
    _share(placed)
    return axes | {
        "points": placed,
        "description": f"{data['y_label']} against {data['x_label']} for {len(points)} entries.",
    }


def _share(placed: Sequence[dict[str, Any]]) -> None:
    """Of entries at one place the first has the marks of all."""
    first: dict[tuple[float, float], dict[str, Any]] = {}
    for p in placed:
        above = first.setdefault((p["x"], p["y"]), p)
        if above is not p:
            above["mark"], p["mark"] = f"{above['mark']}, {p['mark']}", ""


def _label_place(point: Data, others: Sequence[Data]) -> tuple[float, float, str]:
    """Where the letters of a mark stand, x, y and anchor: beside, above or below, where least is in their way."""
    beside = [(8, 4, "start"), (-8, 4, "end")]
    along = [(0, -10, "start"), (0, 18, "start"), (0, -10, "end"), (0, 18, "end")]

    def crowd(place: tuple[int, int, str]) -> float:
        dx, dy, anchor = place
        left = point["x"] + dx - (point["width"] if anchor == "end" else 0)
        right, bottom = left + point["width"], point["y"] + dy
        inside = left > LEFT and right < RIGHT and TOP + 8 < bottom < BOTTOM - 2
        # other marks with the room for their own letters beside them
        near = [p for p in others if p is not point and left - 18 < p["x"] < right + 18]
        return 10 * (not inside) + len([p for p in near if bottom - 17 < p["y"] < bottom + 9])

    dx, dy, anchor = min([*along, *beside] if point["named"] else [*beside, *along], key=crowd)
    return point["x"] + dx, point["y"] + dy, anchor


def _points(xs: Sequence[float], ys: Sequence[float], x: Scale, y: Scale) -> str:
    return " ".join(f"{x(a):g},{y(b):g}" for a, b in zip(xs, ys, strict=True))


def _reading(a: float, b: float, value: float, low: float, high: float) -> str:
    return f"{a:g} to {b:g}: {value:.3g} [{low:.3g}, {high:.3g}]".replace("-", "\N{MINUS SIGN}")


def _isolated(text: str) -> str:
    """A bounded name that can't turn the direction of the text around it."""
    return f"\N{FIRST STRONG ISOLATE}{tidy(text, NAME_LENGTH)}\N{POP DIRECTIONAL ISOLATE}"


_KINDS: dict[str, Callable[[Data], dict[str, Any]]] = {
    "heatmap": _heatmap,
    "binned_curve": _binned_curve,
    "curves": curves.context,
    "histogram": _histogram,
    "qq": _qq,
    "line_pair": _line_pair,
    "offsets": _offsets,
    "dot_interval": _dot_interval,
    "scatter": _scatter,
    "matrix": named.matrix,
    "bars": named.bars,
}
_WIDE = frozenset(("matrix",))
