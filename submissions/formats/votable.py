"""VOTable, TABLEDATA serialisation: cells of text, read as the XML streams by.

Only the table's own cells are looked at. A document type (entities that expand) is refused, and so is a
STREAM, whose href could make the reader open a file of this machine or a page of another.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.parsers import expat

import numpy as np

from blindsky.submissions.faults import Fault, FaultLog, shown
from blindsky.submissions.formats.common import (
    MAX_LINE,
    Chunk,
    ColumnInfo,
    Limits,
    PredictionFile,
    reading,
    refusing,
    row_numbers,
)

_PIECE = 1 << 18
_BINARY = {"BINARY", "BINARY2", "FITS", "STREAM", "PARQUET"}


class _Table:
    """What expat calls: collects the fields and the rows of the first table."""

    def __init__(self, log: FaultLog) -> None:
        self.log = log
        self.fields: list[str] = []
        self.rows: list[list[str]] = []
        self.started = self.ended = False
        self._cell: list[str] | None = None
        self._length = 0
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.StartDoctypeDeclHandler = self._doctype

    def _doctype(self, *_: object) -> None:
        self._refuse("a document type declaration", "a plain VOTable without DOCTYPE and entities")

    def _refuse(self, got: str, expected: str) -> None:
        self.log.refuse(
            Fault(
                "unreadable",
                "the VOTable uses something that isn't read here",
                got=got,
                expected=expected,
                mend='write it again with astropy: table.write("predictions.vot", format="votable")',
            )
        )

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        name = name.rsplit(":", 1)[-1]
        if self.ended:
            return
        if name in _BINARY:
            self._refuse(f"a table serialised as {name}", "the serialisation TABLEDATA")
        elif name == "FIELD" and not self.started:
            self.fields.append(attributes.get("name") or attributes.get("ID", ""))
        elif name == "TABLEDATA":
            self.started = True
        elif name == "TR":
            self.rows.append([])
        elif name == "TD" and self.rows:
            self._cell, self._length = [], 0

    def _end(self, name: str) -> None:
        name = name.rsplit(":", 1)[-1]
        if name == "TD" and self._cell is not None:
            self.rows[-1].append("".join(self._cell))
            self._cell = None
        elif name == "TABLEDATA":
            self.ended = True

    def _text(self, text: str) -> None:
        if self._cell is not None:
            self._cell.append(text)
            self._length += len(text)
            if self._length > MAX_LINE:
                self._refuse(f"a cell of more than {MAX_LINE:,} characters", "one number per cell")


class VOTableFile(PredictionFile):
    """The first table of a VOTable."""

    format = "VOTable"
    text = True

    def __init__(self, path: Path, limits: Limits, log: FaultLog) -> None:
        super().__init__(path, limits, log)
        limits.check_size(path.stat().st_size, limits.text, log)
        table = next(self._feed(), None)
        if table is None or not table.started:
            log.refuse(
                Fault(
                    "empty_file",
                    "the VOTable holds no table data",
                    expected="a TABLE with FIELDs and TABLEDATA",
                )
            )
        self.columns = tuple(ColumnInfo(name.strip(), "text", "text") for name in table.fields)

    def _feed(self) -> Iterator[_Table]:
        """The table, after every piece of the file in which something of it was read."""
        table = _Table(self.log)
        with reading(self.log.name), self.path.open("rb") as file, refusing(self.log, self.format):
            while piece := file.read(_PIECE):
                table.parser.Parse(piece, False)
                if table.started:
                    yield table
            table.parser.Parse(b"", True)

    def batches(self, n: int, columns: Sequence[str]) -> Iterator[Chunk]:
        """Chunks of text cells. Rows with a wrong number of cells are noted and left out."""
        import pyarrow as pa

        width = len(self.columns)
        names = [column.name for column in self.columns]
        wanted = [names.index(name) for name in columns]
        seen = 0
        for table in self._feed():
            # the last row may still be open while the table is
            complete = len(table.rows) if table.ended else max(len(table.rows) - 1, 0)
            for start in range(0, complete, n):
                rows = table.rows[start : min(start + n, complete)]
                numbers = row_numbers(seen, len(rows))
                good = np.array([len(row) == width for row in rows], dtype=bool)
                bad = np.flatnonzero(~good)
                self.log.add_rows(
                    Fault(
                        "ragged_row",
                        "the row doesn't have as many cells as the table has fields",
                        expected=f"{width} cells",
                        mend="give every row (TR) one cell (TD) per FIELD",
                    ),
                    numbers[bad],
                    got=lambda i, rows=rows, bad=bad: (
                        f"{len(rows[bad[i]])} cells {shown(' '.join(rows[bad[i]]))}"
                    ),  # type: ignore[misc]
                )
                seen += len(rows)
                self.limits.check_rows(seen, self.log)
                kept = [row for row, right in zip(rows, good, strict=True) if right]
                cells = {
                    name: pa.array([row[i] for row in kept], pa.string())
                    for name, i in zip(columns, wanted, strict=True)
                }
                yield Chunk(numbers[good], cells)
            del table.rows[:complete]
        self.n_rows = seen
