"""Depth and noise: what a survey makes of a true flux.

Fluxes are in nJy, F = 10^(-0.4 (m - 31.4)). Errors are computed from the observed flux: errors
from the true one would tell the truth to whoever compares the two columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from blindsky.scoring.measurements import FloatArray

ZERO_POINT = 31.4  # AB magnitude of 1 nJy
GOLD_LIMIT = 25.3  # observed i, LSST Science Book gold sample
DEPTHS = ("y10", "y1")

# 5-sigma coadded point-source depths after ten years, and the visits behind them: formula of Ivezic+2019
# as photerr codes it; Euclid wide, Scaramella et al. 2022. Without visits: a background-limited error alone.
FIVE_SIGMA = {
    "u": 25.90, "g": 27.16, "r": 27.17, "i": 26.74, "z": 26.10, "y": 25.18,
    "nisp_y": 24.3, "nisp_j": 24.5, "nisp_h": 24.4,
}  # fmt: skip
VISITS = {"u": 56, "g": 80, "r": 184, "i": 184, "z": 160, "y": 160}
YEAR_ONE = 10.0  # ten times fewer visits: 1.25 mag brighter depths

COMMON_DEPTH_SCATTER = 0.10  # mag, one number an object
BAND_DEPTH_SCATTER = 0.05  # mag, one number an object and band
SED_SCATTER = 0.015  # of the flux; galaxies aren't their templates, and nobody is told by how much
BACKGROUND = 0.039  # gamma of Ivezic et al. 2019, in units of F5^2
PHOTONS = 0.001  # 0.04 - gamma, for one visit
FLOOR = 0.0046  # of the flux: systematic error of 0.005 mag


class Survey(NamedTuple):
    """Bands, nominal 5-sigma fluxes in nJy, photon-noise factors 0.001/sqrt(visits); each (B,)."""

    bands: tuple[str, ...]
    f5: FloatArray
    photons: FloatArray

    def only(self, columns: Sequence[int]) -> Survey:
        """The same survey in some of its bands."""
        chosen = list(columns)
        return Survey(tuple(self.bands[c] for c in chosen), self.f5[chosen], self.photons[chosen])


def flux(magnitude: NDArray[np.float64]) -> FloatArray:
    """AB magnitude -> nJy."""
    return np.asarray(10 ** (-0.4 * (magnitude - ZERO_POINT)))


def magnitude(flux: NDArray[np.float64]) -> FloatArray:
    """Positive flux in nJy -> AB magnitude."""
    return np.asarray(ZERO_POINT - 2.5 * np.log10(flux))


def survey(bands: tuple[str, ...], depth: str = "y10") -> Survey:
    """The survey in these bands after ten years or one (``y10``, ``y1``); Euclid's depth doesn't change."""
    share = YEAR_ONE if depth == "y1" else 1.0
    depths = [FIVE_SIGMA[b] - (1.25 * np.log10(share) if b in VISITS else 0.0) for b in bands]
    photons = [PHOTONS / np.sqrt(VISITS[b] / share) if b in VISITS else 0.0 for b in bands]
    return Survey(bands, flux(np.array(depths)), np.array(photons))


def variance(
    total: NDArray[np.float64],
    counted: NDArray[np.float64],
    f5: NDArray[np.float64],
    photons: NDArray[np.float64],
    floor: float = FLOOR,
) -> FloatArray:
    """Background, photon and systematic variance, Eq. 5 of Ivezic+2019 in fluxes; all (n, B), nJy -> nJy^2.

    ``total`` enters the systematic term, ``counted`` >= 0 the photon noise; they differ for negative fluxes.
    """
    return np.asarray(BACKGROUND * f5**2 + photons * f5 * counted + (floor * total) ** 2)


def observe(
    true: NDArray[np.float64], common: NDArray[np.float64], survey: Survey, stream: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Observed fluxes and the 5-sigma fluxes of each object.

    true : (n, B) nJy.  common : (n,) depth offset in mag that the bands share.  Returns two (n, B) in nJy.
    """
    depth, scatter, noise = stream.standard_normal((3, *true.shape))
    f5 = survey.f5 * np.exp(-0.4 * np.log(10) * (common[:, None] + BAND_DEPTH_SCATTER * depth))
    sigma = np.sqrt(variance(true, true, f5, survey.photons))
    return true * (1 + SED_SCATTER * scatter) + sigma * noise, f5


def reported_error(
    observed: NDArray[np.float64], f5: NDArray[np.float64], photons: NDArray[np.float64]
) -> FloatArray:
    """The error column, (n, B) in nJy: photometric noise at the observed flux, no scatter of SEDs."""
    return np.sqrt(variance(observed, np.maximum(observed, 0), f5, photons))
