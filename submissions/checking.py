"""Checks a prediction against the declaration and the public test table, and finds every fault at once.

It works where no truth is, and streams: beside a chunk, it holds the test ids and where each was seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from blindsky.challenges.challenge import Challenge, Column, Density, Prediction
from blindsky.scoring.measurements import Table
from blindsky.submissions import cells
from blindsky.submissions.columns import WHAT, check_columns, grid_text, range_text
from blindsky.submissions.faults import LISTED, Fault, FaultReport, Note, PredictionRefused
from blindsky.submissions.formats.common import Chunk, PredictionFile
from blindsky.submissions.reading import open_prediction

CHUNK_BYTES = 32 << 20
CHUNK_ROWS = 1 << 16
UNNORMALISED = 1e-3  # an integral further than this from 1 is worth a warning


class PublicPart(Protocol):
    """What a check needs of the public part of a release."""

    @property
    def release_id(self) -> str:
        """Name of the release."""

    @property
    def challenge(self) -> Challenge:
        """The challenge as the release's track asks it."""

    def batches(self, name: str, n: int = ..., columns: Sequence[str] | None = ...) -> Iterator[Table]:
        """A public table in batches."""

    def rows(self, name: str) -> int:
        """Rows of a public table."""


@dataclass(frozen=True)
class CheckResult:
    """What a check found.

    fields : fields of the declaration that the file holds. rows : data rows read.
    in_order : whether rows are in the order of the test table. mass_error : max |integral - 1| by density.
    """

    path: Path
    ids: Path | None
    release: str
    format: str
    rows: int
    fields: tuple[str, ...]
    report: FaultReport
    notes: tuple[Note, ...] = ()
    in_order: bool = False
    mass_error: dict[str, float] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether the prediction can be scored."""
        return not self.report

    @property
    def faults(self) -> tuple[Fault, ...]:
        """The faults listed, at most 20 of a rule."""
        return self.report.faults

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "ok": self.ok,
            "path": str(self.path),
            "release": self.release,
            "format": self.format,
            "rows": self.rows,
            "fields": list(self.fields),
            "faults": self.report.to_list(),
            "total_faults": self.report.total,
            "notes": [note.to_dict() for note in self.notes],
            "mass_error": dict(self.mass_error),
        }

    def __str__(self) -> str:
        """The text."""
        return self.text()

    def text(self) -> str:
        """What was found and what to do next."""
        details = [self.format] * bool(self.format) + [f"{self.rows:,} rows"] * bool(self.rows)
        what = self.path.name + (f" ({', '.join(details)})" if details else "")
        notes = [f"note: {note.message}" for note in self.notes]
        if self.ok:
            head = f"{what} is a valid prediction for {self.release}: {', '.join(self.fields)}."
            ids = "" if self.ids is None else f" --ids {self.ids}"
            then = (
                f'Next: blindsky submit {self.path}{ids} --release {self.release} --team "..." --method "..."'
            )
            return "\n".join([head, *notes, then])
        head = f"{what} is not a valid prediction for {self.release}: {self.report.count()}."
        then = f"Next: mend this and run again: blindsky check {self.path} --release {self.release}"
        return "\n".join([head, self.report.paragraphs(), *notes, then])


def check(path: Path, public: PublicPart, ids: Path | None = None) -> CheckResult:
    """Check a prediction file; every fault is in the result.

    ids : a table with the key column, for a qp ensemble without ids.
    InputFault where there is no such file, MachineFault where it can't be read.
    """
    prediction = public.challenge.prediction
    try:
        file = open_prediction(path, prediction, public.rows("test"), ids=ids)
    except PredictionRefused as refused:
        return CheckResult(path, ids, public.release_id, "", 0, (), refused.report)
    with file:
        examination = Examination(file, prediction, TestIds.of(public))
        for _ in examination.chunks():
            pass
        return examination.result(path, ids, public.release_id)


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
        at = np.minimum(np.searchsorted(self.sorted, ids), len(self) - 1)
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
        self._foreign = 0
        self.present = check_columns(file, prediction)

    def chunks(self) -> Iterator[Examined]:
        """The rows, in file order. Those of a faulty file are of no use but to go on checking."""
        width = 8 * (1 + sum(f.grid.n if isinstance(f, Density) else 1 for f in self.prediction.fields))
        n = max(1, min(CHUNK_ROWS, CHUNK_BYTES // width))
        if not self.present:
            return
        try:
            for chunk in self.file.batches(n, self.present):
                yield self._chunk(chunk)
            self._finish()
        except PredictionRefused:  # reading can't go on; what was found is in the log
            return

    def result(self, path: Path, ids: Path | None, release: str) -> CheckResult:
        """What was found, after the last chunk."""
        fields = tuple(f.name for f in self.prediction.fields if f.name in self.present)
        return CheckResult(
            path,
            ids,
            release,
            self.file.format,
            self.rows if self.file.n_rows is None else self.file.n_rows,
            fields,
            self.log.report(),
            (*self.log.notes, *self._mass_notes()),
            self.in_order,
            dict(self.mass_error),
        )

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
            if f.name not in self.present:
                continue
            if isinstance(f, Column):
                table[f.name] = self._column(f, chunk, ids)
            else:
                table[f.name] = self._density(f, chunk, ids)
        self.rows += len(chunk.rows)
        return Examined(positions, table)

    def _column(self, f: Column, chunk: Chunk, ids: NDArray[np.int64] | None) -> NDArray[np.float64]:
        values, problems = cells.numbers(chunk.columns[f.name])
        allowed = range_text(f)
        self._problems(problems, f.name, allowed, chunk.rows, ids)
        outside = np.flatnonzero((values < f.low) | (values > f.high))
        outside = outside[np.isfinite(values[outside])]
        fault = Fault(
            "out_of_range",
            "values outside the allowed range",
            f.name,
            expected=allowed,
            mend="check the unit, and clip to the range",
        )
        at = None if ids is None else ids[outside]
        self.log.add_rows(fault, chunk.rows[outside], at, lambda i: repr(float(values[outside[i]])))
        return values

    def _density(self, f: Density, chunk: Chunk, ids: NDArray[np.int64] | None) -> NDArray[np.float32]:
        values, mass, problems = cells.densities(chunk.columns[f.name], f.grid.n, f.grid.step)
        self._problems(problems, f.name, grid_text(f), chunk.rows, ids)
        valid = mass[mass > 0]
        if len(valid):
            self.mass_error[f.name] = max(self.mass_error.get(f.name, 0.0), float(np.abs(valid - 1).max()))
        return values

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
        self._foreign += int(strange.sum())
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
        return [
            Note(
                "not_normalised",
                f"{name} is not normalised: its integral differs from 1 by up to {error:.3g}; "
                "every density is divided by its integral",
                name,
            )
            for name, error in self.mass_error.items()
            if error > UNNORMALISED
        ]
