"""Two fluxes straight from the image of a pair: the family of blend2flux (Boucaud et al. 2020), made small.

blindsky baseline deblending/cnn_flux --release ID --device auto

The network says how much brighter or fainter each galaxy is than all light that stands above the noise, and learns
the relative error itself: what the score asks. 0.98 million parameters where blend2flux has 103 million.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from blindsky.baselines.baseline import Settings
from blindsky.baselines.deblending import blends, views
from blindsky.baselines.deblending.learning import Batch, Lessons, device_of, on, stretched
from blindsky.baselines.deblending.light import smooth
from blindsky.baselines.training import Recipe, choose, fit, half, seeded, threads
from blindsky.challenges.challenge import rows
from blindsky.challenges.release import Public
from blindsky.scoring.measurements import Table

CHANNELS = (32, 64, 96, 128, 192, 256)
DENSE = 256
NARROW = 2.0  # pixels: width of the Gaussian that marks the centre of the stamp
ABOVE = 1.0  # noise rms from which on the smoothed image counts as light
FAINTEST = 10.0  # noise rms: less light than that no pair has, and a logarithm needs some
WORST = 3.0  # relative error beyond which a blend teaches nothing more
CHUNK = 32  # blends at once in prediction
RECIPE = Recipe(epochs=60, batch=32, rate=1e-3)


def centred(size: int, device: torch.device) -> Tensor:
    """Distance to the central pixel in units of the stamp, and a narrow Gaussian about it: (1, 2, size, size)."""
    line = torch.arange(size, device=device, dtype=torch.float32) - size // 2
    distance = torch.hypot(line[:, None], line[None, :])
    return torch.stack([distance / size, torch.exp(-0.5 * (distance / NARROW) ** 2)])[None]


def seen(image: Tensor, sigma: Tensor) -> Tensor:
    """Input of a network for pairs: the stretched image and two channels that tell central from companion."""
    where = centred(image.shape[-1], image.device).expand(len(image), -1, -1, -1)
    return torch.cat([stretched(image, sigma), where], dim=1)


def brightness(image: Tensor, sigma: Tensor) -> Tensor:
    """Log of the light above the noise, (B, 1)."""
    rms = sigma[:, :, None, None]
    light = torch.where(smooth(image) > ABOVE * rms, image, 0.0).sum(dim=(2, 3))
    return torch.maximum(light, FAINTEST * sigma).log()


def relative_error(flux: Tensor, truth: Tensor) -> Tensor:
    """|f / f_true - 1|, clipped at ``WORST``; the mean."""
    return (flux / truth - 1).abs().clamp(max=WORST).mean()


class Fluxes(nn.Module):
    """Six convolutions, 128 -> 2 pixels a side, and their mean; pooling before the ReLU only saves time."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        width = 3  # the image and two channels of position
        for out in CHANNELS:
            convolution = nn.Conv2d(width, out, 3, padding=1, bias=False)
            layers += [convolution, nn.BatchNorm2d(out), nn.MaxPool2d(2), nn.ReLU()]
            width = out
        self.body = nn.Sequential(*layers)
        self.head = nn.Sequential(
            nn.Linear(width, DENSE), nn.ReLU(), nn.Linear(DENSE, DENSE), nn.ReLU(), nn.Linear(DENSE, 2)
        )

    def forward(self, image: Tensor, sigma: Tensor) -> Tensor:
        """(B, 1, N, N), noise rms (B, 1) -> log flux of central and companion (B, 2)."""
        features = self.body(seen(image, sigma))
        with torch.autocast(image.device.type, enabled=False):
            share = self.head(features.float().mean(dim=(2, 3)))
            found: Tensor = brightness(image, sigma) + share
        return found


def loss(network: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
    """Mean relative error of the fluxes."""
    blend = Batch(*batch)
    return relative_error(network(blend.image, blend.sigma).float().exp(), blend.flux[:, :, 0])


@dataclass(frozen=True)
class Trained:
    """A trained network; the geometric mean of its answers to the eight views of a pair."""

    network: Fluxes
    device: torch.device
    workers: int

    def predict(self, test: Table) -> Table:
        """Keys and fluxes, central before companion."""
        with torch.inference_mode(), threads(self.workers):
            found = [
                self._fluxes({name: column[i : i + CHUNK] for name, column in test.items()})
                for i in range(0, rows(test), CHUNK)
            ]
        keys = {blends.KEY: np.repeat(test[blends.KEY], 2), "obj": np.tile([0, 1], rows(test))}
        return {**keys, "flux": torch.cat(found).double().flatten().cpu().numpy()}

    def _fluxes(self, test: Table) -> Tensor:
        image, sigma = (device_of(test[name], self.device) for name in ("image", "sigma"))
        with half(self.device, RECIPE.bf16):
            logs = [self.network(views.view(image, k, True), sigma) for k in range(views.VIEWS)]
        return torch.stack(logs).mean(dim=0).exp()


def train(public: Public, settings: Settings) -> Trained:
    """Train on the fluxes of all training pairs."""
    device = choose(settings.device)
    with seeded(settings.seed):
        network = on(Fluxes(), device)
    data = Lessons(public, blends.task(public), settings, device)
    network = fit(network, loss, data, RECIPE, settings, name="cnn_flux", release=public.release_id)
    return Trained(network, device, settings.workers)
