"""What a mock sky gives: blocks of rows, drawn one after the other or class by class, each from its own stream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from blindsky.challenges.randomness import Streams
from blindsky.scoring.measurements import Table


@dataclass(frozen=True)
class Ragged:
    """A table of several rows a case, those of the first case first.

    counts : (n,) int, rows of each case.   columns : (counts.sum(), ...).
    """

    counts: NDArray[np.int64]
    columns: Table


@dataclass(frozen=True)
class Block:
    """Rows drawn from one block stream.

    public : columns of the split.   private : tables by file stem, ``truth`` holds the hidden rows.   beside :
    further public tables of the same rows by stem, which begins with the split, such as ``train_labels``.
    references : predictions made with the truth in hand, by reference name; measured at once, never stored. Ragged
        where a case has several items.
    long : public tables of several rows a case by name: ``lightcurves`` becomes ``train_lightcurves``.
    hidden : private tables of several rows a case by file stem.
    """

    public: Table
    private: Mapping[str, Table]
    references: Mapping[str, Table | Ragged] = field(default_factory=dict)
    beside: Mapping[str, Table] = field(default_factory=dict)
    long: Mapping[str, Ragged] = field(default_factory=dict)
    hidden: Mapping[str, Ragged] = field(default_factory=dict)


class Selection(Protocol):
    """Chooses rows of a split in draw order, for instance those a spectrograph would observe."""

    def take(self, block: Block) -> Block:
        """The chosen rows of the next block."""

    def complete(self) -> bool:
        """Whether enough rows were chosen."""


class Sky(Protocol):
    """A mock sky of one track and size: draws blocks, each from its own stream.

    block_rows : rows of a full block, a constant of the challenge.   device : where heavy arithmetic runs.
    """

    block_rows: int
    device: str

    def files(self) -> Mapping[str, Table | dict[str, Any]]:
        """Public files that go with the data: tables (Parquet) or dictionaries (JSON) by stem."""

    def draw(self, split: str, block: int, rows: int, stream: np.random.Generator) -> Block:
        """The first ``rows`` rows of a block of ``split`` (``train`` or ``test``)."""

    def selection(self, split: str, rows: int) -> Selection | None:
        """How rows of a split are chosen; None where every drawn row counts."""


@dataclass(frozen=True)
class Stratum:
    """A part of a split that is drawn by itself, such as a class, until it has its number of ``rows``."""

    name: str
    rows: int


@runtime_checkable
class StratifiedSky(Protocol):
    """A mock sky drawn class by class; its rows are written in the order of their ids, which tell no class.

    It makes no references, and its ids are the keyed permutation.   device : where heavy arithmetic runs.
    """

    device: str

    def files(self) -> Mapping[str, Table | dict[str, Any]]:
        """Public files that go with the data: tables (Parquet) or dictionaries (JSON) by stem."""

    def prepare(self, stream: np.random.Generator) -> None:
        """Draw what all blocks share; called once, before anything else."""

    def strata(self, split: str) -> Sequence[Stratum]:
        """What a split (``train`` or ``test``) is made of."""

    def draw(self, split: str, stratum: str, block: int, stream: np.random.Generator) -> Block:
        """The rows of a block that belong to the release, any number; the first of the blocks in order are kept."""


@runtime_checkable
class FieldSky(Protocol):
    """A mock sky that is one field, such as a cube: its cases are parts of it, its data large files painted in pieces.

    What it draws depends on the streams of its split alone.
    block_rows : cases drawn at a time.   device : where heavy arithmetic runs.
    """

    block_rows: int
    device: str

    def files(self) -> Mapping[str, Table | dict[str, Any]]:
        """Public files that go with the data: tables (Parquet) or dictionaries (JSON) by stem."""

    def draw(self, split: str, block: int, rows: int, streams: Streams) -> Block:
        """The first ``rows`` cases of a block of ``split`` (``train`` or ``test``), with what lies in them."""

    def references(self, known: Mapping[str, Table], streams: Streams) -> Mapping[str, Table]:
        """Predictions made with the truth in hand by reference name, from what ``measure`` is given."""

    def lay(self, folder: Path, split: str) -> Sequence[int]:
        """Lay out the public files of a split, where they are not there; the bytes of the pieces to paint."""

    def paint(self, folder: Path, split: str, piece: int, streams: Streams) -> Table:
        """Write a piece of the files, on the disk when it returns; what ``painted`` needs to know of it."""

    def painted(self, pieces: Mapping[str, Sequence[Table]]) -> Mapping[str, Table | dict[str, Any]]:
        """Further public files by stem, from what ``paint`` returned of each split."""
