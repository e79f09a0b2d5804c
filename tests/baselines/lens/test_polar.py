"""Polar coordinates against functions known in them, Gabor filters against Gaussian integrals."""

from __future__ import annotations

import numpy as np
import pytest

from blindsky.baselines.lens.polar import ANGLES, ENVELOPE, RADII, WAVELENGTHS, gabor, radii, to_polar

ANGLE = 2 * np.pi * np.arange(ANGLES) / ANGLES
R, A = np.mgrid[:RADII, :ANGLES]


def plane(size, function):
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    return np.asarray(function(x, y), np.float32)[None]


def good(values):
    return np.ones(values.shape, bool)


@pytest.mark.parametrize("size", [66, 100, 101])
def test_linear_functions_are_exact(size):
    values = plane(size, lambda x, y: 3 + 2 * x - y)
    seen, known = to_polar(values, good(values))
    r = radii(size)[:, None]
    assert r.max() <= (size - 1) / 2
    assert np.allclose(seen[0], 3 + r * (2 * np.cos(ANGLE) - np.sin(ANGLE)), atol=2e-5)
    assert known.all()


def test_a_turned_stamp_is_shifted():
    values = np.random.default_rng(0).standard_normal((2, 101, 101)).astype(np.float32)
    straight, _ = to_polar(values, good(values))
    turned, _ = to_polar(np.rot90(values, -1, axes=(1, 2)), good(values))  # rows grow downwards: x to y
    assert np.allclose(turned, np.roll(straight, ANGLES // 4, axis=2), atol=1e-5)


def test_bad_pixels_spoil_what_they_touch_and_nothing_else():
    values = np.random.default_rng(0).standard_normal((2, 101, 101)).astype(np.float32)
    known = good(values)
    known[1, 50, 70] = False
    seen, there = to_polar(values, known)
    values[1, 50, 70] = 1e6
    again, _ = to_polar(values, known)
    assert there[0].all()
    assert 1 <= (~there[1]).sum() <= 16
    assert np.array_equal(seen[there], again[there])
    assert not np.array_equal(seen, again)


@pytest.mark.parametrize("wavelength", WAVELENGTHS)
@pytest.mark.parametrize("orientation", range(4))
def test_a_wave_is_answered_as_gaussian_integrals_say(wavelength, orientation):
    """The filter N exp(-r^2/2w^2) cos(k.x) turns cos(q.x) into itself times the sum below."""
    w, k = ENVELOPE * wavelength, 2 * np.pi / wavelength
    kr, ka = k * np.cos(np.pi / 4 * orientation), k * np.sin(np.pi / 4 * orientation)
    norm = np.sqrt(2 / np.pi) / w
    which = WAVELENGTHS.index(wavelength) * 4 + orientation
    for qr, turns in ((kr, round(ka * ANGLES / 2 / np.pi)), (0.8 * k, 3), (-0.4 * k, 9), (0.2, 14)):
        qa = 2 * np.pi * turns / ANGLES  # closes round the angle
        near, far = ((kr - s * qr) ** 2 + (ka - s * qa) ** 2 for s in (1, -1))
        gain = norm * np.pi * w**2 * (np.exp(-near * w**2 / 2) + np.exp(-far * w**2 / 2))
        wave = np.cos(qr * R + qa * A).astype(np.float32)
        response = list(gabor(wave[None]))[which][0]
        inner = slice(round(4 * w), RADII - round(4 * w)) if w < 6 else slice(RADII // 2, RADII // 2 + 1)
        assert np.allclose(response[inner], gain * wave[inner], atol=2e-3 * norm * np.pi * w**2)


def test_filters_have_unit_norm():
    impulse = np.zeros((1, RADII, ANGLES), np.float32)
    impulse[0, RADII // 2, 0] = 1
    for response in gabor(impulse):
        assert np.isclose((response**2).sum(), 1, atol=0.01)
