"""The lens baselines on the track ``space`` and its shifted test, beside the published entries."""

from __future__ import annotations

from blindsky.challenges.progress import Progress
from tests.acceptance.finders import rows_of
from tests.acceptance.line import Row


def rows(progress: Progress) -> list[Row]:
    """About a quarter of an hour on two cores."""
    return rows_of("space", progress)
