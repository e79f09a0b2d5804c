"""What is wrong with a prediction, so that its author can mend it: code, row, column, got, expected, mend.

A reader or a check notes faults in a ``FaultLog`` and goes on, so that a participant meets all of them at
once. At most 20 rows a rule are listed, with the total: a hostile file can't fill the memory or the screen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from blindsky.challenges.errors import InputFault

if TYPE_CHECKING:
    from blindsky.submissions.checking import CheckResult

LISTED = 20  # faults of one rule that are listed
SHOWN = 60  # characters of a participant's own text that a message repeats

RULES: dict[str, str] = {
    "empty_file": "the file is empty, or holds no rows",
    "unknown_format": "the content is none of the formats that are read",
    "truncated": "the file ends before its content does",
    "unreadable": "the file is damaged, or uses something that its format's reader doesn't know",
    "too_large": "the file is larger than any valid prediction of this release",
    "too_many_rows": "the file has, or declares, far more rows than the test split",
    "line_too_long": "a line of text is longer than any valid row",
    "separator": "cells are not separated by commas",
    "no_header": "the first line holds no column names",
    "ragged_row": "a row has more or fewer cells than the header",
    "missing_column": "a required column is absent",
    "lone_column": "a column is there without the one that belongs to it",
    "unknown_column": "a column is not part of the prediction",
    "duplicate_column": "two columns have the same name",
    "column_order": "columns of text separated by blanks stand in another order",
    "column_type": "a column holds something other than what is asked",
    "density_form": "a density is not one list per row",
    "density_length": "a density is not given on the nodes of the grid",
    "missing_value": "a cell is empty",
    "not_a_number": "a cell is not a number",
    "not_finite": "a value is NaN or infinite",
    "out_of_range": "a value lies outside its range",
    "negative_density": "a density is negative somewhere",
    "zero_mass": "a density has no area",
    "bad_sum": "probabilities of a row can't be divided by their sum",
    "bad_id": "an id is not a whole number",
    "duplicate_id": "an id occurs more than once",
    "extra_id": "an id is not in the test split",
    "missing_id": "an id of the test split is absent",
    "too_many_items": "more was found in a case than is allowed",
    "nothing_and_more": "a row says that nothing was found where another says what was",
    "not_empty": "a row that says that nothing was found has values",
    "pixels_form": "an image is not one list of numbers per row",
    "pixels_shape": "an image has another shape",
    "no_ids": "an ensemble comes without the ids of its rows",
}


def shown(value: object) -> str:
    """A participant's value as a message may repeat it: short, on one line, no control characters."""
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"


def size_text(n: float) -> str:
    """A number of bytes for a reader."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if n < 1024 or unit == "GiB":
            break
        n /= 1024
    return f"{n:,.0f} {unit}" if unit == "bytes" else f"{n:,.1f} {unit}"


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong. ``code`` is a key of ``RULES``; ``row`` counts data rows from 1."""

    code: str
    message: str
    column: str | None = None
    row: int | None = None
    id: int | None = None
    got: str | None = None
    expected: str | None = None
    mend: str | None = None

    def place(self) -> str:
        """Where it is: ``row 12 (id 88123)``; empty for a fault of the whole file or column."""
        if self.row is None:
            return "" if self.id is None else f"id {self.id}"
        return f"row {self.row:,}" + ("" if self.id is None else f" (id {self.id})")

    def line(self) -> str:
        """The fault on one line."""
        where = ", ".join(part for part in (self.column, self.place()) if part)
        details = [
            f"{name} {text}" for name, text in (("got", self.got), ("expected", self.expected)) if text
        ]
        head = f"{self.code}: {where + ': ' if where else ''}{self.message}"
        return "; ".join([head, *details, *([self.mend] if self.mend else [])])

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        names = ("code", "message", "column", "row", "id", "got", "expected", "mend")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class Broken:
    """One rule that was broken: the faults listed, at most ``LISTED``, and how many there are in all."""

    faults: tuple[Fault, ...]
    total: int

    def lines(self) -> Iterator[str]:
        """The rule's paragraph: what, expected, the places, how to mend it."""
        first = self.faults[0]
        many = "" if self.total == 1 else f" ({self.total:,} times)"
        if first.row is None and first.id is None and len(self.faults) == 1:
            column = f"{first.column}: " if first.column else ""
            yield f"{first.code}: {column}{first.message}{many}"
            if first.got:
                yield f"  got       {first.got}"
            if first.expected:
                yield f"  expected  {first.expected}"
            if first.mend:
                yield f"  mend      {first.mend}"
            return
        same_column = first.column if len({f.column for f in self.faults}) == 1 else None
        yield f"{first.code}: {same_column + ': ' if same_column else ''}{first.message}{many}"
        same_mend = len({f.mend for f in self.faults}) == 1
        if first.expected:
            yield f"  expected  {first.expected}"
        for fault in self.faults:
            place = ", ".join(part for part in (fault.place(), "" if same_column else fault.column) if part)
            details = f": got {fault.got}" if fault.got else ""
            yield f"  {place}{details}" + ("" if same_mend else f"; {fault.mend}")
        if self.total > len(self.faults):
            yield f"  ... and {self.total - len(self.faults):,} more"
        if first.mend and same_mend:
            yield f"  mend      {first.mend}"


@dataclass(frozen=True)
class FaultReport:
    """Everything that is wrong with the file called ``name``; empty where nothing is."""

    name: str
    broken: tuple[Broken, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything is wrong."""
        return bool(self.broken)

    @property
    def faults(self) -> tuple[Fault, ...]:
        """The faults listed."""
        return tuple(fault for rule in self.broken for fault in rule.faults)

    @property
    def total(self) -> int:
        """How many faults there are, listed or not."""
        return sum(rule.total for rule in self.broken)

    @property
    def codes(self) -> tuple[str, ...]:
        """The rules that were broken, each once, in the order found."""
        return tuple(dict.fromkeys(rule.faults[0].code for rule in self.broken))

    def count(self) -> str:
        """How many faults, in words."""
        return "1 fault" if self.total == 1 else f"{self.total:,} faults"

    def paragraphs(self) -> str:
        """One numbered paragraph a rule."""
        paragraphs = []
        for number, rule in enumerate(self.broken, 1):
            head, *rest = rule.lines()
            paragraphs.append("\n".join([f"{number}. {head}", *(f"   {line}" for line in rest)]))
        return "\n".join(paragraphs)

    def text(self) -> str:
        """All of it for a reader."""
        return f"{self.name} is not a valid prediction: {self.count()}\n{self.paragraphs()}"

    def to_list(self) -> list[dict[str, Any]]:
        """One dictionary a fault listed; ``total`` says how many its rule has."""
        return [{**fault.to_dict(), "total": rule.total} for rule in self.broken for fault in rule.faults]


class PredictionRefused(InputFault):
    """A prediction that can't be scored, with everything that is wrong with it in ``report``."""

    def __init__(self, found: FaultReport | CheckResult) -> None:
        self.report = found if isinstance(found, FaultReport) else found.report
        super().__init__(found.text())


@dataclass(frozen=True)
class Note:
    """Something worth knowing that does not stop a prediction from being scored."""

    code: str
    message: str
    column: str | None = None

    def __str__(self) -> str:
        """The message."""
        return self.message

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"code": self.code, "message": self.message, "column": self.column}


class FaultLog:
    """Collects faults while a file is read; ``name`` is how messages call the file."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.notes: list[Note] = []
        self._rules: dict[tuple[str, str | None], tuple[list[Fault], int]] = {}

    def __bool__(self) -> bool:
        """Whether there is any fault."""
        return bool(self._rules)

    def add(self, fault: Fault) -> None:
        """Note a fault. Those of rows are a rule per column, those of whole columns are one rule."""
        key = (fault.code, fault.column if fault.row is not None else None)
        listed, total = self._rules.get(key, ([], 0))
        if len(listed) < LISTED:
            listed.append(fault)
        self._rules[key] = (listed, total + 1)

    def add_rows(
        self,
        fault: Fault,
        rows: NDArray[np.int64],
        ids: NDArray[np.int64] | None = None,
        got: Callable[[int], str] | None = None,
        column: Callable[[int], str] | None = None,
    ) -> None:
        """Note a fault of several rows: ``got(i)`` describes the i-th; ids (n,), None where unknown.

        column : names the column of the i-th where the fault is of a field of several.
        """
        listed, total = self._rules.get((fault.code, fault.column), ([], 0))
        for i in range(min(len(rows), LISTED - len(listed))):
            known = None if ids is None else int(ids[i])
            listed.append(
                replace(
                    fault,
                    row=int(rows[i]),
                    id=known,
                    got=fault.got if got is None else got(i),
                    column=fault.column if column is None else column(i),
                )
            )
        if len(rows):
            self._rules[fault.code, fault.column] = (listed, total + len(rows))

    def add_absent(
        self,
        fault: Fault,
        ids: NDArray[np.int64],
        total: int,
        got: Callable[[int], str] | None = None,
    ) -> None:
        """Note a fault of ids, not of rows; ``ids`` are the first of ``total``, ``got(i)`` describes the i-th."""
        listed = [
            replace(fault, id=int(number), got=fault.got if got is None else got(i))
            for i, number in enumerate(ids[:LISTED])
        ]
        self._rules[fault.code, None] = (listed, total)

    def note(self, note: Note) -> None:
        """Note something that is no fault."""
        self.notes.append(note)

    def count(self, code: str) -> int:
        """Faults of one code so far."""
        return sum(total for (known, _), (_, total) in self._rules.items() if known == code)

    def report(self) -> FaultReport:
        """Everything so far."""
        return FaultReport(
            self.name, tuple(Broken(tuple(listed), total) for listed, total in self._rules.values())
        )

    def refuse(self, fault: Fault) -> NoReturn:
        """Note a fault after which reading can't go on, and raise everything so far."""
        self.add(fault)
        raise PredictionRefused(self.report())
