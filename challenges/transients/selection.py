"""Who gets a spectrum: the bright ones. This makes the training set of the ``biased`` track unlike the test set."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from blindsky.challenges.transients.bands import ZERO_POINT
from blindsky.scoring.measurements import Array, FloatArray

HALF, WIDTH = 22.6, 0.5  # i magnitude of which half gets a spectrum; stands in for PLAsTiCC's DES efficiency
I_BAND = 3


def efficiency(i: FloatArray) -> FloatArray:
    """Probability (n,) that an object of brightest i magnitude (n,), variables of mean i, gets a spectrum."""
    return np.asarray(1 / (1 + np.exp(np.minimum((i - HALF) / WIDTH, 700.0))))


def accepted(stream: np.random.Generator, i: FloatArray) -> NDArray[np.bool_]:
    """Objects (n,) that get a spectrum."""
    return np.asarray(stream.random(len(i)) < efficiency(i))


def brightest(index: Array, band: Array, true: Array, n: int) -> FloatArray:
    """Brightest i magnitude (n,) among the visits' noiseless fluxes (m,); infinite where none is positive."""
    rows = band == I_BAND
    most = np.zeros(n)
    np.maximum.at(most, index[rows], true[rows].astype(np.float64))
    magnitude = np.full(n, np.inf)
    seen = most > 0
    magnitude[seen] = ZERO_POINT - 2.5 * np.log10(most[seen])
    return magnitude
