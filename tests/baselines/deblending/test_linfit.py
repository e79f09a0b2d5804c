"""Templates against closed forms, fits of what templates made, and scenes without galaxies."""

from __future__ import annotations

import numpy as np
import pytest

from blindsky.baselines.deblending import linfit
from blindsky.baselines.deblending.linfit import LinearFit

SIZES = np.array([2.0, 4.0, 8.0])
ROUND, FLAT, FLATTENING = 0, 1, 0.4  # of AXES


def _templates(size, x, y, angle, fwhm, beta):
    grid = linfit.frame(size)
    return linfit.drawn(
        linfit.profiles(angle, SIZES, grid) * linfit.point(fwhm, beta, grid), x, y, size, grid
    ).reshape(len(linfit.AXES), len(SIZES), len(linfit.INDICES), size, size)


def test_a_disc_is_an_exponential_disc_whose_axis_points_where_it_should():
    angle = 0.6
    disc = _templates(128, 64.0, 60.0, angle, 0.5, 3.0)[FLAT, 2, 0]
    scale = SIZES[2] / 1.678346990  # R_e of an exponential
    y, x = np.indices((128, 128)) - np.array([60.0, 64.0])[:, None, None]
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    r = np.hypot(along * np.sqrt(FLATTENING), across / np.sqrt(FLATTENING))
    expected = np.exp(-r / scale) / (2 * np.pi * scale**2)
    rim = (r > 6) & (r < 25)
    ratio = disc[rim] / expected[rim]  # pixel by pixel frequencies are cut off
    assert np.allclose(ratio, 1, atol=0.05) and ratio.mean() == pytest.approx(1, abs=0.01)


def test_half_of_the_light_lies_within_the_half_light_radius():
    found = _templates(128, 64.0, 64.0, 0.0, 0.3, 3.0)
    r = np.hypot(*(np.indices((128, 128)) - 64))
    for size, (disc, bulge) in zip(SIZES, found[ROUND], strict=True):
        inner = r <= size
        area = inner.sum() / (np.pi * size**2)  # pixels are coarse
        assert disc.sum() == pytest.approx(1, abs=0.01)
        assert disc[inner].sum() == pytest.approx(0.5 * area, abs=0.05)
        assert bulge[inner].sum() == pytest.approx(0.5 * area, abs=0.05)


def test_the_psf_is_a_moffat_profile():
    grid = linfit.frame(64)
    found = linfit.drawn(linfit.point(6.0, 3.0, grid), 32.0, 32.0, 64, grid)
    r2 = ((np.indices((64, 64)) - 32) ** 2).sum(axis=0)
    alpha2 = 9.0 / (2 ** (1 / 3) - 1)
    expected = 2 / (np.pi * alpha2) * (1 + r2 / alpha2) ** -3.0
    assert np.allclose(found, expected, atol=0.02 * expected.max())
    assert found.max() == found[32, 32]


def test_an_orientation_is_that_of_the_light():
    y, x = np.indices((81, 81)) - 40.0
    for angle in (-1.2, 0.0, 0.5, 1.4):
        along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
        light = np.exp(-0.5 * ((along / 6) ** 2 + (across / 3) ** 2))
        assert linfit.orientation(light, 40.0, 40.0) == pytest.approx(angle, abs=1e-3)


def test_its_own_templates_come_back(space):
    where, angles = np.array([[64.0, 64.0], [75.0, 58.0]]), np.array([0.3, -0.8])
    made = [_templates(128, *place, angle, 3.0, 3.0) for place, angle in zip(where, angles, strict=True)]
    light = np.stack([30 * made[0][FLAT, 1, 0] + 20 * made[0][ROUND, 0, 1], 80 * made[1][FLAT, 2, 0]])
    image = light.sum(axis=0)[None]
    found = linfit.fit(image, where, angles, np.array([3.0]), SIZES, space)
    assert np.allclose(found.flux[:, 0], [50, 80], rtol=0.005)
    assert np.allclose(found.model, light, atol=0.005 * image.max())


def test_a_form_is_kept_from_band_to_band_and_each_has_its_psf(ground):
    fwhm = np.array([4.5, 4.3, 4.05, 3.95, 3.85, 3.8])
    colours = np.array([[5, 10, 20, 30, 40, 50], [60, 50, 40, 30, 20, 0]]) * 100.0
    places = [(50.0, 50.0, 0.3), (64.5, 57.25, 1.0)]
    image = np.zeros((6, 120, 120), np.float32)
    for band, width in enumerate(fwhm):
        for colour, place in zip(colours, places, strict=True):
            image[band] += np.float32(colour[band]) * _templates(120, *place, width, 3.5)[FLAT, 1, 0]
    where, angles = np.array([p[:2] for p in places]), np.array([p[2] for p in places])
    found = linfit.fit(image, where, angles, fwhm, SIZES, ground)
    assert np.allclose(found.flux, colours, rtol=0.01, atol=5)


def test_two_galaxies_apart_keep_their_light(pair_task):
    """Gaussians are no Sersic profiles, but a point through a wide PSF nearly is one."""
    rng = np.random.default_rng(9)
    grid = linfit.frame(128)
    psf = linfit.point(4.0, 3.0, grid)
    image = 300 * linfit.drawn(psf, 64.0, 64.0, 128, grid) + 200 * linfit.drawn(psf, 90.0, 40.0, 128, grid)
    pairs = {
        "blend_id": np.array([7, 8]),
        "image": np.stack([image, image])[:, None]
        + 0.01 * rng.normal(size=(2, 1, 128, 128)).astype(np.float32),
        "sigma": np.full((2, 1), 0.01, np.float32),
        "psf_fwhm": np.full((2, 1), 0.24, np.float32),
    }
    answer = LinearFit(pair_task, np.array([0.05, 1.0, 4.0]), 1).predict(pairs)
    assert np.allclose(answer["flux"], [300, 200, 300, 200], rtol=0.01)
    r = np.hypot(*(np.indices((128, 128)) - 64))
    mask = answer["mask"][0].astype(bool)
    assert mask[r < 8].all() and not mask[r > 30].any()


def test_a_faint_galaxy_on_nothing_and_an_empty_scene(scene_task, gaussians):
    rng = np.random.default_rng(10)
    noise = rng.normal(size=(2, 6, 120, 120))
    noise[1] += 1000 * gaussians(120, [(60, 60, 1, 2)])[0]
    scenes = {
        "blend_id": np.array([4, 5]),
        "image": noise.astype(np.float32),
        "sigma": np.ones((2, 6), np.float32),
        "psf_fwhm": np.full((2, 6), 0.8, np.float32),
    }
    answer = LinearFit(scene_task, SIZES / 4, 1).predict(scenes)
    assert answer["det"].tolist() == [-1, 0]
    assert np.isnan(answer["flux_r"][0]) and answer["flux_r"][1] == pytest.approx(1000, rel=0.15)
    assert not answer["image"][0].any() and answer["image"].dtype == np.float32


def test_sizes_are_those_of_the_training_set(write_release, monkeypatch, pair_task):
    radius = np.geomspace(0.06, 6, 201)
    public = write_release({"train_objects": {"r_half": radius}})
    monkeypatch.setattr(linfit, "task", lambda public: pair_task)
    sizes = linfit.train(public, linfit.Settings()).sizes
    assert len(sizes) == linfit.SIZES
    assert np.allclose(sizes[[0, -1]], [10**0.04, 10**1.96], rtol=1e-3)
    assert np.allclose(np.diff(np.log(sizes), 2), 0, atol=1e-9)
