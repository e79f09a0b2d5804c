"""Listed galaxies are found in any order, answers have the rows that are asked, smoothing is a convolution."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from blindsky.baselines.deblending import blends


def test_smoothing_is_a_convolution():
    light = np.random.default_rng(1).normal(size=(60, 60)).astype(np.float32)
    expected = gaussian_filter(light.astype(np.float64), 1.2, mode="constant", truncate=4.0, radius=4)
    assert np.allclose(blends.smooth(light, 1.2), expected, atol=1e-5)


def test_a_camera_says_its_psf_and_masks_or_the_usual_ones_hold(write_release, ground):
    public = write_release({}, ground)
    assert blends.camera(public) == blends.Camera(tuple("ugrizy"), 2, 0.2, 3.0, 3.0)
    told = public.json("cameras")
    told["cameras"][0] |= {"psf": {"beta": 3.5}, "mask_sigma": 2}
    (public.root / "cameras.json").write_text(str(told).replace("'", '"'))
    assert blends.camera(public) == blends.Camera(tuple("ugrizy"), 2, 0.2, 3.5, 2.0)


def test_listed_galaxies_of_any_blends_in_any_order(write_release):
    owner = np.repeat(np.arange(10, 30), np.arange(20) % 4)
    table = {"blend_id": owner, "obj": np.arange(len(owner)) % 3, "x": np.arange(len(owner)) / 2}
    listed = blends.Listed(write_release({"test_objects": table}))
    assert not listed.placed
    ids = np.array([29, 11, 10, 999, 22])
    found = listed.of(ids)
    assert found.counts.tolist() == [3, 1, 0, 0, 0]
    expected = np.concatenate([np.flatnonzero(owner == i) for i in ids])
    assert np.array_equal(found.columns["x"], table["x"][expected])
    assert listed.of(np.array([5])).counts.tolist() == [0]


def _blends(n, bands, size):
    return {"blend_id": np.arange(7, 7 + n), "image": np.zeros((n, bands, size, size), np.float32)}


def test_listed_galaxies_have_a_row_each_in_their_order(pair_task):
    def found(blend, told):
        assert told["obj"].tolist() == [0, 1]
        at = float(blend["blend_id"])
        return {"flux": np.array([[at], [at + 0.5]]), "image": np.ones((2, 8, 8))}

    answer = blends.answer(pair_task, _blends(2, 1, 8), found)
    assert list(answer) == ["blend_id", "obj", "flux"]  # an image is not asked for
    assert answer["blend_id"].tolist() == [7, 7, 8, 8] and answer["obj"].tolist() == [0, 1, 0, 1]
    assert answer["flux"].tolist() == [7, 7.5, 8, 8.5]


def test_a_blend_without_detections_says_so(scene_task):
    def found(blend, told):
        assert told == {}
        flux = np.zeros((3, 6))
        if blend["blend_id"] == 8:
            flux[[0, 2], 2] = 5.0, 3.0  # the second has no light in the reference band
        return blends.nothing(blend["image"]) | {
            "x": np.arange(3.0),
            "y": np.arange(3.0),
            "flux": flux,
            "mask": np.ones((3, 8, 8), np.uint8),
            "image": np.ones((3, 8, 8), np.float32),
        }

    answer = blends.answer(scene_task, _blends(3, 6, 8), found)
    assert answer["blend_id"].tolist() == [7, 8, 8, 9] and answer["det"].tolist() == [-1, 0, 1, -1]
    assert answer["x"][1:3].tolist() == [0, 2] and np.isnan(answer["x"][[0, 3]]).all()
    assert answer["flux_r"][1:3].tolist() == [5, 3] and np.isnan(answer["flux_u"][[0, 3]]).all()
    assert not answer["mask"][[0, 3]].any() and answer["mask"][1:3].all()
    assert not answer["image"][[0, 3]].any() and answer["mask"].dtype == np.uint8


def test_threads_change_nothing(scene_task):
    def found(blend, told):
        one = np.array([float(blend["blend_id"])])
        return {"flux": np.tile(one[:, None], (1, 6)), "x": one, "y": one}

    alone, together = (blends.answer(scene_task, _blends(9, 6, 4), found, workers) for workers in (1, 3))
    assert all(np.array_equal(alone[name], together[name]) for name in alone)
