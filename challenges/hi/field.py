"""The field: a piece of sky and band as a cube of pixels and channels, and the blocks it is resampled by.

Pixels count from 0 at the centre of the first one, channels too; all cubes share one global grid of channels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from blindsky.scoring.measurements import Array, FloatArray, Table

F0 = 1.420405752e9  # Hz, the line at rest
C_KMS = 299_792.458
ARCSEC = 206_265.0  # per radian
BEAM = 7.0  # arcsec, full width at half maximum, circular
PIXEL = 2.8  # arcsec
CHANNEL = 30_000.0  # Hz
FIRST = 950e6  # Hz, centre of global channel 0
BAND = (0.95e9, 1.15e9)  # Hz, open; nothing outside is scored
CENTRE = (180.0, -30.0)  # deg, right ascension and declination of every field
BEAM_AREA = math.pi * (BEAM / PIXEL) ** 2 / (4 * math.log(2))  # pixels
BEAM_SIGMA = BEAM / PIXEL / math.sqrt(8 * math.log(2))  # pixels


@dataclass(frozen=True)
class Field:
    """A cube and how its sky is made.

    k0 : global channel of the first plane.   noise : factor on the noise.   density : factor on the numbers of sources.
    flux_min : Jy Hz, of the faintest source.   block : pixels, pixels and channels of a block, the unit of resampling.
    noise_side : pixels of the square blocks in which noise is drawn.
    """

    nx: int
    ny: int
    nchan: int
    k0: int
    noise: float
    density: float
    flux_min: float
    block: tuple[int, int, int]
    noise_side: int

    @classmethod
    def of(cls, known: Mapping[str, Any]) -> Field:
        """The field that a release's ``fields.json`` describes."""
        return cls(**{**known, "block": tuple(known["block"])})

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self) | {"block": list(self.block)}

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of the array: planes, rows, columns."""
        return self.nchan, self.ny, self.nx

    @property
    def bytes(self) -> int:
        """Of the cube, as float32."""
        return 4 * math.prod(self.shape)

    @property
    def frequencies(self) -> FloatArray:
        """Hz, centres of the channels, (nchan,)."""
        return np.asarray(FIRST + CHANNEL * (self.k0 + np.arange(self.nchan)), np.float64)

    @property
    def area(self) -> float:
        """Square degrees."""
        return self.nx * self.ny * (PIXEL / 3600) ** 2

    @property
    def centre(self) -> tuple[int, int]:
        """Pixel of the field's centre, column and row: CRPIX - 1."""
        return -(-self.nx // 2) - 1, -(-self.ny // 2) - 1

    def channel(self, frequency: Array) -> FloatArray:
        """Global channel, with its fraction, of frequencies (n,) in Hz."""
        return np.asarray((np.asarray(frequency) - FIRST) / CHANNEL, np.float64)

    def world(self, x: Array, y: Array) -> tuple[FloatArray, FloatArray]:
        """Right ascension and declination, deg, of pixels: the SIN projection (Calabretta & Greisen 2002)."""
        scale = math.radians(PIXEL / 3600)
        xi, eta = (
            -(np.asarray(x, float) - self.centre[0]) * scale,
            (np.asarray(y, float) - self.centre[1]) * scale,
        )
        ra0, dec0 = map(math.radians, CENTRE)
        depth = np.sqrt(1 - xi**2 - eta**2)
        dec = np.arcsin(eta * math.cos(dec0) + depth * math.sin(dec0))
        ra = ra0 + np.arctan2(xi, depth * math.cos(dec0) - eta * math.sin(dec0))
        return np.degrees(ra) % 360, np.degrees(dec)

    def pixel(self, ra: Array, dec: Array) -> tuple[FloatArray, FloatArray]:
        """Column and row of right ascensions and declinations in deg; NaN on the far side of the sky."""
        ra0, dec0 = map(math.radians, CENTRE)
        turn, dec = np.radians(np.asarray(ra, float)) - ra0, np.radians(np.asarray(dec, float))
        xi = np.cos(dec) * np.sin(turn)
        eta = np.sin(dec) * math.cos(dec0) - np.cos(dec) * math.sin(dec0) * np.cos(turn)
        near = np.sin(dec) * math.sin(dec0) + np.cos(dec) * math.cos(dec0) * np.cos(turn) > 0
        scale = math.radians(PIXEL / 3600)
        return (
            np.where(near, self.centre[0] - xi / scale, np.nan),
            np.where(near, self.centre[1] + eta / scale, np.nan),
        )

    def inside(self, x: Array, y: Array, chan: Array) -> Array:
        """Whether places, in pixels and global channels, lie in the cube and in the band, (n,)."""
        local = np.asarray(chan) - self.k0
        frequency = FIRST + CHANNEL * np.asarray(chan, float)
        return np.asarray(
            (np.abs(2 * np.asarray(x) - self.nx + 1) < self.nx)
            & (np.abs(2 * np.asarray(y) - self.ny + 1) < self.ny)
            & (np.abs(2 * local - self.nchan + 1) < self.nchan)
            & (frequency > BAND[0])
            & (frequency < BAND[1])
        )

    @property
    def grid(self) -> tuple[int, int, int]:
        """Blocks along columns, rows and channels; the last ones may be cut."""
        of = zip((self.nx, self.ny, self.nchan), self.block, strict=True)
        nx, ny, nz = (-(-n // side) for n, side in of)
        return nx, ny, nz

    @property
    def blocks(self) -> int:
        """How many."""
        return math.prod(self.grid)

    def block_of(self, x: Array, y: Array, chan: Array) -> Array:
        """Number of the block of places in pixels and global channels, (n,); those outside belong to the nearest."""
        places = (np.asarray(x, float), np.asarray(y, float), np.asarray(chan, float) - self.k0)
        ix, iy, iz = (
            np.clip(np.floor((np.nan_to_num(place) + 0.5) / side), 0, n - 1).astype(np.int64)
            for place, side, n in zip(places, self.block, self.grid, strict=True)
        )
        return np.asarray((iz * self.grid[1] + iy) * self.grid[0] + ix)

    def block_table(self) -> Table:
        """First and last column, row and global channel of each block, (blocks,) int32, the first inclusive."""
        number = np.arange(self.blocks)
        index = (
            number % self.grid[0],
            number // self.grid[0] % self.grid[1],
            number // (self.grid[0] * self.grid[1]),
        )
        table: Table = {}
        for name, i, side, n, first in zip(
            ("x", "y", "chan"),
            index,
            self.block,
            (self.nx, self.ny, self.nchan),
            (0, 0, self.k0),
            strict=True,
        ):
            table[f"{name}0"] = (first + i * side).astype(np.int32)
            table[f"{name}1"] = (first + np.minimum((i + 1) * side, n)).astype(np.int32)
        return table


TINY = Field(192, 192, 512, 3078, 0.25, 20, 5, (48, 48, 64), 200)
SMALL = Field(256, 256, 2048, 2310, 0.35, 8, 5, (64, 64, 128), 264)
DEV = Field(643, 643, 6668, 0, 1, 1, 1.8, (64, 64, 256), 217)
LDEV = Field(1286, 1286, 6668, 0, 1, 1, 1.8, (64, 64, 256), 217)
FULL = Field(5851, 5851, 6668, 0, 1, 1, 1.8, (128, 128, 256), 217)

FIELDS = {  # size -> the fields of training and test
    "tiny": {"train": TINY, "test": TINY},
    "small": {"train": SMALL, "test": SMALL},
    "dev": {"train": DEV, "test": DEV},
    "ldev": {"train": DEV, "test": LDEV},
    "full": {"train": LDEV, "test": FULL},
}
