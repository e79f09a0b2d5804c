"""Tables between NumPy and Arrow: one column a name, densities as fixed-size lists, files read in batches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from blindsky.challenges.errors import InputFault
from blindsky.scoring.measurements import Array, Table

if TYPE_CHECKING:
    import pyarrow as pa


def to_arrow(table: Mapping[str, Array | list[Array]]) -> pa.Table:
    """Columns (n,) become plain columns, (n, k) fixed-size lists, lists of arrays become lists."""
    import pyarrow as pa

    columns: dict[str, Any] = {}
    for name, column in table.items():
        if isinstance(column, np.ndarray) and column.ndim == 2:
            flat = pa.array(np.ascontiguousarray(column).reshape(-1))
            columns[name] = pa.FixedSizeListArray.from_arrays(flat, column.shape[1])
        else:
            columns[name] = pa.array(column)
    return pa.table(columns)


def column_to_numpy(column: pa.ChunkedArray | pa.Array) -> Array:
    """One Arrow column: numbers (n,), fixed-size lists (n, k), text as NumPy strings; lists as objects."""
    import pyarrow as pa

    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if pa.types.is_fixed_size_list(array.type):
        width = array.type.list_size
        return np.asarray(array.flatten().to_numpy(zero_copy_only=False)).reshape(len(array), width)
    if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
        return np.asarray(array.to_pylist(), dtype=np.str_)
    return np.asarray(array.to_numpy(zero_copy_only=False))


def from_arrow(table: pa.Table | pa.RecordBatch) -> Table:
    """The columns of an Arrow table as NumPy arrays."""
    return {name: column_to_numpy(table.column(name)) for name in table.schema.names}


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn what Arrow says of a damaged file of ours into an InputFault that names it."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError) as error:
        if getattr(error, "errno", None) is not None:  # the operating system's word, not Arrow's
            raise
        message = f"{path} is damaged ({error}). Fetch it again, or restore it from a backup"
        raise InputFault(message) from error


def read(path: Path, columns: Sequence[str] | None = None) -> Table:
    """A whole Parquet file of ours."""
    import pyarrow.parquet as pq

    with readable(path):
        return from_arrow(pq.read_table(path, columns=None if columns is None else list(columns)))


def batches(path: Path, n: int, columns: Sequence[str] | None = None) -> Iterator[Table]:
    """A Parquet file of ours in batches of at most ``n`` rows, in file order."""
    import pyarrow.parquet as pq

    # Reading row groups ahead would double the memory of wide columns and saves no time on a local disk
    with readable(path), pq.ParquetFile(path, pre_buffer=False) as file:
        for batch in file.iter_batches(batch_size=n, columns=None if columns is None else list(columns)):
            yield from_arrow(batch)


def rows(path: Path) -> int:
    """Number of rows that a Parquet file of ours declares."""
    import pyarrow.parquet as pq

    with readable(path):
        return int(pq.read_metadata(path).num_rows)
