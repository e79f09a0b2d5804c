"""The external sort: every row comes out once, in order, and memory does not grow with the rows."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blindsky.challenges import sorting
from blindsky.challenges.randomness import ID_BITS, object_ids
from blindsky.challenges.skies import Block, Ragged
from blindsky.challenges.sorting import Sorter
from blindsky.scoring.measurements import Array


def block(ids: Array) -> Block:
    """Rows that can be told from their ids, with id % 3 lines each."""
    lines = ids % 3
    return Block({"twice": ids * 2}, {}, long={"lines": Ragged(lines, {"owner": np.repeat(ids, lines)})})


@settings(deadline=None, max_examples=25)
@given(
    n=st.integers(0, 300), pieces=st.integers(1, 6), buffer=st.integers(1, 4000),
    bucket=st.integers(1, 400), seed=st.integers(0, 2**32),
)  # fmt: skip
def test_all_rows_leave_in_order(
    tmp_path_factory: pytest.TempPathFactory, n: int, pieces: int, buffer: int, bucket: int, seed: int
) -> None:
    ids = np.random.default_rng(seed).choice(2**ID_BITS - 1, n, replace=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sorting, "BUFFER_BYTES", buffer)
        patch.setattr(sorting, "BUCKET_ROWS", bucket)
        folder = tmp_path_factory.mktemp("sort") / "runs"
        sorter = Sorter(folder, n)
        for piece in np.array_split(ids, pieces):
            sorter.add(piece, block(piece))
        found = list(sorter.drain())
    assert not folder.exists()
    assert len(found) <= max(2 * n // bucket, 1) + 1
    left = np.concatenate([np.zeros(0, np.int64), *(some for some, _ in found)])
    np.testing.assert_array_equal(left, np.sort(ids))
    for some, own in found:
        np.testing.assert_array_equal(own.public["twice"], some * 2)
        np.testing.assert_array_equal(own.long["lines"].counts, some % 3)
        np.testing.assert_array_equal(own.long["lines"].columns["owner"], np.repeat(some, some % 3))


def test_leftovers_of_a_killed_run_are_gone(tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    (folder / "000000").mkdir(parents=True)
    (folder / "000000" / "000000.npz").write_bytes(b"half")
    sorter = Sorter(folder, 2)
    sorter.add(np.array([2**52, 5]), block(np.array([2**52, 5])))
    assert [ids.tolist() for ids, _ in sorter.drain()] == [[5, 2**52]]


def peak(folder: Path, n: int) -> int:
    """Bytes allocated at most while n rows of 40 bytes and more are sorted."""
    sorter = Sorter(folder, n)
    tracemalloc.start()
    for first in range(0, n, 2000):
        ids = object_ids(bytes(32), "r", np.arange(first, first + 2000))
        sorter.add(ids, block(ids))
    assert sum(len(ids) for ids, _ in sorter.drain()) == n
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most


def test_memory_does_not_grow_with_the_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sorting, "BUFFER_BYTES", 1 << 18)
    monkeypatch.setattr(sorting, "BUCKET_ROWS", 3000)
    small, large = peak(tmp_path / "small", 20_000), peak(tmp_path / "large", 140_000)
    assert large < 1.25 * small
    assert large < 140_000 * 40 / 3
