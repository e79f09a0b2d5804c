"""Text without a header: read where the declaration takes it, row by row as ever, refused where it does not."""

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
from blindsky.submissions.faults import PredictionRefused

BARE = Prediction((Column("score", low=0, high=1), Column("width", optional=True)), key="id", headerless=True)


@pytest.fixture
def three(make_public: Callable[..., Any]) -> Any:
    return make_public(np.array([7, 8, 9]), BARE)


@pytest.mark.parametrize(
    "content",
    [
        b"7 0.1\n8 0.2\n9 0.3",
        b"  7   0.1  \n 8\t0.2\n\n9 0.3 \n\n",
        b"\xef\xbb\xbf7,0.1\n8,0.2\n9,0.3\n",
        b"\n\n7, 0.1\r\n8, 0.2\r\n9, 0.3\r\n",
        b"7 .1\n8 2e-1\n9 +0.3\n",
        gzip.compress(b"7 0.1\n8 0.2\n9 0.3\n"),
        gzip.compress(b"\xef\xbb\xbf7,0.1\n8,0.2\n9,0.3\n"),
    ],
)
def test_bare_numbers(content: bytes, three: Any, tmp_path: Path) -> None:
    path = tmp_path / "entry.txt"
    path.write_bytes(content)
    result = check(path, three)
    assert result.ok, str(result)
    assert result.rows == 3
    assert "no_header" in [note.code for note in result.notes]


def test_rows_are_counted_from_the_first_line(three: Any, tmp_path: Path) -> None:
    path = tmp_path / "entry.txt"
    path.write_text("7 0.1\n8 2\n9 0.3 0.4\n")
    result = check(path, three)
    assert [(f.code, f.row) for f in result.faults] == [("ragged_row", 3), ("out_of_range", 2)]
    path.write_text("7 1.5\n8 0.2\n9.0 x\n")
    result = check(path, three)
    assert {(f.code, f.row) for f in result.faults} == {
        ("out_of_range", 1),
        ("bad_id", 3),
        ("not_a_number", 3),
    }


def test_blanks_that_straddle_the_blocks(make_public: Callable[..., Any], tmp_path: Path) -> None:
    n = 120_000  # about 3 MiB, three blocks
    public = make_public(np.arange(n), BARE)
    path = tmp_path / "entry.txt"
    path.write_text("".join(f"  {i}     {i / n:.12f}\n" for i in range(n)))
    result = check(path, public)
    assert result.ok and result.in_order and result.rows == n


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("7 0.1 0.2\n8 0.2 0.2\n9 0.3 0.1\n", "separator"),  # three columns have no order of their own
        ("7,0.1,0.2\n8,0.2,0.2\n9,0.3,0.1\n", "no_header"),
        ("7;0.1\n8;0.2\n9;0.3\n", "separator"),
        ("id score\n7 0.1\n8 0.2\n9 0.3\n", "separator"),
    ],
)
def test_what_is_not_that_form(content: str, code: str, three: Any, tmp_path: Path) -> None:
    (tmp_path / "entry.txt").write_text(content)
    assert check(tmp_path / "entry.txt", three).report.codes == (code,)


def test_others_want_a_header(three: Any, tmp_path: Path) -> None:
    (tmp_path / "entry.txt").write_text("7,0.1\n8,0.2\n9,0.3\n")
    strict = replace(three, prediction=replace(BARE, headerless=False))
    result = check(tmp_path / "entry.txt", strict)
    assert result.report.codes == ("no_header",)
    with pytest.raises(PredictionRefused, match="write the names of the columns"):
        raise PredictionRefused(result)
