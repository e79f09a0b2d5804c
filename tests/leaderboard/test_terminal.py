"""The board in a terminal: the numbers of the page, in the width that there is."""

from __future__ import annotations

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


@pytest.mark.parametrize("width", [60, 75, 100, 200])
def test_nothing_is_wider_than_the_window(entry: Any, release: Any, width: int) -> None:
    names = ("a" * 100, "日本語" * 30, "x\x1b[31mred\n\u202e")
    view = release(*(entry(f"e{k}", k + 1.0, team=name) for k, name in enumerate(names)))
    lines = shown(view, width).splitlines()
    table = [line for line in lines if not line.startswith("not shown")]
    assert max(map(cell_len, table)) <= max(width, 90), "the primary is always there"
    assert "\x1b" not in "".join(lines)
    assert "\u202e" not in "".join(lines)
    left = {key for line in lines if line.startswith("not shown") for key in line.split(": ")[1].split(", ")}
    heads = {word for line in lines if line.startswith("rank") for word in line.split()}
    assert {"loss", "bias", "norm", "share"} == (left | heads) & {"loss", "bias", "norm", "share"}
    assert bool(left) == (width < 100)


def test_an_open_board_is_rounded_and_says_so(entry: Any, release: Any) -> None:
    view = release(entry("a", 0.512345678), entry("late", state="waiting", reason="not scored yet"))
    found = shown(view, 120)
    assert "rounded" in found
    assert "0.5123" not in found
    assert "not on a board: late · method (waiting: not scored yet)" in found


def test_no_release_and_no_entry(release: Any) -> None:
    assert "no release" in text([])
    assert shown(release(), 80).count("no entry yet") == 2
