"""The site below a path of a web server, as on GitHub Pages, and the policy that its pages carry."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from functools import partial
from html import unescape
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urljoin
from urllib.request import urlopen

import pytest


class Quiet(SimpleHTTPRequestHandler):
    """Files of a folder, without a line for each on stderr."""

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def address(toy_site: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The toy site at /people/sky challenge/ of a server."""
    root = tmp_path_factory.mktemp("served")
    (root / "people").mkdir()
    (root / "people" / "sky challenge").symlink_to(toy_site)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(root))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/people/sky%20challenge/"
        server.shutdown()
        thread.join()


def test_every_link_is_answered_from_below_the_path(address: str, toy_site: Path) -> None:
    """A walk over all links from the front page finds every file for readers and never leaves the path."""
    left, seen = [f"{address}index.html"], set()
    while left:
        url = left.pop().partition("#")[0]
        if url in seen or url.startswith("data:"):
            continue
        seen.add(url)
        assert url.startswith(address)
        with urlopen(url) as answer:  # raises where there is nothing
            content = answer.read()
        if url.endswith(".html"):
            found = re.findall(r'(?:href|src)="([^"]+)"', content.decode("utf-8"))
            left += [urljoin(url, unescape(target)) for target in found]
    written = {p.relative_to(toy_site).as_posix() for p in toy_site.rglob("*.*") if p.name[0] != "."}
    assert {url.removeprefix(address) for url in seen} == written


def test_anchors_lead_somewhere(visit: Any, address: str) -> None:
    with visit() as tab:
        for name in ("index.html", "about.html", "toy-original/index.html"):
            tab.page.goto(address + name)
            lost = tab.page.evaluate(
                """() => [...document.querySelectorAll("a[href^='#']")].map((a) => a.getAttribute("href").slice(1))
                     .filter((id) => !document.getElementById(decodeURIComponent(id)))"""
            )
            assert lost == [], name


def test_comparisons_work_from_there(visit: Any, address: str) -> None:
    with visit() as tab:
        tab.page.goto(f"{address}toy-original-revealed/compare.html")
        tab.page.locator("#compared").wait_for()
        assert tab.page.locator("table.compared tbody").first.locator("tr").count() == 2
        assert sum(url.endswith(".js") for url in tab.asked) == 2, "the scripts of the two and no other"
        assert tab.said == []


@pytest.mark.parametrize("name", ["toy-original/index.html", "toy-original/compare.html"])
def test_the_policy_stops_what_is_not_ours(visit: Any, toy_site: Path, tmp_path: Path, name: str) -> None:
    """What a name that was not escaped could try: scripts, handlers, styles, frames, requests, another base."""
    attempts = (
        "<script>window.owned = 1</script>",
        "<script src='data:text/javascript,window.owned=1'></script>",
        "<img src='data:,' onerror='window.owned = 1'>",
        "<p id=styled style='color: rgb(1, 2, 3)'>",
        "<style>#styled { color: rgb(1, 2, 3) }</style>",
        "<iframe src='https://example.org/'></iframe>",
        "<img src='https://example.org/x.png'>",
        "<base href='https://example.org/'>",
        "<form action='https://example.org/' id=sent><input name=x></form>",
        "<link rel=stylesheet href='https://example.org/x.css'>",
        "<object data='https://example.org/'></object>",
    )
    clean = (toy_site / name).read_text(encoding="utf-8")
    hurt = tmp_path / "hurt.html"
    with visit() as tab:
        for attempt in attempts:
            hurt.write_text(clean.replace("</main>", f"{attempt}</main>"), encoding="utf-8")
            tab.said.clear(), tab.asked.clear()
            page = tab.open(hurt.as_uri())
            page.evaluate("() => document.getElementById('sent')?.submit()")
            for _ in range(100):  # a form is sent a little later
                if said := [said for said in tab.said if "Content Security Policy" in said]:
                    break
                page.wait_for_timeout(20)
            assert said, attempt
            assert page.evaluate("window.owned") is None
            assert not [url for url in tab.asked if "example.org" in url], attempt
            assert page.evaluate("document.baseURI").startswith("file:")
