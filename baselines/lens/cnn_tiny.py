"""A small convolutional network: 0.29 million parameters, minutes on a laptop.

blindsky baseline lens/cnn_tiny --release ID --device auto
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from blindsky.baselines.baseline import Settings
from blindsky.baselines.lens.images import dihedral, eye
from blindsky.baselines.lens.networks import Finder, GlobalMean, Trained, bands, train_finder
from blindsky.baselines.lens.stamps import labels
from blindsky.baselines.training import Recipe, choose, seeded
from blindsky.challenges.release import Public

LAYERS = (
    (16, 5, 2),
    (32, 3, 2),
    (32, 3, 1),
    (64, 3, 2),
    (64, 3, 1),
    (128, 3, 2),
    (128, 3, 1),
)  # out, kernel, stride
DROPOUT = 0.3
SOFT = 2.0  # noise rms at which the stretch turns from linear to logarithmic
RECIPE = Recipe(epochs=30, batch=64, rate=4e-3, weight_decay=1e-2)


def build(n_bands: int) -> Finder:
    """(B, n_bands, 101, 101) -> 51 -> 26 -> 13 -> 7 pixels a side, and their mean."""
    layers: list[nn.Module] = []
    channels = n_bands
    for out, kernel, stride in LAYERS:
        convolution = nn.Conv2d(channels, out, kernel, stride, padding=kernel // 2, bias=False)
        layers += [convolution, nn.BatchNorm2d(out), nn.ReLU()]
        channels = out
    return Finder(nn.Sequential(*layers, GlobalMean(), nn.Dropout(DROPOUT)), channels)


def prepare(image: Tensor, sigma: Tensor) -> Tensor:
    """Linear in the noise, logarithmic in bright galaxies."""
    return torch.asinh(image / (SOFT * sigma))


def train(public: Public, settings: Settings) -> Trained:
    """Train on all labels."""
    with seeded(settings.seed):
        network = build(bands(public))
    seen = eye(public, choose(settings.device), prepare)
    return train_finder(public, settings, network, seen, labels(public), dihedral, RECIPE, name="cnn_tiny")
