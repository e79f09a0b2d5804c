"""The one torch loop: seeds, schedules, autocast, threads, validation, early stop, checkpoints, resume.

Whatever a training draws follows from (seed, epoch), and the learning rate from the step alone, so a
checkpoint holds weights and optimiser and nothing else, and a run that was killed ends with the same bits as
one that was not (on one machine, with the same number of threads).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from blindsky.baselines.baseline import Settings
from blindsky.challenges.errors import BlindskyError, InputFault, MachineFault
from blindsky.challenges.files import new_file

Rows = NDArray[np.int64]
Network = TypeVar("Network", bound=nn.Module)

WARM_UP = (
    0.3  # share of the steps on which the rate rises; this and the two divisors as in Smith & Topin 2017
)
START, END = 1 / 25, 1 / 250_000  # rate at the first and the last step, in units of the peak
DROP, STAIRS = 0.1, 3  # ``steps``: the rate falls to a tenth after each third of the training, Lanusse+2018


@dataclass(frozen=True)
class Recipe:
    """The hyper-parameters of a training.

    epochs, batch : passes over the rows, which the user's own number stands above; rows a step.
    rate : peak learning rate.    schedule : how it moves, ``one_cycle`` or ``steps``.
    weight_decay : AdamW; Adam where 0.
    validation : share of the rows kept aside; the weights of the best epoch on them are kept, and training
        stops after ``patience`` epochs without a better one.
    bf16 : autocast where the device computes in it; off where 8 bits of mantissa would spoil the input.
    """

    epochs: int
    batch: int
    rate: float
    schedule: Literal["one_cycle", "steps"] = "one_cycle"
    weight_decay: float = 0.0
    validation: float = 0.0
    patience: int = 10
    bf16: bool = True


class Data(Protocol):
    """Rows to learn from. What it draws for a row follows from (seed, epoch, row): no generator is kept."""

    def __len__(self) -> int:
        """Number of rows."""

    def order(self, rows: Rows, generator: np.random.Generator | None) -> Rows:
        """The given rows in the order in which batches ask for them next: shuffled, or the file's where None."""

    def batch(self, rows: Rows, epoch: int) -> tuple[Tensor, ...]:
        """Some rows as tensors on the device."""


class Tensors:
    """A small table: whole on the device, so that a batch costs one gather."""

    def __init__(self, device: torch.device, *columns: NDArray[np.float32]) -> None:
        self.columns = tuple(torch.as_tensor(column, device=device) for column in columns)

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.columns[0])

    def order(self, rows: Rows, generator: np.random.Generator | None) -> Rows:
        """A permutation; as they are where None, for any order costs the same."""
        return rows if generator is None else rows[generator.permutation(len(rows))]

    def batch(self, rows: Rows, epoch: int) -> tuple[Tensor, ...]:
        """The rows of every column; the same in every epoch."""
        index = torch.as_tensor(rows, device=self.columns[0].device)
        return tuple(column[index] for column in self.columns)


def choose(device: str) -> torch.device:
    """``auto`` is CUDA where there is one; MachineFault where ``cuda`` is asked for and absent."""
    present = torch.cuda.is_available()
    if device == "cuda" and not present:
        message = "the device cuda was asked for, and torch finds none. Use --device cpu, or auto"
        raise MachineFault(message)
    return torch.device("cuda" if present and device != "cpu" else "cpu")


def half(device: torch.device, wanted: bool = True) -> torch.autocast:
    """Autocast to bf16 where the device computes in it: on CUDA, and on processors with AVX512-BF16 or AMX."""
    known: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()  # not before torch 2.10
    able = device.type == "cuda" or known.get("avx512_bf16") or known.get("amx_bf16")
    return torch.autocast(device.type, torch.bfloat16, enabled=wanted and bool(able))


@contextmanager
def threads(n: int) -> Iterator[None]:
    """Torch computes in ``n`` threads inside."""
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def seeded(*words: int) -> Iterator[None]:
    """Torch's draws (initial weights, dropout) follow from ``words`` inside, and are untouched outside."""
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(int(np.random.SeedSequence(words).generate_state(1, np.uint64)[0]))
        yield


def one_cycle(step: int, steps: int) -> float:
    """Learning rate of a step in units of the peak: up on a half cosine, then down. Smith & Topin 2017."""
    peak = WARM_UP * steps - 1
    if step <= peak:
        return _cosine(START, 1.0, step / peak)
    return _cosine(1.0, END, (step - peak) / (steps - 1 - peak))


def steps_down(step: int, steps: int) -> float:
    """Learning rate of a step in units of the first: a tenth of it after each third."""
    return float(DROP ** (STAIRS * step // steps))


SCHEDULES = {"one_cycle": one_cycle, "steps": steps_down}


def _cosine(start: float, end: float, x: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * x)) / 2


def fit(
    network: Network,
    loss: Callable[[nn.Module, tuple[Tensor, ...]], Tensor],
    data: Data,
    recipe: Recipe,
    settings: Settings,
    *,
    name: str,
    release: str,
) -> Network:
    """Train ``network``, which must lie on the data's device, and return it in evaluation mode.

    loss : (network, batch) -> mean over the batch.    name, release : what is trained on what; with seed and
    recipe they say whether a checkpoint belongs to this training. BlindskyError where the loss is not finite.
    """
    recipe = replace(recipe, epochs=settings.epochs or recipe.epochs)
    with threads(settings.workers):
        return _fit(network, loss, data, recipe, settings, name, release)


def _fit(
    network: Network,
    loss: Callable[[nn.Module, tuple[Tensor, ...]], Tensor],
    data: Data,
    recipe: Recipe,
    settings: Settings,
    name: str,
    release: str,
) -> Network:
    device = next(network.parameters()).device
    optimiser = torch.optim.AdamW(network.parameters(), lr=recipe.rate, weight_decay=recipe.weight_decay)
    checkpoint = _Checkpoint(settings, recipe, name, release)

    shuffled = np.random.default_rng([settings.seed]).permutation(len(data))
    aside = round(recipe.validation * len(data))
    held, kept = shuffled[:aside], shuffled[aside:]
    batches = math.ceil(len(kept) / recipe.batch)

    def mean_loss(rows: Rows, epoch: int, step: Callable[[Tensor, int], None] | None = None) -> float:
        total = torch.zeros((), device=device)
        for i, first in enumerate(range(0, len(rows), recipe.batch)):
            chunk = rows[first : first + recipe.batch]
            batch = data.batch(chunk, epoch)
            with half(device, recipe.bf16):
                value = loss(network, batch)
            if step is not None:
                step(value, epoch * batches + i)
                bar.advance(len(chunk))
            total += value.detach() * len(chunk)
        return float(total) / len(rows)

    def descend(value: Tensor, step: int) -> None:
        for group in optimiser.param_groups:
            group["lr"] = recipe.rate * SCHEDULES[recipe.schedule](step, recipe.epochs * batches)
        optimiser.zero_grad()
        value.backward()  # type: ignore[no-untyped-call]
        optimiser.step()

    done, best = checkpoint.resume(network, optimiser)
    with settings.progress(f"training {name}", recipe.epochs * len(kept), "rows") as bar:
        bar.advance(done * len(kept))
        for epoch in range(done, recipe.epochs):
            if best and epoch - best["epoch"] > recipe.patience:
                break
            order = data.order(kept, np.random.default_rng([settings.seed, epoch]))
            network.train()
            with seeded(settings.seed, epoch):
                current = mean_loss(order, epoch, descend)
            if aside:
                network.eval()
                with torch.no_grad():
                    current = mean_loss(data.order(held, None), epoch)
            if not math.isfinite(current):
                message = f"training {name}: the loss of epoch {epoch + 1} is {current}. Try another seed"
                raise BlindskyError(message)
            if aside and (not best or current < best["loss"]):
                best = {"loss": current, "epoch": epoch, "network": _copy(network.state_dict())}
            bar.note(f"epoch {epoch + 1}/{recipe.epochs} loss {current:.4f}")
            checkpoint.save(network, optimiser, epoch + 1, best)
    if best:
        network.load_state_dict(best["network"])
    return network.eval()


def _copy(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in state.items()}


class _Checkpoint:
    """The state of a training after an epoch, in one file; does nothing where no folder was given."""

    def __init__(self, settings: Settings, recipe: Recipe, name: str, release: str) -> None:
        self.identity = {"name": name, "release": release, "seed": settings.seed, **asdict(recipe)}
        folder = settings.checkpoints
        self.path: Path | None = None if folder is None else folder / f"{name}-{settings.seed}.pt"

    def save(
        self, network: nn.Module, optimiser: torch.optim.Optimizer, done: int, best: dict[str, Any]
    ) -> None:
        if self.path is None:
            return
        state = {
            "identity": self.identity,
            "done": done,
            "network": network.state_dict(),
            "optimiser": optimiser.state_dict(),
            "best": best,
        }
        with new_file(self.path) as partial:
            torch.save(state, partial)

    def resume(self, network: nn.Module, optimiser: torch.optim.Optimizer) -> tuple[int, dict[str, Any]]:
        """Epochs done, and the best one on the validation rows (empty where there is none)."""
        if self.path is None or not self.path.exists():
            return 0, {}
        try:
            state = torch.load(self.path, map_location="cpu", weights_only=True)
            identity = state["identity"]
        except Exception as error:  # whatever torch makes of bytes that are not its own
            kind = type(error).__name__
            message = f"{self.path} can't be read as a checkpoint ({kind}). Remove it to train from the start"
            raise InputFault(message) from error
        if identity != self.identity:
            message = (
                f"{self.path} belongs to another training: found {identity}, expected {self.identity}. "
                "Remove it, or give another folder for checkpoints"
            )
            raise InputFault(message)
        network.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
        return state["done"], state["best"]
