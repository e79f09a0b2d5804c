"""A table that may be larger than memory, its rows visited in a random order.

An epoch visits its row groups in a random order and mixes the rows of a few of them, a window, at a time; threads read
the next window. That is a fair shuffle, for the rows of a release are in a random order already. What was read stays up
to a fixed budget, so that a small training set is read once.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

import numpy as np

from blindsky.baselines.training import Rows
from blindsky.scoring.measurements import Table

WINDOW = 8  # row groups of about 16 MiB
BUDGET = 1 << 31  # bytes of rows in memory; two windows, 256 MiB, are the least


class RowGroups(Protocol):
    """What is asked of a table on disk; ``challenges.tables.Groups`` is one."""

    @property
    def starts(self) -> Sequence[int]:
        """First row of each group, and the number of rows at the end."""

    def read(self, k: int, columns: Sequence[str] | None = None) -> Table:
        """The rows of one group."""


class Window:
    """The row groups in memory: the window that is visited, the next one of the plan, and what the budget allows."""

    def __init__(self, groups: RowGroups, columns: Sequence[str], workers: int = 1) -> None:
        self._groups, self._columns = groups, tuple(columns)
        self._starts = np.asarray(groups.starts)
        self._reader = ThreadPoolExecutor(workers)
        self._room = 2 * WINDOW
        self._plan: list[set[int]] = []
        self.held: dict[int, Future[Table]] = {}

    def __len__(self) -> int:
        """Number of rows."""
        return int(self._starts[-1])

    def order(self, rows: Rows, generator: np.random.Generator | None) -> Rows:
        """Plan a visit of some rows: groups at random, rows at random in a window; or as in the file."""
        groups = np.unique(self._group(rows))
        if generator is None:
            rows = np.sort(rows)
        else:
            groups, rows = generator.permutation(groups), generator.permutation(rows)
        self._plan = [set(groups[i : i + WINDOW].tolist()) for i in range(0, len(groups), WINDOW)]
        window = np.zeros(len(self._starts), np.int64)
        window[groups] = np.arange(len(groups)) // WINDOW
        return rows[np.argsort(window[self._group(rows)], kind="stable")]

    def take(self, rows: Rows) -> Table:
        """The columns of some rows, in their order; then let go of what has no room and read what is ahead."""
        group = self._group(rows)
        found: Table = {}
        for k in np.unique(group).tolist():
            here = np.flatnonzero(group == k)
            table = self._request(k).result()
            self._room = max(2 * WINDOW, BUDGET // sum(table[name].nbytes for name in self._columns))
            for name in self._columns:
                part = table[name][rows[here] - self._starts[k]]
                found.setdefault(name, np.empty((len(rows), *part.shape[1:]), part.dtype))[here] = part
        self._move(int(group[-1]))
        return found

    def _group(self, rows: Rows) -> Rows:
        return np.asarray(np.searchsorted(self._starts, rows, side="right") - 1)

    def _request(self, k: int) -> Future[Table]:
        if k not in self.held:
            self.held[k] = self._reader.submit(self._groups.read, k, self._columns)
        return self.held[k]

    def _move(self, last: int) -> None:
        now = next((i for i, window in enumerate(self._plan) if last in window), None)
        wanted = {last} if now is None else set().union(*self._plan[now : now + 2])
        behind = [k for k in self.held if k not in wanted]  # the longest held first
        for k in behind[: max(0, len(behind) + len(wanted) - self._room)]:
            del self.held[k]
        for k in sorted(wanted):
            self._request(k)
