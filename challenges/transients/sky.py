"""The mock sky of the transients challenge: population by population and survey by survey, in blocks of candidates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from blindsky.challenges.blocks import merge
from blindsky.challenges.challenge import Size, Track
from blindsky.challenges.skies import Block, Stratum
from blindsky.challenges.transients import assembly, cadence, catalogue, counts
from blindsky.challenges.transients.bands import BANDS, NODES, ZERO_POINT
from blindsky.challenges.transients.cadence import Visits
from blindsky.challenges.transients.classes import CLASSES, DAYS
from blindsky.challenges.transients.counts import Mix
from blindsky.challenges.transients.populations import POPULATIONS
from blindsky.scoring.measurements import Table

OBJECTS = 4096  # observed at a time, which bounds the memory
_SURVEYS = ("wide", "deep")


@dataclass
class TransientSky:
    """The sky of one track and size.

    mixes : objects of each population by split.   spectra : whether training objects are those of which a spectrograph
    took a spectrum.   early : whether the light curves of the test end some days after the trigger.
    """

    mixes: Mapping[str, Mix]
    spectra: bool
    early: bool
    device: str = "cpu"
    _deep: Visits | None = None

    def files(self) -> Mapping[str, Table | dict[str, Any]]:
        """The classes with their weights in the score, and the passbands."""
        classes = [{"class": c.number, "name": c.name, "weight": c.weight} for c in CLASSES]
        bands = [
            {"passband": k, "name": name, "wavelengths_angstrom": NODES[:, k].tolist()}
            for k, name in enumerate(BANDS)
        ]
        return {"classes": {"classes": classes}, "passbands": {"passbands": bands, "zero_point": ZERO_POINT}}

    def prepare(self, stream: np.random.Generator) -> None:
        """Draw the visits of the deep fields."""
        self._deep = cadence.calendars(stream)

    def strata(self, split: str) -> Sequence[Stratum]:
        """Every population in every survey, as far as the split holds some."""
        return [
            Stratum(f"{name}-{survey}", n)
            for name, number in self.mixes[split].items()
            for survey, n in zip(_SURVEYS, number, strict=True)
            if n
        ]

    def draw(self, split: str, stratum: str, block: int, stream: np.random.Generator) -> Block:
        """The objects among the candidates of a block that the survey reports."""
        name, _, survey = stratum.rpartition("-")
        population, deep = POPULATIONS[name], survey == "deep"
        found = assembly.candidates(stream, population.source, deep, population.candidates[deep])
        n = len(next(iter(found.values())))
        parts = []
        for start in range(0, max(n, 1), OBJECTS):
            some = {name: column[start : start + OBJECTS] for name, column in found.items()}
            parts.append(self._observe(stream, split, name, deep, some))
        return merge(parts)

    def _observe(
        self, stream: np.random.Generator, split: str, name: str, deep: bool, candidates: Table
    ) -> Block:
        source, training = POPULATIONS[name].source, split == "train"
        shared = self._deep if deep else None
        seen = assembly.observe(stream, source, candidates, shared, training and self.spectra)
        public = catalogue.metadata(stream, seen, deep, always=training)
        cut: Table = {}
        if self.early and not training:
            days = stream.choice(np.array(DAYS, dtype=np.float32), len(seen.trigger))
            seen = seen._replace(curves=assembly.until(seen.curves, seen.trigger + days))
            cut = {"epoch_cut": days}
        truth = catalogue.truth(source, seen) | cut
        long = {"lightcurves": seen.curves}
        if training:
            return Block(public | {"target": truth["true_target"]}, {"train_truth": truth}, long=long)
        return Block(public | cut, {"truth": truth}, long=long)


def simulate(track: Track, size: Size, options: Mapping[str, str]) -> TransientSky:
    """The sky of a track and size."""
    representative = track.name == "representative"
    mixes = {"train": counts.train_mix(size, representative), "test": counts.test_mix(size)}
    return TransientSky(mixes, spectra=not representative, early=track.name == "early")
