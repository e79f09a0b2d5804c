"""Every page of the site, opened from the disk: it fits, both themes can be read, and it talks to nobody."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

OPEN_ALL = "for (const d of document.querySelectorAll('details')) d.open = true"
WIDTHS = (1280, 320, 768, 2560)
LARGEST = 300_000  # bytes of a page without its pictures
PICTURE = re.compile(rb"data:image/[\w+]+;base64,[\w+/=]+")
NAMED = {
    "button", "link", "image", "img", "table", "region", "checkbox", "radio", "combobox", "listbox", "slider",
    "searchbox", "textbox", "columnheader", "rowheader", "DisclosureTriangle", "heading", "spinbutton", "option",
}  # fmt: skip
# What sticks out of the page, and is not inside a box that scrolls
STICKING_OUT = """() => {
  const wide = document.documentElement.scrollWidth - innerWidth;
  if (wide <= 0) return "";
  const inside = (e) => { for (let p = e.parentElement; p; p = p.parentElement)
    if (getComputedStyle(p).overflowX !== "visible") return true; return false; };
  const out = [...document.body.querySelectorAll("*")].filter(
    (e) => e.getBoundingClientRect().right > innerWidth + 0.5 && !inside(e));
  const said = out.slice(0, 3).map((e) => `${e.tagName}.${e.getAttribute("class") || ""}`).join(", ");
  return `${wide} px too wide: ${said}`;
}"""


CONTRAST = {
    "runOnly": {"type": "rule", "values": ["color-contrast"]}
}  # slow, so on a page of each kind alone
OTHERS = {"rules": {"color-contrast": {"enabled": False}}}
AXE = """async (options) => (await axe.run(document, {resultTypes: ["violations"], preload: false, ...options}))
  .violations.flatMap((v) => v.nodes.slice(0, 2).map((n) => `${v.id}: ${n.html.slice(0, 160)} ${n.failureSummary}`))"""


@dataclass
class Report:
    """What was found on one page; ``violations`` of axe-core's rules where it was asked."""

    said: list[str]
    asked: list[str]
    sticking_out: dict[int, str]
    unnamed: list[str] | None = None
    violations: list[str] | None = None


Reports = dict[str, Report]


@pytest.fixture(scope="module")
def axe() -> str:
    """The source of axe-core, from the package that carries it for Playwright."""
    pytest.importorskip("axe_playwright_python", reason="the package axe-playwright-python is not installed")
    return (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def reports(visit: Any, site: Path, pages: tuple[str, ...], axe: str) -> Reports:
    """Every page once, and of pages that are alike one with a closer look."""
    found = {}
    with visit() as tab:
        for name in pages:
            tab.said.clear(), tab.asked.clear()
            page = tab.open((site / name).as_uri())
            closer = _is_looked_at_closely(name, pages, site)
            widths = {width: _at(page, width) for width in (WIDTHS if closer else WIDTHS[:2])}
            page.set_viewport_size({"width": WIDTHS[0], "height": 900})
            found[name] = Report(list(tab.said), list(tab.asked), widths)
            if closer:
                page.evaluate(OPEN_ALL)
                found[name].unnamed = _unnamed(page)
                page.evaluate(axe)
                found[name].violations = page.evaluate(AXE, OTHERS)
    return found


def _is_looked_at_closely(name: str, pages: tuple[str, ...], site: Path) -> bool:
    """Pages that stand for others: one entry of each release; of releases that others are like, the boards too."""
    folder, _, file = name.rpartition("/")
    entries = [p for p in pages if p.startswith(f"{folder}/") and _is_of_an_entry(site / p)]
    if name in entries[:1] or file == "index.html":
        return True
    like_others = folder.startswith(("toyitems", "toyfield")) or folder.endswith("biased-revealed")
    return name not in entries and not like_others and (file != "card.html" or folder == "toy-original")


def _is_of_an_entry(path: Path) -> bool:
    return (path.parent / "data" / f"{path.stem}.js").is_file()


def _at(page: Page, width: int) -> str:
    if page.viewport_size is None or page.viewport_size["width"] != width:
        page.set_viewport_size({"width": width, "height": 900})
    return str(page.evaluate(STICKING_OUT))


def _unnamed(page: Page) -> list[str]:
    """Nodes of the accessibility tree that a screen reader would announce without a name."""
    session = page.context.new_cdp_session(page)
    tree = session.send("Accessibility.getFullAXTree")["nodes"]
    session.detach()
    shown = [n for n in tree if not n.get("ignored") and n["role"]["value"] in NAMED]
    return [n["role"]["value"] for n in shown if not n.get("name", {}).get("value", "").strip()]


def listed(found: Mapping[str, Any]) -> str:
    """Page by page, to be read in a log."""
    return "\n".join(f"{name}: {what}" for name, what in found.items() if what)


def test_there_is_every_kind_of_page(pages: tuple[str, ...]) -> None:
    names = {Path(p).name for p in pages}
    assert {"index.html", "about.html", "compare.html"} <= names
    assert len(pages) > 50


def test_no_page_says_a_word_on_the_console(reports: Reports) -> None:
    assert not (said := listed({name: r.said for name, r in reports.items()})), said


def test_nothing_is_asked_of_any_host(reports: Reports, site: Path) -> None:
    here = site.as_uri()
    for name, report in reports.items():
        assert report.asked[0] == (site / name).as_uri()
        assert [url for url in report.asked if not url.startswith((here, "data:"))] == [], name


def test_no_page_scrolls_sideways(reports: Reports) -> None:
    wide = {f"{name} at {w}": said for name, r in reports.items() for w, said in r.sticking_out.items()}
    assert not (wrong := listed(wide)), wrong


def test_everything_that_can_be_used_has_a_name(reports: Reports) -> None:
    assert not (unnamed := listed({name: r.unnamed for name, r in reports.items()})), unnamed


def test_axe_finds_nothing(reports: Reports) -> None:
    assert not (found := listed({name: r.violations for name, r in reports.items()})), found
    assert sum(r.violations is not None for r in reports.values()) >= 20


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_themes_can_be_read(
    visit: Any, site: Path, pages: tuple[str, ...], axe: str, scheme: str
) -> None:
    found, papers = {}, set()
    with visit(color_scheme=scheme) as tab:
        for name in _one_of_each_kind(pages):
            page = tab.open((site / name).as_uri())
            page.evaluate(OPEN_ALL)
            page.evaluate(axe)
            found[name] = page.evaluate(AXE, CONTRAST)
            papers.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert not (violations := listed(found)), violations
    (paper,) = papers
    light = sum(map(int, re.findall(r"\d+", paper)[:3])) > 3 * 128
    assert light == (scheme == "light"), f"the {scheme} theme is drawn on {paper}"


def _one_of_each_kind(pages: tuple[str, ...]) -> list[str]:
    entries = [p for p in pages if re.match(r"(lens-original|toyitems-\w+)/2", p)]
    firsts = {p.partition("/")[0]: p for p in reversed(entries)}
    return [
        "index.html",
        "toy/index.html",
        "toy-original/index.html",
        "toy-original/compare.html",
        *firsts.values(),
    ]


def test_pages_are_small(site: Path, pages: tuple[str, ...]) -> None:
    sizes = {name: len(PICTURE.sub(b"", (site / name).read_bytes())) for name in pages}
    assert not (large := listed({name: size for name, size in sizes.items() if size >= LARGEST})), large
    scripts = {p.name: p.stat().st_size for p in site.rglob("*.js")}
    assert not (large := listed({name: size for name, size in scripts.items() if size > 40_000})), large


def test_a_sketch_is_whole_and_legible_on_a_phone(visit: Any, site: Path) -> None:
    with visit(viewport={"width": 320, "height": 700}) as tab:
        page = tab.open((site / "about.html").as_uri())
        halves = page.locator(".schematic svg")
        assert halves.count() == 2
        for k in range(2):
            box = halves.nth(k).bounding_box()
            assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= 320
        letters = page.locator(".schematic svg text").evaluate_all(
            """all => all.map((e) => [parseFloat(getComputedStyle(e).fontSize) * e.getScreenCTM().a,
                 e.getBoundingClientRect().left, e.getBoundingClientRect().right])"""
        )
        assert len(letters) == 6
        assert all(size >= 10 and left >= 0 and right <= 320 for size, left, right in letters)
