"""Pairs: populations against the table they are drawn from, and the rule by which two galaxies are blended."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from blindsky.challenges.deblending import pairs
from blindsky.challenges.deblending.bands import PAIR
from blindsky.challenges.deblending.galaxies import Galaxies

DRAWN = pairs.draw_pairs(np.random.default_rng(1), pairs.SHARES, 6_000)
BUILT = pairs.pairs(np.random.default_rng(2), PAIR, 3_000)


def test_population() -> None:
    """Medians of magnitudes, 0.05; radii about their relation, 0.02 dex; shares of types."""
    drawn = pairs.population(np.random.default_rng(3), pairs.SHARES, 40_000)
    medians = {"sph": 21.45, "sphd": 20.86, "disk": 22.10, "irr": 22.06}
    at_21 = {"sph": (0.466, -0.162), "sphd": (0.773, -0.104), "disk": (1.035, -0.089), "irr": (0.988, -0.082)}
    for kind, share in pairs.SHARES.items():
        rows = drawn.kind == kind
        assert rows.mean() == pytest.approx(share, abs=0.01)
        assert np.median(drawn.magnitude[rows]) == pytest.approx(medians[kind], abs=0.05)
        a, b = at_21[kind]
        residual = np.log10(drawn.radius[rows]) - a - b * (drawn.magnitude[rows] - 21)
        assert np.median(residual) == pytest.approx(0, abs=0.02)
    assert drawn.radius.min() >= 1
    assert drawn.radius.max() <= 30


def test_rule_of_pairs() -> None:
    central, companion, dx, dy = DRAWN
    assert (np.abs(central.magnitude - companion.magnitude) < 2).all()
    assert dx.dtype.kind == "i"
    distance = np.hypot(dx, dy)
    high = np.minimum(4 * np.minimum(central.radius, companion.radius), 64)
    low = np.maximum(central.radius, companion.radius)
    low = np.where(low >= high, 0.8 * high, low)
    assert (distance >= low).all()
    assert (distance <= high).all()
    assert dx.min() >= -64
    assert max(dx.max(), dy.max()) <= 63


def test_separations_are_the_published_ones() -> None:
    """Quartiles 8.1, 13.3, 18.8 within 1.2 pixels; a flaw of signs would show as a shift of the mean."""
    distance = np.hypot(DRAWN.dx, DRAWN.dy)
    np.testing.assert_allclose(np.quantile(distance, [0.25, 0.5, 0.75]), [8.1, 13.3, 18.8], atol=1.2)
    assert abs(DRAWN.dx.mean()) < 0.8
    assert abs(DRAWN.dy.mean()) < 0.8


def test_central_galaxies_are_at_the_centre() -> None:
    x, y = BUILT.x.reshape(-1, 2), BUILT.y.reshape(-1, 2)
    assert (x[:, 0] == 64).all()
    assert (y[:, 0] == 64).all()
    np.testing.assert_array_equal(x % 1, 0)
    assert x.min() >= 0
    assert x.max() <= 127
    np.testing.assert_array_equal(BUILT.blend, np.repeat(np.arange(3_000), 2))


def test_types_have_their_parts() -> None:
    g, kind = BUILT, BUILT.kind
    share = (g.bulge_flux / g.flux)[:, 0]
    assert (share[kind == "sph"] == 1).all()
    assert (share[kind == "irr"] == 0).all()
    assert ((share[kind == "sphd"] >= 0.15) & (share[kind == "sphd"] <= 0.85)).all()
    assert (share[kind == "disk"] <= 0.15).all()
    assert (g.knot_share[kind != "irr"] == 0).all()
    assert ((g.knot_share[kind == "irr"] >= 0.1) & (g.knot_share[kind == "irr"] <= 0.4)).all()
    knots = (g.knot_weight > 0).sum(axis=1)
    assert set(knots[kind == "irr"]) == set(range(3, 9))
    np.testing.assert_allclose(g.knot_weight[kind == "irr"].sum(axis=1), 1)
    assert (g.amplitude[np.isin(kind, ["sph", "irr"])] == 0).all()
    assert 0 < g.amplitude.max() <= 0.25
    np.testing.assert_allclose(g.flux[:, 0], 10 ** (-0.4 * (g.magnitude - 25.96)))


def test_no_parent_and_no_parameter_repeats() -> None:
    """Nothing can leak from train to test: every galaxy is drawn for its blend alone."""
    other = pairs.pairs(np.random.default_rng(4), PAIR, 3_000)
    vectors = np.concatenate([parameters(BUILT), parameters(other)])
    assert len(np.unique(vectors, axis=0)) == len(vectors)
    for column in ("magnitude", "angle", "disc_q", "bulge_q", "phase"):
        both = np.concatenate([getattr(BUILT, column), getattr(other, column)])
        assert len(np.unique(both)) == len(both)


def parameters(galaxies: Galaxies) -> np.ndarray:
    """All numbers of a galaxy but where it is."""
    place = ("blend", "listed", "kind", "x", "y", "z")
    columns = [getattr(galaxies, f.name) for f in fields(Galaxies) if f.name not in place]
    return np.concatenate([c.reshape(len(galaxies), -1) for c in columns], axis=1)
