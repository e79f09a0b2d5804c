"""Slices of the cases as the site shows them: of a board an entry's primary metric each, of an entry every metric."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from blindsky.leaderboard.boards import (
    FEWEST,
    WHOLE,
    BoardTable,
    EntryView,
    ReleaseView,
    current,
    entry_id,
    least_width,
)
from blindsky.leaderboard.cells import EMPTY, Cell, cell


class SliceRow(NamedTuple):
    """One slice of one family: cases in it, and a cell for each entry id or metric key."""

    family: str
    name: str
    cases: int | None
    cells: Mapping[str, Cell]


def slices_by_entry(release: ReleaseView, table: BoardTable) -> tuple[SliceRow, ...]:
    """The board's primary metric on every slice, one cell per entry id."""
    shown = {row.who.id for row in table.rows}
    known = {entry_id(e): slices_of(release, e) for e in current(release) if entry_id(e) in shown}
    found: dict[tuple[str, str], SliceRow] = {}
    for i, rows in known.items():
        for row in rows:
            slot = found.setdefault((row.family, row.name), SliceRow(row.family, row.name, row.cases, {}))
            if table.primary.key in row.cells:
                found[row.family, row.name] = slot._replace(
                    cells={**slot.cells, i: row.cells[table.primary.key]}
                )
    order = {s.name: k for k, s in enumerate(release.challenge.slices)}
    rows_found = (row for row in found.values() if row.cells)
    return tuple(sorted(rows_found, key=lambda r: (order.get(r.name, len(order)), r.name)))


def slices_of(release: ReleaseView, entry: EntryView) -> tuple[SliceRow, ...]:
    """Every slice of one entry, one cell per metric key; blank below ``FEWEST`` cases."""
    rows = []
    for part_slice in entry.card.get("slices", ()):
        numbers = part_slice["parts"].get(WHOLE[release.status])
        if numbers is not None:
            few = numbers["n"] < FEWEST
            cells = {
                key: EMPTY
                if few
                else cell(
                    metric,
                    rounded=release.rounded,
                    least=least_width(release, key, WHOLE[release.status], part_slice["name"]),
                )
                for key, metric in numbers["metrics"].items()
            }
            rows.append(
                SliceRow(part_slice["family"], part_slice["name"], None if few else numbers["n"], cells)
            )
    return tuple(rows)
