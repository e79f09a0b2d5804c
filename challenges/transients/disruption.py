"""Tidal disruptions of stars by black holes: a Gaussian rise, a t^(-5/3) decline, one temperature."""

from __future__ import annotations

from typing import Any

import numpy as np

from blindsky.challenges.transients import dust
from blindsky.challenges.transients.blackbody import Photosphere, Prepared, planck
from blindsky.challenges.transients.draws import Distribution, LogUniform, Normal
from blindsky.scoring.measurements import Array, Table

ANCHOR = 4700.0  # Angstrom, where M is measured
# M is tuned to PLAsTiCC's efficiency; the luminosity function of real disruptions gives about ten times fewer
PRIOR: dict[str, Distribution] = {
    "M": Normal(-18.4, 0.9, -22, -16),  # mag
    "rise": LogUniform(8, 25),  # days
    "fall": LogUniform(20, 90),  # days
    "T": LogUniform(1.6e4, 3.5e4),  # K
}


class Disruption:
    """The model of tidal disruptions."""

    names: tuple[str, ...] = ("TDE",)

    def draw(self, stream: np.random.Generator, n: int) -> Table:
        """Parameters (n,), float64."""
        table: Table = {name: prior.draw(stream, n) for name, prior in PRIOR.items()}
        return table | {"a_v": dust.draw_a_v(stream, n, dust.ALL)}

    def prepare(self, columns: Table, dtype: Any) -> Prepared:
        """Objects ready to be observed."""
        read = {name: columns[name] for name in ("rise", "fall", "T")}
        return Photosphere(accretion, ANCHOR, "M").prepare(columns, read, dtype)


def accretion(p: Table, t: Array) -> tuple[Array, Array]:
    """Strength and temperature (K) at rest-frame time ``t`` in days after maximum."""
    late = np.maximum(t, 0)
    S = np.exp(-0.5 * ((t - late) / p["rise"]) ** 2) * (1 + late / p["fall"]) ** (-5 / 3)
    return S * planck(ANCHOR, p["T"]), np.broadcast_to(p["T"], S.shape)
