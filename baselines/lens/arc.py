"""An arc finder: the longest, thinnest thing that lies along a circle about the centre. Learns no label.

blindsky baseline lens/arc --release ID

A mexican hat takes away what is smoother than an arc; regions above a threshold are candidates, and each is as good
as its second moment across the radius is larger than that along it. In the manner of the finders of More et al. 2012
and of Alard 2006, which look for the same thing with more care.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from blindsky.baselines.baseline import Settings
from blindsky.baselines.lens.ranks import Ranked, ranked
from blindsky.baselines.lens.stamps import Camera, Good, Pixels, one_band, smooth, stamps
from blindsky.challenges.release import Public
from blindsky.scoring.measurements import FloatArray, Table

FINE, COARSE = 1.0, 4.0  # widths of the two Gaussians of the hat, pixels
THRESHOLD = 4.0  # in units of the hat's own noise
AREA = 12  # pixels of the smallest candidate: fewer is a star, or noise
PIXEL = 0.3  # rms radius of a pixel, about 1 / sqrt(12): keeps the thinnest lines finite


def hat_noise(fine: float, coarse: float) -> float:
    """Rms of white noise of rms 1 after the hat: root of the integral of (G_fine - G_coarse)^2."""
    squared = (0.25 / fine**2 + 0.25 / coarse**2 - 1 / (fine**2 + coarse**2)) / np.pi
    return float(np.sqrt(squared))


def arcs(values: Pixels, good: Good) -> FloatArray:
    """How arc-like the best candidate of each stamp is, 0 where there is none; stamps (n, s, s) -> (n,).

    tangential / (radial + 0.3 px) * ln(area), of rms extents about a region's own mean; radial is the spread of the
    distance from the stamp's centre, so that an arc stays thin however far it bends.
    """
    from scipy.ndimage import label

    opposite = np.s_[
        :, ::-1, ::-1
    ]  # galaxies are point-symmetric: else the rim of a bad region would be an arc
    filled, there = np.where(good, values, values[opposite]), good | good[opposite]
    fine, near = smooth(filled, there, FINE)
    coarse, _ = smooth(filled, there, COARSE)
    above = good & near & (fine - coarse > THRESHOLD * hat_noise(FINE, COARSE))
    touching = np.zeros((3, 3, 3), int)
    touching[1] = 1  # corners count, and no region reaches into the next stamp
    regions, count = label(above, touching)

    n, row, column = np.nonzero(regions)
    region = regions[n, row, column] - 1
    middle = (values.shape[-1] - 1) / 2
    x, y = column - middle, row - middle
    radius = np.hypot(x, y)
    area = np.bincount(region, minlength=count)

    def mean(quantity: FloatArray) -> FloatArray:
        return np.bincount(region, quantity, count) / area

    total = mean(x**2) - mean(x) ** 2 + mean(y**2) - mean(y) ** 2
    radial = np.maximum(mean(radius**2) - mean(radius) ** 2, 0)
    tangential = np.maximum(total - radial, 0)
    value = np.sqrt(tangential) / (np.sqrt(radial) + PIXEL) * np.log(area)

    value[area < AREA] = 0
    value[np.bincount(region, radius < 1, count) > 0] = 0  # the galaxy in the middle
    best = np.zeros(len(values))
    np.maximum.at(best, n, value[region])
    return best


@dataclass(frozen=True)
class ArcFinder:
    """The band in which arcs are looked for."""

    camera: Camera
    band: int

    def __call__(self, table: Table) -> FloatArray:
        """The best candidate of each row, (n,)."""
        values, good = stamps(table, self.camera, self.band)
        return arcs(values[:, 0], good[:, 0])


def train(public: Public, settings: Settings) -> Ranked:
    """Look in g, where lensed galaxies are bright and their lenses faint, or else in the reference band."""
    return ranked(public, ArcFinder(*one_band(public, "g")), settings, "arc")
