"""Constants are medians, halves are halves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from blindsky.baselines.baseline import Settings
from blindsky.baselines.deblending import constant, half


def _test_blends(bands, size):
    image = np.random.default_rng(15).normal(1, 0.1, (2, bands, size, size)).astype(np.float32)
    return {"blend_id": np.array([7, 8]), "image": image}


def test_the_constant_of_pairs_is_a_share_of_the_median(write_release, monkeypatch, pair_task):
    flux = np.array([3.0, 100.0, 5.0, 7.0])
    public = write_release({"train_objects": {"obj": np.array([0, 1, 0, 1]), "flux_f160w": flux}})
    monkeypatch.setattr(constant, "task", lambda public: pair_task)
    answer = constant.train(public, Settings()).predict(_test_blends(1, 8))
    assert np.allclose(answer["flux"], 0.55 * 6) and len(answer["flux"]) == 4


def test_the_constant_of_scenes(write_release, monkeypatch, scene_task, ground, told):
    obj = np.array([0, 1, 2, 0, 1, 0])
    fluxes = {f"flux_{band}": k + np.array([10.0, 4, 1, 30, 2, 20]) for k, band in enumerate("ugrizy")}
    public = write_release({"train_objects": {"obj": obj, **fluxes}}, ground)
    monkeypatch.setattr(constant, "task", lambda public: scene_task)
    answer = constant.train(public, Settings()).predict(_test_blends(6, 120))
    assert answer["det"].tolist() == [0, 0] and answer["x"].tolist() == [60, 60]
    assert answer["flux_r"].tolist() == [22, 22]  # of the brightest of each blend
    listed = told({"blend_id": np.array([7, 8, 8]), "obj": np.array([0, 0, 1])}, placed=True)
    monkeypatch.setattr(constant, "task", lambda public: replace(scene_task, item="obj", listed=listed))
    answer = constant.train(public, Settings()).predict(_test_blends(6, 120))
    assert answer["flux_r"].tolist() == [9, 9, 9]  # of all


def test_shares_are_equal_and_add_up(pair_task, scene_task, told):
    pairs = _test_blends(1, 16)
    answer = half.Half(pair_task).predict(pairs)
    assert np.allclose(
        answer["flux"].reshape(2, 2).sum(axis=1), pairs["image"].sum(axis=(1, 2, 3)), rtol=1e-5
    )
    assert answer["flux"][0] == answer["flux"][1]
    listed = told({"blend_id": np.array([7, 8, 8, 8]), "obj": np.array([0, 0, 1, 2])}, placed=True)
    scenes = _test_blends(6, 16)
    scenes["image"][:, 5] *= -1  # no light, no flux
    answer = half.Half(replace(scene_task, item="obj", listed=listed)).predict(scenes)
    assert np.allclose(answer["flux_g"][1:], scenes["image"][1, 1].sum() / 3, rtol=1e-5)
    assert answer["flux_y"].tolist() == [0, 0, 0, 0]
