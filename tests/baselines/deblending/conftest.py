"""Blends of round Gaussians, whose light is known in closed form, and tasks as a release would set them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from blindsky.baselines.deblending.blends import Camera, Task
from blindsky.challenges.release import Public
from blindsky.challenges.skies import Ragged
from blindsky.challenges.tables import to_arrow
from blindsky.scoring.measurements import Array, FloatArray, Table

BANDS = tuple("ugrizy")
_SPACE = Camera(("f160w",), 0, 0.06, 3.0, 1.0)
_GROUND = Camera(BANDS, 2, 0.2, 3.5, 3.0)


def _gaussians(size: int, galaxies: list[tuple[float, float, float, float]]) -> FloatArray:
    """Images (m, size, size) of galaxies x, y, flux, width; sampled, which for widths above 1 is as good as exact."""
    at = np.arange(size)
    return np.stack(
        [
            flux / (2 * np.pi * width**2) * np.exp(-0.5 * ((at - x) ** 2 + (at[:, None] - y) ** 2) / width**2)
            for x, y, flux, width in galaxies
        ]
    )


@dataclass(frozen=True)
class _Told:
    """What a release would list, a row per galaxy."""

    columns: Table
    placed: bool

    def of(self, ids: Array) -> Ragged:
        rows = [np.flatnonzero(self.columns["blend_id"] == i) for i in ids]
        chosen = np.concatenate(rows)
        counts = np.array([len(r) for r in rows], dtype=np.int64)
        return Ragged(counts, {name: column[chosen] for name, column in self.columns.items()})


@pytest.fixture
def gaussians() -> Callable[..., FloatArray]:
    """(size, galaxies) -> images of them."""
    return _gaussians


@pytest.fixture
def told() -> type[_Told]:
    """What a release would list, from its columns."""
    return _Told


@pytest.fixture
def space() -> Camera:
    """The camera of pairs."""
    return _SPACE


@pytest.fixture
def ground() -> Camera:
    """The camera of scenes."""
    return _GROUND


@pytest.fixture
def pair_task() -> Task:
    """Pairs 7 and 8 of two galaxies."""
    told = _Told({"blend_id": np.array([7, 7, 8, 8]), "obj": np.array([0, 1, 0, 1], np.int16)}, placed=False)
    return Task(_SPACE, ("flux",), ("x", "y", "mask"), "obj", told, 0)  # type: ignore[arg-type]


@pytest.fixture
def scene_task() -> Task:
    """Scenes whose galaxies are to be found."""
    fluxes = tuple(f"flux_{band}" for band in BANDS)
    return Task(_GROUND, fluxes, ("x", "y", "mask", "image"), "det", None, 50)


@pytest.fixture
def write_release(tmp_path: Path) -> Callable[..., Public]:
    """(tables by name, camera) -> the public part of a release that holds just those."""

    def write(tables: dict[str, Table], camera: Camera = _SPACE, group: int = 4) -> Public:
        one = {"image": "image", "bands": list(camera.bands), "pixel_arcsec": camera.pixel}
        told = {"cameras": [one], "reference": camera.bands[camera.reference]}
        (tmp_path / "cameras.json").write_text(json.dumps(told))
        for name, table in tables.items():
            pq.write_table(to_arrow(table), tmp_path / f"{name}.parquet", row_group_size=group)
        return Public(tmp_path, {"id": "by-hand"})

    return write
