"""Every population of the mock sky by name: its source, and how many candidates of it a block tries."""

from __future__ import annotations

from dataclasses import dataclass

from blindsky.challenges.transients.flares import M_DWARF
from blindsky.challenges.transients.microlensing import BINARY_SOURCE, MICROLENSING
from blindsky.challenges.transients.quasars import AGN
from blindsky.challenges.transients.sources import TRANSIENTS, Source
from blindsky.challenges.transients.stars import ECLIPSING_BINARY, MIRA, RR_LYRAE

# Candidates of a block in the wide survey, in a deep field. A block takes some tenths of a second and finds hundreds of
# objects, where nearly all candidates trigger as where one in a hundred does
COMMON, RARE = (4096, 1024), (16_384, 2048)
_RARE = {"Iax", "II", "IIn", "Ibc", "KN", "ILOT", "Ca-rich"}


@dataclass(frozen=True)
class Population:
    """A source and the candidates of a block in the wide survey, in a deep field."""

    source: Source
    candidates: tuple[int, int]


_SOURCES: tuple[Source, ...] = (
    *TRANSIENTS.values(),
    *(AGN, RR_LYRAE, MIRA, ECLIPSING_BINARY, M_DWARF, MICROLENSING, BINARY_SOURCE),
)
POPULATIONS = {s.name: Population(s, RARE if s.name in _RARE else COMMON) for s in _SOURCES}
