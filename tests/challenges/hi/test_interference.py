"""Noise and interference against the tabled numbers."""

from __future__ import annotations

import numpy as np
import pytest

from blindsky.challenges.hi.field import FULL, SMALL, TINY
from blindsky.challenges.hi.interference import channels, interference, sensitivity


def test_sensitivity_of_a_channel_has_the_tabled_values() -> None:
    found = 1e6 * sensitivity(np.array([950e6, 1050e6, 1150e6]), 30e3)
    np.testing.assert_allclose(found, [26.627, 28.340, 30.054], atol=6e-4)


def test_interference_over_the_band_is_that_measured_at_meerkat() -> None:
    table = channels(FULL, "survey")
    gamma, frequency = table["gamma"], table["freq_hz"]
    assert gamma.min() == 1
    assert np.median(gamma) == pytest.approx(1.001, abs=6e-4)
    assert (gamma > 1.1).mean() == pytest.approx(0.046, abs=6e-4)
    assert (gamma > 1.5).mean() == pytest.approx(0.025, abs=6e-4)
    assert (gamma > 2).sum() == 42
    assert frequency[gamma > 2].max() < 960e6
    assert gamma.max() == pytest.approx(12.16, abs=6e-3)
    assert frequency[gamma.argmax()] == pytest.approx(952.97e6, abs=6e3)
    for low, high, bump in ((1080e6, 1100e6, 1.38), (1120e6, 1140e6, 1.20)):
        assert gamma[(frequency > low) & (frequency < high)].max() == pytest.approx(bump, abs=6e-3)
    np.testing.assert_array_equal(table["flag"], gamma >= 2)
    np.testing.assert_array_equal(table["chan"], np.arange(6668))
    assert frequency[-1] == 1150.01e6


def test_interference_is_never_below_one() -> None:
    assert (interference(np.linspace(900e6, 1200e6, 500)) >= 1).all()


def test_a_narrow_band_holds_the_whole_curve() -> None:
    whole = channels(FULL, "survey")["gamma"]
    for field in (TINY, SMALL):
        table = channels(field, "survey")
        assert len(table["chan"]) == field.nchan
        assert (table["gamma"][0], table["gamma"][-1]) == (whole[0], whole[-1])
        j = 100
        assert table["gamma"][j] == whole[round(j * 6667 / (field.nchan - 1))]
        assert 0.002 < table["flag"].mean() < 0.012
        nominal = field.noise * table["gamma"] * sensitivity(table["freq_hz"], 30e3)
        np.testing.assert_allclose(table["rms_jy_beam"], nominal)


def test_core_has_no_interference() -> None:
    table = channels(TINY, "core")
    assert (table["gamma"] == 1).all()
    assert not table["flag"].any()
    assert table["chan"][0] == TINY.k0
    np.testing.assert_allclose(table["rms_jy_beam"], 0.25 * sensitivity(TINY.frequencies, 30e3))
