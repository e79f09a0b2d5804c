"""Stamps as pictures: which band is which colour, how bright, and which rows of the training data are shown."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from blindsky.challenges.lens.stamps import PICTURES, note, render, samples


def read(*bands: str, image: str = "image") -> Any:
    return lambda name: {"cameras": [{"image": image, "bands": list(bands)}], "reference": bands[0]}


def test_the_stretch_is_asinh_at_twice_the_noise() -> None:
    image = np.zeros((1, 1, 21, 21), dtype=np.float32)
    image[0, 0, 10, 10] = 400.0  # 0.2 % of the pixels: above the white point
    image[0, 0, 10, 11] = 6.0
    image[0, 0, 10, 12] = -50.0
    rgb = render({"image": image, "sigma": np.array([[2.0]], np.float32)}, read("VIS"))
    assert rgb.shape == (1, 21, 21, 3)
    assert rgb.dtype == np.uint8
    assert np.all(rgb == rgb[..., :1]), "one band is grey"
    white = max(3.0, float(np.percentile(np.arcsinh(image / 4), 99.8)))

    def level(signal: float) -> int:
        return round(255 * min(1.0, max(0.0, (np.arcsinh(signal / 2) + 0.7) / (white + 0.7))))

    found = [int(rgb[0, 10, x, 0]) for x in (10, 11, 12, 13)]
    assert found == pytest.approx([255, level(3.0), 0, level(0.0)], abs=1)


def test_i_r_and_g_are_red_green_and_blue_each_in_its_own_noise() -> None:
    image = np.zeros((2, 4, 9, 9), dtype=np.float32)
    sigma = np.array([[1, 2, 3, 4], [4, 3, 2, 1]], np.float32)
    for band, at in ((1, 2), (2, 4), (3, 6)):  # g, r, i
        image[:, band, at, at] = 100 * sigma[:, band]
    rgb = render({"image": image, "sigma": sigma, "mask": np.zeros(1)}, read("u", "g", "r", "i"))
    assert np.array_equal(rgb[0], rgb[1]), "the noise is each stamp's own"
    for at, colour in ((2, 2), (4, 1), (6, 0)):
        assert np.argmax(rgb[0, at, at]) == colour


def test_large_stamps_are_averaged_two_by_two() -> None:
    image = np.zeros((1, 1, 200, 200), dtype=np.float32)
    image[0, 0, 100:102, 100:102] = 40.0
    image[0, 0, 20:22, 20:22] = [[1.0, 2.0], [3.0, 6.0]]  # a mean of 3 whose noise is halved
    rgb = render({"image_vis": image, "sigma": np.ones((1, 4), np.float32)}, read("VIS", image="image_vis"))
    assert rgb.shape == (1, 100, 100, 3)
    assert rgb[0, 50, 50, 0] == 255
    assert rgb[0, 10, 10, 0] == round(255 * (np.arcsinh(6 / 2) + 0.7) / (3 + 0.7)), "signal to noise of 6"
    assert np.count_nonzero(rgb[0, :, :, 0] > 100) == 2


def test_samples_are_the_first_of_each_class() -> None:
    label = np.arange(100) % 2 == 0
    impostor = np.where(np.arange(100) % 10 == 1, "ring", "")
    labels = {
        "label": label,
        "impostor": impostor,
        "r_ein": np.full(100, 1.234),
        "snr_arc": np.where(label, 56.0, np.nan),
    }
    lenses, impostors, others = samples(labels)
    assert lenses.rows == tuple(range(0, 32, 2))
    assert impostors.rows == tuple(range(1, 80, 10))
    assert others.rows == (3, 5, 7, 9, 13, 15, 17, 19)
    assert (lenses.notes[0], impostors.notes[0]) == ("r_ein 1.23 arcsec, arc S/N 56", "ring")
    assert note(0.98765, labels, 1) == "score 0.988, ring"
    assert [s.title for s in samples({**labels, "impostor": np.full(100, "")})] == [
        "Lenses",
        "Other non-lenses",
    ]


def test_what_is_read_is_small() -> None:
    assert set(PICTURES.columns) == {"image", "image_vis", "sigma"}
