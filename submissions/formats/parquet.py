"""Parquet: the footer, the types and the pages are checked before Arrow reads a value.

Only plain numbers and lists of them are read. Text columns are not: a dictionary page with one long string,
repeated by a few bytes of run lengths, unpacks without bound.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blindsky.submissions.faults import Fault, FaultLog, size_text
from blindsky.submissions.formats.common import (
    MIB,
    Chunk,
    ColumnInfo,
    Kind,
    Limits,
    PredictionFile,
    refusing,
    row_numbers,
)
from blindsky.submissions.formats.pages import read_footer, walk

if TYPE_CHECKING:
    import pyarrow as pa

MAGIC = b"PAR1"
_MAX_FOOTER = 2 * MIB
_MAX_PAGE = 256 * MIB  # bytes of one page, unpacked; the usual is 1 MiB
_MAX_CONTAINER = 200_000  # elements of a list in the footer: row groups, columns


class ParquetFile(PredictionFile):
    """A Parquet file with one row per case; a density is a list column, of fixed size or not."""

    format = "Parquet"

    def __init__(self, path: Path, limits: Limits, log: FaultLog) -> None:
        super().__init__(path, limits, log)
        with self._opening():
            import pyarrow.parquet as pq

            self._footer = read_footer(self._footer_bytes())
            self.n_rows = self._footer.rows
            limits.check_rows(max(self.n_rows, self._footer.grouped), log, declared=True)
            if self._footer.grouped != self.n_rows:
                message = f"row groups hold {self._footer.grouped:,} rows, the footer says {self.n_rows:,}"
                raise ValueError(message)
            self._file = self._held.enter_context(
                pq.ParquetFile(
                    path,
                    buffer_size=MIB,
                    pre_buffer=False,
                    thrift_string_size_limit=_MAX_FOOTER,
                    thrift_container_size_limit=_MAX_CONTAINER,
                )
            )
            self.columns = tuple(_info(field) for field in self._file.schema_arrow)
        if self.n_rows == 0:
            log.refuse(
                Fault("empty_file", "the table has no rows", expected="one row per id of the test split")
            )

    def _footer_bytes(self) -> bytes:
        """The footer, its length and the magic at the end checked."""
        with self.path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(size - 8, 0))
            tail = file.read(8)
            length = int.from_bytes(tail[:4], "little")
            if size < 12 or tail[4:] != MAGIC or length > size - 12:
                self.log.refuse(
                    Fault(
                        "truncated",
                        "the Parquet file is cut short: it has no footer",
                        got=f"{size_text(size)} that end in other bytes than PAR1",
                        expected="a file that begins and ends with PAR1",
                        mend="its writer or the copy stopped early: close the writer, or copy the file again",
                    )
                )
            if length > _MAX_FOOTER:
                self.log.refuse(self.limits.too_large(f"a footer of {size_text(length)}", _MAX_FOOTER))
            file.seek(size - 8 - length)
            return file.read(length)

    def _check_pages(self, columns: Sequence[str]) -> None:
        """Bound what the pages of these columns declare, before any is unpacked."""
        unpacked = values = 0
        most = self.limits.values * self.limits.rows
        with self.path.open("rb") as file:
            for chunk in self._footer.chunks:
                # a column with a dot in its name may be counted with another: strict, not loose
                if not any(".".join(chunk.path).startswith(column) for column in columns):
                    continue
                pages = walk(file, chunk, most_pages=most)
                unpacked, values = unpacked + pages.unpacked, values + pages.values
                if pages.largest > _MAX_PAGE or unpacked > 2 * self.limits.binary:
                    self.log.refuse(
                        self.limits.too_large(f"{size_text(unpacked)} unpacked", 2 * self.limits.binary)
                    )
                if values > most:
                    self.log.refuse(
                        Fault(
                            "too_large",
                            "the lists hold far more values than the grid has nodes",
                            got=f"{values:,} values",
                            expected=f"about {self.limits.values * self.limits.expected:,}",
                            mend="give every density on the nodes of the grid",
                        )
                    )

    def batches(self, n: int, columns: Sequence[str]) -> Iterator[Chunk]:
        """Chunks of numbers and lists."""
        seen = 0
        with refusing(self.log, self.format):
            self._check_pages(columns)
            for batch in self._file.iter_batches(batch_size=n, columns=list(columns)):
                found = {name: _plain(batch.column(name)) for name in columns}
                yield Chunk(row_numbers(seen, batch.num_rows), found)
                seen += batch.num_rows


def _plain(column: pa.Array) -> pa.Array:
    """A column as numbers or lists of them: a tensor is a list, its shape was checked with the header."""
    import pyarrow as pa

    return column.storage if isinstance(column, pa.ExtensionArray) else column


def _info(field: pa.Field) -> ColumnInfo:
    import pyarrow as pa
    import pyarrow.types as types

    if isinstance(field.type, pa.FixedShapeTensorType):
        ordered = field.type.permutation in (None, list(range(len(field.type.shape))))
        tensor: Kind = "list" if ordered and _listed(field.type.value_type) else "other"
        shape = tuple(field.type.shape)
        boolean = types.is_boolean(field.type.value_type)
        return ColumnInfo(field.name, tensor, str(field.type)[:80], math.prod(shape), shape, boolean)
    kind, width, boolean = _kind(field.type), None, False
    if types.is_list(field.type) or types.is_large_list(field.type) or types.is_fixed_size_list(field.type):
        kind = "list" if _listed(field.type.value_type) else "other"
        width = field.type.list_size if types.is_fixed_size_list(field.type) else None
        boolean = types.is_boolean(field.type.value_type)
    return ColumnInfo(field.name, kind, str(field.type)[:80], width, boolean=boolean)


def _listed(type: Any) -> bool:
    import pyarrow.types as types

    return types.is_boolean(type) or _kind(type) in ("integer", "number")


def _kind(type: Any) -> Kind:
    import pyarrow.types as types

    if types.is_integer(type):
        return "integer"
    return "number" if types.is_floating(type) else "other"
