"""The bank of filters against direct convolution, its noise, and searches in pieces against searches of the whole."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import ndimage

torch = pytest.importorskip("torch")

from blindsky.baselines.hi import finding  # noqa: E402
from blindsky.baselines.hi.fields import cube_of  # noqa: E402
from blindsky.baselines.hi.finding import SPATIAL, SPECTRAL  # noqa: E402
from blindsky.baselines.hi.linking import Clip  # noqa: E402
from blindsky.baselines.hi.matched_filter import candidates  # noqa: E402
from blindsky.baselines.hi.regions import regions  # noqa: E402
from blindsky.baselines.hi.search import COLUMNS, search  # noqa: E402
from blindsky.challenges.hi.cube import Voxels  # noqa: E402
from blindsky.challenges.progress import progress  # noqa: E402

CPU = torch.device("cpu")
DRAW = np.random.default_rng(3)


class Loaded(Voxels):
    """A cube in memory."""

    def __init__(self, data):
        self.data, self.shape, self.header = data, data.shape, {}
        self.frequencies = 1e9 + 30e3 * np.arange(len(data))

    def _planes(self, z0, z1):
        return self.data[z0:z1].copy()


@pytest.mark.parametrize("fwhm", [3.0, 6.0])
def test_gaussians_are_those_of_scipy(fwhm):
    cube = DRAW.normal(size=(3, 30, 41)).astype(np.float32)
    sigma = fwhm / math.sqrt(8 * math.log(2))
    reach = int(finding.TAILS * sigma)
    expected = ndimage.gaussian_filter(
        cube.astype(float), (0, sigma, sigma), mode="constant", radius=(0, reach, reach)
    )
    np.testing.assert_allclose(finding.smooth(torch.from_numpy(cube), fwhm).numpy(), expected, atol=2e-6)


def test_running_means_are_direct_sums_with_nothing_beyond_the_ends():
    cube = DRAW.normal(size=(50, 2, 3)).astype(np.float32)
    for width, mean in zip(
        SPECTRAL, finding.running_means(torch.from_numpy(cube), np.ones(len(SPECTRAL))), strict=True
    ):
        expected = ndimage.convolve1d(cube.astype(float), np.full(width, 1 / width), axis=0, mode="constant")
        np.testing.assert_allclose(mean.numpy(), expected, atol=2e-6)


@pytest.mark.parametrize("workers", [1, 2])
def test_significance_is_the_largest_of_all_smoothings(workers, monkeypatch):
    monkeypatch.setattr(finding, "CACHED", 60 * 20 * 4)  # several runs of rows, the last one shorter
    cube = DRAW.normal(size=(60, 18, 20)).astype(np.float32)
    noise = DRAW.uniform(0.1, 1, (len(SPATIAL), len(SPECTRAL)))
    expected = np.zeros(cube.shape)
    for fwhm, of in zip(SPATIAL, noise, strict=True):
        seen = finding.smooth(torch.from_numpy(cube), fwhm).numpy().astype(float)
        for width, left in zip(SPECTRAL, of, strict=True):
            mean = ndimage.convolve1d(seen, np.full(width, 1 / width), axis=0, mode="constant")
            expected = np.maximum(expected, mean / left)
    found = finding.significance(torch.from_numpy(cube), noise, workers)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-4)


def test_noise_of_planes_and_smoothings():
    """White noise: a mean of w channels has 1/sqrt(w), a Gaussian of s pixels 1/(2 sqrt(pi) s)."""
    scale = np.linspace(1, 3, 200, dtype=np.float32) * 1e-5
    cube = scale[:, None, None] * DRAW.normal(size=(200, 128, 128)).astype(np.float32)
    cube[7] = 0
    cube[100:110, 60:64, 60:64] += 1e-3  # a source does not disturb it
    found = finding.levels(Loaded(cube), CPU)
    assert np.isinf(found.plane[7])
    good = np.arange(200) != 7
    # 4,096 pixels: the error of a MAD is 1.17 / sqrt(n) = 1.8 %
    np.testing.assert_allclose(found.plane[good], scale[good], rtol=0.08)
    assert abs(np.mean(found.plane[good] / scale[good]) - 1) < 0.005
    for fwhm, of in zip(SPATIAL, found.smoothed, strict=True):
        alone = 1.0 if fwhm == 0 else math.sqrt(8 * math.log(2)) / (2 * math.sqrt(math.pi) * fwhm)
        np.testing.assert_allclose(of, alone / np.sqrt(SPECTRAL), rtol=0.12)


def test_the_mad_is_that_of_a_normal_variable():
    values = torch.from_numpy(DRAW.normal(5, 2, (3, 100_001)))
    np.testing.assert_allclose(finding.rms(values).numpy(), 2, rtol=0.02)


def sorted_rows(found):
    rows = np.stack([found[name] for name in COLUMNS], axis=1)
    return rows[np.lexsort(rows[:, :3].round(2).T)]


def test_a_cube_in_pieces_gives_the_sources_of_the_whole_once(mini):
    cube = cube_of(mini.public, "test")
    whole = candidates(cube, CPU, 1, progress)
    budget = 120 * 64 * 60
    assert len(list(regions(cube.shape, budget))) >= 8
    pieces = candidates(cube, CPU, 1, progress, budget)
    assert len(whole["x"]) > 20
    assert sorted_rows(pieces).shape == sorted_rows(whole).shape
    # a mask whose source fills the margins may end a little earlier
    one, other = sorted_rows(pieces), sorted_rows(whole)
    np.testing.assert_allclose(one[:, :3], other[:, :3], atol=0.1)
    np.testing.assert_allclose(one[:, 3], other[:, 3], rtol=0.02)
    np.testing.assert_allclose(one[:, COLUMNS.index("peak")], other[:, COLUMNS.index("peak")], rtol=1e-4)


def test_blobs_on_every_seam_are_found_once():
    """A blob on each corner, to the voxel, where eight regions meet."""
    shape, budget = (240, 70, 100), 130 * 52 * 52
    boxes = list(regions(shape, budget))
    ends = [sorted({end for region in boxes for end in region.inner[k]}) for k in range(3)]
    inner = [[a for a in of if 8 <= a <= n - 8] for of, n in zip(ends, shape, strict=True)]
    assert all(inner)
    data = np.zeros(shape, np.float32)
    places = [(z, y, x) for z in inner[0] for y in inner[1] for x in inner[2]]
    for z, y, x in places:
        data[z - 2 : z + 2, y - 2 : y + 2, x - 2 : x + 2] = 5
        data[z, y, x] = 9
    found = search(Loaded(data), lambda tile, region: tile, Clip(4.0, 5.0, 10), progress, budget)
    seen = np.stack([found[name] for name in "zyx"], axis=1)
    assert len(seen) == len(places)
    away = np.abs(seen[:, None] - np.array(places)).max(axis=2)
    assert (away.min(axis=0) < 1).all()
