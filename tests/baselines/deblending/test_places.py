"""Half turns, companions and peaks against brute force and images whose centres are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blindsky.baselines.deblending import places


@given(st.integers(-3, 30), st.integers(-3, 30))
@settings(max_examples=25, deadline=None)
def test_half_a_turn_pixel_by_pixel(x2, y2):
    light = np.arange(13 * 13, dtype=np.float32).reshape(13, 13) + 1
    expected = np.zeros_like(light)
    for y in range(13):
        for x in range(13):
            if 0 <= y2 - y < 13 and 0 <= x2 - x < 13:
                expected[y, x] = light[y2 - y, x2 - x]
    assert np.array_equal(places.mirrored(light, x2 / 2, y2 / 2), expected)


def test_what_is_symmetric_is_its_own_template(gaussians):
    (one,) = gaussians(41, [(20.5, 17.0, 100.0, 2.0)])
    assert np.allclose(places.symmetric(one, 20.5, 17.0)[5:30, 5:37], one[5:30, 5:37])
    assert not places.symmetric(-one, 20.5, 17.0).any()


@pytest.mark.parametrize("flux", [20.0, 100.0, 400.0])
def test_a_companion_is_found_on_its_pixel_be_it_faint_or_bright(flux, gaussians):
    light = gaussians(128, [(64, 64, 100, 3.0), (73, 59, flux, 2.0)]).sum(axis=0) / 0.01
    noise = np.random.default_rng(2).normal(size=light.shape)
    found = places.beside((light + noise).astype(np.float32), 2)
    assert found.tolist() == [[64, 64], [73, 59]]


def test_peaks_lie_where_galaxies_are_and_nowhere_else(gaussians):
    truth = [(30.3, 40.8, 900.0, 1.8), (80.0, 22.5, 600.0, 1.8), (85.6, 90.1, 300.0, 1.8)]
    noise = np.random.default_rng(3).normal(size=(120, 120))
    light = (gaussians(120, truth).sum(axis=0) + noise).astype(np.float32)
    found = places.peaks(light, 50)
    assert found.shape == (3, 2)
    assert np.allclose(found, [t[:2] for t in truth], atol=0.3)  # brightest first
    assert np.array_equal(places.peaks(light, 2), found[:2])
    assert len(places.peaks(noise.astype(np.float32), 50)) == 0
    assert len(places.peaks(np.zeros((120, 120), np.float32), 50)) == 0


def test_a_peak_without_noise_is_found_to_a_fraction_of_a_pixel(gaussians):
    (light,) = gaussians(60, [(30.3, 25.8, 1e4, 1.8)])
    assert np.allclose(places.peaks(light.astype(np.float32), 5), [[30.3, 25.8]], atol=0.02)


def test_bands_are_added_in_units_of_their_noise():
    draw = np.random.default_rng(4)
    sigma = np.array([1.0, 5.0, 50.0])
    image = draw.normal(size=(3, 100, 100)) * sigma[:, None, None]
    assert places.significance(image, sigma).std() == pytest.approx(1, abs=0.02)


def test_places_that_are_told_are_taken(scene_task, pair_task):
    told = {"obj": np.array([0, 1]), "x": np.array([3.25, 4.5]), "y": np.array([1.0, 2.0])}
    light = np.zeros((128, 128), np.float32)
    assert places.places(light, pair_task, told).tolist() == [[3.25, 1.0], [4.5, 2.0]]
    assert places.places(light, scene_task, {}).shape == (0, 2)
    light[50, 70] = 500  # told in another order
    assert places.places(light, pair_task, {"obj": np.array([1, 0])}).tolist() == [[70, 50], [64, 64]]
