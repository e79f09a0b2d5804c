"""Features of a galaxy: an asinh magnitude, adjacent asinh colours; and what the labels reach in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from blindsky.challenges.photoz.filters import LSST, NISP
from blindsky.challenges.photoz.photometry import BACKGROUND, ZERO_POINT, Survey, survey
from blindsky.scoring.measurements import Array, FloatArray

NEIGHBOURS = 20
SUPPORT_QUANTILE = 0.95


def bands_of(table: Mapping[str, Array]) -> tuple[str, ...]:
    """The bands whose fluxes a table holds, from blue to red."""
    return tuple(band for band in (*LSST, *NISP) if f"flux_{band}" in table)


def asinh_mag(flux: Array, b: float | NDArray[np.float64]) -> FloatArray:
    """Inverse hyperbolic sine magnitude, defined at every flux (Lupton, Gunn & Szalay 1999).

    flux, b : nJy, broadcast together; b is the softening. Tends to the AB magnitude where flux >> b.
    """
    softened = np.arcsinh(np.asarray(flux, dtype=np.float64) / (2 * b)) + np.log(b)
    return np.asarray(ZERO_POINT - 2.5 / np.log(10) * softened)


def softening(bands: tuple[str, ...], depth: str = "y10") -> FloatArray:
    """The constant b of every band, (B,) in nJy: nominal noise of the sky, the same for train and test."""
    return np.asarray(softening_of(survey(bands, depth)))


def softening_of(of: Survey) -> list[float]:
    """The same for a survey at hand."""
    return [float(b) for b in np.sqrt(BACKGROUND) * of.f5]


def magnitude_and_colours(
    table: Mapping[str, Array], bands: tuple[str, ...], b: NDArray[np.float64]
) -> FloatArray:
    """Asinh magnitude i (or of the middle band where there is no i) and the adjacent asinh colours.

    table : columns ``flux_*`` (n,).   bands : blue to red.   b : softening (B,), nJy.   Returns (n, B).
    """
    mags = asinh_mag(np.stack([table[f"flux_{band}"] for band in bands], axis=1), b)
    reference = bands.index("i") if "i" in bands else len(bands) // 2
    return np.concatenate([mags[:, [reference]], mags[:, :-1] - mags[:, 1:]], axis=1)


def features(table: Mapping[str, Array], depth: str = "y10") -> FloatArray:
    """Magnitude and colours of a survey's table with the softening of its depth, (n, B)."""
    bands = bands_of(table)
    return magnitude_and_colours(table, bands, softening(bands, depth))


def label_support(train_features: NDArray[np.float64]) -> Callable[[NDArray[np.float64]], NDArray[np.bool_]]:
    """A function that says which objects the labels reach: raw features (n, k) -> (test (m, k) -> (m,) bool).

    True where the 20th labelled neighbour is nearer than it is for 95 % of the labels themselves (own row
    left out), in features standardised on the labels. To keep these alone is culling.
    """
    from scipy.spatial import cKDTree

    mean, spread = train_features.mean(axis=0), train_features.std(axis=0)
    train = (train_features - mean) / spread
    tree = cKDTree(train)
    k = min(NEIGHBOURS, len(train) - 1)
    own, _ = tree.query(train, k=[k + 1], workers=-1)
    reach = np.quantile(own[:, 0], SUPPORT_QUANTILE)

    def inside(test_features: NDArray[np.float64]) -> NDArray[np.bool_]:
        distance, _ = tree.query((test_features - mean) / spread, k=[k], workers=-1)
        return np.asarray(distance[:, 0] < reach)

    return inside


def inside_label_support(
    train_features: NDArray[np.float64], test_features: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Whether the labels reach each test object: raw features (n, k), (m, k) -> (m,) bool."""
    return label_support(train_features)(test_features)
