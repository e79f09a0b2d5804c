"""The salted digests of hidden rows, against a message put together by hand."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blindsky.challenges.commitments import DIGEST_BYTES, commit, first_difference, root
from blindsky.scoring.measurements import Table

SALT = b"s" * 32


def table(n: int = 10) -> Table:
    rng = np.random.default_rng(n)
    return {
        "object_id": np.arange(n, dtype=np.int64) + 2**40,
        "z": rng.random(n),
        "wrong": rng.random(n) < 0.5,
        "kind": np.array(["Ia", "II", "Ib/c"])[rng.integers(3, size=n)],
        "pdf": rng.random((n, 3)).astype(np.float32),
    }


def batches(whole: Table, size: int) -> Iterator[Table]:
    for start in range(0, len(whole["z"]), size):
        yield {name: column[start : start + size] for name, column in whole.items()}


def test_a_commitment_is_the_sha256_of_salt_table_row_number_and_row() -> None:
    whole = table()
    made = commit(whole, "truth", SALT, 100)
    for i in range(10):
        row = struct.pack("<qd?", whole["object_id"][i], whole["z"][i], whole["wrong"][i])
        row += hashlib.sha256(str(whole["kind"][i]).encode()).digest() + struct.pack("<3f", *whole["pdf"][i])
        message = SALT + b"truth\0" + struct.pack("<Q", 100 + i) + row
        assert made[32 * i : 32 * i + 32] == hashlib.sha256(message).digest()


def test_byte_order_and_layout_in_memory_change_nothing() -> None:
    whole = table()
    foreign = {
        k: c.astype(c.dtype.newbyteorder(">")) if c.dtype.kind in "if" else c for k, c in whole.items()
    }
    foreign["pdf"] = np.asfortranarray(foreign["pdf"])
    assert commit(foreign, "truth", SALT, 0) == commit(whole, "truth", SALT, 0)


def test_no_rows_have_no_commitments() -> None:
    assert commit({name: column[:0] for name, column in table().items()}, "truth", SALT, 0) == b""


@settings(max_examples=25, deadline=None)
@given(
    size=st.integers(1, 12),
    row=st.integers(0, 9),
    column=st.sampled_from(["object_id", "z", "wrong", "kind", "pdf"]),
)
def test_the_row_that_was_moved_is_named(size: int, row: int, column: str) -> None:
    whole = table()
    known = commit(whole, "truth", SALT, 0)
    assert first_difference(batches(whole, size), "truth", SALT, known) is None
    changed = {name: c.copy() for name, c in whole.items()}
    cell: Any = changed[column]
    if column == "kind":
        cell[row] = "x"
    elif column == "wrong":
        cell[row] = not cell[row]
    elif column == "pdf":
        cell[row, 2] = np.nextafter(cell[row, 2], 2, dtype=np.float32)
    else:
        cell[row] = np.nextafter(cell[row], 2) if column == "z" else cell[row] + 1
    found = first_difference(batches(changed, size), "truth", SALT, known)
    assert found is not None
    assert found[0] == row
    np.testing.assert_array_equal(found[1][column], changed[column][row : row + 1])


@pytest.mark.parametrize(
    ("salt", "name", "first"), [(b"t" * 32, "truth", 0), (SALT, "oracle", 0), (SALT, "truth", 1)]
)
def test_salt_table_and_position_all_count(salt: bytes, name: str, first: int) -> None:
    same, other = commit(table(), "truth", SALT, 0), commit(table(), name, salt, first)
    assert all(same[i : i + 32] != other[i : i + 32] for i in range(0, len(same), 32))


def test_missing_additional_and_exchanged_rows() -> None:
    whole = table()
    known = commit(whole, "truth", SALT, 0)
    short = {name: column[:-1] for name, column in whole.items()}
    assert first_difference(batches(short, 4), "truth", SALT, known) == (9, {})
    longer = table(11)
    longer = {name: np.concatenate([whole[name], longer[name][10:]]) for name in whole}
    found = first_difference(batches(longer, 4), "truth", SALT, known)
    assert found is not None and found[0] == 10
    swapped = {name: column[[1, 0, *range(2, 10)]] for name, column in whole.items()}
    found = first_difference(batches(swapped, 4), "truth", SALT, known)
    assert found is not None and found[0] == 0
    found = first_difference(batches(whole, 4), "truth", SALT, b"")
    assert found is not None and found[0] == 0


def test_the_root_hangs_on_every_table_and_not_on_their_order() -> None:
    a, b = {"truth": "00", "oracle": "11"}, {"oracle": "11", "truth": "00"}
    assert root(a) == root(b) == hashlib.sha256(b"oracle 11\ntruth 00\n").hexdigest()
    assert root({"truth": "11", "oracle": "00"}) != root(a)
    assert hashlib.sha256().digest_size == DIGEST_BYTES
