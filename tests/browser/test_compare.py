"""Comparing entries: any two to five, with the differences that the replicates give, from the disk and by keyboard."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from blindsky.leaderboard import EntryView, ReleaseView
    from blindsky.scoring.measurements import FloatArray

AFTER, BEFORE = "toy-original-revealed", "toy-original"
NUMBER = re.compile(r"-?\d+\.?\d*")


@pytest.fixture
def compare(tab: Any, toy_site: Path) -> Any:
    """Opens the page of a release with some entries chosen; it must stay silent and ask for files of the site alone."""
    tab.said.clear(), tab.asked.clear()

    def opened(release: str, *entries: str, board: str = "point") -> Page:
        tab.open("about:blank")
        chosen = f"#{board}:{','.join(entries)}" if entries else ""
        page: Page = tab.open((toy_site / release / "compare.html").as_uri() + chosen)
        page.locator("#compared").wait_for()
        return page

    yield opened
    assert tab.said == []
    assert not [url for url in tab.asked if not url.startswith((toy_site.as_uri(), "about:", "data:"))]


@pytest.fixture(scope="module")
def entries(toy_views: dict[str, ReleaseView]) -> list[EntryView]:
    """Submissions that are on the board of points, by their value in the private part."""
    shown = [
        e for e in toy_views[AFTER].entries if e.state == "valid" and e.card["entry"]["kind"] == "submission"
    ]
    return sorted(shown, key=lambda e: e.card["parts"]["private"]["metrics"]["mse"]["value"])


def stem(entry: EntryView) -> str:
    return str(entry.card["entry"]["id"])


def chosen(page: Page) -> list[str]:
    return list(page.locator("input[name=entry]:checked").evaluate_all("all => all.map((e) => e.value)"))


def rows(page: Page) -> list[list[str]]:
    """The table of differences, cell by cell."""
    lines = page.get_by_role("table", name=re.compile("By how much")).locator("tbody tr").all()
    return [[cell.inner_text() for cell in line.locator("th, td").all()] for line in lines]


def drawn(page: Page, entries: int) -> None:
    """Wait until so many entries are in the table; their scripts are loaded one by one.

    By a locator: a function would be evaluated in the page, whose policy forbids that.
    """
    page.locator("#differences-body tbody tr").nth(entries - 1).wait_for()
    assert page.locator("#differences-body tbody tr").count() == entries


def numbers(text: str) -> list[float]:
    return [float(n) for n in NUMBER.findall(text.replace("\u2212", "-").replace("\u202f", ""))]


def replicates(entry: EntryView) -> FloatArray:
    return np.asarray(entry.replicates["private/mse"])


def test_differences_are_those_of_the_paired_replicates(compare: Any, entries: list[EntryView]) -> None:
    """Against NumPy on the replicates of the cards: value, both ends, every ordered pair."""
    picked = entries[:2] + entries[-2:]
    page = compare(AFTER, *map(stem, picked))
    table = rows(page)
    assert len(table) == 4
    for i, a in enumerate(picked):
        for j, b in enumerate(picked):
            cell = table[i][4 + j]
            if i == j:
                assert not numbers(cell)
                continue
            value, low, high = numbers(cell)[:3]
            digits = max(len(n.partition(".")[2]) for n in NUMBER.findall(cell))
            gap = np.sort(replicates(b) - replicates(a))
            k = int(0.025 * len(gap))
            mse = [e.card["parts"]["private"]["metrics"]["mse"]["value"] for e in (a, b)]
            wanted = [mse[1] - mse[0], gap[k], gap[-1 - k]]
            np.testing.assert_allclose([value, low, high], wanted, atol=1.001 * 10.0**-digits)
            assert high - low > 5 * 10.0**-digits, "and enough digits to see"


def test_before_the_reveal_differences_are_of_what_the_board_shows(
    compare: Any, entries: list[EntryView], toy_site: Path
) -> None:
    import json

    found = json.loads((toy_site / BEFORE / "board.json").read_text(encoding="utf-8"))["boards"]
    board = next(b for b in found if b["board"] == "point")
    value = {r["entry"]: r["metrics"]["mse"]["value"] for r in board["rows"]}
    a, b = stem(entries[0]), stem(entries[-1])
    table = rows(compare(BEFORE, a, b))
    assert numbers(table[0][5])[0] == pytest.approx(value[b] - value[a], abs=1e-9)
    assert numbers(table[1][4])[0] == pytest.approx(value[a] - value[b], abs=1e-9)


def test_it_starts_with_the_leader_and_the_second(compare: Any, toy_site: Path) -> None:
    page = compare(AFTER)
    board = page.locator("select[name=board]").input_value()
    home = (toy_site / AFTER / "index.html").read_text(encoding="utf-8")
    first = re.findall(r'data-kind="(?:submission|baseline)" data-entry="([\w-]+)"', home)[:2]
    assert sorted(chosen(page)) == sorted(first)
    assert board == "density" and len(rows(page)) == 2


def test_two_to_five_entries_are_taken(compare: Any, entries: list[EntryView]) -> None:
    page = compare(AFTER, *map(stem, entries[:3]))
    for k in (3, 4):
        page.locator(f"input[value='{stem(entries[k])}']").check()
    drawn(page, 5)
    assert page.locator(f"input[value='{stem(entries[5])}']").is_disabled()
    said = page.locator("form [role=status]")
    assert "Five are chosen" in said.inner_text()
    for k in range(4):
        page.locator(f"input[value='{stem(entries[k])}']").uncheck()
    assert said.inner_text() == "Choose two entries or more."
    assert not page.locator("#compared").is_visible()
    assert page.url.endswith(f"#point:{stem(entries[4])}"), "the choice stands in the address"


def test_the_address_brings_the_choice_back(compare: Any, entries: list[EntryView]) -> None:
    page = compare(AFTER, stem(entries[0]), stem(entries[1]))
    page.locator(f"input[value='{stem(entries[2])}']").check()
    page.locator("select[name=board]").select_option("density")
    drawn(page, 3)
    before = rows(page)
    page.reload()
    page.locator("#compared").wait_for()
    assert rows(page) == before
    assert page.locator("select[name=board]").input_value() == "density"


@pytest.mark.parametrize(
    "address",
    [
        "nothing:x,y",
        "point:../../../etc/passwd,constructor",
        "%E0%A4%A",
        "__proto__:__proto__",
        ":,,,",
        "<img>:<b>",
    ],
)
def test_a_strange_address_is_a_page_like_any_other(
    compare: Any, tab: Any, toy_site: Path, address: str
) -> None:
    compare(AFTER)
    page = tab.open("about:blank")
    page.goto(f"{(toy_site / AFTER / 'compare.html').as_uri()}#{address}")
    page.locator("#compared").wait_for()
    assert len(rows(page)) == 2
    assert page.locator("main img").count() == 0


def test_the_keyboard_is_enough(compare: Any, entries: list[EntryView]) -> None:
    """Choose a board, find an entry, tick it, read a curve: by keys alone."""
    page = compare(AFTER, stem(entries[0]), stem(entries[1]))
    page.get_by_label("Board").focus()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.name") == "find"
    page.keyboard.type("zeta")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.type") == "checkbox"
    page.keyboard.press("Space")
    drawn(page, 3)
    slider = page.get_by_role("slider").first
    slider.focus()
    page.keyboard.press("ArrowRight")
    before = slider.get_attribute("aria-valuetext")
    page.keyboard.press("ArrowRight")
    after = slider.get_attribute("aria-valuetext")
    assert before and after and before != after
    assert page.locator(".read output").first.inner_text() == after


def test_curves_lie_over_each_other_with_a_legend(compare: Any, entries: list[EntryView]) -> None:
    page = compare(AFTER, *map(stem, entries[:3]))
    figure = page.locator("#curves-body figure").first
    lines = figure.locator("svg g[class^=curve-]")
    styles = set(lines.evaluate_all("all => all.map((g) => g.getAttribute('class'))"))
    assert len(styles) == 3
    assert page.locator("#curves-body .legend li").count() == 3
    assert figure.get_by_role("img").first.get_attribute("aria-labelledby")


def test_slices_are_a_figure_and_a_table(compare: Any, entries: list[EntryView]) -> None:
    page = compare(AFTER, stem(entries[0]), stem(entries[-1]))
    page.locator("#slices-body summary").click()
    table = page.get_by_role("table", name=re.compile("on subsets"))
    line = table.locator("tbody tr", has_text="negative x")
    shown = [numbers(cell)[0] for cell in line.locator("td").all_inner_texts()[1:]]
    wanted = [
        next(s for s in e.card["slices"] if s["name"] == "negative x")["parts"]["all"]["metrics"]["mse"][
            "value"
        ]
        for e in (entries[0], entries[-1])
    ]
    np.testing.assert_allclose(shown[:2], wanted, rtol=0.05)
    assert shown[2] == pytest.approx(shown[0] - shown[1], abs=1e-9), "how much better the second is"


def test_hostile_names_stay_text_here_too(compare: Any, toy_views: dict[str, ReleaseView]) -> None:
    hostile = next(e for e in toy_views[AFTER].entries if "<img" in e.card["entry"].get("team", ""))
    proto = next(e for e in toy_views[AFTER].entries if e.card["entry"].get("method") == "__proto__")
    page = compare(AFTER, stem(hostile), stem(proto))
    assert "<script>alert(2)</script>" in rows(page)[0][0]
    assert page.locator("main img, main script:not([type])").count() == 0
    assert page.evaluate("({}).loss === undefined")


def test_a_data_script_that_is_missing_is_said(
    compare: Any, tab: Any, toy_site: Path, tmp_path: Path
) -> None:
    import shutil

    compare(AFTER)
    copy = shutil.copytree(toy_site, tmp_path / "site")
    shutil.rmtree(copy / AFTER / "data")
    page = tab.open((copy / AFTER / "compare.html").as_uri())
    page.get_by_text("could not be read").wait_for()
    assert not page.locator("#compared").is_visible()
    tab.said.clear(), tab.asked.clear()


def test_without_a_script_it_says_where_to_look(visit: Any, toy_site: Path) -> None:
    with visit(java_script_enabled=False) as tab:
        page = tab.open((toy_site / AFTER / "compare.html").as_uri())
        assert "Without JavaScript" in page.locator("main").inner_text()
        assert page.locator("main input:visible, main select:visible").count() == 0
        page.locator("main li a").first.click()
        text = page.locator("main").inner_text()
        assert "Against others" in text and "This entry is better by" in text
        assert tab.said == []
