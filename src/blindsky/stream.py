"""Images as a torch Dataset: row groups pass through memory one after the other, at the speed of the disk."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from blindsky.challenges.challenge import rows
from blindsky.challenges.tables import Groups
from blindsky.scoring.measurements import Array, Table

WINDOW = 4  # row groups mixed with each other where rows are shuffled; their order is random to begin with
_NUMBERS = "iufb"


def tensors(table: Table) -> dict[str, Tensor]:
    """The columns that hold numbers."""
    return {name: torch.from_numpy(c.copy()) for name, c in table.items() if c.dtype.kind in _NUMBERS}


class Stream(IterableDataset[dict[str, Tensor]]):
    """The rows of a table with the columns of a second one beside them, as {column: tensor}.

    beside : columns (n,), such as labels, in the order of the rows.   seed : None keeps the order of the file; else
    rows come in an order that follows from (seed, epoch).   batch : rows of an item, which is much faster than
    single rows put together elsewhere; None gives single rows. Workers of a DataLoader share the row groups, and each
    ends with a smaller batch. The order repeats until ``set_epoch`` is called, before the workers of a pass start.
    """

    def __init__(self, groups: Groups, beside: Table, seed: int | None, batch: int | None) -> None:
        self.groups, self.beside, self.seed, self.batch = groups, beside, seed, batch
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of the next pass."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        """One item after the other."""
        worker = get_worker_info()
        first, step = (0, 1) if worker is None else (worker.id, worker.num_workers)
        mine = self._shuffled(np.arange(len(self.groups.places)), 0)[first::step]
        size = 1 if self.seed is None else WINDOW
        left: Table | None = None
        for start in range(0, len(mine), size):
            parts = [self._read(int(k)) for k in mine[start : start + size]]
            window = _joined([*([left] if left else []), *parts])
            order = self._shuffled(np.arange(rows(window)), 1 + start)
            whole = len(order) // (self.batch or 1) * (self.batch or 1)
            for at in range(0, whole, self.batch or 1):
                yield self._item(window, order[at : at + (self.batch or 1)])
            left = {name: column[order[whole:]] for name, column in window.items()}
        if left and rows(left):
            yield self._item(left, np.arange(rows(left)))

    def _read(self, k: int) -> Table:
        place = slice(self.groups.starts[k], self.groups.starts[k + 1])
        table = {**self.groups.read(k), **{name: column[place] for name, column in self.beside.items()}}
        return {name: column for name, column in table.items() if column.dtype.kind in _NUMBERS}

    def _item(self, table: Table, chosen: Array) -> dict[str, Tensor]:
        item = {name: torch.from_numpy(column[chosen]) for name, column in table.items()}
        return item if self.batch else {name: column[0] for name, column in item.items()}

    def _shuffled(self, numbers: Array, purpose: int) -> Array:
        if self.seed is None:
            return numbers
        return np.random.default_rng([self.seed, self.epoch, purpose]).permutation(numbers)


def _joined(parts: list[Table]) -> Table:
    if len(parts) == 1:
        return parts[0]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
