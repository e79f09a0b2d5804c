"""Profiles against printed digits, their own integrals, and the definitions of half-light radius and reach."""

from __future__ import annotations

import numpy as np
import pytest

from blindsky.challenges.lens.light import Discs, Light, Ridges, Sersics

ONE = np.zeros(1, dtype=np.int64)


def a(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float64)


def base() -> tuple[np.ndarray, ...]:
    return ONE, a(0), a(0), np.ones((1, 1))


def integral(kind: Light, half: float, cells: int) -> tuple[float, np.ndarray, np.ndarray]:
    """Flux in a square by midpoints; brightness and radius of every midpoint."""
    at = (np.arange(cells) + 0.5) * (2 * half / cells) - half
    bright = kind.brightness(ONE, at[None, None, :], at[None, :, None])[0]
    return float(bright.sum() * (2 * half / cells) ** 2), bright, np.hypot(at[None, :], at[:, None])


def test_half_of_the_light_is_within_the_half_light_radius() -> None:
    round_one = Sersics(*base(), a(0.7), a(1.0), a(1.0), a(0.3))
    total, bright, r = integral(round_one, 8, 1600)
    assert total == pytest.approx(1, abs=1e-3)
    assert bright[r < 0.7].sum() / bright.sum() == pytest.approx(0.5, abs=2e-3)


def test_axis_ratio_keeps_flux_and_is_the_ratio_of_the_axes() -> None:
    flat = Sersics(*base(), a(0.7), a(1.0), a(0.4), a(0.0))
    assert integral(flat, 12, 1600)[0] == pytest.approx(1, abs=1e-3)
    along = flat.brightness(ONE, a(1.0)[None, None], a(0.0)[None, None])
    across = flat.brightness(ONE, a(0.0)[None, None], a(0.4)[None, None])
    assert along == pytest.approx(across)


@pytest.mark.parametrize(("amplitude", "arms"), [(0.0, 2), (0.8, 2), (0.4, 4)])
def test_disc_with_arms_keeps_its_flux(amplitude: float, arms: float) -> None:
    disc = Discs(*base(), a(0.5), a(0.6), a(0.4), a(amplitude), a(arms), a(0.35), a(1.0))
    assert integral(disc, 8, 1600)[0] == pytest.approx(1, abs=3e-3)


def test_arms_follow_the_printed_formula() -> None:
    A, N, p, phase, R_d = 0.5, 2.0, 0.4, 0.7, 0.6
    disc = Discs(*base(), a(R_d), a(1.0), a(0.0), a(A), a(N), a(p), a(phase))
    R, theta = 1.3, 0.9
    x, y = R * np.cos(theta), R * np.sin(theta)
    found = disc.brightness(ONE, a(x)[None, None], a(y)[None, None]).item()
    arm = 1 + A * np.cos(N * theta + N / np.tan(p) * np.log(2 * R / R_d) + phase)
    assert found == pytest.approx(arm * np.exp(-R / R_d) / (2 * np.pi * R_d**2))


@pytest.mark.parametrize("length", [2 * np.pi, 1.5])
def test_ridge_flux(length: float) -> None:
    ridge = Ridges(*base(), a(2.0), a(0.3), a(1.0), a(0.2), a(1.0), a(length))
    assert integral(ridge, 5, 1000)[0] == pytest.approx(1, abs=5e-3)


def test_arc_lies_where_it_should() -> None:
    ridge = Ridges(*base(), a(2.0), a(0.2), a(1.0), a(0.0), a(np.pi / 2), a(1.0))
    up, down = (ridge.brightness(ONE, a(0.0)[None, None], a(y)[None, None]).item() for y in (2.0, -2.0))
    assert up > 1e6 * down


@pytest.mark.parametrize("n", [0.5, 1.0, 4.0])
def test_brightness_at_the_reach_is_the_level(n: float) -> None:
    s = Sersics(*base(), a(0.4), a(n), a(0.5), a(0.0))
    level = a(0.01)
    reach = s.reach(level)
    assert s.brightness(ONE, reach[None, None], a(0.0)[None, None]).item() == pytest.approx(0.01, rel=1e-6)


def test_objects_of_a_run_of_stamps() -> None:
    s = Sersics(
        np.array([0, 1, 2, 1]), *(np.arange(4.0) for _ in range(2)), np.ones((4, 2)), *([np.ones(4)] * 4)
    )
    some = s.of(slice(1, 3))
    assert some.stamp.tolist() == [0, 1, 0]
    assert some.x.tolist() == [1, 2, 3]
    assert len(Sersics.join([s, some])) == 7
