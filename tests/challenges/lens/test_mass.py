"""Deflections against numbers of lenstronomy 1.14.2, in both precisions, and against the lenses' own symmetries."""

from __future__ import annotations

import numpy as np
import pytest

from blindsky.challenges.lens import mass
from blindsky.challenges.lens.mass import Deflectors, Perturbers

POINTS = np.array([[0.7, -0.4], [1.5, 2.0], [-0.1, 0.05]])
SIE = {
    (1.3, 0.5, 0.6): [
        [1.0747811041, -0.8423513693],
        [0.5238048039, 1.0418424837],
        [-1.1010345852, 0.7932852345],
    ],
    (1.2, 0.7, 0.4): [
        [0.9859268898, -0.7147228270],
        [0.5912626865, 1.0026804270],
        [-1.0153403511, 0.6597526873],
    ],
}
EPL = {
    2.1: [[1.1227367583, -0.8621064536], [0.5097824365, 0.9835497245], [-1.4030558219, 0.9877320594]],
    1.9: [[1.0303446682, -0.8229266904], [0.5383744331, 1.1024460647], [-0.8651821274, 0.6368075225]],
}


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


@pytest.mark.parametrize("parameters", SIE)
def test_isothermal_deflection(parameters: tuple[float, float, float]) -> None:
    x, y = POINTS.T
    found = mass.ellipsoid_and_shear(x, y, *parameters, 0.0, 0.0)
    np.testing.assert_allclose(np.stack(found, axis=1), SIE[parameters], atol=1e-9)


@pytest.mark.parametrize("slope", EPL)
def test_power_law_deflection(slope: float) -> None:
    x, y = POINTS.T
    found = mass.ellipsoid_and_shear(x, y, 1.3, 0.5, 0.6, 0.0, 0.0, slope)
    np.testing.assert_allclose(np.stack(found, axis=1), EPL[slope], atol=1e-9)


def test_power_law_of_slope_two_is_isothermal() -> None:
    x, y = np.random.default_rng(1).normal(0, 2, (2, 50))
    a, b = mass.sie(x, y, 1.1, 0.6), mass.epl(x, y, 1.1, 0.6, 2.0, mass.epl_terms(0.6, 1e-14))
    np.testing.assert_allclose(a, b, atol=1e-12)


def test_round_isothermal_deflects_by_its_einstein_radius() -> None:
    x, y = np.random.default_rng(2).normal(0, 2, (2, 50))
    a = mass.sie(x, y, 0.8, 1.0)
    np.testing.assert_allclose(np.hypot(*a), 0.8, rtol=1e-4)


def test_pseudo_jaffe() -> None:
    x = np.array([0.3, 1.0, 3.0])
    found = mass.pseudo_jaffe(x, 0 * x, 0.4, 0.5)[0]
    np.testing.assert_allclose(found, [0.2892064140, 0.1527864045, 0.0611491646], atol=1e-10)


def test_single_precision_is_good_to_two_microarcseconds() -> None:
    torch = pytest.importorskip("torch")
    x, y = np.random.default_rng(3).uniform(-5, 5, (2, 2000))
    for slope in (None, 1.9):
        exact = mass.ellipsoid_and_shear(x, y, *np.array([[1.2], [0.7], [0.4], [0.04], [-0.03]]), slope)
        single = [torch.tensor(v, dtype=torch.float32) for v in (x, y, 1.2, 0.7, 0.4, 0.04, -0.03)]
        rounded = mass.ellipsoid_and_shear(*single, slope)
        np.testing.assert_allclose(np.stack([r.numpy() for r in rounded]), np.stack(exact), atol=2e-6)


def test_ray_shooting() -> None:
    bx, by = mass.source_plane(lens(), 0, *POINTS.T)
    expected = [[-0.3259268898, 0.3197228270], [0.9087373135, 1.1223195730], [0.9208403511, -0.6107526873]]
    np.testing.assert_allclose(np.stack([bx, by], axis=1), expected, atol=1e-9)


def test_magnification_of_rays() -> None:
    h, (x, y) = 1e-5, POINTS.T
    (rx, ry), (lx, ly) = (mass.source_plane(lens(), 0, x + s, y) for s in (h, -h))
    (ux, uy), (dx, dy) = (mass.source_plane(lens(), 0, x, y + s) for s in (h, -h))
    det = ((rx - lx) * (uy - dy) - (ux - dx) * (ry - ly)) / (4 * h * h)
    np.testing.assert_allclose(1 / det, [-3.12156377, 2.14270198, -0.11556738], rtol=1e-6)


def test_rays_behind_many_deflectors_at_once() -> None:
    p = Perturbers(np.array([2, 0, 2]), *np.random.default_rng(5).uniform(0.1, 1, (4, 3)))
    columns = np.random.default_rng(6).uniform(0.3, 0.9, (7, 3))
    d = Deflectors(*columns, slope=np.array([2.0, 1.9, 2.1]), perturbers=p)
    row = np.array([2, 0, 1, 2, 1])
    x, y = np.random.default_rng(7).normal(0, 1, (2, 5))
    for function, tolerance in ((mass.source_plane, 1e-11), (mass.convergence_and_shear, 1e-7)):
        together = function(d, row, x, y)
        for k, i in enumerate(row):
            np.testing.assert_allclose(
                [c[k] for c in together], function(d, int(i), x[k], y[k]), atol=tolerance
            )


def test_taking_stamps_keeps_their_perturbers() -> None:
    p = Perturbers(np.array([0, 2, 2]), *np.arange(12.0).reshape(4, 3))
    kept = p.of(np.array([2, 1]))
    assert kept.stamp.tolist() == [0, 0]
    assert kept.theta_p.tolist() == [7.0, 8.0]


def test_deflections_agree_with_lenstronomy() -> None:
    model = pytest.importorskip("lenstronomy.LensModel.Profiles.epl")
    x, y = np.random.default_rng(4).normal(0, 1.5, (2, 200))
    q = 0.62
    e = (1 - q) / (1 + q)
    e1, e2 = e * np.cos(0.8), e * np.sin(0.8)
    expected = model.EPL().derivatives(x, y, 1.1, 2.13, e1, e2)
    found = mass.ellipsoid_and_shear(x, y, 1.1, q, 0.4, 0.0, 0.0, 2.13, 60)
    np.testing.assert_allclose(found, expected, atol=1e-9)
