"""The comparison of any two to five entries of a release: a page, and beside it a small script of data per entry.

The page loads the scripts of the chosen entries alone, so it works from ``file://``, where nothing can be fetched. A
script holds what the entry's own page shows and, after the reveal, the replicates of every board's primary as
integers; the page takes differences replicate by replicate as ``ranks.py`` does.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from markupsafe import Markup

from blindsky.challenges.challenge import Figure
from blindsky.leaderboard import boards, pages
from blindsky.leaderboard.boards import BoardTable, EntryView, ReleaseView
from blindsky.leaderboard.cells import Cell
from blindsky.leaderboard.overlay import caption, dashed, figure_data, published_curves
from blindsky.leaderboard.prose import typeset
from blindsky.leaderboard.ranks import TAIL
from blindsky.leaderboard.slices import SliceRow, slices_by_entry
from blindsky.scoring.measurements import FloatArray

PAGE = "compare.html"
MOST = 40_000  # bytes of a data script
FINE = 5_000  # steps of the integers in an interval, at least
LINES = frozenset(("curves", "binned_curve", "histogram", "qq"))  # figures that can lie over each other

Data = Mapping[str, Any]


def files(
    release: ReleaseView, tables: Sequence[BoardTable], names: Mapping[str, str], home: str
) -> dict[str, str]:
    """The page and the data script of each entry. ``tables`` of the part that ranks; ``names`` the file stems."""
    entries = sorted(boards.current(release), key=boards.entry_id)
    slices = {table.board.name: slices_by_entry(release, table) for table in tables}
    found = {PAGE: _page(release, entries, tables, slices, names, home)}
    for entry in entries:
        stem = names[boards.entry_id(entry)]
        found[name(stem)] = script(stem, release, entry, tables, slices)
    return found


def name(stem: str) -> str:
    """The data script of an entry with this file stem."""
    return f"data/{stem}.js"


def script(
    stem: str,
    release: ReleaseView,
    entry: EntryView,
    tables: Sequence[BoardTable],
    slices: Mapping[str, Sequence[SliceRow]],
) -> str:
    """The data script of an entry; curves that would make it larger than ``MOST`` are named under ``left_out``."""
    i = boards.entry_id(entry)
    standing = {table.board.name: (table, row) for table in tables for row in table.rows if row.who.id == i}
    content: dict[str, Any] = {
        "boards": {board: _standing(*found) for board, found in standing.items()},
        "slices": {
            board: [_shown(s.cells[i]) if i in s.cells else None for s in slices[board]] for board in standing
        },
        "figures": {},
        "left_out": [],
    }
    room = MOST - len(_as_script(stem, content))
    for figure in _figures(release):
        data = figure_data(release, entry, figure)
        if data is not None:
            lines = _lines(figure.kind, data)
            room -= len(figure.key) + 4 + (needed := len(_json(lines)))  # quotes, colon, comma
            if room >= 0:
                content["figures"][figure.key] = lines
            else:
                room += needed
                content["left_out"].append(figure.key)
    return _as_script(stem, content)


def _as_script(stem: str, content: Data) -> str:
    """Pure ASCII, so a byte is a character."""
    return f"(globalThis.blindsky??={{}})[{json.dumps(stem)}]={_json(content)};\n"


def _json(content: Any) -> str:
    """JSON that can stand inside a page: nothing in it closes a tag or opens a comment."""
    text = json.dumps(content, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _standing(table: BoardTable, row: boards.Row) -> dict[str, Any]:
    found: dict[str, Any] = {
        "rank": row.place.rank,
        "range": [row.place.rank_low, row.place.rank_high],
        "tie": row.place.tie,
        "shown": _shown(row.cells[table.primary.key]),
    }
    contender = table.contenders.get(row.who.id)  # of a revealed release alone
    if contender is not None and math.isfinite(contender.loss):
        found["loss"] = contender.loss
        if len(contender.replicates):
            found["replicates"] = integers(contender.replicates)
    return found


def integers(replicates: FloatArray) -> dict[str, Any]:
    """Losses as ``from + step * of[r]``, the step a power of ten; null where one is undefined."""
    finite = np.sort(replicates[np.isfinite(replicates)])
    if not len(finite):
        return {"from": 0.0, "step": 1.0, "of": [None] * len(replicates)}
    k = int(TAIL * len(finite))
    width = float(finite[len(finite) - 1 - k] - finite[k]) or float(finite[-1] - finite[0])
    step = float(f"1e{math.floor(math.log10(width / FINE))}") if width > 0 else 1.0
    middle = float(finite[len(finite) // 2])
    of = [round((x - middle) / step) if math.isfinite(x) else None for x in replicates.tolist()]
    return {"from": middle, "step": step, "of": of}


def _shown(cell: Cell) -> list[Any]:
    """Value, ends, digits after the point; whether the ends are the entry's own."""
    own = cell.interval != "null"
    return [*(_digits(x, cell.decimals) for x in (cell.value, cell.low, cell.high)), cell.decimals, int(own)]


def _digits(x: float | None, decimals: int) -> float | None:
    return None if x is None else round(x, decimals) + 0.0


def _figures(release: ReleaseView) -> list[Figure]:
    """Figures whose curves of several entries can lie over each other, those declared so first."""
    found = [f for f in release.challenge.figures if f.kind in LINES and (f.together or f.kind != "curves")]
    return sorted(found, key=lambda f: not f.together)


def _lines(kind: str, data: Data) -> dict[str, Any]:
    """An entry's figure as lines: {x: [low, high], panels: [{y: [low, high], lines: [{x, y, low, high, dots}]}]}."""
    if kind == "curves":
        return {
            "x": data["x_range"],
            "panels": [
                {
                    "key": panel["key"],
                    **({"x": panel["x_range"]} if "x_range" in panel else {}),
                    **({"y": panel["y_range"]} if "y_range" in panel else {}),
                    "lines": [_line(one) for one in panel["series"]],
                }
                for panel in data["panels"]
            ],
        }
    if kind == "qq":
        line = {"x": data["nominal"], "y": data["observed"]}
        return {"x": [0, 1], "panels": [{"y": [0, 1], "lines": [_line(line)]}]}
    edges = data["edges"]
    if kind == "histogram":
        line = {
            "x": [x for a, b in pairwise(edges) for x in (a, b)],
            "y": [y for y in data["values"] for _ in "ab"],
        }
    else:
        middle = [(a * b) ** 0.5 if data.get("x_log") else (a + b) / 2 for a, b in pairwise(edges)]
        line = {"x": middle, "y": data["values"], "low": data["low"], "high": data["high"], "dots": True}
    return {"x": [edges[0], edges[-1]], "panels": [{"lines": [_line(line)]}]}


def _line(one: Data) -> dict[str, Any]:
    """One line to four digits; blank points are left in as null, where the line breaks."""
    found: dict[str, Any] = {
        key: [_four(x) for x in one[key]] for key in ("x", "y", "low", "high") if one.get(key) is not None
    }
    if one.get("dots"):
        found["dots"] = 1
    return found


def _four(x: float | None) -> float | None:
    if x is None or not math.isfinite(x):
        return None
    short = float(f"{x:.4g}")
    return int(short) if short == int(short) and abs(short) < 1e6 else short


def _page(
    release: ReleaseView,
    entries: Sequence[EntryView],
    tables: Sequence[BoardTable],
    slices: Mapping[str, Sequence[SliceRow]],
    names: Mapping[str, str],
    home: str,
) -> str:
    content = {
        "rounded": release.rounded,
        "boards": {t.board.name: _described(t, slices[t.board.name], names) for t in tables},
        "figures": [_frame(release, f, entries) for f in _figures(release)],
    }
    rows: dict[str, boards.Row] = {}
    for row in (row for table in tables for row in table.rows):
        rows.setdefault(row.who.id, row)
    return pages.render_page(
        "compare.html.j2",
        scripts=("site.js", "chart.js", "versus.js", "compare.js"),
        loads=True,
        root="../",
        title=f"Compare entries of {release.title}",
        release=release,
        home=home,
        tables=tables,
        rows=sorted(rows.values(), key=lambda row: (not row.who.competes, row.place.rank == 0)),
        pages=names,
        whole=boards.PART_TITLES[boards.WHOLE[release.status]],
        ranking=boards.PART_TITLES[release.parts[0]],
        content=Markup(_json(content)),
    )


def _described(table: BoardTable, slices: Sequence[SliceRow], names: Mapping[str, str]) -> dict[str, Any]:
    """What the page says of a board, and which two entries it compares unless told: the leader and the second."""
    primary = table.primary
    return {
        "title": table.board.title,
        "key": primary.key,
        "unit": primary.unit,
        "direction": primary.direction,
        "target": primary.target,
        "entries": [names[row.who.id] for row in table.rows],
        "first": [names[row.who.id] for row in table.ranked[:2]],
        "slices": [[typeset(s.family), typeset(s.name), s.size] for s in slices],
    }


def _frame(release: ReleaseView, figure: Figure, entries: Sequence[EntryView]) -> dict[str, Any]:
    """What a figure of many entries has once: title, axes, guides, published curves."""
    every = [d for e in entries if (d := figure_data(release, e, figure)) is not None]
    frame: dict[str, Any] = {"key": figure.key, "title": figure.title, "caption": caption(release, figure)}
    if not every:
        return {**frame, "panels": []}
    found = every[0]
    frame["caption"] += dashed(found)
    frame |= {"x_label": typeset(found["x_label"]), "x_log": bool(found.get("x_log"))}
    if figure.kind != "curves":
        return {
            **frame,
            "panels": [
                {"y_label": typeset(found["y_label"]), "y_log": bool(found.get("y_log")), **_behind(found)}
            ],
        }
    behind = published_curves(release, figure)
    panels: dict[str, Data] = {}
    for panel in (panel for data in every for panel in data["panels"]):
        panels.setdefault(panel["key"], panel)
    return {
        **frame,
        "x_ticks": found.get("x_ticks"),
        "panels": [
            {
                "key": panel["key"],
                "y_label": typeset(panel["y_label"]),
                "y_log": bool(panel.get("y_log")),
                "guides": [_line(g) for g in panel.get("guides", ())],
                "published": [_line(p) for p in behind.get(panel["key"], ())],
            }
            for panel in panels.values()
        ],
    }


def _behind(data: Data) -> dict[str, Any]:
    """The lines and the band that lie behind every entry: requirements, and what a calibrated one would have."""
    if "nominal" in data:
        x = [0, 1]
        band = {"x": data["nominal"], "low": data["band_low"], "high": data["band_high"]}
        return {"guides": [{"x": x, "y": x}], "band": _line(band)}
    x = [data["edges"][0], data["edges"][-1]]
    heights = [line["value"] for line in data.get("requirements", ())]
    if data.get("reference") is not None:
        heights.append(data["reference"])
    found: dict[str, Any] = {"guides": [{"x": x, "y": [height] * 2} for height in heights]}
    if data.get("band"):
        low, high = data["band"]
        found["band"] = {"x": x, "low": [low] * 2, "high": [high] * 2}
    return found
