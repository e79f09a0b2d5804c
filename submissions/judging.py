"""Judging: release and submission in, measurements in between, a card out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from blindsky.challenges import cards, tables
from blindsky.challenges.cards import make_card, write_card
from blindsky.challenges.challenge import rows
from blindsky.challenges.files import sha256
from blindsky.challenges.progress import Progress, Silent
from blindsky.challenges.release import PARTS, Release
from blindsky.scoring.measurements import Array, Collector, Measurements
from blindsky.submissions.arena import PREDICTION, Arena, Submission

_BATCH = 16384


class NotAsAccepted(Exception):
    """The stored prediction is not the one that was accepted."""


def measure(release: Release, prediction: Path) -> tuple[dict[str, Measurements], Array]:
    """The measurements of each part, and the part of every case; prediction and truth are streamed side by side.

    prediction : a canonical Parquet (canonical.py).   NotAsAccepted where it is not of this release.
    """
    challenge = release.public.challenge
    key = challenge.prediction.key
    collector = Collector(PARTS)
    try:
        for truth, batch in zip(release.truth(_BATCH), tables.batches(prediction, _BATCH), strict=True):
            if rows(truth) != rows(batch) or not np.array_equal(truth[key], batch[key]):
                message = "the stored prediction does not belong to this release"
                raise NotAsAccepted(message)
            collector.add(challenge.measure(truth, batch), truth["part"])
    except (OSError, pa.ArrowException) as error:
        message = f"the stored prediction is not readable ({error})"
        raise NotAsAccepted(message) from error
    return collector.measurements()


def judge(arena: Arena, release: Release, submission: Submission, report: Progress | None = None) -> None:
    """Score one submission and keep the card; a failure is recorded as its state, with the reason."""
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
    except NotAsAccepted as error:
        arena.mark(submission, "invalid", str(error))
        return
    except (ArithmeticError, ValueError, LookupError) as error:
        arena.mark(submission, "failed", f"{type(error).__name__}: {error}")
        return
    with arena.new_card(submission.id) as folder:
        write_card(folder, content, replicates)
    arena.clear(submission)


def steps(release: Release) -> int:
    """How often ``judge`` reports for one submission: once a part and once a slice."""
    return len(PARTS) + 1 + len(release.public.challenge.slices)


def is_current(arena: Arena, release: Release, submission: Submission) -> bool:
    """Whether the newest card was made from the same data, truth and submission by the scorer installed here."""
    folder = arena.card_folder(submission.id)
    return folder is not None and cards.is_current(release, folder, submission.content)
