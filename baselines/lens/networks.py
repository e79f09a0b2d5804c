"""What the three networks share: how one is trained on stamps, and how it scores them in eight views."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from blindsky.baselines.baseline import Settings
from blindsky.baselines.lens.images import VIEWS, Augment, Eye, Stamps, stamp_columns, view
from blindsky.baselines.training import Recipe, fit, half, threads
from blindsky.baselines.window import Window
from blindsky.challenges.challenge import rows
from blindsky.challenges.release import Public
from blindsky.scoring.measurements import Table

CHUNK = 64  # stamps at once in prediction
STEEPEST = 20.0  # no logit is larger: a float64 next to 1 has little room, where the best scores would tie


class Finder(nn.Module):
    """A body that makes features of stamps, and a linear head in full precision, so that no two scores tie."""

    def __init__(self, body: nn.Module, features: int) -> None:
        super().__init__()
        self.body, self.head = body, nn.Linear(features, 1)

    def forward(self, stamps: Tensor) -> Tensor:
        """(B, C, H, W) -> logits (B,)."""
        features = self.body(stamps)
        with torch.autocast(features.device.type, enabled=False):
            logits: Tensor = self.head(features.float())[:, 0]
        return logits


class GlobalMean(nn.Module):
    """Mean of every channel, in full precision: (B, C, H, W) -> (B, C)."""

    def forward(self, stamps: Tensor) -> Tensor:
        """Sum in 24 bits what was computed in 8."""
        return stamps.float().mean(dim=(2, 3))


Combine = Callable[[Tensor], Tensor]


def mean_logit(logits: Tensor) -> Tensor:
    """Score of the mean logit of the views (VIEWS, B) -> (B,)."""
    return logits.mean(dim=0).sigmoid()


def mean_log(logits: Tensor) -> Tensor:
    """Geometric mean of the scores of the views (VIEWS, B) -> (B,); Schaefer+2018 take their product."""
    return functional.logsigmoid(logits).mean(dim=0).exp()


@dataclass(frozen=True)
class Trained:
    """A trained network with what turns a table into its input and its logits into a score."""

    network: Finder
    eye: Eye
    combine: Combine
    bf16: bool
    workers: int

    def predict(self, test: Table) -> Table:
        """Score the rows; the score of a stamp does not change when it is turned or flipped."""
        scores = [
            self._score({name: column[i : i + CHUNK] for name, column in test.items()})
            for i in range(0, rows(test), CHUNK)
        ]
        return {"id": test["id"], "score": np.concatenate(scores)}

    def _score(self, test: Table) -> NDArray[np.float64]:
        with torch.inference_mode(), threads(self.workers):
            stamps = self.eye(test)
            with half(self.eye.device, self.bf16):
                views = [view(stamps, k).contiguous(memory_format=torch.channels_last) for k in range(VIEWS)]
                logits = torch.stack([self.network(seen) for seen in views]).double()
            scores: NDArray[np.float64] = self.combine(STEEPEST * (logits / STEEPEST).tanh()).cpu().numpy()
        return scores


def bands(public: Public) -> int:
    """Number of bands of a release, over all cameras."""
    return sum(len(camera["bands"]) for camera in public.json("cameras")["cameras"])


def train_finder(
    public: Public,
    settings: Settings,
    network: Finder,
    eye: Eye,
    labels: NDArray[np.bool_],
    augment: Augment,
    recipe: Recipe,
    *,
    name: str,
    combine: Combine = mean_logit,
    lens_weight: float = 1.0,
) -> Trained:
    """Train on all stamps with the cross-entropy.

    lens_weight : weight of a lens; a non-lens has 2 minus it.
    """

    def loss(network: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
        stamps, label = batch
        weight = torch.where(label > 0, lens_weight, 2 - lens_weight)
        return functional.binary_cross_entropy_with_logits(network(stamps), label, weight=weight)

    network = network.to(eye.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    window = Window(public.groups("train"), stamp_columns(public), settings.workers)
    data = Stamps(window, labels, eye, augment, settings.seed)
    network = fit(network, loss, data, recipe, settings, name=name, release=public.release_id)
    return Trained(network, eye, combine, recipe.bf16, settings.workers)
