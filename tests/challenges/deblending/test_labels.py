"""What is measured on the images of single objects: definitions, on images made by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from blindsky.challenges.deblending import labels, pairs
from blindsky.challenges.deblending.bands import PAIR
from blindsky.challenges.deblending.galaxies import Galaxies
from blindsky.scoring.measurements import Table


def gaussians(distance: float, flux: tuple[float, float], sigma: float = 2.0) -> tuple[Galaxies, np.ndarray]:
    """Two round Gaussians of ``sigma`` pixels on a row, (2, 1, 128, 128)."""
    two = pairs.pairs(np.random.default_rng(1), PAIR, 1)
    x = np.array([60.0, 60.0 + distance])
    at = np.arange(128)
    light = np.exp(-0.5 * ((at - x[:, None, None]) ** 2 + (at[:, None] - 64.0) ** 2) / sigma**2)
    light *= (np.array(flux) / (2 * np.pi * sigma**2))[:, None, None]
    radius = np.full(2, 1.17741 * sigma)
    return replace(two, x=x, y=np.full(2, 64.0), radius=radius), light[:, None]


def measured(galaxies: Galaxies, images: np.ndarray) -> Table:
    total = np.broadcast_to(images[:, 0].sum(axis=0), images[:, 0].shape)
    return labels.objects(galaxies, images, total, PAIR)


def test_blendedness() -> None:
    even = measured(*gaussians(4, (5.0, 5.0)))
    np.testing.assert_allclose(even["blendedness"], 0.26894142, atol=1e-6)
    uneven = measured(*gaussians(4, (15.0, 5.0)))
    np.testing.assert_allclose(uneven["blendedness"], [0.10923177, 0.52463311], atol=1e-6)


def test_signal_to_noise_masks_apertures_and_shapes() -> None:
    """Closed forms of a Gaussian: sum S^2 = f^2 / (4 pi s^2), the radius of a level, the light in a circle."""
    galaxies, images = gaussians(30, (5.0, 0.1))
    found = measured(galaxies, images)
    np.testing.assert_allclose(found["snr"], np.array([5.0, 0.1]) / np.sqrt(4 * np.pi * 4) / 0.010, rtol=1e-6)
    np.testing.assert_array_equal(found["scored"], [True, False])
    at = np.arange(-20, 21)
    level = 2 * 4 * np.log(5.0 / (2 * np.pi * 4) / 0.010)
    assert found["mask"][0].sum() == (at**2 + at[:, None] ** 2 < level).sum()
    assert found["mask"].dtype == np.uint8
    assert not found["mask"][1].any()
    radius = 0.5 / 0.06
    np.testing.assert_allclose(
        found["flux_ap_f160w"], np.array([5.0, 0.1]) * (1 - np.exp(-0.5 * radius**2 / 4)), rtol=2e-3
    )
    np.testing.assert_allclose([found["e1"], found["e2"]], 0, atol=1e-6)
    np.testing.assert_allclose(found["r_half"], 1.17741 * 2 * 0.06)


def test_pairs() -> None:
    """Distance, its share of the PSF, difference of magnitudes, and pixels in both masks over those in either."""
    galaxies, images = gaussians(5, (5.0, 2.0))
    columns = measured(galaxies, images)
    cases = labels.pairs(columns, np.array([0.18]), PAIR)
    assert cases["separation"][0] == 5
    assert cases["sep_fwhm"][0] == pytest.approx(5 * 0.06 / 0.18)
    assert cases["dm"][0] == pytest.approx(galaxies.magnitude[0] - galaxies.magnitude[1])
    first, second = columns["mask"] > 0
    assert cases["overlap"][0] == (first & second).sum() / (first | second).sum()
    assert 0 < cases["overlap"][0] < 1


def test_types_are_named_whichever_is_central() -> None:
    types = np.array([["sph", "disk"], ["disk", "sph"], ["irr", "irr"]])
    assert labels.both_types(types).tolist() == ["disk + sph", "disk + sph", "irr + irr"]
