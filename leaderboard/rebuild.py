"""The site of an arena, built anew only where something changed.

What the site has of a release is kept under the digest of the release's manifest and of every card, record and state
in it (see store.py), so a build after one new card renders the pages of one release, and of these draws only the
figures and pictures that are new. The bytes are those of a build from nothing.
"""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from blindsky.challenges.cards import CARD, digests
from blindsky.challenges.challenge import Challenge
from blindsky.challenges.files import read_json, sha256
from blindsky.challenges.manifest import MANIFEST
from blindsky.challenges.release import REVEAL, REVEALED, Release
from blindsky.leaderboard import publish, site
from blindsky.leaderboard.boards import BoardTable, Lead, ReleaseView, Row, Who
from blindsky.leaderboard.cells import Cell
from blindsky.leaderboard.pictures import album
from blindsky.leaderboard.ranks import Place
from blindsky.leaderboard.site import Section
from blindsky.leaderboard.store import Store, code_digest
from blindsky.submissions.arena import Arena

STORE = ".site-store"  # in the arena
MANY = 60  # entries from which on releases are rendered by several processes
SHARE = 8  # entries whose pictures one of these draws at a time


class Built(NamedTuple):
    """What a build found, how many releases it had to render, and why pictures of an entry could not be drawn."""

    releases: tuple[str, ...]
    entries: int
    waiting: int
    rendered: int
    undrawn: Mapping[str, str]


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the search for cycles among millions of small objects that stay until the site is written."""
    searched = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if searched:
            gc.enable()


@_uncollected()
def rebuild(arena: Arena, out: Path) -> Built:
    """Write the site of every release in the arena to ``out``, replacing an older one as a whole."""
    site.check_replaceable(out)
    store = Store(arena.root / STORE, code_digest())
    with store.open():
        held = {name: arena.release(name) for name in arena.held_ids()}
        fronts = {name: publish.front(arena, release) for name, release in held.items()}
        homes = site.homes(fronts.values())
        keys = {n: _key(store, arena, held[n], homes[fronts[n].question.name]) for n in held}
        kept = {name: _kept(store, keys[name], fronts[name]) for name in held}
        missing = [name for name in held if kept[name] is None]
        _apart(arena, store, missing, homes)
        sections = []
        for name, release in held.items():
            found = kept[name] or _kept(store, keys[name], fronts[name])
            home = homes[fronts[name].question.name]
            sections.append(found or _render(store, keys[name], arena, release, home, fronts[name]))
        site.write(out, site.assemble(sections))
    store.sweep()
    entries, waiting = sum(s.entries for s in sections), sum(s.waiting for s in sections)
    undrawn = {f"{s.release.release_id}/{entry}": why for s in sections for entry, why in s.undrawn.items()}
    return Built(tuple(held), entries, waiting, len(missing), undrawn)


def _key(store: Store, arena: Arena, release: Release, home: str) -> str:
    """The digest of everything that the site shows of a release; cards bind predictions and replicates."""
    public = release.public
    opened = public.root / REVEALED / REVEAL
    standings = arena.standings(public.release_id)
    folders = [arena.card_folder(s.submission.id) for s in standings]
    return store.key(
        "release",
        home,
        arena.settings.url(public.release_id),
        arena.settings.contact(),
        sha256(public.root / MANIFEST),
        sha256(public.root / "README.md"),
        sha256(opened) if public.revealed else "",
        digests(release),
        [sha256(folder / CARD) for folder in publish.reference_cards(release)],
        [[asdict(s.submission), s.state, s.reason] for s in standings],
        [sha256(folder / CARD) if folder else "" for folder in folders],
    )


def _apart(arena: Arena, store: Store, missing: Sequence[str], homes: Mapping[str, str]) -> None:
    """Render several releases at once into the store, where that is worth the start of processes."""
    if len(missing) < 2:
        return
    from joblib import Parallel, cpu_count, delayed

    entries = {name: len(arena.all(name)) for name in missing}
    if sum(entries.values()) < MANY or cpu_count() < 2:
        return
    drawn = [
        delayed(_draw_apart)(arena.root, store.code, name, first)
        for name in missing
        if _pictured(arena.release(name))
        for first in range(0, entries[name], SHARE)
    ]
    jobs = [delayed(_render_apart)(arena.root, store.code, name, dict(homes)) for name in missing]
    with Parallel(n_jobs=min(cpu_count(), len(missing)), batch_size=1) as parallel:
        parallel(drawn)
        for used in parallel(jobs):
            store.used |= used


def _pictured(release: Release) -> bool:
    """Whether every entry has pictures of its own."""
    pictures = release.public.challenge.pictures
    answered = pictures is not None and pictures.answer is not None and release.public.revealed
    return answered or (pictures is not None and pictures.places is not None)


def _draw_apart(root: Path, code: str, name: str, first: int) -> None:
    """Draw the pictures of some entries of a release into the store."""
    arena, store = Arena(root), Store(root / STORE, code)
    some = arena.standings(name)[first : first + SHARE]
    with store.open():
        folders = (arena.card_folder(standing.submission.id) for standing in some)
        cards = [read_json(folder / CARD) for folder in folders if folder]
        album(arena.public(name), cards, arena.prediction, {})


@_uncollected()
def _render_apart(root: Path, code: str, name: str, homes: Mapping[str, str]) -> set[str]:
    arena, store = Arena(root), Store(root / STORE, code)
    release = arena.release(name)
    home = homes[release.public.challenge.name]
    with store.open():
        front = publish.front(arena, release)
        _render(store, _key(store, arena, release, home), arena, release, home, front)
    return store.used


def _render(store: Store, key: str, arena: Arena, release: Release, home: str, front: ReleaseView) -> Section:
    """Render a release and keep that; what comes back is what ``_kept`` would give."""
    before = set(store.used)
    store.used.clear()
    made = site.section(publish.view(arena, release), home)
    files = {name: _keep(store, key, name, content) for name, content in made.files.items()}
    # figures and pictures too: a later build with one new card asks for the others again
    parts = sorted(store.used)
    record = {
        "files": files,
        "parts": parts,
        "boards": [packed(table) for table in made.tables],
        "entries": made.entries,
        "waiting": made.waiting,
        "undrawn": made.undrawn,
    }
    store.put(key, json.dumps(record).encode())
    store.used |= before
    tables = tuple(table._replace(contenders={}) for table in made.tables)
    return made._replace(release=front, tables=tables)


def _keep(store: Store, key: str, name: str, content: str | bytes) -> str:
    """The key under which a file of a release is kept."""
    under = store.key(key, name)
    store.put(under, content.encode() if isinstance(content, str) else content)
    return under


def _kept(store: Store, key: str, front: ReleaseView) -> Section | None:
    """What the site has of a release from an earlier build; None where any of it is missing."""
    found = store.get(key)
    if found is None:
        return None
    record = json.loads(found)
    files: dict[str, str | bytes] = {}
    for name, under in record["files"].items():
        content = store.get(under)
        if content is None:
            return None
        files[name] = content
    store.used |= set(record["parts"])
    tables = tuple(unpacked(front.challenge, table) for table in record["boards"])
    return Section(front, tables, files, record["entries"], record["waiting"], record["undrawn"])


def packed(table: BoardTable) -> dict[str, Any]:
    """A board as plain data, without what the ranking saw of its entries."""
    lead = table.lead
    return {
        "board": table.board.name,
        "part": table.part,
        "cases": table.cases,
        "primary": table.primary.key,
        "metrics": [m.key for m in table.metrics],
        "rows": [
            [row.who, row.place, {key: asdict(c) for key, c in row.cells.items()}, row.why_unranked]
            for row in table.rows
        ],
        "lead": lead
        and [
            lead.first.who.id,
            lead.second and lead.second.who.id,
            asdict(lead.gap),
            lead.separable,
            [row.who.id for row in lead.tied],
        ],
    }


def unpacked(challenge: Challenge, found: Mapping[str, Any]) -> BoardTable:
    """The board again."""
    rows = tuple(
        Row(Who(*who), Place(*place), {key: Cell(**c) for key, c in cells.items()}, why)
        for who, place, cells, why in found["rows"]
    )
    by_id = {row.who.id: row for row in rows}
    lead = None
    if found["lead"]:
        first, second, gap, separable, tied = found["lead"]
        lead = Lead(by_id[first], by_id.get(second), Cell(**gap), separable, tuple(by_id[i] for i in tied))
    return BoardTable(
        board=next(b for b in challenge.boards if b.name == found["board"]),
        part=found["part"],
        cases=found["cases"],
        primary=challenge.metric(found["primary"]),
        metrics=tuple(challenge.metric(key) for key in found["metrics"]),
        rows=rows,
        lead=lead,
        contenders={},
    )
