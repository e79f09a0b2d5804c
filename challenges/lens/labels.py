"""Truth that is measured on noiseless pixels, and the two rules of what counts as a lens."""

from __future__ import annotations

import numpy as np

from blindsky.scoring.measurements import Array, FloatArray, Table

MAGNIFIED = 1.6  # is_lens: smallest magnification ...
PIXELS = 20  # ... and more than so many pixels above the noise (rules of the challenge's second edition)


def measure_arcs(arcs: Array, foreground: Array, sigma: FloatArray, has_source: Array) -> Table:
    """Columns (n,) from lensed light and foreground (n, size, size) and the noise rms (n,) of the reference band.

    npix : pixels brighter than the noise.   flux_sigma : their light over sigma.   snr_arc : sqrt(sum L^2)/sigma.
    contrast : lensed over foreground light.   Null (NaN), or 0 for npix, without source.
    """
    n = len(arcs)
    npix, flux, power, light = np.zeros((4, n))
    for k in np.flatnonzero(has_source):
        L = arcs[k].astype(np.float64).ravel()
        above = sigma[k] < L
        npix[k], flux[k], power[k], light[k] = above.sum(), L[above].sum(), L @ L, L.sum()
    total = foreground.sum(axis=(1, 2), dtype=np.float64)
    nothing = np.where(has_source, 0.0, np.nan)
    return {
        "npix": npix.astype(np.int32),
        "flux_sigma": flux / sigma + nothing,
        "snr_arc": np.sqrt(power) / sigma + nothing,
        "contrast": light / total + nothing,
    }


def is_lens(has_source: Array, mu_eff: FloatArray, npix: Array) -> Array:
    """Rule of the second edition: a source, magnified, and seen; (n,) bool."""
    return has_source & (np.nan_to_num(mu_eff) > MAGNIFIED) & (npix > PIXELS)
