"""The residual network that won the ground branch of the first challenge: CMU DeepLens. Lanusse et al. 2018.

blindsky baseline lens/resnet --release ID --device cuda

1.2 GFLOP a stamp, so its 120 epochs are meant for a GPU; ``--epochs`` makes it shorter elsewhere.
"""

from __future__ import annotations

from functools import partial

from torch import Tensor, nn

from blindsky.baselines.baseline import Settings
from blindsky.baselines.lens.images import eye, moments, turned
from blindsky.baselines.lens.networks import Finder, GlobalMean, Trained, bands, train_finder
from blindsky.baselines.lens.stamps import labels
from blindsky.baselines.training import Recipe, choose, seeded
from blindsky.challenges.release import Public

STEM = 32  # channels of the first convolution
INNER = (16, 32, 64, 128, 256)  # channels inside the bottlenecks of each stage; twice that come out
BLOCKS = 3  # a stage
BRIGHTEST = 250.0  # noise rms; what is brighter is clipped
ZOOM = 0.9  # of the augmentation: down to this share of the stamp fills the frame
RECIPE = Recipe(epochs=120, batch=128, rate=1e-3, schedule="steps")


class Bottleneck(nn.Module):
    """Pre-activated: He et al. 2016, ECCV. The first of all has its activation before it."""

    def __init__(self, channels: int, inner: int, *, stride: int = 1, activated: bool = False) -> None:
        super().__init__()
        activation = [nn.BatchNorm2d(channels), nn.ELU()]
        self.activation = nn.Sequential() if activated else nn.Sequential(*activation)
        self.branch = nn.Sequential(
            nn.Conv2d(channels, inner, 1, bias=False),
            nn.BatchNorm2d(inner),
            nn.ELU(),
            nn.Conv2d(inner, inner, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(inner),
            nn.ELU(),
            nn.Conv2d(inner, 2 * inner, 1),
        )
        same = channels == 2 * inner
        self.shortcut = None if same else nn.Conv2d(channels, 2 * inner, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, H, W) -> (B, 2 inner, H / stride, W / stride)."""
        active = self.activation(x)
        shortcut = x if self.shortcut is None else self.shortcut(active)
        out: Tensor = shortcut + self.branch(active)
        return out


def build(n_bands: int) -> Finder:
    """(B, n_bands, 101, 101) -> 51 -> 26 -> 13 -> 7 pixels a side, and their mean."""
    layers: list[nn.Module] = [
        nn.Conv2d(n_bands, STEM, 7, padding=3, bias=False),
        nn.BatchNorm2d(STEM),
        nn.ELU(),
    ]
    channels = STEM
    for stage, inner in enumerate(INNER):
        for block in range(BLOCKS):
            first = block == 0
            stride = 2 if first and stage else 1
            layers.append(Bottleneck(channels, inner, stride=stride, activated=first and not stage))
            channels = 2 * inner
    network = Finder(nn.Sequential(*layers, GlobalMean()), channels)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    return network


def train(public: Public, settings: Settings) -> Trained:
    """Train on all labels."""
    with seeded(settings.seed):
        network = build(bands(public))
    device = choose(settings.device)
    mean, _, _ = moments(public, eye(public, device, lambda image, sigma: image), settings, "resnet")
    seen = eye(public, device, partial(prepare, mean=mean))
    augment = partial(turned, zoom=ZOOM)
    return train_finder(public, settings, network, seen, labels(public), augment, RECIPE, name="resnet")


def prepare(image: Tensor, sigma: Tensor, *, mean: Tensor) -> Tensor:
    """What differs from the mean stamp, in units of the noise."""
    return ((image - mean) / sigma).clamp(-BRIGHTEST, BRIGHTEST)
