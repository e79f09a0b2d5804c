"""The stored form of a valid prediction: Parquet in the order of the test table, and a digest of its content.

Whatever format and order the rows came in, the same numbers give the same file and the same digest. Rows that
come in order stream through; others are sorted in buckets on disk beside the file: memory stays bounded.
"""

from __future__ import annotations

import csv
import hashlib
import json
import math
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from blindsky.challenges import tables
from blindsky.challenges.challenge import rows
from blindsky.challenges.errors import InputFault
from blindsky.challenges.files import PARTIAL, machine_faults, new_file
from blindsky.challenges.prediction import ITEMS, Column, Density, Pixels, Prediction, Probabilities
from blindsky.scoring.measurements import Array, Table
from blindsky.submissions.examination import Examination, Examined
from blindsky.submissions.faults import PredictionRefused, size_text
from blindsky.submissions.reading import open_prediction
from blindsky.submissions.roster import PublicPart, most_rows, roster

if TYPE_CHECKING:
    import pyarrow.parquet as pq

ROW_GROUP = 1 << 15
BUCKET_BYTES = 64 << 20
WIDE = 1e6  # a bound as far away as this is no range to take the middle of
_POSITION = "\0position"  # no column of a declaration can have this name


class ContentDigest:
    """sha256 of a table's content: schema and column bytes, whatever the file, the writer or the chunks."""

    def __init__(self) -> None:
        self._columns: dict[str, Any] = {}
        self._schema: list[list[Any]] = []
        self._rows = 0

    def add(self, table: Table) -> None:
        """More rows, in order."""
        schema = [
            [name, column.dtype.newbyteorder("<").str, list(column.shape[1:])]
            for name, column in table.items()
        ]
        self._schema = self._schema or schema
        if schema != self._schema:
            message = f"chunks of one table differ: {schema} after {self._schema}"
            raise ValueError(message)
        for name, column in table.items():
            little = np.ascontiguousarray(column, dtype=column.dtype.newbyteorder("<"))
            self._columns.setdefault(name, hashlib.sha256()).update(little.data)
        self._rows += rows(table)

    def hexdigest(self) -> str:
        """The digest so far."""
        columns = [[*entry, self._columns[entry[0]].hexdigest()] for entry in self._schema]
        return hashlib.sha256(json.dumps({"rows": self._rows, "columns": columns}).encode()).hexdigest()


class _OutOfOrder(Exception):
    """Rows are not in the order of the test table."""


def write_canonical(path: Path, public: PublicPart, out: Path, ids: Path | None = None) -> str:
    """Write a prediction in its stored form, checking it on the way; returns the digest of its content.

    Key int64, columns float64, densities float32 as sent (not normalised), probabilities float64 over their sum, rows
    as in the test table. Nothing is left where it fails: PredictionRefused with every fault, MachineFault where it
    can't be written.
    """
    prediction = public.challenge.prediction
    need = most_rows(public) * _record(_guess(prediction, _none(prediction))).itemsize
    with ExitStack() as stack:
        partial = stack.enter_context(new_file(out))
        try:
            with machine_faults(f"writing {out.name}, which needs up to {size_text(need)},", out.parent):
                return _write(partial, _in_order(_examined(path, public, ids)))
        except _OutOfOrder:
            need *= 2  # once in the file, and once more in buckets
        with machine_faults(f"sorting {out.name}, which needs up to {size_text(need)},", out.parent):
            folder = stack.enter_context(TemporaryDirectory(dir=out.parent, prefix=f"{PARTIAL}sort-"))
            return _write(partial, _sorted(_examined(path, public, ids), prediction, Path(folder)))


def _examined(path: Path, public: PublicPart, ids: Path | None) -> Iterator[Examined]:
    """The rows of a valid prediction; PredictionRefused with every fault where there is any."""
    prediction = public.challenge.prediction
    with open_prediction(path, prediction, most_rows(public), ids=ids) as file:
        examination = Examination(file, prediction, roster(public, file.log))
        for chunk in examination.chunks():
            if not file.log:
                yield chunk
        if file.log:
            raise PredictionRefused(file.log.report())


def _in_order(chunks: Iterable[Examined]) -> Iterator[Table]:
    """The chunks as they come; _OutOfOrder as soon as they aren't in the order of the test table."""
    for chunk in chunks:
        if not chunk.in_order:
            raise _OutOfOrder
        yield chunk.table


def _sorted(chunks: Iterable[Examined], prediction: Prediction, folder: Path) -> Iterator[Table]:
    """The same rows in the order of the test table: by bucket of positions on disk, then within each.

    Those of a catalogue, which is never large, by their names.
    """
    if prediction.catalogue is not None:
        whole = _joined([chunk.table for chunk in chunks])
        order = np.argsort(whole[prediction.catalogue.name], kind="stable")
        yield {name: column[order] for name, column in whole.items()}
        return
    with ExitStack() as stack:
        files: dict[int, Any] = {}
        dtype = np.dtype([])
        for chunk in chunks:
            dtype = _record(chunk.table)
            bucket = chunk.positions // max(1, BUCKET_BYTES // dtype.itemsize)
            for b in np.unique(bucket).tolist():
                inside = bucket == b
                records = np.empty(int(inside.sum()), dtype)
                records[_POSITION] = chunk.positions[inside]
                for name, column in chunk.table.items():
                    records[name] = column[inside]
                if b not in files:
                    files[b] = stack.enter_context((folder / str(b)).open("w+b", buffering=0))
                _write_all(files[b], records)
        for b in sorted(files):
            files[b].seek(0)
            records = np.frombuffer(files[b].read(), dtype)
            records = records[np.lexsort([*(records[k] for k in prediction.keys[1:]), records[_POSITION]])]
            yield {name: records[name] for name in dtype.names or () if name != _POSITION}
            files[b].truncate(0)


def _record(table: Table) -> np.dtype[Any]:
    """One row as it lies in a bucket."""
    columns: list[Any] = [(name, column.dtype, column.shape[1:]) for name, column in table.items()]
    return np.dtype([(_POSITION, np.int64), *columns])


def _write_all(file: Any, records: Array) -> None:
    left = memoryview(records.tobytes())
    while left:
        left = left[file.write(left) :]


def _write(path: Path, source: Iterable[Table]) -> str:
    """Row groups of a constant length, so that the bytes depend on the content alone; returns its digest."""
    import pyarrow.parquet as pq

    digest = ContentDigest()
    writer: pq.ParquetWriter | None = None
    try:
        for table in _regrouped(source):
            digest.add(table)
            arrow = tables.to_arrow(table)
            if writer is None:
                writer = pq.ParquetWriter(path, arrow.schema, compression="zstd", use_dictionary=False)
            writer.write_table(arrow, row_group_size=ROW_GROUP)
    finally:
        if writer is not None:
            writer.close()
    return digest.hexdigest()


def _regrouped(source: Iterable[Table]) -> Iterator[Table]:
    """The same rows in tables of a constant length that follows from the columns, the last one shorter."""
    waiting: list[Table] = []
    count = 0
    table: Table = {}
    begun = False
    for table in source:
        start = 0
        n = max(1, min(ROW_GROUP, BUCKET_BYTES // _record(table).itemsize))
        while start < rows(table):
            part = {name: column[start : start + n - count] for name, column in table.items()}
            waiting.append(part)
            count, start = count + rows(part), start + rows(part)
            if count == n:
                yield _joined(waiting)
                waiting, count, begun = [], 0, True
    if waiting or not begun:  # a table without rows has its columns
        yield _joined(waiting or [table])


def _joined(parts: list[Table]) -> Table:
    return {name: np.ascontiguousarray(np.concatenate([part[name] for part in parts])) for name in parts[0]}


def sample_submission(public: PublicPart, out: Path) -> None:
    """A valid prediction that knows nothing: mid-range values, uniform densities and probabilities, no optional images.

    CSV leaves out densities.   Where a participant says what was found, that is one item a case, or one row in all.

    InputFault where the name of ``out`` ends otherwise, MachineFault where it can't be written.
    """
    prediction = public.challenge.prediction
    keys = _keys(public)
    match out.suffix.lower():
        case ".parquet" | ".pq":
            with new_file(out) as partial:
                _write(partial, (_guess(prediction, batch) for batch in keys))
        case ".csv":
            required = [
                f.name for f in prediction.fields if isinstance(f, Density | Pixels) and not f.optional
            ]
            if required:
                message = f"{out.name} can't hold the required {required[0]}. Ask for a .parquet file"
                raise InputFault(message)
            with new_file(out) as partial, partial.open("w", newline="") as file:
                writer = csv.writer(file, lineterminator="\n")
                writer.writerow([*prediction.keys, *prediction.numbers])
                for batch in keys:
                    guess = _guess(prediction, batch)
                    columns = (guess[name].tolist() for name in (*prediction.keys, *prediction.numbers))
                    writer.writerows(zip(*columns, strict=True))
        case _:
            message = f"a sample is a .parquet or .csv file, not {out.name}. Give it one of these endings"
            raise InputFault(message)


def _keys(public: PublicPart) -> Iterator[Table]:
    """The keys of the rows of a sample."""
    prediction = public.challenge.prediction
    if prediction.catalogue is not None:
        yield _none(prediction)
        return
    item = prediction.item
    listed = item is not None and item.most is None
    columns = list(prediction.keys if listed else (prediction.key,))
    for batch in public.batches(ITEMS if listed else "test", ROW_GROUP, columns=columns):
        keys = {name: np.asarray(batch[name], np.int64) for name in columns}
        if item is not None and not listed:
            keys[item.name] = np.zeros(rows(keys), np.int64)
        yield keys


def _none(prediction: Prediction) -> Table:
    """Keys of one row."""
    return {name: np.zeros(1, np.int64) for name in prediction.keys}


def _guess(prediction: Prediction, keys: Table) -> Table:
    table, n = dict(keys), rows(keys)
    for f in prediction.fields:
        if isinstance(f, Column):
            table[f.name] = np.full(n, _middle(f))
        elif isinstance(f, Density):
            height = 1 / (f.grid.high - f.grid.low)
            table[f.name] = np.full((n, f.grid.n), height, dtype=np.float32)
        elif isinstance(f, Probabilities):
            table |= {name: np.full(n, 1 / len(f.columns)) for name in f.columns}
        elif not f.optional:
            table[f.name] = np.zeros((n, *f.shape), np.uint8 if f.mask else np.float32)
    return table


def _middle(f: Column) -> float:
    low = max(f.low, f.above)
    if math.isfinite(low) and math.isfinite(f.high):
        return (low + f.high) / 2 if f.high - low <= WIDE else low + 1
    if math.isfinite(low):
        return low + 1 if low == f.above else low
    return f.high if math.isfinite(f.high) else 0.0
