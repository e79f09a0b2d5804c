"""The total flux of the stamp in the reference band. An adversary: a sky that it can tell apart is too simple.

blindsky baseline lens/flux --release ID
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from blindsky.baselines.baseline import Settings
from blindsky.baselines.lens.ranks import Ranked, ranked
from blindsky.baselines.lens.stamps import Camera, one_band
from blindsky.challenges.release import Public
from blindsky.scoring.measurements import FloatArray, Table


@dataclass(frozen=True)
class TotalFlux:
    """The band that is summed."""

    camera: Camera
    band: int

    def __call__(self, table: Table) -> FloatArray:
        """Sum of the good pixels of each stamp (n,), nanomaggies."""
        image = table[self.camera.image][:, self.band]
        good = table["mask"][:, self.band] == 0 if "mask" in table else True
        return np.asarray(1e9 * image.sum(axis=(1, 2), dtype=np.float64, where=good))


def train(public: Public, settings: Settings) -> Ranked:
    """Look at the total fluxes of the train split."""
    return ranked(public, TotalFlux(*one_band(public)), settings, "flux")
