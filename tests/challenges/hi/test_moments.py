"""Moments, widths and cuts: the golden disc of the specification, real galaxies of SDC2's atlas, noise."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from blindsky.challenges.hi import moments
from blindsky.challenges.hi.field import BEAM_AREA, BEAM_SIGMA, C_KMS, CHANNEL, DEV, PIXEL
from blindsky.challenges.hi.noise import Noise
from blindsky.challenges.randomness import Streams

SharedData = Callable[[str], Path]

CENTRE = 1.05e9  # Hz, of channel 40
FREQUENCY = CENTRE + CHANNEL * (np.arange(80) - 40)
NX = 64
SHARE = 7.0818  # pixels of a beam


@pytest.fixture(scope="module")
def disc() -> np.ndarray:
    """The golden disc by a plain sum over a dense grid in the plane of the disc: 50 Jy Hz, 24 arcsec, pa 40, i 60."""
    from scipy.special import ndtr

    edge, scale = 0.700860, 0.2  # mu 3.8
    x = (np.arange(120) + 0.5) / 120 * (edge + 8 * scale)
    theta = (np.arange(144) + 0.5) / 144 * 2 * np.pi
    weight = np.repeat(np.exp(-np.maximum(x - edge, 0) / scale) * x, len(theta))
    weight *= 50 / CHANNEL / weight.sum()
    x, theta = np.repeat(x, len(theta)), np.tile(theta, len(x))
    along, across = 12 * x * np.cos(theta), 12 * x * np.sin(theta) * math.cos(math.radians(60))
    pa = math.radians(40)
    east, north = along * math.sin(pa) + across * math.cos(pa), along * math.cos(pa) - across * math.sin(pa)
    speed = 180 * np.tanh(x / 0.2) * math.sin(math.radians(60)) * np.cos(theta)
    pixel = np.arange(NX)[:, None]
    gx = np.exp(-((pixel - 32 + east / PIXEL) ** 2) / 2 / BEAM_SIGMA**2)
    gy = np.exp(-((pixel - 32 - north / PIXEL) ** 2) / 2 / BEAM_SIGMA**2)
    spread = 10 / C_KMS * CENTRE
    edges = np.append(FREQUENCY, FREQUENCY[-1] + CHANNEL)[:, None] - CHANNEL / 2
    line = np.diff(ndtr((edges - CENTRE * (1 - speed / C_KMS)) / spread), axis=0) * weight
    return np.stack([(gy * row) @ gx.T for row in line])


def test_the_golden_disc(disc: np.ndarray) -> None:
    assert disc.shape == (80, NX, NX)
    assert disc.max() == pytest.approx(4.7173e-5, rel=0.005)  # the sum above is the one that is meant
    total = moments.moment0(disc)
    assert total.max() == pytest.approx(12.8991, rel=0.003)
    line = moments.spectrum(disc)
    assert line.sum() * CHANNEL == pytest.approx(50, abs=1e-3)
    assert int(line.argmax()) == 23
    assert line[23] == pytest.approx(7.4576e-5, rel=0.005)
    assert line[40] == pytest.approx(3.1466e-5, rel=0.005)
    speed = moments.velocities(FREQUENCY, CENTRE)
    assert math.sqrt((line * speed**2).sum() / line.sum()) == pytest.approx(107.09, rel=0.003)
    assert moments.width(line, CHANNEL / CENTRE * C_KMS) == pytest.approx(339.02, abs=0.3)
    y, x = np.mgrid[:NX, :NX] - 32
    covariance = np.array([[(a * b * total).sum() for a in (x, y)] for b in (x, y)]) / total.sum()
    minor, major = np.sqrt(np.linalg.eigvalsh(covariance))
    assert (major, minor) == pytest.approx((2.469, 1.539), rel=0.003)


def test_the_receding_side_is_where_the_angle_points(disc: np.ndarray) -> None:
    speed = moments.velocities(FREQUENCY, CENTRE)
    total = moments.moment0(disc)
    bright = total > 1
    mean = moments.moment1(disc, speed, np.broadcast_to(bright, disc.shape))
    assert np.array_equal(np.isfinite(mean), bright)
    y, x = np.mgrid[:NX, :NX] - 32
    moved = moments.moment1(disc, speed) * total
    assert math.degrees(math.atan2((-x * moved).sum(), (y * moved).sum())) == pytest.approx(40, abs=0.1)
    assert mean[32, 32] == pytest.approx(0, abs=0.5)
    assert mean[34, 30] > 80
    shown = moments.cut(disc, (32, 32), 40, 8)
    assert shown.shape == (80, 17)
    assert abs(int(shown[:, 12].argmax()) - 23) <= 1  # receding, so at lower frequency
    np.testing.assert_allclose(shown[1:], shown[1:][::-1, ::-1], rtol=1e-6, atol=1e-12)
    turned = moments.cut(disc, (32, 32), 220, 8)
    np.testing.assert_allclose(turned, shown[:, ::-1], rtol=1e-9, atol=1e-12)
    minor = moments.cut(disc, (32, 32), 130, 8)
    assert abs((minor[:40].sum() - minor[41:].sum()) / minor.sum()) < 0.01


def test_a_cut_is_the_mean_over_a_beam() -> None:
    rows, columns = np.mgrid[:21, :31].astype(float)
    cube = np.stack([rows, columns])
    north = moments.cut(cube, (10, 15), 0, 4)
    np.testing.assert_allclose(north, [np.arange(6, 15), np.full(9, 15)])
    east = moments.cut(cube, (10, 15), 90, 4)
    np.testing.assert_allclose(east, [np.full(9, 10), np.arange(19, 10, -1)])
    narrow = np.zeros((1, 21, 31))
    narrow[0, 10] = 1  # a line of one pixel along East is thinned to its share of 2.5 pixels
    assert moments.cut(narrow, (10, 15), 90, 2)[0, 2] == pytest.approx(1 / 2.5, abs=0.15)
    assert moments.cut(narrow, (10, 15), 90, 2, across=0)[0, 2] == 1
    assert moments.cut(cube, (0, 0), 180, 3)[0, -1] == 0  # outside


@pytest.mark.parametrize(
    ("name", "w20", "listed"), [("H06", 210, 211.4), ("G10", 387, 389.4), ("G20", 294, 289.1)]
)
def test_widths_of_real_galaxies(name: str, w20: float, listed: float, shared_data: SharedData) -> None:
    from astropy.io import fits

    with fits.open(shared_data(f"hi/atlas/{name}.fits")) as file:
        cube, step = file[0].data, file[0].header["CDELT3"] / 1000
    line = moments.spectrum(cube)
    assert moments.counted_width(line, step) == pytest.approx(w20, abs=1)
    assert moments.counted_width(line, step) == pytest.approx(listed, rel=0.02)
    # where rows are flux per pixel of 1 kpc, moment 0 and spectrum hold the same light
    assert moments.moment0(cube, step=1).sum() == pytest.approx(line.sum() * BEAM_AREA)
    speed = step * (np.arange(len(line)) - (len(line) - 1) / 2)
    mean = moments.moment1(np.maximum(cube, 0), speed)
    assert np.nanmax(np.abs(mean)) <= np.abs(speed).max()
    y, x = np.mgrid[: cube.shape[1], : cube.shape[2]]
    weight = np.where(np.isfinite(mean), moments.moment0(np.maximum(cube, 0)), 0)
    total = weight.sum()
    east = -(x - (x * weight).sum() / total)
    north = y - (y * weight).sum() / total
    gradient = [float((axis * weight * np.nan_to_num(mean)).sum()) for axis in (east, north)]
    angle = math.degrees(math.atan2(*gradient))
    # the cubes were turned until their major axes stand upright
    assert min(abs(angle) % 180, 180 - abs(angle) % 180) < 20


def test_widths_by_hand() -> None:
    line = np.array([0.0, 0.0, 0.4, 1.0, 0.1, 1.0, 0.4, 0.0, 0.0])
    assert moments.width(line, -2.0) == pytest.approx(
        2 * 5
    )  # crosses 0.2 half-way to the neighbours, outermost
    assert moments.counted_width(line, 2.0) == 8  # the dip in the middle is not counted
    assert math.isnan(moments.width(line[2:], 1.0))
    assert math.isnan(moments.width(-line, 1.0))


def test_noise_of_the_smoothed_cube() -> None:
    from scipy.ndimage import gaussian_filter

    noise = np.random.default_rng(1).normal(size=(64, 96, 96))
    noise = gaussian_filter(noise, (0, 0.750702, 0.750702))
    rms = noise.std() * np.linspace(1, 2, 64)
    cube = noise / noise.std() * rms[:, None, None]
    inner = moments.significance(cube, rms)[1:-1, 4:-4, 4:-4]
    assert inner.std() == pytest.approx(1, abs=0.03)


def test_what_the_beam_leaves_of_the_noise_of_a_map() -> None:
    rms = np.linspace(1, 2, DEV.nchan) * 1e-5
    noise = Noise(DEV, rms, Streams(bytes(32), "smoothed"))
    total = moments.moment0(np.stack([noise.tile(z, 0, 400, 0, 400) for z in range(30)]))
    sigma = CHANNEL * math.sqrt((rms[:30] ** 2).sum())
    assert total.std() / sigma == pytest.approx(1, abs=0.02)
    left = moments.QUIETER
    assert moments.smoothed0(total).std() / sigma == pytest.approx(left, rel=0.02)
    assert left**2 == pytest.approx((1 / 2) / (1 / 2 + 1))  # squares of widths, in beams, before and after


def test_the_mask_holds_the_source_and_not_its_neighbour(disc: np.ndarray) -> None:
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(2)
    noise = gaussian_filter(rng.normal(size=disc.shape), (0, 0.750702, 0.750702))
    rms = np.full(80, 7e-6)
    both = np.zeros((160, NX, NX))
    both[:80] = disc
    both[80:, 12:] = disc[:, :-12]  # the same galaxy elsewhere in place and frequency
    both[:80] += noise / noise.std() * 7e-6
    both[80:] += np.flip(noise) / noise.std() * 7e-6
    rms = np.full(160, 7e-6)
    found = moments.mask(both, rms, (40, 32, 32), 39)
    assert found[:80].any() and not found[85:].any()
    kept = moments.spectrum(both, found).sum() * CHANNEL
    assert kept == pytest.approx(50, rel=0.25)  # the faint rim is lost
    clean = moments.mask(disc, np.full(80, 1e-8), (40, 32, 32), 39)
    assert moments.spectrum(disc, clean).sum() * CHANNEL == pytest.approx(50, rel=0.005)
    assert not moments.mask(noise / noise.std(), np.ones(80), (40, 32, 32), 39, sigma=6).any()
