"""A recurrent network that reads a light curve in both directions and keeps the largest of what it notices.

blindsky baseline transients/bigru --release ID --device auto
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from blindsky.baselines.baseline import Settings
from blindsky.baselines.training import Recipe
from blindsky.baselines.transients.networks import (
    INPUT_WIDTH,
    Classifier,
    Tokenwise,
    Trained,
    largest,
    train_network,
)
from blindsky.challenges.release import Public

WIDTH = 96  # of the state in each direction
RECIPE = Recipe(epochs=30, batch=128, rate=4e-3, weight_decay=1e-2, bf16=False)  # a state adds up its errors


class BiGRU(nn.Module):
    """Two gated recurrent units, one of which reads backwards from the last token. Cho et al. 2014."""

    def __init__(self) -> None:
        super().__init__()
        self.tokenwise = Tokenwise(INPUT_WIDTH)
        self.forwards = nn.GRU(INPUT_WIDTH, WIDTH, batch_first=True)
        self.backwards = nn.GRU(INPUT_WIDTH, WIDTH, batch_first=True)

    def forward(self, tokens: Tensor, band: Tensor, length: Tensor) -> Tensor:
        """(B, L, TOKEN), (B, L), (B,) -> (B, 2 WIDTH).

        Both directions reach the padding last, so that nothing before it has seen it: several times faster to
        train on a processor than packed sequences.
        """
        x = functional.silu(self.tokenwise(tokens, band))
        place = torch.arange(x.shape[1], device=x.device)
        turned = (length[:, None] - 1 - place).clamp(min=0)[:, :, None].expand_as(x)
        found = torch.cat([self.forwards(x)[0], self.backwards(x.gather(1, turned))[0]], dim=2)
        return largest(found, length)


def build() -> Classifier:
    """The network before training."""
    return Classifier(BiGRU(), 2 * WIDTH)


def train(public: Public, settings: Settings) -> Trained:
    """Train on the labels."""
    return train_network(public, settings, build, RECIPE, name="bigru")
