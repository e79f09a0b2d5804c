"""Light is split where it is known how: galaxies apart, galaxies alike, nothing at all."""

from __future__ import annotations

import numpy as np
import pytest

from blindsky.baselines.deblending import symmetric
from blindsky.baselines.deblending.leastsquares import weights
from blindsky.baselines.deblending.symmetric import Symmetric

SIGMA = 0.01


@pytest.fixture
def pairs_of(gaussians):
    def observe(galaxies):
        image = np.stack([gaussians(128, g).sum(axis=0) for g in galaxies])[:, None]
        sigma = np.full((len(galaxies), 1), SIGMA, np.float32)
        return {"blend_id": 7 + np.arange(len(galaxies)), "image": image.astype(np.float32), "sigma": sigma}

    return observe


def test_two_galaxies_apart_keep_their_light(pair_task, pairs_of):
    pairs = pairs_of([[(64, 64, 900, 2), (90, 50, 300, 3)], [(64, 64, 500, 3), (40, 64, 1500, 2)]])
    answer = Symmetric(pair_task, np.ones(1), 1).predict(pairs)
    assert np.allclose(answer["flux"], [900, 300, 500, 1500], rtol=0.01)
    assert answer["x"].tolist() == [64, 90, 64, 40] and answer["y"].tolist() == [64, 50, 64, 64]


def test_the_factor_multiplies(pair_task, pairs_of):
    pairs = pairs_of([[(64, 64, 900, 2), (90, 50, 300, 3)]] * 2)
    one, two = (Symmetric(pair_task, np.array([f]), 1).predict(pairs)["flux"] for f in (1.0, 1.25))
    assert np.allclose(two, 1.25 * one)


def test_equal_galaxies_share_equally(gaussians):
    light = gaussians(128, [(60, 64, 500, 3), (68, 64, 500, 3)]).sum(axis=0).astype(np.float32)
    shapes = symmetric.templates(light / SIGMA, np.array([[60.0, 64.0], [68.0, 64.0]]))
    models = weights(light, shapes)[:, None, None] * shapes
    parts = symmetric.shared(light, models)
    assert parts[0].sum() == pytest.approx(parts[1].sum(), rel=1e-5)
    somewhere = shapes.sum(axis=0) > 0
    assert np.allclose(parts.sum(axis=0)[somewhere], light[somewhere], rtol=1e-5)
    assert not parts[:, ~somewhere].any()


def test_templates_are_not_below_the_floor():
    noise = np.random.default_rng(7).normal(size=(128, 128)).astype(np.float32)
    shapes = symmetric.templates(noise, np.array([[64.0, 64.0]]))
    assert np.all((shapes == 0) | (shapes > symmetric.FLOOR))
    assert (symmetric.templates(noise, np.array([[64.0, 64.0]]), floor=0.0) > 0).mean() > 0.2


def test_masks_are_where_the_model_stands_above_the_noise(pair_task, pairs_of):
    answer = Symmetric(pair_task, np.ones(1), 1).predict(pairs_of([[(64, 64, 900, 2), (90, 50, 300, 3)]] * 2))
    mask = answer["mask"][0].astype(bool)
    # a Gaussian of rms width s, smoothed by 1 pixel, whose weight gives back its height in the least-squares sense
    radius = np.hypot(*(np.indices((128, 128)) - 64))
    assert mask[radius < 7].all() and not mask[radius > 11].any()
    assert answer["mask"].dtype == np.uint8 and set(np.unique(answer["mask"])) == {0, 1}


def test_scenes_are_found_and_their_colours_kept(scene_task, gaussians):
    colours = np.array([[1, 2, 4, 5, 5, 4], [3, 3, 3, 3, 3, 3]]) * 1e4
    alone = gaussians(120, [(40, 50, 1, 2), (75, 70, 1, 2)])
    image = np.einsum("ob,oyx->byx", colours, alone)[None].astype(np.float32)
    sigma = np.full((1, 6), 10, np.float32)
    answer = Symmetric(scene_task, np.ones(6), 1).predict(
        {"blend_id": np.array([1]), "image": image, "sigma": sigma}
    )
    order = np.argsort(answer["x"])
    found = np.stack([answer[f"flux_{band}"] for band in "ugrizy"], axis=1)[order]
    assert np.allclose(found, colours, rtol=0.01)
    assert np.allclose(
        answer["image"][order], colours[:, 2, None, None] * alone, atol=12
    )  # the floor cuts wings off


def test_an_empty_scene_has_no_galaxies(scene_task):
    noise = np.random.default_rng(8).normal(size=(1, 6, 120, 120)).astype(np.float32)
    scene = {"blend_id": np.array([4]), "image": noise, "sigma": np.ones((1, 6), np.float32)}
    answer = Symmetric(scene_task, np.ones(6), 1).predict(scene)
    assert answer["det"].tolist() == [-1] and np.isnan(answer["flux_r"]).all() and not answer["mask"].any()
