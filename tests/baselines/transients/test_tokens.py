"""Tokens against closed forms, padding against a plain loop, batches of like length."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blindsky.baselines.transients.lightcurves import LightCurves

torch = pytest.importorskip("torch")

from blindsky.baselines.transients import tokens  # noqa: E402
from blindsky.baselines.transients.tokens import OBJECT, TOKEN, batch, bucketed, objects, padded  # noqa: E402


def curves_of(*objects):
    """Of lists of (mjd, band, flux, error, detected)."""
    rows = [row for one in objects for row in one]
    mjd, band, flux, error, detected = np.array(rows, dtype=np.float64).reshape(-1, 5).T
    starts = np.cumsum([0, *(len(one) for one in objects)])
    return LightCurves(starts, mjd, band.astype(np.int64), flux, error, detected.astype(bool))


def table_of(photoz, specz, **more):
    n = len(photoz)
    given = {"hostgal_photoz": photoz, "hostgal_specz": specz, **more}
    rest = {"hostgal_photoz_err": [0.04] * n, "mwebv": [0.04] * n, "ddf": [0] * n}
    return {name: np.array(column, dtype=np.float32) for name, column in (rest | given).items()}


CURVES = curves_of(
    [(100, 2, 3.0, 2.0, 0), (110, 2, 100.0, 10.0, 1), (110.01, 3, 100.0, 10.0, 1), (130, 5, -20.0, 10.0, 1)],
    [],
    [(50, 0, 0.0, 1.0, 0)],
)
TABLE = table_of([0.5, 0.2, 0.0], [np.nan, 0.25, 0.0])


def test_the_scale_is_the_largest_sure_flux():
    # S/N 10: 100 * 100 / (100 + 25); without a flux 1
    np.testing.assert_allclose(tokens.scales(CURVES), [80.0, 1.0, 1.0])
    loud = curves_of([(0, 5, 300.0, 600.0, 0), (1, 2, 100.0, 1.0, 1)])  # noise of a shallow band is no scale
    np.testing.assert_allclose(tokens.scales(loud), [100 * 1e4 / (1e4 + 25)])


def test_numbers_of_a_token():
    found = dict(
        zip(TOKEN, tokens.tokens(CURVES, tokens.scales(CURVES), np.array([0.5, 0.2, 0.0])).T, strict=True)
    )
    # the trigger is the detection at 130, more than half an hour after the first
    np.testing.assert_allclose(found["time"], [-0.1, -20 / 300, -19.99 / 300, 0, 0], atol=1e-6)
    np.testing.assert_allclose(found["log_time"], np.arcsinh([-3, -2, -1.999, 0, 0]), atol=1e-6)
    np.testing.assert_allclose(found["flux"], np.arcsinh([3 / 80, 1.25, 1.25, -0.25, 0]), rtol=1e-6)
    np.testing.assert_allclose(found["signal"], np.arcsinh([1.5, 10, 10, -2, 0]), rtol=1e-6)
    np.testing.assert_allclose(found["error"], np.log([1 / 40, 1 / 8, 1 / 8, 1 / 8, 1]), rtol=1e-6)
    r, z = (np.log(tokens.WAVELENGTHS[k] / 5000) for k in (2, 0))
    np.testing.assert_allclose(found["wavelength"][[0, 4]], [r - np.log(1.5), z], rtol=1e-6)
    assert found["detected"].tolist() == [0, 1, 1, 1, 0]


def test_great_fluxes_do_not_blow_up():
    bright = curves_of([(k, 2, 10.0 ** (8 * k), 1e-3, 1) for k in range(3)])
    assert np.abs(tokens.tokens(bright, tokens.scales(bright), np.zeros(1))).max() < 60


def test_numbers_of_an_object():
    found = dict(zip(OBJECT, objects(TABLE, CURVES, np.array([80.0, 1.0, 1.0])).T, strict=True))
    assert found["galactic"].tolist() == [0, 0, 1]
    assert found["has_specz"].tolist() == [0, 1, 0]
    np.testing.assert_allclose(found["specz"], [0, 2 * np.log(1.25), 0], rtol=1e-6)
    np.testing.assert_allclose(found["photoz"], 2 * np.log([1.5, 1.2, 1.0]), rtol=1e-6)
    np.testing.assert_allclose(found["photoz_err"], 0, atol=1e-6)
    distmod = 42.2611  # of z = 0.5 with H0 70 and Om 0.3
    np.testing.assert_allclose(
        found["absolute"][0], (27.5 - 2.5 * np.log10(80) - distmod + 18) / 3, atol=1e-4
    )
    assert found["absolute"][2] == 0
    np.testing.assert_allclose(found["detections"], np.log1p([3, 0, 0]) / 2 - 1, rtol=1e-6)


@given(counts=st.lists(st.integers(0, 5), min_size=1, max_size=8))
@settings(max_examples=25, deadline=None)
def test_padding_puts_zeros_behind_the_end(counts):
    starts = np.cumsum([0, *counts])
    values = np.arange(1.0, 1 + 2 * starts[-1]).reshape(-1, 2)
    found = padded(values, starts)
    assert found.shape == (len(counts), max(1, *counts, 0), 2)
    for k, n in enumerate(counts):
        np.testing.assert_array_equal(found[k, :n], values[starts[k] : starts[k + 1]])
        assert not found[k, n:].any()


def test_an_object_without_observations_has_one_empty_token():
    found = batch(TABLE, CURVES, torch.device("cpu"))
    assert found.length.tolist() == [4, 1, 1]
    assert not found.tokens[1].any()
    assert found.tokens.dtype == found.objects.dtype == torch.float32


@given(n=st.integers(0, 300), size=st.integers(1, 40))
@settings(max_examples=25, deadline=None)
def test_every_row_is_in_one_batch(n, size):
    order = bucketed(np.arange(n) % 7, size, np.random.default_rng(n))
    assert sorted(order.tolist()) == list(range(n))


def test_batches_have_like_lengths_and_come_in_any_order():
    draw = np.random.default_rng(0)
    lengths = np.where(draw.random(7040) < 0.27, draw.integers(300, 370, 7040), draw.integers(90, 160, 7040))
    by_batch = lengths[bucketed(lengths, 64, np.random.default_rng(1))].reshape(-1, 64)
    assert by_batch.max(axis=1).mean() * 64 * 110 < 1.2 * lengths.sum()
    assert np.corrcoef(by_batch.mean(axis=1), np.arange(110))[0, 1] < 0.3
    other = lengths[bucketed(lengths, 64, np.random.default_rng(2))].reshape(-1, 64)
    assert not np.array_equal(by_batch, other)
