"""Reference rows, such as a ceiling: measured while the release is generated, scored again when the scorer changes.

private/references/<name>/  measurements.parquet  cases.parquet  moments.npz  <serial>/{card.json, replicates.npz}
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from blindsky.challenges import cards, tables
from blindsky.challenges.files import new_folder
from blindsky.challenges.release import PARTS, Release
from blindsky.scoring.measurements import Collector, Measured, Moments

MEASUREMENTS = "measurements.parquet"
MOMENTS = "moments.npz"
CASES = "cases.parquet"
_PART, _CASE = "part", "case of the row"
_BASED_ON = "made with the truth"


def folder_of(release: Release, name: str) -> Path:
    """Where a reference of a release lives."""
    return release.private / "references" / name


def store(folder: Path, collector: Collector) -> None:
    """Keep what was measured, so that it can be scored again without the prediction."""
    import pyarrow.parquet as pq

    parts, part_of = collector.measurements()
    folder.mkdir(parents=True, exist_ok=True)
    case = parts["all"].case
    pq.write_table(
        tables.to_arrow(parts["all"].rows | ({} if case is None else {_CASE: case})), folder / MEASUREMENTS
    )
    pq.write_table(tables.to_arrow({_PART: part_of}), folder / CASES)
    moments = {
        f"{part}/{name}/{what}": np.asarray(getattr(m, what))
        for part in PARTS
        for name, m in parts[part].moments.items()
        for what in ("n", "total", "gram")
    }
    with (folder / MOMENTS).open("wb") as file:
        np.savez(file, **moments)  # type: ignore[arg-type]


def load(folder: Path) -> Collector:
    """What was measured."""
    rows = tables.read(folder / MEASUREMENTS)
    case = rows.pop(_CASE, None)
    collector = Collector(PARTS)
    collector.add(Measured(rows, case=case), tables.read(folder / CASES)[_PART])
    with np.load(folder / MOMENTS, allow_pickle=False) as stored:
        for key in stored.files:
            if key.endswith("/n"):
                part, name, _ = key.split("/")
                moments = Moments(
                    int(stored[key]), stored[f"{part}/{name}/total"], stored[f"{part}/{name}/gram"]
                )
                collector.fold(part, name, moments)
    return collector


def score(release: Release, name: str) -> None:
    """Make the card of a reference; earlier cards stay beside it."""
    folder = folder_of(release, name)
    challenge = release.public.challenge
    reference = {r.name: r for r in challenge.references}[name]
    parts, part_of = load(folder).measurements()
    entry = {
        "id": name,
        "kind": reference.kind,
        "team": "blindsky",
        "method": reference.title,
        "description": reference.description,
        "submitted": release.public.manifest["created"],
    }
    fields = [f.name for f in challenge.prediction.fields]
    content, replicates = cards.make_card(release, parts, part_of, entry, _BASED_ON, fields)
    with new_folder(cards.next_folder(folder)) as partial:
        cards.write_card(partial, content, replicates)


def is_current(release: Release, name: str) -> bool:
    """Whether the newest card of a reference was made from this data and truth by the scorer installed here."""
    newest = cards.newest_folder(folder_of(release, name))
    return newest is not None and cards.is_current(release, newest, _BASED_ON)
