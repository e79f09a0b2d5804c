"""Blocks as a whole: taking rows, joining and flattening them, long tables included."""

from __future__ import annotations

import io

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from blindsky.challenges.blocks import flatten, merge, size, take, unflatten
from blindsky.challenges.skies import Block, Ragged


def block(counts: list[int], first: int = 0) -> Block:
    """Rows of known numbers; line j of row i is 100 i + j."""
    n = len(counts)
    row = first + np.arange(n)
    lines = np.concatenate([[], *(100.0 * i + np.arange(c) for i, c in zip(row, counts, strict=True))])
    texts = np.array([f"row {i}" for i in row], dtype=np.str_)
    return Block(
        {"row": row, "wide": np.stack([row, -row], axis=1).astype(np.float32)},
        {"truth": {"text": texts}},
        beside={"test_more": {"row": row}},
        long={"lines": Ragged(np.array(counts, dtype=np.int64), {"line": lines})},
    )


def rows(some: Block) -> list[tuple[int, str, list[float]]]:
    """Row by row, in plain Python."""
    ends = np.cumsum(some.long["lines"].counts)
    lists = np.split(some.long["lines"].columns["line"], ends[:-1]) if len(ends) else []
    assert [int(x) for x in some.beside["test_more"]["row"]] == [int(x) for x in some.public["row"]]
    np.testing.assert_array_equal(some.public["wide"][:, 1], -some.public["row"])
    return [
        (int(row), str(text), found.tolist())
        for row, text, found in zip(some.public["row"], some.private["truth"]["text"], lists, strict=True)
    ]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(0, 4), max_size=12), st.randoms(use_true_random=False))
def test_taking_rows_takes_their_lines(counts: list[int], random: object) -> None:
    whole = block(counts)
    index = np.random.default_rng(len(counts)).integers(0, max(len(counts), 1), 2 * len(counts))
    expected = [rows(whole)[i] for i in index]
    assert rows(take(whole, index)) == expected
    assert rows(take(whole, np.array([], dtype=np.intp))) == []


@settings(deadline=None, max_examples=30)
@given(st.lists(st.lists(st.integers(0, 3), max_size=5), min_size=1, max_size=4))
def test_joined_rows_are_all_rows(several: list[list[int]]) -> None:
    blocks = [block(counts, 10 * k) for k, counts in enumerate(several)]
    assert rows(merge(blocks)) == [row for some in blocks for row in rows(some)]


def test_a_flat_block_goes_through_a_file() -> None:
    whole = block([2, 0, 3])
    stored = io.BytesIO()
    np.savez(stored, **flatten(whole), **{"reference/x/rows/y": np.zeros(3)})  # type: ignore[arg-type]
    stored.seek(0)
    with np.load(stored, allow_pickle=False) as found:
        again = unflatten({name: found[name] for name in found.files})
    assert rows(again) == rows(whole)
    assert size(whole) == size(again) == 3 * (8 + 8 + 4 * 5 + 8 + 8) + 5 * 8
