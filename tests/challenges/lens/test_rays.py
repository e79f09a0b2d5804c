"""Lensed stamps against printed digits of brute-force integration, and against rays that were not pruned."""

from __future__ import annotations

import numpy as np
import pytest

from blindsky.challenges.lens import mass, psf, rays
from blindsky.challenges.lens.mass import Deflectors, Perturbers
from blindsky.challenges.lens.painting import FINE, MARGIN, Camera
from blindsky.challenges.lens.rays import Sources

torch = pytest.importorskip("torch")
CAMERA = Camera(101, 0.1, ("VIS",))


def a(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float64)


NO_KNOTS = (np.zeros((1, 1)), np.zeros((1, 1)), np.ones((1, 1)), np.zeros((1, 1)))  # x, y, sigma, share


def deflector(
    theta_e: float = 1.2, q: float = 0.7, slope: float = 2.0, shear: bool = True, p: Perturbers | None = None
) -> Deflectors:
    g1, g2 = (0.04, -0.03) if shear else (0.0, 0.0)
    columns = (a(v) for v in (0, 0, theta_e, q, 0.4, g1, g2, slope))
    return Deflectors(*columns, Perturbers.none() if p is None else p)


NO_PICTURE = np.array([None])


def source(x: float, y: float, radius: float, n: float, q: float = 1.0, angle: float = 0.0) -> Sources:
    columns = (a(v) for v in (radius, n, q, angle, 0))
    return Sources(np.zeros(1, dtype=np.int64), a(x), a(y), np.ones((1, 1)), *columns, *NO_KNOTS, NO_PICTURE)


def pixels(image: torch.Tensor) -> np.ndarray:
    edge = FINE * MARGIN
    inside = image[0, edge:-edge, edge:-edge].numpy()
    return inside.reshape(101, 2, 101, 2).sum(axis=(1, 3))


AT = ([50, 50, 62, 38, 45], [62, 38, 50, 50, 61])


def test_golden_stamp() -> None:
    image = rays.lensed(deflector(), source(0.11, -0.07, 0.35, 1.3, 0.6, 1.1), CAMERA, a(1e-4), "cpu")
    bare = pixels(image)
    expected = [0.00946248, 0.02033509, 0.03228106, 0.00727564, 0.00986086]
    np.testing.assert_allclose(bare[AT], expected, atol=1e-3 * 0.0458)
    assert bare.sum() == pytest.approx(9.103175, abs=1e-3)
    assert np.unravel_index(bare.argmax(), bare.shape) == (60, 55)
    kernel = torch.as_tensor(psf.transfer(CAMERA, a(0.18), None))
    seen = psf.observe(image[:, None], kernel, CAMERA)[0, 0].numpy()
    expected = [0.00969715, 0.02025383, 0.03006582, 0.00724006, 0.01080896]
    np.testing.assert_allclose(seen[AT], expected, atol=1e-3 * 0.0361)
    assert seen.max() == pytest.approx(0.03607109, rel=1e-3)


def test_magnification_of_the_isothermal_sphere() -> None:
    small = source(0.3, 0.0, 0.03 * 1.17741, 0.5)
    image = rays.lensed(deflector(q=1.0, shear=False), small, CAMERA, a(1e-3), "cpu")
    assert float(image.sum()) == pytest.approx(8.040, abs=5e-3)


@pytest.mark.parametrize("slope", [1.85, 2.0, 2.15])
def test_pruned_rays_hold_no_light(slope: float) -> None:
    """A double-precision image of every cell, with perturbers, differs by less than the faintest level."""
    p = Perturbers(np.zeros(2, dtype=np.int64), a(0.9, -2.0), a(0.5, 1.0), a(0.2, 0.05), a(0.5, 0.2))
    d, s, sigma = deflector(slope=slope, p=p), source(0.2, -0.1, 0.3, 1.0), 1e-3
    image = rays.lensed(d, s, CAMERA, a(sigma), "cpu")
    nodes, weights = np.polynomial.legendre.leggauss(4)
    at = ((np.arange(CAMERA.cells)[:, None] + 0.5 + 0.5 * nodes) * CAMERA.cell - CAMERA.half).ravel()
    bx, by = mass.source_plane(d, 0, *np.meshgrid(at, at))
    bright = (
        np.exp(-rays.sersic_b(s.n) * np.hypot(bx - 0.2, by + 0.1) / 0.3) * rays.sersic_centre(s.n) / 0.3**2
    )
    fine = bright.reshape(CAMERA.cells, 4, CAMERA.cells, 4)
    exact = np.einsum("iajb,a,b->ij", fine, weights / 2, weights / 2) * CAMERA.cell**2
    found = image[0].numpy()
    assert (found == 0).mean() > 0.2
    assert exact[found == 0].max() < 0.02 * sigma / 4
    # the 4 x 4 reference itself is off at the cusp of the source, in a few cells
    assert np.quantile(np.abs(found - exact), 0.999) < 0.03 * sigma


def test_knots_hold_their_share_of_the_light() -> None:
    """Without a deflector to speak of, the image is the source."""
    knot = (a(0.4)[:, None], a(0.0)[:, None], a(0.08)[:, None], a(1.0)[:, None])
    columns = (a(v) for v in (0.3, 1.0, 1.0, 0.0, 0.4))
    s = Sources(np.zeros(1, dtype=np.int64), a(0), a(0), np.ones((1, 1)), *columns, *knot, NO_PICTURE)
    d = deflector(theta_e=1e-6, q=0.99, shear=False)
    image = rays.lensed(d, s, CAMERA, a(1e-4), "cpu")[0]
    assert float(image.sum()) == pytest.approx(1, abs=3e-3)
    axis = (torch.arange(CAMERA.cells) + 0.5) * CAMERA.cell - CAMERA.half
    assert float((image * axis).sum()) == pytest.approx(0.16, abs=2e-3)


def test_a_stamp_does_not_depend_on_its_neighbours() -> None:
    d, s = deflector(), source(0.11, -0.07, 0.35, 1.3, 0.6, 1.1)
    alone = rays.lensed(d, s, CAMERA, a(1e-4), "cpu")
    two = np.array([0, 0])
    pair = rays.lensed(d.take(two), s.select(two), CAMERA, a(1e-4, 1e-4), "cpu")
    assert torch.allclose(pair[1], alone[0], rtol=1e-6, atol=1e-10)
