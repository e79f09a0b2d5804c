"""What the two networks share: how one is trained on light curves, made honest, and asked.

The score weighs classes, not objects, so the loss does too. A class of our Galaxy is impossible for what lies beyond
it, and the other way round. After training the logits are divided by a temperature that is fitted to rows which the
network has not seen, and room is left for the class that the training set does not hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from blindsky.baselines.baseline import Settings
from blindsky.baselines.training import Recipe, Rows, choose, fit, half, seeded, threads
from blindsky.baselines.transients import novelty
from blindsky.baselines.transients.augmentation import Augmentation, Draws
from blindsky.baselines.transients.lightcurves import BANDS, KEY, Archive, LightCurves
from blindsky.baselines.transients.novelty import Novelty
from blindsky.baselines.transients.tokens import GALACTIC, OBJECT, TOKEN, Batch, batch, bucketed
from blindsky.challenges import tables
from blindsky.challenges.challenge import rows
from blindsky.challenges.release import Public
from blindsky.challenges.transients.classes import CLASSES, OTHER
from blindsky.scoring.measurements import Array, FloatArray, Table

KNOWN = tuple(c for c in CLASSES if c.number != OTHER)
NUMBERS = np.array([c.number for c in KNOWN])
GALAXY = torch.tensor([c.galactic for c in KNOWN])
IMPOSSIBLE = -1e4  # logit; finite, so that no loss is ever NaN

BAND_WIDTH, INPUT_WIDTH, OBJECT_WIDTH = 8, 64, 64
DROPOUT = 0.3
ASIDE = 10  # one object of so many of each class is kept for the temperature
VIEWS = 4  # draws of each of them
COLDEST, HOTTEST = 0.25, 8.0
CHUNK = 256  # objects at once in prediction, of nearly one length


class Tokenwise(nn.Module):
    """Tokens and their bands -> a vector each."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.band = nn.Embedding(BANDS, BAND_WIDTH)
        self.linear = nn.Linear(len(TOKEN) + BAND_WIDTH, width)

    def forward(self, tokens: Tensor, band: Tensor) -> Tensor:
        """(B, L, TOKEN), (B, L) -> (B, L, width)."""
        found: Tensor = self.linear(torch.cat([tokens, self.band(band)], dim=2))
        return found


class Classifier(nn.Module):
    """An encoder of light curves beside what is known of the object, and a head in full precision.

    encoder : (tokens (B, L, TOKEN), band (B, L), length (B,)) -> (B, features).
    """

    galaxy: Tensor

    def __init__(self, encoder: nn.Module, features: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.objects = nn.Sequential(
            nn.Linear(len(OBJECT), OBJECT_WIDTH),
            nn.SiLU(),
            nn.Linear(OBJECT_WIDTH, OBJECT_WIDTH),
            nn.SiLU(),
        )
        self.head = nn.Sequential(
            nn.Linear(features + OBJECT_WIDTH, 2 * OBJECT_WIDTH),
            nn.SiLU(),
            nn.Dropout(DROPOUT),
            nn.Linear(2 * OBJECT_WIDTH, len(KNOWN)),
        )
        self.register_buffer("galaxy", GALAXY, persistent=False)

    def forward(self, seen: Batch) -> Tensor:
        """Logits of the known classes, (B, KNOWN)."""
        light = self._light(seen)
        with torch.autocast(light.device.type, enabled=False):
            logits: Tensor = self.head(torch.cat([light.float(), self.objects(seen.objects)], dim=1))
            wrong = (seen.objects[:, GALACTIC, None] > 0) != self.galaxy
        return logits.masked_fill(wrong, IMPOSSIBLE)

    def _light(self, seen: Batch) -> Tensor:
        """The encoder's features (B, features): light curves of less than half of the longest go on their own.

        Deep objects that become wide ones, and curves that are cut early, would be padding for the most part.
        """
        longest = seen.tokens.shape[1]
        short = seen.length <= longest // 2
        groups = [(at.nonzero()[:, 0], n) for at, n in ((short, longest // 2), (~short, longest)) if at.any()]
        found = [self.encoder(seen.tokens[at, :n], seen.band[at, :n], seen.length[at]) for at, n in groups]
        light: Tensor = torch.cat(found)[torch.cat([at for at, _ in groups]).argsort()]
        return light


def inside(length: Tensor, n: int) -> Tensor:
    """Which of n positions hold a token, (B, n)."""
    return torch.arange(n, device=length.device) < length[:, None]


def largest(values: Tensor, length: Tensor) -> Tensor:
    """Maximum of every channel over an object's tokens: (B, L, C) -> (B, C)."""
    outside = ~inside(length, values.shape[1])[:, :, None]
    return values.masked_fill(outside, -torch.inf).amax(dim=1)


def mean(values: Tensor, length: Tensor) -> Tensor:
    """Mean of every channel over an object's tokens: (B, L, C) -> (B, C)."""
    outside = ~inside(length, values.shape[1])[:, :, None]
    return values.masked_fill(outside, 0.0).sum(dim=1) / length[:, None]


def loss(network: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
    """Cross-entropy of the batch (Batch, target, weight), weighted."""
    *seen, target, weight = batch
    return (weight * functional.cross_entropy(network(Batch(*seen)), target, reduction="none")).mean()


@dataclass(frozen=True)
class Objects:
    """Training objects as the one torch loop asks for them.

    chosen : rows of the table that are learned from; ``target`` (n,) is a place in KNOWN, ``weight`` (n,) has the
    mean 1 over them.    size : rows of a batch, whose light curves are nearly of one length.
    """

    table: Table
    curves: LightCurves
    target: NDArray[np.int64]
    weight: FloatArray
    chosen: Rows
    augment: Augmentation
    size: int
    seed: int
    device: torch.device

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.chosen)

    def order(self, rows: Rows, generator: np.random.Generator | None) -> Rows:
        """Shuffled, rows of like length next to each other; as they are where None."""
        if generator is None:
            return rows
        return rows[bucketed(self.curves.counts[self.chosen[rows]], self.size, generator)]

    def batch(self, rows: Rows, epoch: int) -> tuple[Tensor, ...]:
        """Augmented objects, their classes and weights."""
        at = self.chosen[rows]
        table = {name: column[at] for name, column in self.table.items()}
        table, curves = self.augment(table, self.curves.take(at), at, Draws(self.seed, epoch, at))
        labels = (self.target[at], self.weight[at].astype(np.float32))
        return (*batch(table, curves, self.device), *(torch.from_numpy(x).to(self.device) for x in labels))


def class_weights(target: NDArray[np.int64], weight: FloatArray) -> FloatArray:
    """Weight (n,) of each object with a place in KNOWN: W_c over the number of its class, with a mean of 1."""
    share = weight / np.maximum(np.bincount(target, minlength=len(weight)), 1)
    found = share[target]
    return np.asarray(found / found.mean())


def apart(target: NDArray[np.int64], seed: int) -> tuple[Rows, Rows]:
    """Rows to learn from, and one of ``ASIDE`` of each class for the temperature; both in order."""
    shuffled = np.random.default_rng([seed]).permutation(len(target))
    by_class = shuffled[np.argsort(target[shuffled], kind="stable")]
    first = np.searchsorted(target[by_class], target[by_class])
    held = (np.arange(len(target)) - first) % ASIDE == ASIDE - 1
    return np.sort(by_class[~held]), np.sort(by_class[held])


def temperature(logits: FloatArray, target: NDArray[np.int64], weight: FloatArray) -> float:
    """By what logits (n, k) are divided for the least weighted cross-entropy. Guo et al. 2017; 1 without rows."""
    from scipy.optimize import minimize_scalar
    from scipy.special import logsumexp

    if not len(target):
        return 1.0

    def cost(log_t: float) -> float:
        scaled = logits / np.exp(log_t)
        true = scaled[np.arange(len(target)), target]
        return float(np.average(logsumexp(scaled, axis=1) - true, weights=weight))

    bounds = (np.log(COLDEST), np.log(HOTTEST))
    return float(np.exp(minimize_scalar(cost, bounds=bounds, method="bounded").x))


@dataclass(frozen=True)
class Trained:
    """A trained network with what makes probabilities of its logits."""

    network: Classifier
    temperature: float
    novelty: Novelty
    archive: Archive
    bf16: bool
    workers: int

    def predict(self, test: Table) -> Table:
        """Probabilities of all classes and how strange each object is."""
        curves = self.archive.read(test[KEY])
        other, score = self.novelty.of(curves, test)
        logits = np.empty((rows(test), len(KNOWN)))
        with threads(self.workers):
            for at in _chunks(curves.counts):
                table = {name: column[at] for name, column in test.items()}
                device = next(self.network.parameters()).device
                logits[at] = answer(self.network, batch(table, curves.take(at), device), self.bf16)
        known = np.exp((logits - logits.max(axis=1, keepdims=True)) / self.temperature)
        known *= ((1 - other) / known.sum(axis=1))[:, None]
        columns = {f"class_{number}": known[:, k] for k, number in enumerate(NUMBERS)}
        return {KEY: test[KEY], **columns, f"class_{OTHER}": other, "anomaly_score": score}


def answer(network: Classifier, seen: Batch, bf16: bool) -> NDArray[np.float64]:
    """Logits of some objects, (B, KNOWN)."""
    with torch.inference_mode(), half(seen.tokens.device, bf16):
        found: NDArray[np.float64] = network(seen).double().cpu().numpy()
    return found


def _chunks(lengths: Array) -> Iterator[Rows]:
    """All rows, the shortest first, ``CHUNK`` at a time."""
    order = np.argsort(lengths, kind="stable")
    for first in range(0, len(order), CHUNK):
        yield order[first : first + CHUNK]


def train_network(
    public: Public,
    settings: Settings,
    build: Callable[[], Classifier],
    recipe: Recipe,
    *,
    name: str,
) -> Trained:
    """Train on nine tenths of the labels, and fit the temperature to the rest."""
    device = choose(settings.device)
    strange = novelty.train(public, settings)
    table = public.table("train")
    curves = Archive.of(public, "train").read(table[KEY])
    columns = {"ddf", "hostgal_photoz", "hostgal_specz", "epoch_cut"}
    test = public.table("test", [c for c in tables.column_names(public.path("test")) if c in columns])
    target = np.searchsorted(NUMBERS, table["target"])
    stated = {c["class"]: float(c["weight"]) for c in public.json("classes")["classes"]}
    weight = class_weights(target, np.array([stated[n] for n in NUMBERS.tolist()]))
    learned, held = apart(target, settings.seed)
    data = Objects(
        table,
        curves,
        target,
        weight,
        learned,
        Augmentation.of(table, curves, test),
        recipe.batch,
        settings.seed,
        device,
    )
    with seeded(settings.seed):
        network = build().to(device)
    network = fit(network, loss, data, recipe, settings, name=name, release=public.release_id)
    with threads(settings.workers):
        t = _fitted_temperature(network, data, held, recipe.bf16)
    return Trained(network, t, strange, Archive.of(public, "test"), recipe.bf16, settings.workers)


def _fitted_temperature(network: Classifier, data: Objects, held: Rows, bf16: bool) -> float:
    """The temperature of rows that were not learned from, seen as those that were."""
    from dataclasses import replace

    aside = replace(data, chosen=held)
    found = [
        aside.batch(np.arange(first, min(first + CHUNK, len(held))), view)
        for view in range(VIEWS)
        for first in range(0, len(held), CHUNK)
    ]
    logits = [answer(network, Batch(*seen), bf16) for *seen, _, _ in found]
    return temperature(
        np.concatenate(logits) if found else np.empty((0, len(KNOWN))),
        np.tile(data.target[held], VIEWS),
        np.tile(data.weight[held], VIEWS),
    )
