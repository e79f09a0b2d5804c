"""One pass over a prediction: what is wrong with its rows, and the rows as they are stored.

It works where no truth is, and streams: beside a chunk, it holds the test ids and where each was seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from blindsky.challenges.challenge import (
    Challenge,
    Column,
    Density,
    Prediction,
    Probabilities,
    columns_of,
    rows,
)
from blindsky.scoring.measurements import FloatArray, Table
from blindsky.submissions import cells
from blindsky.submissions.columns import PROBABILITY, WHAT, check_columns, grid_text, outside, range_text
from blindsky.submissions.faults import LISTED, Fault, Note, PredictionRefused
from blindsky.submissions.formats.common import Chunk, PredictionFile

CHUNK_BYTES = 32 << 20
CHUNK_ROWS = 1 << 16
UNNORMALISED = 1e-3  # an integral or a sum further than this from 1 is worth a warning
FEW = 20  # a column with no more different values than this is worth a notice


class PublicPart(Protocol):
    """What a check needs of the public part of a release."""

    @property
    def release_id(self) -> str:
        """Name of the release."""

    @property
    def challenge(self) -> Challenge:
        """The challenge as the release's track asks it."""

    @property
    def has_truth(self) -> bool:
        """Whether there is a truth of the test split."""

    def batches(self, name: str, n: int = ..., columns: Sequence[str] | None = ...) -> Iterator[Table]:
        """A public table in batches."""

    def rows(self, name: str) -> int:
        """Rows of a public table."""


@dataclass(frozen=True)
class TestIds:
    """The ids of the test split, sorted, and the row of the public table that each stands in."""

    __test__ = False  # no test class, whatever pytest thinks of the name

    key: str
    sorted: NDArray[np.int64]
    order: NDArray[np.int64]

    @classmethod
    def of(cls, public: PublicPart) -> TestIds:
        """Read from the public test table."""
        key = public.challenge.prediction.key
        parts = [
            np.asarray(batch[key], dtype=np.int64)
            for batch in public.batches("test", CHUNK_ROWS, columns=[key])
        ]
        ids = np.concatenate(parts) if parts else np.empty(0, np.int64)
        order = np.argsort(ids, kind="stable")
        return cls(key, ids[order], order)

    def __len__(self) -> int:
        """Number of ids."""
        return len(self.sorted)

    def positions(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Row of the public table of each id, counted from 0; -1 where it isn't there. Shape (n,)."""
        if not len(self):
            return np.full(len(ids), -1, dtype=np.int64)
        order = np.argsort(ids)  # neighbours are found near each other, which is four times as fast
        at = np.empty(len(ids), dtype=np.int64)
        at[order] = np.minimum(np.searchsorted(self.sorted, ids[order]), len(self) - 1)
        return np.where(self.sorted[at] == ids, self.order[at], -1)


@dataclass(frozen=True)
class Examined:
    """Some rows after the check: ``positions`` (n,) in the test table, values as they are stored."""

    positions: NDArray[np.int64]
    table: Table


class Examination:
    """One pass over an open file: yields rows as they are stored, while faults gather in the file's log."""

    def __init__(self, file: PredictionFile, prediction: Prediction, test: TestIds) -> None:
        self.file, self.prediction, self.test, self.log = file, prediction, test, file.log
        self.mass_error: dict[str, float] = {}
        self.in_order = True
        self.rows = 0
        self._first = np.zeros(len(test), dtype=np.int64)  # row in which each id was first seen, 0 for never
        self._few: dict[str, NDArray[np.float64] | None] = {}  # different values, None where there are many
        self._constant: dict[str, list[float] | None] = {}  # the row that all are, None where they differ
        self.present = check_columns(file, prediction)
        self.fields = tuple(f.name for f in prediction.fields if set(columns_of(f)) <= set(self.present))

    def chunks(self) -> Iterator[Examined]:
        """The rows, in file order. Those of a faulty file are of no use but to go on checking."""
        lists = sum(d.grid.n for d in self.prediction.densities)
        width = 8 * (1 + len(self.prediction.numbers) + lists)
        n = max(1, min(CHUNK_ROWS, CHUNK_BYTES // width))
        if not self.present:
            return
        try:
            for chunk in self.file.batches(n, self.present):
                yield self._chunk(chunk)
            self._finish()
        except PredictionRefused:  # reading can't go on; what was found is in the log
            return

    @property
    def notes(self) -> tuple[Note, ...]:
        """What is worth knowing, after the last chunk."""
        return (*self.log.notes, *self._mass_notes(), *self._few_notes(), *self._constant_notes())

    def _chunk(self, chunk: Chunk) -> Examined:
        table: Table = {}
        ids: NDArray[np.int64] | None = None
        positions = np.full(len(chunk.rows), -1, dtype=np.int64)
        key = self.prediction.key
        if key in self.present:
            ids, problems = cells.whole_numbers(chunk.columns[key])
            table[key] = ids
            known = np.ones(len(ids), dtype=bool)
            for problem in problems:
                known[problem.index] = False
            self._problems(problems, key, "a whole number (int64)", chunk.rows, None)
            positions[known] = self._place(chunk.rows[known], ids[known])
            ids = ids if known.all() else None
        for f in self.prediction.fields:
            if chunk.columns.keys().isdisjoint(columns_of(f)):
                continue
            if isinstance(f, Column):
                table[f.name] = self._column(f, chunk, ids)
            elif isinstance(f, Density):
                table[f.name] = self._density(f, chunk, ids)
            else:
                table |= self._probabilities(f, chunk, ids)
        self.rows += len(chunk.rows)
        return Examined(positions, table)

    def _column(self, f: Column, chunk: Chunk, ids: NDArray[np.int64] | None) -> NDArray[np.float64]:
        values, problems = cells.numbers(chunk.columns[f.name])
        problems += _out_of_range(values, outside(f, values))
        self._problems(problems, f.name, range_text(f), chunk.rows, ids)
        self._different(f.name, values)
        return values

    def _different(self, column: str, values: NDArray[np.float64]) -> None:
        """Remember the values of a column while there are few."""
        if (known := self._few.setdefault(column, np.empty(0))) is not None:
            found = np.union1d(known, values)
            self._few[column] = found if len(found) <= FEW else None

    def _density(self, f: Density, chunk: Chunk, ids: NDArray[np.int64] | None) -> NDArray[np.float32]:
        values, mass, problems = cells.densities(chunk.columns[f.name], f.grid.n, f.grid.step)
        self._problems(problems, f.name, grid_text(f), chunk.rows, ids)
        self._mass(f.name, mass[mass > 0])
        return values

    def _mass(self, name: str, mass: FloatArray) -> None:
        """Remember how far integrals or sums (n,) are from 1 at most."""
        error = float(np.abs(mass - 1).max(initial=0))
        self.mass_error[name] = max(self.mass_error.get(name, 0.0), error)

    def _probabilities(self, f: Probabilities, chunk: Chunk, ids: NDArray[np.int64] | None) -> Table:
        """The columns over their sum. What is wrong in several of them is one rule, row by row."""
        table: Table = {}
        found: dict[str, list[tuple[str, cells.Problem]]] = {}
        total, bad = np.zeros(len(chunk.rows)), np.zeros(len(chunk.rows), dtype=bool)
        for name in (name for name in f.columns if name in chunk.columns):
            table[name], problems = cells.numbers(chunk.columns[name])
            for problem in (*problems, *_out_of_range(table[name], np.flatnonzero(table[name] < 0))):
                found.setdefault(problem.code, []).append((name, problem))
                bad[problem.index] = True
            with np.errstate(over="ignore"):  # told below
                total += table[name]
        for code, parts in found.items():
            self._parts(code, f.name, parts, chunk.rows, ids)
        if f.name not in self.fields:  # a column lacks, and was told: there is no sum
            return table
        wrong = np.flatnonzero(~((total > 0) & (total < np.inf)) & ~bad)
        if len(wrong):
            problem = cells.Problem("bad_sum", wrong, lambda i: f"a sum of {total[wrong[i]]:g}")
            self._problems([problem], f.name, "a finite sum above 0", chunk.rows, ids)
            bad[wrong] = True
        self._mass(f.name, total[~bad])
        total[bad] = 1
        table = {name: values / total for name, values in table.items()}
        self._alike(f.name, table)
        return table

    def _parts(
        self,
        code: str,
        field: str,
        parts: Sequence[tuple[str, cells.Problem]],
        numbers: NDArray[np.int64],
        ids: NDArray[np.int64] | None,
    ) -> None:
        """Note cells of several columns of a field that break one rule, in the order of the rows."""
        lengths = [len(problem.index) for _, problem in parts]
        index = np.concatenate([problem.index for _, problem in parts])
        part = np.repeat(np.arange(len(parts)), lengths)
        place = np.concatenate([np.arange(length) for length in lengths])
        order = np.lexsort((part, index))
        index, part, place = index[order], part[order], place[order]
        message, mend = WHAT[code]
        self.log.add_rows(
            Fault(code, message, field, expected=PROBABILITY, mend=mend),
            numbers[index],
            None if ids is None else ids[index],
            lambda i: parts[part[i]][1].got(int(place[i])),
            lambda i: parts[part[i]][0],
        )

    def _alike(self, name: str, table: Table) -> None:
        """Remember whether all rows have been the same so far."""
        if not rows(table):
            return
        known = self._constant.setdefault(name, [float(column[0]) for column in table.values()])
        if known is not None and any(
            (column != value).any() for column, value in zip(table.values(), known, strict=True)
        ):
            self._constant[name] = None

    def _problems(
        self,
        problems: Sequence[cells.Problem],
        column: str,
        expected: str,
        numbers: NDArray[np.int64],
        ids: NDArray[np.int64] | None,
    ) -> None:
        for problem in problems:
            message, mend = WHAT[problem.code]
            at = None if ids is None else ids[problem.index]
            fault = Fault(problem.code, message, column, expected=expected, mend=mend)
            self.log.add_rows(fault, numbers[problem.index], at, problem.got)

    def _place(self, numbers: NDArray[np.int64], ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows of the test table of these ids, duplicates and strangers noted."""
        positions = self.test.positions(ids)
        strange = positions < 0
        fault = Fault(
            "extra_id",
            "ids that are not in the test split",
            self.test.key,
            expected="ids of the public test table",
            mend="leave these rows out; ids of the training set are not predicted",
        )
        self.log.add_rows(fault, numbers[strange], ids[strange])
        found = np.flatnonzero(~strange)
        _, first, place = np.unique(positions[found], return_index=True, return_inverse=True)
        before = self._first[positions[found]]
        here = numbers[found[first[place]]]
        earlier = np.where(before > 0, before, here)
        again = np.flatnonzero((before > 0) | (here != numbers[found]))
        fault = Fault(
            "duplicate_id",
            "ids that occur more than once",
            self.test.key,
            expected="each id once",
            mend="keep one row per id",
        )
        self.log.add_rows(
            fault,
            numbers[found[again]],
            ids[found[again]],
            lambda i: f"the id of row {earlier[again[i]]:,} again",
        )
        self._first[positions[found]] = earlier
        straight = np.arange(self.rows, self.rows + len(ids))
        self.in_order = self.in_order and bool(np.array_equal(positions, straight))
        return positions

    def _finish(self) -> None:
        """What can be said only after the last row: ids that never came, or all of them foreign."""
        if self.rows == 0 and not self.log:
            fault = Fault(
                "empty_file",
                "there is a header but no rows",
                expected=f"{len(self.test):,} rows, one per id of the test split",
            )
            self.log.add(fault)
            return
        missing = np.flatnonzero(self._first == 0)
        lost = self.log.count("ragged_row") + self.log.count("bad_id")  # rows whose id couldn't be read
        if self.test.key not in self.present or len(missing) <= lost:
            return
        expected = f"all {len(self.test):,} ids of the test split, each once"
        if len(missing) == len(self.test):
            mend = "predict the test table of this release (not the training table, nor another release)"
            fault = Fault(
                "missing_id",
                "not one id of the test split is there",
                self.test.key,
                None,
                None,
                "only other ids",
                expected,
                mend,
            )
            self.log.add(fault)
            return
        ids = self.test.sorted[np.argsort(self.test.order, kind="stable")][missing[:LISTED]]
        fault = Fault(
            "missing_id",
            "ids of the test split that are absent",
            self.test.key,
            expected=expected,
            mend="add a row for each of them",
        )
        self.log.add_absent(fault, ids, len(missing))

    def _mass_notes(self) -> list[Note]:
        densities = {d.name for d in self.prediction.densities}
        notes = []
        for name, error in self.mass_error.items():
            if error > UNNORMALISED:
                text = (
                    "{0} is not normalised: its integral differs from 1 by up to {1:.3g}; "
                    "every density is divided by its integral"
                    if name in densities
                    else "{0} are not normalised: their sum differs from 1 by up to {1:.3g}; "
                    "every row is divided by its sum"
                )
                notes.append(Note("not_normalised", text.format(name, error), name))
        return notes

    def _few_notes(self) -> list[Note]:
        notes = []
        for name, values in self._few.items():
            if values is None or len(values) > self.rows // 2 or not np.isfinite(values).all():
                continue
            if len(values) == 1:
                message = f"{name} is {values[0]:g} in every row: it tells no two of them apart"
            else:
                message = (
                    f"{name} takes only {len(values)} different values, from {values[0]:g} to {values[-1]:g}: "
                    "rows with the same value are ties"
                )
            notes.append(Note("few_values", message, name))
        return notes

    def _constant_notes(self) -> list[Note]:
        return [
            Note("constant", f"{name} are the same in every row: they tell no two of them apart", name)
            for name, row in self._constant.items()
            if row is not None and self.rows > 1
        ]


def _out_of_range(values: FloatArray, index: NDArray[np.int64]) -> list[cells.Problem]:
    """The values (n,) at ``index`` (m,) as a problem, where there are any."""
    if not len(index):
        return []
    return [cells.Problem("out_of_range", index, lambda i: repr(float(values[index[i]])))]
