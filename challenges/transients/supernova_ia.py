"""Type Ia supernovae: the mean spectrum in time and wavelength, stretched and coloured; and the 91bg-like ones.

Spectrum: coarse means of the template of Hsiao et al. 2007. Colour law in the manner of SALT2 (Guy et al. 2007).
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

import numpy as np

from blindsky.challenges.transients.bands import NODES
from blindsky.challenges.transients.blackbody import at_distance
from blindsky.challenges.transients.draws import Normal
from blindsky.challenges.transients.interpolation import PiecewiseLinear
from blindsky.scoring.measurements import Array, FloatArray, Table

FIRST_LIGHT, EARLIEST, LATEST = -19.4, -15.0, 80.0  # days: no flux before, the table from, to
EXPLOSION, DECLINE = -19.5, 0.015  # day; mag/day after the table
_MAGNITUDE = 0.4 * np.log(10)
colour_law = PiecewiseLinear(
    (2000, 2800, 3600, 4300, 5400, 6600, 8000, 10000, 12000),
    (2.2, 1.4, 0.75, 0, -1, -1.45, -1.75, -1.9, -2.0),
)  # mag per unit of c, of Angstrom

# Scolnic & Kessler 2016, as in PLAsTiCC
_C = Normal(-0.054, 0.043, -0.3, 0.5, above=0.101)
_X1 = Normal(0.973, 1.472, -3, 2, above=0.222)
_SCATTER = 0.12  # mag
_Q, _Q_MEAN, _Q_SD = Normal(0.975, 0.096, 0.65, 1.25), 0.975, 0.096  # stretch of 91bg
_BG_COLOUR, _BG_SD, _BG_CORRELATION, _BG_SCATTER = 0.557, 0.175, -0.656, 0.25


class _Spectrum(NamedTuple):
    """Magnitude relative to B maximum: (phases, wavelengths), and where in it a phase or a wavelength lies."""

    magnitude: FloatArray
    row: PiecewiseLinear
    column: PiecewiseLinear


@cache
def _spectrum() -> _Spectrum:
    path = files("blindsky.challenges.transients") / "data" / "snia_mean_sed_relative_mag.csv"
    lines = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
    table = np.array([[float(x) for x in line] for line in lines[1:]])
    phases, wavelengths = table[:, 0].tolist(), [float(x) for x in lines[0][1:]]
    return _Spectrum(
        table[:, 1:].copy(),
        PiecewiseLinear(phases, range(len(phases))),
        PiecewiseLinear(wavelengths, range(len(wavelengths))),
    )


@dataclass(frozen=True)
class SupernovaIa:
    """A model whose objects differ in M_B, colour c and stretch s; no host dust, whose part c plays."""

    name: str

    @property
    def names(self) -> tuple[str, ...]:
        """The one submodel."""
        return (self.name,)

    def draw(self, stream: np.random.Generator, n: int) -> Table:
        """Parameters (n,), float64."""
        table = _subluminous(stream, n) if self.name == "91bg" else _normal(stream, n)
        return table | {"a_v": np.zeros(n)}

    def prepare(self, columns: Table, dtype: Any) -> Prepared:
        """Objects ready to be observed, computing in ``dtype``."""
        stretch = (1 + columns["z"]).astype(dtype)
        amplitude = (at_distance(columns["M_B"], columns) / len(NODES)).astype(dtype)
        tint = (-_MAGNITUDE * columns["c"]).astype(dtype)
        place, weights = np.empty((2, *NODES.shape, len(stretch)), dtype)
        for (k, b), node in np.ndenumerate(NODES):
            wavelength = node / stretch
            place[k, b] = _spectrum().column(wavelength)
            np.multiply(colour_law(wavelength), tint, out=weights[k, b])
        np.exp(weights, out=weights)
        weights *= amplitude
        return Prepared(columns["s"].astype(dtype), place, weights)


def _normal(stream: np.random.Generator, n: int) -> Table:
    c, x1 = _C.draw(stream, n), _X1.draw(stream, n)
    s = 0.98 + 0.091 * x1 + 0.003 * x1**2 - 0.00075 * x1**3  # Guy+2007
    M_B = -19.36 - 0.14 * x1 + 3.1 * c + _SCATTER * stream.standard_normal(n)
    return {"M_B": M_B, "c": c, "x1": x1, "s": s}


def _subluminous(stream: np.random.Generator, n: int) -> Table:
    q = _Q.draw(stream, n)
    mean = _BG_COLOUR + _BG_SD * _BG_CORRELATION * (q - _Q_MEAN) / _Q_SD
    spread = Normal(0, _BG_SD * np.sqrt(1 - _BG_CORRELATION**2))
    c = mean + spread.draw(stream, n)
    while (outside := np.flatnonzero((c < 0) | (c > 1))).size:
        c[outside] = mean[outside] + spread.draw(stream, outside.size)
    M_B = -17.6 + 1.9 * (c - _BG_COLOUR) + _BG_SCATTER * stream.standard_normal(n)
    return {"M_B": M_B, "c": c, "q": q, "s": 0.70 * q}


def fading(phase: Array) -> Array:
    """Flux relative to that at the nearest phase of the table: a fireball before it, a slow decline after."""
    early = np.clip((phase - EXPLOSION) / (EARLIEST - EXPLOSION), 0, 1) ** 2
    late = np.exp(-_MAGNITUDE * DECLINE * np.maximum(phase - LATEST, 0))
    return np.asarray(np.where(phase < FIRST_LIGHT, 0, early * late))


def _relative(base: Array, v: Array, place: Array) -> Array:
    """Flux relative to B maximum: ``base`` index of the table's row, ``v`` place after it, ``place`` of the column."""
    magnitude = _spectrum().magnitude
    width = magnitude.shape[1]
    flat = (-_MAGNITUDE * magnitude).reshape(-1).astype(place.dtype)
    column = np.minimum(place.astype(np.intp), width - 2)
    u = place - column.astype(place.dtype)
    corner = base + column
    upper, lower = flat.take(corner), flat.take(corner + width)
    upper += u * (flat.take(corner + 1) - upper)
    lower += u * (flat.take(corner + width + 1) - lower)
    lower -= upper
    lower *= v
    lower += upper
    return np.asarray(np.exp(lower))


@dataclass(frozen=True)
class Prepared:
    """Objects of stretch (n,) whose nodes lie at ``place`` in the table: (5 nodes, 6 bands, n), like ``weights``."""

    stretch: Array
    place: Array
    weights: Array

    def rows(self, index: Array, t: Array, band: Array) -> Array:
        """Flux of epochs (m,): object ``index``, rest-frame time ``t`` in days, passband."""
        phase = t / self.stretch.take(index)
        base, v = _row(phase)
        at = band.astype(np.intp) * len(self.stretch) + index
        total = np.zeros_like(phase)
        for weights, place in zip(self.weights, self.place, strict=True):
            total += weights.reshape(-1).take(at) * _relative(base, v, place.reshape(-1).take(at))
        return np.asarray(total * fading(phase))

    def grid(self, phases: FloatArray) -> Array:
        """Flux (phases, 6, n) of all objects at the same rest-frame times in days."""
        phase = phases.astype(self.stretch.dtype)[:, None] / self.stretch
        base, v = _row(phase)
        flux = np.zeros((len(phases), *self.weights.shape[1:]), phase.dtype)
        for k, b in np.ndindex(NODES.shape):
            flux[:, b] += self.weights[k, b] * _relative(base, v, self.place[k, b])
        flux *= fading(phase)[:, None]
        return np.asarray(flux)


def _row(phase: Array) -> tuple[Array, Array]:
    """Index of the first cell of the table's row before ``phase``, and the place after it in [0, 1]."""
    spectrum = _spectrum()
    place = spectrum.row(phase)
    row = np.minimum(place.astype(np.intp), spectrum.magnitude.shape[0] - 2)
    return row * spectrum.magnitude.shape[1], place - row.astype(place.dtype)
