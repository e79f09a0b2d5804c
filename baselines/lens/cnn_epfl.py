"""The network that won the space branch of the first challenge: LASTRO EPFL. Schaefer et al. 2018, A&A 611, A2.

blindsky baseline lens/cnn_epfl --release ID --device auto

Batches are balanced by weights: theirs drew 15 lenses and 15 others, ours visit every stamp once an epoch and
weigh the two classes to the same sum, which has the same mean gradient. Their dropout rises from 0 to 0.5 in
the course of some ten thousand steps; ours is constant and between.
"""

from __future__ import annotations

from torch import Tensor, nn

from blindsky.baselines.baseline import Settings
from blindsky.baselines.lens.images import dihedral, eye, moments
from blindsky.baselines.lens.networks import Finder, Trained, bands, mean_log, train_finder
from blindsky.baselines.lens.stamps import labels
from blindsky.baselines.training import Recipe, choose, seeded
from blindsky.challenges.release import Public

SIDE = (
    5  # pixels a side before the dense layers, what 101 pixels come down to; larger stamps are pooled to it
)
DROPOUT = 0.3
GAIN, OFFSET = 0.2, 0.1  # of the augmentation: factor 1 +- 0.2, offset +- 0.1 rms of all pixels
RECIPE = Recipe(epochs=60, batch=30, rate=5e-4)  # Adam; theirs was constant at 1e-4 for hundreds of epochs


def build(n_bands: int) -> Finder:
    """(B, n_bands, 101, 101) -> 48 -> 22 -> 9 -> 5 pixels a side, then dense layers."""
    layers: list[nn.Module] = []
    channels = n_bands
    for out, kernel in ((16, 4), (32, 3), (64, 3)):
        layers += [nn.Conv2d(channels, out, kernel), nn.ReLU(), nn.Conv2d(out, out, 3), nn.ReLU()]
        layers += [nn.MaxPool2d(2), nn.BatchNorm2d(out)]
        channels = out
    layers += [nn.Dropout(DROPOUT), nn.Conv2d(64, 128, 3), nn.ReLU(), nn.Dropout(DROPOUT)]
    layers += [nn.Conv2d(128, 128, 3), nn.ReLU(), nn.BatchNorm2d(128), nn.Dropout(DROPOUT)]
    layers += [nn.AdaptiveAvgPool2d(SIDE), nn.Flatten()]
    width = 128 * SIDE**2
    for _ in range(3):
        layers += [nn.Linear(width, 1024), nn.ReLU(), nn.Dropout(DROPOUT)]
        width = 1024
    return Finder(nn.Sequential(*layers), width)


def augment(stamps: Tensor, draws: Tensor) -> Tensor:
    """One of eight views, another gain, another zero."""
    gain, offset = (2 * draws[:, 1:3] - 1).T[:, :, None, None, None]
    changed: Tensor = dihedral(stamps, draws) * (1 + GAIN * gain) + OFFSET * offset
    return changed


def train(public: Public, settings: Settings) -> Trained:
    """Train on all labels."""
    with seeded(settings.seed):
        network = build(bands(public))
    device = choose(settings.device)
    _, mean, rms = moments(public, eye(public, device, lambda image, sigma: image), settings, "cnn_epfl")
    seen = eye(public, device, lambda image, sigma: (image - mean) / rms)
    truth = labels(public)
    return train_finder(
        public,
        settings,
        network,
        seen,
        truth,
        augment,
        RECIPE,
        name="cnn_epfl",
        combine=mean_log,
        lens_weight=2 * (1 - float(truth.mean())),
    )
