"""A whole site in a real browser: toy releases with awkward entries, and the five challenges while they are open.

The browser is whatever Chromium the machine has, driven by Playwright; where either is missing these tests skip and
say so. The site is built once a session from arenas that were scored like any other.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Dialog, Page, Request

    from blindsky.challenges.release import Release
    from blindsky.leaderboard import ReleaseView
    from blindsky.submissions.arena import Arena

KEY = bytes(range(32))
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
HOSTILE = '"><img src=x onerror=alert(1)><script>alert(2)</script>{{7*7}}'
TEAMS = (
    ("Arcturus", "ridge regression", 0.8, 0.6),
    ("Bellatrix", "gradient boosting", 0.79, 0.6),
    ("Bellatrix", "a second method of the same team", 0.82, 0.62),
    (HOSTILE, "</script><svg onload=alert(1)>", 0.7, 0.7),
    ('=HYPERLINK("http://evil.example")', "' OR 1=1 --", 0.75, 0.55),
    ("فريق السماء", "שיטה", 0.6, 0.65),
    ("W" * 80, "M" * 80, 0.65, 0.6),  # as long as names may be
    ("😀 e\u0301quipe Ångström", "javascript:alert(1)", 0.5, 0.7),
    ("Zeta", "a line through nothing", 0.1, 1.0),
    ("constructor", "__proto__", 0.3, 0.9),
)


@dataclass
class Visit:
    """A page, and what the browser had to say and asked for while it was open."""

    page: Page
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def open(self, url: str) -> Page:
        """Go there and wait until all is loaded."""
        self.page.goto(url, wait_until="load")
        return self.page

    def refuse(self, dialog: Dialog) -> None:
        """Only a name that became code would open one."""
        self.said.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def stopped(self, request: Request) -> None:
        """What the policy of the page stopped has asked nobody."""
        if request.failure == "csp":
            self.asked.remove(request.url)


OpenPage = Callable[..., Any]


def _executable() -> str | None:
    """The browser of this machine; Playwright's own where it was installed."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A headless Chromium. Of a module, because Playwright keeps an event loop as long as it lives."""
    api = pytest.importorskip("playwright.sync_api", reason="the package playwright is not installed")
    with api.sync_playwright() as playwright:
        found = _executable()
        if found is None and not Path(playwright.chromium.executable_path).exists():
            pytest.skip(f"no Chromium on this machine (looked for {', '.join(BROWSERS)})")
        browser = playwright.chromium.launch(executable_path=found, args=["--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def visit(chromium: Browser) -> OpenPage:
    """Opens a context with one page; everything that a page says or asks for is written down."""

    @contextmanager
    def opened(**options: Any) -> Iterator[Visit]:
        context = chromium.new_context(**({"viewport": {"width": 1280, "height": 900}} | options))
        made = Visit(context.new_page())
        context.on("console", lambda message: made.said.append(f"{message.type}: {message.text}"))
        context.on("dialog", made.refuse)
        context.on("weberror", lambda error: made.said.append(f"error: {error.error}"))
        context.on("request", lambda request: made.asked.append(request.url))
        context.on("requestfailed", made.stopped)
        made.page.set_default_timeout(5_000)
        try:
            yield made
        finally:
            context.close()

    return opened


@pytest.fixture(scope="module")
def tab(visit: OpenPage) -> Iterator[Visit]:
    """One page for all tests of a module."""
    with visit() as opened:
        yield opened


def _hand_in(arena: Arena, release: str, columns: dict[str, Any], team: str, method: str) -> str:
    import pyarrow.parquet as pq

    from blindsky.challenges.tables import to_arrow

    path = arena.root / "prediction.parquet"
    pq.write_table(to_arrow(columns), path)
    made = arena.submit(path, release, team=team, method=method, description=f"By {team}")
    path.unlink()
    return made.id


def _baselines(arena: Arena, *names: str) -> None:
    from blindsky.baselines import baseline as baselines
    from blindsky.commands.baseline import hand_in

    releases = {public.challenge.name: public for public in map(arena.public, arena.release_ids())}
    for name in names:
        public = releases[name.partition("/")[0]]
        hand_in(arena, public, baselines.get(name), baselines.Settings(workers=1))


@pytest.fixture(scope="session")
def toys(toy_original: Release, tmp_path_factory: pytest.TempPathFactory) -> Arena:
    """A toy release open to ten teams whose names try to be something else, and two that are revealed."""
    from toychallenge import Shrunk

    from blindsky.challenges import registry
    from blindsky.challenges.generation import generate
    from blindsky.challenges.trust import reveal
    from blindsky.submissions.arena import Arena
    from blindsky.submissions.judging import score_due

    arena = Arena(tmp_path_factory.mktemp("toys"))
    shutil.copytree(toy_original.root, arena.releases / "toy-original", copy_function=os.link)
    test = toy_original.public.table("test")
    for team, method, slope, scatter in TEAMS:
        answer = Shrunk(slope, scatter).predict(test)
        if team == "Zeta":
            del answer["pdf"]  # on one board alone
        _hand_in(arena, "toy-original", answer, team, method)
    gone = _hand_in(arena, "toy-original", Shrunk(0.4, 1).predict(test), "Withdrawn", "by hand")
    arena.withdraw(gone, f"a mistake {HOSTILE}")
    for name in ("toyitems", "toyfield"):
        challenge = registry.get(name)
        generate(challenge, challenge.tracks[0].name, "tiny", arena.releases, release_id=name, key=KEY)
    _baselines(arena, "toyitems/peaks", "toyfield/bright")
    score_due(arena)
    for name in ("toyitems", "toyfield"):
        reveal(arena.release(name))
    return arena


@pytest.fixture(scope="session")
def arena(
    photoz_original: Release,
    lens_original: Release,
    transients_original: Release,
    tmp_path_factory: pytest.TempPathFactory,
) -> Arena:
    """The five challenges, tiny and open, each with two entries."""
    pytest.importorskip("torch", reason="drawing HI cubes needs torch")
    from blindsky.challenges import registry
    from blindsky.challenges.challenge import Size
    from blindsky.challenges.generation import generate
    from blindsky.submissions.arena import Arena
    from blindsky.submissions.judging import score_due

    arena = Arena(tmp_path_factory.mktemp("arena"))
    arena.releases.mkdir()
    blends = registry.get("deblending")
    blends = replace(
        blends, sizes={"tiny": Size(20, 60)}, tracks=tuple(replace(t, sizes=None) for t in blends.tracks)
    )
    generate(blends, "pair", "tiny", arena.releases, release_id="deblending", key=KEY)
    generate(registry.get("hi"), "survey", "tiny", arena.releases, release_id="hi", key=KEY, workers=2)
    for release in (photoz_original, lens_original, transients_original):
        shutil.copytree(release.root, arena.releases / release.public.release_id, copy_function=os.link)
    _baselines(arena, "photoz/constant", "photoz/knn", "lens/random", "lens/flux", "transients/constant")
    _baselines(arena, "deblending/constant", "deblending/half", "hi/random", "hi/train_truth")
    score_due(arena)
    return arena


@pytest.fixture(scope="session")
def open_views(arena: Arena) -> tuple[ReleaseView, ...]:
    """The five challenges as the site shows them."""
    from blindsky.leaderboard.publish import views

    return views(arena)


@pytest.fixture(scope="session")
def toy_views(toys: Arena) -> dict[str, ReleaseView]:
    """The toys as the site shows them, by id; the one with many entries before and after its reveal."""
    from blindsky.leaderboard.publish import views

    shown = {view.release_id: view for view in views(toys)}
    after = revealed(toys, shown["toy-original"])
    return {**shown, after.release_id: after}


@pytest.fixture(scope="session")
def toy_site(toy_views: dict[str, ReleaseView], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toys alone."""
    from blindsky.leaderboard.site import build

    out = tmp_path_factory.mktemp("toy_site") / "site"
    build(out, [*toy_views.values()])
    return out


@pytest.fixture(scope="session")
def site(
    toy_views: dict[str, ReleaseView],
    arena: Arena,
    open_views: tuple[ReleaseView, ...],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """Everything in one site: the toys, the five open challenges, and the one with most figures as if revealed."""
    from blindsky.leaderboard.site import build

    out = tmp_path_factory.mktemp("built") / "site"
    largest = next(view for view in open_views if view.challenge.name == "transients")
    build(out, [*toy_views.values(), *open_views, revealed(arena, largest)])
    return out


@pytest.fixture(scope="session")
def pages(site: Path) -> tuple[str, ...]:
    """Every page by its path in the site."""
    return tuple(sorted(p.relative_to(site).as_posix() for p in site.rglob("*.html")))


def revealed(arena: Arena, view: ReleaseView) -> ReleaseView:
    """The release as it will be shown after its reveal, but for pictures of its cases."""
    from blindsky.challenges.cards import read_card
    from blindsky.leaderboard.publish import reference_cards

    folders = [*reference_cards(arena.release(view.release_id))]
    folders += [folder for s in arena.all(view.release_id) if (folder := arena.card_folder(s.id)) is not None]
    stored = {card["entry"]["id"]: replicates for card, replicates in map(read_card, folders)}
    entries = tuple(replace(e, replicates=stored.get(e.card["entry"]["id"], {})) for e in view.entries)
    return replace(view, entries=entries, status="revealed", release_id=f"{view.release_id}-revealed")
