"""Measured discs against what they were drawn with, and the relations behind sizes and inclinations."""

from __future__ import annotations

import numpy as np
import pytest

from blindsky.baselines.hi.measuring import crossings, derived, measure, rest_width
from blindsky.challenges.hi.field import CHANNEL, Field
from blindsky.scoring.measurements import Table

pytest.importorskip("torch")

from blindsky.challenges.hi.render import stamps

FIELD = Field(65, 65, 80, 3293, 1, 1, 1.8, (64, 64, 80), 73)  # channel 40 of it lies at 1050 MHz
FLUX = 50.0


def disc(**other: float) -> Table:
    """The golden disc of the specification, on the central pixel."""
    x, y = FIELD.centre
    ra, dec = FIELD.world(np.array([x]), np.array([y]))
    values = {
        "id": 0, "ra": ra[0], "dec": dec[0], "hi_size": 24.0, "line_flux_integral": FLUX,
        "central_freq": FIELD.frequencies[40], "pa": 40.0, "i": 60.0, "mu": 3.8, "v_flat": 180.0,
        "sigma_v": 10.0, "lop": 0.0, "lop_phase": 0.0, "warp": 0.0, "x": x, "y": y,
    }  # fmt: skip
    return {name: np.array([value]) for name, value in (values | other).items()}


def seen(**other: float):
    (stamp,) = stamps(FIELD, disc(**other))
    found = measure(stamp.values, np.ones(stamp.values.shape, bool))
    assert found is not None
    return found, (stamp.x, stamp.y, stamp.z)


@pytest.mark.parametrize("pa", [0.0, 40.0, 135.0, 250.0, 359.0])
def test_a_noiseless_disc_is_measured_as_it_was_drawn(pa):
    found, (x, y, z) = seen(pa=pa)
    assert found.flux == pytest.approx(FLUX, rel=1e-4)
    np.testing.assert_allclose((found.x + x, found.y + y), FIELD.centre, atol=0.02)
    assert found.z + z == pytest.approx(40, abs=0.02)
    assert abs((found.pa - pa + 180) % 360 - 180) < 0.2
    # 337.03 km/s intrinsic, 339.02 on channels (specification, 4.5), a few more after three of them are smoothed
    w20 = rest_width(np.array([found.width]), FIELD.frequencies[40:41])[0]
    assert 339 < w20 < 348


def test_a_face_on_disc_is_narrow():
    found, _ = seen(i=0.0)
    w20 = rest_width(np.array([found.width]), FIELD.frequencies[40:41])[0]
    assert 35.88 < w20 < 50  # 2 sqrt(2 ln 5) sigma_v, widened by three channels of 8.6 km/s


def test_only_the_mask_counts():
    data = np.ones((4, 5, 6), np.float32)
    mask = np.zeros(data.shape, bool)
    mask[1:3, 2, 3] = True
    found = measure(data, mask)
    assert found is not None
    assert (found.x, found.y, found.z) == pytest.approx((3, 2, 1.5))
    assert measure(-data, mask) is None


def test_a_centre_lies_in_the_box():
    data = np.zeros((4, 5, 6), np.float32)
    data[1, 1, 1], data[2, 3, 4] = -0.99999, 1
    found = measure(data, data != 0)
    assert found is not None
    assert (found.x, found.y) == (5, 4)
    assert 0 <= found.pa < 360
    other = measure(data[:, ::-1, ::-1], data[:, ::-1, ::-1] != 0)
    assert other is not None
    assert (other.x, other.y) == (0, 0)


def test_crossings_of_a_triangle_lie_where_its_sides_do():
    """A triangle of 21 channels, smoothed: straight sides, which pass a fifth of the smoothed top."""
    triangle = 10.0 - np.abs(np.arange(21) - 10)
    top = (9 + 10 + 9) / 3
    low, high = crossings(triangle)
    assert low == pytest.approx(0.2 * top)
    assert high == pytest.approx(20 - 0.2 * top)


def test_crossings_may_lie_beyond_the_ends():
    low, high = crossings(np.ones(5))
    assert -2 < low < 0 and 4 < high < 6


def test_sizes_and_inclinations_follow_the_mean_relations():
    """10^9 Msun at 1050 MHz: 5.2906 Jy Hz, 1064.604 Mpc; D = 10^(9 * 0.506 - 3.293) kpc, v = 10^(9 * 0.221 + 0.1)."""
    flux, frequency = np.full(3, 5.2906), np.full(3, 1.05e9)
    flat = 10 ** (0.221 * 9 + 0.1)
    w20 = np.array([30.0, np.hypot(flat, 36.0), 900.0])
    found = derived(flux, frequency, w20)
    np.testing.assert_allclose(found["hi_size"], 10 ** (0.506 * 9 - 3.293) / 1064.604e3 * 206265, rtol=1e-4)
    np.testing.assert_allclose(found["i"], [(0 + 60) / 2, (30 + 60) / 2, (90 + 60) / 2], atol=0.01)


def test_widths_are_at_rest():
    assert rest_width(np.array([CHANNEL]), np.array([1.05e9]))[0] == pytest.approx(8.5655, abs=1e-4)
