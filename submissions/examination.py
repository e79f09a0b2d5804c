"""One pass over a prediction: what is wrong with its rows, and the rows as they are stored.

It works where no truth is, and streams: beside a chunk, it holds the keys of the test split (roster.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blindsky.challenges.challenge import rows
from blindsky.challenges.prediction import (
    NOTHING,
    Column,
    Density,
    Pixels,
    Prediction,
    Probabilities,
    columns_of,
    width_of,
)
from blindsky.scoring.measurements import Array, FloatArray, Table
from blindsky.submissions import cells
from blindsky.submissions.columns import (
    PROBABILITY,
    SCALED,
    WHAT,
    check_columns,
    grid_text,
    outside,
    pixels_text,
    range_text,
    what,
)
from blindsky.submissions.faults import Fault, Note, PredictionRefused
from blindsky.submissions.formats.common import Chunk, PredictionFile
from blindsky.submissions.roster import Roster

CHUNK_BYTES = 32 << 20
CHUNK_ROWS = 1 << 16
UNNORMALISED = 1e-3  # an integral or a sum further than this from 1 is worth a warning
FEW = 20  # a column with no more different values than this is worth a notice


@dataclass(frozen=True)
class Examined:
    """Some rows after the check.

    positions : (n,) of each, or of its case, in the test table; -1 where it has none.   table : values as they are
    stored.   in_order : whether this and all rows before came in the order in which they are stored.
    """

    positions: NDArray[np.int64]
    table: Table
    in_order: bool


class Examination:
    """One pass over an open file: yields rows as they are stored, while faults gather in the file's log."""

    def __init__(self, file: PredictionFile, prediction: Prediction, roster: Roster) -> None:
        self.file, self.prediction, self.roster, self.log = file, prediction, roster, file.log
        self.mass_error: dict[str, float] = {}
        self.rows = 0
        self._few: dict[str, NDArray[np.float64] | None] = {}  # different values, None where there are many
        self._constant: dict[str, list[float] | None] = {}  # the row that all are, None where they differ
        self._between: dict[str, int] = {}  # pixels of masks that were neither 0 nor 1
        self.present = check_columns(file, prediction)
        self.fields = tuple(f.name for f in prediction.fields if set(columns_of(f)) <= set(self.present))

    def chunks(self) -> Iterator[Examined]:
        """The rows, in file order. Those of a faulty file are of no use but to go on checking."""
        width = 8 * (len(self.prediction.keys) + sum(width_of(f) for f in self.prediction.fields))
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
        found = (self._mass_notes(), self._mask_notes(), self._few_notes(), self._constant_notes())
        return (*self.log.notes, *(note for notes in found for note in notes))

    def _chunk(self, chunk: Chunk) -> Examined:
        table: Table = {}
        known = np.ones(len(chunk.rows), dtype=bool)
        for name in (name for name in self.prediction.keys if name in self.present):
            table[name], problems = cells.whole_numbers(chunk.columns[name])
            for problem in problems:
                known[problem.index] = False
            self._problems(problems, name, "a whole number (int64)", chunk.rows, None)
        positions = np.full(len(chunk.rows), -1, dtype=np.int64)
        keyed = len(table) == len(self.prediction.keys)
        if keyed:
            ids, *items = (column[known] for column in table.values())
            positions[known] = self.roster.place(chunk.rows[known], ids, *items)
        self.rows += len(chunk.rows)
        if keyed and self.prediction.item is not None and self.prediction.item.most is not None:
            said = table[self.prediction.item.name] != NOTHING
            self._blank(chunk, ~said, table[self.prediction.key])
            chunk = _rows_of(chunk, said)
            table = {name: column[said] for name, column in table.items()}
            positions, known = positions[said], known[said]
        at = table[self.prediction.keys[0]] if keyed and known.all() else None
        for f in self.prediction.fields:
            if chunk.columns.keys().isdisjoint(columns_of(f)):
                continue
            if isinstance(f, Column):
                table[f.name] = self._column(f, chunk, at, table.get(self.prediction.keys[-1], positions))
            elif isinstance(f, Density):
                table[f.name] = self._density(f, chunk, at)
            elif isinstance(f, Pixels):
                table[f.name] = self._pixels(f, chunk, at)
            else:
                table |= self._probabilities(f, chunk, at)
        return Examined(positions, table, self.in_order)

    @property
    def in_order(self) -> bool:
        """Whether all rows so far came in the order in which they are stored."""
        return self.roster.in_order

    def _blank(self, chunk: Chunk, empty: NDArray[np.bool_], ids: NDArray[np.int64]) -> None:
        """Note values in rows that say that nothing was found."""
        if not empty.any():
            return
        for name in (name for name in self.present if name not in self.prediction.keys):
            filled = np.flatnonzero(empty & ~cells.blank(chunk.columns[name]))
            message, mend = WHAT["not_empty"]
            fault = Fault("not_empty", message, name, expected="an empty cell", mend=mend)
            self.log.add_rows(fault, chunk.rows[filled], ids[filled])

    def _cells(self, f: Column, items: NDArray[np.int64]) -> list[str] | None:
        """Columns of the file that hold the cells of its rows (n,), where it has one for each item; else None."""
        form = self.file.spread
        if form is None or f.name != form.field:
            return None
        return [form.columns[item] for item in items]

    def _column(
        self, f: Column, chunk: Chunk, ids: NDArray[np.int64] | None, items: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        values, problems = cells.numbers(chunk.columns[f.name])
        problems += _out_of_range(values, outside(f, values))
        self._problems(problems, f.name, range_text(f), chunk.rows, ids, f.description, self._cells(f, items))
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

    def _pixels(self, f: Pixels, chunk: Chunk, ids: NDArray[np.int64] | None) -> Array:
        values, between, problems = cells.pixels(chunk.columns[f.name], f)
        for problem in problems:
            about = SCALED if f.mask and problem.code == "out_of_range" else ""
            self._problems([problem], f.name, pixels_text(f), chunk.rows, ids, about)
        self._between[f.name] = self._between.get(f.name, 0) + between
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
        about: str = "",
        names: list[str] | None = None,
    ) -> None:
        """Note cells that break rules.   about : how to mend this column.   names : the columns of the cells (n,)."""
        for problem in problems:
            message, mend = what(problem.code, self.prediction)
            at = None if ids is None else ids[problem.index]
            mend += f". {column}: {about.removesuffix('.')}" if about else ""
            fault = Fault(problem.code, message, column, expected=expected, mend=mend)
            own = None if names is None else [names[k] for k in problem.index].__getitem__
            self.log.add_rows(fault, numbers[problem.index], at, problem.got, own)

    def _finish(self) -> None:
        """What can be said only after the last row: ids that never came, or all of them foreign."""
        if self.rows == 0 and not self.log:
            fault = Fault(
                "empty_file",
                "there is a header but no rows",
                expected=self.roster.expected,
            )
            self.log.add(fault)
            return
        if set(self.prediction.keys) <= set(self.present):
            lost = self.log.count("ragged_row") + self.log.count("bad_id")  # rows whose key couldn't be read
            self.roster.finish(lost)

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

    def _mask_notes(self) -> list[Note]:
        return [
            Note(
                "thresholded", f"{name} has {n:,} values between 0 and 1: those from 1/2 on count as 1", name
            )
            for name, n in self._between.items()
            if n
        ]

    def _few_notes(self) -> list[Note]:
        notes: list[Note] = []
        ranked = self.prediction.item is None and self.prediction.catalogue is None
        for name, values in self._few.items():
            if values is None or not 0 < len(values) <= self.rows // 2 or not np.isfinite(values).all():
                continue
            if len(values) == 1:
                message = f"{name} is {values[0]:g} in every row: it tells no two of them apart"
            elif not ranked:  # nothing is put in order by the numbers of what was found
                continue
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


def _rows_of(chunk: Chunk, kept: NDArray[np.bool_]) -> Chunk:
    """Some rows of a chunk."""
    if kept.all():
        return chunk
    index = np.flatnonzero(kept)
    return Chunk(chunk.rows[kept], {name: column.take(index) for name, column in chunk.columns.items()})


def _out_of_range(values: FloatArray, index: NDArray[np.int64]) -> list[cells.Problem]:
    """The values (n,) at ``index`` (m,) as a problem, where there are any."""
    if not len(index):
        return []
    return [cells.Problem("out_of_range", index, lambda i: repr(float(values[index[i]])))]
