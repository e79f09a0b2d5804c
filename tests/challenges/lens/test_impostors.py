"""Impostors: where they may be, and that each kind is what its name says."""

from __future__ import annotations

import numpy as np
import pytest

from blindsky.challenges.lens import population
from blindsky.challenges.lens.impostors import KINDS, draw_kinds, impostors
from blindsky.challenges.lens.light import Ridges, Sersics
from blindsky.challenges.lens.settings import SETTINGS

N = 60


def made(kind: str) -> tuple[Sersics, Ridges, population.LensGalaxy]:
    stream, setting = np.random.default_rng(8), SETTINGS["ground"]
    g = population.geometry(stream, "ground", N)
    d = population.deflectors(stream, g, 0.2, generous=False)
    kinds = np.full(N, kind)
    galaxy = population.lens_galaxies(stream, setting, g, d, kinds == "spiral", shifted=False)
    return *impostors(stream, setting, kinds, g.z_lens, d, galaxy), galaxy


def test_never_where_a_source_is() -> None:
    has_source = np.arange(5000) % 2 == 0
    kinds = draw_kinds(np.random.default_rng(1), 0.25, has_source)
    assert (kinds[has_source] == "").all()
    assert (kinds[~has_source] != "").mean() == pytest.approx(0.25, abs=0.03)
    counts = [np.sum(kinds == kind) for kind in KINDS]
    assert min(counts) > 80


@pytest.mark.parametrize(
    ("kind", "sersics", "ridges"), [("", 0, 0), ("spiral", 0, 0), ("edgeon", N, 0), ("chance", 2 * N, 0)]
)
def test_number_of_parts(kind: str, sersics: int, ridges: int) -> None:
    lights, arcs, _ = made(kind)
    assert (len(lights), len(arcs)) == (sersics, ridges)


def test_rings() -> None:
    knots, rings, galaxy = made("ring")
    assert len(rings) == N
    assert (rings.length == 2 * np.pi).all()
    total = rings.flux.copy()
    np.add.at(total, knots.stamp, knots.flux)
    relative = total[:, 2] / 10 ** (-0.4 * galaxy.magnitude)
    assert 0.1 <= relative.min() < relative.max() <= 1
    # every knot lies on its ring
    ring = rings.select(knots.stamp)
    dx, dy = knots.x - ring.x, knots.y - ring.y
    along = np.cos(ring.angle) * dx + np.sin(ring.angle) * dy
    across = np.cos(ring.angle) * dy - np.sin(ring.angle) * dx
    np.testing.assert_allclose(np.sqrt(ring.q * along**2 + across**2 / ring.q), ring.radius)


def test_mergers() -> None:
    nuclei, tails, galaxy = made("merger")
    assert len(nuclei) == N
    assert N <= len(tails) <= 2 * N
    difference = -2.5 * np.log10(nuclei.flux[:, 2]) - galaxy.magnitude
    assert 0 <= difference.min() < difference.max() < 1.5
    assert 40 <= np.rad2deg(tails.length).min() < np.rad2deg(tails.length).max() <= 160


def test_edge_on_discs_are_tangential() -> None:
    discs, _, galaxy = made("edgeon")
    centre = galaxy.bulge.select(discs.stamp)
    to_disc = np.arctan2(discs.y - centre.y, discs.x - centre.x)
    np.testing.assert_allclose(np.cos(discs.angle - to_disc), 0, atol=1e-9)
    assert discs.q.max() <= 0.2


def test_chance_pairs_are_opposite_and_alike() -> None:
    pairs, _, galaxy = made("chance")
    a, b = pairs.select(slice(0, N)), pairs.select(slice(N, None))
    assert (a.stamp == b.stamp).all()
    centre = galaxy.bulge
    u = np.stack([a.x - centre.x, a.y - centre.y])
    v = np.stack([b.x - centre.x, b.y - centre.y])
    cosine = (u * v).sum(axis=0) / np.linalg.norm(u, axis=0) / np.linalg.norm(v, axis=0)
    assert np.median(cosine) < -0.9
    assert np.abs(np.log10(a.flux[:, 2] / b.flux[:, 2])).max() < 0.28 + 1e-9
