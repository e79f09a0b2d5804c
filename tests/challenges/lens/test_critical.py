"""Critical curves, caustics and image counts against closed forms, published digits and a brute-force grid."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from blindsky.challenges.lens import critical, mass
from blindsky.challenges.lens.mass import Deflectors, Perturbers, source_plane
from blindsky.challenges.lens.scene import draw_scene
from blindsky.challenges.lens.settings import SETTINGS


def lens(**changes: float) -> Deflectors:
    """The lens of the golden numbers: (1.2, 0.7, 0.4) with shear (0.04, -0.03)."""
    columns = {
        "x": 0.0,
        "y": 0.0,
        "theta_e": 1.2,
        "q": 0.7,
        "phi": 0.4,
        "g1": 0.04,
        "g2": -0.03,
        "slope": 2.0,
    }
    values = {name: np.array([changes.get(name, value)]) for name, value in columns.items()}
    return Deflectors(**values, perturbers=Perturbers.none())


def eigenvalue_of(d: Deflectors, i: int, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """1 - kappa - |gamma| by central differences of the lens equation."""
    h = 1e-5
    (rx, ry), (lx, ly) = (source_plane(d, i, x + s, y) for s in (h, -h))
    (ux, uy), (bx, by) = (source_plane(d, i, x, y + s) for s in (h, -h))
    a11, a21, a12, a22 = ((p - m) / (2 * h) for p, m in ((rx, lx), (ry, ly), (ux, bx), (uy, by)))
    return np.asarray(0.5 * (a11 + a22) - np.hypot(0.5 * (a22 - a11), 0.5 * (a12 + a21)))


def area(x: np.ndarray, y: np.ndarray) -> float:
    return 0.5 * abs(float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1))))


def test_golden_lens() -> None:
    np.testing.assert_allclose(critical.einstein_radius(lens()), 1.2023890158, atol=1e-9)
    np.testing.assert_allclose(critical.caustic_radius(lens()), 0.3251447, atol=2e-7)
    np.testing.assert_allclose(critical.critical_radius(lens(), np.zeros(1)), 1.2828237, atol=5e-8)


def test_magnification_is_infinite_on_the_curve() -> None:
    angle = np.linspace(0, 6, 20)
    r = critical.critical_radius(lens(), angle)[0]
    found = eigenvalue_of(lens(), 0, r * np.cos(angle), r * np.sin(angle))
    np.testing.assert_allclose(found, 0, atol=1e-9)


@pytest.mark.parametrize(
    ("q", "r_ca", "astroid"),
    [(0.5, 0.559180, 0.238145), (0.7, 0.263372, 0.065635), (0.9, 0.072465, 0.005805)],
)
def test_caustic_of_the_plain_ellipsoid(q: float, r_ca: float, astroid: float) -> None:
    d = lens(theta_e=1.0, q=q, g1=0.0, g2=0.0)
    np.testing.assert_allclose(critical.caustic_radius(d), r_ca, atol=1e-6)
    angle = np.linspace(0, 2 * np.pi, 3600, endpoint=False)
    r = critical.critical_radius(d, angle)[0]
    x, y = source_plane(d, 0, r * np.cos(angle), r * np.sin(angle))
    assert area(x, y) == pytest.approx(astroid, abs=2e-6)


SOURCES = np.array([[0.05, 0.02], [0.11, -0.07], [0.3, 0.1], [0.6, 0.3], [1.2, 0.5]])
COUNTS = [4, 4, 2, 2, 1]


def test_image_counts_and_magnifications() -> None:
    """Numbers of lenstronomy, by the roots of the polar angle and by the mesh of perturbed lenses alike."""
    five = lens().take(np.zeros(5, dtype=np.int64))
    assert critical.count_images(five, *SOURCES.T).tolist() == COUNTS
    row, mu = critical.perturbed_images(five, *SOURCES.T)
    assert np.bincount(row).tolist() == COUNTS
    total = np.bincount(row, np.abs(mu))
    np.testing.assert_allclose(total, [16.99435, 26.35932, 5.98573, 4.88183, 2.33277], rtol=1e-4)


def test_an_image_is_counted_from_a_hundredth_of_its_source() -> None:
    """The central image, at r, behind a round power law less steep than isothermal: alpha = r^(2 - slope)."""
    d = lens(theta_e=1.0, q=0.9999, g1=0.0, g2=0.0, slope=1.8)
    for r, visible in ((0.01, False), (0.03, True)):
        mu = 1 / ((1 - r**-0.8) * (1 - 0.2 * r**-0.8))
        assert (mu > critical.FAINTEST) is visible
        source = np.array([r**0.2 - r])
        found = critical.perturbed_images(d, source, np.zeros(1))[1]
        assert np.abs(found - mu).min() < 1e-3 * mu
        assert critical.count_images(d, source, np.zeros(1)).tolist() == [2 + visible]


def test_images_beside_a_heavy_companion_far_out() -> None:
    """A source behind a perturber beyond the lens's own reach is split in two by it."""
    p = Perturbers(np.array([0]), np.array([6.0]), np.array([0.0]), np.array([0.8]), np.array([0.5]))
    d = replace(lens(), perturbers=p)
    bx, by = source_plane(lens(), 0, np.array([6.1]), np.array([0.0]))  # a tenth off where it stands
    mu = critical.perturbed_images(d, bx, by)[1]
    assert np.sum(np.abs(mu) >= critical.FAINTEST) == 2


@pytest.mark.parametrize("track", ["space_shift", "euclid"])
def test_counts_do_not_hang_on_the_mesh(track: str) -> None:
    stream, setting = np.random.default_rng(20261121), SETTINGS[track]
    scene = draw_scene(stream, setting, 160, setting.shifted)
    d = scene.deflectors.take(np.flatnonzero(scene.has_source))
    counts = []
    for mesh in (40, 80):
        row, mu = critical.perturbed_images(d, scene.sources.x, scene.sources.y, mesh)
        counts.append(np.bincount(row[np.abs(mu) >= critical.FAINTEST], minlength=len(d.x)))
    assert (counts[0] == scene.n_images[scene.has_source]).all()
    assert (counts[0] == counts[1]).mean() > 0.98


def test_power_law_curve_reduces_to_the_isothermal_one() -> None:
    found = critical._perturbed_einstein_radius(lens(), 0, 1.0)
    assert found == pytest.approx(1.2023890158, rel=1e-3)


def test_convergence_and_shear_are_the_derivatives_of_the_deflection() -> None:
    p = Perturbers(
        np.zeros(1, dtype=np.int64), np.array([0.9]), np.array([0.5]), np.array([0.3]), np.array([0.5])
    )
    x, y = np.random.default_rng(6).normal(0, 1.5, (2, 100))
    for slope in (1.85, 2.0, 2.2):
        d = replace(lens(slope=slope, q=0.6, x=0.02, y=-0.01), perturbers=p)
        kappa, g1, g2 = mass.convergence_and_shear(d, 0, x, y)
        np.testing.assert_allclose(1 - kappa - np.hypot(g1, g2), eigenvalue_of(d, 0, x, y), atol=1e-7)


@pytest.mark.parametrize(
    ("theta_e", "strength", "distance", "half"),
    [(1.2, 0.125, 0.85, 1.9), (0.3, 1.0, 1.0, 3), (0.3, 1.5, 2.0, 5), (0.3, 2.0, 2.0, 5)],
)
def test_perturbed_einstein_radius_agrees_with_a_grid(
    theta_e: float, strength: float, distance: float, half: float
) -> None:
    """Lengths in Einstein radii; also where the region of a companion merges with the lens's and leads far out."""
    from scipy.ndimage import label

    at = distance * theta_e * np.array([[0.9], [0.5]]) / np.hypot(0.9, 0.5)
    p = Perturbers(np.array([0]), *at, np.array([strength * theta_e]), np.array([0.5]))
    d = replace(lens(theta_e=theta_e, slope=2.1, q=0.6, x=0.02), perturbers=p)
    h = 0.015 * theta_e
    side = theta_e * half
    x, y = np.meshgrid(np.arange(-side, side, h), np.arange(-side, side, h))
    inside = label(eigenvalue_of(d, 0, x, y) < 0)[0]
    own = inside == inside[np.abs(y[:, 0]).argmin(), np.abs(x[0] - 0.02 - 0.05 * theta_e).argmin()]
    assert not (own[[0, -1]].any() or own[:, [0, -1]].any())
    expected = np.sqrt(own.sum() * h * h / np.pi)
    assert critical.einstein_radius(d)[0] == pytest.approx(expected, rel=4e-3)


def test_dark_specks_add_no_images_of_no_light() -> None:
    """A singular perturber far from every image has a central image without light, which does not count."""
    specks = Perturbers(
        np.zeros(2, dtype=np.int64), np.array([1.9, -0.3]), np.array([1.7, 0.2]), *np.full((2, 2), 0.003)
    )
    perturbed = replace(lens(), perturbers=specks)
    assert critical.count_images(perturbed, np.array([0.11]), np.array([-0.07])).tolist() == [4]


def test_counts_mix_both_kinds_of_deflector() -> None:
    two = lens().take(np.zeros(2, dtype=np.int64))
    two = replace(two, slope=np.array([2.0, 2.05]))
    assert critical.count_images(two, np.full(2, 0.11), np.full(2, -0.07)).tolist() == [4, 4]
    assert (
        source_plane(two, 1, np.zeros(1), np.ones(1))[1][0]
        != source_plane(two, 0, np.zeros(1), np.ones(1))[1][0]
    )
