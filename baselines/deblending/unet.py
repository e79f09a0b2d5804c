"""A network that divides the pixels of a pair and sums them up: the family of blend2mask2flux (Boucaud et al. 2020).

blindsky baseline deblending/unet --release ID --device auto

A U-Net says of every pixel which share of it is the central galaxy's, the companion's and the background's. The flux of
a galaxy is the sum of its share of the image, times a correction for the light below the noise. As the background has
sigma / (S + sigma) of a pixel, a galaxy's light in it is sigma times its own share over that of the background.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from blindsky.baselines.baseline import Settings
from blindsky.baselines.deblending import blends, views
from blindsky.baselines.deblending.cnn_flux import CHUNK, relative_error, seen
from blindsky.baselines.deblending.learning import Batch, Lessons, device_of, on
from blindsky.baselines.deblending.light import partition
from blindsky.baselines.training import Recipe, choose, fit, half, seeded, threads
from blindsky.challenges.challenge import rows
from blindsky.challenges.release import Public
from blindsky.scoring.measurements import Table

FILTERS, DEPTH = 32, 5
DENSE = 64
SHARE = 5.0  # weight of the shares beside the relative error of the fluxes
RECIPE = Recipe(epochs=60, batch=32, rate=1e-3)


class UNet(nn.Module):
    """Two convolutions a level, halved and doubled again: 7.76 million parameters. Ronneberger et al. 2015."""

    def __init__(self, channels: int, filters: int = FILTERS, depth: int = DEPTH) -> None:
        super().__init__()
        widths = [filters << level for level in range(depth)]
        self.down = nn.ModuleList(_block(*pair) for pair in zip([channels, *widths], widths, strict=False))
        deep = list(zip(widths[:0:-1], widths[-2::-1], strict=True))
        self.widen = nn.ModuleList(nn.ConvTranspose2d(a, b, 2, stride=2) for a, b in deep)
        self.up = nn.ModuleList(_block(a, b) for a, b in deep)
        self.features, self.bottom, self.stride = filters, widths[-1], 1 << (depth - 1)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C, N, N) -> features (B, filters, N, N), and of the deepest level (B, bottom, n, n)."""
        size = image.shape[-1]
        image = functional.pad(image, (0, -size % self.stride) * 2)
        kept: list[Tensor] = []
        for block in self.down:
            image = block(functional.max_pool2d(image, 2) if kept else image)
            kept.append(image)
        bottom = kept.pop()
        for widen, block in zip(self.widen, self.up, strict=True):
            image = block(torch.cat([kept.pop(), widen(image)], dim=1))
        return image[:, :, :size, :size], bottom


def _block(channels: int, out: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for width in (channels, out):
        layers += [nn.Conv2d(width, out, 3, padding=1, bias=False), nn.BatchNorm2d(out), nn.ReLU()]
    return nn.Sequential(*layers)


class Divided(NamedTuple):
    """share : of central, companion and background (B, 3, N, N).   flux : of the two galaxies (B, 2)."""

    share: Tensor
    flux: Tensor


class Divider(nn.Module):
    """Shares of the pixels, and the fluxes that they sum up to."""

    def __init__(self) -> None:
        super().__init__()
        self.unet = UNet(3)
        self.shares = nn.Conv2d(self.unet.features, 3, 1)
        last = nn.Linear(DENSE, 2)
        nn.init.zeros_(last.weight)  # no correction at first
        nn.init.zeros_(last.bias)
        self.head = nn.Sequential(nn.Linear(self.unet.bottom, DENSE), nn.ReLU(), last)

    def forward(self, image: Tensor, sigma: Tensor) -> Divided:
        """(B, 1, N, N), noise rms (B, 1) -> what is whose."""
        features, bottom = self.unet(seen(image, sigma))
        with torch.autocast(image.device.type, enabled=False):
            share = self.shares(features.float()).softmax(dim=1)
            light = (share[:, :2] * image).sum(dim=(2, 3))
            correction = self.head(bottom.float().mean(dim=(2, 3)))
            return Divided(share, correction.exp() * torch.maximum(light, sigma))


def loss(network: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
    """Squared error of the shares, and relative error of the fluxes."""
    blend = Batch(*batch)
    found = network(blend.image, blend.sigma)
    shares = functional.mse_loss(found.share, partition(blend.light, blend.sigma[:, 0]))
    return SHARE * shares + relative_error(found.flux, blend.flux[:, :, 0])


@dataclass(frozen=True)
class Trained:
    """A trained network: mean shares, and the geometric mean of the fluxes, over the eight views of a pair.

    edge : noise rms from which on a pixel is a galaxy's.
    """

    network: Divider
    device: torch.device
    workers: int
    edge: float

    def predict(self, test: Table) -> Table:
        """Keys, fluxes and masks, central before companion."""
        with torch.inference_mode(), threads(self.workers):
            found = [
                self._divided({name: column[i : i + CHUNK] for name, column in test.items()})
                for i in range(0, rows(test), CHUNK)
            ]
        keys = {blends.KEY: np.repeat(test[blends.KEY], 2), "obj": np.tile([0, 1], rows(test))}
        flux = torch.cat([part.flux for part in found]).double().flatten()
        mask = torch.cat([part.share for part in found]).flatten(0, 1)
        return {**keys, "flux": flux.cpu().numpy(), "mask": mask.cpu().numpy()}

    def _divided(self, test: Table) -> Divided:
        """Masks in the place of shares."""
        image, sigma = (device_of(test[name], self.device) for name in ("image", "sigma"))
        shares, fluxes = [], []
        for k in range(views.VIEWS):
            with half(self.device, RECIPE.bf16):
                found = self.network(views.view(image, k, True), sigma)
            shares.append(views.view(found.share, views.inverse(k), True))
            fluxes.append(found.flux.log())
        share = torch.stack(shares).mean(dim=0)
        mask = share[:, :2] > self.edge * share[:, 2:]
        return Divided(mask.to(torch.uint8), torch.stack(fluxes).mean(dim=0).exp())


def train(public: Public, settings: Settings) -> Trained:
    """Train on the light and the fluxes of all training pairs."""
    device, task = choose(settings.device), blends.task(public)
    with seeded(settings.seed):
        network = on(Divider(), device)
    data = Lessons(public, task, settings, device)
    network = fit(network, loss, data, RECIPE, settings, name="unet", release=public.release_id)
    return Trained(network, device, settings.workers, task.camera.mask)
