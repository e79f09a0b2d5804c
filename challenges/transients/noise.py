"""What the camera makes of a difference flux: its noise, whether it is detected, when that triggers, what is cut.

Fluxes are FLUXCAL (m = 27.5 - 2.5 log10 F). Distributions of the noise are those that Boone 2019 (avocado) fitted to
PLAsTiCC; rows are ordered by object and time.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from blindsky.scoring.measurements import Array, FloatArray

# Mean and sd of ln sigma in ugrizy, without the source's own noise
WIDE = ((2.34, 0.43), (0.94, 0.41), (1.30, 0.41), (1.82, 0.42), (2.56, 0.36), (3.33, 0.37))
DEEP = ((0.68, 0.26), (0.25, 0.50), (0.16, 0.36), (0.53, 0.27), (0.88, 0.22), (1.76, 0.23))
FLOOR = 0.005  # of the flux; also the share of |F| sigma that photons of the source add to the variance

HALF_DETECTED, FAINTEST = 5.5, 1.0  # S/N of which half is detected, and up to which nothing is
DETECTION_SCATTER = np.sqrt(2.0)  # of the threshold: (1 + erf((S - 5.5) / 2)) / 2
APART = 0.021  # days between the first detection and the one that triggers

BRIGHTEST = 251_189.0  # FLUXCAL of magnitude 14
FARTHEST = 3.0  # photometric redshift
FEWEST_RED = 30  # observations in i, r and z together


class Observed(NamedTuple):
    """Columns (m,): ``flux`` and ``error`` (float32 FLUXCAL, corrected for dust), ``detected``."""

    flux: Array
    error: Array
    detected: NDArray[np.bool_]


def background(stream: np.random.Generator, band: Array, deep: bool) -> Array:
    """Noise sigma (m,) of visits in ``band`` (m,), without the source's."""
    mean, sd = np.array(DEEP if deep else WIDE, dtype=np.float32).T
    return np.asarray(np.exp(mean[band] + sd[band] * stream.standard_normal(len(band), dtype=np.float32)))


def error(flux: Array, sigma: Array) -> Array:
    """Standard error (m,) of noiseless flux (m,) over a background noise (m,)."""
    size = FLOOR * np.abs(flux)
    return np.asarray(np.sqrt(sigma * (sigma + size) + size**2))


def detected(stream: np.random.Generator, snr: Array) -> NDArray[np.bool_]:
    """Which visits are flagged, (m,), by the *noiseless* S/N (m,): with the measured one, noise alone would trigger."""
    seen = snr > FAINTEST
    threshold = stream.standard_normal(int(np.count_nonzero(seen)), dtype=np.float32)
    seen[seen] = snr[seen] > HALF_DETECTED + DETECTION_SCATTER * threshold
    return np.asarray(seen)


def observe(stream: np.random.Generator, true: Array, extinction: Array, band: Array, deep: bool) -> Observed:
    """Observed fluxes of noiseless ones above the dust.

    true, extinction, band : (m,), the last but one the factor by which dust divides the flux.
    Stream: background (m,), noise (m,), thresholds of the visits with S/N above 1.
    """
    dust = np.asarray(extinction, dtype=np.float32)
    reddened = np.asarray(true, dtype=np.float32) / dust
    e = error(reddened, background(stream, band, deep))
    noisy = reddened + e * stream.standard_normal(len(band), dtype=np.float32)
    return Observed(noisy * dust, e * dust, detected(stream, np.abs(reddened) / e))


def trigger(index: Array, mjd: FloatArray, detected: Array, n: int) -> FloatArray:
    """MJD (n,) of the first detection more than 0.021 d after an object's first one; infinite where none is."""
    rows = np.flatnonzero(detected)
    who, when = index[rows], mjd[rows]
    first = np.full(n, np.inf)
    _at_first(first, who, when)
    found = np.full(n, np.inf)
    later = when > first[who] + APART
    _at_first(found, who[later], when[later])
    return found


def _at_first(target: FloatArray, who: Array, when: FloatArray) -> None:
    """Write into ``target`` the first value of every run of ``who``."""
    first = np.flatnonzero(np.diff(who, prepend=-1))
    target[who[first]] = when[first]


def observable(
    index: Array, band: Array, true: Array, n: int, template: FloatArray | None = None
) -> NDArray[np.bool_]:
    """Objects (n,) that never saturate and have enough red visits.

    true : noiseless flux (m,).   template : of variables, (n, 6).
    """
    kept = np.ones(n, dtype=bool)
    kept[index[np.abs(true) >= BRIGHTEST]] = False
    if template is not None:
        kept &= (template < BRIGHTEST).all(axis=1)
    red = (band >= 2) & (band <= 4)
    return np.asarray(kept & (np.bincount(index[red], minlength=n) >= FEWEST_RED))


def near_enough(photo_z: FloatArray) -> NDArray[np.bool_]:
    """Photometric redshifts (n,) that a host of the survey may have."""
    return np.asarray((photo_z > 0) & (photo_z < FARTHEST))
