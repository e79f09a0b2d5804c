"""A transformer whose tokens are observations: each looks at all others, whenever and in whatever band they were.

blindsky baseline transients/transformer --release ID --device auto
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from blindsky.baselines.baseline import Settings
from blindsky.baselines.training import Recipe
from blindsky.baselines.transients.networks import (
    Classifier,
    Tokenwise,
    Trained,
    inside,
    largest,
    mean,
    train_network,
)
from blindsky.baselines.transients.tokens import LONG, TIME
from blindsky.challenges.release import Public

WIDTH, DEPTH, HEADS = 128, 4, 8
DROPOUT = 0.1
PERIODS = (2.0, 2000.0)  # days: half of the width are sines and cosines of times between them
RECIPE = Recipe(
    epochs=80, batch=128, rate=1e-3, weight_decay=1e-2
)  # softmax, norms and pools stay in 24 bits


class Block(nn.Module):
    """Attention and a network for each token, each after a norm and added to what there was. Xiong et al. 2020."""

    def __init__(self) -> None:
        super().__init__()
        self.before_attention, self.before_tokenwise = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.asked, self.told = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.tokenwise = nn.Sequential(nn.Linear(WIDTH, 2 * WIDTH), nn.GELU(), nn.Linear(2 * WIDTH, WIDTH))
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, x: Tensor, seen: Tensor) -> Tensor:
        """(B, L, WIDTH), which keys are there (B, 1, 1, L) -> (B, L, WIDTH)."""
        parts = self.asked(self.before_attention(x)).unflatten(2, (3, HEADS, WIDTH // HEADS))
        query, key, value = parts.permute(2, 0, 3, 1, 4)  # (B, HEADS, L, WIDTH / HEADS)
        heard = functional.scaled_dot_product_attention(query, key, value, attn_mask=seen)
        x = x + self.dropout(self.told(heard.transpose(1, 2).flatten(2)))
        added: Tensor = x + self.dropout(self.tokenwise(self.before_tokenwise(x)))
        return added


class Transformer(nn.Module):
    """Tokens with the phases of their times, four blocks, and the mean and the maximum of what comes out."""

    frequencies: Tensor

    def __init__(self) -> None:
        super().__init__()
        shortest, longest = (math.log(2 * math.pi * LONG / period) for period in PERIODS)
        self.register_buffer(
            "frequencies", torch.linspace(shortest, longest, WIDTH // 4).exp(), persistent=False
        )
        self.tokenwise = Tokenwise(WIDTH)
        self.phases = nn.Linear(WIDTH // 2, WIDTH, bias=False)
        self.blocks = nn.ModuleList(Block() for _ in range(DEPTH))
        self.norm = nn.LayerNorm(WIDTH)

    def forward(self, tokens: Tensor, band: Tensor, length: Tensor) -> Tensor:
        """(B, L, TOKEN), (B, L), (B,) -> (B, 2 WIDTH)."""
        angle = tokens[:, :, TIME, None] * self.frequencies
        x = self.tokenwise(tokens, band) + self.phases(torch.cat([angle.sin(), angle.cos()], dim=2))
        seen = inside(length, x.shape[1])[:, None, None]
        for block in self.blocks:
            x = block(x, seen)
        x = self.norm(x).float()
        return torch.cat([mean(x, length), largest(x, length)], dim=1)


def build() -> Classifier:
    """The network before training."""
    return Classifier(Transformer(), 2 * WIDTH)


def train(public: Public, settings: Settings) -> Trained:
    """Train on the labels."""
    return train_network(public, settings, build, RECIPE, name="transformer")
