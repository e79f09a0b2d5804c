"""Stellar populations: single ages, star-formation histories, nebular lines, and the types between knots."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from blindsky.challenges.photoz import stars
from blindsky.scoring.measurements import FloatArray

WAVELENGTH: FloatArray = np.arange(600.0, 26_000.0, 5.0)  # rest frame, Angstrom
AGES: FloatArray = np.logspace(6.3, 10.13, 60)  # yr
GIANT_TEMPERATURE = 4400.0  # K
HC = 1.98644586e-8  # erg Angstrom
HBETA_PER_PHOTON = 4.76e-13  # erg; case B, 10^4 K (Osterbrock & Ferland 2006)
LYMAN_LIMIT = 912.0  # Angstrom
LINE_SIGMA = 8.0  # Angstrom


class History(NamedTuple):
    """Star formation ~ exp(-t/tau), seen at ``age``; years. A tau of infinity is a constant rate."""

    age: float
    tau: float


KNOTS = (
    History(8e9, 1e9),
    History(5e9, 2e9),
    History(5e9, 3e9),
    History(5e9, np.inf),
    History(1e9, np.inf),
    History(0.3e9, np.inf),
)


def line_ratios(k3: float) -> dict[float, float]:
    """Wavelength in Angstrom -> flux over that of Hbeta; ``k3`` is the ratio of [OIII] 5007."""
    return {
        3727.4: 3.0,
        4340.5: 0.47,
        4861.3: 1.0,
        4958.9: k3 / 3,
        5006.8: k3,
        6562.8: 2.86,
        6583.5: 0.6,
        6724.0: 0.5,
    }


@cache
def single_ages() -> FloatArray:
    """Spectra of populations of one age, Salpeter 1955 mass function: shape (60 ages, wavelengths)."""
    mass = np.logspace(-1, np.log10(60), 160)
    star = stars.main_sequence(mass)
    number = mass**-2.35 * mass * np.log(mass[1] / mass[0])  # dN = M^-2.35 M dlnM
    living = number * star.luminosity / (1 + (AGES[:, None] / star.lifetime) ** 8)  # (age, mass)
    dwarfs = living @ stars.spectra(WAVELENGTH, star.temperature)
    giants = 1.5 * (AGES / 1e10) ** 0.45 * living.sum(axis=1)
    return np.asarray(dwarfs + giants[:, None] * stars.spectra(WAVELENGTH, np.array([GIANT_TEMPERATURE])))


def composite(history: History) -> FloatArray:
    """Stellar light of a star-formation history, shape (wavelengths,)."""
    edges = np.concatenate([[0.0], np.sqrt(AGES[1:] * AGES[:-1]), AGES[-1:]])
    width = np.diff(np.minimum(edges, history.age))
    # ages past the galaxy's own have no width; their weight is held finite
    weight = np.exp(-np.maximum(history.age - AGES, 0) / history.tau) * width
    return np.asarray(weight @ single_ages())


def with_nebula(f: NDArray[np.float64], k3: float) -> FloatArray:
    """Stellar light (wavelengths,) with its Lyman continuum absorbed and half of it returned in lines."""
    ionising = WAVELENGTH < LYMAN_LIMIT
    photons = np.trapezoid((f * WAVELENGTH / HC)[ionising], WAVELENGTH[ionising])
    hbeta = HBETA_PER_PHOTON * photons * 0.5  # the other half is absorbed by dust or escapes
    f = np.where(ionising, 0.05 * f, f)
    for centre, ratio in line_ratios(k3).items():
        profile = np.exp(-0.5 * ((WAVELENGTH - centre) / LINE_SIGMA) ** 2) / (LINE_SIGMA * np.sqrt(2 * np.pi))
        f = f + hbeta * ratio * profile
    return f


@cache
def knot_spectra(k3: float) -> FloatArray:
    """The six knots t = 0 ... 5 without dust, f_lambda = 1 at 5500 Angstrom: shape (6, wavelengths)."""
    f = np.array([with_nebula(composite(history), k3) for history in KNOTS])
    return np.asarray(f / f[:, WAVELENGTH == 5500.0])


def spectrum(t: float, k3: float) -> FloatArray:
    """A galaxy of type ``t`` in 0 ... 5: ln f is linear between knots. Shape (wavelengths,)."""
    lower = min(int(t), len(KNOTS) - 2)
    low, high = knot_spectra(k3)[lower : lower + 2]
    return np.asarray(low ** (1 - (t - lower)) * high ** (t - lower))
