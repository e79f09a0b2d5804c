"""Magnification against published values and limits, and what two sources have in common with one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blindsky.challenges.transients import microlensing
from blindsky.challenges.transients.microlensing import BINARY_SOURCE, MICROLENSING

N = 20_000


def stream(seed: int = 1) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=[37, seed]))


def test_magnification() -> None:
    np.testing.assert_allclose(
        1 + microlensing.excess(np.array([1.0, 0.1])), [1.3416408, 10.0374610], atol=5e-8
    )
    far = np.array([1e3, 1e4], dtype=np.float32)
    np.testing.assert_allclose(microlensing.excess(far), 2 / far.astype(float) ** 4, rtol=1e-5)
    assert (np.diff(microlensing.excess(np.linspace(0.01, 9, 500))) < 0).all()


@settings(max_examples=50, deadline=None)
@given(st.floats(1e-3, 20))
def test_magnification_as_written(u: float) -> None:
    a = (u**2 + 2) / (u * np.sqrt(u**2 + 4))
    assert microlensing.excess(np.array([u]))[0] == pytest.approx(a - 1, rel=1e-6, abs=1e-12)


def event(**more: float) -> dict[str, np.ndarray]:
    base = {"r": 18.0, "mag_i": 17.75, "t0": 60000.0, "u0": 0.1, "t_e": 20.0, "blend": 0.5}
    return {name: np.array([value]) for name, value in (base | more).items()}


def test_flux_at_the_peak_and_an_einstein_time_later() -> None:
    t = np.array([60000.0, 60020.0, 59980.0, 60000.0])
    found = MICROLENSING.flux(event(), np.zeros(4, dtype=int), t, np.array([2, 2, 2, 3]), stream())
    star = 10 ** (-0.4 * (18 - 27.5))
    u = np.sqrt(1.01)
    later = (u**2 + 2) / (u * np.sqrt(u**2 + 4)) - 1
    expected = 0.5 * star * np.array([9.0374610, later, later, 9.0374610 * 10**0.1])
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("ratio", [0.1, 1.0])
def test_two_sources(ratio: float) -> None:
    t, one = np.linspace(59900, 60100, 101), np.zeros(101, dtype=int)
    single = MICROLENSING.flux(event(), one, t, one, stream())
    together = BINARY_SOURCE.flux(event(ratio=ratio, u0_second=0.1, delay=0.0), one, t, one, stream())
    np.testing.assert_allclose(together, single, rtol=1e-5)  # two in one place shine as one
    apart = BINARY_SOURCE.flux(event(ratio=ratio, u0_second=0.1, delay=2.0), one, t, one, stream())
    shifted = MICROLENSING.flux(event(t0=60040.0), one, t, one, stream())
    np.testing.assert_allclose(apart, (single + ratio * shifted) / (1 + ratio), rtol=1e-4)


def test_population() -> None:
    p = BINARY_SOURCE.draw(stream(2), N)
    for name, low, high in (
        ("t0", 59520, 60750),
        ("u0", 0, 1),
        ("blend", 0.1, 1),
        ("ratio", 0.1, 1),
        ("u0_second", 0, 1),
    ):
        assert (p[name].min(), p[name].max()) == pytest.approx((low, high), rel=1e-3, abs=1e-3)
        assert p[name].mean() == pytest.approx((low + high) / 2, rel=0.02)
    assert np.median(p["t_e"]) == pytest.approx(22, rel=0.03)
    assert np.log(p["t_e"]).std() == pytest.approx(0.9, rel=0.02)
    assert p["delay"].std() == pytest.approx(1, rel=0.02)
    assert np.median(p["r"]) == pytest.approx(15 + 9 * np.sqrt(0.5), abs=0.05)
