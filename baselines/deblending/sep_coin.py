"""SExtractor on pairs, as the COIN study set it: cold, and hot where cold saw a single galaxy.

blindsky baseline deblending/sep_coin --release ID

Boucaud et al. 2020. The galaxy nearest to the centre is the central one, the brightest of the others its companion. A
single one is the central one if it lies within 3 pixels of the centre; the study took half of the central galaxy's true
radius, which nobody knows who sees an image alone. Fluxes are isophotal, times one factor from the training set.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from blindsky.baselines.baseline import Settings
from blindsky.baselines.deblending.blends import Image, Task, answer, task
from blindsky.baselines.deblending.calibration import factors
from blindsky.challenges.release import Public
from blindsky.scoring.measurements import FloatArray, Table

COLD = {"thresh": 5.0, "minarea": 10, "deblend_nthresh": 64, "deblend_cont": 0.01}
HOT = {"thresh": 4.0, "minarea": 6, "deblend_nthresh": 64, "deblend_cont": 0.0001}
CENTRAL = 3.0  # pixels from the centre within which a single galaxy is the central one


@dataclass(frozen=True)
class Extraction:
    """number : galaxies seen.   flux : of central and companion, isophotal, 0 for one not seen.   mask : (2, N, N)."""

    number: int
    flux: FloatArray
    mask: Image


def extract(image: Image) -> Extraction:
    """The recipe on one image (N, N), its background's rms measured by SExtractor itself."""
    import sep

    pixels = np.array(image, dtype=np.float32, order="C")  # a buffer that may be written, as sep asks
    rms = sep.Background(pixels).globalrms
    found: Any
    segments: Any
    found, segments = sep.extract(pixels, err=rms, segmentation_map=True, **COLD)
    if len(found) < 2:
        found, segments = sep.extract(pixels, err=rms, segmentation_map=True, **HOT)
    flux, mask = np.zeros(2), np.zeros((2, *image.shape), dtype=np.uint8)
    for slot, row in _slots(found, (image.shape[0] - 1) / 2).items():
        flux[slot], mask[slot] = max(float(found["flux"][row]), 0.0), segments == row + 1
    return Extraction(len(found), flux, mask)


def _slots(found: Any, middle: float) -> dict[int, int]:
    """Which row of the catalogue is the central galaxy (0), and which its companion (1)."""
    if not len(found):
        return {}
    distance = np.hypot(found["x"] - middle, found["y"] - middle)
    nearest = int(distance.argmin())
    if len(found) == 1:
        return {0 if distance[0] < CENTRAL else 1: 0}
    others = np.where(np.arange(len(found)) == nearest, -np.inf, found["flux"])
    return {0: nearest, 1: int(others.argmax())}


@dataclass(frozen=True)
class SepCoin:
    """factor : total over isophotal flux."""

    task: Task
    factor: float
    workers: int

    def predict(self, test: Table) -> Table:
        """Fluxes, 0 for a galaxy not seen, and segments as masks."""
        return answer(self.task, test, self.found, self.workers)

    def found(self, blend: Table, told: Table) -> Table:
        """Central and companion of one pair, in the order told."""
        seen = extract(blend["image"][0])
        return {"flux": self.factor * seen.flux[told["obj"], None], "mask": seen.mask[told["obj"]]}


def train(public: Public, settings: Settings) -> SepCoin:
    """One factor, from the first training pairs."""
    asked = task(public)
    raw = SepCoin(asked, 1.0, settings.workers)
    (factor,) = factors(public, asked, raw.found, settings, "sep_coin", clean=False)
    return SepCoin(asked, float(factor), settings.workers)
