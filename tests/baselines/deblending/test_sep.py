"""SExtractor's recipes on Gaussians: what stands above a threshold is known in closed form."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sep")

from blindsky.baselines.deblending import sep_coin, sep_scene

RMS = 0.01


@pytest.fixture
def seen(gaussians):
    def observe(galaxies):
        noise = np.random.default_rng(11).normal(size=(128, 128))
        return (gaussians(128, galaxies).sum(axis=0) + RMS * noise).astype(np.float32)

    return observe


def test_isophotal_fluxes_of_a_pair_apart(seen):
    """A Gaussian holds 1 - t/peak of its light above t."""
    galaxies = [(64, 64, 300, 3.0), (95, 40, 100, 2.0)]
    found = sep_coin.extract(seen(galaxies))
    assert found.number == 2
    for flux, (_, _, total, width) in zip(found.flux, galaxies, strict=True):
        peak = total / (2 * np.pi * width**2)
        above = 1 - sep_coin.COLD["thresh"] * RMS / peak
        assert flux == pytest.approx(above * total, rel=0.01)
    assert not (found.mask[0] & found.mask[1]).any()
    r = np.hypot(*(np.indices((128, 128)) - 64))
    assert found.mask[0][r < 6].all() and not found.mask[0][r > 14].any()
    assert found.mask[1][40, 95] == 1


def test_the_companion_is_the_brightest_of_the_others(seen):
    found = sep_coin.extract(seen([(64, 64, 80, 2.5), (20, 20, 100, 2.5), (100, 100, 400, 2.5)]))
    assert found.number == 3
    assert found.mask[0][64, 64] == 1 and found.mask[1][100, 100] == 1
    assert found.flux[1] > 3 * found.flux[0]


@pytest.mark.parametrize(("x", "slot"), [(64, 0), (66, 0), (69, 1)])
def test_a_galaxy_alone_is_the_central_one_near_the_centre(x, slot, seen):
    found = sep_coin.extract(seen([(x, 64, 200, 2.5)]))
    assert found.number == 1
    assert found.flux[slot] > 0 and found.flux[1 - slot] == 0
    assert found.mask[slot].any() and not found.mask[1 - slot].any()


def test_hot_where_cold_saw_one(seen, monkeypatch):
    """The lower contrast tells a faint neighbour apart that the higher one leaves to the bright galaxy."""
    close = seen([(64, 64, 1000, 3.0), (75, 64, 30, 1.5)])
    assert sep_coin.extract(close).number == 2
    monkeypatch.setattr(sep_coin, "HOT", sep_coin.COLD)
    assert sep_coin.extract(close).number == 1


def test_nothing_is_seen_in_noise(pair_task, seen):
    blank = seen([(64, 64, 0, 1.0)])
    assert sep_coin.extract(blank).number == 0
    pairs = {"blend_id": np.array([7, 8]), "image": np.stack([blank, blank])[:, None]}
    answer = sep_coin.SepCoin(pair_task, 1.2, 1).predict(pairs)
    assert answer["flux"].tolist() == [0, 0, 0, 0] and not answer["mask"].any()


def test_a_scene_in_the_segments_of_one_band(scene_task, gaussians):
    colours = np.array([[5, 9, 20, 30, 40, 50], [50, 40, 30, 20, 10, 0]]) * 50.0
    alone = gaussians(120, [(40, 50, 1, 2), (75, 70, 1, 2)])
    noise = np.random.default_rng(12).normal(size=(6, 120, 120))
    image = (np.einsum("ob,oyx->byx", colours, alone) + noise)[None].astype(np.float32)
    scene = {"blend_id": np.array([1]), "image": image, "sigma": np.ones((1, 6), np.float32)}
    factor = np.arange(1.0, 7.0)
    answer = sep_scene.SepScene(scene_task, factor, 1).predict(scene)
    assert answer["det"].tolist() == [0, 1] and np.all(np.diff(answer["flux_r"]) < 0)
    assert np.allclose(answer["x"], [75, 40], atol=0.3) and np.allclose(answer["y"], [70, 50], atol=0.3)
    inside = np.einsum("oyx,byx->ob", answer["mask"].astype(float), image[0].astype(float))
    found = np.stack([answer[f"flux_{band}"] for band in "ugrizy"], axis=1)
    assert np.allclose(found, np.maximum(inside, 0) * factor, rtol=1e-5)
    assert np.allclose((found / factor)[:, 2], colours[::-1, 2], rtol=0.15)


def test_an_empty_scene_has_no_galaxies(scene_task):
    noise = np.random.default_rng(13).normal(size=(1, 6, 120, 120)).astype(np.float32)
    scene = {"blend_id": np.array([1]), "image": noise, "sigma": np.ones((1, 6), np.float32)}
    answer = sep_scene.SepScene(scene_task, np.ones(6), 1).predict(scene)
    assert answer["det"].tolist() == [-1] and np.isnan(answer["x"]).all() and not answer["mask"].any()
