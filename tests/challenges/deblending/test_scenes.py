"""Scenes: numbers, magnitudes, sizes, places, families, colours."""

from __future__ import annotations

import numpy as np
import pytest

from blindsky.challenges import colours
from blindsky.challenges.deblending.bands import SCENE
from blindsky.challenges.deblending.scenes import scenes

N = 3_000
G = scenes(np.random.default_rng(1), SCENE, N)
MAGNITUDES = np.array(SCENE.zero_points) - 2.5 * np.log10(G.flux)


def test_two_to_six_in_order_of_their_light() -> None:
    counts = np.bincount(G.blend, minlength=N)
    np.testing.assert_allclose(np.bincount(counts)[2:] / N, 0.2, atol=0.025)
    same = G.blend[1:] == G.blend[:-1]
    assert (np.diff(G.flux[:, SCENE.reference])[same] <= 0).all()


def test_magnitudes() -> None:
    """The reference flux is that of the magnitude; the brightest of a blend is never fainter than 24.5."""
    np.testing.assert_allclose(MAGNITUDES[:, SCENE.reference], G.magnitude)
    first = np.flatnonzero(np.concatenate([[True], G.blend[1:] > G.blend[:-1]]))
    assert G.magnitude[first].max() <= 24.5
    assert G.magnitude.min() >= 20
    assert 26.9 < G.magnitude.max() <= 27
    assert SCENE.flux(np.array([24.0]), 2)[0] == pytest.approx(247_707.46)


def test_sizes() -> None:
    residual = np.log10(G.radius * 0.2) + 0.502 + 0.105 * (G.magnitude - 23)
    assert residual.mean() == pytest.approx(0, abs=0.01)
    assert residual.std() == pytest.approx(0.2, rel=0.05)


def test_places() -> None:
    """Within 9 arcsec, and none farther than 4 arcsec from its nearest neighbour."""
    dx, dy = (G.x - 59.5) * 0.2, (G.y - 59.5) * 0.2
    assert max(np.abs(dx).max(), np.abs(dy).max()) <= 9 + 1e-9
    for blend in range(200):
        rows = np.flatnonzero(G.blend == blend)
        apart = np.hypot(dx[rows] - dx[rows][:, None], dy[rows] - dy[rows][:, None])
        np.fill_diagonal(apart, np.inf)
        assert (apart.min(axis=1) <= 4 + 1e-9).all()
    assert abs(dx.mean()) < 0.1
    assert abs(dy.mean()) < 0.1


def test_families() -> None:
    late = G.kind == "late"
    assert late.mean() == pytest.approx(0.7, abs=0.02)
    share = (G.bulge_flux / G.flux)[:, SCENE.reference]
    assert (share[~late] >= 0.4 - 1e-12).mean() > 0.999
    assert np.mean(share[late]) == pytest.approx(1.2 / 6.2, abs=0.02)
    assert (G.bulge_n[late] == 2).all()
    assert (G.knot_share[late] > 0).mean() == pytest.approx(0.3, abs=0.03)
    assert not G.knot_share[~late].any()
    assert G.z.min() >= 0.05
    assert G.z.max() <= 4


def test_groups_share_redshift() -> None:
    alike = [len(np.unique(G.z[G.blend == blend])) == 1 for blend in range(1_000)]
    assert np.mean(alike) == pytest.approx(0.2, abs=0.04)


def test_colours() -> None:
    """Discs have the colours of a template but for the scatter; bulges of late types are redder."""
    disc = -2.5 * np.log10(G.disc_flux) + np.array(SCENE.zero_points)
    rows = np.flatnonzero(G.kind == "late")[:300]
    offsets = []
    for row in rows:
        z = np.full(4, G.z[row])
        known = colours.colours(np.array(colours.TEMPLATES), z, SCENE.bands.names)
        residual = disc[row] - disc[row, 2] - known
        offsets.append(residual[np.abs(residual).sum(axis=1).argmin()])
    scatter = np.std(offsets, axis=0)
    assert scatter[2] == 0
    np.testing.assert_allclose(np.delete(scatter, 2), 0.07, atol=0.015)
    bulge = -2.5 * np.log10(G.bulge_flux) + np.array(SCENE.zero_points)
    difference = (bulge - bulge[:, 2:3]) - (disc - disc[:, 2:3])
    np.testing.assert_allclose(difference[rows], [[0.5, 0.3, 0, 0, 0, 0]] * len(rows), atol=1e-9)
    np.testing.assert_allclose(difference[G.kind == "early"], 0, atol=1e-9)


def test_no_parameter_repeats() -> None:
    other = scenes(np.random.default_rng(2), SCENE, N)
    for column in ("magnitude", "radius", "angle", "disc_q", "bulge_q", "x"):
        both = np.concatenate([getattr(G, column), getattr(other, column)])
        assert len(np.unique(both)) == len(both)
