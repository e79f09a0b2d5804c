"""A network that says which voxels of a cube are a galaxy's light.

blindsky baseline hi/unet3d --release ID --device auto

The idea of FORSKA-Sweden in SDC2 (Hartley et al. 2023): a 3-D U-Net (Ronneberger et al. 2015) marks voxels, what
touches is a source, and the mask is measured as that of any other finder. It learns from crops about the sources of the
training field and between them; biases and the height from which on to claim are calibrated on the whole of that field.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from blindsky.baselines.baseline import ProgressFactory, Settings
from blindsky.baselines.hi.calibration import Calibration, calibrate, catalogue
from blindsky.baselines.hi.crops import CROP, Crops, squeezed
from blindsky.baselines.hi.fields import cube_of, field_of, truth_of
from blindsky.baselines.hi.finding import normalised, plane_noise
from blindsky.baselines.hi.linking import Clip
from blindsky.baselines.hi.regions import VOXELS, Region
from blindsky.baselines.hi.search import search
from blindsky.baselines.training import Recipe, choose, fit, half, seeded, threads
from blindsky.challenges.hi.cube import Voxels
from blindsky.challenges.release import Public
from blindsky.scoring.measurements import Table

Floats = NDArray[np.float32]
Span = tuple[int, int, int]

FILTERS = (16, 32, 64, 128)  # by level
GROUPS = 8  # of channels that are normalised together
AT_ONCE = {"cpu": 4, "cuda": 64}  # crops
EVEN = 4.0  # added to the logit, so that even odds stand where a filter's floor is and peaks are above 0
CLIP = Clip(floor=EVEN, peak=EVEN + 1, voxels=30)
RECIPE = Recipe(epochs=40, batch=8, rate=1e-3, validation=0.1, patience=10)


class UNet3D(nn.Module):
    """Two convolutions a level, four levels: logits of light, (B, 1, nz, ny, nx) -> the same; sides multiples of 8."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.ModuleList(_block(*pair) for pair in pairwise((1, *FILTERS)))
        deep = list(pairwise(FILTERS[::-1]))
        self.widen = nn.ModuleList(nn.ConvTranspose3d(a, b, 2, stride=2) for a, b in deep)
        self.up = nn.ModuleList(_block(2 * b, b) for _, b in deep)
        self.last = nn.Conv3d(FILTERS[0], 1, 1)

    def forward(self, cube: Tensor) -> Tensor:
        """Logits."""
        kept: list[Tensor] = []
        for block in self.down:
            cube = block(functional.max_pool3d(cube, 2) if kept else cube)
            kept.append(cube)
        cube = kept.pop()
        for widen, block in zip(self.widen, self.up, strict=True):
            cube = block(torch.cat([kept.pop(), widen(cube)], dim=1))
        found: Tensor = self.last(cube)
        return found


def _block(channels: int, out: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for width in (channels, out):
        layers += [nn.Conv3d(width, out, 3, padding=1, bias=False), nn.GroupNorm(GROUPS, out), nn.ReLU()]
    return nn.Sequential(*layers)


def loss(network: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
    """Cross-entropy of the voxels, plus one minus the Dice coefficient of the batch."""
    cube, truth = batch
    logit: Tensor = network(cube).float()
    p = logit.sigmoid()
    overlap = (2 * (p * truth).sum() + 1) / (p.sum() + truth.sum() + 1)
    return torch.add(functional.binary_cross_entropy_with_logits(logit, truth), 1 - overlap)


def windows(length: int, side: int) -> Iterator[Span]:
    """Windows of ``side`` that overlap by half: where each starts, and what is kept of it, first and last + 1.

    What is kept adjoins and covers the whole length, each piece from the middle of its window where there is one.
    """
    starts = [*range(0, max(length - side, 0), side // 2), max(length - side, 0)]
    for k, start in enumerate(starts):
        first = start + side // 4 if k else 0
        last = starts[k + 1] + side // 4 if k + 1 < len(starts) else length
        yield start, first, last


def logits(network: nn.Module, cube: Tensor) -> Floats:
    """Of a cube (nz, ny, nx) in units of the noise, put together from crops as they were learned from."""
    sides = cube.shape
    short = [max(side - n, 0) for n, side in zip(sides, CROP, strict=True)]
    cube = functional.pad(squeezed(cube), (0, short[2], 0, short[1], 0, short[0]))
    found = np.empty(sides, np.float32)
    todo = list(product(*(windows(n, side) for n, side in zip(sides, CROP, strict=True))))
    at_once = AT_ONCE[cube.device.type]
    for first in range(0, len(todo), at_once):
        spans = todo[first : first + at_once]
        crops = [cube[tuple(slice(s, s + n) for (s, _, _), n in zip(at, CROP, strict=True))] for at in spans]
        with half(cube.device):
            seen = network(torch.stack(crops)[:, None]).float()[:, 0].cpu().numpy()
        for at, logit in zip(spans, seen, strict=True):
            inner = tuple(slice(first - start, last - start) for start, first, last in at)
            found[tuple(slice(first, last) for _, first, last in at)] = logit[inner]
    return found


def candidates(
    network: nn.Module,
    cube: Voxels,
    noise: Floats,
    workers: int,
    progress: ProgressFactory,
    budget: int = VOXELS,
) -> Table:
    """Everything that the network takes for light rather than not, as ``search`` gives it."""
    device = next(network.parameters()).device

    def stand_out(data: Floats, region: Region) -> Floats:
        with torch.inference_mode():
            return logits(network, normalised(data, noise[slice(*region.outer[0])], device)) + np.float32(
                EVEN
            )

    with threads(workers):
        return search(cube, stand_out, CLIP, progress, budget)


@dataclass(frozen=True)
class Trained:
    """A trained network with what the training field taught about its masks."""

    network: UNet3D
    calibration: Calibration
    training: Table  # candidates of the training field
    workers: int
    progress: ProgressFactory

    def catalogue(self, public: Public, split: str) -> Table:
        """A catalogue of the field of a split, columns SDC2 and ``conf``."""
        cube, found = cube_of(public, split), self.training
        if split != "train":
            noise = plane_noise(cube, next(self.network.parameters()).device)
            found = candidates(self.network, cube, noise, self.workers, self.progress)
        return catalogue(self.calibration.claims(found, cube, field_of(public, split)))


def train(public: Public, settings: Settings) -> Trained:
    """Learn from crops of the training field, then search and calibrate on the whole of it."""
    device, cube = choose(settings.device), cube_of(public, "train")
    field, truth, noise = field_of(public, "train"), truth_of(public), plane_noise(cube, device)
    with seeded(settings.seed):
        network = UNet3D().to(device)
    data = Crops(cube, field, truth, noise, settings.seed, device)
    network = fit(network, loss, data, RECIPE, settings, name="unet3d", release=public.release_id)
    found = candidates(network, cube, noise, settings.workers, settings.progress)
    return Trained(network, calibrate(found, truth, cube, field), found, settings.workers, settings.progress)
