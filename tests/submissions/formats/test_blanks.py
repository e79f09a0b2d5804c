"""Text separated by blanks, with a header: read where the declaration takes it, its columns in their order."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blindsky.challenges.prediction import Column, Prediction
from blindsky.submissions.checking import check

SPACED = Prediction(
    (Column("ra", low=0, high=360), Column("w", above=0), Column("conf", low=0, high=1, optional=True)),
    key="id",
    blanks=True,
)


@pytest.fixture
def three(make_public: Callable[..., Any]) -> Any:
    return make_public(np.array([7, 8, 9]), SPACED)


@pytest.fixture
def checked(three: Any, tmp_path: Path) -> Callable[..., Any]:
    def run(content: str | bytes, public: Any = three) -> Any:
        path = tmp_path / "entry.txt"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return check(path, public)

    return run


@pytest.mark.parametrize(
    "content",
    [
        b"id ra w\n7 1.5 20\n8 2.5 30\n9 3.5 40\n",
        b"  id    ra   w \n\n  7 1.5   20  \n8\t2.5 30\n\n \t \n9 3.5 40",
        b"# made by hand\n#\nid ra w\n# the first\n7 1.5 20\n  # 8 9 10\n8 2.5 30\n9 3.5 40\n# the end",
        b"\xef\xbb\xbfid ra w\r\n7 1.5 20\r\n# note\r\n8 2.5 30\r\n9 3.5 40\r\n",
        b"id\tra\tw\n7\t1.5\t20\n8\t2.5\t30\n9\t3.5\t40\n",
        b"id ra w conf\n7 1.5 2e1 0.5\n8 2.5 30 1\n9 +3.5 40 0\n",
        b"id,ra,w\n7,1.5,20\n8,2.5,30\n9,3.5,40\n",
        b"w, id, ra\n20, 7, 1.5\n30, 8, 2.5\n40, 9, 3.5\n",
        b"# by commas\nid,ra,w\n# as well\n7,1.5,20\n8,2.5,30\n9,3.5,40\n",
        gzip.compress(b"# packed\nid ra w\n7 1.5 20\n8 2.5 30\n9 3.5 40\n"),
    ],
)
def test_what_is_read(content: bytes, checked: Callable[..., Any]) -> None:
    result = checked(content)
    assert result.ok, str(result)
    assert result.rows == 3


@pytest.mark.parametrize(
    ("header", "codes"),
    [
        ("ra id w", ("column_order",)),
        ("id w ra", ("column_order",)),
        ("conf id ra w", ("column_order",)),
        ("id ra w w", ("duplicate_column",)),
        ("id ra width", ("missing_column", "unknown_column")),
        ("id ra", ("missing_column",)),
        ("id;ra;w", ("separator",)),
        ("id; ra; w", ("separator",)),
        ("id | ra | w", ("separator",)),
        ("# id ra w", ("no_header",)),  # as numpy.savetxt writes it
    ],
)
def test_headers_that_are_refused(header: str, codes: tuple[str, ...], checked: Callable[..., Any]) -> None:
    cells = ["7", "1.5", "20", "0.5"][: len(header.replace("#", "").split())]
    assert set(checked(f"{header}\n{' '.join(cells)}\n").report.codes) >= set(codes)


def test_the_order_is_said_once_and_in_full(checked: Callable[..., Any]) -> None:
    result = checked("id w ra\n7 20 1.5\n8 30 2.5\n9 40 3.5\n")
    (fault,) = result.faults
    assert (fault.code, fault.got, fault.expected) == ("column_order", "id, w, ra", "id, ra, w")


def test_rows_are_counted_without_comments_and_blank_lines(checked: Callable[..., Any]) -> None:
    result = checked("id ra w\n# one\n7 1.5 20\n\n8 2.5\n# two\n9 NaN 40 1\nid ra w\n9 x -1\n")
    found = {(fault.code, fault.column, fault.row) for fault in result.faults}
    assert {("ragged_row", None, 2), ("ragged_row", None, 3)} <= found  # too few, too many
    assert {("bad_id", "id", 4), ("not_a_number", "ra", 4), ("not_a_number", "w", 4)} <= found  # header again
    assert {("not_a_number", "ra", 5), ("out_of_range", "w", 5)} <= found


def test_a_long_table_is_read_in_blocks(make_public: Callable[..., Any], checked: Callable[..., Any]) -> None:
    n = 100_000  # three blocks
    public = make_public(np.arange(n), SPACED)
    lines = (f"  {i}   {360 * i / n:.9f}\t{1 + i}\n" + ("# so far\n" if i % 7 == 0 else "") for i in range(n))
    result = checked("id ra w\n" + "".join(lines), public)
    assert result.ok and result.in_order and result.rows == n


def test_a_comment_that_never_ends(checked: Callable[..., Any]) -> None:
    assert checked(b"# " + b"x" * 100_000).report.codes == ("line_too_long",)
    assert checked(b"id ra w\n#" + b"x" * 100_000).report.codes == ("line_too_long",)


def test_others_want_commas(three: Any, checked: Callable[..., Any]) -> None:
    strict = replace(three, prediction=replace(SPACED, blanks=False))
    assert checked("id ra w\n7 1.5 20\n8 2.5 30\n9 3.5 40\n", strict).report.codes == ("separator",)
