"""Stamps: the golden disc, flux that is conserved, a sum point by point, and which side recedes."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest
from scipy.special import ndtr

from blindsky.challenges.hi import profiles, render
from blindsky.challenges.hi.field import BEAM_AREA, BEAM_SIGMA, C_KMS, CHANNEL, FULL, Field
from blindsky.challenges.hi.painter import _bounds
from blindsky.scoring.measurements import FloatArray, Table

# Channel 40 is at 1050 MHz, which no channel of the global grid is
GOLDEN = Field(64, 64, 80, 100e6 / 30e3 - 40, 1, 1, 5, (8, 8, 4), 72)  # type: ignore[arg-type]
DISC = {
    "hi_size": 24.0, "line_flux_integral": 50.0, "central_freq": 1.05e9, "pa": 40.0, "i": 60.0, "mu": 3.8,
    "v_flat": 180.0, "sigma_v": 10.0, "lop": 0.0, "lop_phase": 0.0, "warp": 0.0, "x": 32.0, "y": 32.0,
}  # fmt: skip


def _table(rows: Iterable[dict[str, float]]) -> Table:
    given = [{**DISC, **row} for row in rows]
    return {name: np.array([row[name] for row in given]) for name in DISC}


def _varied(n: int, field: Field) -> Table:
    """Discs of every kind, some larger and faster than any that is drawn."""
    rng = np.random.default_rng(3)
    return {
        "hi_size": np.exp(rng.uniform(0.5, 3.7, n)),
        "line_flux_integral": np.exp(rng.uniform(0.5, 6, n)),
        "central_freq": rng.uniform(9.5e8, 1.15e9, n),
        "pa": rng.uniform(0, 360, n),
        "i": np.degrees(np.arccos(rng.random(n))),
        "mu": rng.uniform(1.5, 11.8, n),
        "v_flat": rng.uniform(20, 400, n),
        "sigma_v": rng.uniform(8, 12, n),
        "lop": rng.uniform(-0.4, 0.4, n),
        "lop_phase": rng.uniform(0, 360, n),
        "warp": rng.uniform(-30, 30, n),
        "x": rng.uniform(-0.5, field.nx - 0.5, n),
        "y": rng.uniform(-0.5, field.ny - 0.5, n),
    }


@pytest.fixture(scope="module")
def cube() -> FloatArray:
    """The golden disc alone."""
    (stamp,) = render.stamps(GOLDEN, _table([{}]))
    found = np.zeros(GOLDEN.shape)
    inside = tuple(slice(at, at + n) for at, n in zip(stamp[:3], stamp.values.shape, strict=True))
    found[inside] = stamp.values
    return found


def _w20(spectrum: FloatArray) -> float:
    """Channels between the outermost crossings of a fifth of the peak."""
    level = 0.2 * spectrum.max()
    above = np.flatnonzero(spectrum >= level)
    first, last = above[0], above[-1]
    left = first - (spectrum[first] - level) / (spectrum[first] - spectrum[first - 1])
    right = last + (spectrum[last] - level) / (spectrum[last] - spectrum[last + 1])
    return float(right - left)


def test_the_golden_disc(cube: FloatArray) -> None:
    assert cube.max() == pytest.approx(4.7173e-5, rel=5e-3)
    assert cube[23, 34, 30] == pytest.approx(4.7173e-5, rel=5e-3)
    assert cube[57, 30, 34] == pytest.approx(cube[23, 34, 30], rel=1e-4)  # the other side is its mirror image
    assert cube[40, 32, 32] == pytest.approx(1.5112e-5, rel=5e-3)
    assert cube.sum(axis=0).max() * CHANNEL == pytest.approx(12.8991, rel=5e-3)
    spectrum = cube.sum(axis=(1, 2)) / BEAM_AREA
    assert spectrum[23] == pytest.approx(7.4576e-5, rel=5e-3)
    assert spectrum[40] == pytest.approx(3.1466e-5, rel=5e-3)
    assert spectrum.sum() * CHANNEL == pytest.approx(50, abs=1e-4)


def test_moments_and_width_of_the_golden_disc(cube: FloatArray) -> None:
    light = cube.sum(axis=0) / cube.sum()
    y, x = np.indices(light.shape) - 32.0
    spread = np.array([[(light * a * b).sum() for a in (x, y)] for b in (x, y)])
    sizes, axes = np.linalg.eigh(spread)
    np.testing.assert_allclose(np.sqrt(sizes), [1.539, 2.469], rtol=3e-3)
    assert np.degrees(np.arctan2(-axes[0, 1], axes[1, 1])) % 180 == pytest.approx(40, abs=0.05)
    spectrum = cube.sum(axis=(1, 2))
    velocity = -(np.arange(80) - 40) * CHANNEL / 1.05e9 * C_KMS
    assert np.sqrt((spectrum * velocity**2).sum() / spectrum.sum()) == pytest.approx(107.09, rel=3e-3)
    assert _w20(spectrum) * CHANNEL / 1.05e9 * C_KMS == pytest.approx(339.02, abs=0.3)


def test_the_receding_side_lies_at_lower_frequency_in_the_direction_of_pa(cube: FloatArray) -> None:
    y, x = np.indices(cube.shape[1:]) - 32.0
    for half, sign in ((cube[:40], 1), (cube[41:], -1)):
        east, north = -(half * x).sum(), (half * y).sum()
        assert np.degrees(np.arctan2(sign * east, sign * north)) == pytest.approx(40, abs=0.5)


def test_flux_is_conserved() -> None:
    sources = _varied(40, FULL)
    for stamp, flux in zip(render.stamps(FULL, sources), sources["line_flux_integral"], strict=True):
        found = stamp.values.sum(dtype=np.float64) * CHANNEL / BEAM_AREA
        assert found == pytest.approx(flux, rel=1e-5)


def test_a_stamp_is_the_sum_over_points_one_by_one() -> None:
    """In float64 and without runs or order, at a corner of the full field, where North is not up."""
    source = _table([{"hi_size": 9.0, "lop": 0.3, "lop_phase": 200.0, "warp": 20.0, "x": 3.3, "y": 5840.6}])
    (stamp,) = render.stamps(FULL, source)
    points = profiles.nodes(source)
    x, y = FULL.pixel(*_moved(*FULL.world(source["x"], source["y"]), points.east / 3600, points.north / 3600))
    z = (1.05e9 * (1 - points.velocity / C_KMS) - 9.5e8) / CHANNEL
    spread = 10 * 1.05e9 / C_KMS / CHANNEL
    expected = np.zeros(stamp.values.shape)
    rows, columns = stamp.y + np.arange(expected.shape[1]), stamp.x + np.arange(expected.shape[2])
    edges = stamp.z + np.arange(expected.shape[0] + 1) - 0.5
    for k, weight in enumerate(points.weight * 50 / CHANNEL):
        line = np.diff(ndtr((edges - z[k]) / spread))
        beam = np.exp(-((rows[:, None] - y[k]) ** 2 + (columns - x[k]) ** 2) / (2 * BEAM_SIGMA**2))
        expected += weight * line[:, None, None] * beam
    assert np.abs(stamp.values - expected).max() < 1e-4 * expected.max()


def _moved(
    ra: FloatArray, dec: FloatArray, east: FloatArray, north: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Places so many degrees East and North."""
    return ra + east / np.cos(np.radians(dec)), dec + north


def test_a_face_on_disc_has_the_surface_density_of_one_at_its_radius() -> None:
    """A disc of 10^9 Msun, 25 pixels in radius: 1 Msun/pc^2 at R, where the beam moves it by 0.4 %."""
    radius = 25 * 2.8
    (stamp,) = render.stamps(GOLDEN, _table([{"hi_size": 2 * radius, "i": 0.0}]))
    density = (
        stamp.values.sum(axis=0) * CHANNEL / BEAM_AREA / 50 * 3.8 * np.pi * 25**2
    )  # mu times shares of the disc
    y, x = np.indices(density.shape)
    away = np.hypot(y + stamp.y - 32, x + stamp.x - 32)
    bins = np.arange(18, 33, 0.5)
    means = np.array([density[(away >= at) & (away < at + 0.5)].mean() for at in bins])
    assert np.interp(0, -np.log(means), bins + 0.25) == pytest.approx(25, rel=0.01)


def test_nothing_lies_beyond_the_bounds_that_the_painter_takes() -> None:
    sources = _varied(60, FULL)
    bounds = _bounds(FULL, sources)
    for k, stamp in enumerate(render.stamps(FULL, sources)):
        for at, n, (first, last) in zip(stamp[:3], stamp.values.shape, bounds[:, k], strict=True):
            assert first <= at and at + n <= last


def test_a_stamp_does_not_depend_on_its_company() -> None:
    sources = _varied(12, FULL)
    together = render.stamps(FULL, sources)
    for k in (0, 7, 11):
        (alone,) = render.stamps(FULL, {name: column[k : k + 1] for name, column in sources.items()})
        assert alone[:3] == together[k][:3]
        np.testing.assert_allclose(alone.values, together[k].values, rtol=0, atol=1e-6 * alone.values.max())
