"""From measurements to a score card of a release: metrics, slices and the data of the figures."""

from __future__ import annotations

import hashlib
import importlib.metadata
import io
import platform
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from blindsky.challenges import tables
from blindsky.challenges.errors import InputFault
from blindsky.challenges.files import read_json, sha256, write_json
from blindsky.challenges.manifest import MANIFEST
from blindsky.challenges.release import Release, scorer_digest
from blindsky.scoring.card import Cut, card_dict, score
from blindsky.scoring.measurements import Array, FloatArray, Measurements, Table

SCHEMA = 2
CARD = "card.json"
REPLICATES = "replicates.npz"


def now() -> str:
    """The time in UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def versions() -> dict[str, str]:
    """Versions of what the numbers depend on."""
    packages = ("numpy", "scipy", "pyarrow", "scikit-learn", "astropy")
    return {
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in packages},
    }


def software() -> str:
    """The version of blindsky."""
    return importlib.metadata.version("blindsky")


def case_columns(release: Release, wanted: Iterable[str]) -> Table:
    """The wanted columns of the test cases, wherever they are: truth, test table, derived columns.

    Columns that the release lacks are absent from the answer.
    """
    public = release.public
    columns: Table = {}
    sources = [(release.private / f"{name}.parquet", known) for name, known in release.truth_columns()]
    sources += [
        (public.path(name), tuple(tables.column_names(public.path(name))))
        for name in ("test", "derived")
        if public.has(name)
    ]
    missing = set(wanted)
    for path, known in sources:
        found = [name for name in known if name in missing]
        if found:
            columns.update(tables.read(path, found))
            missing -= set(found)
    return columns


def slice_masks(release: Release, columns: Mapping[str, Array], measurements: Measurements) -> list[Cut]:
    """The slices whose columns the release has; of rows, where one of their columns is a measured one."""
    cuts = []
    for s in release.public.challenge.slices:
        of_rows = not all(name in columns for name in s.needs)
        table = by_row(columns, measurements) if of_rows else dict(columns)
        if all(name in table for name in s.needs):
            mask, about = (None if f is None else np.asarray(f(table)) for f in (s.mask, s.about))
            assert mask is not None
            cuts.append(Cut(s.name, s.family, mask, s.metrics, about, of_rows))
    return cuts


def by_row(columns: Mapping[str, Array], measurements: Measurements) -> Table:
    """Columns of the cases as the measured rows see them; where a case has several, measured columns with them."""
    if measurements.case is None:
        return dict(columns)
    return measurements.rows | {name: column[measurements.case] for name, column in columns.items()}


def make_card(
    release: Release,
    parts: Mapping[str, Measurements],
    part_of: Array,
    entry: Mapping[str, Any],
    submission: str,
    fields: Iterable[str],
    notes: Iterable[str] = (),
    advance: Callable[[], None] = lambda: None,
) -> tuple[dict[str, Any], dict[str, FloatArray]]:
    """The card of one entry and the replicates behind its intervals, by ``<part>/<metric>``.

    parts : measurements by part, with ``all``.   part_of : (n,) part of each case, in the order of the test table.
    entry : id, kind, team, method, ...   submission : digest of the prediction.
    """
    challenge = release.public.challenge
    needs = {name for s in challenge.slices for name in s.needs}
    needs |= {name for f in challenge.figures for name in f.needs} | {challenge.prediction.key}
    columns = case_columns(release, needs)
    card = score(
        parts,
        part_of,
        challenge.metrics,
        release.replicates(columns[challenge.prediction.key].astype(np.int64)),
        slice_masks(release, columns, parts["all"]),
        advance=advance,
    )
    figures: dict[str, dict[str, Any]] = {}
    for part, measurements in parts.items():
        inside = np.ones(len(part_of), bool) if part == "all" else part_of == part
        whole = measurements.case is None
        subset = {n: c[inside] for n, c in columns.items()} if whole else by_row(columns, measurements)
        drawn = {
            f.key: f.data(measurements, subset)
            for f in challenge.figures
            if all(n in subset for n in f.needs)
        }
        figures[part] = {key: data for key, data in drawn.items() if data is not None}
    manifest = release.public.manifest
    content = {
        "schema": SCHEMA,
        "release": release.public.release_id,
        "challenge": challenge.name,
        "track": release.public.track.name,
        "size": release.public.size,
        "entry": dict(entry),
        "state": "valid",
        "fields": list(fields),
        **card_dict(card),
        "figures": figures,
        "notes": list(notes),
        "provenance": {
            **digests(release),
            "submission": submission,
            "blindsky": software(),
            "versions": versions(),
        }
        | {"scored": now(), "device": manifest["device"]},
    }
    replicates = {
        f"{name}/{key}": values
        for name, part in card.parts.items()
        for key, values in part.replicates.items()
    }
    return content, replicates


def digests(release: Release) -> dict[str, str]:
    """What a score depends on besides the submission: the data, the truth and the scorer."""
    return {
        "data": sha256(release.public.root / MANIFEST),
        "truth": str(release.public.manifest["commitments"]["root"]),
        "scorer": scorer_digest(release.public.challenge),
    }


def write_card(folder: Path, content: Mapping[str, Any], replicates: Mapping[str, FloatArray]) -> None:
    """A card and its replicates, whose digest it names, into an existing folder."""
    with (folder / REPLICATES).open("wb") as file:
        np.savez(file, **dict(replicates))  # type: ignore[arg-type]
    write_json(folder / CARD, {**content, "replicates": sha256(folder / REPLICATES)})


def read_card(
    folder: Path, wanted: Callable[[Mapping[str, Any]], set[str]] | None = None
) -> tuple[dict[str, Any], dict[str, FloatArray]]:
    """A card and its replicates by ``<part>/<metric>``; InputFault where they are damaged.

    wanted : names of the replicates to read, by the card: a page needs few of them.
    """
    card: dict[str, Any] = read_json(folder / CARD)
    if card.get("schema") != SCHEMA:
        message = (
            f"the card {folder} is of schema {card.get('schema')}, which another version of blindsky wrote; expected "
            f"{SCHEMA}. Run: blindsky score --all"
        )
        raise InputFault(message)
    try:
        content = (folder / REPLICATES).read_bytes()
    except FileNotFoundError:
        content = b""
    if hashlib.sha256(content).hexdigest() != card.get("replicates"):
        message = (
            f"the card {folder} is damaged: {REPLICATES} is not what it was made with. "
            "Remove that folder and run: blindsky score --all"
        )
        raise InputFault(message)
    with np.load(io.BytesIO(content), allow_pickle=False) as stored:
        names = stored.files if wanted is None else sorted(wanted(card) & set(stored.files))
        return card, {name: stored[name] for name in names}


def newest_folder(folder: Path) -> Path | None:
    """The newest of the numbered cards in a folder; None where there is none."""
    if not folder.is_dir():
        return None
    found = [p for p in folder.iterdir() if p.name.isdigit() and (p / CARD).is_file()]
    return max(found, key=lambda p: int(p.name), default=None)


def next_folder(folder: Path) -> Path:
    """Where the next card goes; earlier ones stay."""
    newest = newest_folder(folder)
    return folder / f"{1 if newest is None else int(newest.name) + 1:04d}"


def is_current(release: Release, folder: Path, submission: str) -> bool:
    """Whether a card was made from this data, truth and submission by the scorer installed here."""
    card = read_json(folder / CARD)
    provenance = card.get("provenance", {})
    wanted = {**digests(release), "submission": submission}
    return card.get("schema") == SCHEMA and all(
        provenance.get(name) == digest for name, digest in wanted.items()
    )
