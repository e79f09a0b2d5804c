"""Flux of objects that shine like blackbodies, with blanketing in the blue, host dust and redshift.

A source says how bright and hot it is at a time; what depends on the object alone (dust, blanketing, distance) is
computed once, as 30 weights, for the five nodes of six bands.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from blindsky.challenges.transients import dust
from blindsky.challenges.transients.bands import NODES, ZERO_POINT
from blindsky.challenges.transients.cosmology import distance_modulus
from blindsky.scoring.measurements import Array, FloatArray, Table

C2 = 1.438776877e8  # h c/k, Angstrom K
_MAGNITUDE = 0.4 * np.log(10)
_DARK, _OPEN = 500.0, 500.0  # Angstrom: no flux below the first, all of it from their sum on (PLAsTiCC)

Curve = Callable[[Table, Array], tuple[Array, Array]]


@dataclass(frozen=True)
class Photosphere:
    """A kind of blackbody.

    curve : of columns of the object and the rest-frame time in days (which broadcast): strength and temperature in K.
        The strength multiplies B_nu(l, T), in units of B_nu at ``anchor`` for T such that expm1(C2/anchor/T) = 1.
    anchor : Angstrom, where the absolute magnitude is measured.
    absolute : name of the column of the absolute magnitude at ``anchor``.
    edge, slope : blanketing (l/edge)^slope below ``edge``, in Angstrom.
    """

    curve: Curve
    anchor: float
    absolute: str
    edge: float = 1.0
    slope: float = 0.0

    def prepare(self, columns: Table, curve_columns: Table, dtype: Any) -> Prepared:
        """Objects ready to be observed, computing in ``dtype``.

        columns : (n,) with z, lensing, a_v and the absolute magnitude.   curve_columns : (n,), what the curve reads.
        """
        z = columns["z"]
        amplitude = at_distance(columns[self.absolute], columns)
        log_stretch = np.log1p(z)
        stretch = (1 + z).astype(dtype)
        faint = (-_MAGNITUDE * columns["a_v"]).astype(dtype)
        base = (np.log(amplitude / len(NODES)) + 3 * log_stretch).astype(dtype)
        log_stretch = log_stretch.astype(dtype)
        far = bool(z.max(initial=0) > NODES.min() / (_DARK + _OPEN) - 1)
        weights = np.empty((*NODES.shape, len(z)), dtype)
        for (k, b), node in np.ndenumerate(NODES):
            wavelength = node / stretch
            exponent = dust.extinction(wavelength)
            exponent *= faint
            exponent += base
            if self.slope:
                exponent += self.slope * np.minimum(float(np.log(node / self.edge)) - log_stretch, 0)
            exponent += 3 * float(np.log(self.anchor / node))
            np.exp(exponent, out=weights[k, b])
            if far:
                weights[k, b] *= np.clip((wavelength - _DARK) / _OPEN, 0, 1)
        read = {name: column.astype(dtype) for name, column in curve_columns.items()}
        return Prepared(self.curve, read, stretch, weights)


def at_distance(absolute: Array, columns: Table) -> FloatArray:
    """Flux of an AB magnitude at 10 pc, seen at its redshift and through its lenses, per rest-frame f_nu; (n,)."""
    z = columns["z"]
    magnitude = absolute + distance_modulus(z) + columns["lensing"]
    return np.asarray((1 + z) * np.exp(-_MAGNITUDE * (magnitude - ZERO_POINT)))


def planck(wavelength: float, temperature: Array) -> Array:
    """expm1(h c/(l k T)): B_nu is 1/l^3 over it."""
    return np.expm1(C2 / wavelength / temperature)


@dataclass(frozen=True)
class Prepared:
    """Objects whose 30 ``weights`` (5 nodes, 6 bands, n) are known; ``stretch`` is 1+z."""

    curve: Curve
    columns: Table
    stretch: Array
    weights: Array

    def rows(self, index: Array, t: Array, band: Array) -> Array:
        """Flux of epochs (m,): object ``index``, rest-frame time ``t`` in days, passband."""
        strength, temperature = self.curve({name: c.take(index) for name, c in self.columns.items()}, t)
        stretch = self.stretch.take(index)
        stretch /= temperature
        place = band.astype(np.intp) * len(self.stretch) + index
        total = np.zeros_like(stretch)
        for weights, node in zip(self.weights, NODES, strict=True):
            x = (C2 / node).astype(stretch.dtype).take(band)
            x *= stretch
            total += weights.reshape(-1).take(place) / np.expm1(x)
        return np.asarray(strength * total)

    def grid(self, phases: FloatArray) -> Array:
        """Flux (phases, 6, n) of all objects at the same rest-frame times in days."""
        strength, temperature = self.curve(self.columns, phases.astype(self.stretch.dtype)[:, None])
        stretch = self.stretch / temperature
        flux = np.zeros((len(phases), *self.weights.shape[1:]), stretch.dtype)
        part = np.empty_like(stretch)
        for (k, b), node in np.ndenumerate(NODES):
            np.multiply(stretch, C2 / node, out=part)
            np.expm1(part, out=part)
            np.divide(self.weights[k, b], part, out=part)
            flux[:, b] += part
        flux *= strength[:, None]
        return np.asarray(flux)
