"""A smooth curve through the visits of an object: a Gaussian process in time and wavelength, Boone 2019."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from blindsky.scoring.measurements import FloatArray

COLOUR_SCALE = 6000.0  # Angstrom
TIME_SCALES = np.geomspace(1.0, 300.0, 13)  # days
AMPLITUDES = np.geomspace(0.1, 10.0, 25)  # of the root mean square of the fluxes


def correlation(days: FloatArray, colours: FloatArray) -> FloatArray:
    """Matern-3/2 correlation at distances in units of the two scales, shape of both together (Boone 2019, Eq. 1)."""
    r = np.sqrt(3.0 * (days**2 + colours**2))
    return np.asarray((1 + r) * np.exp(-r))


class Smooth(NamedTuple):
    """The most likely process given the visits.

    scale : days.   amplitude : its standard deviation, unit of flux.   likelihood : ln, up to a constant.
    mjd, wavelength : (n,) of the visits.   weights : (n,), what their correlations are multiplied by.
    """

    scale: float
    amplitude: float
    likelihood: float
    mjd: FloatArray
    wavelength: FloatArray
    weights: FloatArray

    @classmethod
    def of(cls, mjd: FloatArray, wavelength: FloatArray, flux: FloatArray, error: FloatArray) -> Smooth:
        """The best of the time scales and amplitudes above, for n >= 1 visits, columns (n,) each.

        One eigendecomposition of the correlations between visits, in units of their errors, serves all amplitudes.
        """
        colours = (wavelength[:, None] - wavelength) / COLOUR_SCALE
        days = mjd[:, None] - mjd
        tried = AMPLITUDES * np.sqrt(np.mean(flux**2))
        found = []
        for scale in TIME_SCALES:
            values, vectors = np.linalg.eigh(correlation(days / scale, colours) / np.outer(error, error))
            along = vectors.T @ (flux / error)
            variance = 1 + tried[:, None] ** 2 * np.maximum(values, 0)
            likelihood = -0.5 * np.sum(along**2 / variance + np.log(variance), axis=1)
            best = int(np.argmax(likelihood))
            weights = tried[best] ** 2 * (vectors @ (along / variance[best])) / error
            found.append(
                cls(float(scale), float(tried[best]), float(likelihood[best]), mjd, wavelength, weights)
            )
        return max(found, key=lambda one: one.likelihood)

    def flux(self, mjd: FloatArray, wavelength: float) -> FloatArray:
        """Mean flux (m,) at the times (m,) in a band of this wavelength."""
        days = (mjd[:, None] - self.mjd) / self.scale
        return correlation(days, (wavelength - self.wavelength) / COLOUR_SCALE) @ self.weights
