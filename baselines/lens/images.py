"""Stamps as the networks see them: read from disk by row groups, brought to one tensor, prepared and augmented.

A training set may be larger than memory (window.py).

``euclid`` has two cameras. Its infrared stamps (66 pixels of 0.3") are resampled by 3 to the pixels of VIS and
padded from 198 to 200 by repeating the edge, so that every band of a stamp covers the same sky in one tensor.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from blindsky.baselines.baseline import Settings
from blindsky.baselines.lens.stamps import cameras
from blindsky.baselines.training import Rows
from blindsky.baselines.window import Window
from blindsky.challenges.release import Public
from blindsky.challenges.tables import column_names
from blindsky.scoring.measurements import Array, Table

DRAWS = 6  # numbers that an augmentation may use for a row
VIEWS = 8  # of a stamp: the symmetries of the square

Prepare = Callable[[Tensor, Tensor], Tensor]
Augment = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Eye:
    """Turns rows of a table into the input of a network, on a device.

    columns : of the stamps, camera by camera.    prepare : (image (B, C, H, W) in maggies per pixel, noise rms
    (B, C, 1, 1)) -> the input, of the same shape. Bad pixels are 0 before and after it.
    """

    columns: tuple[str, ...]
    device: torch.device
    prepare: Prepare

    def __call__(self, table: Table) -> Tensor:
        """Some rows -> (B, C, H, W)."""
        image, good = self.image(table)
        sigma = self._to(table["sigma"])[:, :, None, None]
        return torch.where(good, self.prepare(image, sigma), 0.0)

    def image(self, table: Table) -> tuple[Tensor, Tensor]:
        """All cameras in one tensor (B, C, H, W), bad pixels 0; and which pixels are good, of a like shape."""
        first, *others = (self._to(table[name]) for name in self.columns)
        image = torch.cat([first, *(_regrid(other, first.shape[-1]) for other in others)], dim=1)
        if "mask" not in table:
            return image, torch.ones((), dtype=torch.bool, device=self.device)
        good = self._to(table["mask"]) == 0
        return torch.where(good, image, 0.0), good

    def _to(self, column: Array) -> Tensor:
        tensor = torch.from_numpy(np.require(column, requirements=["C", "W"]))  # Arrow's memory is read-only
        if self.device.type == "cuda":
            return tensor.pin_memory().to(self.device, non_blocking=True)
        return tensor.to(self.device)


def _regrid(image: Tensor, size: int) -> Tensor:
    """Coarser stamps (B, C, h, h) of the same sky on a grid of size x size; surface brightness is kept."""
    factor = round(size / image.shape[-1])
    fine = functional.interpolate(image, scale_factor=factor, mode="bilinear", align_corners=False)
    before, odd = divmod(size - fine.shape[-1], 2)
    return functional.pad(fine, (before, before + odd) * 2, mode="replicate")


def eye(public: Public, device: torch.device, prepare: Prepare) -> Eye:
    """The eye for a release's stamps."""
    return Eye(tuple(camera.image for camera in cameras(public)), device, prepare)


def stamp_columns(public: Public) -> list[str]:
    """Columns of a release's training stamps that an eye looks at."""
    looked_at = {camera.image for camera in cameras(public)} | {"mask", "sigma"}
    return [name for name in column_names(public.path("train")) if name in looked_at]


class Stamps:
    """The training stamps and their labels (n,), as the one torch loop asks for them.

    augment : (input (B, C, H, W), uniform draws in [0, 1) (B, DRAWS)) -> input. The draws of a row follow from
    (seed, epoch, row).
    """

    def __init__(
        self, window: Window, labels: NDArray[np.bool_], eye: Eye, augment: Augment, seed: int
    ) -> None:
        self.window = window
        self.labels, self.eye, self.augment, self.seed = labels.astype(np.float32), eye, augment, seed

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.window)

    def order(self, rows: Rows, generator: np.random.Generator | None) -> Rows:
        """Window by window."""
        return self.window.order(rows, generator)

    def batch(self, rows: Rows, epoch: int) -> tuple[Tensor, ...]:
        """Augmented stamps (B, C, H, W) and labels (B,)."""
        uniform = [np.random.default_rng([self.seed, epoch, row]).random(DRAWS) for row in rows.tolist()]
        draws = torch.from_numpy(np.stack(uniform).astype(np.float32)).to(self.eye.device)
        stamps = self.augment(self.eye(self.window.take(rows)), draws)
        labels = torch.from_numpy(self.labels[rows]).to(self.eye.device)
        return stamps.contiguous(memory_format=torch.channels_last), labels


def moments(public: Public, eye: Eye, settings: Settings, name: str) -> tuple[Tensor, float, float]:
    """Of the training stamps, bad pixels counted as 0: mean image (C, H, W), mean and rms of all pixels; maggies."""
    total: Tensor | float = 0.0
    square, n = 0.0, public.rows("train")
    with settings.progress(f"averaging stamps for {name}", n, "stamps") as bar:
        for table in public.batches("train", None):
            image = eye.image(table)[0].double()
            total = total + image.sum(dim=0)
            square += float(image.square().sum())
            bar.advance(len(image))
    assert isinstance(total, Tensor)
    mean_image = total / n
    mean = float(mean_image.mean())
    return mean_image.float(), mean, math.sqrt(square / (n * mean_image.numel()) - mean**2)


def view(stamps: Tensor, k: int) -> Tensor:
    """The k-th of the eight symmetries of the square, of (B, C, H, H)."""
    flipped = stamps.flip([axis for axis, bit in ((2, 1), (3, 2)) if k & bit])
    return flipped.transpose(2, 3) if k & 4 else flipped


def dihedral(stamps: Tensor, draws: Tensor) -> Tensor:
    """A view of each stamp, after its first draw."""
    k = (VIEWS * draws[:, 0]).long()[:, None, None, None]
    stamps = torch.where(
        (k & 1).bool(), stamps.flip(2), stamps
    )  # picking rows would make a GPU wait for the CPU
    stamps = torch.where((k & 2).bool(), stamps.flip(3), stamps)
    return torch.where((k & 4).bool(), stamps.transpose(2, 3), stamps)


def turned(stamps: Tensor, draws: Tensor, *, zoom: float) -> Tensor:
    """Rotated by -90 to 90 degrees, flipped, magnified up to 1 / ``zoom`` times, after the first four draws.

    The nearest pixel is taken, so that the noise keeps its strength; beyond the edge a stamp is mirrored.
    """
    angle = math.pi * (draws[:, 0] - 0.5)
    scale = zoom + (1 - zoom) * draws[:, 1]
    x, y = (torch.where(draws[:, i] < 0.5, -scale, scale) for i in (2, 3))
    none = torch.zeros_like(angle)
    rows = (angle.cos() * x, -angle.sin() * y, none), (angle.sin() * x, angle.cos() * y, none)
    matrix = torch.stack([torch.stack(row, dim=1) for row in rows], dim=1)  # (B, 2, 3)
    grid = functional.affine_grid(matrix, list(stamps.shape), align_corners=False)
    return functional.grid_sample(
        stamps, grid, mode="nearest", padding_mode="reflection", align_corners=False
    )
