"""Critical curves, caustics and image counts against closed forms, published digits and a brute-force grid."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from blindsky.challenges.lens import critical, mass
from blindsky.challenges.lens.mass import Deflectors, Perturbers, source_plane


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
    x, y = critical.caustic(d)
    assert area(x[0], y[0]) == pytest.approx(astroid, abs=2e-6)


SOURCES = np.array([[0.05, 0.02], [0.11, -0.07], [0.3, 0.1], [0.6, 0.3], [1.2, 0.5]])
COUNTS = [4, 4, 2, 2, 1]


def test_image_counts_and_magnifications() -> None:
    five = lens().take(np.zeros(5, dtype=np.int64))
    number, total = critical._isothermal_images(five, *SOURCES.T)
    assert number.tolist() == COUNTS
    np.testing.assert_allclose(total, [16.99435, 26.35932, 5.98573, 4.88183, 2.33277], rtol=1e-4)


def test_triangulation_counts_as_the_roots_do() -> None:
    found = [critical._triangulated_images(lens(), 0, x, y) for x, y in SOURCES]
    assert found == COUNTS


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


def test_perturbed_einstein_radius_agrees_with_a_grid() -> None:
    from scipy.ndimage import label

    p = Perturbers(np.array([0]), np.array([0.9]), np.array([0.5]), np.array([0.15]), np.array([0.5]))
    d = replace(lens(slope=2.1, q=0.6, x=0.02), perturbers=p)
    h = 0.012
    x, y = np.meshgrid(np.arange(-2.2, 2.2, h), np.arange(-2.2, 2.2, h))
    inside = label(eigenvalue_of(d, 0, x, y) < 0)[0]
    middle = inside[np.abs(y[:, 0]).argmin(), np.abs(x[0] - 0.1).argmin()]
    expected = np.sqrt((inside == middle).sum() * h * h / np.pi)
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
