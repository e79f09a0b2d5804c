"""Figures that answer the pointer: what is read is what the card holds, and a legend hides what it names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from blindsky.leaderboard import ReleaseView

HOSTILE = "</title><script>alert(1)</script>"
NUMBER = r"\u2212?\d+(?:\.\d+)?(?:e[+\u2212]?\d+)?"


@pytest.fixture(scope="module")
def tab(visit: Any) -> Iterator[Any]:
    with visit() as opened:
        yield opened
        assert opened.said == []


def point_at(page: Page, uid: str, x: float, y: float) -> None:
    """Bring the pointer to a place of a figure, in the units of its drawing."""
    svg = page.locator(f"svg[aria-labelledby^='{uid}-t']")
    svg.scroll_into_view_if_needed()
    box, view = svg.bounding_box(), svg.get_attribute("viewBox")
    assert box is not None and view is not None
    width, height = (float(v) for v in view.split()[2:])
    page.mouse.move(box["x"] + x / width * box["width"], box["y"] + y / height * box["height"])


def numbers(text: str) -> list[float]:
    return [float(n.replace("\u2212", "-")) for n in re.findall(NUMBER, text)]


@pytest.mark.parametrize("log", [False, True], ids=["linear", "logarithmic"])
def test_the_pointer_reads_what_was_drawn(
    tab: Any, toy_views: dict[str, ReleaseView], tmp_path: Path, log: bool
) -> None:
    from blindsky.challenges.challenge import Plate
    from blindsky.leaderboard import curves
    from blindsky.leaderboard.site import build

    x = [1e-4, 1e-3, 1e-2, 0.1, 1.0] if log else [-2.0, -1.0, 0.5, 2.0, 4.0]
    one = {"x": x, "y": [-0.5, 0.02, 0.4, 0.41, 0.9], "label": HOSTILE, "style": 0}
    other = {"x": x, "y": [-0.9] * 5, "label": "other", "style": 1}
    panel = {"key": "p", "y_label": "y", "y_range": [-1.0, 1.0], "series": [one, other]}
    data = {"x_label": "x", "x_range": [x[0], x[-1]], "x_log": log, "panels": [panel]}
    view = replace(toy_views["toyfield"], plates=(Plate("Curves", "curves", data),))
    build(tmp_path / "site", [view])
    page = tab.open(next((tmp_path / "site").glob("toyfield-*/index.html")).as_uri())
    said = page.locator("text.read")
    assert said.count() == 0
    scale = curves.context(data)["panels"][0]
    for k in range(5):
        point_at(page, "plate-0", scale["x"](x[k]), scale["y"](one["y"][k]))
        name, _, values = said.text_content().rpartition(": ")
        assert name == HOSTILE
        assert numbers(values) == pytest.approx([x[k], one["y"][k]], rel=0.03, abs=0.01)
    point_at(page, "plate-0", scale["x"](x[2]), scale["y"](-0.9))
    assert said.text_content().startswith("other: ")
    page.mouse.move(0, 0)
    assert said.count() == 0, "and it is gone with the pointer"


def test_a_legend_hides_its_curves_and_their_marks_in_every_figure(tab: Any, site: Path) -> None:
    page = tab.open((site / "transients-biased-revealed" / "index.html").as_uri())
    legend = page.locator(".legend.curves li").first
    style = legend.get_attribute("data-style")
    figures = page.locator(f"#curves ~ .figures [data-style='{style}']")
    shown = "parts => parts.filter((part) => getComputedStyle(part).display !== 'none').length"
    assert figures.evaluate_all(shown) == figures.count() > 2
    box = legend.get_by_role("checkbox")
    assert "Show" in box.get_attribute("aria-label")
    box.focus()
    page.keyboard.press("Space")
    assert figures.evaluate_all(shown) == 0
    page.keyboard.press("Space")
    assert figures.evaluate_all(shown) == figures.count()
