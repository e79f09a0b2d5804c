"""Splitting by symmetry: a galaxy looks the same from behind, so what doesn't is its neighbour's.

blindsky baseline deblending/symmetric --release ID

The deblender of SDSS (Lupton): the template of a galaxy is, pixel by pixel, the smaller one of the light there and of
the light opposite of its centre. Templates are fitted to the image in each band, none below 0, and the light of a pixel
is shared in proportion. A floor keeps noise that happens to be positive on both sides out of the sums; what it costs,
one factor a band from the training set gives back.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from blindsky.baselines.baseline import Settings
from blindsky.baselines.deblending.blends import Image, Task, answer, nothing, smooth, task
from blindsky.baselines.deblending.calibration import factors
from blindsky.baselines.deblending.leastsquares import weights
from blindsky.baselines.deblending.places import SMOOTHING, places, significance, symmetric
from blindsky.challenges.release import Public
from blindsky.scoring.measurements import FloatArray, Table

FLOOR = 0.8  # rms of a pixel, on the smoothed image: below, a template is 0


def templates(light: Image, where: FloatArray, floor: float = FLOOR) -> Image:
    """The symmetric parts (m, N, N) about places (m, 2) of light (N, N) whose noise has rms 1."""
    smoothed = smooth(light, SMOOTHING)
    found = np.stack([symmetric(smoothed, float(x), float(y)) for x, y in where])
    return np.where(found > floor, found, np.float32(0))


def shared(image: Image, models: Image) -> Image:
    """The light of an image (N, N) given to models (m, N, N) in proportion, pixel by pixel; none where all are 0."""
    total = models.sum(axis=0)
    share = np.divide(models, total, out=np.zeros_like(models), where=total > 0)
    return np.asarray(share * image)


@dataclass(frozen=True)
class Symmetric:
    """factor : total over shared flux, (bands,)."""

    task: Task
    factor: FloatArray
    workers: int

    def predict(self, test: Table) -> Table:
        """Places, fluxes, masks and the light of each galaxy in the reference band, as far as the track asks them."""
        return answer(self.task, test, self.found, self.workers)

    def found(self, blend: Table, told: Table) -> Table:
        """The galaxies of one blend."""
        camera, image, sigma = self.task.camera, blend["image"], blend["sigma"]
        light = significance(image, sigma)
        where = places(light, self.task, told)
        if not len(where):
            return nothing(image)
        shapes = templates(light, where)
        fluxes = []
        for band, pixels in enumerate(image):
            models = (weights(pixels, shapes)[:, None, None] * shapes).astype(np.float32)
            own = shared(pixels, models)
            fluxes.append(np.maximum(own.sum(axis=(1, 2), dtype=np.float64), 0))
            if band == camera.reference:
                mask, alone = models > camera.mask * sigma[band], own
        x, y = np.clip(where.T, 0, image.shape[-1] - 1)
        flux = np.stack(fluxes, axis=1) * self.factor
        return {"x": x, "y": y, "flux": flux, "mask": mask.astype(np.uint8), "image": alone}


def train(public: Public, settings: Settings) -> Symmetric:
    """A factor a band, from the first training blends."""
    asked = task(public)
    raw = Symmetric(asked, np.ones(len(asked.camera.bands)), settings.workers)
    clean = len(asked.camera.bands) > 1
    return Symmetric(asked, factors(public, asked, raw.found, settings, "symmetric", clean), settings.workers)
