"""Visits against a slow telling of the same recipe, and the rules of the deep fields night by night."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blindsky.challenges.transients import cadence
from blindsky.challenges.transients.cadence import Visits


def stream(seed: int = 1) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=[11, seed]))


@pytest.fixture(scope="module")
def wide() -> tuple[np.ndarray, Visits]:
    ra = stream(1).uniform(0, 360, 4000)
    return ra, cadence.wide(stream(2), ra)


def test_opposition() -> None:
    """The March equinox of 2022 is MJD 59658.6, when the Sun is at 0 deg; half a year later it is at 180."""
    np.testing.assert_allclose(
        cadence.opposition(np.array([180.0, 0.0, 90.0])), 59658 + 365.25 * np.array([0, 0.5, 0.75])
    )


def test_visits_are_in_order_and_in_season(wide: tuple[np.ndarray, Visits]) -> None:
    ra, v = wide
    assert (np.diff(v.index) >= 0).all()
    assert (np.diff(v.mjd)[np.diff(v.index) == 0] >= 0).all()
    hour = v.mjd - np.floor(v.mjd)
    assert (hour <= 0.35).all()
    assert v.mjd.min() >= 59580
    assert v.mjd.max() < 60675
    away = (np.floor(v.mjd) - cadence.opposition(ra)[v.index] + 365.25 / 2) % 365.25 - 365.25 / 2
    assert away.min() >= -96  # the night has begun at most a day before
    assert away.max() <= 95
    assert v.band.dtype == np.int8


def test_one_visit_a_night_and_band(wide: tuple[np.ndarray, Visits]) -> None:
    v = wide[1]
    triples = np.stack([v.index, np.floor(v.mjd).astype(int), v.band], axis=1)
    assert len(np.unique(triples, axis=0)) == len(triples)


def test_numbers(wide: tuple[np.ndarray, Visits]) -> None:
    """Mean of the mixture 126.65, sd 16.2: 4,000 objects know their mean to 0.26."""
    number = np.bincount(wide[1].index, minlength=4000)
    assert number.mean() == pytest.approx(0.05 * 95 + 0.40 * 115 + 0.55 * 138, abs=1.0)
    assert number.std() == pytest.approx(16.2, abs=1)
    assert number.min() >= 45  # at least 50, less or more a few repeated ones


def test_against_a_slow_telling(wide: tuple[np.ndarray, Visits]) -> None:
    """Season, night and band one visit after the other, redrawn outside the window; two-sample KS, .1 % level."""
    from scipy.stats import ks_2samp

    rng = np.random.default_rng(5)
    ra = np.array([20.0, 200.0])
    v = cadence.wide(stream(3), np.repeat(ra, 60))
    for k, middle in enumerate(cadence.opposition(ra)):
        slow: list[float] = []
        while len(slow) < 8000:
            t = middle + 365.25 * int(rng.integers(-4, 5)) + rng.uniform(-95, 95)
            if 59580 <= t < 60675:
                slow.append(np.floor(t) + rng.uniform(0, 0.35))
        ours = v.mjd[(v.index >= 60 * k) & (v.index < 60 * (k + 1))]
        assert ks_2samp(ours, slow).pvalue > 1e-3
        assert ks_2samp(ours % 1, np.array(slow) % 1).pvalue > 1e-3


def test_bands(wide: tuple[np.ndarray, Visits]) -> None:
    share = np.bincount(wide[1].band) / len(wide[1].band)
    expected = np.array([5.6, 8.0, 18.4, 18.4, 16, 16]) / 82.4
    np.testing.assert_allclose(share, expected, rtol=0.02)  # repeated visits take 1 % off the frequent bands


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 2)), max_size=25))
def test_repeated_visits(rows: list[tuple[int, int, int]]) -> None:
    rows = sorted(rows, key=lambda r: r[:2])  # by object and night; bands as they come
    columns = np.array(rows, dtype=np.int64).reshape(-1, 3).T
    expected = [row in rows[:k] for k, row in enumerate(rows)]
    assert cadence._repeated(*columns).tolist() == expected


def test_no_objects_and_one() -> None:
    assert len(cadence.wide(stream(), np.zeros(0)).mjd) == 0
    assert len(cadence.wide(stream(), np.array([360.0 - 1e-12])).mjd) > 40


def test_visits_follow_from_the_stream() -> None:
    ra = np.linspace(0, 360, 50)
    np.testing.assert_array_equal(cadence.wide(stream(9), ra).mjd, cadence.wide(stream(9), ra).mjd)


def test_calendars_keep_the_rules() -> None:
    totals = []
    dark_nights = dark_visits = 0
    for seed in range(12):
        v = cadence.calendars(stream(seed))
        for field, middle in enumerate(cadence.opposition(cadence.FIELDS[:, 0])):
            mjd, band = v.mjd[v.index == field], v.band[v.index == field]
            totals.append(len(mjd))
            assert (np.diff(mjd) > 0).all()
            night = np.floor(mjd)
            offset = (night - middle + 182.625) % 365.25 - 182.625
            assert np.abs(offset).max() <= 70
            moon = (night - 59581.8) % 29.5306
            dark = (moon < 4) | (moon > 26)
            np.testing.assert_array_equal(band == 0, dark)
            nights = np.arange(59580, 60675)
            moon = (nights - 59581.8) % 29.5306
            season = np.abs((nights - middle + 182.625) % 365.25 - 182.625) <= 70
            dark_nights += int((season & ((moon < 4) | (moon > 26))).sum())
            dark_visits += int(dark.sum())
            sequences = mjd[band > 0].reshape(-1, 5)
            assert (band[band > 0].reshape(-1, 5) == [2, 1, 3, 4, 5]).all()
            np.testing.assert_allclose(np.diff(sequences, axis=1), 0.008, atol=1e-9)
            assert np.diff(np.floor(sequences[:, 0])).min() >= 3
            assert (mjd - night).max() <= 0.35 + 1e-9
    assert 285 < min(totals) < max(totals) < 395  # single fields: 255 to 352 in the sample of PLAsTiCC
    assert 325 < np.mean(totals) < 350
    assert dark_visits / dark_nights == pytest.approx(0.70, abs=0.02)


def test_objects_share_the_calendar_of_their_field() -> None:
    shared = cadence.calendars(stream(4))
    field = np.array([3, 0, 0, 4], dtype=np.int8)
    v = cadence.deep(shared, field)
    for k, f in enumerate(field):
        np.testing.assert_array_equal(v.mjd[v.index == k], shared.mjd[shared.index == f])
        np.testing.assert_array_equal(v.band[v.index == k], shared.band[shared.index == f])
    assert len(v.mjd) == sum(int((shared.index == f).sum()) for f in field)
    assert (np.diff(v.index) >= 0).all()
    assert len(cadence.deep(shared, field[:0]).mjd) == 0
