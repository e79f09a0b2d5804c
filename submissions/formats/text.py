"""Tables of text: CSV, gzipped CSV and ECSV with a header line, and what else the declaration takes.

Cells stay text until the check parses them, so an id of 16 digits is never seen by a float and a wrong cell
can be named. A table without a header is separated by commas or blanks. One with a header is separated by blanks only
where the declaration knows the order of its columns; lines that begin with # are comments there. Blocks without
quotes or oddities go through Arrow's parser, all others line by line. The YAML header of ECSV is skipped, not parsed:
what the columns must hold is known from the declaration.
"""

from __future__ import annotations

import csv
import gzip
import re
import zlib
from codecs import BOM_UTF8
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from blindsky.submissions.cells import looks_like_number
from blindsky.submissions.faults import Fault, FaultLog, Note, shown, size_text
from blindsky.submissions.formats.common import (
    MAX_LINE,
    MIB,
    Chunk,
    ColumnInfo,
    Limits,
    PredictionFile,
    reading,
    row_numbers,
)

if TYPE_CHECKING:
    import pyarrow as pa

_EDGES = re.compile(rb"(?m)^[ \t]+|[ \t]+$")
_GAP = re.compile(rb"[ \t]+")
_COMMENT = re.compile(rb"(?m)^[ \t]*#.*\n?")
_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars", " ": "blanks"}


class TextFile(PredictionFile):
    """CSV or ECSV, gzipped or not; LF and CRLF, with or without a byte order mark.

    names : columns of a table without a header, as many as it has cells in a line; none where there must be a header.
    order : columns, optional ones included, of a table with a header that is separated by blanks; none where commas
        must separate cells.
    """

    text = True

    def __init__(
        self,
        path: Path,
        limits: Limits,
        log: FaultLog,
        *,
        ecsv: bool = False,
        packed: bool = False,
        names: Sequence[str] = (),
        order: Sequence[str] = (),
    ) -> None:
        super().__init__(path, limits, log)
        self.ecsv, self.packed, self.names, self.order = ecsv, packed, tuple(names), tuple(order)
        self.format = ("ECSV" if ecsv else "CSV") + (" (gzip)" if packed else "")
        self.delimiter = ","
        self.bare = self.blanks = False
        with self._data():
            pass
        if self.bare:
            read = f"no header: the columns were read as {', '.join(self.names)}"
            log.note(Note("no_header", read))
        if self.delimiter == " ":
            self.format = self.format.replace("CSV", "text separated by blanks")
        if self.blanks:
            self._check_order()

    @contextmanager
    def _data(self) -> Iterator[BinaryIO]:
        """The unpacked bytes after the header, which is read on the way."""
        with reading(self.log.name), self.path.open("rb") as raw:
            stream = cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if self.packed else raw
            with self._damage():
                self._header(stream)
                yield stream

    @contextmanager
    def _damage(self) -> Iterator[None]:
        try:
            yield
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            self.log.refuse(
                Fault(
                    "truncated",
                    "the gzip stream is cut short or damaged",
                    got=str(error),
                    mend="pack it again (gzip -t FILE tells whether it is whole), or send the plain CSV",
                )
            )

    def _header(self, stream: BinaryIO) -> None:
        spent, delimiter = 0, " " if self.ecsv else ","
        while line := stream.readline(MAX_LINE + 1):
            if len(line) > MAX_LINE:
                self._line_too_long(None)
            start = len(BOM_UTF8) if spent == 0 and line.startswith(BOM_UTF8) else spent
            text = line[start - spent :].decode(errors="replace").strip("\r\n")
            spent += len(line)
            if self.ecsv and text.startswith("#"):
                if "delimiter:" in text and "," in text:
                    delimiter = ","
            elif text.strip() and not (self.order and text.lstrip().startswith("#")):
                self.delimiter = delimiter
                if self._is_bare(text):
                    stream.seek(start)
                else:
                    self._names(self._by_blanks(text))
                return
            if spent > MIB:
                break
        self.log.refuse(
            Fault(
                "empty_file",
                "the file has no header line",
                got=f"{size_text(spent)} of blank lines or comments" if spent else None,
                expected="a first line with the column names, then one row per id",
            )
        )

    def _is_bare(self, line: str) -> bool:
        """Whether the first line is a row of a table without a header, as the declaration takes it."""
        cells = line.split("," if "," in line else None)
        self.bare = bool(self.names) and len(cells) == len(self.names) and all(map(looks_like_number, cells))
        if self.bare:
            self.delimiter = "," if "," in line else " "
            self.columns = tuple(ColumnInfo(name, "text", "text") for name in self.names)
        return self.bare

    def _by_blanks(self, header: str) -> str:
        """The header, with one blank between its cells where blanks separate them and the declaration takes that."""
        cells = header.split()
        self.blanks = bool(self.order) and len(cells) > 1 and not any(mark in header for mark in ",;|")
        if not self.blanks:
            return header
        self.delimiter = " "
        return " ".join(cells)

    def _check_order(self) -> None:
        known = [column.name for column in self.columns if column.name in self.order]
        declared = sorted(known, key=self.order.index)
        if known != declared:
            self.log.add(
                Fault(
                    "column_order",
                    "the columns stand in another order",
                    got=", ".join(known),
                    expected=", ".join(declared),
                    mend="text separated by blanks has its columns in this order; CSV, FITS and Parquet in any",
                )
            )

    def _names(self, header: str) -> None:
        if self.delimiter not in header and not self.ecsv:
            for character, name in _SEPARATORS.items():
                if character in header.strip():
                    self.log.refuse(
                        Fault(
                            "separator",
                            f"cells are separated by {name}, not by commas",
                            got=f"header {shown(header)}",
                            expected="commas between cells, and a decimal point in numbers",
                            mend='save it with commas; pandas: table.to_csv("predictions.csv", index=False)',
                        )
                    )
        names = [name.strip() for name in self._split(header)]
        if names and all(looks_like_number(name) for name in names):
            self.log.refuse(
                Fault(
                    "no_header",
                    "the first line holds numbers where the column names belong",
                    got=shown(header),
                    expected="a header line with the column names",
                    mend="write the names of the columns as the first line",
                )
            )
        self.columns = tuple(ColumnInfo(name, "text", "text") for name in names)

    def _split(self, line: str) -> list[str]:
        try:
            quoted = '"' in line
            return (
                next(csv.reader([line], delimiter=self.delimiter), [])
                if quoted
                else line.split(self.delimiter)
            )
        except csv.Error:  # a carriage return outside quotes
            return line.split(self.delimiter)

    def _line_too_long(self, row: int | None) -> None:
        self.log.refuse(
            Fault(
                "line_too_long",
                "the header line never ends" if row is None else "a line never ends; reading stopped there",
                row=row,
                got=f"more than {MAX_LINE:,} characters in one line",
                expected="one row per line, ended by LF or CRLF",
                mend="save the table with one line per row; a density is sent in Parquet, not as text",
            )
        )

    def _blocks(self, stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
        """Whole lines, about 1 MiB at a time, with the number of lines before them."""
        rest, spent, lines = b"", 0, 0
        while piece := stream.read(MIB):
            spent += len(piece)
            if spent > self.limits.text:
                self.log.refuse(
                    self.limits.too_large(f"more than {self.limits.text:,} bytes", self.limits.text)
                )
            piece = rest + piece
            ends = np.flatnonzero(np.frombuffer(piece, np.uint8) == ord("\n"))
            lengths = np.diff(ends, prepend=-1, append=len(piece))
            if lengths.max() > MAX_LINE + 1:
                self._line_too_long(lines + int(np.argmax(lengths > MAX_LINE + 1)) + 1)
            cut = int(ends[-1]) + 1 if len(ends) else 0
            block, rest = piece[:cut], piece[cut:]
            if block:
                yield lines, block
            lines += len(ends)
        if rest:
            yield lines, rest

    def batches(self, n: int, columns: Sequence[str]) -> Iterator[Chunk]:
        """Chunks of text cells. Rows with a wrong number of cells are noted and left out."""
        names = [column.name for column in self.columns]
        wanted = [names.index(name) for name in columns]
        seen = 0
        with self._data() as stream:
            for _, block in self._blocks(stream):
                numbers, cells, read = self._parse(self._one_blank(block), wanted, seen)
                seen += read
                self.limits.check_rows(seen, self.log)
                for start in range(0, len(numbers), n):
                    part = [column.slice(start, n) for column in cells]
                    yield Chunk(numbers[start : start + n], dict(zip(columns, part, strict=True)))
        self.n_rows = seen

    def _one_blank(self, block: bytes) -> bytes:
        """Lines that end in LF, their cells separated by one blank where blanks separate them."""
        block = block.replace(b"\r\n", b"\n") if b"\r" in block else block
        block = _COMMENT.sub(b"", block) if self.order and b"#" in block else block
        by_blanks = self.delimiter == " " and not self.ecsv
        return _GAP.sub(b" ", _EDGES.sub(b"", block)) if by_blanks else block

    def _parse(
        self, block: bytes, wanted: list[int], seen: int
    ) -> tuple[NDArray[np.int64], list[pa.Array], int]:
        """Row numbers, the wanted columns, and how many rows the block has, those left out included."""
        import pyarrow as pa
        from pyarrow import csv as arrow_csv

        width = len(self.columns)
        labels = [str(i) for i in range(width)]
        if b'"' not in block and b"\r" not in block:
            try:
                table = arrow_csv.read_csv(
                    pa.BufferReader(block),
                    arrow_csv.ReadOptions(use_threads=False, block_size=len(block) + 1, column_names=labels),
                    arrow_csv.ParseOptions(delimiter=self.delimiter, quote_char=False),
                    arrow_csv.ConvertOptions(
                        column_types=dict.fromkeys(labels, pa.string()),
                        include_columns=[labels[i] for i in wanted],
                    ),
                )
                cells = [_one(column) for column in table.columns]
                if cells:
                    return row_numbers(seen, table.num_rows), cells, table.num_rows
            except pa.ArrowInvalid:
                pass  # ragged or not UTF-8: go line by line, which can name the row
        lines = [line for line in block.decode(errors="replace").split("\n") if line.strip()]
        rows = [self._split(line.rstrip("\r")) for line in lines]
        good = np.array([len(row) == width for row in rows], dtype=bool)
        bad = np.flatnonzero(~good)
        self.log.add_rows(
            Fault(
                "ragged_row",
                "the row doesn't have as many cells as the header",
                expected=f"{width} cells",
                mend="a decimal comma, a comma inside a cell or a line that was cut does this",
            ),
            bad + seen + 1,
            got=lambda i: f"{len(rows[bad[i]])} cells in {shown(lines[bad[i]])}",
        )
        kept = [row for row, right in zip(rows, good, strict=True) if right]
        cells = [pa.array([row[i] for row in kept], pa.string()) for i in wanted]
        return row_numbers(seen, len(rows))[good], cells, len(rows)


def _one(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
