"""Subsets of sources and claims that are scored by themselves.

They are of measured rows: a claim is where the source is that it was matched to; any other where it says that it is.
So completeness counts sources of the slice, and purity and accuracies count claims. How large a slice is, is told by
its sources: no entry can fill one with claims of its own. What lies near a claim that was not matched is not told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from blindsky.challenges.challenge import Slice
from blindsky.challenges.hi.measure import FIFTHS, SOURCE
from blindsky.scoring.measurements import Table

SNR = (2, 3, 4, 5, 6, 8, 10, 15, np.inf)
SHOWN = ("completeness", "purity", "accuracy", "acc_flux", "acc_hi_size", "acc_pa", "acc_w20", "acc_i")
OF_SOURCES = ("completeness", "accuracy", "acc_flux", "acc_hi_size", "acc_pa", "acc_w20", "acc_i")
_ORDINALS = ("1st", "2nd", "3rd", "4th", "5th")

Mask = Callable[[Table], NDArray[np.bool_]]


def _from(column: str, low: float, high: float) -> Mask:
    """From ``low`` to below ``high``."""
    return lambda t: np.asarray((t[column] >= low) & (t[column] < high))


def _bins(column: str, title: str, edges: Sequence[float], unit: str = "") -> tuple[Slice, ...]:
    """Bins of a column, named after their edges."""
    found = []
    for low, high in pairwise(edges):
        if np.isinf(low):
            name = f"{title} < {high:g}{unit}"
        else:
            name = f"{title} >= {low:g}{unit}" if np.isinf(high) else f"{title} {low:g} to {high:g}{unit}"
        found.append(_slice(name, column, _from(column, low, high), title))
    return tuple(found)


def _slice(name: str, column: str, mask: Mask, family: str, metrics: tuple[str, ...] = SHOWN) -> Slice:
    return Slice(
        name, (column, "kind"), mask, family, metrics, about=lambda t: np.asarray(t["kind"] == SOURCE)
    )


def _is(column: str, value: float, name: str, family: str, metrics: tuple[str, ...] = OF_SOURCES) -> Slice:
    return _slice(name, column, lambda t: np.asarray(t[column] == value), family, metrics)


SLICES = (
    *_bins("snr", "S/N", SNR),
    *(_is("fifth", k, f"{_ORDINALS[k]} fifth of the band", "frequency", SHOWN) for k in range(FIFTHS)),
    *_bins("hi_size", "size", (-np.inf, 3.5, 7, np.inf), " arcsec"),
    *_bins("w20", "w20", (-np.inf, 100, 200, 300, np.inf), " km/s"),
    *_bins("i", "inclination", (-np.inf, 30, 60, np.inf), " deg"),
    _is("blended", 1, "another source within 20 arcsec and 1 MHz", "blends"),
    _is("blended", 0, "no other source near", "blends"),
    _slice(
        "less than 95 % of the flux in the cube", "f_in", _from("f_in", -np.inf, 0.95), "edges", OF_SOURCES
    ),
)
SURVEY = (
    *_bins("gamma", "interference", (-np.inf, 1.1, 2, np.inf)),
    _is("near_continuum", 1, "within 30 arcsec of 10 mJy of continuum", "continuum"),
    _is("near_continuum", 0, "no bright continuum source near", "continuum"),
)
"""Of the track that has interference and what subtraction leaves of the continuum."""
