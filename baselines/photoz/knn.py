"""Nearest neighbours: a kernel density of the redshifts of the labelled galaxies that look most alike.

blindsky baseline photoz/knn --release ID
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from blindsky.baselines.baseline import Settings
from blindsky.baselines.photoz import densities
from blindsky.baselines.photoz.photometry import Photometry, labels
from blindsky.challenges.release import Public
from blindsky.scoring.measurements import FloatArray, Table

if TYPE_CHECKING:
    from scipy.spatial import cKDTree

NEIGHBOURS = 20
SCOTT = (
    1.06 * NEIGHBOURS**-0.2
)  # rule of thumb for a Gaussian; halved below, because neighbours are often bimodal
NARROWEST = 0.012  # just above the step of the grid, so that no kernel falls between two nodes
CHUNK = 1024  # rows at once: 1.2 MB an array of 301 nodes, which stays in the cache


def bandwidth(z: NDArray[np.floating]) -> FloatArray:
    """Width of the kernels of each row of neighbours, (n, NEIGHBOURS) -> (n,)."""
    return np.asarray(np.maximum(0.5 * z.std(axis=1) * SCOTT, NARROWEST), dtype=np.float64)


def kernel_density(z: NDArray[np.floating], nodes: FloatArray) -> NDArray[np.float32]:
    """Sum of Gaussians about the neighbours' redshifts, (n, NEIGHBOURS) -> (n, k), not normalised."""
    density = np.zeros((len(z), len(nodes)), np.float32)
    unit = 1 / (np.sqrt(2) * bandwidth(z))[:, None]  # (n, 1)
    scaled_nodes = (nodes * unit).astype(np.float32)  # (n, k)
    scaled_z = (z * unit).astype(np.float32)  # (n, NEIGHBOURS)
    distance = np.empty_like(density)
    for j in range(z.shape[1]):
        np.subtract(scaled_nodes, scaled_z[:, j, None], out=distance)
        np.multiply(distance, distance, out=distance)
        np.negative(distance, out=distance)
        density += np.exp(distance, out=distance)
    return density


@dataclass(frozen=True)
class Neighbours:
    """tree : the labelled galaxies' features.    z : their redshifts, shape (labels,)."""

    photometry: Photometry
    tree: cKDTree
    z: FloatArray
    nodes: FloatArray
    workers: int

    def predict(self, test: Table) -> Table:
        """Find the neighbours and smooth their redshifts."""
        k = min(NEIGHBOURS, len(self.z))
        _, near = self.tree.query(self.photometry.features(test), k=np.arange(1, k + 1), workers=self.workers)
        density = np.empty((len(near), len(self.nodes)), np.float32)
        for first in range(0, len(near), CHUNK):
            density[first : first + CHUNK] = kernel_density(self.z[near[first : first + CHUNK]], self.nodes)
        return densities.answer(test, density, self.nodes)


def train(public: Public, settings: Settings) -> Neighbours:
    """Put the labelled galaxies into a tree."""
    from scipy.spatial import cKDTree

    photometry, features, z = labels(public)
    return Neighbours(photometry, cKDTree(features), z, densities.grid(public), settings.workers)
