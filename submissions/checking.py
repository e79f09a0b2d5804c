"""Checks a prediction against the declaration and the public test table, and finds every fault at once."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from blindsky.challenges.prediction import Prediction, Remarks
from blindsky.challenges.release import UNSCORED
from blindsky.scoring.measurements import Table
from blindsky.submissions.examination import Examination
from blindsky.submissions.faults import Fault, FaultLog, FaultReport, Note, PredictionRefused
from blindsky.submissions.reading import open_prediction
from blindsky.submissions.roster import PublicPart, most_rows, roster

NO_TRUTH = "no_truth"


@dataclass(frozen=True, repr=False)
class CheckResult:
    """What a check found; a notebook shows its text.

    fields : fields of the declaration that the file holds. rows : data rows read.
    in_order : whether rows are in the order of the test table. mass_error : max |integral - 1| of a density and
    max |sum - 1| of probabilities, by field.
    options : of a command, that name the release as the caller did. held : whether its private part is here too.
    revealed : whether its truth is public. in_memory : whether it is a table and no file yet.
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
    options: str = field(default="", compare=False)  # these say what to do next, not what was found
    held: bool = field(default=True, compare=False)
    revealed: bool = field(default=False, compare=False)
    in_memory: bool = field(default=False, compare=False)

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

    __repr__ = __str__

    def text(self) -> str:
        """What was found and what to do next."""
        details = [self.format] * bool(self.format) + [f"{self.rows:,} rows"] * bool(self.rows)
        what = self.path.name + (f" ({', '.join(details)})" if details else "")
        notes = [f"note: {note.message}" for note in self.notes]
        if not self.ok:
            head = f"{what} is not a valid prediction for {self.release}: {self.report.count()}."
            again = "check the table again" if self.in_memory else f"run again: {self._command('check')}"
            return "\n".join([head, self.report.paragraphs(), *notes, f"Next: mend this and {again}"])
        head = f"{what} is a valid prediction for {self.release}: {', '.join(self.fields)}."
        if any(note.code == NO_TRUTH for note in self.notes):
            return "\n".join([head, *notes])
        return "\n".join([head, *notes, self._next()])

    def _next(self) -> str:
        """What to do with a valid prediction."""
        if self.revealed:
            return "Nothing to hand in: the truth of this release is public."
        written = f"table.to_parquet({str(self.path)!r}, index=False), then " if self.in_memory else ""
        if not self.held:
            return f"Next: {written}send {self.path} to the organiser, with the names of team and method"
        return f'Next: {written}{self._command("submit")} --team "..." --method "..."'

    def _command(self, verb: str) -> str:
        """A command on this prediction, as it can be typed."""
        ids = [] if self.ids is None else ["--ids", str(self.ids)]
        return f"blindsky {verb} {shlex.join([str(self.path), *ids])} {self.options or f'--release {self.release}'}"


def check(path: Path, public: PublicPart, ids: Path | None = None) -> CheckResult:
    """Check a prediction file; every fault is in the result.

    ids : a table with the key column, for a qp ensemble without ids.
    InputFault where there is no such file, MachineFault where it can't be read.
    """
    prediction = public.challenge.prediction
    try:
        file = open_prediction(path, prediction, most_rows(public), ids=ids)
    except PredictionRefused as refused:
        return CheckResult(path, ids, public.release_id, "", 0, (), refused.report)
    with file:
        examination = Examination(file, prediction, roster(public, file.log))
        told, names = _remarkable(prediction), (*prediction.keys, *prediction.numbers)
        kept = [  # without images the rows of any release fit
            {name: chunk.table[name] for name in names if name in chunk.table}
            for chunk in examination.chunks()
            if told is not None
        ]
        return CheckResult(
            path,
            ids,
            public.release_id,
            file.format,
            examination.rows if file.n_rows is None else file.n_rows,
            examination.fields,
            file.log.report(),
            (*examination.notes, *_said(told, public, kept, file.log), *_no_truth(public)),
            examination.in_order,
            dict(examination.mass_error),
        )


def _remarkable(prediction: Prediction) -> Remarks | None:
    """What a challenge has to say of rows without faults, if anything."""
    told = prediction.catalogue or prediction.item
    return None if told is None else told.remarks


def _said(told: Remarks | None, public: PublicPart, kept: list[Table], log: FaultLog) -> tuple[Note, ...]:
    """What a challenge says of a prediction without faults."""
    if told is None or not kept or log:
        return ()
    whole = {name: np.concatenate([table[name] for table in kept]) for name in kept[0]}
    return tuple(Note("strange", text) for text in told(whole, public.json))


def _no_truth(public: PublicPart) -> tuple[Note, ...]:
    return () if public.has_truth else (Note(NO_TRUTH, f"release {public.release_id} {UNSCORED}"),)
