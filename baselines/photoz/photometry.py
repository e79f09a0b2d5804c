"""What learning methods see of a galaxy: magnitude and colours, standardised on the labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from blindsky.challenges.photoz.features import magnitude_and_colours
from blindsky.challenges.release import Public
from blindsky.scoring.measurements import FloatArray, Table


@dataclass(frozen=True)
class Photometry:
    """bands : blue to red.    softening : nJy.    centre, scale : of the labels' features; all (bands,)."""

    bands: tuple[str, ...]
    softening: FloatArray
    centre: FloatArray
    scale: FloatArray

    def features(self, table: Table) -> FloatArray:
        """Standardised magnitude and colours of a table's rows, shape (n, bands)."""
        return (magnitude_and_colours(table, self.bands, self.softening) - self.centre) / self.scale


def labels(public: Public) -> tuple[Photometry, FloatArray, FloatArray]:
    """What a method learns from: the photometry's scaling, features (labels, bands), redshifts (labels,)."""
    declared = public.json("bands")
    bands = tuple(declared["bands"])
    softening = np.array([declared["softening_njy"][band] for band in bands])
    train = public.table("train", ["redshift", *(f"flux_{band}" for band in bands)])
    raw = magnitude_and_colours(train, bands, softening)
    centre, spread = raw.mean(axis=0), raw.std(axis=0)
    photometry = Photometry(bands, softening, centre, np.where(spread > 0, spread, 1.0))
    return photometry, photometry.features(train), train["redshift"].astype(np.float64)
