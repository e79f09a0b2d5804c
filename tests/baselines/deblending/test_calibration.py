"""A method whose losses are known gets back just those, told or found, clean or not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from blindsky.baselines.baseline import Settings
from blindsky.baselines.deblending.calibration import factors

LOSS = np.array([0.5, 0.8, 0.9, 1.0, 1.25, 2.0])


@pytest.fixture
def scenes(write_release, ground):
    draw = np.random.default_rng(14)
    counts = draw.integers(1, 4, 30)
    owner = np.repeat(np.arange(1, 31), counts)
    m = len(owner)
    x = np.concatenate([20.0 + 30 * np.arange(c) for c in counts])
    truth = {
        "blend_id": owner,
        "obj": np.concatenate([np.arange(c) for c in counts]).astype(np.int16),
        "x": x,
        "y": draw.uniform(10, 100, m),
        "scored": np.ones(m, bool),
        "blendedness": np.where(np.arange(m) % 3 == 0, 0.5, 0.0),
        **{f"flux_{band}": draw.uniform(10, 1000, m) for band in "ugrizy"},
    }
    train = {"blend_id": np.arange(1, 31), "image": np.zeros((30, 6, 4, 4), np.float32)}
    return write_release({"train": train, "train_objects": truth}, ground), truth


def _measured(truth, blended):
    """A method that measures true flux times LOSS, of galaxies that others cover ``blended`` times that."""

    def found(blend, told):
        mine = np.flatnonzero(truth["blend_id"] == blend["blend_id"])[
            ::-1
        ]  # detections come in their own order
        if told:
            mine = mine[::-1]
            assert truth["obj"][mine].tolist() == told["obj"].tolist()
        flux = np.stack([truth[f"flux_{band}"][mine] for band in "ugrizy"], axis=1) * LOSS
        flux[truth["blendedness"][mine] > 0] *= blended
        return {"flux": flux, "x": truth["x"][mine] + 1.0, "y": truth["y"][mine]}

    return found


def test_detections_are_matched_and_those_that_others_cover_left_out(scenes, scene_task):
    public, truth = scenes
    found = factors(public, scene_task, _measured(truth, 7.0), Settings(), "test", clean=True)
    assert np.allclose(found, 1 / LOSS)


def test_galaxies_that_are_told_need_no_place(scenes, scene_task, pair_task):
    public, truth = scenes
    told = replace(scene_task, listed=pair_task.listed)
    found = factors(public, told, _measured(truth, 1.0), Settings(), "test", clean=False)
    assert np.allclose(found, 1 / LOSS)


def test_nothing_measured_is_a_factor_of_one(scenes, scene_task):
    public, _ = scenes

    def blind(blend, told):
        return {"flux": np.zeros((0, 6)), "x": np.zeros(0), "y": np.zeros(0)}

    assert factors(public, scene_task, blind, Settings(), "test", clean=True).tolist() == [1.0] * 6
