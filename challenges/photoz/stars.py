"""Stars: a toy main sequence and black bodies with line blanketing and a Balmer jump.

Analytic, because the template libraries in circulation have unclear terms of redistribution. The scaling
relations are those of textbooks; the absorption factors are shaped so that populations reproduce the colours
of Coleman, Wu & Weedman 1980 to about 0.1 mag.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from blindsky.scoring.measurements import FloatArray

C2 = 1.438777e8  # second radiation constant hc/k, Angstrom K
SUN_TEMPERATURE = 5772.0  # K, IAU 2015 nominal


class MainSequence(NamedTuple):
    """Luminosity in solar units, effective temperature in K, lifetime in yr; each shape (n,)."""

    luminosity: FloatArray
    temperature: FloatArray
    lifetime: FloatArray


def main_sequence(mass: NDArray[np.float64]) -> MainSequence:
    """Properties of main-sequence stars; ``mass`` (n,) in solar masses."""
    L = np.where(mass < 0.43, 0.23 * mass**2.3, np.where(mass < 2, mass**4, 1.4 * mass**3.5))
    R = np.where(mass < 1, mass**0.8, mass**0.57)
    return MainSequence(L, SUN_TEMPERATURE * (L / R**2) ** 0.25, np.maximum(1e10 * mass / L, 3e6))


def _step(x: NDArray[np.float64], width: float) -> FloatArray:
    return 1 / (1 + np.exp(-np.clip(x / width, -500, 500)))


def absorption(wavelength: NDArray[np.float64], temperature: NDArray[np.float64]) -> FloatArray:
    """What an atmosphere lets through; wavelength (w,) in Angstrom, temperature (n,) in K -> (n, w)."""
    wave, T = wavelength[None, :], temperature[:, None]
    c = np.clip((7500 - T) / 2500, 0, 1)  # how cool: none above 7500 K, all below 5000 K
    blanketing = 1 - 0.40 * c * (1 - _step(wave - 4000, 25))
    ultraviolet = np.exp(-0.6 * c * np.clip((3600 - wave) / 1000, 0, 3))
    jump = 0.55 * np.exp(-0.5 * (np.log10(T / 9500) / 0.13) ** 2)
    return np.asarray(blanketing * ultraviolet * (1 - jump * (1 - _step(wave - 3740, 25))))


def spectra(wavelength: NDArray[np.float64], temperature: NDArray[np.float64]) -> FloatArray:
    """f_lambda of unit bolometric light; wavelength (w,) in Angstrom, temperature (n,) in K -> (n, w)."""
    planck = wavelength**-5 / np.expm1(C2 / (wavelength * temperature[:, None]))
    f = planck * absorption(wavelength, temperature)
    return np.asarray(f / np.asarray(np.trapezoid(f, wavelength, axis=1))[:, None])
