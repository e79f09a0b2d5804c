"""The arc finder on arcs, bars and galaxies drawn by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from blindsky.baselines.lens.arc import COARSE, FINE, arcs, hat_noise

Y, X = np.mgrid[-50:51, -50:51].astype(float)
RADIUS, ANGLE = np.hypot(X, Y), np.arctan2(Y, X)


def arc(radius=25.0, half_length=0.5, peak=30.0, about=0.8):
    """A ridge of width 1.5 pixels along a circle, ``half_length`` in radians."""
    turned = np.angle(np.exp(1j * (ANGLE - about)))
    return peak * np.exp(-((RADIUS - radius) ** 2) / 4.5) * (np.abs(turned) < half_length)


def bar(about=0.8):
    """The same ridge, pointing away from the centre."""
    u, v = X * np.cos(about) + Y * np.sin(about), -X * np.sin(about) + Y * np.cos(about)
    return 30 * np.exp(-(v**2) / 4.5) * (np.abs(u - 25) < 12.5)


def score(*images, seed=0, good=None):
    draw = np.random.default_rng(seed)
    values = np.stack([image + draw.standard_normal(image.shape) for image in images]).astype(np.float32)
    return arcs(values, np.ones(values.shape, bool) if good is None else good)


def test_noise_of_the_hat_is_that_of_filtered_white_noise():
    white = np.random.default_rng(0).standard_normal((400, 400))
    hat = gaussian_filter(white, FINE) - gaussian_filter(white, COARSE)
    assert np.isclose(hat_noise(FINE, COARSE), hat.std(), rtol=0.02)  # 1e5 effective pixels: 0.3 %


def test_arcs_beat_bars_and_longer_arcs_beat_shorter():
    galaxy = 300 * np.exp(-RADIUS / 4)
    long, short, across, none, ring = score(
        galaxy + arc(half_length=0.9), galaxy + arc(), galaxy + bar(), galaxy, galaxy + arc(half_length=4)
    )
    assert ring > long > short > across > none


def test_the_galaxy_in_the_middle_is_no_candidate_however_long():
    flat = 500 * np.exp(-np.hypot(X / 4, Y) / 3)
    assert score(flat)[0] < score(arc())[0] / 3


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_turns_and_mirrors_change_nothing(turns):
    image = (arc() + np.random.default_rng(1).standard_normal(X.shape)).astype(np.float32)
    same = np.stack([image, np.rot90(image, turns), image[::-1]])
    assert np.allclose(arcs(same, np.ones(same.shape, bool)), arcs(same[:1], np.ones((1, 101, 101), bool)))


def test_stamps_do_not_see_their_neighbours():
    images = [arc(), 0 * X, arc(about=-2.0), bar()]
    together = score(*images)
    draw = np.random.default_rng(0)
    for k, image in enumerate(images):
        alone = (image + draw.standard_normal(image.shape)).astype(np.float32)[None]
        assert arcs(alone, np.ones(alone.shape, bool))[0] == together[k]


def test_an_empty_stamp_has_no_arc():
    assert arcs(np.zeros((2, 101, 101), np.float32), np.ones((2, 101, 101), bool)).tolist() == [0, 0]


def test_the_edge_of_a_bad_region_is_no_arc():
    galaxy = (300 * np.exp(-RADIUS / 12)).astype(np.float32)
    good = (np.hypot(X - 30, Y) > 8)[None]
    assert arcs(np.where(good, galaxy, 0).astype(np.float32), good)[0] == 0
    assert arcs(np.where(good, galaxy, 0).astype(np.float32), np.ones_like(good))[0] > 0  # were it not told
