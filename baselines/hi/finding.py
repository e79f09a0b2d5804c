"""Smooth and clip with a bank of matched filters: how far every voxel stands out of the noise, at its best scale.

Every plane is divided by its own noise. The cube is then smoothed by Gaussians on the sky and by running means along
frequency; each smoothing is divided by the noise that is left in it, and every voxel keeps its largest value. Gaussians
are products with band matrices, running means differences of cumulative sums, so that the cost of a filter does not
grow with its width; the same code runs on CPU and GPU. Serra et al. 2012, PASA 29, 296 (smooth and clip).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from blindsky.challenges.hi.cube import Voxels
from blindsky.scoring.measurements import FloatArray

Floats = NDArray[np.float32]

SPATIAL = (0.0, 3.0, 6.0)  # pixels, FWHM of the Gaussians
SPECTRAL = (3, 7, 15, 25, 41)  # channels, of the running means
REACH = SPECTRAL[-1] // 2
ONES = np.ones(len(SPECTRAL))
TAILS = 4.0  # standard deviations at which a Gaussian ends
TO_RMS = 1.482602  # standard deviation of a normal variable over its median absolute deviation
PLANE_SAMPLE = 1 << 16  # pixels of a plane that its noise is taken from
BOX_SAMPLE = (256, 192, 192)  # of the middle of the cube, where the noise of the smoothings is measured
EVERY = 8  # rows of which one is measured there
SPARSE = 2  # neighbours tell the same: the beam is 2.5 pixels wide, and the running means are wider than 2 channels
AT_ONCE = 1 << 21  # voxels whose noise is measured together
CACHED = 1 << 18  # voxels that a processor sums up at once


@dataclass(frozen=True)
class Levels:
    """The noise of a cube.

    plane : rms of each plane, (nchan,), Jy/beam; inf where a plane is blank.
    smoothed : rms after each Gaussian and running mean, of a cube of unit noise, (3, 5).
    """

    plane: Floats
    smoothed: FloatArray


def rms(values: Tensor) -> Tensor:
    """1.4826 times the median absolute deviation along the last axis."""
    middle = values.median(dim=-1, keepdim=True).values
    return TO_RMS * (values - middle).abs_().median(dim=-1).values


def gaussian(n: int, fwhm: float) -> Floats:
    """The band matrix (n, n) that smooths n pixels in a row; nothing is beyond the ends."""
    sigma = fwhm / math.sqrt(8 * math.log(2))
    reach = int(TAILS * sigma)
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    apart = np.arange(n)[:, None] - np.arange(n)
    band = np.where(np.abs(apart) <= reach, taps[np.clip(apart, -reach, reach) + reach], 0)
    return np.asarray(band / taps.sum(), np.float32)


def smooth(cube: Tensor, fwhm: float) -> Tensor:
    """Planes (nz, ny, nx) after a Gaussian of ``fwhm`` pixels; themselves for 0."""
    if fwhm == 0:
        return cube
    rows, columns = (torch.from_numpy(gaussian(n, fwhm)).to(cube.device) for n in cube.shape[1:])
    return torch.matmul(rows, torch.matmul(cube, columns))


def running_means(cube: Tensor, scales: FloatArray) -> Iterator[Tensor]:
    """Means over each of the SPECTRAL widths along the first axis, times ``scales`` (5,); 0 is beyond the ends.

    cube : (nz, ny, nx), as is each mean, which the next one overwrites.
    """
    nz = len(cube)
    total = cube.new_empty((nz + 2 * REACH + 1, *cube.shape[1:]))
    total[: REACH + 1] = 0
    torch.cumsum(cube, dim=0, out=total[REACH + 1 : REACH + 1 + nz])
    total[REACH + 1 + nz :] = total[REACH + nz]
    mean = torch.empty_like(total[:nz])
    for width, scale in zip(SPECTRAL, scales, strict=True):
        above, below = total[REACH + 1 + width // 2 :], total[REACH - width // 2 :]
        yield torch.sub(above[:nz], below[:nz], out=mean).mul_(float(scale / width))


def plane_noise(cube: Voxels, device: torch.device) -> Floats:
    """The rms of each plane (nchan,) in Jy/beam, from some rows in its middle; inf where they are blank."""
    nz, ny, nx = cube.shape
    high = min(ny, max(PLANE_SAMPLE // nx, 1))
    first, at_once = (ny - high) // 2, max(AT_ONCE // (high * nx), 1)
    plane = np.empty(nz, np.float32)
    for z in range(0, nz, at_once):
        end = min(z + at_once, nz)
        rows = torch.from_numpy(cube.tile(z, end, first, first + high, 0, nx)).to(device)
        plane[z:end] = rms(rows[:, ::SPARSE, ::SPARSE].flatten(1)).cpu().numpy()
    return np.where(plane > 0, plane, np.float32(np.inf))


def levels(cube: Voxels, device: torch.device) -> Levels:
    """The noise of each plane, and that of the smoothings from a box in the middle."""
    plane = plane_noise(cube, device)
    spans = []
    for n, side in zip(cube.shape, BOX_SAMPLE, strict=True):
        first = max(n - side, 0) // 2
        spans.append((first, min(first + side, n)))
    box = normalised(cube.tile(*(end for span in spans for end in span)), plane[slice(*spans[0])], device)
    smoothed = [
        [
            float(rms(mean[::SPARSE, :, ::SPARSE].flatten()))
            for mean in running_means(smooth(box, fwhm)[:, ::EVERY], ONES)
        ]
        for fwhm in SPATIAL
    ]
    return Levels(plane, np.array(smoothed))


def normalised(cube: Floats, noise: Floats, device: torch.device) -> Tensor:
    """A cube (nz, ny, nx) in units of the noise of its planes (nz,)."""
    return torch.from_numpy(cube).to(device) / torch.from_numpy(noise).to(device)[:, None, None]


def significance(cube: Tensor, noise: FloatArray, workers: int) -> Tensor:
    """The largest of all smoothings in units of its noise (3, 5) for each voxel (nz, ny, nx), at least 0.

    workers : threads, each of which sums up a few rows at a time on a processor; a GPU does all at once.
    """
    nz, ny, nx = cube.shape
    best = torch.zeros_like(cube)
    rows = ny if cube.is_cuda else max(CACHED // (nz * nx), 1)

    def keep_largest(y: int, seen: Tensor, noise: FloatArray) -> None:
        here = best[:, y : y + rows]
        for mean in running_means(seen[:, y : y + rows], 1 / noise):
            torch.maximum(here, mean, out=here)

    with ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as threads:
        for fwhm, of in zip(SPATIAL, noise, strict=True):
            work = partial(keep_largest, seen=smooth(cube, fwhm), noise=of)
            list(threads.map(work, range(0, ny, rows)))
    return best
