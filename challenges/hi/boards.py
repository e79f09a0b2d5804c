"""The boards of the HI challenge: by the score of SDC2, and by what is left of it when each source counts once."""

from __future__ import annotations

from blindsky.challenges.challenge import Board
from blindsky.challenges.hi.metrics import (
    ACCURACIES,
    ACCURACY,
    COUNTS,
    QUALITY,
    STRICT,
    VALUE,
)

BOARDS = (
    Board(
        name="score",
        title="SDC2 score",
        primary=(VALUE.key,),
        metrics=tuple(m.key for m in (VALUE, *QUALITY, ACCURACY, *COUNTS[:2])),
        compare=("completeness5", "purity"),
    ),
    Board(
        name="properties",
        title="Measured properties, one claim a source",
        primary=(STRICT.key,),
        metrics=tuple(m.key for m in (STRICT, ACCURACY, *ACCURACIES)),
    ),
)
"""Accuracies alone would put first who claims the brightest source and nothing else, so a score ranks them, too."""
