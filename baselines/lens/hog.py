"""Histograms of oriented gradients and logistic regression.

blindsky baseline lens/hog_lr --release ID

Dalal & Triggs 2005 as Avestruz et al. 2019 use it for lenses: where in the stamp edges run, and which way.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from blindsky.baselines.baseline import Settings
from blindsky.baselines.lens.colours import with_differences
from blindsky.baselines.lens.stamps import (
    Camera,
    Good,
    Pixels,
    cameras,
    described,
    labels,
    smooth,
    stamps,
    train_described,
)
from blindsky.baselines.lens.standard import Features, Standard
from blindsky.challenges.release import Public
from blindsky.scoring.measurements import Table

if TYPE_CHECKING:
    from sklearn.linear_model import LogisticRegression

SMOOTHING = 1.0  # pixels: below the noise there is nothing to see
STRETCH = 2.0  # asinh(image / 2 rms): faint arcs and bright nuclei both have edges
CELL = 10  # pixels
BINS = 8  # orientations in half a turn
FLOOR = 0.02  # mean gradient below which a cell is empty
ENOUGH = 0.25  # share of a cell that must be good
C = 1e-3  # strong regularisation: many features of which each says little
ITERATIONS = 1000


def gradient_histograms(values: Pixels, good: Good) -> Features:
    """Mean gradient per cell and orientation, planes (m, s, s) -> (m, c, c, BINS); NaN in cells of bad pixels.

    Bin j stands for a steepest ascent at j * 180/BINS deg, modulo half a turn, from the direction of growing columns
    towards that of growing rows; a gradient is shared linearly between the two bins next to it. Gradients lie where
    four pixels meet, so that 101 pixels make 10 cells that mirrors map onto each other; what is left over by the
    c = (s - 1) // CELL cells lies at the edge.
    """
    planes, size = len(values), values.shape[-1] - 1
    cells = size // CELL
    inner = slice((size - CELL * cells) // 2, (size - CELL * cells) // 2 + CELL * cells)
    rising = np.diff(values, axis=1)  # (m, s - 1, s)
    growing = np.diff(values, axis=2)
    down = (rising[:, :, 1:] + rising[:, :, :-1])[:, inner, inner] / 2
    right = (growing[:, 1:] + growing[:, :-1])[:, inner, inner] / 2
    known = (good[:, 1:, 1:] & good[:, 1:, :-1] & good[:, :-1, 1:] & good[:, :-1, :-1])[:, inner, inner]

    magnitude = np.where(known, np.hypot(right, down), np.float32(0))
    position = np.arctan2(down, right) * np.float32(BINS / np.pi) % BINS
    lower = position.astype(np.int64)
    upper_share = position - lower
    along = np.arange(CELL * cells) // CELL
    cell = (np.arange(planes)[:, None, None] * cells + along[:, None]) * cells + along
    length = planes * cells * cells
    total = np.zeros(length * BINS)
    for bins, share in ((lower, 1 - upper_share), (lower + 1, upper_share)):
        place = cell * BINS + bins % BINS
        total += np.bincount(place.ravel(), (share * magnitude).ravel(), length * BINS)
    count = np.bincount(cell.ravel(), known.ravel(), length)
    mean = total.reshape(length, BINS) / np.where(count < ENOUGH * CELL**2, np.nan, count)[:, None]
    return mean.reshape(planes, cells, cells, BINS).astype(np.float32)


@cache
def _orbits(cells: int) -> Pixels:
    """Which features turn into each other under turns and mirrors: (cells * cells * BINS, orbits), 0 or 1."""
    number = np.arange(cells * cells * BINS).reshape(cells, cells, BINS)
    bins = np.arange(BINS)
    first = number
    for _ in range(4):  # a mirror and a transposition, alternating, run through all eight views
        first = np.minimum(first, first[:, ::-1][..., -bins % BINS])
        first = np.minimum(first, first.swapaxes(0, 1)[..., (BINS // 2 - bins) % BINS])
    return np.asarray(first.reshape(-1, 1) == np.unique(first), dtype=np.float32)


def seen_from_all_sides(features: Features) -> Features:
    """Mean over the eight views of a stamp, (m, c, c, BINS) -> (m, orbits); NaN where no view has the feature.

    A lens that is turned or mirrored is a lens. A linear method that is shown all views weighs those features alike
    that turn into each other, so their mean is all that it uses: 105 numbers instead of 800.
    """
    orbits = _orbits(features.shape[1])
    flat = features.reshape(len(features), -1)
    known = np.isfinite(flat)
    total: Features = np.where(known, flat, np.float32(0)) @ orbits
    count: Features = known.astype(np.float32) @ orbits
    count[count == 0] = np.nan
    return total / count


@dataclass(frozen=True)
class Histograms:
    """The cameras whose bands, and differences of bands, are described one after the other."""

    cameras: tuple[Camera, ...]

    def __call__(self, table: Table) -> Features:
        """Logarithms of the mean gradients, (n, k)."""
        found = []
        for camera in self.cameras:
            values, good = with_differences(*smooth(*stamps(table, camera), SMOOTHING), camera)
            planes = np.arcsinh(values / STRETCH).reshape(-1, *values.shape[2:])
            gradients = gradient_histograms(planes, good.reshape(planes.shape))
            found.append(seen_from_all_sides(np.log(gradients + FLOOR)).reshape(len(values), -1))
        return np.concatenate(found, axis=1)


@dataclass(frozen=True)
class Regression:
    """describe, standard : from stamps to features.    classifier : from features to a probability."""

    describe: Histograms
    standard: Standard
    classifier: LogisticRegression
    workers: int

    def predict(self, test: Table) -> Table:
        """Probability that a stamp is a lens."""
        features = self.standard(described(self.describe, test, self.workers))
        return {"id": test["id"], "score": self.classifier.predict_proba(features)[:, 1].astype(np.float64)}


def train(public: Public, settings: Settings) -> Regression:
    """Describe the train split and fit."""
    from sklearn.linear_model import LogisticRegression

    answers = labels(public)
    describe = Histograms(cameras(public))
    features = train_described(public, describe, settings, "hog_lr")
    standard = Standard.of(features)
    classifier = LogisticRegression(C=C, max_iter=ITERATIONS).fit(standard(features), answers)
    return Regression(describe, standard, classifier, settings.workers)
