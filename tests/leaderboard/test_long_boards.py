"""Boards that outgrow the page of their release: it shows the best, and a page of their own shows all."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import pytest

from blindsky.challenges.challenge import Plate
from blindsky.leaderboard import pages
from blindsky.leaderboard.site import render

HERE = "toy-easy-tiny-1"


def shown(page: Any, board: str) -> list[str]:
    """Stems of the entries in the table of a board, in order."""
    section = str(page).split(f'<h2 id="board-{board}"')[1].split("</section>")[0].split("</table>")[0]
    return re.findall(r'data-entry="([^"]+)"', section)


@pytest.fixture(scope="module")
def many() -> int:
    return pages.MANY + 25


@pytest.mark.parametrize("status", ["open", "revealed"])
def test_a_long_board_shows_its_best_and_links_to_all(
    many: int, status: str, entry: Any, release: Any
) -> None:
    made = [entry(f"e{k:03}", 1.0 + k, seed=k) for k in range(many)]
    files = render([release(entry("oracle", 0.0, kind="ceiling"), *made, status=status)])
    names = [f"e{k:03}" for k in range(many)]
    assert shown(files[f"{HERE}/index.html"], "main") == ["oracle", *names[: pages.MANY]]
    assert shown(files[f"{HERE}/board-main.html"], "main") == ["oracle", *names]
    assert f'href="board-main.html">All {many} on a page of their own' in str(files[f"{HERE}/index.html"])
    lines = list(csv.DictReader(io.StringIO(str(files[f"{HERE}/board.csv"]))))
    assert {line["entry"] for line in lines} == {"oracle", *names}, "no file leaves any out"
    for name in names:
        assert f"{HERE}/{name}.html" in files


def test_a_board_that_fits_stands_on_one_page(entry: Any, release: Any) -> None:
    files = render([release(*(entry(f"e{k:03}", 1.0 + k) for k in range(pages.MANY)))])
    assert len(shown(files[f"{HERE}/index.html"], "main")) == pages.MANY
    assert f"{HERE}/board-main.html" not in files
    assert "on a page of their own" not in str(files[f"{HERE}/index.html"])


def test_other_parts_have_a_page_after_the_reveal_alone(entry: Any, release: Any) -> None:
    entries = (
        entry("a", 1.0, values={"private": {"loss": 3.0}}),
        entry("b", 2.0, values={"private": {"loss": 0.5}}),
    )
    assert f"{HERE}/all.html" not in render([release(*entries)])
    files = render([release(*entries, status="revealed")])
    assert shown(files[f"{HERE}/index.html"], "main") == ["b", "a"], "the private part ranks"
    assert shown(files[f"{HERE}/all.html"], "main") == ["a", "b"]
    assert 'href="all.html#board-main"' in str(files[f"{HERE}/index.html"])


def test_many_plates_have_a_page_of_their_own(entry: Any, release: Any) -> None:
    pair = {
        "x_label": "z",
        "y_label": "share",
        "edges": [0, 1],
        "series": [{"label": "a", "values": [1.0]}] * 2,
    }
    for n in (pages.PLATES, pages.PLATES + 3):
        plates = tuple(Plate(f"Plate {k}", "line_pair", pair) for k in range(n))
        files = render([release(entry("a", 1.0), plates=plates)])
        assert str(files[f"{HERE}/index.html"]).count("<h3>Plate") == pages.PLATES
        assert (f"{HERE}/plates.html" in files) == (n > pages.PLATES)
    assert str(files[f"{HERE}/plates.html"]).count("<h3>Plate") == pages.PLATES + 3
    assert f'href="plates.html">All {pages.PLATES + 3} figures' in str(files[f"{HERE}/index.html"])


def test_an_entry_named_like_a_page_has_another_name(entry: Any, release: Any) -> None:
    names = ("all", "card", "compare", "board-main", "croissant")
    files = render([release(*(entry(name, 1.0 + k) for k, name in enumerate(names)), status="revealed")])
    for name in names:
        found = [f for f in files if re.fullmatch(rf"{HERE}/{name}-[0-9a-f]{{8}}\.html", f)]
        assert len(found) == 1, name
