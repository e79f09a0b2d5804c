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
    L, s = arcs.astype(np.float64), sigma[:, None, None]
    above = s < L
    total = foreground.astype(np.float64).sum(axis=(1, 2))
    nothing = np.where(has_source, 0.0, np.nan)
    return {
        "npix": (above.sum(axis=(1, 2)) * has_source).astype(np.int32),
        "flux_sigma": (L * above).sum(axis=(1, 2)) / sigma + nothing,
        "snr_arc": np.sqrt((L**2).sum(axis=(1, 2))) / sigma + nothing,
        "contrast": L.sum(axis=(1, 2)) / total + nothing,
    }


def is_lens(has_source: Array, mu_eff: FloatArray, npix: Array) -> Array:
    """Rule of the second edition: a source, magnified, and seen; (n,) bool."""
    return has_source & (np.nan_to_num(mu_eff) > MAGNIFIED) & (npix > PIXELS)
