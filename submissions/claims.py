"""The roster of a catalogue of a whole field: any rows, each with a name of its own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from blindsky.challenges.prediction import Catalogue
from blindsky.submissions.faults import Fault, FaultLog

Ints = NDArray[np.int64]
_NONE: Ints = np.empty(0, np.int64)


class Claims:
    """A catalogue of a whole field: rows with names of their own, each once."""

    def __init__(self, log: FaultLog, catalogue: Catalogue, most: int) -> None:
        self.log, self.name, self.most, self.in_order = log, catalogue.name, most, True
        self.expected = "a row at least: a board shows what an empty catalogue scores by itself"
        self._seen: list[tuple[Ints, Ints]] = []  # row, name
        self._last = -1

    def place(self, rows: Ints, ids: Ints, items: Ints = _NONE) -> Ints:
        """Every row belongs; negative names noted."""
        del items
        below = np.flatnonzero(ids < 0)
        fault = Fault(
            "out_of_range",
            "values outside the allowed range",
            self.name,
            expected="a whole number from 0 on",
            mend="number the rows",
        )
        self.log.add_rows(fault, rows[below], ids[below])
        self.in_order = self.in_order and bool((np.diff(ids, prepend=self._last) > 0).all())
        if len(ids):
            self._last = int(ids[-1])
        self._seen.append((rows, ids))
        return ids

    def finish(self, lost: int) -> None:
        """Note repetitions, and more rows than are allowed."""
        number, ids = (np.concatenate([_NONE, *(seen[k] for seen in self._seen)]) for k in (0, 1))
        order = np.lexsort((number, ids))
        number, ids = number[order], ids[order]
        again = np.flatnonzero(np.diff(ids) == 0) + 1
        fault = Fault(
            "duplicate_id",
            "names of rows that occur more than once",
            self.name,
            expected="each number once",
            mend="number the rows",
        )
        self.log.add_rows(fault, number[again], ids[again])
        if len(ids) + lost > self.most:
            self.log.add(
                Fault(
                    "too_many_rows",
                    "the catalogue is longer than any that makes sense for this field",
                    got=f"{len(ids) + lost:,} rows",
                    expected=f"at most {self.most:,} rows",
                    mend="keep those you believe in: a false detection costs as much as a perfect one earns",
                )
            )
