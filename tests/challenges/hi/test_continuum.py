"""Continuum sources against published counts, their images against closed forms, residuals against their formula."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from blindsky.challenges.hi import continuum
from blindsky.challenges.hi.continuum import (
    Residual,
    components,
    counts,
    frequencies,
    map_rms,
    maps,
    planes,
    sky,
)
from blindsky.challenges.hi.field import BEAM_AREA, BEAM_SIGMA, CHANNEL, DEV, FIRST, PIXEL, TINY
from blindsky.challenges.randomness import Streams
from blindsky.scoring.measurements import Table

STREAMS = Streams(bytes(range(32)), "test/hi/survey/tiny/test")
PATCH = replace(TINY, nx=81, ny=61)


def source(**changes: float) -> Table:
    row = {"x": 40.3, "y": 30.6, "flux": 0.05, "alpha": -0.7, "major": 0.0, "minor": 0.0, "pa": 0.0} | changes
    return {name: np.array([value]) for name, value in row.items()}


@pytest.mark.parametrize(
    ("flux", "number"), [(0.05, 2089.5), (0.1, 981.2), (1, 88.49), (10, 16.60), (100, 1.946)]
)
def test_counts_are_those_of_hopkins(flux: float, number: float) -> None:
    known, above = counts()
    assert np.interp(math.log(flux), np.log(known), above) == pytest.approx(number, rel=3e-4)


def test_components_follow_the_counts_and_their_sizes() -> None:
    field = replace(DEV, density=40)
    found = components(field, STREAMS)
    for limit in (0.05, 1, 10):
        mean = field.area * 40 * np.interp(limit, *counts())
        assert abs((found["flux"] * 1e3 > limit).sum() - mean) < 4 * math.sqrt(mean)
    resolved = found["flux"] >= 1e-3
    assert not found["major"][~resolved].any()
    assert not found["minor"][~resolved].any()
    major, ratio = found["major"][resolved], found["minor"][resolved] / found["major"][resolved]
    assert major.max() <= 30
    assert np.median(np.log10(major)) == pytest.approx(0.3, abs=5 * 0.3 * 1.25 / math.sqrt(len(major)))
    assert (ratio.min() >= 0.3) & (ratio.max() <= 1)
    assert found["alpha"].mean() == pytest.approx(-0.7, abs=5 * 0.2 / math.sqrt(len(found["alpha"])))
    assert found["alpha"].std() == pytest.approx(0.2, rel=0.02)
    for name, side in (("x", field.nx), ("y", field.ny)):
        assert found[name].min() >= -0.5
        assert found[name].max() < side - 0.5


@pytest.mark.parametrize(
    "size", [{}, {"major": 20.0, "minor": 7.0, "pa": 30.0}, {"major": 30.0, "minor": 9.0}]
)
def test_image_of_a_source_keeps_its_flux_and_spectrum(size: dict[str, float]) -> None:
    for frequency in (950e6, 1150e6):
        image = sky(PATCH, source(**size), frequency).astype(np.float64)
        assert image.sum() / BEAM_AREA == pytest.approx(0.05 * (frequency / 1.4e9) ** -0.7, rel=1e-5)


def test_image_of_a_source_has_its_moments_and_angle() -> None:
    image = sky(PATCH, source(major=20.0, minor=7.0, pa=30.0), 1e9).astype(np.float64)
    y, x = np.mgrid[: PATCH.ny, : PATCH.nx]
    weight = image / image.sum()
    assert ((weight * x).sum(), (weight * y).sum()) == pytest.approx((40.3, 30.6), abs=1e-4)
    turn = np.radians(30)
    along = -(x - 40.3) * np.sin(turn) + (y - 30.6) * np.cos(turn)  # East is towards smaller x
    across = (x - 40.3) * np.cos(turn) + (y - 30.6) * np.sin(turn)
    for offset, fwhm in ((along, 20.0), (across, 7.0)):
        wanted = math.hypot(fwhm, 7) / PIXEL / math.sqrt(8 * math.log(2))
        assert math.sqrt((weight * offset**2).sum()) == pytest.approx(wanted, rel=1e-4)
    assert (weight * along * across).sum() == pytest.approx(0, abs=1e-4)


def test_a_point_is_the_beam_and_an_edge_cuts_it() -> None:
    image = sky(PATCH, source(x=0.0, y=30.0), 1.4e9)
    assert image[30, 0] == pytest.approx(0.05, rel=1e-6)
    assert image[30, 2] == pytest.approx(0.05 * math.exp(-2 / BEAM_SIGMA**2), rel=1e-6)
    assert image[31, 80] == 0


def test_maps_are_the_sky_with_correlated_noise() -> None:
    field = replace(DEV, nx=300, ny=280, density=0)
    found = maps(field, components(field, STREAMS), STREAMS)
    assert (found.shape, found.dtype) == ((21, 280, 300), np.float32)
    np.testing.assert_allclose(found.std(axis=(1, 2)) / map_rms(field), 1, atol=0.03)
    assert map_rms(field)[0] == pytest.approx(13.6e-6 * math.sqrt(0.0115), rel=1e-12)
    unit = found / map_rms(field)[:, None, None]
    assert (unit[:, :, 1:] * unit[:, :, :-1]).mean() == pytest.approx(0.632, abs=0.01)
    assert abs(np.corrcoef(found.reshape(21, -1))[np.triu_indices(21, 1)]).max() < 0.03
    bright = source(x=100.0, y=90.0)
    np.testing.assert_allclose(
        maps(field, bright, STREAMS) - found, [sky(field, bright, f) for f in frequencies()], atol=1e-8
    )
    assert next(planes(field, bright, STREAMS)).tobytes() == maps(field, bright, STREAMS)[0].tobytes()


def _gain(j: int, shape: tuple[int, int]) -> np.ndarray:
    return STREAMS(f"gain/{j}").standard_normal(shape, dtype=np.float32).astype(np.float64)


@pytest.mark.parametrize("k", [0, 333, 1000, 3400, 6667])
def test_residual_is_that_of_the_formula(k: int) -> None:
    field = replace(DEV, nx=400, ny=200)
    known = source(x=250.3, y=99.8, major=12.0, minor=8.0)
    place = min((FIRST + CHANNEL * k - 950e6) / 10e6, 20)
    low = min(int(place), 19)
    part = place - low
    light = (1 - part) * sky(field, known, frequencies()[low]) + part * sky(
        field, known, frequencies()[low + 1]
    )
    shape = (int(199 * 2.8 / 512.2) + 2, int(399 * 2.8 / 512.2) + 2)
    knots = (1 - part) * _gain(low, shape) + part * _gain(low + 1, shape)
    y, x = np.arange(200) * 2.8 / 512.2, np.arange(400) * 2.8 / 512.2
    rows = np.stack([np.interp(x, np.arange(shape[1]), row) for row in knots])
    noise = np.stack([np.interp(y, np.arange(shape[0]), column) for column in rows.T], axis=1)
    found = Residual(field, known, STREAMS).plane(k)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, -1e-3 * noise * light, atol=1e-6 * 0.05 * 1e-3 + 1e-12, rtol=2e-5)


def test_residual_does_not_depend_on_what_was_asked_before() -> None:
    known = components(TINY, STREAMS)
    walked = Residual(TINY, known, STREAMS)
    for k in (0, 200, 5000, 400, 3100):
        assert walked.plane(k).tobytes() == Residual(TINY, known, STREAMS).plane(k).tobytes()
    assert len(walked._kept) == 2


def test_residual_is_smooth_in_frequency_and_of_the_stated_size() -> None:
    field = replace(DEV, nx=200, ny=200)
    spectrum = []
    for seed in range(60):
        residual = Residual(
            field, source(x=100.0, y=100.0, flux=0.05 * (1.05 / 1.4) ** 0.7), Streams(bytes(32), str(seed))
        )
        spectrum.append([residual.plane(k)[100, 100] for k in (3334, 3350)])
    values = 1e6 * np.array(spectrum)
    # 50 uJy times unit noise on the knots, of which a place between them holds less
    assert 10 < values[:, 0].std() < 50
    assert abs(values[:, 0] - values[:, 1]).max() < 15


def test_only_two_maps_are_kept_over_the_band(monkeypatch: pytest.MonkeyPatch) -> None:
    painted: list[float] = []

    def spy(*arguments: object) -> np.ndarray:
        painted.append(float(arguments[2]))  # type: ignore[arg-type]
        return np.zeros((192, 192), np.float32)

    monkeypatch.setattr(continuum, "sky", spy)
    residual = Residual(TINY, source(), STREAMS)
    for k in range(0, 6668, 29):
        residual.plane(k)
    assert painted == frequencies().tolist()
