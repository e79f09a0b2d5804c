"""Keys of metrics on the pages lead to what they mean."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html.parser import HTMLParser
from posixpath import dirname, join, normpath
from typing import Any

import pytest

from blindsky.leaderboard.pages import MANY
from blindsky.leaderboard.site import render

HERE = "toy-easy-tiny-1"


class Anchors(HTMLParser):
    """Ids of a page, links by their text, and the keys that head its sortable columns."""

    def __init__(self, page: Any) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[tuple[str, str]] = []
        self.heads: list[str] = []
        self.now: str | None = None
        self.href = ""
        self.feed(re.sub(r"<(script|style)>.*?</\1>", "", str(page), flags=re.S))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.ids += [str(given["id"])] if "id" in given else []
        if tag in ("a", "button"):
            self.now, self.href = "", str(given.get("href", ""))

    def handle_data(self, data: str) -> None:
        if self.now is not None:
            self.now += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self.links.append((str(self.now), self.href))
        if tag == "button":
            self.heads.append(str(self.now))
        if tag in ("a", "button"):
            self.now = None


@pytest.fixture(params=["open", "revealed"])
def pages(request: Any, entry: Any, release: Any) -> dict[str, Anchors]:
    """A site with a board so long that it has a page of its own, and slices."""
    of_all = {
        "n": 600,
        "metrics": {"loss": {"value": 1.0, "low": 0.9, "high": 1.1, "interval": "percentile"}},
    }
    slices = [
        {
            "name": "bright",
            "family": "magnitude",
            "parts": dict.fromkeys(("public", "private", "all"), of_all),
        }
    ]
    first = entry("a", 0.5, slices=slices)
    view = release(first, *(entry(f"e{k}", 1.0 + k) for k in range(MANY)), status=request.param)
    return {name: Anchors(page) for name, page in render([view]).items() if name.endswith(".html")}


def meanings(pages: Mapping[str, Anchors], name: str) -> dict[str, str]:
    """The pages where a page says that its keys are explained, by key."""
    found = {}
    for text, href in pages[name].links:
        path, _, anchor = href.partition("#")
        if anchor.startswith("metric-"):
            target = normpath(join(dirname(name), path)) if path else name
            assert anchor == f"metric-{text}"
            assert pages[target].ids.count(anchor) == 1, f"{name}: {href}"
            found[text] = target
    return found


def test_every_column_of_a_board_leads_to_its_meaning(pages: dict[str, Anchors]) -> None:
    boards = [n for n, page in pages.items() if "Rank" in page.heads]
    assert {f"{HERE}/index.html", f"{HERE}/board-main.html"} <= set(boards)
    for name in boards:
        keys = set(pages[name].heads) - {"Rank", "Entry", "Tie", "Submitted"}
        assert keys == set(meanings(pages, name)) != set()
        assert set(meanings(pages, name).values()) == {f"{HERE}/index.html"}


def test_metrics_of_an_entry_lead_there_too(pages: dict[str, Anchors]) -> None:
    assert set(meanings(pages, f"{HERE}/a.html")) == {"loss", "bias", "norm", "share"}
    assert ("Toy", "../toy/index.html#metrics") in pages[f"{HERE}/a.html"].links
    assert "metrics" in pages["toy/index.html"].ids


def test_the_page_of_the_challenge_names_each_metric_once(pages: dict[str, Anchors]) -> None:
    ids = [i for i in pages["toy/index.html"].ids if i.startswith("metric-")]
    assert (
        sorted(ids)
        == sorted({*ids})
        == sorted(f"metric-{k}" for k in ("excess", "loss", "bias", "norm", "share"))
    )
