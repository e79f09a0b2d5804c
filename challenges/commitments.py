"""Commitments: one salted sha256 per hidden row, published with the data, opened at the reveal.

A row's commitment is sha256(salt, table name, 0, row number as 8 bytes, row bytes). Row bytes are the columns in
order, little-endian; text enters by the sha256 of its UTF-8. So the organiser can move nothing afterwards, and a check
names the row where something moved.
"""

from __future__ import annotations

import hashlib
import mmap
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from blindsky.scoring.measurements import Array, Table

DIGEST_BYTES = 32
Bytes = bytes | mmap.mmap  # commitments in memory, or mapped from their file


def row_bytes(table: Mapping[str, Array]) -> NDArray[np.uint8]:
    """The canonical bytes of each row, shape (n, m)."""
    return np.concatenate([_column_bytes(np.asarray(column)) for column in table.values()], axis=1)


def _column_bytes(column: Array) -> NDArray[np.uint8]:
    n = len(column)
    if column.dtype.kind == "U":
        texts, index = np.unique(column, return_inverse=True)
        digests = [np.frombuffer(hashlib.sha256(str(t).encode()).digest(), np.uint8) for t in texts]
        return np.stack(digests)[index] if n else np.empty((0, DIGEST_BYTES), np.uint8)
    little = np.ascontiguousarray(column.astype(column.dtype.newbyteorder("<"), copy=False))
    return little.reshape(n, -1).view(np.uint8) if n else np.empty((0, little.dtype.itemsize), np.uint8)


def commit(table: Mapping[str, Array], name: str, salt: bytes, first_row: int) -> bytes:
    """The commitments of consecutive rows, 32 bytes each.

    table : columns (n, ...).   name : of the hidden table.   first_row : number of the first row in it.
    """
    rows = row_bytes(table)
    n = len(rows)
    prefix = np.frombuffer(salt + name.encode() + b"\0", np.uint8)
    numbers = np.arange(first_row, first_row + n, dtype="<u8").view(np.uint8).reshape(n, 8)
    messages = np.concatenate([np.broadcast_to(prefix, (n, len(prefix))), numbers, rows], axis=1)
    data, width = messages.tobytes(), messages.shape[1]
    sha256 = hashlib.sha256
    return b"".join([sha256(data[i : i + width]).digest() for i in range(0, n * width, width)])


def root(digests: Mapping[str, str]) -> str:
    """One digest over the commitment files of all hidden tables (name -> sha256 of the file)."""
    return hashlib.sha256(
        "".join(f"{name} {digests[name]}\n" for name in sorted(digests)).encode()
    ).hexdigest()


def first_difference(
    batches: Iterable[Table], name: str, salt: bytes, commitments: Bytes
) -> tuple[int, Table] | None:
    """The first row whose commitment differs, with its columns; None where all agree.

    A missing or an additional row counts as a difference at its number.
    """
    row = 0
    for batch in batches:
        made = commit(batch, name, salt, row)
        n = len(made) // DIGEST_BYTES
        known = commitments[row * DIGEST_BYTES : (row + n) * DIGEST_BYTES]
        if made != known:
            a = np.frombuffer(made, np.uint8).reshape(-1, DIGEST_BYTES)
            b = np.frombuffer(known, np.uint8).reshape(-1, DIGEST_BYTES)
            same = (a[: len(b)] == b).all(axis=1)
            i = int(np.argmin(same)) if not same.all() else len(b)
            return row + i, {key: column[i : i + 1] for key, column in batch.items()}
        row += n
    return None if row * DIGEST_BYTES == len(commitments) else (row, {})
