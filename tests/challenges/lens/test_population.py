"""Populations against their published distributions and the relations they are drawn from."""

from __future__ import annotations

import csv
from importlib.resources import files

import numpy as np
import pytest

from blindsky.challenges import colours
from blindsky.challenges.draws import choose, power_law_magnitude, truncated_normal
from blindsky.challenges.lens import cosmology, critical, population
from blindsky.challenges.lens.environment import companions, members
from blindsky.challenges.lens.scene import draw_scene
from blindsky.challenges.lens.settings import SETTINGS

N = 4000


def stream() -> np.random.Generator:
    return np.random.default_rng(20261121)


@pytest.mark.parametrize(
    ("template", "z", "expected"),
    [
        ("E", 0.4, [0.68, 4.03, 1.73, -0.68, -0.50]),
        ("Sbc", 0.6, [0.65, 2.00, 1.27, -0.68, -0.48]),
        ("Im", 1.5, [0.31, 0.41, 0.13, -0.12, -0.10]),
        ("Scd", 1.0, [1.03, 0.67, 0.49, -0.71, -0.58]),
    ],
)
def test_colours(template: str, z: float, expected: list[float]) -> None:
    name, at = np.array([template]), np.array([z])
    found = [*colours.k_correction(name, at), *colours.colours(name, at, ("u", "g", "i", "VIS"))[0]]
    np.testing.assert_allclose(found, expected, atol=0.011)


def test_flux_in_the_reference_band_is_that_of_the_magnitude() -> None:
    flux = colours.fluxes(np.array([22.5]), "VIS", np.array(["Sbc"]), np.array([0.7]), ("VIS", "r"))
    assert flux[0, 0] == pytest.approx(10**-9)
    assert flux[0, 1] < flux[0, 0]  # redshifted galaxies are red


def test_draws() -> None:
    x = truncated_normal(stream(), 0.9, 0.07, 0.35, 0.95, N)
    assert x.max() <= 0.95
    assert np.mean(x) == pytest.approx(0.9 - 0.0295, abs=0.004)  # minus sd phi(a)/Phi(a), a = 0.05/0.07
    m = power_law_magnitude(stream(), 0.3, 21.5, 26.5, 100_000)
    bright, faint = np.histogram(m, (22, 23, 24))[0]
    assert faint / bright == pytest.approx(10**0.3, rel=0.06)
    names = choose(stream(), {"a": 0.7, "b": 0.3}, N)
    assert (names == "a").mean() == pytest.approx(0.7, abs=0.025)


@pytest.mark.parametrize("branch", ["space", "ground"])
def test_einstein_radii_follow_the_published_curve(branch: str) -> None:
    """Another reading of the same figure, up to 6 % apart, as shipped with the package; 4 % for the sample."""
    theta = population.geometry(stream(), branch, 20_000).theta_e
    text = (files("blindsky.challenges.lens") / "data" / "published_population.csv").read_text()
    rows = [
        (float(r["fraction_above"]), float(r["value"]))
        for r in csv.DictReader(text.splitlines())
        if r["branch"] == branch and r["variable"] == "r_ein_arcsec"
    ]
    inside = [(f, v) for f, v in rows if 0.05 <= f <= 0.95]
    assert len(inside) > 5
    for above, value in inside:
        assert np.quantile(theta, 1 - above) == pytest.approx(value, rel=0.10)


def test_deflectors_obey_their_limits() -> None:
    g = population.geometry(stream(), "ground", N)
    np.testing.assert_allclose(cosmology.einstein_radius(g.sigma, g.z_lens, g.z_source), g.theta_e, rtol=1e-9)
    assert (g.z_source > g.z_lens + 0.4).all()
    assert (g.sigma[g.theta_e < 2] < 420).all()
    assert g.sigma.max() < 1100
    assert g.z_source.max() < 5.5


@pytest.mark.parametrize(("track", "mean"), [("space", 0.90), ("ground", 0.95), ("ground_shift", 0.95)])
def test_axis_ratios_of_the_matched_tracks(track: str, mean: float) -> None:
    """Mean of a normal cut at 0.995: mean - sd phi(a)/Phi(a), a = (0.995 - mean)/sd."""
    from scipy.stats import norm

    d = draw_scene(stream(), SETTINGS[track], 1000, shifted=False).deflectors
    a = (0.995 - mean) / 0.07
    assert d.q.mean() == pytest.approx(mean - 0.07 * norm.pdf(a) / norm.cdf(a), abs=0.006)
    assert d.q.max() <= 0.995


def test_axis_ratios_of_a_shifted_sky_are_its_own() -> None:
    d = draw_scene(stream(), SETTINGS["ground_shift"], 100, shifted=True).deflectors
    assert d.q.mean() == pytest.approx(0.74, abs=0.05)


def test_natural_population() -> None:
    """Published-grade quantiles of the lens population, +- 2 % and the error of the sample."""
    g = population.geometry(stream(), "natural", 40_000)
    found = np.quantile(g.theta_e, [0.05, 0.25, 0.5, 0.75, 0.95])
    np.testing.assert_allclose(found, [0.261, 0.436, 0.656, 0.968, 1.586], rtol=0.025)
    medians = [np.median(c) for c in (g.sigma, g.z_lens, g.z_source)]
    np.testing.assert_allclose(medians, [216, 0.74, 2.46], rtol=0.025)


def test_sources_lie_within_three_caustic_radii() -> None:
    setting = SETTINGS["space"]
    g = population.geometry(stream(), "space", 1000)
    d = population.deflectors(stream(), g, 0.1, generous=False)
    r_ca = critical.caustic_radius(d)
    s = population.sources(stream(), setting, d, r_ca, g.z_source, shifted=False)
    relative = np.hypot(s.x - d.x, s.y - d.y) / (3 * r_ca)
    assert relative.max() <= 1
    assert np.mean(relative**2) == pytest.approx(0.5, abs=0.04)  # uniform in the disc
    assert np.median(-2.5 * np.log10(s.flux[:, 0])) == pytest.approx(24.9, abs=0.2)
    clumpy = s.clumps > 0
    assert clumpy.mean() == pytest.approx(0.6, abs=0.06)
    np.testing.assert_allclose(s.knot_share[clumpy].sum(axis=1), 1)
    assert not s.knot_share[~clumpy].any()


def test_lens_light_is_tied_to_the_mass_unless_shifted() -> None:
    setting = SETTINGS["ground"]
    g = population.geometry(stream(), "ground", N)
    d = population.deflectors(stream(), g, 0.2, generous=False)
    plain = population.lens_galaxies(stream(), setting, g, d, np.zeros(N, dtype=bool), shifted=False)
    other = population.lens_galaxies(stream(), setting, g, d, np.zeros(N, dtype=bool), shifted=True)
    at = (g.z_lens > 0.7) & (g.z_lens < 0.9) & ~plain.bright
    tie, loose = (np.corrcoef(np.log(g.sigma[at]), galaxy.magnitude[at])[0, 1] for galaxy in (plain, other))
    assert tie < -0.4
    assert abs(loose) < 0.15
    assert np.median(plain.magnitude[~plain.bright]) - np.median(other.magnitude) == pytest.approx(
        1, abs=0.15
    )
    total = (plain.bulge.flux + plain.disc.flux)[:, 2]
    np.testing.assert_allclose(-2.5 * np.log10(total), plain.magnitude, rtol=1e-12)
    assert plain.bright.mean() == pytest.approx(0.15, abs=0.02)


def test_spirals_are_face_on_with_strong_arms() -> None:
    g = population.geometry(stream(), "space", 200)
    d = population.deflectors(stream(), g, 0.1, generous=False)
    galaxy = population.lens_galaxies(
        stream(), SETTINGS["space"], g, d, np.ones(200, dtype=bool), shifted=False
    )
    assert not galaxy.early.any()
    assert galaxy.disc.q.min() > np.cos(np.deg2rad(40))
    assert galaxy.disc.amplitude.min() >= 0.5


def test_companions() -> None:
    setting = SETTINGS["space"]
    g = population.geometry(stream(), "space", N)
    d = population.deflectors(stream(), g, 0.1, generous=False)
    c = companions(stream(), setting, g, d, np.full(N, 20.0))
    number = np.bincount(c.light.stamp, minlength=N)
    expected = 4 * (1 + 0.5 * np.log10(np.maximum(g.theta_e, 0.3) / 0.3)) + 3 * (g.sigma > 300)
    assert number.mean() == pytest.approx(expected.mean(), rel=0.02)
    assert (np.diff(c.light.stamp) >= 0).all()
    mass = members(setting, c, d, np.full(N, 20.0))
    assert len(mass.stamp) == c.satellite.sum()
    luminosity = c.light.flux[c.satellite, 0] / 10 ** (-0.4 * 20)
    assert luminosity.max() < 1
    np.testing.assert_allclose(mass.theta_p**2, d.theta_e[mass.stamp] ** 2 * luminosity)
    faint = members(
        setting, c, d, np.full(N, 26.0)
    )  # lenses fainter than their satellites are still the lens
    np.testing.assert_allclose(faint.theta_p.max(), d.theta_e[mass.stamp].max())
    assert (faint.theta_p <= d.theta_e[faint.stamp]).all()


def test_subhaloes() -> None:
    g = population.geometry(stream(), "natural", N)
    d = population.deflectors(stream(), g, 0.1, generous=True)
    p = population.subhaloes(stream(), d)
    assert len(p.stamp) / N == pytest.approx(3, abs=0.1)
    assert (np.hypot(p.x - d.x[p.stamp], p.y - d.y[p.stamp]) <= 1.5 * d.theta_e[p.stamp] + 1e-12).all()
    assert 10**-2.5 < p.theta_p.min() < p.theta_p.max() < 0.1
