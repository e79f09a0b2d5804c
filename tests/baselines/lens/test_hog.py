"""Histograms of gradients of ramps, whose gradient is known, and of stamps seen from other sides."""

from __future__ import annotations

import numpy as np
import pytest

from blindsky.baselines.lens import hog
from blindsky.baselines.lens.hog import BINS, CELL, gradient_histograms, seen_from_all_sides
from blindsky.baselines.lens.stamps import Camera


def good(values):
    return np.ones(values.shape, bool)


def ramp(angle, size=61, slope=0.25):
    y, x = np.mgrid[:size, :size]
    return (slope * (x * np.cos(angle) + y * np.sin(angle))).astype(np.float32)[None]


@pytest.mark.parametrize("degrees", [0, 10, 22.5, 60, 90, 101.25, 170, 200, 359])
def test_a_ramp_has_one_gradient_shared_by_the_two_nearest_bins(degrees):
    values = ramp(np.deg2rad(degrees))
    found = gradient_histograms(values, good(values))
    assert found.shape == (1, 6, 6, BINS)
    position = degrees % 180 / (180 / BINS)
    expected = np.zeros(BINS)
    expected[int(position)] = 0.25 * (1 - position % 1)
    expected[(int(position) + 1) % BINS] += 0.25 * (position % 1)
    assert np.allclose(found, expected, atol=2e-5)


def test_every_gradient_is_counted_once():
    values = np.random.default_rng(0).standard_normal((3, 101, 101)).astype(np.float32)
    found = gradient_histograms(values, good(values))
    down = (values[:, 1:, 1:] + values[:, 1:, :-1] - values[:, :-1, 1:] - values[:, :-1, :-1]) / 2
    right = (values[:, 1:, 1:] - values[:, 1:, :-1] + values[:, :-1, 1:] - values[:, :-1, :-1]) / 2
    cells = np.hypot(down, right).reshape(3, 10, CELL, 10, CELL).mean(axis=(2, 4))
    assert np.allclose(found.sum(axis=3), cells, rtol=1e-4)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_turn_moves_cells_and_shifts_bins(turns):
    values = np.random.default_rng(0).standard_normal((2, 101, 101)).astype(np.float32)
    found = gradient_histograms(values, good(values))
    turned = gradient_histograms(np.rot90(values, turns, axes=(1, 2)), good(values))
    expected = np.roll(np.rot90(found, turns, axes=(1, 2)), turns * BINS // 2, axis=3)
    assert np.allclose(turned, expected, atol=1e-5)


def test_the_mean_of_eight_views_is_what_it_says():
    values = np.random.default_rng(0).standard_normal((1, 101, 101)).astype(np.float32)
    views = [np.rot90(v, k, axes=(1, 2)) for v in (values, values[:, ::-1]) for k in range(4)]
    logs = [np.log(gradient_histograms(v, good(v)) + 0.02) for v in views]
    mean = np.mean(logs, axis=0).ravel()  # the same number wherever views map features onto each other
    features = seen_from_all_sides(logs[0])
    assert features.shape == (1, 105)
    apart = np.abs(mean[:, None] - features)
    assert apart.min(axis=0).max() < 1e-4 and apart.min(axis=1).max() < 1e-4
    for view in logs[1:]:
        assert np.allclose(seen_from_all_sides(view), features, atol=1e-4)


def test_bad_pixels_have_no_say_and_empty_cells_no_number():
    values = np.random.default_rng(0).standard_normal((1, 101, 101)).astype(np.float32)
    known = good(values)
    known[0, 3:6, 3:6] = False
    known[0, 20:31, 20:31] = False
    found = gradient_histograms(values, known)
    values[~known] = 1e6
    again = gradient_histograms(values, known)
    assert np.array_equal(found, again, equal_nan=True)
    assert np.isnan(found[0, 2, 2]).all() and np.isfinite(found[0, 0, 0]).all()
    assert np.isnan(found).sum() == BINS
    assert np.isfinite(seen_from_all_sides(found)).all()  # other views have the cell


def test_a_stamp_of_bad_pixels_has_no_features():
    table = {"image": np.zeros((2, 1, 101, 101), np.float32), "sigma": np.ones((2, 1), np.float32)}
    table["mask"] = np.zeros((2, 1, 101, 101), np.uint8)
    table["mask"][1] = 1
    features = hog.Histograms((Camera("image", ("g",), 0),))(table)
    assert np.allclose(features[0], np.log(hog.FLOOR)) and np.isnan(features[1]).all()
