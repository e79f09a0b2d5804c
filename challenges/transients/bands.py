"""The six passbands: each is the mean of f_nu at five wavelengths, and fluxes have the zero point 27.5."""

from __future__ import annotations

import numpy as np

from blindsky.scoring.measurements import Array, FloatArray

BANDS = ("u", "g", "r", "i", "z", "y")  # passband 0 ... 5
ZERO_POINT = 27.5  # m = 27.5 - 2.5 log10 F

# Equal-photon nodes of the LSST throughputs, Angstrom: (5 nodes, 6 bands)
NODES = np.array(
    [
        [3462, 3609, 3719, 3814, 3915],
        [4169, 4480, 4768, 5059, 5356],
        [5624, 5910, 6194, 6478, 6763],
        [7019, 7267, 7517, 7800, 8072],
        [8251, 8459, 8659, 8868, 9105],
        [9315, 9514, 9700, 9910, 10218],
    ],
    dtype=np.float64,
).T.copy()


def to_flux(magnitude: FloatArray) -> FloatArray:
    """Flux of an AB magnitude, shape of ``magnitude``."""
    return np.asarray(10 ** (-0.4 * (magnitude - ZERO_POINT)))


def to_magnitude(flux: Array) -> FloatArray:
    """AB magnitude of a flux, shape of ``flux``; infinite at 0, NaN below."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(ZERO_POINT - 2.5 * np.log10(flux))
