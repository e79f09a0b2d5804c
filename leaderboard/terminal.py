"""The boards for a terminal: a table each, as wide as the window, with the numbers of the page."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence

from blindsky.leaderboard import boards
from blindsky.leaderboard.boards import BoardTable, ReleaseView, Row
from blindsky.leaderboard.cells import EMPTY

NARROWEST = 60
LONGEST_NAME = 40
BETWEEN = "  "


def text(releases: Iterable[tuple[ReleaseView, Sequence[BoardTable]]], width: int | None = None) -> str:
    """The boards of releases below each other. ``width`` in characters; None for that of the window."""
    wide = max(NARROWEST, shutil.get_terminal_size((110, 24)).columns if width is None else width)
    lines: list[str] = []
    for release, tables in releases:
        rounded = ", rounded to a tenth of each interval" if release.rounded else ""
        lines += [release.title, f"{release.release_id}, {release.status}{rounded}", ""]
        for table in tables:
            lines += [f"{table.board.title}, {boards.PART_TITLES[table.part]}", *_table(table, wide), ""]
        aside = boards.asides(release)
        lines += [f"not on a board: {one.who.name} ({one.state}: {one.reason})" for one in aside]
        lines += [""] if aside else []
    return "\n".join(lines) or "no release with its private part in this arena\n"


def _table(table: BoardTable, wide: int) -> list[str]:
    """Place, name and metrics; those that do not fit are named below."""
    from rich.cells import cell_len

    if not table.rows:
        return ["no entry yet"]
    columns = [["rank", *(str(row.place.rank or "\N{EN DASH}") for row in table.rows)]]
    columns.append(["range", *map(_range, table.rows)])
    columns.append(["tie", *(row.place.tie for row in table.rows)])
    columns.append(["entry", *(_short(_name(row)) for row in table.rows)])
    left = []
    for metric in table.metrics:
        head = f"{metric.key} [{metric.unit}]" if metric.unit else metric.key
        cells = [row.cells.get(metric.key, EMPTY) for row in table.rows]
        primary = metric.key == table.primary.key
        more = [head, *(f"{c.text} {c.range_text}".strip() if primary else c.text for c in cells)]
        if primary or sum(max(map(cell_len, c)) + len(BETWEEN) for c in [*columns, more]) <= wide + len(
            BETWEEN
        ):
            columns.append(more)
        else:
            left.append(metric.key)
    widths = [max(map(cell_len, column)) for column in columns]
    lines = []
    for line in zip(*columns, strict=True):
        spaces = [" " * (w - cell_len(cell)) for w, cell in zip(widths, line, strict=True)]
        found = [
            cell + s if k == 3 else s + cell for k, (cell, s) in enumerate(zip(line, spaces, strict=True))
        ]
        lines.append(BETWEEN.join(found).rstrip())
    lines.insert(1, "\N{BOX DRAWINGS LIGHT HORIZONTAL}" * (sum(widths) + len(BETWEEN) * (len(widths) - 1)))
    return lines + ([f"not shown in {wide} columns: {', '.join(left)}"] if left else [])


def _range(row: Row) -> str:
    return f"{row.place.rank_low}\N{EN DASH}{row.place.rank_high}" if row.place.rank else ""


def _name(row: Row) -> str:
    return row.who.name if row.who.kind == "submission" else f"{row.who.name} ({row.who.kind})"


def _short(name: str) -> str:
    from rich.cells import cell_len, set_cell_size

    return name if cell_len(name) <= LONGEST_NAME else set_cell_size(name, LONGEST_NAME - 1) + "…"
