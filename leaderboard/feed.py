"""The Atom feed of the site: releases that open and are revealed, and entries that are scored.

A static site does not know its own address, so links are relative to the feed (RFC 4287, 4.2.7.1: a reader resolves
them against the address that it fetched the feed from) and ids, which may not be relative, are made of the ids of what
they name.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from blindsky.leaderboard.boards import BoardTable, ReleaseView
from blindsky.leaderboard.cells import xml_text
from blindsky.leaderboard.templating import environment

MOST = 100  # entries of the feed, the newest
_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_BEGINNING = "1970-01-01T00:00:00Z"  # the feed of a site without releases


class News(NamedTuple):
    """One entry of the feed."""

    updated: str
    id: str
    title: str
    text: str
    link: str


def feed(releases: Iterable[tuple[ReleaseView, Sequence[BoardTable]]], folders: Mapping[str, str]) -> str:
    """``feed.xml``. ``releases`` with the boards of the part that ranks; ``folders`` by id."""
    found = {news.id: news for release, tables in releases for news in _news(release, tables, folders)}
    newest = sorted(found.values(), key=lambda n: (n.updated, n.id), reverse=True)[:MOST]
    updated = newest[0].updated if newest else _BEGINNING
    return (
        environment()
        .get_template("feed.xml.j2")
        .render(xml_text=xml_text, news=newest, updated=updated, id=_id("site"))
    )


def _news(release: ReleaseView, tables: Sequence[BoardTable], folders: Mapping[str, str]) -> list[News]:
    i, link = release.release_id, f"{folders[release.release_id]}/index.html"
    opened = _date(release.created, _BEGINNING)
    found = [News(opened, _id(i), f"{release.title} is open", f"Release {i}, size {release.size}.", link)]
    if release.status == "revealed":
        text = f"The truth of release {i} is public; the private part of the cases ranks."
        date = _date(release.revealed_on, opened)
        found.append(News(date, _id(i, "revealed"), f"{release.title} is revealed", text, link))
    for table in tables:
        for row in table.rows:
            cell = row.cells[table.primary.key]
            text = f"{table.board.title}: {table.primary.key} {cell.text} {cell.range_text}".strip()
            who, title = row.who, f"{row.who.name} on {release.title}"
            if who.competes:
                found.append(
                    News(_date(who.submitted, opened), _id(i, table.board.name, who.id), title, text, link)
                )
    return found


def _id(*names: str) -> str:
    """An id that stays the same wherever the site is moved."""
    return uuid.uuid5(uuid.NAMESPACE_URL, "\0".join(("blindsky", *names))).urn


def _date(text: str, otherwise: str) -> str:
    return text if _DATE.fullmatch(text) else otherwise
