"""Features on one scale: what learning methods make of numbers of any size, some of which may be missing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Features = NDArray[np.float32]


@dataclass(frozen=True)
class Standard:
    """centre, scale : mean and standard deviation of each feature on the train split, (k,)."""

    centre: Features
    scale: Features

    @classmethod
    def of(cls, features: Features) -> Standard:
        """Of features (n, k), where NaN means that a stamp has none; a constant feature keeps its scale."""
        known = np.isfinite(features)
        count = np.maximum(known.sum(axis=0), 1)
        centre = np.sum(features, axis=0, where=known, dtype=np.float64) / count
        square = np.sum((features - centre) ** 2, axis=0, where=known, dtype=np.float64) / count
        scale = np.sqrt(square)
        return cls(centre.astype(np.float32), np.where(scale > 0, scale, 1).astype(np.float32))

    def __call__(self, features: Features) -> Features:
        """Standardised features (n, k); a missing one is taken to be the mean."""
        scaled = (features - self.centre) / self.scale
        return np.where(np.isfinite(scaled), scaled, np.float32(0))
