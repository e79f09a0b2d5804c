"""The Sersic profile, I = I_0 exp(-b_n (R/R_e)^(1/n)) with half of the light within R_e: its two constants."""

from __future__ import annotations

import numpy as np

from blindsky.scoring.measurements import FloatArray


def sersic_b(n: FloatArray) -> FloatArray:
    """b_n, where R_e holds half of the light: gammaincinv(2n, 1/2), exact."""
    from scipy.special import gammaincinv

    return np.asarray(gammaincinv(2 * np.asarray(n), 0.5))


def sersic_centre(n: FloatArray) -> FloatArray:
    """Central surface brightness for R_e = 1 and unit flux, b^2n / (2 pi n Gamma(2n))."""
    from scipy.special import gammaln

    n = np.asarray(n, dtype=np.float64)
    return np.asarray(np.exp(2 * n * np.log(sersic_b(n)) - gammaln(2 * n)) / (2 * np.pi * n))
