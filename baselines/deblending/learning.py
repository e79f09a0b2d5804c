"""Training blends as the networks ask for them: image and truth by row groups, in random views, bounded in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from blindsky.baselines.baseline import Settings
from blindsky.baselines.deblending import light, views
from blindsky.baselines.deblending.blends import KEY, Task
from blindsky.baselines.training import Network, Rows
from blindsky.baselines.window import Window
from blindsky.challenges.release import Public
from blindsky.challenges.tables import Groups
from blindsky.scoring.measurements import Array, Table

SOFT = 3.0  # noise rms at which the stretch turns from linear to logarithmic


class Batch(NamedTuple):
    """Some blends on the device; what of K galaxies a blend does not have is 0.

    image : (B, bands, N, N).   sigma : noise rms (B, bands).   light : S_i in the reference band (B, K, N, N).
    flux : total (B, K, bands).   at : column and row (B, K, 2).   there, scored : which galaxies the blend has, and
    which of them count, (B, K).
    """

    image: Tensor
    sigma: Tensor
    light: Tensor
    flux: Tensor
    at: Tensor
    there: Tensor
    scored: Tensor


def stretched(image: Tensor, sigma: Tensor) -> Tensor:
    """asinh(image / 3 sigma): (B, C, H, W), noise rms (B, C)."""
    return torch.asinh(image / (SOFT * sigma[:, :, None, None]))


def device_of(column: Array, device: torch.device) -> Tensor:
    """A column on the device; Arrow's memory is read-only, so it is copied where torch would complain."""
    return torch.from_numpy(np.require(column, requirements=["C", "W"])).to(device)


def on(network: Network, device: torch.device) -> Network:
    """A network on the device, its channels last where that is faster."""
    order = torch.channels_last if device.type == "cuda" else torch.contiguous_format
    network.to(device=device, memory_format=order)  # type: ignore[call-overload]
    return network


@dataclass(frozen=True)
class Truth:
    """The training blends with their galaxies beside them, to be read one row group of blends at a time.

    most : galaxies of a blend at most.   reference : place of the reference band.   first : row of each blend's first
    galaxy, and the number of rows at the end.
    """

    blends: Groups
    objects: Groups
    isolated: Groups | None
    fluxes: tuple[str, ...]
    reference: int
    first: Array
    most: int

    @classmethod
    def of(cls, public: Public, task: Task) -> Truth:
        """Of a release; the tables of galaxies stand in the order of the blends."""
        ids, owner = (public.table(name, [KEY])[KEY] for name in ("train", "train_objects"))
        first = np.append(np.searchsorted(owner, ids), len(owner))
        isolated = public.groups("train_isolated") if public.has("train_isolated") else None
        fluxes = tuple(f"flux_{band}" for band in task.camera.bands)
        most = int(np.diff(first).max())
        blends, objects = public.groups("train"), public.groups("train_objects")
        return cls(blends, objects, isolated, fluxes, task.camera.reference, first, most)

    @property
    def columns(self) -> tuple[str, ...]:
        """Of the tables that ``read`` gives."""
        return ("image", "sigma", "flux", "at", "there", "scored", "light" if self.isolated else "mask")

    @property
    def starts(self) -> Sequence[int]:
        """First row of each group of blends, and the number of blends at the end."""
        return self.blends.starts

    def read(self, k: int, columns: Sequence[str] | None = None) -> Table:
        """The blends of one group, a row each; galaxies along the second axis, 0 where there are fewer."""
        found = self.blends.read(k, ["image", "sigma"])
        first = self.first[self.starts[k] : self.starts[k + 1] + 1]
        counts = np.diff(first)
        blend = np.repeat(np.arange(len(counts)), counts)
        slot = np.arange(first[0], first[-1]) - np.repeat(first[:-1], counts)

        def padded(column: Array) -> Array:
            out = np.zeros((len(counts), self.most, *column.shape[1:]), column.dtype)
            out[blend, slot] = column
            return out

        picture = [] if self.isolated else ["mask"]
        truth = _slab(self.objects, first[0], first[-1], ["x", "y", "scored", *self.fluxes, *picture])
        found["flux"] = padded(np.stack([truth[name] for name in self.fluxes], axis=1).astype(np.float32))
        found["at"] = padded(np.stack([truth["x"], truth["y"]], axis=1).astype(np.float32))
        found["scored"] = padded(truth["scored"].astype(bool))
        found["there"] = padded(np.ones(len(blend), dtype=bool))
        if self.isolated:
            alone = _slab(self.isolated, first[0], first[-1], ["isolated"], self.reference)["isolated"]
            found["light"] = padded(alone)
        else:
            found["mask"] = padded(truth["mask"])
        return found


def _slab(groups: Groups, start: int, end: int, columns: Sequence[str], plane: int | None = None) -> Table:
    """Some rows that stand together in a table, of images only one plane."""
    starts = np.asarray(groups.starts)
    first, last = np.searchsorted(starts, start, side="right") - 1, np.searchsorted(starts, end)
    found: list[Table] = []
    for k in range(int(first), int(last)):
        rows = slice(max(start - starts[k], 0), end - starts[k])
        at = rows if plane is None else (rows, plane)
        found.append({name: column[at] for name, column in groups.read(k, columns).items()})
    return {name: np.concatenate([part[name] for part in found]) for name in columns}


class Lessons:
    """Training blends from row ``start`` on, as the one torch loop asks for them, each in the view it drew."""

    def __init__(
        self, public: Public, task: Task, settings: Settings, device: torch.device, start: int = 0
    ) -> None:
        truth = Truth.of(public, task)
        self.window = Window(truth, truth.columns, settings.workers)
        self.start, self.seed, self.device = start, settings.seed, device
        self.edge, self.reference = task.camera.mask, task.camera.reference
        self.on_pixel = len(task.camera.bands) == 1  # pairs have a central galaxy

    def __len__(self) -> int:
        """Number of blends."""
        return len(self.window) - self.start

    def order(self, rows: Rows, generator: np.random.Generator | None) -> Rows:
        """Window by window."""
        return self.window.order(rows + self.start, generator) - self.start

    def batch(self, rows: Rows, epoch: int) -> Batch:
        """Some blends; the view of a row follows from (seed, epoch, row)."""
        drawn = [
            np.random.default_rng([self.seed, epoch, row]).integers(views.VIEWS) for row in rows.tolist()
        ]
        return self.seen(self.window.take(rows + self.start), torch.tensor(drawn))

    def seen(self, table: Table, view: Tensor) -> Batch:
        """Rows of the truth in given views (B,)."""
        t = {name: device_of(column, self.device) for name, column in table.items()}
        known = self._light(t)
        bands = t["image"].shape[1]
        pictures = views.turned(torch.cat([t["image"], known], dim=1), view, self.on_pixel)
        at = views.places(t["at"], view.to(self.device), pictures.shape[-1], self.on_pixel)
        image, known = pictures[:, :bands].contiguous(), pictures[:, bands:].contiguous()
        return Batch(image, t["sigma"], known, t["flux"], at, t["there"], t["scored"])

    def _light(self, t: dict[str, Tensor]) -> Tensor:
        if "light" in t:
            return t["light"]
        r = self.reference
        edge = self.edge * t["sigma"][:, r]
        return light.shared(t["image"][:, r], edge, t["mask"], t["flux"][:, :, r], t["at"])
