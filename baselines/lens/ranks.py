"""From a number of any range to a score between 0 and 1 that keeps its order: its rank among the train split."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blindsky.baselines.baseline import Settings
from blindsky.baselines.lens.stamps import Describe, described, train_described
from blindsky.challenges.release import Public
from blindsky.scoring.measurements import FloatArray, Table


@dataclass(frozen=True)
class Ranks:
    """The distribution of a number: increasing ``values`` (k,), and the mid-rank of each over their number (k,)."""

    values: FloatArray
    ranks: FloatArray

    @classmethod
    def of(cls, sample: NDArray[np.floating]) -> Ranks:
        """The distribution of a sample (n,)."""
        values, counts = np.unique(sample.astype(np.float64), return_counts=True)
        return cls(values, (np.cumsum(counts) - counts / 2) / len(sample))

    def score(self, x: NDArray[np.floating]) -> FloatArray:
        """Scores (n,), strictly increasing in x: linear between the sample's values.

        Beyond the extremes they go to 0 and 1 as 1 / (1 + distance): the largest values decide what a finder is
        worth at few false positives, so they must not tie.
        """
        x = np.asarray(x, np.float64)
        low, high = self.values[0], self.values[-1]
        unit = (high - low) or 1.0
        below, above = np.maximum(low - x, 0) / unit, np.maximum(x - high, 0) / unit
        inside = np.interp(x, self.values, self.ranks)
        return np.asarray(np.where(above > 0, 1 - (1 - inside) / (1 + above), inside / (1 + below)))


@dataclass(frozen=True)
class Ranked:
    """A finder that learns no label: what it makes of a stamp, ranked.

    describe : table -> one number a row.    ranks : of the train split.    workers : threads.
    """

    describe: Describe
    ranks: Ranks
    workers: int

    def predict(self, test: Table) -> Table:
        """Score the rows."""
        return {"id": test["id"], "score": self.ranks.score(described(self.describe, test, self.workers))}


def ranked(public: Public, describe: Describe, settings: Settings, name: str) -> Ranked:
    """Rank by ``describe``."""
    return Ranked(describe, Ranks.of(train_described(public, describe, settings, name)), settings.workers)
