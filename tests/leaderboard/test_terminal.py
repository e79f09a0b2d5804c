"""The board in a terminal: the numbers of the page, in the width that there is."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.cells import cell_len

from blindsky.leaderboard.boards import board_tables
from blindsky.leaderboard.terminal import text


def shown(view: Any, width: int) -> str:
    return text([(view, board_tables(view, view.parts[0]))], width)


def test_rank_range_tie_name_and_value(entry: Any, release: Any) -> None:
    view = release(entry("a", 0.5), entry("b", 0.9), entry("best", 0.1, kind="ceiling"), status="revealed")
    lines = shown(view, 120).splitlines()
    assert lines[0] == "Toy: Easy"
    assert "revealed" in lines[1]
    head = next(k for k, line in enumerate(lines) if line.startswith("rank"))
    assert lines[head].split() == ["rank", "range", "tie", "entry", "loss", "bias", "norm", "share"]
    ceiling, first, second = (line.split() for line in lines[head + 2 : head + 5])
    (table, _) = board_tables(view, "private")
    cells = [row.cells["loss"] for row in table.rows]
    assert ceiling[:3] == ["–", "method", "(ceiling)"]
    assert first[:6] == ["1", "1–1", "A", "a", "·", "method"]
    assert first[6:9] == [cells[1].text, *cells[1].range_text.split()]
    assert second[0] == "2"


@pytest.mark.parametrize("width", [20, 60, 75, 100, 200])
def test_nothing_is_wider_than_the_window(entry: Any, release: Any, width: int) -> None:
    names = ("a" * 100, "日本語" * 30, "x\x1b[31mred\n\u202e")
    view = release(*(entry(f"e{k}", k + 1.0, team=name) for k, name in enumerate(names)))
    lines = shown(view, width).splitlines()
    assert max(map(cell_len, lines)) <= max(width, 60), "the primary is always there"
    assert "\x1b" not in "".join(lines)
    assert "\u202e" not in "".join(lines)
    keys = ["loss", "bias", "norm", "share"]
    first = next(line for line in lines if line.startswith("rank")).split()[4:]
    assert first == keys[: len(first)], "the last are left out"
    left = len(keys) - len(first)
    more = f"and {left} more metric{'s' if left > 1 else ''}: --json, or a wider terminal"
    assert (more in lines) == bool(left) == (width < 100)


class Terminal(io.StringIO):
    """An output that a person looks at."""

    def isatty(self) -> bool:
        return True


def test_a_window_bounds_the_table_and_a_pipe_does_not(
    entry: Any, release: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = release(entry("a", 0.5, team="t" * 60, method="m" * 50))
    tables = [(view, board_tables(view, "public"))]
    monkeypatch.setenv("COLUMNS", "64")
    monkeypatch.setattr("sys.stdout", Terminal())
    shown = text(tables)
    assert max(map(cell_len, shown.splitlines())) <= 64 and "more metric" in shown
    monkeypatch.setattr("sys.stdout", io.StringIO())
    piped = text(tables)
    assert "more metric" not in piped and "…" not in piped and "share" in piped
    assert f"{'t' * 60} · {'m' * 50}" in piped


def test_an_open_board_is_rounded_and_says_so(entry: Any, release: Any) -> None:
    view = release(entry("a", 0.512345678), entry("late", state="waiting", reason="not scored yet"))
    found = shown(view, 120)
    assert "rounded" in found
    assert "0.5123" not in found
    assert "not on a board: late · method (waiting: not scored yet)" in found


def test_no_release_and_no_entry(release: Any) -> None:
    assert "no release" in text([])
    assert shown(release(), 80).count("no entry yet") == 2
