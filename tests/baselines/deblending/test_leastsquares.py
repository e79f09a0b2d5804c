"""Beside SciPy on all pixels."""

from __future__ import annotations

import numpy as np
from scipy.optimize import nnls

from blindsky.baselines.deblending.leastsquares import weights


def test_all_pixels_say_the_same():
    draw = np.random.default_rng(5)
    shapes = draw.random((6, 20, 20)).astype(np.float32) ** 4
    image = np.tensordot([3.0, 0.0, 1.0, -2.0, 0.5, 4.0], shapes, axes=1) + 0.1 * draw.normal(size=(20, 20))
    expected, _ = nnls(shapes.reshape(6, -1).T.astype(np.float64), image.ravel())
    found = weights(image.astype(np.float32), shapes)
    assert np.allclose(found, expected, atol=2e-3)
    assert found[3] == 0


def test_a_shape_without_light_has_no_weight_and_equal_ones_share():
    shapes = np.zeros((3, 8, 8), np.float32)
    shapes[:2, 2:5, 3] = 1
    found = weights(6 * shapes[0], shapes)
    assert found[2] == 0 and np.isclose(found.sum(), 6, rtol=1e-3)
    assert not weights(np.zeros((8, 8), np.float32), shapes).any()
