"""Judging: release and submission in, measurements in between, a card out."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from blindsky.challenges import cards, references, tables, trust
from blindsky.challenges.cards import make_card, write_card
from blindsky.challenges.challenge import rows
from blindsky.challenges.errors import BlindskyError
from blindsky.challenges.files import sha256
from blindsky.challenges.progress import Progress, Silent, progress
from blindsky.challenges.release import PARTS, TRUTH, Release
from blindsky.scoring.measurements import Array, Collector, Measurements, Table
from blindsky.submissions.arena import PREDICTION, Arena, Standing, Submission

_BATCH = 16384
_CASES = 256  # at a time where a case has several items, which may be images


class NotAsAccepted(Exception):
    """The stored prediction is not the one that was accepted."""


def measure(release: Release, prediction: Path) -> tuple[dict[str, Measurements], Array]:
    """The measurements of each part, and the part of every case; prediction and truth are streamed side by side.

    prediction : a canonical Parquet (canonical.py).   NotAsAccepted where it is not of this release.
    """
    challenge = release.public.challenge
    key = challenge.prediction.key
    if challenge.prediction.catalogue is not None:
        return _measure_catalogue(release, prediction)
    if challenge.prediction.item is not None:
        return _measure_items(release, prediction)
    collector = Collector(PARTS)
    nothing: Table = {}
    for truth, batch in zip_longest(
        release.truth(_BATCH), tables.batches(prediction, _BATCH), fillvalue=nothing
    ):
        if rows(truth) != rows(batch) or not np.array_equal(truth[key], batch[key]):
            message = "the stored prediction does not belong to this release"
            raise NotAsAccepted(message)
        collector.add(challenge.measure(truth, batch), truth["part"])
    return collector.measurements()


def _measure_items(release: Release, prediction: Path) -> tuple[dict[str, Measurements], Array]:
    public, challenge = release.public, release.public.challenge
    key = challenge.prediction.key
    collector = Collector(PARTS)
    found = tables.Lists(prediction, key)
    hidden = release.truth_lists()
    known = tables.column_names(public.path("test"))
    beside = public.batches("test", _CASES, [key, *(name for name in challenge.beside if name in known)])
    for truth, seen in zip(release.truth(_CASES), beside, strict=True):
        ids = truth[key]
        lists = {name: table.take(ids) for name, table in hidden.items()}
        collector.add(challenge.measure(seen | truth, lists, found.take(ids)), truth["part"])
    if not found.exhausted:
        message = "the stored prediction does not belong to this release"
        raise NotAsAccepted(message)
    return collector.measurements()


def _measure_catalogue(release: Release, prediction: Path) -> tuple[dict[str, Measurements], Array]:
    public, challenge = release.public, release.public.challenge
    known = {name: tables.read(release.private / f"{name}.parquet") for name in release.hidden()}
    known |= {name: public.table(name) for name in challenge.beside if public.has(name)}
    collector = Collector(PARTS)
    collector.add(challenge.measure(known, tables.read(prediction)), known[TRUTH]["part"])
    return collector.measurements()


def training_figures(release: Release, catalogue: Path) -> dict[str, Any]:
    """The figures of what an entry finds in the training field."""
    public, challenge = release.public, release.public.challenge
    key = challenge.prediction.key
    cases = public.table("train")
    part = np.full(rows(cases), "train")
    known = {TRUTH: {key: cases[key], "part": part}}
    known |= {name: public.table(_of_training(name)) for name in release.hidden() if name != TRUTH}
    known |= {name: public.table(_of_training(name)) for name in challenge.beside if public.has(name)}
    collector = Collector(("train",))
    collector.add(challenge.measure(known, tables.read(catalogue)), part)
    found = collector.measurements()[0]["all"]
    columns = cards.by_row({**cases, "part": part}, found)
    drawn = {
        f.key: f.data(found, columns)
        for f in challenge.figures
        if f.training and all(name in columns for name in f.needs)
    }
    return {key: data for key, data in drawn.items() if data is not None}


def _of_training(table: str) -> str:
    """The public table of the training split that is like one of the test split or the truth."""
    for prefix in (TRUTH, "test"):
        if table.startswith(prefix):
            return "train" + table.removeprefix(prefix)
    return table


def judge(arena: Arena, release: Release, submission: Submission, report: Progress | None = None) -> None:
    """Score one submission and keep the card; a failure is recorded as its state, with the reason.

    What the release or the machine is at fault for (BlindskyError, OSError, MemoryError) is raised instead.
    """
    report = report or Silent()
    try:
        path = arena.submissions / submission.id / PREDICTION
        if not path.is_file() or sha256(path) != submission.file:
            message = "the stored prediction is missing or was changed after it was accepted"
            raise NotAsAccepted(message)
        parts, part_of = measure(release, path)
        entry = {
            "id": submission.id,
            "kind": submission.kind,
            "team": submission.team,
            "method": submission.method,
            "description": submission.description,
            "submitted": submission.submitted,
        }
        content, replicates = make_card(
            release,
            parts,
            part_of,
            entry,
            submission.content,
            submission.fields,
            submission.notes,
            advance=report.advance,
        )
        if (training := arena.training(submission.id)) is not None:
            content["figures"]["train"] = training_figures(release, training)
    except NotAsAccepted as error:
        arena.mark(submission, "invalid", str(error))
        return
    except (BlindskyError, OSError, MemoryError):
        raise
    except Exception as error:  # a challenge's code may raise anything; the others are still to be scored
        arena.mark(submission, "failed", f"{type(error).__name__}: {error}")
        return
    with arena.new_card(submission.id) as folder:
        write_card(folder, content, replicates)
    arena.clear(submission)


def is_current(arena: Arena, release: Release, submission: Submission) -> bool:
    """Whether the newest card was made from the same data, truth and submission by the scorer installed here."""
    folder = arena.card_folder(submission.id)
    return folder is not None and cards.is_current(release, folder, submission.content)


def score(arena: Arena, chosen: Sequence[Submission]) -> list[Standing]:
    """Score submissions one after the other, with progress; says where each of them stands now.

    InputFault where the truth is not the committed one.
    """
    releases = {name: arena.release(name) for name in {s.release for s in chosen}}
    for release in releases.values():
        trust.confirm(release)
    steps = sum(len(PARTS) + 1 + len(releases[s.release].public.challenge.slices) for s in chosen)
    with progress("scoring", steps, "parts") as report:
        for submission in chosen:
            report.note(f"{submission.team}, {submission.method}")
            judge(arena, releases[submission.release], submission, report)
    standings = {s.submission.id: s for name in releases for s in arena.standings(name)}
    return [standings[s.id] for s in chosen]


def score_due(arena: Arena) -> list[Standing]:
    """Score whatever has no card, an outdated card, or failed, in every release whose private part is here.

    Its reference rows, such as ceilings, are brought up to date first.
    """
    due = []
    for release in map(arena.release, arena.held_ids()):
        outdated = [n for n in release.public.manifest["references"] if not references.is_current(release, n)]
        if outdated:
            trust.confirm(release)
        for name in outdated:
            references.score(release, name)
        due += [
            s.submission
            for s in arena.standings(release.public.release_id)
            if s.state in ("invalid", "failed")
            or (s.state != "withdrawn" and not is_current(arena, release, s.submission))
        ]
    return score(arena, due)
