"""Real data become a release: an importer reads them, the same hand that writes generated releases writes these."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blindsky.challenges import registry
from blindsky.challenges.challenge import Block
from blindsky.challenges.errors import InputFault
from blindsky.challenges.files import new_folder
from blindsky.challenges.manifest import check_id
from blindsky.challenges.randomness import derive, new_key, stream
from blindsky.challenges.release import Release, open_release, released
from blindsky.challenges.writing import ReleaseWriter
from blindsky.scoring.measurements import Array, Table

SIZE = "imported"


@dataclass(frozen=True)
class Imported:
    """What an importer read.

    train : public columns with labels.   test : public columns.   truth : hidden columns of the test rows.
    source_ids : the ids that the rows bore, by split; kept private, because they can be looked up elsewhere.
    files : further public files.   notes : what was dropped or assumed, for the manifest.
    """

    train: Table
    test: Table
    truth: Table
    source_ids: Mapping[str, Array]
    files: Mapping[str, Table | dict[str, Any]]
    notes: tuple[str, ...] = field(default_factory=tuple)


Shuffle = Callable[[int], NDArray[np.int64]]
Importer = Callable[[Sequence[Path], Path | None, Shuffle], Imported]
"""(files, column description, shuffle) -> Imported; shuffle(n) is a keyed random order of n rows."""


def import_release(
    source: str,
    files: Sequence[Path],
    folder: Path,
    *,
    columns: Path | None = None,
    track: str | None = None,
    release_id: str | None = None,
    key: bytes | None = None,
) -> Release:
    """Write real data as a release into ``folder/<id>``; the folder appears whole.

    source : ``<challenge>/<format>``.   columns : TOML that describes the columns, where the format wants one.
    InputFault for an unknown source, or for data that can't be read.
    """
    name, _, form = source.partition("/")
    challenge = registry.get(name)
    if form not in challenge.importers:
        known = tuple(challenge.importers)
        message = f"{name} has no import format {form!r}: {registry.nearest(form, known)}Known are: {', '.join(known)}"
        raise InputFault(message)
    challenge = challenge.on(registry.track(challenge, track or challenge.tracks[0].name).name)
    module, _, function = challenge.importers[form].partition(":")
    importer: Importer = getattr(import_module(module), function)
    key = new_key() if key is None else key
    release_id = check_id(release_id or f"{name}-{form}-{derive(key, 'name').hex()[:8]}")
    final = folder / release_id
    if final.exists():
        message = f"release {release_id} exists already in {folder}. Choose another --id"
        raise InputFault(message)
    shuffle = stream(key, f"{release_id}/{name}/{form}/shuffle").permutation
    found = importer(files, columns, shuffle)
    origin = {
        "kind": "imported",
        "format": source,
        "files": [path.name for path in files],
        "notes": list(found.notes),
    }
    asked = released(challenge, origin)
    with new_folder(final) as partial, ReleaseWriter(partial, asked, release_id, key) as writer:
        writer.extra(found.files)
        sources: dict[str, Table] = {s: {"source_id": found.source_ids[s]} for s in ("train", "test")}
        writer.add("train", Block(found.train, {"train_source": sources["train"]}))
        writer.add("test", Block(found.test, {"truth": found.truth, "test_source": sources["test"]}))
        writer.finish(size=SIZE, options={}, device="cpu", source=origin, collectors={})
    return open_release(final)
