"""The boards for a terminal: a table each, no wider than the window, with the numbers of the page."""

from __future__ import annotations

import math
import shutil
import sys
from collections.abc import Iterable, Sequence
from itertools import accumulate

from blindsky.leaderboard import boards
from blindsky.leaderboard.boards import BoardTable, ReleaseView, Row
from blindsky.leaderboard.cells import EMPTY
from blindsky.scoring.metric import Metric

NARROWEST = 60
SHORTEST_NAME, LONGEST_NAME = 8, 40
BETWEEN = "  "


def text(releases: Iterable[tuple[ReleaseView, Sequence[BoardTable]]], width: int | None = None) -> str:
    """The boards of releases below each other.

    width : in characters; None for that of the window, and without limit where the output goes to a file or a pipe.
    """
    wide = max(NARROWEST, _window() if width is None else width)
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


def _window() -> float:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else math.inf


def _table(table: BoardTable, wide: float) -> list[str]:
    """Place, name and metrics, the last of which are left out where they do not fit: the primary never is."""
    from rich.cells import cell_len

    if not table.rows:
        return ["no entry yet"]
    numbers = [_column(table, metric) for metric in table.metrics]
    place = [
        ["rank", *(str(row.place.rank or "\N{EN DASH}") for row in table.rows)],
        ["range", *map(_range, table.rows)],
        ["tie", *(row.place.tie for row in table.rows)],
    ]
    room = wide - sum(_width(column) + len(BETWEEN) for column in (*place, numbers[0]))
    names = ["entry", *(_short(_name(row), room) for row in table.rows)]
    ends = list(accumulate(_width(column) + len(BETWEEN) for column in (*place, names, *numbers)))
    fit = max(1, sum(end - len(BETWEEN) <= wide for end in ends[len(place) + 1 :]))
    columns = [*place, names, *numbers[:fit]]
    widths = [_width(column) for column in columns]
    lines = []
    for line in zip(*columns, strict=True):
        spaces = [" " * (w - cell_len(cell)) for w, cell in zip(widths, line, strict=True)]
        found = [
            cell + s if k == 3 else s + cell for k, (cell, s) in enumerate(zip(line, spaces, strict=True))
        ]
        lines.append(BETWEEN.join(found).rstrip())
    lines.insert(1, "\N{BOX DRAWINGS LIGHT HORIZONTAL}" * (sum(widths) + len(BETWEEN) * (len(widths) - 1)))
    left = len(numbers) - fit
    more = f"and {left} more metric{'s' if left > 1 else ''}: --json, or a wider terminal"
    return [*lines, more] if left else lines


def _column(table: BoardTable, metric: Metric) -> list[str]:
    """A metric with its head, the primary with its intervals too."""
    head = f"{metric.key} [{metric.unit}]" if metric.unit else metric.key
    cells = [row.cells.get(metric.key, EMPTY) for row in table.rows]
    primary = metric.key == table.primary.key
    return [head, *(f"{c.text} {c.range_text}".strip() if primary else c.text for c in cells)]


def _width(column: Iterable[str]) -> int:
    from rich.cells import cell_len

    return max(map(cell_len, column))


def _range(row: Row) -> str:
    return f"{row.place.rank_low}\N{EN DASH}{row.place.rank_high}" if row.place.rank else ""


def _name(row: Row) -> str:
    return row.who.name if row.who.kind == "submission" else f"{row.who.name} ({row.who.kind})"


def _short(name: str, room: float) -> str:
    """A name in the room that there is; whole where that has no end."""
    from rich.cells import cell_len, set_cell_size

    most = room if room == math.inf else int(min(max(room, SHORTEST_NAME), LONGEST_NAME))
    return name if cell_len(name) <= most else set_cell_size(name, int(most) - 1) + "…"
