"""What every reader shares: limits that follow from the declaration, columns, chunks, and how libraries fail.

A reader yields Arrow arrays: they keep whole numbers exact beside empty cells, and hold lists of any length.
"""

from __future__ import annotations

import errno
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from blindsky.challenges.errors import BlindskyError, MachineFault
from blindsky.challenges.prediction import Field, Pixels, Prediction, Spread, width_of
from blindsky.scoring.measurements import Array
from blindsky.submissions.faults import Fault, FaultLog, size_text

if TYPE_CHECKING:
    import pyarrow as pa

MIB = 1 << 20
SLACK_BYTES = 16 * MIB  # headers, metadata, small releases
TEXT_CELL = 40  # bytes of a written number with its separator or its tags
NUMBER = 8  # bytes of a number in a binary file; densities count as float64
PIXEL = 4  # bytes of a pixel there, of images and of masks
MAX_LINE = 1 << 16  # bytes of a line or a cell of text

Kind = Literal["integer", "number", "text", "list", "other"]

_MACHINE = {
    errno.EACCES,
    errno.EPERM,
    errno.EIO,
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOMEM,
}


@dataclass(frozen=True)
class ColumnInfo:
    """A column as the file declares it.

    detail : the type in its words.   width : of a list of fixed length.   shape : of a tensor.   boolean : whether a
    list is of booleans.
    """

    name: str
    kind: Kind
    detail: str
    width: int | None = None
    shape: tuple[int, ...] | None = None
    boolean: bool = False


def _bytes(field: Field) -> int:
    """Bytes of a field in a row of a binary file."""
    return (PIXEL if isinstance(field, Pixels) else NUMBER) * width_of(field)


@dataclass(frozen=True)
class Limits:
    """How much of a file is read at most, from the declaration and the number of rows expected.

    rows : rows of the file. values : numbers of one row. text, binary : bytes of the file, unpacked.   each : whether
    so many rows are expected, not fewer.   compact : how to send what is large.
    """

    expected: int
    rows: int
    values: int
    text: int
    binary: int
    each: bool = True
    compact: str = ""

    @classmethod
    def of(cls, prediction: Prediction, expected: int) -> Limits:
        """Twice the rows (so that extra ids can be named), four times the text, twice the binary size."""
        cells = len(prediction.keys) + len(prediction.numbers)
        values = len(prediction.keys) + sum(width_of(f) for f in prediction.fields)
        size = NUMBER * len(prediction.keys) + sum(map(_bytes, prediction.fields))
        compact = ["; a density goes into Parquet as float32, not into text"] * bool(prediction.densities)
        compact += ["; masks go into Parquet as booleans or uint8, images as float32"] * bool(
            prediction.pixels
        )
        return cls(
            expected=expected,
            rows=2 * expected + 1000,
            values=values,
            text=4 * TEXT_CELL * cells * expected + SLACK_BYTES,
            binary=2 * size * expected + SLACK_BYTES,
            each=prediction.catalogue is None and (prediction.item is None or prediction.item.most is None),
            compact="".join(compact),
        )

    def check_size(self, size: int, most: int, log: FaultLog) -> None:
        """Refuse a file that is larger than it can have reason to be."""
        if size > most:
            log.refuse(self.too_large(f"{size_text(size)}", most))

    def too_large(self, got: str, most: int) -> Fault:
        """The fault of a file with too many bytes."""
        return Fault(
            "too_large",
            "the file is larger than any valid prediction of this release",
            got=got,
            expected=f"at most {size_text(most)} for {self.expected:,} rows in this format",
            mend=f"send the declared columns of the test rows only{self.compact}",
        )

    def check_rows(self, rows: int, log: FaultLog, *, declared: bool = False) -> None:
        """Refuse far more rows than expected, before anything is allocated for them."""
        if rows > self.rows:
            log.refuse(
                Fault(
                    "too_many_rows",
                    "the header declares far more rows than a prediction of this release has"
                    if declared
                    else "the file has far more rows than a prediction of this release; reading stopped",
                    got=f"{rows:,} rows" if declared else f"more than {self.rows:,} rows",
                    expected=f"{self.expected:,} rows, one per id of the test split"
                    if self.each
                    else f"at most {self.expected:,} rows",
                    mend="predict the test table of this release, each id once; "
                    "perhaps this file was written for another release"
                    if self.each
                    else "keep those you believe in; perhaps this file was written for another release",
                )
            )


@dataclass(frozen=True)
class Chunk:
    """Some rows in file order. ``rows`` (n,) are their numbers from 1; ``columns`` are Arrow arrays."""

    rows: NDArray[np.int64]
    columns: dict[str, pa.Array]


class PredictionFile(ABC):
    """An open prediction whose header was checked against the limits. Use it in a ``with`` block.

    n_rows : rows that the file declares; None for text, which declares none.
    spread : the form that the file has, where it has a row a case and a column for each of its items.
    text : whether cells are text, to be parsed one by one; such a file can't hold densities.
    """

    format: str
    text: bool = False
    spread: Spread | None = None

    def __init__(self, path: Path, limits: Limits, log: FaultLog) -> None:
        self.path, self.limits, self.log = path, limits, log
        self.columns: tuple[ColumnInfo, ...] = ()
        self.n_rows: int | None = None
        self._held = ExitStack()

    @contextmanager
    def _opening(self) -> Iterator[None]:
        """What may fail while the file is opened; nothing stays open if it does."""
        try:
            with refusing(self.log, self.format):
                yield
        except BaseException:
            self.close()
            raise

    @abstractmethod
    def batches(self, n: int, columns: Sequence[str]) -> Iterator[Chunk]:
        """The columns named, in chunks of at most ``n`` rows; faults of the structure go to the log."""

    def close(self) -> None:
        """Release what is held."""
        self._held.close()

    def __enter__(self) -> PredictionFile:
        """The file itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()


def row_numbers(first: int, n: int) -> NDArray[np.int64]:
    """Numbers of ``n`` consecutive rows, the first of them ``first`` counted from 0."""
    return np.arange(first + 1, first + n + 1, dtype=np.int64)


def arrow(column: Array) -> Any:
    """A NumPy column (n,) or (n, k) of any byte order as an Arrow array; NaN stays NaN."""
    import pyarrow as pa

    native = np.ascontiguousarray(column, dtype=column.dtype.newbyteorder("="))
    if native.ndim == 1:
        return pa.array(native)
    return pa.FixedSizeListArray.from_arrays(pa.array(native.reshape(-1)), native.shape[1])


@contextmanager
def refusing(log: FaultLog, format: str) -> Iterator[None]:
    """What a library raises on a damaged file becomes a fault; the machine's troubles stay its own."""
    try:
        yield
    except BlindskyError:
        raise
    except MemoryError as error:
        message = (
            f"not enough memory to read {log.name}. Close other programs, or use a machine with more memory"
        )
        raise MachineFault(message) from error
    except Exception as error:  # parsers of hostile bytes raise nearly anything
        if isinstance(error, OSError) and error.errno in _MACHINE:
            raise _machine_fault(log.name, error) from error
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        log.refuse(
            Fault(
                "unreadable",
                f"the file can't be read as {format}; it is damaged, or uses something unusual",
                got="the reader says: " + " ".join(reason.split())[:160],
                mend="write it again, and compare its size and checksum if it was copied from elsewhere",
            )
        )


def _machine_fault(name: str, error: OSError) -> MachineFault:
    if error.errno in (errno.EACCES, errno.EPERM):
        return MachineFault(
            f"no permission to read {name}. Change its permissions (chmod u+r) or copy it elsewhere"
        )
    return MachineFault(
        f"the machine failed while reading {name}: {error.strerror or error}. Check the disk and try again"
    )


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Opening a file that may be out of reach."""
    try:
        yield
    except OSError as error:
        raise _machine_fault(name, error) from error
