"""A stand-in release with a simple relation of colours and redshift: no test here needs the sky."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from blindsky.baselines.baseline import Model, Settings, get
from blindsky.challenges.challenge import rows
from blindsky.challenges.prediction import Column, Density, Grid, Prediction
from blindsky.scoring.measurements import Table

BANDS = ("g", "r", "i", "z")
PREDICTION = Prediction((Column("z_point", low=0, high=3), Density("pdf", Grid(0, 3, 301), optional=True)))


@dataclass
class StandIn:
    """What `blindsky.challenges.release.Public` offers a baseline, held in memory."""

    tables: dict[str, Table]
    bands: tuple[str, ...] = BANDS
    track: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(name="biased"))
    challenge: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(prediction=PREDICTION))
    release_id: str = "stand-in"

    def table(self, name: str, columns: Sequence[str] | None = None) -> Table:
        return {c: v for c, v in self.tables[name].items() if columns is None or c in columns}

    def batches(self, name: str, n: int = 65536, columns: Sequence[str] | None = None) -> Iterator[Table]:
        whole = self.table(name, columns)
        for first in range(0, rows(whole), n):
            yield {c: v[first : first + n] for c, v in whole.items()}

    def rows(self, name: str) -> int:
        return rows(self.tables[name])

    def json(self, name: str) -> dict[str, Any]:
        return {"bands": {"bands": list(self.bands), "softening_njy": dict.fromkeys(self.bands, 5.0)}}[name]


def spectrum(wavelength: np.ndarray, break_depth: float, slope: float) -> np.ndarray:
    """f_lambda of a toy galaxy: a power law with a step at 4000 A, which is what gives its redshift away."""
    return (wavelength / 5500) ** slope * np.where(wavelength < 4000, break_depth, 1.0)


def galaxies(n: int, seed: int) -> Table:
    """Colours that follow the redshift smoothly but not one to one, and noise."""
    draw = np.random.default_rng(seed)
    z = draw.uniform(0.1, 2.5, n)
    i_mag = draw.uniform(19, 24, n)
    bend = draw.uniform(-0.2, 0.2, n)
    offsets = np.stack([1.2 + np.sin(2 * z), 0.6 + 0.4 * z, 0 * z, -0.3 * np.cos(z)], axis=1) + bend[
        :, None
    ] * [1, 0.5, 0, -0.5]
    flux = 10 ** (-0.4 * (i_mag[:, None] + offsets - 31.4))
    error = np.hypot(15.0, 0.005 * flux)
    observed = flux + error * draw.standard_normal(flux.shape)
    table: Table = {"object_id": draw.permutation(10 * n)[:n].astype(np.int64)}
    for b, band in enumerate(BANDS):
        table[f"flux_{band}"] = observed[:, b].astype(np.float32)
        table[f"flux_err_{band}"] = error[:, b].astype(np.float32)
    return table | {"redshift": z.astype(np.float32)}


FILTERS = {"g": (3900.0, 5600.0), "r": (5400.0, 7000.0), "i": (6800.0, 8300.0), "z": (8000.0, 9300.0)}
EDGE = 100.0  # Angstrom from nothing to full transmission


@pytest.fixture
def toy_spectrum() -> Callable[..., np.ndarray]:
    return spectrum


@pytest.fixture
def public() -> StandIn:
    return stand_in()


@pytest.fixture(scope="session")
def trained() -> Callable[[str, int], Model]:
    """A baseline trained on an untouched stand-in, by full name and seed; trained once."""
    return cache(lambda name, seed: get(name).fit(stand_in(), Settings(seed=seed)))


def stand_in() -> StandIn:
    train, test = galaxies(1500, 1), galaxies(400, 2)
    wavelength = np.arange(900.0, 12_000.0, 5.0)
    kinds = [(0.3, -0.2), (0.4, -0.5), (0.6, -0.8), (0.7, -1.2), (0.85, -1.8)]
    knots = [
        (band, wave, transmission)
        for band, (low, high) in FILTERS.items()
        for wave, transmission in ((low, 0.0), (low + EDGE, 1.0), (high - EDGE, 1.0), (high, 0.0))
    ]
    templates: Table = {
        "template_id": np.arange(len(kinds)),
        "type_t": np.array([0.0, 1.0, 2.0, 3.0, 4.0]),
        "ebv": np.zeros(len(kinds)),
        "wavelength": np.tile(wavelength.astype(np.float32), (len(kinds), 1)),
        "f_lambda": np.stack([spectrum(wavelength, *kind) for kind in kinds]).astype(np.float32),
    }
    filters: Table = {
        "band": np.array([band for band, _, _ in knots]),
        "wavelength": np.array([wave for _, wave, _ in knots], np.float32),
        "transmission": np.array([value for _, _, value in knots], np.float32),
    }
    return StandIn(
        {
            "train": train | {"survey": np.full(len(train["redshift"]), "bright")},
            "test": {name: column for name, column in test.items() if name != "redshift"},
            "hidden": {
                "redshift": test["redshift"]
            },  # for the tests to compare with; no baseline may ask for it
            "templates": templates,
            "filters": filters,
        }
    )
