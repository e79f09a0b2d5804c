"""The figures of a board: every entry's primary metric with its interval, and two metrics against each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from blindsky.leaderboard import figures
from blindsky.leaderboard.boards import CEILING, BoardTable, Row
from blindsky.scoring.metric import Metric

DOTTED = 30  # ranked entries that the plot of intervals shows


def board_figures(table: BoardTable, uid: str) -> list[Markup]:
    """The interval of each entry, and where the board asks for it one metric against another."""
    primary = table.primary
    seen = best([row for row in table.rows if row.cells[primary.key].value is not None], DOTTED)
    rows = [_dot(row, primary) for row in seen]
    shown = "every entry" if seen == table.rows else "the best entries"
    if not rows:
        return []
    signs = (-1, 1) if primary.direction == "target" else (1,)
    lines = [{"value": s * r.value, "label": r.label} for r in primary.requirements for s in signs]
    drawn = [
        figures.draw(
            "dot_interval",
            {"rows": rows, "x_label": axis_label(primary), "requirements": lines},
            uid=f"{uid}-dots",
            title=f"{primary.title} of {shown}, with its interval",
        )
    ]
    known = {m.key: m for m in table.metrics}
    if table.board.compare and all(key in known for key in table.board.compare):
        x, y = (known[key] for key in table.board.compare)
        points = [_point(row, x, y) for row in table.rows if row.who.competes or row.who.kind == CEILING]
        drawn.append(
            figures.draw(
                "scatter",
                {"points": points, "x_label": axis_label(x), "y_label": axis_label(y)},
                uid=f"{uid}-scatter",
                title=f"{y.title} against {x.title}, entry by entry",
            )
        )
    return drawn


def best(rows: Sequence[Row], most: int) -> tuple[Row, ...]:
    """The references and the best of the others, at most so many, in their order."""
    competing = [row for row in rows if row.who.competes][:most]
    return tuple(row for row in rows if not row.who.competes or row in competing)


def _dot(row: Row, primary: Metric) -> dict[str, Any]:
    c = row.cells[primary.key]
    own = c.interval != "null"  # the band of a perfect entry isn't this entry's interval
    return {
        "place": str(row.place.rank or ""),
        "label": row.who.name,
        "value": c.value,
        "text": c.text,
        "low": c.low if own else None,
        "high": c.high if own else None,
        "kind": row.who.kind,
    }


def _point(row: Row, x: Metric, y: Metric) -> dict[str, Any]:
    mark = str(row.place.rank) if row.place.rank else row.who.name
    return {
        "label": row.who.name,
        "mark": mark,
        "named": not row.place.rank,
        "x": row.cells[x.key].value,
        "y": row.cells[y.key].value,
        "kind": row.who.kind,
    }


def axis_label(metric: Metric) -> str:
    """Key and unit, as on an axis."""
    return f"{metric.key} [{metric.unit}]" if metric.unit else metric.key
