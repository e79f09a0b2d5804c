"""Figures along names instead of numbers: a matrix of shares with text in its cells, and bars with their intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from blindsky.leaderboard.cells import number
from blindsky.leaderboard.scales import Scale, span

Data = Mapping[str, Any]

WIDTH, TOP = 400, 14
WIDE = 720  # of a matrix, which takes the place of two figures
LETTER = 6.2  # mean width
CELL = 27  # height of a row of a matrix
UNWRITTEN = 0.005  # a share below this has no text
DARK = 0.6  # from this share on the text of a cell is light
BAR = 19  # height of a row of bars


def matrix(data: Data) -> dict[str, Any]:
    """What the template of ``matrix`` shows: shares of classes called others, or of a plane, where ``counts`` are.

    In a plane a share of 0 is said, and how many rows a cell has where that is known.
    """
    rows, columns, values, counts = data["rows"], data["columns"], data["values"], data.get("counts")
    least = UNWRITTEN if counts is None else 0.0
    left = 30 + math.ceil(LETTER * max(map(len, rows)))
    width, bottom = (WIDE - 8 - left) / len(columns), TOP + CELL * len(rows)
    cells = [
        {
            "x": round(left + width * i, 1),
            "y": TOP + CELL * j,
            "opacity": round(value, 2),
            "dark": value >= DARK,
            "text": _share(value),
            "full": f"{rows[j]} called {columns[i]}: {number(value, 2)}"
            if counts is None
            else f"{rows[j]}, {columns[i]}: {number(value, 2)}" + (f" of {counts[j][i]:,}" if counts else ""),
        }
        for j, row in enumerate(values)
        for i, value in enumerate(row)
        if value is not None and value >= least
    ]
    blank = sum(value is None for row in values for value in row)
    slant = math.ceil(LETTER * max(map(len, columns)) * math.sin(math.pi / 4))
    return {
        "cells": cells,
        "left": left,
        "right": WIDE - 8,
        "bottom": bottom,
        "cell": (round(width, 1), CELL),
        "rows": [(TOP + CELL * (j + 0.5) + 4, name) for j, name in enumerate(rows)],
        "columns": [(round(left + width * (i + 0.5), 1), name) for i, name in enumerate(columns)],
        "grid": [TOP + CELL * j for j in range(len(rows) + 1)],
        "width": WIDE,
        "height": bottom + slant + 34,
        "x_label": data["x_label"],
        "y_label": data["y_label"],
        "description": f"{data['y_label']} by {data['x_label']}, {len(rows)} by {len(columns)} shares of a row; "
        f"{blank} cells are blank.",
    }


def _share(value: float) -> str:
    """A share in as few characters as two decimals need: .07, .98, 1."""
    return number(value, 2).removeprefix("0") if value < 1 - UNWRITTEN else "1"


def bars(data: Data) -> dict[str, Any]:
    """What the template of ``bars`` shows."""
    labels, mark = data["labels"], data.get("mark")
    left, right = 16 + math.ceil(LETTER * max(map(len, labels))), WIDTH - 14
    bottom = TOP + BAR * len(labels)
    heights = [*data["values"], *data["low"], *data["high"], *([mark["value"]] if mark else [])]
    x = Scale(*span(heights, zero=True), left, right)
    return {
        "x": x,
        "left": left,
        "right": right,
        "bottom": bottom,
        "height": bottom + (62 if mark else 46),
        "rows": _rows(data, x),
        "thick": BAR - 9,
        "mark": None if mark is None else {"at": x(mark["value"]), "label": mark["label"], "y": bottom + 55},
        "x_label": data["x_label"],
        "description": f"{data['x_label']} of {', '.join(labels)}, with 95 % intervals.",
    }


def _rows(data: Data, x: Scale) -> Sequence[dict[str, Any]]:
    """A name each, with its bar and interval where it has them."""
    columns = (data[name] for name in ("labels", "values", "low", "high"))
    rows = []
    for k, (label, value, low, high) in enumerate(zip(*columns, strict=True)):
        row = {"label": label, "y": TOP + BAR * k + BAR / 2, "width": None, "text": ""}
        if value is not None and low is not None and high is not None:
            row |= {"width": round(x(value) - x(0), 1), "low": x(low), "high": x(high)}
            row["text"] = f"{label}: {number(value, 2)} [{number(low, 2)}, {number(high, 2)}]"
        rows.append(row)
    return rows
