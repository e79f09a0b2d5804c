"""Shapes of variable stars at their landmarks, and populations within their bounds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blindsky.challenges.transients import stars

N = 40_000


def stream(seed: int = 1) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=[29, seed]))


def test_rr_lyrae_rise_fast_and_fade_slowly() -> None:
    phase = np.array([0.0, 0.075, 0.15, 1 - 1e-12])
    ab = stars.rr_shape(phase, np.ones(4, dtype=bool))
    np.testing.assert_allclose(ab, [1, 0.5, 0, 1], atol=1e-10)  # faint, half, brightest, faint again
    fine = np.linspace(0, 1, 2001)[:-1]
    assert np.abs(np.diff(stars.rr_shape(fine, np.ones(2000, dtype=bool)))).max() < 0.006  # no jump
    c = stars.rr_shape(np.array([0, 0.25, 0.5]), np.zeros(3, dtype=bool))
    np.testing.assert_allclose(c, [0, 0.5, 1], atol=1e-12)


def test_detached_eclipses() -> None:
    """Flat bottom to a third of the width, nothing beyond it."""
    phase = np.array([0.0, 0.03, 0.06, 0.1, 0.2, 0.47, 0.5, 0.53, 0.97])
    off = np.zeros(9, dtype=bool)
    found = stars.eclipses(phase, off, np.full(9, 0.09), np.full(9, 0.6), np.full(9, 0.2))
    np.testing.assert_allclose(found, [0.6, 0.6, 0.3, 0, 0, 0.2, 0.2, 0.2, 0.6], atol=1e-12)


def test_contact_binaries_never_rest() -> None:
    phase = np.array([0.0, 0.125, 0.25, 0.375, 0.5, 0.75, 0.875])
    on = np.ones(7, dtype=bool)
    found = stars.eclipses(phase, on, np.full(7, 0.1), np.full(7, 0.6), np.full(7, 0.4))
    np.testing.assert_allclose(found, [0.6, 0.3, 0, 0.2, 0.4, 0, 0.3], atol=1e-12)


@settings(max_examples=50, deadline=None)
@given(st.floats(0, 0.4999), st.floats(0.02, 0.12), st.booleans())
def test_eclipses_are_symmetric(phase: float, width: float, contact: bool) -> None:
    both = np.array([phase, 1 - phase if phase else 0.0])
    found = stars.eclipses(both, np.full(2, contact), np.full(2, width), np.full(2, 0.5), np.full(2, 0.3))
    assert found[0] == pytest.approx(found[1], abs=1e-9)
    assert 0 <= found[0] <= 0.5


def test_phase_keeps_its_digits_over_the_survey() -> None:
    from fractions import Fraction

    period = np.array([0.2201, 0.5123, 311.7])
    parameters = {"period": period, "phase": np.array([0.1, 0.9, 0.5])}
    t = np.array([60674.3, 59999.987, 60200.5])
    found = stars.phase(parameters, np.arange(3), t)
    for k in range(3):
        exact = float((Fraction(t[k]) / Fraction(period[k]) + Fraction(parameters["phase"][k])) % 1)
        assert found[k] == pytest.approx(exact, abs=1e-7)


def test_phase_stays_below_one() -> None:
    parameters = {"period": np.ones(1), "phase": np.array([1 - 1e-12])}
    assert stars.phase(parameters, np.zeros(3, dtype=int), np.array([1.0, 2.0, 3.0])).max() < 1


def test_rr_population() -> None:
    p = stars.RR_LYRAE.draw(stream(), N)
    ab = p["type_ab"] == 1
    assert ab.mean() == pytest.approx(0.75, abs=0.01)
    for chosen, low, high, mean, least, most in (
        (ab, 0.43, 0.85, 0.573, 0.5, 1.25),
        (~ab, 0.25, 0.42, 0.33, 0.25, 0.55),
    ):
        period, amplitude = p["period"][chosen], p["amplitude"][chosen]
        assert (period.min() >= low) & (period.max() <= high)
        assert period.mean() == pytest.approx(mean, abs=0.003)
        assert (amplitude.min(), amplitude.max()) == pytest.approx((least, most), abs=0.002)
    assert (p["r"].min(), p["r"].max()) == pytest.approx((15, 22), abs=0.01)
    np.testing.assert_allclose(p["mag_i"], p["r"] - 0.06)


def test_binary_population() -> None:
    p = stars.ECLIPSING_BINARY.draw(stream(2), N)
    contact = p["contact"] == 1
    assert contact.mean() == pytest.approx(0.35, abs=0.01)
    assert (p["period"][contact].min(), p["period"][contact].max()) == pytest.approx((0.22, 0.8), abs=0.001)
    assert np.median(p["period"][~contact]) == pytest.approx(np.sqrt(0.4 * 30), rel=0.05)
    assert (p["depth_2"] <= p["depth_1"]).all()
    assert (p["depth_2"] / p["depth_1"])[contact].min() >= 0.7
    assert p["depth_1"][~contact].min() >= 0.03
    assert np.median(p["depth_1"][~contact]) == pytest.approx(0.75 * 0.5**1.5 + 0.03, abs=0.01)
    assert np.median(p["r"]) == pytest.approx(15 + 10 * 0.5**0.4, abs=0.05)


def test_mira_population() -> None:
    p = stars.MIRA.draw(stream(3), N)
    assert (p["period"].min() >= 100) & (p["period"].max() <= 700)
    assert np.median(np.log10(p["period"])) == pytest.approx(2.5, abs=0.005)
    assert p["trend"].std() == pytest.approx(0.15, rel=0.02)
    assert (p["amplitude"].min(), p["amplitude"].max()) == pytest.approx((2.5, 7), abs=0.01)
    np.testing.assert_allclose(p["mag_i"], p["r"] - 2)
