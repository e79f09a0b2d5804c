"""From the arena to what the site shows: releases with their entries and cards."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from blindsky.challenges import references, registry
from blindsky.challenges.cards import digests, newest_folder, read_card
from blindsky.challenges.challenge import Plate
from blindsky.challenges.files import read_json, sha256
from blindsky.challenges.manifest import MANIFEST
from blindsky.challenges.release import REVEAL, REVEALED, Public, Release
from blindsky.leaderboard import boards
from blindsky.leaderboard.boards import PARTS, EntryView, ReleaseView
from blindsky.leaderboard.examples import examples
from blindsky.leaderboard.pictures import album
from blindsky.leaderboard.store import remembered
from blindsky.scoring.measurements import FloatArray
from blindsky.submissions.arena import Arena, Standing


def views(arena: Arena) -> tuple[ReleaseView, ...]:
    """Every release whose private part is in the arena, as the site shows it."""
    return tuple(view(arena, arena.release(name)) for name in arena.held_ids())


def view(arena: Arena, release: Release) -> ReleaseView:
    """One release with its references and everything that has been handed in."""
    found = replace(front(arena, release), entries=_entries(arena, release))
    cards = [e.card for e in found.entries]
    undrawn: dict[str, str] = {}
    return replace(
        found,
        album=album(release.public, cards, arena.prediction, undrawn),
        examples=examples(release.public, cards, arena.prediction, undrawn),
        undrawn=undrawn,
    )


def boards_view(arena: Arena, release: Release) -> ReleaseView:
    """One release with its entries, without pictures: for its boards alone."""
    return replace(facts(arena, release), entries=_entries(arena, release))


def _entries(arena: Arena, release: Release) -> tuple[EntryView, ...]:
    known = (EntryView(*_scored(folder, release), "valid") for folder in reference_cards(release))
    handed_in = (_entry(arena, release, s) for s in arena.standings(release.public.release_id))
    return (*known, *handed_in)


def _scored(folder: Path, release: Release) -> tuple[dict[str, Any], dict[str, FloatArray]]:
    """A card and those of its replicates that the site has a use for."""
    parts = PARTS[_status(release.public)]
    return read_card(folder, partial(boards.replicates_of, release.public.challenge, parts))


def _status(public: Public) -> Literal["open", "revealed"]:
    return "revealed" if public.revealed else "open"


def front(arena: Arena, release: Release) -> ReleaseView:
    """One release without its entries: what it asks, and what its data look like."""
    public = release.public
    return replace(facts(arena, release), album=album(public, ()), plates=_plates(public))


def facts(arena: Arena, release: Release) -> ReleaseView:
    """What a release says of itself."""
    public = release.public
    manifest = public.manifest
    return ReleaseView(
        release_id=public.release_id,
        challenge=public.challenge,
        track=public.track.name,
        size=public.size,
        title=f"{public.challenge.title}: {public.track.title}",
        status=_status(public),
        created=manifest["created"],
        entries=(),
        digests=digests(release),
        manifest={
            "training rows": f"{manifest['splits']['train']['rows']:,}",
            "test rows": f"{manifest['splits']['test']['rows']:,}",
            "source": manifest["source"]["kind"],
            "commitment root": manifest["commitments"]["root"],
        },
        committed_scorer=manifest["scorer"]["digest"],
        whole=registry.get(public.challenge.name),
        data_card=(public.root / "README.md").read_text(encoding="utf-8"),
        public=manifest,
        revealed_on=_revealed_on(public),
        url=arena.settings.url(public.release_id),
        contact=arena.settings.contact(),
    )


def reference_cards(release: Release) -> list[Path]:
    """The folders of the newest cards of what was measured with the truth."""
    names = release.public.manifest["references"]
    found = (newest_folder(references.folder_of(release, name)) for name in names)
    return [folder for folder in found if folder is not None]


def _plates(public: Public) -> tuple[Plate, ...]:
    """The figures about the public data; they follow from these, which the manifest names."""
    if not public.challenge.plates:
        return ()

    def make() -> list[list[Any]]:
        found = registry.function(public.challenge.plates)(public)
        return [[p.title, p.kind, dict(p.data), p.caption, p.group] for p in found]

    return tuple(
        Plate(*p) for p in remembered(["plates", public.release_id, sha256(public.root / MANIFEST)], make)
    )


def _revealed_on(public: Public) -> str:
    return str(read_json(public.root / REVEALED / REVEAL)["revealed"]) if public.revealed else ""


def _entry(arena: Arena, release: Release, standing: Standing) -> EntryView:
    """One submission with its newest card; without one it is listed as waiting, and withdrawn without a look at it."""
    folder = arena.card_folder(standing.submission.id)
    if folder is not None and standing.state != "withdrawn":
        return EntryView(*_scored(folder, release), standing.state, standing.reason)
    submission = standing.submission
    blank: dict[str, Any] = {
        "entry": {
            "id": submission.id,
            "kind": submission.kind,
            "team": submission.team,
            "method": submission.method,
            "description": submission.description,
            "submitted": submission.submitted,
        }
    }
    if standing.state == "valid":
        return EntryView(blank, {}, "waiting", "not scored yet: run blindsky score --all")
    return EntryView(blank, {}, standing.state, standing.reason)
