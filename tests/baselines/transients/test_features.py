"""Features of light curves: against a plain loop over objects and bands, and how they ought to behave."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from blindsky.baselines.transients.features import LETTERS, NAMES, PAIRS, PHASES, WINDOWS, features
from blindsky.baselines.transients.lightcurves import LightCurves
from blindsky.challenges.transients.cosmology import distance_modulus


def _curves(objects):
    """Of lists of rows (mjd, passband, flux, flux_err, detected)."""
    columns = list(zip(*[row for one in objects for row in one], strict=True)) or [[]] * 5
    dtypes = (np.float64, np.int64, np.float64, np.float64, np.bool_)
    starts = np.cumsum([0, *map(len, objects)])
    return LightCurves(starts, *(np.array(c, dtype=d) for c, d in zip(columns, dtypes, strict=True)))


def _table(z):
    z = np.asarray(z, dtype=np.float64)
    return {
        "hostgal_photoz": z,
        "hostgal_photoz_err": 0.05 * z,
        "distmod": np.where(z > 0, distance_modulus(np.maximum(z, 1e-3)), np.nan),
        "mwebv": np.full(len(z), 0.05),
        "ddf": np.zeros(len(z)),
    }


def _random(seed, n=6, rows=40):
    rng = np.random.default_rng(seed)
    objects = []
    for _ in range(n):
        m = rng.integers(1, rows)
        mjd = np.sort(rng.uniform(0, 300, m))
        flux = rng.normal(0, 4, m) + 60 * np.exp(-(((mjd - rng.uniform(0, 300)) / 30) ** 2))
        error = rng.uniform(1, 3, m)
        objects.append(list(zip(mjd, rng.integers(0, 6, m), flux, error, flux > 5 * error, strict=True)))
    return objects, rng.uniform(0.05, 1.0, n) * (rng.random(n) < 0.7)


def _plain(rows, z):
    """Features of one object, as one would write them down for it alone; a subset by name."""
    found = {}
    t, band, f, e, d = (np.array(c) for c in zip(*rows, strict=True))
    snr = f / e
    usable = d if d.any() else np.abs(snr) == np.abs(snr).max()
    first, peak = t[usable].min(), np.abs(f[usable]).max()
    top = t[np.argmax(snr)]
    for k, letter in enumerate(LETTERS):
        x, y, s, seen = t[band == k], f[band == k], e[band == k], d[band == k]
        found[f"detections_{letter}"] = seen.sum()
        if len(y):
            best = int(np.argmax(y))
            found |= {f"mean_{letter}": y.mean() / peak, f"max_{letter}": y.max() / peak}
            found |= {f"min_{letter}": y.min() / peak, f"time_of_maximum_{letter}": x[best] - first}
            found[f"luminosity_{letter}"] = (
                y.max() * 10 ** (0.4 * (distance_modulus(z) - 45)) if z > 0 else np.nan
            )
        if len(y) > 1:
            weighted = np.average(y, weights=s**-2)
            found[f"chi2_{letter}"] = np.sum(((y - weighted) / s) ** 2) / (len(y) - 1)
            found[f"skewness_{letter}"] = stats.skew(y)
        if seen.any():
            found[f"span_{letter}"] = np.ptp(x[seen])
        for start, end in pairwise(WINDOWS):
            inside = (x - first >= start) & (x - first < end)
            if inside.any():
                mean = np.average(y[inside], weights=s[inside] ** -2)
                found[f"flux_after_{start}_{letter}"] = mean / peak
    for name, (start, end) in PHASES.items():
        magnitude = {}
        for k, letter in enumerate(LETTERS):
            inside = (band == k) & ((t - top) / (1 + z) >= start) & ((t - top) / (1 + z) < end)
            if inside.any():
                mean = np.average(f[inside], weights=e[inside] ** -2)
                error = np.sum(e[inside] ** -2.0) ** -0.5
                magnitude[letter] = -2.5 / math.log(10) * (math.asinh(mean / (2 * error)) + math.log(error))
        for pair in PAIRS:
            if pair[0] in magnitude and pair[1] in magnitude:
                found[f"colour_at_{name}_{pair}"] = magnitude[pair[0]] - magnitude[pair[1]]
    found["time_of_maximum"] = (top - first) / (1 + z)
    if d.any():
        found["span"] = np.ptp(t[d]) / (1 + z)
        away = (t < t[d].min() - 30) | (t > t[d].max() + 30)
        if away.any():
            found["outside"] = np.mean(np.abs(snr[away]) > 3)
    strong = snr > 3
    if strong.any():
        centre = np.average(t[strong], weights=f[strong])
        found["width"] = math.sqrt(np.average((t[strong] - centre) ** 2, weights=f[strong])) / (1 + z)
        largest = {k: f[band == k].max() for k in set(band)}
        half = strong & (f > [0.5 * largest[k] for k in band])
        found |= {"rise": (top - t[half].min()) / (1 + z), "fall": (t[half].max() - top) / (1 + z)}
    found["negative"] = np.mean(snr < -3)
    return found


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_features_are_those_of_a_loop_over_objects(seed):
    objects, z = _random(seed)
    found = features(_curves(objects), _table(z))
    assert found.shape == (len(objects), len(NAMES))
    assert found.dtype == np.float32
    metadata = ("hostgal_photoz", "hostgal_photoz_err", "mwebv", "ddf", "galactic", "epoch_cut")
    for row, rows, one in zip(found, objects, z, strict=True):
        expected = _plain(rows, one)
        measured = {n: v for n, v in zip(NAMES, row, strict=True) if n not in metadata}
        assert set(expected) <= set(measured)
        for name, value in measured.items():
            assert value == pytest.approx(expected.get(name, np.nan), rel=2e-4, abs=2e-4, nan_ok=True), name


def test_every_name_stands_for_one_column():
    assert len(set(NAMES)) == len(NAMES)


def test_objects_do_not_know_each_other():
    objects, z = _random(3, n=8)
    whole = features(_curves(objects), _table(z))
    order = np.random.default_rng(0).permutation(8)
    np.testing.assert_array_equal(
        features(_curves([objects[k] for k in order]), _table(z[order])), whole[order]
    )
    for k in range(8):
        np.testing.assert_array_equal(features(_curves([objects[k]]), _table(z[[k]]))[0], whole[k])


@given(seed=st.integers(0, 2**32 - 1), days=st.integers(-5000, 50_000))
@settings(max_examples=10, deadline=None)
def test_time_has_no_origin(seed, days):
    objects, z = _random(seed)
    # whole quarters of a day, so that differences of times are exact
    objects = [[(round(4 * t) / 4, *rest) for t, *rest in rows] for rows in objects]
    moved = [[(t + days, *rest) for t, *rest in rows] for rows in objects]
    np.testing.assert_allclose(
        features(_curves(moved), _table(z)), features(_curves(objects), _table(z)), rtol=1e-4, atol=1e-4
    )


def test_only_luminosity_knows_how_bright_an_object_is():
    objects, z = _random(5)
    brighter = [[(t, b, 8 * f, 8 * e, d) for t, b, f, e, d in rows] for rows in objects]
    one, other = (features(_curves(o), _table(z)) for o in (objects, brighter))
    bright = np.array([name.startswith("luminosity") for name in NAMES])
    np.testing.assert_allclose(other[:, ~bright], one[:, ~bright], rtol=1e-5)
    np.testing.assert_allclose(other[:, bright], 8 * one[:, bright], rtol=1e-5)


def test_hostile_light_curves_give_numbers_or_nan():
    objects = [
        [],  # no observation
        [(5.0, 2, 3.0, 1.0, False)],  # one, not detected
        [(5.0, 2, 0.0, 1.0, False), (6.0, 2, 0.0, 1.0, False)],  # nothing but zero
        [(5.0, 0, -7.0, 1.0, True), (6.0, 0, -9.0, 1.0, True)],  # below its template, in one band
        [(5.0, 1, 1e30, 1e-3, True), (5.0, 1, -1e30, 1e-3, True)],  # beyond float32, at one time
        [(float(t), t % 6, 5.0, 1.0, False) for t in range(30)],  # constant
    ]
    found = features(_curves(objects), _table([0.3, 0.3, 0.0, 0.0, 0.5, 1.0]))
    assert not np.any(np.isinf(found))
    empty = dict(zip(NAMES, found[0], strict=True))
    assert empty["detections_r"] == 0
    assert np.isnan(empty["max_r"])


def test_no_objects_at_all():
    assert features(_curves([]), _table([])).shape == (0, len(NAMES))


def test_a_cut_is_a_feature_where_the_track_has_one():
    objects, z = _random(1)
    place = NAMES.index("epoch_cut")
    assert np.all(np.isnan(features(_curves(objects), _table(z))[:, place]))
    cut = _table(z) | {"epoch_cut": np.full(len(z), 8.0)}
    assert np.all(features(_curves(objects), cut)[:, place] == 8)
