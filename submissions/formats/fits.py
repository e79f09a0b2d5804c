"""FITS binary tables: the declared shape is checked against the file before data are touched.

FITS is big-endian; rows are converted as they are read, once.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from blindsky.submissions.faults import Fault, FaultLog, size_text
from blindsky.submissions.formats.common import (
    Chunk,
    ColumnInfo,
    Kind,
    Limits,
    PredictionFile,
    arrow,
    refusing,
    row_numbers,
)

_MAX_HDUS = 16  # how far to look for a table
_KINDS: dict[str, Kind] = {"i": "integer", "u": "integer", "f": "number", "S": "text", "U": "text"}


class FitsFile(PredictionFile):
    """The first binary table of a FITS file; a density is a vector column."""

    format = "FITS"

    def __init__(self, path: Path, limits: Limits, log: FaultLog) -> None:
        super().__init__(path, limits, log)
        limits.check_size(path.stat().st_size, limits.binary, log)
        with self._opening(), self._quiet():
            from astropy.io import fits

            raw = self._held.enter_context(path.open("rb"))
            self._file = self._held.enter_context(fits.open(raw, memmap=True, lazy_load_hdus=True))
            self._table = self._find()
            self._check_shape()
            self.columns = tuple(self._info(column) for column in self._table.columns)

    @contextmanager
    def _quiet(self) -> Iterator[None]:
        """The library's warnings are about its own wishes; what matters here becomes a fault."""
        with refusing(self.log, self.format), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield

    def _find(self) -> Any:
        for i in range(_MAX_HDUS):
            try:
                hdu = self._file[i]
            except IndexError:
                break
            if hdu.header.get("XTENSION", "").strip() == "BINTABLE" and not hdu.header.get("ZIMAGE", False):
                return hdu
        self.log.refuse(
            Fault(
                "column_type",
                "the FITS file holds no binary table",
                expected="a binary table extension with one row per id",
                mend='write it with astropy: table.write("predictions.fits")',
            )
        )

    def _check_shape(self) -> None:
        header = self._table.header
        width, rows, heap = (int(header.get(name, 0)) for name in ("NAXIS1", "NAXIS2", "PCOUNT"))
        if min(width, rows, heap) < 0:
            message = f"a table of {rows:,} rows of {width:,} bytes"
            raise ValueError(message)
        self.n_rows = rows
        self.limits.check_rows(rows, self.log, declared=True)
        size, needed = self.path.stat().st_size, self._table.fileinfo()["datLoc"] + width * rows + heap
        if needed > size:
            self.log.refuse(
                Fault(
                    "truncated",
                    "the FITS file is cut short",
                    got=size_text(size),
                    expected=f"{size_text(needed)}, as its header declares",
                    mend="copy the file again, or write it again",
                )
            )
        if rows == 0:
            self.log.refuse(
                Fault("empty_file", "the table has no rows", expected="one row per id of the test split")
            )
        if self._table.columns.dtype.itemsize != width:
            message = f"columns of {self._table.columns.dtype.itemsize:,} bytes in rows of {width:,}"
            raise ValueError(message)

    def _info(self, column: Any) -> ColumnInfo:
        dtype = self._table.columns.dtype[column.name]
        scalar, shape = dtype.base, dtype.shape
        code = column.format.lstrip("0123456789")[:1]
        kind = "other" if code in "LXPQCM" else _KINDS.get(scalar.kind, "other")
        if column.bscale not in (None, "", 1) and kind == "integer":
            kind = "number"
        if shape and kind in ("integer", "number"):
            kind = "list" if len(shape) == 1 else "other"
        return ColumnInfo(
            column.name.strip(), kind, f"TFORM {column.format}", shape[0] if kind == "list" else None
        )

    def batches(self, n: int, columns: Sequence[str]) -> Iterator[Chunk]:
        """Chunks of numbers and lists, in the byte order of this machine."""
        assert self.n_rows is not None
        for start in range(0, self.n_rows, n):
            with self._quiet():
                rows = self._table.data[start : start + n]
                cells = {name: arrow(np.asarray(rows.field(name))) for name in columns}
            yield Chunk(row_numbers(start, len(rows)), cells)
