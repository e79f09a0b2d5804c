"""The board of a release as readers use it: sorting, filtering, by keyboard alone, without a script."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

HERE = "toy-original"
ORDER = "rows => rows.map((row) => row.dataset.entry)"


@pytest.fixture
def page(tab: Any, toy_site: Path) -> Any:
    """The boards of the toy release, freshly loaded; nothing may be said on the console."""
    tab.said.clear()
    tab.open("about:blank")
    yield tab.open((toy_site / HERE / "index.html").as_uri())
    assert tab.said == []


@pytest.fixture(scope="module")
def board(toy_site: Path) -> dict[str, Any]:
    """The board of points as a program reads it."""
    found = json.loads((toy_site / HERE / "board.json").read_text(encoding="utf-8"))["boards"]
    return next(b for b in found if b["board"] == "point")


def table(page: Page) -> Locator:
    return page.locator("section[data-board=point] table.sortable").first


def order(page: Page) -> list[str]:
    """Entries by row, those on show."""
    return list(table(page).locator("tbody tr:not([hidden])").evaluate_all(ORDER))


def expected(board: dict[str, Any], key: str, *, ascending: bool) -> list[str]:
    """Entries by a metric: references on top as they stand, undefined values last."""
    first = [r["entry"] for r in board["rows"] if r["kind"] not in ("submission", "baseline")]
    rest = [r for r in board["rows"] if r["entry"] not in first]
    value = {r["entry"]: r["metrics"][key]["value"] for r in rest}
    known = sorted((e for e in value if value[e] is not None), key=lambda e: value[e], reverse=not ascending)
    return first + known + [e for e in value if value[e] is None]


@pytest.mark.parametrize(("key", "ascending"), [("mse", True), ("bias", True), ("mean_estimate", True)])
def test_a_click_sorts_by_the_values_of_the_json(
    page: Page, board: dict[str, Any], key: str, ascending: bool
) -> None:
    values = {r["entry"]: r["metrics"][key]["value"] for r in board["rows"]}
    assert len(set(values.values())) > 1
    head = table(page).locator("th", has=page.get_by_role("button", name=key, exact=True))
    assert head.get_attribute("aria-sort") == "none"
    for up in (ascending, not ascending):
        head.get_by_role("button").click()
        assert head.get_attribute("aria-sort") == ("ascending" if up else "descending")
        assert table(page).locator("th[aria-sort=ascending], th[aria-sort=descending]").count() == 1
        wanted = expected(board, key, ascending=up)
        assert [values[e] for e in order(page)] == [values[e] for e in wanted]
        assert sorted(order(page)) == sorted(wanted), "no row is lost"
        assert order(page)[0] == wanted[0], "what reads the truth stays on top"


def test_sorting_by_rank_brings_the_first_order_back(page: Page) -> None:
    ranks = "rows => rows.map((row) => row.cells[0].dataset.value)"
    before = table(page).locator("tbody tr").evaluate_all(ranks)
    buttons = table(page).locator("thead button")
    buttons.nth(1).click()
    assert table(page).locator("tbody tr").evaluate_all(ranks) != before
    buttons.nth(0).click()
    assert table(page).locator("tbody tr").evaluate_all(ranks) == before


def test_a_screen_reader_hears_what_is_sorted(page: Page) -> None:
    """The roles and names of the accessibility tree, not those of the markup."""
    shown = table(page)
    shown.get_by_role("button", name="mse", exact=True).click()
    heard = shown.aria_snapshot()
    assert 'table "' in heard and "Points" in heard.splitlines()[0]
    assert 'button "mse"' in heard and 'columnheader "Rank' in heard
    assert heard.count("rowheader") == shown.locator("tbody tr").count()
    session = page.context.new_cdp_session(page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    roles = {n["role"]["value"] for n in nodes if not n.get("ignored")}
    assert {"banner", "main", "contentinfo", "heading", "columnheader", "rowheader"} <= roles


def test_tabs_reach_every_control_in_order_and_show_where_they_are(page: Page) -> None:
    """From the top of the page by Tab alone: nothing is skipped, trapped or invisible."""
    reachable = page.evaluate(
        """() => [...document.querySelectorAll("a[href], button, input, select, summary, [tabindex='0']")]
             .filter((e) => e.checkVisibility() && !e.disabled).length"""
    )
    page.locator("body").evaluate("e => e.focus()")
    visited = []
    for _ in range(reachable):
        page.keyboard.press("Tab")
        visited.append(
            page.evaluate(
                """() => { const e = document.activeElement, s = getComputedStyle(e), b = e.getBoundingClientRect();
                     window.seen ??= []; const again = window.seen.includes(e); window.seen.push(e);
                     const shown = s.outlineStyle !== "none" && parseFloat(s.outlineWidth) > 0;
                     const inView = b.bottom > 0 && b.top < innerHeight && b.width > 0;
                     return [e.tagName, again, shown, inView, e.textContent.slice(0, 30)]; }"""
            )
        )
    assert len(visited) > 40
    assert not [v for v in visited if v[1] or v[0] == "BODY"], "no element twice, so every one once"
    assert not [v for v in visited if not v[2]], "the focus is always seen"
    assert not [v for v in visited if not v[3]]


@pytest.mark.parametrize("key", ["Enter", "Space"])
def test_the_keyboard_sorts_and_opens(page: Page, board: dict[str, Any], key: str) -> None:
    button = table(page).get_by_role("button", name="mse", exact=True)
    button.focus()
    page.keyboard.press(key)
    page.keyboard.press(key)
    assert order(page)[1:] == expected(board, "mse", ascending=False)[1:]
    assert button.evaluate("e => e === document.activeElement"), "the focus stays where it is"
    summary = page.locator("summary").first
    summary.focus()
    page.keyboard.press(key)
    assert summary.evaluate("e => e.parentElement.open")


def test_wide_tables_scroll_by_keyboard_inside_themselves(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 700})
    box = page.locator("section[data-board=point] .scroll.board").first
    assert box.evaluate("e => e.scrollWidth > e.clientWidth")
    box.focus()
    page.keyboard.press("ArrowRight")
    for _ in range(100):  # no wait_for_function: the policy of the page forbids to evaluate one
        if box.evaluate("e => e.scrollLeft") > 0:
            break
        page.wait_for_timeout(20)
    assert box.evaluate("e => e.scrollLeft") > 0
    assert page.evaluate("scrollX") == 0
    name = box.locator("tbody th").first.bounding_box()
    assert name is not None and name["x"] >= 0, "the names stay in sight"
    page.set_viewport_size({"width": 1280, "height": 900})


def test_the_filter_keeps_rows_that_hold_every_word(page: Page, board: dict[str, Any]) -> None:
    tools = page.locator("section[data-board=point] .tools").first
    everyone = order(page)
    tools.get_by_label("Filter").fill("  BELLATRIX gradient ")
    (left,) = order(page)
    assert next(r["method"] for r in board["rows"] if r["entry"] == left) == "gradient boosting"
    assert tools.get_by_role("status").inner_text() == f"1 of {len(everyone)} entries"
    tools.get_by_label("Filter").fill("nobody of that name")
    assert order(page) == []
    tools.get_by_label("Filter").fill("<script>")
    assert len(order(page)) == 1
    tools.get_by_label("Filter").fill("")
    assert order(page) == everyone
    assert tools.get_by_role("status").inner_text() == ""


def test_kinds_are_filtered_and_sorting_keeps_the_filter(page: Page, board: dict[str, Any]) -> None:
    tools = page.locator("section[data-board=point] .tools").first
    tools.get_by_label("Kind").select_option("submission")
    submissions = {r["entry"] for r in board["rows"] if r["kind"] == "submission"}
    assert set(order(page)) == submissions and len(submissions) < len(board["rows"])
    table(page).get_by_role("button", name="mse", exact=True).click()
    assert order(page) == [e for e in expected(board, "mse", ascending=True) if e in submissions]


def test_columns_go_and_come_back(page: Page) -> None:
    tools = page.locator("section[data-board=point] .tools").first
    tools.locator("summary").click()
    cells = table(page).locator("tr > :visible")
    before = cells.count()
    tools.get_by_label("bias", exact=True).uncheck()
    assert not table(page).get_by_role("button", name="bias", exact=True).is_visible()
    assert cells.count() == before - table(page).locator("tr").count()
    tools.get_by_label("bias", exact=True).check()
    assert cells.count() == before


def test_links_to_entries_lead_to_their_pages(page: Page, toy_site: Path) -> None:
    links = page.locator("a[href]").evaluate_all("all => [...new Set(all.map((a) => a.href.split('#')[0]))]")
    assert len(links) > 12
    for link in links:
        path = Path(link.removeprefix("file://"))
        assert path.is_file() and path.is_relative_to(toy_site), link


def test_names_of_others_stay_text(page: Page) -> None:
    """They are shown letter by letter, and none became an element or ran."""
    heard = page.locator("main").inner_text()
    for said in (
        '"><img src=x onerror=alert(1)><script>alert(2)</script>{{7*7}}',
        "</script><svg onload=alert(1)>",
    ):
        assert said in heard
    assert page.locator("img[src=x], svg[onload], [onerror], [onload], main script:not([type])").count() == 0
    assert page.evaluate("Object.keys(Object.prototype).length === 0 && ({}).ranked === undefined")


def test_without_a_script_the_page_reads_as_well(visit: Any, toy_site: Path, board: dict[str, Any]) -> None:
    with visit(java_script_enabled=False) as tab:
        page = tab.open((toy_site / HERE / "index.html").as_uri())
        assert table(page).locator("tbody tr").count() == len(board["rows"])
        assert page.locator(".tools:visible").count() == 0, "nothing that would not work is shown"
        page.locator("tbody th a").nth(2).click()
        assert page.get_by_role("table", name="Points").first.is_visible(), "compared with others, as a table"
        assert tab.said == []


def test_it_prints_in_full(page: Page) -> None:
    page.emulate_media(media="print")
    assert not page.locator(".scroll").evaluate_all(
        "all => all.filter((e) => getComputedStyle(e).overflowX !== 'visible').length"
    )
    page.emulate_media(media="screen")


def test_a_figure_is_as_large_alone_as_beside_others(page: Page) -> None:
    figures = page.locator(".board-figures").first
    width = (
        "all => Array.from(all.querySelectorAll('svg'), (e) => Math.round(e.getBoundingClientRect().width))"
    )
    figures.evaluate("all => all.replaceChildren(all.firstElementChild)")
    (alone,) = figures.evaluate(width)
    figures.evaluate("all => all.append(...[1, 2].map(() => all.firstElementChild.cloneNode(true)))")
    assert figures.evaluate(width) == [alone] * 3
