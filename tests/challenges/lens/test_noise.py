"""Noise, its correlation, the conditions of a shifted sky, and bad pixels."""

from __future__ import annotations

import numpy as np
import pytest

from blindsky.challenges.lens import noise
from blindsky.challenges.lens.painting import Camera
from blindsky.challenges.lens.settings import SETTINGS

GROUND = SETTINGS["ground"]
CAMERA = GROUND.cameras[0]


def lag1(image: np.ndarray) -> float:
    return float(np.corrcoef(image[:, :-1].ravel(), image[:, 1:].ravel())[0, 1])


def test_white_noise_has_its_rms_and_no_memory() -> None:
    big = Camera(400, 0.2, ("u", "g"))
    sigma = np.array([2e-12, 1e-12])
    drawn = noise.noise(np.random.default_rng(1), big, sigma, 0.0)
    np.testing.assert_allclose(drawn.std(axis=(1, 2)), sigma, rtol=0.01)
    assert abs(lag1(drawn[0])) < 0.01
    assert drawn.dtype == np.float32


@pytest.mark.parametrize(("kernel", "expected"), [(0.42, 0.116), (0.50, 0.261)])
def test_correlated_noise(kernel: float, expected: float) -> None:
    """Lag-1 correlation of a sampled Gaussian kernel: 2 w1 (1 + ...)/(1 + 2 w1^2), w1 = exp(-1/2 kernel^2)."""
    drawn = noise.noise(np.random.default_rng(2), Camera(500, 0.2, ("r",)), np.array([3e-12]), kernel)
    assert drawn.std() == pytest.approx(3e-12, rel=0.01)
    assert lag1(drawn[0]) == pytest.approx(expected, abs=0.01)


def test_conditions() -> None:
    bright = np.arange(4000) < 2000
    c = noise.conditions(np.random.default_rng(3), GROUND, bright, shifted=False)
    quiet = c.sigma[~bright] / GROUND.sigma
    assert np.median(quiet) == pytest.approx(1, abs=2e-3)
    assert np.std(np.log10(quiet)) == pytest.approx(0.012, rel=0.05)
    assert not c.kernel[~bright].any()
    assert (c.kernel[bright] > 0).mean() == pytest.approx(0.6, abs=0.04)
    assert np.median(c.sigma[bright] / GROUND.sigma) == pytest.approx(10**0.275, rel=0.05)
    assert (c.fwhm == np.array([1.00, 0.88, 0.70, 0.80])).all()


def test_shifted_conditions_vary_from_stamp_to_stamp() -> None:
    c = noise.conditions(np.random.default_rng(4), GROUND, np.zeros(4000, dtype=bool), shifted=True)
    assert np.std(np.log10(c.fwhm[:, 2])) == pytest.approx(0.08, rel=0.05)
    assert c.beta is not None
    assert 2.5 <= c.beta.min() < c.beta.max() <= 4.5
    space = noise.conditions(
        np.random.default_rng(4), SETTINGS["space"], np.zeros(5, dtype=bool), shifted=True
    )
    assert space.beta is None


def test_masks() -> None:
    stream = np.random.default_rng(5)
    masks = np.stack([noise.mask(stream, CAMERA) for _ in range(2000)])
    touched = masks.any(axis=(1, 2, 3))
    assert touched.mean() == pytest.approx(0.25, abs=0.03)
    core = masks[:, :, 35:65, 35:65].mean(axis=(2, 3))
    assert core.max() <= 0.40
    share = masks[touched].mean(axis=(1, 2, 3))
    assert 0.17 < (share > 0.006).mean() < 0.30  # a quarter are large, a few of them only just in the stamp
    assert set(np.unique(masks)) == {0, 1}


def test_noise_level_agrees_with_the_sample_stamps(shared_data: object) -> None:
    """The noise table against the median of corner noise measured on real stamps, +- 3 %."""
    import csv

    assert callable(shared_data)
    lines = list(csv.DictReader(shared_data("lens/bologna1_samples.csv").read_text().splitlines()))
    for band, name in (("VIS", "VIS"), ("u", "U"), ("g", "G"), ("r", "R"), ("i", "I")):
        corners = [
            float(r["sigma_corner"])
            for r in lines
            if r["band"].upper() == name.upper() and r["likely_real_kids"] == "0"
        ]
        assert corners, band
        assert np.median(corners) == pytest.approx(float(GROUND_AND_SPACE[band]), rel=0.03)


GROUND_AND_SPACE = dict(
    zip((*SETTINGS["space"].bands, *GROUND.bands), (*SETTINGS["space"].sigma, *GROUND.sigma), strict=True)
)
