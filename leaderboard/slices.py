"""Slices of the cases as the site shows them: of a board an entry's primary metric each, of an entry every metric."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, NamedTuple

from blindsky.leaderboard.boards import (
    FEWEST,
    WHOLE,
    BoardTable,
    EntryView,
    ReleaseView,
    current,
    entry_id,
)
from blindsky.leaderboard.cells import EMPTY, Cell, cell
from blindsky.leaderboard.coarse import counted


class SliceRow(NamedTuple):
    """One slice of one family: its size, not exact before the reveal, and a cell for each entry id or metric key."""

    family: str
    name: str
    size: str
    cells: Mapping[str, Cell]


def slices_by_entry(release: ReleaseView, table: BoardTable) -> tuple[SliceRow, ...]:
    """The board's primary metric on every slice, one cell per entry id."""
    shown = {row.who.id for row in table.rows}
    found: dict[tuple[str, str], SliceRow] = {}
    cells: dict[tuple[str, str], dict[str, Cell]] = defaultdict(dict)
    for entry in current(release):
        for row in slices_of(release, entry, only=table.primary.key) if entry_id(entry) in shown else ():
            if row.cells:
                found.setdefault(row[:2], row)
                cells[row[:2]][entry_id(entry)] = row.cells[table.primary.key]
    order = {s.name: k for k, s in enumerate(release.challenge.slices)}
    rows = (row._replace(cells=cells[name]) for name, row in found.items())
    return tuple(sorted(rows, key=lambda r: (order.get(r.name, len(order)), r.name)))


def slices_of(release: ReleaseView, entry: EntryView, only: str | None = None) -> tuple[SliceRow, ...]:
    """Every slice of one entry, one cell per metric key, or ``only`` that of one; blank where it has few cases."""
    part, least, rows = WHOLE[release.status], FEWEST[release.status], []
    for row in entry.card.get("slices", ()):
        numbers = row["parts"].get(part)
        if numbers is not None:
            name, n, metrics = row["name"], numbers["n"], numbers["metrics"]
            cells = {
                key: _cell(release, metrics[key], (part, name, key)) if n >= least else EMPTY
                for key in metrics
                if only is None or key == only
            }
            size = f"{int(counted(n) or 0) if release.rounded else n:,}" if n >= least else f"under {least}"
            rows.append(SliceRow(row["family"], name, size, cells))
    return tuple(rows)


def _cell(release: ReleaseView, metric: Mapping[str, Any], where: tuple[str, str, str]) -> Cell:
    return cell(metric, rounded=release.rounded, least=release.least.get(where, 0.0))
