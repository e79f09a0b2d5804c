"""The disc against the tables of closed forms, dense quadrature and astropy's world coordinates."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blindsky.challenges.hi.field import BEAM_SIGMA, FULL, PIXEL, TINY
from blindsky.challenges.hi.profiles import (
    MU,
    legendre,
    nodes,
    numbers,
    pixels,
    profile,
    rotation,
    steps,
)
from blindsky.scoring.measurements import Table

GOLDEN = {
    "hi_size": 24.0, "mu": 3.8, "v_flat": 180.0, "sigma_v": 10.0, "i": 60.0, "pa": 40.0, "lop": 0.0, "lop_phase": 0.0,
    "warp": 0.0,
}  # fmt: skip


def discs(*changes: dict[str, float]) -> Table:
    rows = [{**GOLDEN, **change} for change in changes or ({},)]
    return {name: np.array([row[name] for row in rows]) for name in GOLDEN}


def test_profile_has_the_tabled_centre_and_edge() -> None:
    found = profile(np.array([1.5, 1.67, 2.5, 3.8, 6.0, 8.8, 11.8]))
    centre = [1.020080, 1.197224, 2.230977, 4.462456, 10.460022, 25.521006, 103.087231]
    edge = [0.996024, 0.963999, 0.839512, 0.700860, 0.530488, 0.352100, 0.072885]
    np.testing.assert_allclose(found.centre, centre, rtol=1e-6)
    np.testing.assert_allclose(found.edge, edge, atol=1e-6)


@settings(deadline=None, max_examples=30)
@given(st.floats(*MU))
def test_profile_is_one_at_one_and_holds_its_mass(mu: float) -> None:
    density = profile(np.array([mu]))
    np.testing.assert_allclose(density(np.ones((1, 1))), 1, rtol=1e-12)
    x = np.linspace(0, 12, 400_001)[None]
    assert np.trapezoid(2 * x * density(x), x)[0] == pytest.approx(mu, rel=1e-6)


def test_legendre_integrates_polynomials_on_the_unit_interval() -> None:
    points, weights = legendre()
    for n in (1, 6, 64):
        for power in (0, 1, 2 * n - 1):
            total = (weights[n, :n] * points[n, :n] ** power).sum()
            assert total == pytest.approx(1 / (power + 1), rel=1e-12)
        assert not weights[n, n:].any()


def test_numbers_follow_the_rule_and_stay_in_their_bounds() -> None:
    slow, quick = {"hi_size": 1.0, "i": 0.0}, {"hi_size": 400.0, "v_flat": 400.0, "sigma_v": 8.0, "i": 90.0}
    plateau, tail, azimuths = numbers(discs({}, slow, quick))
    s, r = 180 * np.sqrt(0.75) / 10, 12 / PIXEL / BEAM_SIGMA
    assert (plateau[0], tail[0]) == (np.ceil(5 + 0.45 * s), np.ceil(8 + 1.5 * r))
    assert azimuths[0] == np.ceil(2 * np.pi * s)
    assert (plateau[1], tail[1], azimuths[1]) == (6, 9, 24)
    assert (plateau[2], tail[2], azimuths[2]) == (64, 64, np.ceil(2 * np.pi * 1.4 * 200 / PIXEL / BEAM_SIGMA))


def test_golden_disc_has_the_tabled_moments() -> None:
    found = nodes(discs())
    turn = np.radians(40)
    along = (found.east * np.sin(turn) + found.north * np.cos(turn)) / PIXEL
    across = (found.east * np.cos(turn) - found.north * np.sin(turn)) / PIXEL
    moments = [np.sqrt((found.weight * q**2).sum() + BEAM_SIGMA**2) for q in (along, across)]
    np.testing.assert_allclose(moments, [2.469, 1.539], atol=6e-4)
    # dispersion and the width of a channel come on top of the points
    spread = np.sqrt((found.weight * found.velocity**2).sum() + 10**2 + 8.5655**2 / 12)
    assert spread == pytest.approx(107.09, abs=0.02)
    peak = 50 * (found.weight * np.exp(-(along**2 + across**2) / 2 / BEAM_SIGMA**2)).sum()
    assert peak == pytest.approx(12.8991, rel=1e-4)
    # the receding half points to the position angle
    receding = found.velocity > 0
    assert (found.weight * along)[receding].sum() > 0.4


def test_points_of_a_chunk_are_those_of_each_disc_alone() -> None:
    chunk = [
        {},
        {"hi_size": 4.0, "lop": 0.3, "lop_phase": 70.0},
        {"i": 0.0, "warp": 20.0},
        {"mu": 11.8, "i": 90.0},
    ]
    together = nodes(discs(*chunk))
    assert together.start[-1] == len(together.x) == len(together.source)
    for k, change in enumerate(chunk):
        alone, own = nodes(discs(change)), slice(together.start[k], together.start[k + 1])
        for name in ("x", "theta", "weight", "velocity", "east", "north"):
            np.testing.assert_array_equal(getattr(together, name)[own], getattr(alone, name))
        assert (together.source[own] == k).all()
        assert alone.weight.sum() == pytest.approx(1, rel=1e-12)
        assert (alone.weight > 0).all()


def test_lopsidedness_shifts_the_light_to_its_phase_and_keeps_the_centre() -> None:
    found = nodes(discs({"lop": 0.3, "lop_phase": 90.0, "i": 0.0, "pa": 0.0}))
    # theta = 90 deg lies East of a receding half that points North
    mean = (found.weight * found.east).sum()
    # <x cos^2> over the profile: half of lop times the mean radius
    x = np.linspace(0, 6, 60_001)[None]
    density = profile(np.array([3.8]))(x)
    radius = np.trapezoid(x**2 * density, x)[0] / np.trapezoid(x * density, x)[0]
    assert mean == pytest.approx(0.3 / 2 * radius * 12, rel=3e-3)
    assert (found.weight * found.north).sum() == pytest.approx(0, abs=1e-9)


def test_a_warp_turns_the_outer_rings_only() -> None:
    flat, warped = nodes(discs()), nodes(discs({"warp": 30.0}))
    inner = flat.x < 0.7
    np.testing.assert_array_equal(flat.east[inner], warped.east[inner])
    np.testing.assert_allclose(np.hypot(flat.east, flat.north), np.hypot(warped.east, warped.north))
    outer = flat.x > 1.2
    turn = np.arctan2(warped.east, warped.north) - np.arctan2(flat.east, flat.north)
    np.testing.assert_allclose(
        np.angle(np.exp(1j * turn[outer])), np.radians(30 * (flat.x[outer] - 0.7)), atol=1e-9
    )
    np.testing.assert_array_equal(flat.velocity, warped.velocity)


def test_rotation_rises_as_the_hyperbolic_tangent() -> None:
    np.testing.assert_allclose(rotation(np.array([0, 0.2, 1.0])), [0, np.tanh(1), 0.99990920], atol=1e-8)


def test_steps_agree_with_astropy_and_turn_at_the_edges_of_the_full_field() -> None:
    from astropy.coordinates import SkyCoord
    from astropy.wcs import WCS

    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---SIN", "DEC--SIN"]
    wcs.wcs.crpix = [FULL.centre[0] + 1, FULL.centre[1] + 1]
    wcs.wcs.cdelt, wcs.wcs.crval = [-PIXEL / 3600, PIXEL / 3600], [180, -30]
    x, y = np.array([2925.0, 0.0, 5850.0, 100.0]), np.array([2925.0, 2925.0, 0.0, 5800.0])
    found = steps(FULL, x, y)
    here = SkyCoord(*wcs.all_pix2world(x, y, 0), unit="deg")
    for k, towards in enumerate((90, 0)):
        there = here.directional_offset_by(towards * np.ones(4) * _deg(), np.full(4, 1 / 3600) * _deg())
        column, row = wcs.all_world2pix(there.ra.deg, there.dec.deg, 0)
        np.testing.assert_allclose(found[:, 0, k], column - x, atol=3e-6)
        np.testing.assert_allclose(found[:, 1, k], row - y, atol=3e-6)
    turn = np.degrees(np.arctan2(found[:, 0, 1], found[:, 1, 1]))
    assert turn[0] == pytest.approx(0, abs=1e-6)
    assert abs(turn[1]) == pytest.approx(1.31, abs=0.01)


def _deg() -> object:
    from astropy import units

    return units.deg


def test_pixels_of_points_mirror_east_near_the_centre() -> None:
    found = nodes(discs())
    column, row = pixels(found, steps(TINY, np.array([95.0]), np.array([95.0])))
    # a step of one arcsec along a parallel bends by a millionth
    np.testing.assert_allclose(column, -found.east / PIXEL, atol=3e-5)
    np.testing.assert_allclose(row, found.north / PIXEL, atol=3e-5)
