"""What flares up outside our Galaxy and fades: every model with its class, rate and light curve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from blindsky.challenges.transients import disruption, kilonova, magnetar, rates, supernova_ia, thermal
from blindsky.challenges.transients.rates import Rate
from blindsky.challenges.transients.variables import EVENTS
from blindsky.scoring.measurements import Array, FloatArray, Table

FIRST, LAST = -120.0, 500.0  # rest-frame days: no flux outside
LENSING = 0.055  # mag of scatter per unit redshift
_ROWS = 32_768  # epochs at a time, so that they stay in the cache


class Source(Protocol):
    """A model of the sky's objects; the same for those of our Galaxy and those far away."""

    @property
    def name(self) -> str:
        """Name of the model."""

    @property
    def target(self) -> int:
        """Number of the class, as in the truth (90 ... 994)."""

    def draw(self, stream: np.random.Generator, n: int) -> Table:
        """Parameters (n,), float64."""

    def flux(
        self, parameters: Table, index: Array, t: FloatArray, band: Array, stream: np.random.Generator
    ) -> Array:
        """Noiseless flux (m,) of epochs: object ``index`` at MJD ``t`` in passband 0 to 5."""


class Model(Protocol):
    """Light curves of a kind of transient in its rest frame, brought to the observer by ``prepare``."""

    @property
    def names(self) -> tuple[str, ...]:
        """Submodels."""

    def draw(self, stream: np.random.Generator, n: int) -> Table:
        """Parameters (n,) other than redshift and lensing, float64; a_v among them."""

    def prepare(self, columns: Table, dtype: Any) -> Prepared:
        """What depends on the objects alone, computed once in ``dtype``."""


class Prepared(Protocol):
    """Objects ready to be observed."""

    def rows(self, index: Array, t: Array, band: Array) -> Array:
        """Flux of epochs (m,): object ``index``, rest-frame time ``t`` in days, passband."""

    def grid(self, phases: FloatArray) -> Array:
        """Flux (phases, 6, n) of all objects at the same rest-frame times in days."""


@dataclass(frozen=True)
class Transient:
    """A source outside our Galaxy that fades.

    phases : rest-frame days after t0 at which the pre-screen looks.
    """

    name: str
    target: int
    model: Model
    rate: Rate
    phases: tuple[float, ...] = (-8, -4, 0, 5, 12, 25)

    def draw(self, stream: np.random.Generator, n: int) -> Table:
        """Parameters (n,), float64: z, lensing (mag), t0 (MJD), a_v (mag) and those of the model."""
        z = self.rate.draw(stream, n)
        lensing = LENSING * z * (1 - stream.standard_exponential(n))
        return {"z": z, "lensing": lensing, "t0": EVENTS.draw(stream, n)} | self.model.draw(stream, n)

    def flux(
        self, parameters: Table, index: Array, t: FloatArray, band: Array, stream: np.random.Generator
    ) -> FloatArray:
        """Noiseless flux (m,) of epochs, before the Milky Way's dust; nothing is drawn.

        index : (m,) int, object of each epoch.   t : (m,) MJD.   band : (m,) int, 0 to 5.
        """
        prepared = self.model.prepare(parameters, np.float64)
        stretch = 1 + parameters["z"]
        flux = np.empty(len(t))
        for start in range(0, len(t), _ROWS):
            rows = slice(start, start + _ROWS)
            rest = (t[rows] - parameters["t0"].take(index[rows])) / stretch.take(index[rows])
            flux[rows] = prepared.rows(index[rows], rest, band[rows])
            flux[rows][(rest <= FIRST) | (rest >= LAST)] = 0
        return flux

    def grid(self, parameters: Table, phases: FloatArray, dtype: Any = np.float64) -> Array:
        """Noiseless flux (phases, 6, n) at rest-frame days within (-120, 500) after t0, computed in ``dtype``.

        Meant for a few thousand objects at a time: it takes some 100 numbers each.
        """
        with np.errstate(over="ignore"):  # far in the blue a cold blackbody is 0: 1/inf
            return self.model.prepare(parameters, dtype).grid(phases)


TRANSIENTS: dict[str, Transient] = {
    source.name: source
    for source in (
        Transient("Ia", 90, supernova_ia.SupernovaIa("Ia"), rates.IA),
        Transient("91bg", 67, supernova_ia.SupernovaIa("91bg"), rates.IA_91BG),
        Transient("Iax", 52, thermal.IAX, rates.IAX),
        Transient("II", 42, thermal.II, rates.II),
        Transient("IIn", 42, thermal.IIN, rates.IIN),
        Transient("Ibc", 62, thermal.IBC, rates.IBC),
        Transient("SLSN-I", 95, magnetar.Magnetar(), rates.SLSN, (-20, 0, 20, 50)),
        Transient("TDE", 15, disruption.Disruption(), rates.TDE, (0, 10)),
        Transient("KN", 64, kilonova.Kilonova(), rates.KILONOVA, (0, 0.5, 1, 2, 4)),
        Transient("ILOT", 992, thermal.ILOT, rates.ILOT),
        Transient("Ca-rich", 993, thermal.CALCIUM_RICH, rates.CALCIUM_RICH),
        Transient("PISN", 994, thermal.PISN, rates.PISN, (-40, 0, 40)),
    )
}


def submodels(source: Source, parameters: Table) -> Array:
    """``true_submodel`` of every object, text (n,)."""
    names = source.model.names if isinstance(source, Transient) else (source.name,)
    n = len(next(iter(parameters.values())))
    return np.array(names)[parameters.get("variant", np.zeros(n)).astype(np.intp)]
