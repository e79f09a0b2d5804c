"""Real data become a release: an importer reads them, the same hand that writes generated releases writes these."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from blindsky.challenges import registry
from blindsky.challenges.challenge import Challenge
from blindsky.challenges.errors import InputFault
from blindsky.challenges.files import new_folder
from blindsky.challenges.manifest import check_id
from blindsky.challenges.randomness import derive, new_key, stream
from blindsky.challenges.release import Release, open_release, released
from blindsky.challenges.skies import Block
from blindsky.challenges.writing import ReleaseWriter
from blindsky.scoring.measurements import Array, Table

SIZE = "imported"


class Rows(NamedTuple):
    """Some rows of a split; ``ids`` (n,) where they keep their own."""

    block: Block
    ids: Array | None = None


@dataclass(frozen=True)
class Imported:
    """What an importer read.

    train, test : rows of the splits, which may be read while they are written: nothing needs all of them at once.
        Those of the test hide ``truth``; a test without rows is left out.
    files : further public files.   notes : what was dropped or assumed; complete when the rows were taken.
    track : where the data tell; None where any track may be asked for.
    links : public files, by name, that are too large to be copied: the release points to where they are.
    size : where the data are of one that the challenge has.
    """

    train: Iterable[Rows]
    test: Iterable[Rows]
    files: Mapping[str, Table | dict[str, Any]]
    notes: Sequence[str] = ()
    track: str | None = None
    links: Mapping[str, Path] = field(default_factory=dict)
    size: str = SIZE

    @classmethod
    def renamed(
        cls,
        train: Table,
        test: Table,
        truth: Table,
        source_ids: Mapping[str, Array],
        files: Mapping[str, Table | dict[str, Any]],
        notes: Sequence[str],
    ) -> Imported:
        """Whole tables whose rows get new ids; the ids they bore, by split, can be looked up and so stay private."""
        sources: dict[str, Table] = {split: {"source_id": ids} for split, ids in source_ids.items()}
        return cls(
            [Rows(Block(train, {"train_source": sources["train"]}))],
            [Rows(Block(test, {"truth": truth, "test_source": sources["test"]}))],
            files,
            notes,
        )


Shuffle = Callable[[int], NDArray[np.int64]]
Importer = Callable[..., Imported]
"""(files, shuffle, *, options) -> Imported; shuffle(n) is a keyed random order of n rows. Keyword-only arguments are
the options that the format takes."""


def import_release(
    source: str,
    files: Sequence[Path],
    folder: Path,
    *,
    options: Mapping[str, Any] | None = None,
    track: str | None = None,
    release_id: str | None = None,
    key: bytes | None = None,
) -> Release:
    """Write real data as a release into ``folder/<id>``; the folder appears whole.

    source : ``<challenge>/<format>``.   options : what the format wants to know beside the files, such as the
    TOML that describes the columns of a catalogue.
    InputFault for an unknown source, or for data that can't be read.
    """
    name, _, form = source.partition("/")
    challenge = registry.get(name)
    importer = _importer(challenge, form)
    given = dict(options or {})
    check_options(source, importer, given)
    key = new_key() if key is None else key
    release_id = check_id(release_id or f"{name}-{form}-{derive(key, 'name').hex()[:8]}")
    final = folder / release_id
    if final.exists():
        message = f"release {release_id} exists already in {folder}. Choose another --id"
        raise InputFault(message)
    asked = None if track is None else registry.track(challenge, track).name
    shuffle = stream(key, f"{release_id}/{name}/{form}/shuffle").permutation
    found = importer(files, shuffle, **given)
    if None not in (asked, found.track) and asked != found.track:
        message = f"the data are of the track {found.track}, not {asked}. Leave out --track"
        raise InputFault(message)
    challenge = challenge.on(found.track or asked or challenge.tracks[0].name)
    with new_folder(final) as partial, ReleaseWriter(partial, challenge, release_id, key) as writer:
        writer.extra(found.files)
        for file, path in found.links.items():
            (writer.public / file).symlink_to(path.resolve())
        for split, pieces in (("train", found.train), ("test", found.test)):
            for piece in pieces:
                writer.add(split, piece.block, piece.ids)
        origin = {
            "kind": "imported",
            "format": source,
            "files": [path.name for path in files],
            "notes": list(found.notes),
        }
        writer.challenge = released(challenge, origin)
        writer.finish(size=found.size, options={}, device="cpu", source=origin, collectors={})
    return open_release(final)


def _importer(challenge: Challenge, form: str) -> Importer:
    if form not in challenge.importers:
        known = tuple(challenge.importers)
        there = f"Known are: {', '.join(known)}" if known else "It has none"
        message = f"{challenge.name} has no import format {form!r}: {registry.nearest(form, known)}{there}"
        raise InputFault(message)
    return registry.function(challenge.importers[form])


def check_options(source: str, reader: Callable[..., Any], given: Mapping[str, Any]) -> None:
    """InputFault for options that the format doesn't take, or lacks: the keyword-only arguments of its reader."""
    taken = {p.name: p for p in inspect.signature(reader).parameters.values() if p.kind is p.KEYWORD_ONLY}
    strange = [name for name in given if name not in taken]
    if strange:
        takes = f"It takes {_flags(taken)}" if taken else "It takes no such option"
        message = f"{source} takes no {_flags(strange)}. {takes}"
        raise InputFault(message)
    lacking = [name for name, p in taken.items() if p.default is p.empty and name not in given]
    if lacking:
        message = f"{source} wants {_flags(lacking)} too. See --help"
        raise InputFault(message)


def _flags(names: Iterable[str]) -> str:
    return ", ".join(f"--{name.replace('_', '-')}" for name in names)
