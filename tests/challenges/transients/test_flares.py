"""Flares against published values of their shape and a loop over flares and visits."""

from __future__ import annotations

import numpy as np
import pytest

from blindsky.challenges.transients import cadence, flares

N = 40_000


def stream(seed: int = 1) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=[31, seed]))


def test_shape() -> None:
    """Davenport et al. 2014, as the specification evaluates it; the rise begins just inside -1."""
    x = np.array([-1 + 1e-12, -0.5, 2.0])
    np.testing.assert_allclose(flares.shape(x), [0.005286, 0.196388, 0.201694], atol=1e-6)
    np.testing.assert_allclose(flares.shape(np.array([0.0, -1.0001, 60.0, 1e6])), [1, 0, 0, 0], atol=1e-12)
    half = flares.shape(np.linspace(-1, 1, 20_001))  # the width at half maximum is 1 within its fit
    assert (half > 0.5).mean() * 2 == pytest.approx(1, abs=0.15)


def test_colour_of_a_flare() -> None:
    """B_nu of 10,000 K from the constants of nature."""
    from scipy.constants import c, h, k

    nu = c / (np.array([3719, 4768, 6194, 7517, 8659, 9700]) * 1e-10)
    b = nu**3 / np.expm1(h * nu / (k * 1e4))
    np.testing.assert_allclose(flares.hotness(), b / b[0], rtol=1e-6)


def test_flares_add_up() -> None:
    rng = stream(2)
    number = rng.integers(0, 5, 40)
    group = np.sort(rng.integers(0, 40, 200))
    minute = rng.uniform(0, 500, 200)
    total = int(number.sum())
    begin, peak, width = rng.uniform(0, 576, total), rng.uniform(0.1, 9, total), rng.uniform(1, 30, total)
    found = flares.together(minute, group, number, begin, peak, width)
    night = np.repeat(np.arange(40), number)
    for k in range(200):
        mine = night == group[k]
        x = (minute[k] - begin[mine]) / width[mine]
        assert found[k] == pytest.approx(float((peak[mine] * flares.shape(x)).sum()), rel=1e-5)
    assert (found > 0).sum() > 20


def test_population() -> None:
    p = flares.M_DWARF.draw(stream(3), N)
    assert (p["r"].min() >= 16) & (p["r"].max() <= 25)
    assert np.median(p["r"]) == pytest.approx(16 + 9 * np.sqrt(0.5), abs=0.03)
    assert np.log(p["rate"]).mean() == pytest.approx(np.log(2.5), abs=0.03)
    assert np.log(p["rate"]).std() == pytest.approx(1.2, rel=0.02)


def test_number_peaks_and_widths_of_flares(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[np.ndarray, ...]] = []

    def spy(*given: np.ndarray) -> np.ndarray:
        seen.append(given)
        return np.zeros(len(given[0]), dtype=np.float32)

    monkeypatch.setattr(flares, "together", spy)
    n = 3000  # more than one bunch
    parameters = {"r": np.full(n, 20.0), "rate": np.where(np.arange(n) < 1500, 5.0, 1e9)}
    index = np.repeat(np.arange(n), 8)
    t = 59600 + np.tile([0.1, 0.2, 1.1, 1.3, 1.31, 2.05, 3.1, 3.2], n)  # four nights
    flares.M_DWARF.flux(parameters, index, t, np.zeros(8 * n, dtype=int), stream(4))
    assert len(seen) == 2
    number = np.concatenate([s[2] for s in seen])
    assert len(number) == 4 * n
    assert number[: 4 * 1500].mean() == pytest.approx(2.0, abs=0.08)  # .4 d of 5 a day
    assert number[4 * 1500 :].mean() == pytest.approx(20, abs=0.3)  # the cap
    begin, peak, width = (np.concatenate([s[j] for s in seen]).astype(float) for j in (3, 4, 5))
    assert begin.mean() == pytest.approx(0.2 * 1440, rel=0.01)
    assert begin.max() < 576
    assert peak.min() == pytest.approx(0.03, rel=1e-3)
    assert peak.max() <= 3000
    np.testing.assert_allclose(
        np.quantile(peak, [0.5, 0.9]), 0.03 * np.array([0.5, 0.1]) ** (-1 / 0.7), rtol=0.03
    )
    scatter = np.log(width / peak**0.25)
    assert scatter.mean() == pytest.approx(np.log(6), abs=0.01)
    assert scatter.std() == pytest.approx(0.6, rel=0.02)


def test_flux_is_of_the_flares_alone_and_blue() -> None:
    v = cadence.deep(cadence.calendars(stream(5)), np.zeros(300, dtype=np.int8))
    parameters = flares.M_DWARF.draw(stream(6), 300)
    by_band = [
        flares.M_DWARF.flux(parameters, v.index, v.mjd, np.full_like(v.band, b), stream(7)) for b in range(6)
    ]
    f = by_band[0]
    assert (f >= 0).all()
    assert 0.02 < (f > 0).mean() < 0.9
    quiescent = 10 ** (-0.4 * (parameters["r"] + 2.6 + 1.45 - 27.5))
    assert f.max() < (20 * 3000 * quiescent).max()
    for b in range(6):
        np.testing.assert_allclose(by_band[b], f * flares.hotness()[b], rtol=1e-5)
