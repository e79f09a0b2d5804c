"""The damped random walk against its own theory and its recursion; the relations at their published point."""

from __future__ import annotations

import numpy as np
import pytest

from blindsky.challenges.transients import cadence, quasars
from blindsky.challenges.transients.variables import template_of

WALKS = 20_000


def stream(seed: int = 1) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=[41, seed]))


def test_structure_function_and_time_scale() -> None:
    """M_i = -25, 10^9 suns, 4000 Angstrom."""
    sf, tau = quasars.structure(np.array([-25.0]), np.array([9.0]))
    assert sf[0] == pytest.approx(0.19409, abs=5e-6)
    assert tau[0] == pytest.approx(336.51, abs=5e-3)


def test_variance_and_structure_function() -> None:
    """Of 20,000 walks seen at uneven times: variance 1, SF^2 = 2 (1 - exp(-ds)), within 3 %."""
    s = np.array([0.0, 0.02, 0.021, 0.3, 0.9, 2.5, 6.0, 6.5])
    index, m = np.repeat(np.arange(WALKS), len(s)), len(s)
    x = quasars.walk(
        stream(2), index, np.tile(s, WALKS) + 3, stream(3).standard_normal(WALKS), np.full(WALKS, 3.0)
    ).reshape(WALKS, m)
    np.testing.assert_allclose(x.var(axis=0), 1, rtol=0.03)
    assert np.abs(x.mean(axis=0)).max() < 5 / np.sqrt(WALKS)
    for i in range(m):
        for j in range(i):
            expected = np.sqrt(2 * (1 - np.exp(-(s[i] - s[j]))))
            assert np.sqrt(np.mean((x[:, i] - x[:, j]) ** 2)) == pytest.approx(expected, rel=0.03)
    neighbours = np.corrcoef(x[:-1, 3], x[1:, 3])[0, 1]
    assert abs(neighbours) < 5 / np.sqrt(WALKS)


def test_walk_against_its_recursion() -> None:
    """The step x' = x e^-ds + sqrt(1 - e^-2ds) N with the same numbers; ragged, and 20 time scales long."""
    rng = stream(4)
    count = np.array([3, 0, 40, 1, 17, 0])
    index = np.repeat(np.arange(6), count)
    s = np.concatenate([np.sort(rng.uniform(5, 25, c)) for c in count])
    start, s_start = rng.standard_normal(6), np.full(6, 5.0)
    found = quasars.walk(stream(5), index, s, start, s_start)
    normal = stream(5).standard_normal(len(s))
    x, last = start.copy(), s_start.copy()
    for k, who in enumerate(index):
        fade = np.exp(-(s[k] - last[who]))
        x[who], last[who] = x[who] * fade + np.sqrt(1 - fade**2) * normal[k], s[k]
        assert found[k] == pytest.approx(x[who], abs=1e-6)


def test_population() -> None:
    p = quasars.AGN.draw(stream(6), 20_000)
    i, z = p["mag_i"], p["z"]
    assert (i.min() >= 16) & (i.max() <= 24.6)
    assert np.median(i) == pytest.approx(24.6 + np.log10(0.5) / 0.40, abs=0.02)
    assert (z.min() >= 0.05) & (z.max() <= 3.4)
    from blindsky.challenges.transients.cosmology import distance_modulus

    M = i - distance_modulus(z) + 1.25 * np.log10(1 + z)
    assert (M.min() > -29.5) & (M.max() < -19)
    mass = p["log_mass"]
    assert (mass.min() >= 6) & (mass.max() <= 10.5)
    pull = (mass - (2.0 - 0.27 * M)) / (0.58 + 0.011 * M)
    assert pull.mean() == pytest.approx(0, abs=0.04)
    assert pull.std() == pytest.approx(1, abs=0.03)
    sf, tau = quasars.structure(M, mass)
    np.testing.assert_allclose(p["sf"], sf)
    np.testing.assert_allclose(p["tau"], tau * (6194 / (1 + z) / 4000) ** 0.17 * (1 + z))
    assert p["tau"].min() > 1465 / 20  # template and survey span less than 20 time scales


def test_light_curves_have_the_rms_of_their_structure_function() -> None:
    """All bands of an object follow one walk, each with SF_b/sqrt(2), about the mean magnitude of its colour."""
    n = 5000
    p = {name: np.full(n, column[0]) for name, column in quasars.AGN.draw(stream(7), 1).items()}
    p["walk"], p["walk_mjd"] = np.zeros(n), np.full(n, 59580.0 - 3 * p["tau"][0])
    index, band = np.repeat(np.arange(n), 6), np.tile(np.arange(6), n)
    t = np.full(6 * n, 60000.0)
    f = quasars.AGN.flux(p, index, t, band, stream(8)) + template_of(p)[index, band]
    magnitude = (27.5 - 2.5 * np.log10(f)).reshape(n, 6)
    z, sf = p["z"][0], p["sf"][0]
    wavelength = np.array([3719, 4768, 6194, 7517, 8659, 9700]) / (1 + z)
    expected = sf / np.sqrt(2) * (wavelength / 4000) ** -0.479
    np.testing.assert_allclose(magnitude.std(axis=0), expected, rtol=0.04)
    colour = p["mag_i"][0] + np.array([0.60, 0.35, 0.15, 0.0, -0.10, -0.20])
    np.testing.assert_allclose(magnitude.mean(axis=0), colour, atol=5 * expected.max() / np.sqrt(n))
    offset = (magnitude - colour) / expected
    np.testing.assert_allclose(offset, offset[:, :1] * np.ones(6), atol=5e-3)  # one walk


def test_the_walk_goes_on_from_the_template() -> None:
    """A day after the last template epoch the object is almost where it was then."""
    n = 400
    p = quasars.AGN.draw(stream(9), n)
    index, band = np.arange(n), np.full(n, 3)
    f = quasars.AGN.flux(p, index, p["walk_mjd"] + 1, band, stream(10)) + template_of(p)[:, 3]
    offset = 27.5 - 2.5 * np.log10(f) - p["mag_i"]
    rms = p["sf"] / np.sqrt(2) * (7517 / (1 + p["z"]) / 4000) ** -0.479
    x = offset / rms
    assert np.corrcoef(x, p["walk"])[0, 1] > 0.99
    np.testing.assert_allclose(np.std(x - p["walk"]), np.sqrt(np.mean(2 / p["tau"])), rtol=0.15)


def test_difference_fluxes_are_about_zero() -> None:
    """The template is a mean of ten epochs of the same walk: over many objects nothing is left."""
    n = 3000
    v = cadence.wide(stream(11), np.full(n, 100.0))
    p = quasars.AGN.draw(stream(12), n)
    f = quasars.AGN.flux(p, v.index, v.mjd, v.band, stream(13))
    share = f / template_of(p)[v.index, v.band]
    per_object = np.bincount(v.index, share) / np.bincount(v.index)
    spread = per_object.std() / np.sqrt(n)
    # a mean of ratios is above 1 (Jensen): e^(variance) of the difference at most
    assert -4 * spread < per_object.mean() < 0.25
    assert np.median(per_object) == pytest.approx(0, abs=0.05)
