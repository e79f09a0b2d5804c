"""What programs read of a release, from the tables of the page itself: the boards, how to cite, what the data are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from blindsky.leaderboard import flat
from blindsky.leaderboard.boards import Aside, BoardTable, ReleaseView, Row
from blindsky.leaderboard.cite import bibtex
from blindsky.leaderboard.croissant import croissant

SCHEMA = 1


def files(
    release: ReleaseView, tables: Sequence[BoardTable], aside: Sequence[Aside]
) -> dict[str, str | bytes]:
    """Every such file by its name in the folder of the release."""
    table = flat.columns(release, tables)
    words = f"Every board of {release.title}, release {release.release_id}"
    found: dict[str, str | bytes] = {
        "board.json": board_json(release, tables, aside),
        "board.csv": flat.as_csv(table),
        "board.parquet": flat.as_parquet(table),
        "board.vot": flat.as_votable(table, release.release_id, words),
        "cite.bib": bibtex(release),
    }
    if release.public:
        found["croissant.json"] = croissant(release)
    return found


def board_json(release: ReleaseView, tables: Sequence[BoardTable], aside: Sequence[Aside]) -> str:
    """Every board and part of a release as JSON text."""
    content = board_content(release, tables, aside)
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def board_content(
    release: ReleaseView, tables: Sequence[BoardTable], aside: Sequence[Aside]
) -> dict[str, Any]:
    """The same as plain data."""
    return {
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
