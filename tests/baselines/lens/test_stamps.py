"""Stamps in units of the noise, smoothed around bad pixels, described in chunks."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from blindsky.baselines.baseline import Settings
from blindsky.baselines.lens.stamps import (
    Camera,
    cameras,
    described,
    labels,
    one_band,
    smooth,
    stamps,
    train_described,
)
from blindsky.challenges.errors import InputFault

CAMERA = Camera("image", ("g", "r"), 0)


def public(reference="VIS", bands=(("VIS",), ("Y", "J", "H")), truth=()):
    names = ("image_vis", "image_nisp")
    seen = [{"image": name, "bands": list(b)} for name, b in zip(names, bands, strict=False)]
    return SimpleNamespace(
        release_id="made-up",
        json=lambda name: {"cameras": seen, "reference": reference},
        table=lambda name, columns: {"label": np.array(truth)},
    )


def noise(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def test_cameras_know_where_their_sigma_lies():
    assert cameras(public()) == (Camera("image_vis", ("VIS",), 0), Camera("image_nisp", ("Y", "J", "H"), 1))


def test_a_band_is_found_or_the_reference_stands_in():
    ground = public("r", (("u", "g", "r", "i"),))
    assert one_band(ground, "g")[1] == 1
    assert one_band(ground, "z")[1] == 2
    assert one_band(public(), "g") == (Camera("image_vis", ("VIS",), 0), 0)
    with pytest.raises(InputFault, match="reference band"):
        one_band(public("x"))


def test_units_and_bad_pixels():
    image = np.full((3, 2, 5, 5), 6.0, np.float32)
    sigma = np.array([[1, 2], [3, 1], [2, 6]], np.float32)
    mask = np.zeros(image.shape, np.uint8)
    mask[1, 0, 2, 3] = 1
    image[1, 0, 2, 3] = np.nan
    values, good = stamps({"image": image, "sigma": sigma, "mask": mask}, CAMERA)
    assert values.dtype == np.float32
    assert values[:, :, 0, 0].tolist() == [[6, 3], [2, 6], [3, 1]]
    assert values[1, 0, 2, 3] == 0
    assert np.array_equal(good, mask == 0)
    second, known = stamps({"image": image, "sigma": sigma}, CAMERA, 1)
    assert np.array_equal(second, values[:, 1:]) and known.all()


@pytest.mark.parametrize(("size", "kept"), [(66, 66), (101, 101), (103, 101), (200, 100)])
def test_large_stamps_are_cut_to_their_middle(size, kept):
    along = np.arange(size) - (size - 1) / 2
    image = (along[:, None] + 1000 * along).astype(np.float32)[None, None]
    sigma = np.ones((1, 1), np.float32)
    values, _ = stamps({"image": image, "sigma": sigma}, Camera("image", ("VIS",), 0))
    half = (kept - 1) / 2
    assert values.shape == (1, 1, kept, kept)
    assert values[0, 0, 0, 0] == -1001 * half
    assert values[0, 0, -1, 0] == half - 1000 * half


@pytest.mark.parametrize("width", [0.7, 1.0, 4.0])
def test_smoothing_is_a_gaussian_filter_away_from_the_edges(width):
    values = noise((2, 60, 60))
    mean, enough = smooth(values, np.ones(values.shape, bool), width)
    expected = gaussian_filter(values.astype(np.float64), (0, width, width), truncate=4.0)
    inner = np.s_[:, 17:-17, 17:-17]
    assert np.allclose(mean[inner], expected[inner], atol=2e-4)  # the filter's kernel ends at whole pixels
    assert enough.all()


def test_a_flat_image_stays_flat_beside_edges_and_bad_pixels():
    good = np.random.default_rng(1).random((3, 40, 40)) > 0.2
    good[1] = True
    mean, enough = smooth(np.where(good, np.float32(5), np.float32(0)), good, 1.5)
    assert np.allclose(mean[enough], 5, rtol=1e-5)
    assert enough[1].all() and enough.mean() > 0.9


def test_where_little_is_known_nothing_is_said():
    good = np.ones((1, 40, 40), bool)
    good[0, :, 20:] = False
    mean, enough = smooth(noise(good.shape) * good, good, 2.0)
    assert enough[0, :, :20].all() and not enough[0, :, 20:].any()
    assert (mean[~enough] == 0).all()


def test_chunks_and_threads_change_nothing():
    table = {"id": np.arange(101), "x": noise((101, 7))}

    def describe(rows):
        return np.cumsum(rows["x"], axis=1)

    assert np.array_equal(described(describe, table, 1), describe(table))
    assert np.array_equal(described(describe, table, 3), describe(table))
    none = {name: column[:0] for name, column in table.items()}
    assert described(describe, none, 2).shape == (0, 7)


@pytest.mark.parametrize("value", [0, 1])
def test_labels_of_one_kind_teach_nothing(value):
    assert labels(public(truth=[0, 1, 1])).tolist() == [False, True, True]
    with pytest.raises(InputFault, match="all 3 training stamps"):
        labels(public(truth=[value] * 3))


@pytest.mark.parametrize(("most", "seen"), [(None, 50), (23, 23), (20, 20), (80, 50)])
def test_a_method_may_learn_from_the_first_stamps_only(most, seen, toy_stamps):
    stamps_50, _ = toy_stamps(50, 5)
    found = train_described(stamps_50, lambda table: table["id"], Settings(), "nothing", most)
    assert found.tolist() == list(range(100_000, 100_000 + seen))
