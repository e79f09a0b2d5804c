"""Differences of bands."""

from __future__ import annotations

import numpy as np

from blindsky.baselines.lens.colours import with_differences
from blindsky.baselines.lens.stamps import Camera

UGRI = Camera("image", ("u", "g", "r", "i"), 0)


def noise(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def test_a_galaxy_of_one_colour_is_gone_and_something_bluer_is_not():
    galaxy = np.exp(-np.hypot(*np.mgrid[-20:21, -20:21]) / 4).astype(np.float32)
    colours = np.array([10, 100, 300, 400], np.float32)
    image = (colours[:, None, None] * galaxy)[None]
    good = np.ones(image.shape, bool)
    maps, known = with_differences(image, good, UGRI)
    assert maps.shape == (1, 7, 41, 41) and known.all()
    assert np.array_equal(maps[:, :4], image)
    assert np.abs(maps[0, 4:]).max() < 1e-3
    image[0, 1, 5, 5] += 50
    maps, _ = with_differences(image, good, UGRI)
    factor = 1 / np.sqrt(1 + (100 / 400) ** 2)  # the noise of g - a i, in units of which the difference is
    assert np.isclose(maps[0, 4, 5, 5], 50 * factor, rtol=1e-3)


def test_noise_keeps_its_unit():
    image = noise(1, 4, 200, 200)
    image[:, 3] += 5
    image[:, 1] += 3
    maps, _ = with_differences(image, np.ones(image.shape, bool), UGRI)
    assert np.allclose(maps[0, 4:].std(axis=(1, 2)), 1, atol=0.02)  # 40,000 pixels: 0.0035


def test_bad_pixels_of_either_band_are_bad_and_have_no_say():
    image, good = noise(2, 4, 30, 30), np.ones((2, 4, 30, 30), bool)
    good[0, 1, 3, 4] = good[0, 3, 7, 8] = False
    maps, known = with_differences(image, good, UGRI)
    assert not known[0, 4, 3, 4] and not known[0, 4, 7, 8] and known[0, 6].all()
    image[~good] = 1e6
    again, _ = with_differences(image, good, UGRI)
    assert np.array_equal(maps[known], again[known])


def test_cameras_without_the_bands_have_no_differences():
    image = noise(2, 3, 9, 9)
    maps, known = with_differences(
        image, np.ones(image.shape, bool), Camera("image_nisp", ("Y", "J", "H"), 1)
    )
    assert np.array_equal(maps, image) and known.shape == image.shape


def test_a_band_without_a_good_pixel_leaves_the_others():
    image, good = noise(1, 4, 9, 9), np.ones((1, 4, 9, 9), bool)
    good[:, 3] = False
    maps, known = with_differences(np.where(good, image, 0), good, UGRI)
    assert np.isfinite(maps).all() and not known[0, 4].any() and known[0, 5].all()
