"""How many blocks a stratum still needs until it has its rows, and which rows of a block are kept."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, sqrt

import numpy as np

from blindsky.challenges.blocks import take
from blindsky.challenges.challenge import rows
from blindsky.challenges.skies import Block, Stratum

CAUTION = 2.0  # standard errors by which an estimate of the blocks is lowered: few are drawn in vain


class Filling:
    """A stratum that fills up; ``first`` is the number of its first row in the split."""

    def __init__(self, stratum: Stratum, first: int) -> None:
        self.stratum, self.first = stratum, first
        self.blocks = 0  # asked for
        self.accepted = 0  # rows in them, whether kept or not

    @property
    def kept(self) -> int:
        """Rows that it has."""
        return min(self.accepted, self.stratum.rows)

    def ask(self) -> range:
        """Numbers of the blocks to draw next, when all that were asked for before have come.

        They are likely to fill it, and unlikely to be too many.
        """
        missing = self.stratum.rows - self.kept
        more = 0
        if missing:
            more = max(self.blocks, 1)  # while nothing was accepted, twice as many
            if self.accepted:
                wanted = missing * self.blocks / self.accepted
                cautious = int(wanted * (1 - CAUTION / sqrt(self.accepted)))
                more = max(cautious, min(ceil(wanted), more))
        asked = range(self.blocks, self.blocks + more)
        self.blocks += more
        return asked

    def take(self, block: Block) -> tuple[int, Block]:
        """Number in the split of the first row of the next block, and its rows that are kept."""
        first, before = self.first + self.kept, self.kept
        self.accepted += rows(block.public)
        return first, take(block, np.arange(self.kept - before))


def fillings(strata: Sequence[Stratum], total: int) -> dict[str, Filling]:
    """The strata of a split of ``total`` rows by name, one after another; ValueError where they hold more or less."""
    firsts = np.cumsum([0, *(stratum.rows for stratum in strata)])
    if firsts[-1] != total or len({stratum.name for stratum in strata}) < len(strata):
        message = f"strata of different names hold {firsts[-1]} rows, expected {total}"
        raise ValueError(message)
    return {s.name: Filling(s, int(first)) for s, first in zip(strata, firsts, strict=False)}
