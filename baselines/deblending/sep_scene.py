"""SExtractor on scenes: found in r, fluxes of all bands within the same segments.

blindsky baseline deblending/sep_scene --release ID

Isophotal fluxes, times one factor a band, the median over training galaxies that are as good as alone. Apertures that
follow a galaxy's extent would do worse, because its neighbours enter them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from blindsky.baselines.baseline import Settings
from blindsky.baselines.deblending.blends import Task, answer, task
from blindsky.baselines.deblending.calibration import factors
from blindsky.challenges.release import Public
from blindsky.scoring.measurements import Array, FloatArray, Table

THRESHOLD = 1.5  # rms of the sky, on the image that SExtractor has smoothed
RECIPE = {"minarea": 5, "deblend_nthresh": 32, "deblend_cont": 0.0001}


def extract(image: Array, sigma: float, reference: int) -> Table:
    """x, y (m,), flux (m, bands) and mask (m, N, N) of what is seen on an image (bands, N, N), 0 for fluxes below."""
    import sep

    pixels = np.array(
        image[reference], dtype=np.float32, order="C"
    )  # a buffer that may be written, as sep asks
    found, segments = sep.extract(pixels, THRESHOLD, err=sigma, segmentation_map=True, **RECIPE)
    m = len(found)
    owner = segments.ravel()
    sums = [np.bincount(owner, band.ravel().astype(np.float64), m + 1)[1:] for band in image]
    mask = segments == np.arange(1, m + 1)[:, None, None]
    edge = len(pixels) - 1.0
    return {
        "x": np.clip(found["x"], 0, edge),
        "y": np.clip(found["y"], 0, edge),
        "flux": np.maximum(np.stack(sums, axis=1), 0),
        "mask": mask.astype(np.uint8),
    }


@dataclass(frozen=True)
class SepScene:
    """factor : total over isophotal flux, (bands,)."""

    task: Task
    factor: FloatArray
    workers: int

    def predict(self, test: Table) -> Table:
        """Places, fluxes, and segments as masks."""
        return answer(self.task, test, self.found, self.workers)

    def found(self, blend: Table, told: Table) -> Table:
        """What is seen in one scene, at most as many as may be named, the brightest."""
        reference = self.task.camera.reference
        seen = extract(blend["image"], float(blend["sigma"][reference]), reference)
        kept = np.argsort(-seen["flux"][:, reference], kind="stable")[: self.task.most]
        seen = {name: column[kept] for name, column in seen.items()}
        return seen | {"flux": seen["flux"] * self.factor}


def train(public: Public, settings: Settings) -> SepScene:
    """A factor a band, from the first training scenes."""
    asked = task(public)
    raw = SepScene(asked, np.ones(len(asked.camera.bands)), settings.workers)
    return SepScene(
        asked, factors(public, asked, raw.found, settings, "sep_scene", clean=True), settings.workers
    )
