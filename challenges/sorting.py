"""Rows that come class by class leave in the order of their ids: a bucketed external sort of bounded memory.

Ids are spread evenly over their range, so that buckets of equal width hold about equally many. Rows gather in memory;
whenever there are many, they are sorted and cut at the edges of the buckets into files. At the end each bucket is read
and sorted by itself.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from blindsky.challenges.blocks import flatten, merge, size, take, unflatten
from blindsky.challenges.randomness import ID_BITS
from blindsky.challenges.skies import Block
from blindsky.scoring.measurements import Array

BUFFER_BYTES = 1 << 27  # that gather before they go to files
BUCKET_ROWS = 1 << 15  # at most about so many rows are in memory when they leave
_IDS = "ids"


class Sorter:
    """Takes blocks in any order and gives them back by id; its files lie in a folder of its own.

    rows : how many are expected.
    """

    def __init__(self, folder: Path, rows: int) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.folder = folder
        self._width = 1 << (ID_BITS - (rows // BUCKET_ROWS).bit_length())
        self._waiting: list[tuple[Array, Block]] = []
        self._bytes = 0
        self._runs = 0

    def add(self, ids: Array, block: Block) -> None:
        """The rows of a block, with their ids (n,)."""
        if len(ids):
            self._waiting.append((ids, block))
            self._bytes += size(block)
        if self._bytes >= BUFFER_BYTES:
            self._flush()

    def _flush(self) -> None:
        ids, block = _sorted(self._waiting)
        bucket = ids // self._width
        first = np.flatnonzero(np.diff(bucket, prepend=-1))
        for begin, end in zip(first, np.append(first[1:], len(ids)), strict=True):
            folder = self.folder / f"{bucket[begin]:06d}"
            folder.mkdir(exist_ok=True)
            part = {_IDS: ids[begin:end], **flatten(take(block, np.arange(begin, end)))}
            np.savez(folder / f"{self._runs:06d}.npz", **part)  # type: ignore[arg-type]
        self._runs += 1
        self._waiting, self._bytes = [], 0

    def drain(self) -> Iterator[tuple[Array, Block]]:
        """All rows in the order of their ids, some at a time; what has left is gone from the folder."""
        if self._waiting:
            self._flush()
        for folder in sorted(self.folder.iterdir()):
            yield _sorted([_load(run) for run in sorted(folder.iterdir())])
            shutil.rmtree(folder)
        self.folder.rmdir()


def _sorted(pieces: list[tuple[Array, Block]]) -> tuple[Array, Block]:
    ids = np.concatenate([piece for piece, _ in pieces])
    order = np.argsort(ids)
    return ids[order], take(merge([block for _, block in pieces]), order)


def _load(run: Path) -> tuple[Array, Block]:
    with np.load(run, allow_pickle=False) as found:
        flat = {name: found[name] for name in found.files}
    return flat.pop(_IDS), unflatten(flat)
