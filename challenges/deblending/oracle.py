"""The best that noise allows: fluxes by least squares with the true images of the objects, none below 0."""

from __future__ import annotations

import numpy as np

from blindsky.scoring.measurements import Array, FloatArray


def fluxes(image: Array, isolated: Array, flux: FloatArray) -> FloatArray:
    """Fluxes (m, bands) of the objects of one blend, non-negative least squares on all of its pixels.

    image : (bands, size, size).   isolated : noiseless images (m, bands, size, size) of light ``flux`` (m, bands).
    """
    from scipy.optimize import nnls

    m, bands = flux.shape
    found = np.zeros((m, bands))
    for band in range(bands):
        shapes = isolated[:, band].reshape(m, -1) / flux[:, band, None]
        norm = np.linalg.norm(shapes, axis=1)
        shapes /= norm[:, None]
        normal, right = shapes @ shapes.T, shapes @ image[band].reshape(-1).astype(np.float64)
        found[:, band] = np.linalg.solve(normal, right)
        if (found[:, band] < 0).any():
            root = np.linalg.cholesky(normal)
            found[:, band] = nnls(root.T, np.linalg.solve(root, right))[0]
        found[:, band] /= norm
    return found
