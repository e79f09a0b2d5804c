"""The intergalactic medium: mean transmission of the Lyman forest and continuum, Madau 1995."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from blindsky.scoring.measurements import FloatArray

# Lyman alpha to delta: wavelength in Angstrom, A_j; Madau 1995, Eq. 12 and text
LINES = ((1215.67, 0.0036), (1025.72, 0.0017), (972.537, 0.0012), (949.743, 0.00093))
LIMIT = 911.75  # Angstrom


def optical_depth(observed: NDArray[np.float64], z: float) -> FloatArray:
    """Mean optical depth at observed wavelengths (n,) in Angstrom towards a source at redshift ``z``."""
    tau = np.zeros_like(observed)
    for line, strength in LINES:
        tau += np.where(observed < line * (1 + z), strength * (observed / line) ** 3.46, 0)
    xc, xe = np.minimum(observed / LIMIT, 1 + z), 1 + z  # at the limit the continuum term vanishes
    continuum = (  # Madau 1995, footnote 3
        0.25 * xc**3 * (xe**0.46 - xc**0.46)
        + 9.4 * xc**1.5 * (xe**0.18 - xc**0.18)
        - 0.7 * xc**3 * (xc**-1.32 - xe**-1.32)
        - 0.023 * (xe**1.68 - xc**1.68)
    )
    return np.asarray(tau + np.maximum(continuum, 0))


def transmission(observed: NDArray[np.float64], z: float) -> FloatArray:
    """Mean transmission at observed wavelengths (n,) in Angstrom towards redshift ``z``."""
    return np.exp(-optical_depth(observed, z))
