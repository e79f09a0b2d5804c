"""A score drawn evenly from 0 to 1 for every stamp: what luck is worth, without the ties of a constant.

blindsky baseline lens/random --release ID
"""

from __future__ import annotations

from dataclasses import dataclass

from blindsky.baselines.baseline import Settings
from blindsky.challenges.randomness import keyed_uniform
from blindsky.challenges.release import Public
from blindsky.scoring.measurements import Table


@dataclass(frozen=True)
class Random:
    """key : of the draws, so that a stamp's score depends on the seed and its id, not on its neighbours."""

    key: bytes

    def predict(self, test: Table) -> Table:
        """Draw."""
        return {"id": test["id"], "score": keyed_uniform(self.key, "lens/random", test["id"])}


def train(public: Public, settings: Settings) -> Random:
    """Nothing to learn."""
    return Random(str(settings.seed).encode())
