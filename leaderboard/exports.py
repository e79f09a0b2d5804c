"""The boards as files for programs: ``board.json`` and ``board.csv``, from the tables of the page itself."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

from blindsky.leaderboard.boards import Aside, BoardTable, ReleaseView, Row
from blindsky.leaderboard.cells import EMPTY, csv_text

SCHEMA = 1
PLACE = ("rank", "rank_low", "rank_high", "tie")
HEAD = ("release", "board", "part", *PLACE, "entry", "kind", "team", "method", "submitted")


def board_json(release: ReleaseView, tables: Sequence[BoardTable], aside: Sequence[Aside]) -> str:
    """Every board and part of a release as JSON text."""
    content = {
        "schema": SCHEMA,
        "release": release.release_id,
        "challenge": release.challenge.name,
        "track": release.track,
        "size": release.size,
        "status": release.status,
        "rounded": release.rounded,
        "digests": dict(release.digests),
        "boards": [_board(table) for table in tables],
        "not_on_a_board": [e.who._asdict() | {"state": e.state, "reason": e.reason} for e in aside],
    }
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _board(table: BoardTable) -> dict[str, Any]:
    return {
        "board": table.board.name,
        "part": table.part,
        "cases": table.cases,
        "primary": table.primary.key,
        "direction": table.primary.direction,
        "rows": [_row(row) for row in table.rows],
    }


def _row(row: Row) -> dict[str, Any]:
    return {
        "entry": row.who.id,
        "kind": row.who.kind,
        "team": row.who.team,
        "method": row.who.method,
        "submitted": row.who.submitted,
        "rank": row.place.rank,
        "rank_low": row.place.rank_low,
        "rank_high": row.place.rank_high,
        "tie": row.place.tie,
        "metrics": {
            key: {"value": c.value, "low": c.low, "high": c.high, "interval": c.interval}
            for key, c in row.cells.items()
        },
    }


def board_csv(release: ReleaseView, tables: Sequence[BoardTable]) -> str:
    """Every board and part of a release as CSV text: a line per entry, empty cells where undefined."""
    shown = {m.key for table in tables for m in table.metrics}
    keys = [m.key for m in release.challenge.metrics if m.key in shown]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*HEAD, *(f"{key}{end}" for key in keys for end in ("", "_low", "_high"))])
    for table in tables:
        for row in table.rows:
            numbers = [row.cells.get(key, EMPTY) for key in keys]
            writer.writerow(
                [csv_text(t) for t in (release.release_id, table.board.name, table.part)]
                + [row.place.rank, row.place.rank_low, row.place.rank_high]
                + [
                    csv_text(t)
                    for t in (
                        row.place.tie,
                        row.who.id,
                        row.who.kind,
                        row.who.team,
                        row.who.method,
                        row.who.submitted,
                    )
                ]
                + ["" if x is None else x for c in numbers for x in (c.value, c.low, c.high)]
            )
    return out.getvalue()
