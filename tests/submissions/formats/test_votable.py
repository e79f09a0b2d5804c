"""VOTable: only cells of text in the file itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blindsky.submissions.checking import check
from blindsky.submissions.faults import Fault


@pytest.mark.parametrize(
    ("content", "got"),
    [
        (
            '<!DOCTYPE v [<!ENTITY a "b"><!ENTITY c "&a;&a;">]><VOTABLE><TABLE/></VOTABLE>',
            "a document type declaration",
        ),
        (
            '<VOTABLE><TABLE><DATA><BINARY><STREAM href="file:///etc/passwd"/></BINARY></DATA></TABLE></VOTABLE>',
            "a table serialised as BINARY",
        ),
        (
            '<v:VOTABLE xmlns:v="x"><v:FITS><v:STREAM href="http://127.0.0.1/"/></v:FITS></v:VOTABLE>',
            "a table serialised as FITS",
        ),
        (
            f"<VOTABLE><DATA><TABLEDATA><TR><TD>{'9' * 100_000}</TD></TR></TABLEDATA></DATA></VOTABLE>",
            "a cell of more than 65,536 characters",
        ),
    ],
)
def test_a_votable_that_reaches_out(content: str, got: str, refused: Callable[..., Fault]) -> None:
    fault = refused(f'<?xml version="1.0"?>{content}'.encode(), "p.vot")
    assert (fault.code, fault.got) == ("unreadable", got)
    assert 'format="votable"' in str(fault.mend)


def test_a_votable_without_data(refused: Callable[..., Fault]) -> None:
    assert refused(b'<?xml version="1.0"?><VOTABLE><RESOURCE/></VOTABLE>', "p.vot").code == "empty_file"


def votable(rows: str) -> str:
    fields = '<FIELD name="object_id" datatype="long"/><FIELD ID="z_point" datatype="double"/>'
    return f"<VOTABLE><RESOURCE><TABLE>{fields}<DATA><TABLEDATA>{rows}</TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>"


def test_rows_are_whole_wherever_the_pieces_end(make_public: Callable[..., Any], tmp_path: Path) -> None:
    n = 20_000  # about 1 MiB, several pieces
    rows = "".join(f"<TR>\n<TD>{i * 7919}</TD><TD>{i % 3}.5</TD>\n</TR>" for i in range(n))
    (tmp_path / "p.vot").write_text(
        votable(rows).replace("2.5<", "&#50;<")
    )  # a character reference is a character
    result = check(tmp_path / "p.vot", make_public(np.arange(n) * 7919))
    assert result.ok, str(result)
    assert (result.rows, result.in_order) == (n, True)


def test_bad_cells_and_rows_are_named(make_public: Callable[..., Any], tmp_path: Path) -> None:
    cells = [("1", "0.5"), ("2", ""), ("3", "x"), ("4",), ("5", "1", "2"), ("6", "0.5")]
    rows = "".join("<TR>" + "".join(f"<TD>{cell}</TD>" for cell in row) + "</TR>" for row in cells)
    (tmp_path / "p.vot").write_text(votable(rows))
    result = check(tmp_path / "p.vot", make_public(np.arange(1, 7)))
    assert [(f.code, f.row, f.got) for f in result.faults] == [
        ("ragged_row", 4, "1 cells '4'"),
        ("ragged_row", 5, "3 cells '5 1 2'"),
        ("missing_value", 2, "an empty cell"),
        ("not_a_number", 3, "'x'"),
    ]


def test_only_the_first_table_is_read(make_public: Callable[..., Any], tmp_path: Path) -> None:
    first = votable("<TR><TD>1</TD><TD>0.5</TD></TR>")
    second = (
        "<TABLE><FIELD name='a'/><DATA><TABLEDATA><TR><TD>9</TD></TR></TABLEDATA></DATA></TABLE></RESOURCE>"
    )
    (tmp_path / "p.vot").write_text(first.replace("</RESOURCE>", second))
    assert check(tmp_path / "p.vot", make_public(np.array([1]))).ok
