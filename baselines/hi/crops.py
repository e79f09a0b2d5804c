"""What the 3-D network learns from: crops of the training field, and which of their voxels are a galaxy's light."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from blindsky.baselines.training import Rows
from blindsky.challenges.errors import InputFault
from blindsky.challenges.hi.cube import Voxels
from blindsky.challenges.hi.field import Field
from blindsky.challenges.hi.render import stamps
from blindsky.scoring.measurements import Array, Table

Floats = NDArray[np.float32]
CROP = (64, 32, 32)  # planes, rows, columns
LIT = 0.3  # noise rms from which on a voxel of a noiseless source is its light
BRIGHT = 3.0  # S/N of sources that crops are centred on
NEAR = 4  # a source lies within a quarter of the crop's side from its centre
SQUEEZE = 0.3  # of the noise rms in the hyperbolic tangent
CHUNK = 64  # sources drawn at a time
RENDERED = ("mu", "v_flat", "sigma_v", "lop", "lop_phase", "warp", "x", "y", "snr")


class Light(NamedTuple):
    """The voxels of sources.   first, last : corners of their boxes in the cube, (n, 3).   masks : which of the box."""

    first: Array
    last: Array
    masks: list[Array]


def light(field: Field, sources: Table, noise: Floats) -> Light:
    """Where the noiseless stamp of each source exceeds 0.3 of the noise (nchan,) of its plane.

    InputFault where a catalogue lacks what it takes to draw its sources, as that of a real sky does.
    """
    missing = [name for name in RENDERED if name not in sources or not np.isfinite(sources[name]).all()]
    if missing:
        message = (
            f"unet3d learns from the light of each training source, and the truth of this release has no "
            f"{', '.join(missing)} to draw it by. Train on a release of a mock sky, or take matched_filter"
        )
        raise InputFault(message)
    first, last, masks = [], [], []
    for start in range(0, len(sources["id"]), CHUNK):
        part = {name: column[start : start + CHUNK] for name, column in sources.items()}
        for stamp in stamps(field, part):
            corner = np.array([stamp.z, stamp.y, stamp.x])
            low, high = np.maximum(corner, 0), np.minimum(corner + stamp.values.shape, field.shape)
            if (low < high).all():
                here = _between(stamp.values, low - corner, high - corner)
                first.append(low)
                last.append(high)
                masks.append(here > LIT * noise[low[0] : high[0], None, None])
    return Light(np.array(first).reshape(-1, 3), np.array(last).reshape(-1, 3), masks)


def _between(array: Array, low: Array, high: Array) -> Array:
    return array[tuple(slice(a, b) for a, b in zip(low.tolist(), high.tolist(), strict=True))]


def lit(known: Light, corner: Array) -> Array:
    """Which voxels of the crop at a corner (3,) are any source's light."""
    found = np.zeros(CROP, dtype=bool)
    end = corner + CROP
    for k in np.flatnonzero((known.first < end).all(axis=1) & (known.last > corner).all(axis=1)):
        low, high = np.maximum(known.first[k], corner), np.minimum(known.last[k], end)
        into = _between(found, low - corner, high - corner)
        into |= _between(known.masks[k], low - known.first[k], high - known.first[k])
    return found


def squeezed(cube: Tensor) -> Tensor:
    """tanh(0.3 S / sigma) of a cube in units of the noise: what is far above it looks alike."""
    return torch.tanh(SQUEEZE * cube)


class Crops:
    """Crops of the training field as the one torch loop asks for them: half about sources, half anywhere.

    Where a crop lies and how it is flipped follows from (seed, epoch, row).
    """

    def __init__(
        self, cube: Voxels, field: Field, sources: Table, noise: Floats, seed: int, device: torch.device
    ) -> None:
        if any(n < side for n, side in zip(cube.shape, CROP, strict=True)):
            message = f"the cube has {cube.shape} planes, rows and columns; unet3d needs at least {CROP}"
            raise InputFault(message)
        self.cube, self.noise, self.seed, self.device = cube, noise, seed, device
        self.light = light(field, sources, noise)
        bright = sources["snr"] >= BRIGHT
        self.centres = np.stack([sources["chan"] - field.k0, sources["y"], sources["x"]], axis=1)[bright]

    def __len__(self) -> int:
        """Two a bright source."""
        return 2 * len(self.centres)

    def order(self, rows: Rows, generator: np.random.Generator | None) -> Rows:
        """Shuffled, or as they are where None."""
        return rows if generator is None else rows[generator.permutation(len(rows))]

    def batch(self, rows: Rows, epoch: int) -> tuple[Tensor, ...]:
        """Squeezed crops and their light, (B, 1, 64, 32, 32) each."""
        seen = [self._crop(int(row), epoch) for row in rows]
        cube, mask = (
            torch.from_numpy(np.stack(part)[:, None]).to(self.device) for part in zip(*seen, strict=True)
        )
        return squeezed(cube), mask

    def _crop(self, row: int, epoch: int) -> tuple[Floats, Floats]:
        draw = np.random.default_rng([self.seed, epoch, row])
        room = np.array(self.cube.shape) - np.array(CROP)
        if row % 2:
            corner = draw.integers(room + 1)
        else:
            away = draw.uniform(-1, 1, 3) * CROP / np.array(NEAR)
            corner = np.clip(np.round(self.centres[row // 2] + away) - np.array(CROP) // 2, 0, room).astype(
                np.int64
            )
        z, y, x = corner.tolist()
        data = self.cube.tile(z, z + CROP[0], y, y + CROP[1], x, x + CROP[2])
        data = data / self.noise[z : z + CROP[0], None, None]
        flips = tuple(axis for axis in (1, 2) if draw.random() < 0.5)
        mask = lit(self.light, corner).astype(np.float32)
        return np.ascontiguousarray(np.flip(data, flips)), np.ascontiguousarray(np.flip(mask, flips))
