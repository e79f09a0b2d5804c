"""The pass-bands: relative transmission, piecewise linear between knots, zero outside.

Bands carry the suffix of their flux column. The Euclid ones are ``nisp_y``, ``nisp_j``, ``nisp_h``, because
FITS and SQL names ignore case and a Y beside y would clash.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from blindsky.scoring.measurements import FloatArray, Table

LSST = ("u", "g", "r", "i", "z", "y")
NISP = ("nisp_y", "nisp_j", "nisp_h")
_COLUMN_OF = {"Y": "nisp_y", "J": "nisp_j", "H": "nisp_h"}


@cache
def knots() -> Mapping[str, tuple[FloatArray, FloatArray]]:
    """Wavelengths in Angstrom and relative transmissions of every band's knots."""
    found: dict[str, list[tuple[float, float]]] = {}
    with (files("blindsky.challenges.photoz") / "data" / "filter_knots.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            band = _COLUMN_OF.get(row["band"], row["band"])
            pair = float(row["wavelength_angstrom"]), float(row["relative_transmission"])
            found.setdefault(band, []).append(pair)
    pairs = {band: np.array(rows).T for band, rows in found.items()}
    return MappingProxyType({band: (pair[0], pair[1]) for band, pair in pairs.items()})


def transmission(band: str, wavelength: NDArray[np.float64]) -> FloatArray:
    """Relative transmission of a band at observed wavelengths in Angstrom; any shape."""
    return np.interp(wavelength, *knots()[band], left=0.0, right=0.0)


def photon_norm(band: str) -> float:
    """Int R dl / l of a band, exact for its piecewise-linear transmission; dimensionless."""
    wave, R = knots()[band]
    slope = np.diff(R) / np.diff(wave)
    return float(np.sum((R[:-1] - slope * wave[:-1]) * np.log(wave[1:] / wave[:-1]) + np.diff(R)))


def table(bands: Sequence[str]) -> Table:
    """The public table of knots: band, wavelength in Angstrom, relative transmission."""
    chosen = [knots()[band] for band in bands]
    return {
        "band": np.repeat(np.array(bands), [len(wave) for wave, _ in chosen]),
        "wavelength": np.concatenate([wave for wave, _ in chosen]).astype(np.float32),
        "transmission": np.concatenate([R for _, R in chosen]).astype(np.float32),
    }
