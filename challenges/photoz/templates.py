"""The 96 galaxy spectra of the mock sky, their weights inside a class, and the table of model fluxes.

Thirty are public. The rest, the weights and the scatter about them are what a template code doesn't know.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from blindsky.challenges.photoz import dust, filters, igm, populations
from blindsky.challenges.photoz.prior import Z_NODES
from blindsky.scoring.measurements import FloatArray, Table

CLASSES = ("E", "Sp", "Irr")
FOREST_END = 1220.0  # rest-frame Angstrom, past Lyman alpha: no absorption from here on
PUBLIC_EBV = (0.0, 0.2)
PUBLIC_K3 = 1.0


class Family(NamedTuple):
    """One class: its types t = n/3, and the weights of its dust and of its [OIII]/Hbeta ratio."""

    thirds: range
    ebv: dict[float, float]
    k3: dict[float, float]


FAMILIES = (
    Family(range(0, 2), {0.0: 1.0}, {1.0: 1.0}),
    Family(range(2, 8), {0.0: 0.25, 0.1: 0.30, 0.2: 0.25, 0.3: 0.15, 0.4: 0.05}, {1.0: 1.0}),
    Family(range(8, 16), {0.0: 0.35, 0.1: 0.35, 0.2: 0.20, 0.3: 0.10}, {1.0: 0.5, 3.0: 0.5}),
)


class Templates(NamedTuple):
    """Columns of shape (96,), ordered by class; ``weight`` sums to one inside each class."""

    type_class: NDArray[np.int8]
    type_t: FloatArray
    ebv: FloatArray
    k3: FloatArray
    weight: FloatArray


def _rows() -> Iterator[tuple[float, ...]]:
    for number, family in enumerate(FAMILIES):
        for third in family.thirds:
            for k3, k3_weight in family.k3.items():
                for ebv, ebv_weight in family.ebv.items():
                    yield number, third / 3, ebv, k3, ebv_weight * k3_weight / len(family.thirds)


@cache
def templates() -> Templates:
    """Every template of the sky."""
    columns = np.array(list(_rows())).T
    return Templates(columns[0].astype(np.int8), *columns[1:])


@cache
def _stacked_cumulative() -> FloatArray:
    """Cumulative weights, the c-th class from c to c + 1, so that one search serves all."""
    return np.cumsum(templates().weight)


def draw(u: NDArray[np.float64], type_class: NDArray[np.int8]) -> NDArray[np.intp]:
    """Template numbers of classes (n,) from uniform numbers (n,), by weight."""
    first, last = (np.searchsorted(templates().type_class, range(3), side=side) for side in ("left", "right"))
    found = np.searchsorted(_stacked_cumulative(), type_class + u, side="right")
    # rounding in the cumulative weights must not hand a galaxy to the next class
    return np.clip(found, first[type_class], last[type_class] - 1)


@cache
def spectra() -> FloatArray:
    """f_lambda of every template on ``populations.WAVELENGTH``, (96, n); 1 at 5500 A before dust."""
    known = templates()
    return np.array(
        [
            populations.spectrum(t, k3) * dust.attenuation(populations.WAVELENGTH, ebv)
            for t, k3, ebv in zip(known.type_t, known.k3, known.ebv, strict=True)
        ]
    )


def band_fluxes(rest: NDArray[np.float64], bands: tuple[str, ...], z: NDArray[np.float64]) -> FloatArray:
    """Mean f_nu through each band, up to one factor a template and redshift.

    rest : (T, wavelengths) f_lambda on ``populations.WAVELENGTH``.  z : (Z,).  Returns (T, Z, bands).

    The integral runs over the rest-frame grid, where the spectra have their lines. One weight vector a band
    and redshift then serves all templates.
    """
    grid = populations.WAVELENGTH
    out = np.empty((len(rest), len(z), len(bands)))
    norms = [filters.photon_norm(band) for band in bands]
    forest = grid < FOREST_END
    fine = grid[forest, None] + np.array([-2.0, -1.0, 0.0, 1.0, 2.0])  # the IGM jumps at lines inside a cell
    for k, stretch in enumerate(1 + z):
        observed = grid * stretch
        photons = observed.copy()
        photons[forest] *= igm.transmission(fine * stretch, stretch - 1).mean(axis=1)
        for b, band in enumerate(bands):
            reach = filters.knots()[band][0]
            start, stop = np.searchsorted(observed, (reach[0], reach[-1]))
            inside = slice(start, stop)
            weight = filters.transmission(band, observed[inside]) * photons[inside]
            out[:, k, b] = rest[:, inside] @ weight / norms[b]
    return out


@cache
def model_table(bands: tuple[str, ...]) -> FloatArray:
    """G: fluxes relative to i of every template at every redshift node, shape (96, 601, bands); read-only."""
    z = np.where(Z_NODES > 0, Z_NODES, 1e-4)
    fluxes = band_fluxes(spectra(), bands, z)
    fluxes /= fluxes[:, :, bands.index("i"), None]
    fluxes.flags.writeable = False
    return fluxes


def public_table() -> Table:
    """The public templates: template_id, type_t, ebv, wavelength in Angstrom and f_lambda (30, n)."""
    known = templates()
    shown = np.flatnonzero((known.k3 == PUBLIC_K3) & np.isin(known.ebv, PUBLIC_EBV))
    wavelength = populations.WAVELENGTH.astype(np.float32)
    return {
        "template_id": np.arange(len(shown)),
        "type_t": known.type_t[shown],
        "ebv": known.ebv[shown],
        "wavelength": np.tile(wavelength, (len(shown), 1)),
        "f_lambda": spectra()[shown].astype(np.float32),
    }
