"""Galleries of the pages: pictures of training cases, of test cases after the reveal, and of places in a field."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from blindsky.leaderboard import boards
from blindsky.leaderboard.boards import EntryView, ReleaseView
from blindsky.leaderboard.pictures import GALLERY, TEST, Stamp, of_part, stamps


class Gallery(NamedTuple):
    """Pictures with what is written above them."""

    title: str
    caption: str
    stamps: Sequence[Stamp]
    wide: bool = False


def is_wide(release: ReleaseView) -> bool:
    """Whether a picture shows several panels."""
    pictures = release.challenge.pictures
    return pictures is not None and pictures.places is not None


def samples(release: ReleaseView, most: int | None = None) -> list[Gallery]:
    """Training cases worth a look, at most so many of a kind."""
    made = [
        Gallery(s.title, s.caption, stamps(release.album, "train", s.rows, s.notes)[:most], is_wide(release))
        for s in release.album.samples
    ]
    return [g for g in made if g.stamps]


def of_entry(release: ReleaseView, entry: EntryView) -> list[Gallery]:
    """Pictures of test cases, which say what these are: after the reveal alone."""
    if release.status != "revealed":
        return []
    pictures = release.challenge.pictures
    if pictures is not None and pictures.places is not None:
        return of_places(release, entry, "all")
    found = entry.card.get("figures", {}).get("all", {})
    wide = pictures is not None and pictures.answer is not None
    of = boards.entry_id(entry) if wide else TEST
    galleries = [
        Gallery(
            f.title, f.caption, stamps(release.album, of, found[f.key]["rows"], found[f.key]["notes"]), wide
        )
        for f in release.challenge.figures
        if f.kind == GALLERY and found.get(f.key)
    ]
    return [g for g in galleries if g.stamps]


def of_places(release: ReleaseView, entry: EntryView, part: str) -> list[Gallery]:
    """Pictures of places in a part of a field."""
    found = entry.card.get("figures", {}).get(part, {})
    whose = of_part(boards.entry_id(entry), part)
    galleries = [
        Gallery(
            f.title,
            f.caption,
            stamps(release.album, whose, found[f.key]["rows"], found[f.key]["notes"]),
            True,
        )
        for f in release.challenge.figures
        if f.kind == GALLERY and "places" in found.get(f.key, {})
    ]
    return [g for g in galleries if g.stamps]
