"""From the arena to what the site shows: releases with their entries and cards."""

from __future__ import annotations

from typing import Any

from blindsky.challenges import references, registry
from blindsky.challenges.cards import digests, newest_folder, read_card
from blindsky.challenges.release import Release
from blindsky.leaderboard.boards import EntryView, ReleaseView
from blindsky.leaderboard.pictures import album
from blindsky.submissions.arena import Arena, Standing


def views(arena: Arena) -> tuple[ReleaseView, ...]:
    """Every release whose private part is in the arena, as the site shows it."""
    return tuple(view(arena, arena.release(name)) for name in arena.held_ids())


def view(arena: Arena, release: Release) -> ReleaseView:
    """One release with its references and everything that has been handed in."""
    public = release.public
    manifest = public.manifest
    known = []
    for name in manifest["references"]:
        newest = newest_folder(references.folder_of(release, name))
        if newest is not None:
            known.append(EntryView(*read_card(newest), "valid"))
    entries = [entry(arena, standing) for standing in arena.standings(public.release_id)]
    return ReleaseView(
        release_id=public.release_id,
        challenge=public.challenge,
        track=public.track.name,
        size=public.size,
        title=f"{public.challenge.title}: {public.track.title}",
        status="revealed" if public.revealed else "open",
        created=manifest["created"],
        entries=(*known, *entries),
        digests=digests(release),
        manifest={
            "training rows": f"{manifest['splits']['train']['rows']:,}",
            "test rows": f"{manifest['splits']['test']['rows']:,}",
            "source": manifest["source"]["kind"],
            "commitment root": manifest["commitments"]["root"],
        },
        committed_scorer=manifest["scorer"]["digest"],
        album=album(public, (e.card for e in (*known, *entries)), arena.prediction),
        plates=tuple(registry.function(public.challenge.plates)(public)) if public.challenge.plates else (),
    )


def entry(arena: Arena, standing: Standing) -> EntryView:
    """One submission with its newest card; without one it is listed as waiting."""
    folder = arena.card_folder(standing.submission.id)
    if folder is not None:
        card, replicates = read_card(folder)
        return EntryView(card, replicates, standing.state, standing.reason)
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
