"""The toy's numbers drawn class by class, each with a diary of none or several lines: the test bed of strata."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import toychallenge

from blindsky.challenges.challenge import Challenge, Size, Track
from blindsky.challenges.skies import Block, Ragged, Stratum
from blindsky.scoring.measurements import Table

SIZE = Size(train=90, test=160)
STRATA = {
    "train": (Stratum("common", 70), Stratum("rare", 20)),
    "test": (Stratum("common", 100), Stratum("none", 0), Stratum("rare", 59), Stratum("unique", 1)),
}
CANDIDATES = 64
SHARE = {"common": 0.9, "none": 0.5, "rare": 0.15, "unique": 0.002}  # of the candidates that are accepted


@dataclass
class ToyStrata:
    """Classes of different means; ``shift`` is drawn once a release."""

    device: str = "cpu"
    shift: float = np.nan

    def files(self) -> Mapping[str, Table | dict[str, Any]]:
        """What all blocks share."""
        return {"shift": {"shift": self.shift}}

    def prepare(self, stream: np.random.Generator) -> None:
        """Draw the shift."""
        self.shift = float(stream.random())

    def strata(self, split: str) -> Sequence[Stratum]:
        """The classes of a split."""
        return STRATA[split]

    def draw(self, split: str, stratum: str, block: int, stream: np.random.Generator) -> Block:
        """The accepted ones of 64 candidates."""
        mean = self.shift + list(SHARE).index(stratum) + stream.standard_normal(CANDIDATES)
        accepted = stream.random(CANDIDATES) < SHARE[stratum]
        mean = mean[accepted]
        n = len(mean)
        lines = stream.integers(0, 5, n)
        diary = Ragged(lines, {"line": stream.random(int(lines.sum())), "x": np.repeat(mean, lines)})
        public: Table = {"x": (mean + stream.standard_normal(n)).astype(np.float32), "noise": np.ones(n)}
        hidden: Table = {"mean_true": mean, "sign": np.where(mean < 0, "negative", "positive")}
        hidden["stratum"] = np.full(n, stratum)
        if split == "train":
            labels: Table = {"stratum": hidden["stratum"]}
            public["mean"] = mean
            return Block(
                public, {"train_truth": hidden}, beside={"train_labels": labels}, long={"diary": diary}
            )
        return Block(public, {"truth": hidden}, long={"diary": diary})


def simulate(track: Track, size: Size, options: Mapping[str, str]) -> ToyStrata:
    """The sky of every track."""
    return ToyStrata()


CHALLENGE: Challenge = replace(
    toychallenge.CHALLENGE,
    sizes={"tiny": SIZE},
    sky=simulate,
    references=(),
    derive=None,
    slices=(),
    figures=(),
)
