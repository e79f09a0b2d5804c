"""Tables between NumPy and Arrow: one column a name, densities as fixed-size lists, images as tensors.

A table is one Parquet file or, where it holds images, a folder of them; it is read in batches or in row groups.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from blindsky.challenges.errors import InputFault
from blindsky.challenges.skies import Ragged
from blindsky.scoring.measurements import Array, Table

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS = 1 << 14  # a density of 301 nodes: 20 MB
GROUP_BYTES = 1 << 24  # of a row group, and of a batch whose length nobody asked for


def to_arrow(table: Mapping[str, Array | list[Array]], blank: Array | None = None) -> pa.Table:
    """Columns (n,) become plain columns, (n, k) fixed-size lists, (n, k, ...) tensors, lists of arrays lists.

    blank : (n,) rows whose lists and tensors are empty cells.
    """
    import pyarrow as pa

    mask = None if blank is None or not blank.any() else pa.array(blank)

    columns: dict[str, Any] = {}
    for name, column in table.items():
        if isinstance(column, np.ndarray) and column.ndim > 1:
            flat = pa.array(np.ascontiguousarray(column).reshape(-1))
            lists = pa.FixedSizeListArray.from_arrays(flat, math.prod(column.shape[1:]), mask=mask)
            tensor = pa.fixed_shape_tensor(flat.type, column.shape[1:])
            columns[name] = lists if column.ndim == 2 else pa.ExtensionArray.from_storage(tensor, lists)
        else:
            columns[name] = pa.array(column)
    return pa.table(columns)


def column_to_numpy(column: pa.ChunkedArray | pa.Array) -> Array:
    """One Arrow column: numbers (n,), fixed-size lists (n, k), tensors (n, k, ...), text; lists as objects."""
    import pyarrow as pa

    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(array.type, pa.FixedShapeTensorType):
        shape = (len(array), *array.type.shape)  # an empty one has no tensors to stack
        return np.asarray(array.to_numpy_ndarray()) if len(array) else np.empty(shape, _dtype(array.type))
    if pa.types.is_fixed_size_list(array.type):
        width = array.type.list_size
        return _plain(array.flatten()).reshape(len(array), width)
    if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
        return np.asarray(array.to_pylist(), dtype=np.str_)
    return _plain(array)


def _plain(array: pa.Array) -> Array:
    import pyarrow as pa

    if array.null_count == 0 and (pa.types.is_integer(array.type) or pa.types.is_floating(array.type)):
        return np.from_dlpack(
            array
        )  # to_numpy would import pandas, which takes longer than to read most tables
    return np.asarray(array.to_numpy(zero_copy_only=False))


def _dtype(kind: Any) -> Any:
    return kind.value_type.to_pandas_dtype()


def from_arrow(table: pa.Table | pa.RecordBatch) -> Table:
    """The columns of an Arrow table as NumPy arrays."""
    return {name: column_to_numpy(table.column(name)) for name in table.schema.names}


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn what Arrow says of a damaged file of ours into an InputFault that names it."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, KeyError, OSError) as error:  # a KeyError where a column lacks
        if getattr(error, "errno", None) is not None:  # the operating system's word, not Arrow's
            raise
        message = f"{path} is damaged ({error}). Fetch it again, or restore it from a backup"
        raise InputFault(message) from error


def parts(path: Path) -> list[Path]:
    """The files of a table: itself, or those in its folder."""
    return sorted(path.glob("part-*.parquet")) if path.is_dir() else [path]


def read(path: Path, columns: Sequence[str] | None = None) -> Table:
    """A whole table of ours."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    wanted = None if columns is None else list(columns)
    found = []
    for part in parts(path):
        # pq.read_table would take what it needs from pyarrow.dataset, which imports pandas
        with readable(part), pq.ParquetFile(part) as file:
            table = file.read(wanted)
            found.append(table if wanted is None else table.select(wanted))
    return from_arrow(pa.concat_tables(found))


def _affordable(path: Path) -> int:
    """Rows of a batch: ``BATCH_ROWS`` of a narrow table, of a wide one as many as hold ``GROUP_BYTES``."""
    import pyarrow.parquet as pq

    part = parts(path)[0]
    with readable(part):
        metadata = pq.read_metadata(part)
    size = sum(metadata.row_group(k).total_byte_size for k in range(metadata.num_row_groups))
    return int(min(BATCH_ROWS, max(1, GROUP_BYTES * metadata.num_rows // max(size, 1))))


def batches(path: Path, n: int | None = None, columns: Sequence[str] | None = None) -> Iterator[Table]:
    """A table of ours in batches of at most ``n`` rows, in file order.

    n : where None, 16,384, or as many as hold 16 MiB, if that is fewer.
    """
    import pyarrow.parquet as pq

    wanted = None if columns is None else list(columns)
    n = n or _affordable(path)
    for part in parts(path):
        # Reading row groups ahead would double the memory of wide columns and saves no time on a local disk
        with readable(part), pq.ParquetFile(part, pre_buffer=False) as file:
            for batch in file.iter_batches(batch_size=n, columns=wanted):
                yield from_arrow(batch)


def rows(path: Path) -> int:
    """Number of rows that a table of ours declares."""
    import pyarrow.parquet as pq

    with readable(path):
        return sum(int(pq.read_metadata(part).num_rows) for part in parts(path))


def column_names(path: Path) -> list[str]:
    """Names of the columns of a table of ours."""
    import pyarrow.parquet as pq

    with readable(path):
        return list(pq.read_schema(parts(path)[0]).names)


class Lists:
    """A table of several rows a case that stands in the order of the cases, read along with them."""

    def __init__(self, path: Path, key: str, n: int | None = None) -> None:
        import pyarrow.parquet as pq

        self._source, self._key = batches(path, n), key
        with readable(path):
            self._none = from_arrow(pq.read_schema(parts(path)[0]).empty_table())
        self._rest: Table | None = next(self._source, None)

    def take(self, ids: Array) -> Ragged:
        """The rows of the next cases, whose ids (n,) differ; a case may have none."""
        order = np.argsort(ids)
        counts = np.zeros(len(ids), dtype=np.int64)
        found = [self._none]
        while self._rest is not None:
            owner = self._rest[self._key]
            place = np.minimum(np.searchsorted(ids, owner, sorter=order), len(ids) - 1)
            mine = ids[order[place]] == owner
            n = len(mine) if mine.all() else int(mine.argmin())
            np.add.at(counts, order[place[:n]], 1)
            found.append({name: column[:n] for name, column in self._rest.items()})
            if n < len(mine):
                self._rest = {name: column[n:] for name, column in self._rest.items()}
                break
            self._rest = next(self._source, None)
        return Ragged(counts, {name: np.concatenate([part[name] for part in found]) for name in self._none})

    @property
    def exhausted(self) -> bool:
        """Whether every row was taken; rows of unknown cases, or out of order, never are."""
        return self._rest is None


@dataclass(frozen=True)
class Groups:
    """A table of ours to be read one row group at a time, in any order.

    starts : first row of each group, and the number of rows at the end.   places : file and group in it.
    """

    starts: tuple[int, ...]
    places: tuple[tuple[Path, int], ...]

    @classmethod
    def of(cls, path: Path) -> Groups:
        """The row groups of a table."""
        import pyarrow.parquet as pq

        places, lengths = [], []
        for part in parts(path):
            with readable(part):
                metadata = pq.read_metadata(part)
            for k in range(metadata.num_row_groups):
                places.append((part, k))
                lengths.append(metadata.row_group(k).num_rows)
        return cls(tuple(accumulate(lengths, initial=0)), tuple(places))

    def __len__(self) -> int:
        """Number of rows."""
        return self.starts[-1]

    def ends(self, column: str) -> tuple[Array, Array]:
        """The smallest and the largest value of a column of numbers in each group, (G,), without reading rows."""
        import pyarrow.parquet as pq

        found = []
        for path in dict.fromkeys(path for path, _ in self.places):
            with readable(path):
                metadata = pq.read_metadata(path)
            where = metadata.schema.names.index(column)
            for k in range(metadata.num_row_groups):
                known = metadata.row_group(k).column(where).statistics
                found.append((known.min, known.max))
        low, high = np.array(found).reshape(-1, 2).T
        return low, high

    def read(self, k: int, columns: Sequence[str] | None = None) -> Table:
        """The rows of one group."""
        import pyarrow.parquet as pq

        path, group = self.places[k]
        with readable(path), pq.ParquetFile(path, pre_buffer=False) as file:
            return from_arrow(file.read_row_group(group, columns=None if columns is None else list(columns)))
