"""Microlensing: a star brightened by a mass that passes before it; in class 991 it has a second source beside it.

Nothing is subtracted: the flux is what the lens adds to the star.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from blindsky.challenges.transients.bands import BANDS
from blindsky.challenges.transients.draws import Normal, Uniform
from blindsky.challenges.transients.stars import BINARY_COLOURS
from blindsky.challenges.transients.variables import EVENTS, fluxes, single
from blindsky.scoring.measurements import Array, FloatArray, Table


def excess(u: Array) -> Array:
    """A - 1 at separation ``u`` in Einstein radii, with A = (u^2 + 2)/(u sqrt(u^2 + 4)), Eq. 11 of Paczynski 1986."""
    a = u**2 + 2
    b = np.sqrt(u**2 * (u**2 + 4))
    return np.asarray(
        4 / (b * (a + b))
    )  # a^2 - b^2 = 4: no difference of near-equal numbers far from the lens


@dataclass(frozen=True)
class Lens:
    """Stars behind a point mass; ``binary`` for two sources behind it."""

    name: str
    target: int
    binary: bool = False

    def draw(self, stream: np.random.Generator, n: int) -> Table:
        """Parameters (n,). Stream: r, t0, u0, t_e, blend; for two sources flux ratio, second u0, delay in t_e."""
        r = 15 + 9 * np.sqrt(stream.random(n))
        parameters = {
            "r": r,
            "mag_i": r - BINARY_COLOURS[2],
            "t0": EVENTS.draw(stream, n),
            "u0": Uniform(0, 1).draw(stream, n),
            "t_e": 22 * np.exp(Normal(0, 0.9).draw(stream, n)),
            "blend": Uniform(0.1, 1).draw(stream, n),
        }
        if self.binary:
            parameters["ratio"] = Uniform(0.1, 1).draw(stream, n)
            parameters["u0_second"] = Uniform(0, 1).draw(stream, n)
            parameters["delay"] = Normal(0, 1).draw(stream, n)
        return parameters

    def flux(
        self, parameters: Table, index: Array, t: FloatArray, band: Array, stream: np.random.Generator
    ) -> Array:
        """Flux (m,) added to the stars ``index`` (m,) at MJD ``t`` in ``band``; nothing is drawn."""
        from_peak = ((t - parameters["t0"][index]) / parameters["t_e"][index]).astype(np.float32)
        added = _excess_at(parameters["u0"], index, from_peak)
        if self.binary:
            q = single(parameters["ratio"], index)
            second = _excess_at(
                parameters["u0_second"], index, from_peak - single(parameters["delay"], index)
            )
            added = (added + q * second) / (1 + q)
        light = parameters["blend"][:, None] * fluxes(parameters["r"], 2, BINARY_COLOURS)
        return np.asarray(added * single(light, len(BANDS) * index + band))


def _excess_at(u0: Array, index: Array, x: Array) -> Array:
    """A - 1 (m,) at times ``x`` from the closest approach ``u0`` (n,), in Einstein times."""
    return excess(np.hypot(np.maximum(single(u0, index), np.float32(1e-6)), x))


MICROLENSING = Lens("uLens", 6)
BINARY_SOURCE = Lens("uLens-binary", 991, binary=True)
