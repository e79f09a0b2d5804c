"""How often extragalactic transients explode: volumetric rates and the redshifts that follow from them.

Values are the PLAsTiCC inputs (Kessler et al. 2019), shapes the rate functions of SNANA.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from blindsky.challenges.transients.cosmology import volume
from blindsky.scoring.measurements import FloatArray

SOLID_ANGLE = 5.468  # sr, PLAsTiCC's wide survey
YEARS = 1230 / 365.25  # MJD 59520 to 60750
_NODES = 8193  # of the cumulative redshift distribution

VolumetricRate = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True)
class Rate:
    """R(z) = ``share`` x ``shape``(z) events per rest-frame year and Mpc^3, between two redshifts."""

    share: float
    shape: VolumetricRate
    low: float
    high: float

    def expected(self, solid_angle: float = SOLID_ANGLE, years: float = YEARS) -> float:
        """Number of events in ``solid_angle`` sr and ``years`` of the observer."""
        return float(_cumulative(self)[1][-1] * solid_angle * years)

    def draw(self, stream: np.random.Generator, n: int) -> FloatArray:
        """Redshifts (n,) with dN/dz ~ R(z)/(1+z) dV/dz."""
        z, below = _cumulative(self)
        return np.asarray(np.interp(stream.random(n) * below[-1], below, z))


@cache
def _cumulative(rate: Rate) -> tuple[FloatArray, FloatArray]:
    """Redshifts and the number of events below them, per steradian and observer's year."""
    z = np.linspace(rate.low, rate.high, _NODES)
    density = rate.share * rate.shape(z) / (1 + z) * volume(z)
    steps = 0.5 * (density[1:] + density[:-1]) * np.diff(z)
    return z, np.concatenate([[0.0], np.cumsum(steps)])


def madau(z: FloatArray, a: float, b: float, c: float, d: float) -> FloatArray:
    """The form a (1+z)^c / (1 + ((1+z)/b)^d) of Madau & Dickinson 2014."""
    return np.asarray(a * (1 + z) ** c / (1 + ((1 + z) / b) ** d))


def star_formation(z: FloatArray) -> FloatArray:
    """Cosmic star formation relative to today (Madau & Dickinson 2014)."""
    return madau(z, 0.015, 2.9, 2.7, 5.6) / madau(np.zeros(1), 0.015, 2.9, 2.7, 5.6)


def core_collapse(z: FloatArray) -> FloatArray:
    """All core-collapse supernovae, per year and Mpc^3: 6.168e-5 today (Strolger et al. 2015)."""
    return 0.0091 * 0.49 * madau(z, 0.015, 1.5, 5, 6.1)


def thermonuclear(z: FloatArray) -> FloatArray:
    """Type Ia supernovae (Dilday et al. 2008 below z = 1, Hounsell et al. 2018 above)."""
    return np.where(z < 1, 2.5e-5 * (1 + z) ** 1.5, 9.7e-5 * (1 + z) ** -0.5)


def pair_instability(z: FloatArray) -> FloatArray:
    """Pair-instability supernovae (Pan, Kasen & Loeb 2012)."""
    return np.asarray(1e-9 * np.polynomial.polynomial.polyval(z, (1.98, 6.38, 6.558, -4.42, 0.8312, -0.0508)))


def power_law(z: FloatArray) -> FloatArray:
    """(1+z)^1.5."""
    return np.asarray((1 + z) ** 1.5)


def tidal_disruption(z: FloatArray) -> FloatArray:
    """10^(-0.5 z/0.6), relative to today (Kochanek 2016)."""
    return np.asarray(10 ** (-0.5 * z / 0.6))


IA = Rate(1, thermonuclear, 0.011, 1.55)
IA_91BG = Rate(3e-6, power_law, 0.011, 1.2)
IAX = Rate(6e-6, star_formation, 0.011, 1.5)
II = Rate(0.70, core_collapse, 0.011, 1.5)
IIN = Rate(0.06, core_collapse, 0.03, 2.0)
IBC = Rate(0.30, core_collapse, 0.011, 1.5)
SLSN = Rate(2e-8, star_formation, 0.02, 3.45)
TDE = Rate(1e-6, tidal_disruption, 0.01, 2.9)
KILONOVA = Rate(
    6e-6, np.ones_like, 0.011, 0.28
)  # six times the physical rate, as PLAsTiCC's organisers chose
CALCIUM_RICH = Rate(2.3e-6, star_formation, 0.012, 1.4)
ILOT = Rate(0.06, core_collapse, 0.011, 1.5)
PISN = Rate(1, pair_instability, 0.02, 2.2)
