"""Painted and convolved profiles against GalSim (printed digits agree with direct quadrature to 1e-8)."""

from __future__ import annotations

import numpy as np
import pytest

from blindsky.challenges.lens import painting, psf
from blindsky.challenges.lens.light import Sersics
from blindsky.challenges.lens.painting import Camera

torch = pytest.importorskip("torch")
SPACE, GROUND = Camera(101, 0.1, ("VIS",)), Camera(101, 0.2, ("r",))


def sersic(n: float, radius: float, q: float, angle: float, x: float = 0.0, y: float = 0.0) -> Sersics:
    columns = (np.array([v], dtype=np.float64) for v in (radius, n, q, angle))
    return Sersics(np.zeros(1, dtype=np.int64), np.array([x]), np.array([y]), np.ones((1, 1)), *columns)


def painted(camera: Camera, objects: Sersics, sigma: float = 1e-9) -> np.ndarray:
    canvas = torch.zeros(1, 1, camera.cells, camera.cells)
    painting.paint(canvas, camera, objects, np.full((1, 1), sigma))
    return canvas


def seen(
    camera: Camera, objects: Sersics, fwhm: float, beta: float | None, sigma: float = 1e-9
) -> np.ndarray:
    index = None if beta is None else np.array([beta])
    kernel = torch.as_tensor(psf.transfer(camera, np.array([fwhm]), index))
    return psf.observe(painted(camera, objects, sigma), kernel, camera)[0, 0].numpy()


@pytest.mark.parametrize(
    ("n", "expected", "total"),
    [
        (1.0, [0.01282868, 0.00378527, 0.00281540, 0.00029307], 0.999999),
        (2.5, [0.02505233, 0.00260413, 0.00187187, 0.00029336], 0.992853),
        (4.0, [0.03426069, 0.00210673, 0.00149944, 0.00025590], 0.967388),
    ],
)
def test_through_a_gaussian(n: float, expected: list[float], total: float) -> None:
    image = seen(SPACE, sersic(n, 0.5, 0.7, 0.5), 0.18, None)
    found = [image[50, 50], image[50, 55], image[55, 50], image[60, 60]]
    np.testing.assert_allclose(found, expected, rtol=1e-3)
    assert image.sum() == pytest.approx(total, abs=2e-4)


@pytest.mark.parametrize(
    ("n", "expected"),
    [(1.0, [0.01168090, 0.00783353, 0.00661505]), (4.0, [0.01623420, 0.00719955, 0.00582408])],
)
def test_through_a_moffat(n: float, expected: list[float]) -> None:
    image = seen(GROUND, sersic(n, 0.8, 0.8, 0.3, 0.03, -0.02), 0.70, 3.5)
    np.testing.assert_allclose([image[50, 50], image[50, 53], image[53, 50]], expected, rtol=1e-3)


@pytest.mark.parametrize("radius", [0.03, 0.06, 0.3])
@pytest.mark.parametrize("n", [0.6, 2.0, 6.0])
def test_compact_cusps_keep_their_light(n: float, radius: float) -> None:
    """The light within the canvas is that of the curve of growth, wherever the centre lies in its cell."""
    from scipy.special import gammainc

    from blindsky.challenges.lens.light import sersic_b

    camera = Camera(101, 0.1, ("VIS",))
    for x, y in ((0.0, 0.0), (0.013, -0.021)):
        total = float(painted(camera, sersic(n, radius, 1.0, 0.0, x, y)).sum())
        b = sersic_b(np.array(n))
        low, high = (gammainc(2 * n, b * (r / radius) ** (1 / n)) for r in (camera.half, camera.half * 1.42))
        assert low - 4e-3 < total < high + 4e-3


def test_a_box_is_as_good_as_the_whole_canvas() -> None:
    """An object cut at 0.03 sigma per pixel differs nowhere by more."""
    objects, sigma = sersic(1.0, 0.15, 0.6, 0.8, 1.03, -2.2), 3e-4
    boxed, whole = painted(SPACE, objects, sigma), painted(SPACE, objects, 1e-12)
    assert float((boxed - whole).abs().max()) < 0.03 * sigma
    assert float((boxed != 0).sum()) < 0.1 * float((whole != 0).sum())


def test_objects_beyond_the_edge_are_cut() -> None:
    inside = painted(SPACE, sersic(1.0, 0.2, 1.0, 0.0, 5.42, 0.0))
    outside = painted(SPACE, sersic(1.0, 0.2, 1.0, 0.0, 9.0, 9.0), 1e-2)
    assert 0.2 < float(inside.sum()) < 0.6
    assert float(outside.sum()) == 0


def test_gaussian_profile_has_the_width_of_its_parameters() -> None:
    """A Gaussian seen through a Gaussian is one of the summed variances, integrated over pixels."""
    from scipy.special import erf

    sigma, fwhm, x = 0.2, 0.18, 0.04
    image = seen(SPACE, sersic(0.5, sigma * np.sqrt(2 * np.log(2)), 1.0, 0.0, x, 0.0), fwhm, None)
    width = np.hypot(sigma, fwhm / np.sqrt(8 * np.log(2)))
    edges = (np.arange(102) - 50.5) * 0.1
    along = 0.5 * np.diff(erf((edges - x) / (np.sqrt(2) * width)))
    across = 0.5 * np.diff(erf(edges / (np.sqrt(2) * width)))
    assert np.abs(image - np.outer(across, along)).sum() < 1.5e-3
    np.testing.assert_allclose(image, np.outer(across, along), atol=1e-3 * image.max())


def test_agrees_with_galsim() -> None:
    galsim = pytest.importorskip("galsim")
    for n, radius, q, angle in ((1.7, 0.35, 0.6, 1.0), (3.3, 0.8, 0.8, 2.0)):
        image = seen(GROUND, sersic(n, radius, q, angle, 0.11, -0.07), 0.88, 3.5)
        profile = galsim.Sersic(n, half_light_radius=radius).shear(q=q, beta=angle * galsim.radians)
        through = galsim.Convolve(profile.shift(0.11, -0.07), galsim.Moffat(3.5, fwhm=0.88))
        expected = through.drawImage(nx=101, ny=101, scale=0.2).array
        np.testing.assert_allclose(image, expected, atol=1e-3 * expected.max())
