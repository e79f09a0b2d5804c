"""Mixture density network: a small network that gives five Gaussians in x = ln(1 + z). Bishop 1994.

blindsky baseline photoz/mdn --release ID --device auto
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from blindsky.baselines.baseline import Settings
from blindsky.baselines.photoz import densities
from blindsky.baselines.photoz.photometry import Photometry, labels
from blindsky.baselines.training import Recipe, Tensors, choose, fit, seeded
from blindsky.challenges.challenge import rows
from blindsky.challenges.release import Public
from blindsky.scoring.measurements import FloatArray, Table

WIDTH, DEPTH = 128, 3
GAUSSIANS = 5  # colours leave two or three redshifts; the others shape the wings
NARROWEST = 2e-3  # in ln(1 + z), a fifth of a step of the grid: no spike on a single label
RECIPE = Recipe(epochs=40, batch=512, rate=5e-3, weight_decay=1e-4, bf16=False)  # colours need 24 bits
LOG_SQRT_2PI = 0.5 * math.log(2 * math.pi)
CHUNK = 4096  # rows at once in prediction: 5 x 301 float32 each, 25 MB


class Mixture(nn.Module):
    """features -> weights, means and widths of the Gaussians."""

    def __init__(self, n_features: int) -> None:
        super().__init__()
        sizes = [n_features] + [WIDTH] * DEPTH
        layers = [[nn.Linear(a, b), nn.SiLU()] for a, b in pairwise(sizes)]
        self.body = nn.Sequential(
            *[module for layer in layers for module in layer], nn.Linear(WIDTH, 3 * GAUSSIANS)
        )

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, F) -> ln weights, means, widths in ln(1 + z), each (B, GAUSSIANS)."""
        weight, mean, width = self.body(features).chunk(3, dim=1)
        return functional.log_softmax(weight, dim=1), mean, functional.softplus(width) + NARROWEST

    def log_density(self, features: Tensor, x: Tensor) -> Tensor:
        """Ln p(x) of features (B, F) at x (B,) or, the same points for all, (1, k); shape (B,) or (B, k)."""
        log_weight, mean, width = (part[:, :, None] for part in self(features))  # (B, G, 1)
        at = x.reshape(-1, 1, 1) if x.ndim == 1 else x[:, None, :]  # (B, 1, 1) or (1, 1, k)
        normal = -(((at - mean) / width) ** 2) / 2 - width.log() - LOG_SQRT_2PI  # (B, G, 1 or k)
        return torch.logsumexp(log_weight + normal, dim=1).reshape(len(features), *x.shape[1:])


def loss(network: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
    """Mean of -ln p(x) at the labels."""
    assert isinstance(network, Mixture)
    features, x = batch
    return -network.log_density(features, x).mean()


@dataclass(frozen=True)
class MixtureDensity:
    """The trained network with what turns a table into its input."""

    photometry: Photometry
    network: Mixture
    nodes: FloatArray

    def predict(self, test: Table) -> Table:
        """p(z) = p(x) / (1 + z) on the nodes."""
        device = next(self.network.parameters()).device
        features = torch.as_tensor(self.photometry.features(test), dtype=torch.float32, device=device)
        x = torch.as_tensor(np.log1p(self.nodes), dtype=torch.float32, device=device)[None]
        density = np.empty((rows(test), len(self.nodes)), np.float32)
        with torch.no_grad():
            for first in range(0, len(density), CHUNK):
                log_p = self.network.log_density(features[first : first + CHUNK], x) - x  # Jacobian dx/dz
                log_p -= log_p.amax(dim=1, keepdim=True)  # far from the labels all of p may lie off the grid
                density[first : first + CHUNK] = log_p.exp().cpu().numpy()
        return densities.answer(test, density, self.nodes)


def train(public: Public, settings: Settings) -> MixtureDensity:
    """Train on all labels."""
    photometry, features, z = labels(public)
    return train_on(public, settings, photometry, features, z, name="mdn")


def train_on(
    public: Public,
    settings: Settings,
    photometry: Photometry,
    features: NDArray[np.float64],
    z: NDArray[np.float64],
    *,
    name: str,
) -> MixtureDensity:
    """Train on labels z (n,) with features (n, F) that the caller chose; ``name`` is that of the baseline."""
    device = choose(settings.device)
    with seeded(settings.seed):
        network = Mixture(features.shape[1]).to(device)
    data = Tensors(device, features.astype(np.float32), np.log1p(z).astype(np.float32))
    network = fit(network, loss, data, RECIPE, settings, name=name, release=public.release_id)
    return MixtureDensity(photometry, network, densities.grid(public))
