"""Pairs of the shifted sky: types, clumps, stars, and the third galaxy that nobody asks for."""

from __future__ import annotations

import numpy as np
import pytest

from blindsky.challenges.deblending.bands import PAIR, PAIR_SHIFT
from blindsky.challenges.deblending.shifted import shifted_pairs

N = 4_000
G = shifted_pairs(np.random.default_rng(1), PAIR_SHIFT, N)


def test_half_of_the_pairs_have_a_third() -> None:
    counts = np.bincount(G.blend, minlength=N)
    assert set(counts) == {2, 3}
    assert (counts == 3).mean() == pytest.approx(0.5, abs=0.03)
    assert G.listed.sum() == 2 * N
    third = G.select(~G.listed)
    distance = np.hypot(third.x - 64, third.y - 64)
    assert distance.min() >= 20
    assert distance.max() <= 45
    assert third.magnitude.min() >= 21
    assert third.magnitude.max() <= 24
    assert third.magnitude.mean() == pytest.approx(22.5, abs=0.06)


def test_types_and_stars() -> None:
    central = G.select(G.listed).select(np.arange(2 * N) % 2 == 0)
    companion = G.select(G.listed).select(np.arange(2 * N) % 2 == 1)
    for kind, share in {"sph": 0.10, "sphd": 0.20, "disk": 0.20, "irr": 0.50}.items():
        assert (central.kind == kind).mean() == pytest.approx(share, abs=0.04)
    star = companion.kind == "star"
    assert star.mean() == pytest.approx(0.03, abs=0.01)
    assert not (central.kind == "star").any()
    stars = companion.select(star)
    assert (stars.bulge_radius == 0).all()
    assert (stars.disc_flux == 0).all()
    assert stars.magnitude.min() >= 18
    assert stars.magnitude.max() <= 22
    assert (np.abs(central.magnitude - companion.magnitude) < 2).all()


def test_irregular_galaxies_are_clumpier() -> None:
    share = G.knot_share[G.kind == "irr"]
    assert share.min() >= 0.3
    assert share.max() <= 0.7


def test_the_detector_is_louder_and_blurs_more() -> None:
    assert PAIR_SHIFT.sigma[0] == pytest.approx(1.5 * PAIR.sigma[0])
    assert PAIR_SHIFT.fwhm[0] == pytest.approx(1.3 * PAIR.fwhm[0])
    assert PAIR_SHIFT.kernel == 0.9
