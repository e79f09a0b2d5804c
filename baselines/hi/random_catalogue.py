"""Galaxies as the training field has them, at random places: what is the right population worth alone?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from blindsky.baselines.baseline import Settings
from blindsky.baselines.hi.fields import field_of, truth_of
from blindsky.challenges.hi.columns import SDC2
from blindsky.challenges.release import Public
from blindsky.scoring.measurements import Table


@dataclass(frozen=True)
class Drawn:
    """The sources of the training field, and the seed of what is drawn of them."""

    truth: Table
    seed: int

    def catalogue(self, public: Public, split: str) -> Table:
        """A catalogue of the field of a split, columns SDC2: as many sources a voxel as in the training field."""
        draw = np.random.default_rng(self.seed)
        there, here = field_of(public, "train"), field_of(public, split)
        n = max(1, round(len(self.truth["id"]) * math.prod(here.shape) / math.prod(there.shape)))
        rows = draw.integers(len(self.truth["id"]), size=n)
        x, y = (draw.uniform(-0.5, side - 0.5, n) for side in (here.nx, here.ny))
        ra, dec = here.world(x, y)
        low, high = here.frequencies[[0, -1]]
        places = {"id": np.arange(1, n + 1), "ra": ra, "dec": dec, "central_freq": draw.uniform(low, high, n)}
        return {name: self.truth[name][rows] for name in SDC2} | places


def train(public: Public, settings: Settings) -> Drawn:
    """Keep the training truth."""
    return Drawn(truth_of(public), settings.seed)
