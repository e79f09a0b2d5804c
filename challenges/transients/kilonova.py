"""Kilonovae: a blue component of some hours and a red one of some days, both cooling as they expand."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from blindsky.challenges.transients import dust
from blindsky.challenges.transients.blackbody import Photosphere, Prepared, planck
from blindsky.challenges.transients.draws import Distribution, Normal, Uniform
from blindsky.scoring.measurements import Array, FloatArray, Table

ANCHOR = 6200.0  # Angstrom, where the magnitudes are measured
MERGER = 0.6  # days before the time of reference
COLDEST = 2000.0  # K


@dataclass(frozen=True)
class Component:
    """Ejecta of one opacity: M (mag), time of maximum tp (days), temperature at maximum T (K).

    After maximum the light falls with the e-folding time ``slow`` x tp.
    """

    colour: str
    M: Distribution
    tp: Distribution
    T: Distribution
    slow: float
    edge: float
    slope: float = 2.0

    def prepare(self, columns: Table, dtype: Any) -> Prepared:
        """The component of all objects, ready to be observed."""
        read = {name: columns[f"{name}_{self.colour}"] for name in ("tp", "T")}
        shell = Photosphere(partial(expansion, self.slow), ANCHOR, f"M_{self.colour}", self.edge, self.slope)
        return shell.prepare(columns, read, dtype)


BLUE = Component(
    "blue", Normal(-13.4, 1.2, -16.8, -10), Uniform(0.5, 1.2), Uniform(5500, 9000), slow=1.6, edge=3000
)
RED = Component(
    "red", Normal(-13.2, 1.2, -16.3, -10), Uniform(2, 6), Uniform(2400, 3800), slow=1.3, edge=4500
)


class Kilonova:
    """The model of kilonovae, the sum of both components."""

    names: tuple[str, ...] = ("KN",)

    def draw(self, stream: np.random.Generator, n: int) -> Table:
        """Parameters (n,), float64."""
        table: Table = {}
        for part in (BLUE, RED):
            for name in ("M", "tp", "T"):
                table[f"{name}_{part.colour}"] = getattr(part, name).draw(stream, n)
        return table | {"a_v": dust.draw_a_v(stream, n, dust.HALF)}

    def prepare(self, columns: Table, dtype: Any) -> Pair:
        """Objects ready to be observed."""
        return Pair(BLUE.prepare(columns, dtype), RED.prepare(columns, dtype))


@dataclass(frozen=True)
class Pair:
    """Two prepared components whose light adds."""

    blue: Prepared
    red: Prepared

    def rows(self, index: Array, t: Array, band: Array) -> Array:
        """Flux of epochs (m,): object ``index``, rest-frame time ``t`` in days, passband."""
        return np.asarray(self.blue.rows(index, t, band) + self.red.rows(index, t, band))

    def grid(self, phases: FloatArray) -> Array:
        """Flux (phases, 6, n) of all objects at the same rest-frame times in days."""
        return np.asarray(self.blue.grid(phases) + self.red.grid(phases))


def expansion(slow: float, p: Table, t: Array) -> tuple[Array, Array]:
    """Strength and temperature (K) of one component at rest-frame time ``t`` in days."""
    x = (t + MERGER) / p["tp"]
    since = np.maximum(x, 1e-6)
    S = np.where(x > 0, np.minimum(since, np.exp(-(since - 1) / slow)), 0)
    T = np.maximum(p["T"] * since**-0.4, COLDEST)
    return S * planck(ANCHOR, T), T
