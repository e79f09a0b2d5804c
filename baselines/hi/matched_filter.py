"""Smooth and clip with a matched-filter bank, calibrated on the training field.

blindsky baseline hi/matched_filter --release ID --device auto

What stands out of the noise at any of 15 scales is linked and measured; the training field tells the biases of flux and
width, and the height from which on a claim is worth its risk.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from blindsky.baselines.baseline import ProgressFactory, Settings
from blindsky.baselines.hi.calibration import Calibration, calibrate, catalogue
from blindsky.baselines.hi.fields import cube_of, field_of, truth_of
from blindsky.baselines.hi.finding import levels, normalised, significance
from blindsky.baselines.hi.linking import Clip
from blindsky.baselines.hi.regions import VOXELS, Region
from blindsky.baselines.hi.search import search
from blindsky.baselines.training import choose, threads
from blindsky.challenges.hi.cube import Voxels
from blindsky.challenges.release import Public
from blindsky.scoring.measurements import Table

Floats = NDArray[np.float32]
CLIP = Clip(floor=4.0, peak=5.0, voxels=30)  # lower floors bridge neighbours and drag masks into the noise


def candidates(
    cube: Voxels, device: torch.device, workers: int, progress: ProgressFactory, budget: int = VOXELS
) -> Table:
    """Everything above 5 sigma at its best scale, as ``search`` gives it."""
    with threads(workers):
        noise = levels(cube, device)

        def stand_out(data: Floats, region: Region) -> Floats:
            planes = slice(*region.outer[0])
            found = significance(normalised(data, noise.plane[planes], device), noise.smoothed, workers)
            return np.asarray(found.cpu().numpy())

        return search(cube, stand_out, CLIP, progress, budget)


@dataclass(frozen=True)
class Trained:
    """The bank with what the training field taught."""

    calibration: Calibration
    training: Table  # candidates of the training field
    device: torch.device
    workers: int
    progress: ProgressFactory

    def catalogue(self, public: Public, split: str) -> Table:
        """A catalogue of the field of a split, columns SDC2 and ``conf``."""
        cube, found = cube_of(public, split), self.training
        if split != "train":
            found = candidates(cube, self.device, self.workers, self.progress)
        return catalogue(self.calibration.claims(found, cube, field_of(public, split)))


def train(public: Public, settings: Settings) -> Trained:
    """Search the training field, and calibrate on its sources."""
    device, cube = choose(settings.device), cube_of(public, "train")
    found = candidates(cube, device, settings.workers, settings.progress)
    calibration = calibrate(found, truth_of(public), cube, field_of(public, "train"))
    return Trained(calibration, found, device, settings.workers, settings.progress)
