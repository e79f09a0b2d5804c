"""Subsets of blends, and of their galaxies, that are scored by themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations_with_replacement, pairwise

import numpy as np
from numpy.typing import NDArray

from blindsky.challenges.challenge import Slice
from blindsky.scoring.measurements import Table

SEPARATIONS = (0, 6, 10, 15, 25, 64)  # pixels
DIFFERENCES = (-2, -4 / 3, -2 / 3, 0, 2 / 3, 4 / 3, 2)  # magnitudes, central - companion
PAIR = ("mape", "mape_clip", "dm_mean", "dm_std", "outlier", "missing", "iou")
SCENE = ("deblend_error", "recall", "precision", "flux_mede_r", "iou", "recon")

Mask = Callable[[Table], NDArray[np.bool_]]


def _from(column: str, low: float, high: float) -> Mask:
    """From ``low`` to below ``high``; an infinite ``high`` leaves out nothing."""
    return lambda t: np.asarray((t[column] >= low) & ((t[column] < high) | np.isinf(high)))


def _bins(
    column: str, title: str, edges: Sequence[float], metrics: tuple[str, ...], unit: str = ""
) -> tuple[Slice, ...]:
    """Bins of a column, named after their edges."""
    found = []
    for low, high in pairwise(edges):
        if np.isinf(low):
            name = f"{title} < {high:.3g}{unit}"
        else:
            name = (
                f"{title} >= {low:.3g}{unit}" if np.isinf(high) else f"{title} {low:.3g} to {high:.3g}{unit}"
            )
        found.append(Slice(name, (column,), _from(column, low, high), title, metrics))
    return tuple(found)


def _number(n: int) -> Slice:
    return Slice(f"{n} galaxies", ("n_objects",), lambda t: np.asarray(t["n_objects"] == n), "number", SCENE)


_BLENDEDNESS = (-np.inf, 0.01, 0.05, 0.2, 0.5, np.inf)
_SNR = (-np.inf, 5, 20, 100, 500, np.inf)

TYPES = ("disk", "irr", "sph", "sphd")


def _types(first: str, second: str) -> Slice:
    both = f"{first} + {second}"
    return Slice(both, ("types",), lambda t: np.asarray(t["types"] == both), "types", PAIR)


OF_PAIRS = (
    *_bins("separation", "separation", (*SEPARATIONS[:-1], np.inf), PAIR, " px"),
    *_bins("sep_fwhm", "separation / FWHM", (0, 2, 4, 6, 10, np.inf), PAIR),
    *_bins("dm", "central - companion", (*DIFFERENCES[:-1], np.inf), PAIR, " mag"),
    *_bins("overlap", "overlap of the masks", (0, 0.05, 0.2, 0.5, np.inf), PAIR),
    *(_types(*both) for both in combinations_with_replacement(TYPES, 2)),
    *_bins("blendedness", "blendedness", _BLENDEDNESS, PAIR),
    *_bins("mag", "magnitude", (-np.inf, 20, 21, 22, 23, np.inf), PAIR),
    *_bins("snr", "S/N", _SNR, PAIR),
)
"""Separation, difference and overlap choose pairs; blendedness, magnitude and S/N choose galaxies."""

OF_SCENES = (
    *map(_number, range(2, 7)),
    *_bins("blendedness", "blendedness", _BLENDEDNESS, SCENE),
    *_bins("overlap", "share of its mask in others", (0, 0.05, 0.2, 0.5, np.inf), SCENE),
    *_bins("mag", "magnitude", (-np.inf, 22, 23, 24, 25, 26, np.inf), SCENE),
    *_bins("snr", "S/N", _SNR, SCENE),
)
"""Numbers choose scenes with their false detections; the others choose galaxies, which no false detection is.

Of pairs the overlap is of the two masks, |T0 and T1|/|T0 or T1|; of scenes it is each galaxy's own.
"""
