"""Components: what touches, what is tall and large enough, who owns it, and where two sources part."""

from __future__ import annotations

import numpy as np

from blindsky.baselines.hi.linking import Clip, components
from blindsky.baselines.hi.regions import Region

CLIP = Clip(floor=4.0, peak=6.0, voxels=12)


def blob(score, centre, height, width=2.0):
    """Adds a round hill."""
    apart = sum(((axis - c) / width) ** 2 for axis, c in zip(np.indices(score.shape), centre, strict=True))
    score += (height * np.exp(-0.5 * apart)).astype(np.float32)


def test_height_and_size_decide(whole):
    score = np.zeros((20, 30, 40), np.float32)
    blob(score, (8, 8, 8), 10)
    blob(score, (8, 20, 20), 5.5)  # too low
    score[15, 25, 30] = 50  # too small
    (found,) = components(score, whole(score), CLIP)
    assert abs(found.peak - 10) < 1e-5
    full = np.zeros(score.shape, bool)
    full[found.box] = found.mask
    near = np.linalg.norm(np.indices(score.shape) - np.array([8, 8, 8])[:, None, None, None], axis=0) < 6
    assert (full == ((score > 4) & near)).all()
    assert found.voxels == full.sum()


def test_corners_touch(whole):
    score = np.zeros((12, 12, 12), np.float32)
    score[1:4, 1:4, 1:4] = score[4:7, 4:7, 4:7] = 7
    score[9:, 9:, 9:] = 7  # a gap of two voxels
    sizes = sorted(found.voxels for found in components(score, whole(score), CLIP))
    assert sizes == [27, 54]


def test_two_hills_part_and_share_the_voxels(whole):
    score = np.zeros((24, 24, 40), np.float32)
    blob(score, (12, 12, 14), 12, 3)
    blob(score, (12, 12, 24), 9, 3)
    assert score[12, 12, 19] > 4  # one component at the floor
    found = sorted(components(score, whole(score), CLIP), key=lambda one: -one.peak)
    assert len(found) == 2
    masks = np.zeros((2, *score.shape), bool)
    for mask, one in zip(masks, found, strict=True):
        mask[one.box] = one.mask
    assert not (masks[0] & masks[1]).any()
    assert (masks.any(axis=0) == (score > 4)).all()
    assert masks[0, 12, 12, 14] and masks[1, 12, 12, 24]
    centres = [np.average(np.arange(40), weights=mask.sum(axis=(0, 1))) for mask in masks]
    np.testing.assert_allclose(centres, [14, 24], atol=1)


def test_a_ripple_is_no_source_of_its_own(whole):
    score = np.zeros((24, 24, 40), np.float32)
    blob(score, (12, 12, 14), 12, 3)
    blob(score, (12, 12, 19), 9, 3)
    (found,) = components(score, whole(score), CLIP)
    assert found.voxels == (score > 4).sum()


def test_the_region_with_the_top_owns_a_source():
    score = np.zeros((20, 20, 30), np.float32)
    blob(score, (10, 10, 15), 10, 3)
    outer = ((0, 20), (0, 20), (0, 30))
    left, right = (Region(((0, 20), (0, 20), span), outer) for span in ((0, 15), (15, 30)))
    assert not list(components(score, left, CLIP))
    assert len(list(components(score, right, CLIP))) == 1


def test_nothing_in_an_empty_box(whole):
    score = np.zeros((5, 5, 5), np.float32)
    assert not list(components(score, whole(score), CLIP))
