"""Non-negative least squares of an image by shapes, through the normal equations: small, however many pixels."""

from __future__ import annotations

import numpy as np

from blindsky.baselines.deblending.blends import Image
from blindsky.scoring.measurements import FloatArray

RIDGE = 1e-6  # of a shape's norm: shapes that are nearly sums of others share the light


def weights(image: Image, shapes: Image) -> FloatArray:
    """Weights (m,), none below 0, with which the sum of shapes (m, N, N) comes nearest to an image (N, N).

    A shape without light has weight 0.
    """
    from scipy.optimize import nnls

    flat = shapes.reshape(len(shapes), -1).astype(np.float64)
    norm = np.linalg.norm(flat, axis=1)
    flat /= np.where(norm > 0, norm, 1)[:, None]
    root = np.linalg.cholesky(flat @ flat.T + RIDGE * np.eye(len(flat)))
    right = np.linalg.solve(root, flat @ image.ravel())
    found = nnls(root.T, right)[0]
    return np.asarray(np.divide(found, norm, out=np.zeros(len(found)), where=norm > 0))
