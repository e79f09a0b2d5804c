"""Dust: the attenuation of starburst galaxies, Calzetti et al. 2000."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from blindsky.scoring.measurements import FloatArray


def attenuation_curve(wavelength: NDArray[np.float64]) -> FloatArray:
    """k(lambda), Eq. 4 of Calzetti+2000 with R_V = 4.05; rest-frame Angstrom, used below 0.12 um too."""
    x = wavelength / 1e4
    blue = 2.659 * (-2.156 + 1.509 / x - 0.198 / x**2 + 0.011 / x**3) + 4.05
    red = 2.659 * (-1.857 + 1.040 / x) + 4.05
    return np.maximum(np.where(x < 0.63, blue, red), 0)


def attenuation(wavelength: NDArray[np.float64], ebv: float) -> FloatArray:
    """The share of the light that passes dust of colour excess ``ebv`` in mag."""
    return np.asarray(10 ** (-0.4 * ebv * attenuation_curve(wavelength)))
