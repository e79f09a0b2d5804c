"""Circular apertures: areas against closed forms and fine sampling."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blindsky.challenges.deblending import apertures

INSIDE = st.floats(10, 20)


@settings(max_examples=20, deadline=None)
@given(x=INSIDE, y=INSIDE, radius=st.floats(0.3, 8.4))
def test_light_of_an_even_image_is_the_area(x: float, y: float, radius: float) -> None:
    found = apertures.fluxes(np.ones((1, 2, 31, 31), np.float32), np.array([x]), np.array([y]), radius)
    np.testing.assert_allclose(found, np.pi * radius**2, rtol=1e-9)


def test_every_pixel_has_its_share() -> None:
    """Against 400 x 400 points a pixel."""
    x, y, radius, fine = 3.3, 2.8, 2.6, 400
    share = apertures.coverage(np.arange(7)[None] - x, np.arange(6)[None] - y, radius)[0]
    at_x, at_y = ((np.arange(n * fine) + 0.5) / fine - 0.5 - c for n, c in ((7, x), (6, y)))
    inside = np.hypot(at_x[None], at_y[:, None]) < radius
    expected = inside.reshape(6, fine, 7, fine).mean(axis=(1, 3))
    np.testing.assert_allclose(share, expected, atol=2e-4)


def test_beyond_the_stamp_is_nothing() -> None:
    found = apertures.fluxes(np.ones((1, 1, 20, 20)), np.array([-0.5]), np.array([19.5]), 3.0)
    assert found[0, 0] == pytest.approx(np.pi * 9 / 4)
    assert apertures.fluxes(np.ones((1, 1, 20, 20)), np.array([-9.0]), np.array([5.0]), 3.0)[0, 0] == 0


def test_rows_are_y() -> None:
    image = np.zeros((1, 1, 20, 20))
    image[0, 0, 4, 11] = 5
    assert apertures.fluxes(image, np.array([11.2]), np.array([3.9]), 2.0)[0, 0] == pytest.approx(5)
    assert apertures.fluxes(image, np.array([3.9]), np.array([11.2]), 2.0)[0, 0] == 0
