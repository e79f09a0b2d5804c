"""Files that were cut, mislabelled, or made to hurt: each is refused by name, cheaply, and nothing is written."""

from __future__ import annotations

import errno
import gzip
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blindsky.challenges.errors import BlindskyError, MachineFault
from blindsky.challenges.tables import to_arrow
from blindsky.submissions.checking import check
from blindsky.submissions.faults import RULES, Fault

MIB = 1 << 20


def csv(table: dict[str, Any], separator: str = ",", end: str = "\n") -> bytes:
    rows = zip(table["object_id"].tolist(), table["z_point"].tolist(), strict=True)
    return end.join([f"object_id{separator}z_point", *(f"{i}{separator}{z}" for i, z in rows), ""]).encode()


def test_an_empty_file(refused: Callable[..., Fault]) -> None:
    fault = refused(b"")
    assert (fault.code, fault.got) == ("empty_file", "0 bytes")
    assert refused(b"\n\n\n").code == "empty_file"
    fault = refused(b"object_id,z_point\n")
    assert (fault.code, fault.message) == ("empty_file", "there is a header but no rows")


@pytest.mark.parametrize(("separator", "name"), [(";", "semicolons"), ("\t", "tabs"), (" ", "blanks")])
def test_other_separators(
    separator: str, name: str, refused: Callable[..., Fault], table: dict[str, Any]
) -> None:
    fault = refused(csv(table, separator).replace(b".", b","))
    assert fault.code == "separator"
    assert fault.message == f"cells are separated by {name}, not by commas"
    assert "decimal point" in str(fault.expected)


def test_a_byte_order_mark_and_crlf_are_simply_read(
    public: Any, table: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "excel.csv").write_bytes(b"\xef\xbb\xbf" + csv(table, end="\r\n"))
    result = check(tmp_path / "excel.csv", public)
    assert result.ok, str(result)
    assert result.rows == 50


def test_text_of_a_spreadsheet_in_utf_16(refused: Callable[..., Fault], table: dict[str, Any]) -> None:
    fault = refused(csv(table).decode().encode("utf-16"))
    assert fault.code == "unknown_format"
    assert "UTF-16" in fault.message


@pytest.mark.parametrize("where", ["row", "header", "last row"])
def test_a_line_of_a_million_characters(
    where: str, refused: Callable[..., Fault], table: dict[str, Any]
) -> None:
    lines = csv(table).split(b"\n")
    at = {"row": 5, "header": 0, "last row": 50}[where]
    lines[at] += b"1" * 1_000_000
    fault = refused(b"\n".join(lines[: at + 1] if where == "last row" else lines))
    assert fault.code == "line_too_long"
    assert fault.row == {"row": 5, "header": None, "last row": 50}[where]
    assert "one line per row" in str(fault.mend)


def test_ragged_rows_do_not_drag_missing_ids_behind_them(
    public: Any, table: dict[str, Any], tmp_path: Path
) -> None:
    lines = csv(table).split(b"\n")
    lines[7] += b",5"
    lines[9] = lines[9].split(b",")[0]
    (tmp_path / "p.csv").write_bytes(b"\n".join(lines))
    result = check(tmp_path / "p.csv", public)
    assert [(f.code, f.row, f.expected) for f in result.faults] == [
        ("ragged_row", 7, "2 cells"),
        ("ragged_row", 9, "2 cells"),
    ]
    assert str(result.faults[0].got).startswith("3 cells in ")


def test_bytes_that_are_no_text(public: Any, table: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_bytes(csv(table).replace(b"\n", b"\n\xff\xfe,1\n", 1))
    result = check(tmp_path / "p.csv", public)
    assert [(f.code, f.row) for f in result.faults] == [("bad_id", 1)]


def test_a_header_without_names(refused: Callable[..., Fault], table: dict[str, Any]) -> None:
    assert refused(csv(table).split(b"\n", 1)[1]).code == "no_header"


def test_formulas_and_markup_are_text_in_a_number_column(
    refused: Callable[..., Fault], table: dict[str, Any]
) -> None:
    lines = csv(table).split(b"\n")
    lines[4] = lines[4].split(b",")[0] + b",=HYPERLINK(1)\x1b[2J<script>"
    fault = refused(b"\n".join(lines))
    assert (fault.code, fault.row, fault.column) == ("not_a_number", 4, "z_point")
    assert fault.got == r"'=HYPERLINK(1)\x1b[2J<script>'"


def test_many_bad_cells_are_counted_and_twenty_listed(
    public: Any, table: dict[str, Any], tmp_path: Path
) -> None:
    lines = csv(table).split(b"\n")
    lines[1:41] = [line.split(b",")[0] + b",high" for line in lines[1:41]]
    (tmp_path / "p.csv").write_bytes(b"\n".join(lines))
    result = check(tmp_path / "p.csv", public)
    assert [f.row for f in result.faults] == list(range(1, 21))
    assert result.report.total == 40
    assert "... and 20 more" in str(result)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"object_id,z_point\n" + b"1,2\n" * 30_000_000, "too_many_rows"),
        (b"object_id,z_point\n" + bytes(120_000_000), "unknown_format"),
        (b"object_id,z_point\n" + b" " * 120_000_000, "line_too_long"),
        (b"object_id,z_point\n" + b"\n" * 120_000_000, "too_large"),
        (b"\n" * 120_000_000, "empty_file"),
    ],
    ids=["rows", "zeros", "one line", "blank lines", "blank header"],
)
def test_a_gzip_bomb_is_stopped_by_the_bound(
    content: bytes, code: str, refused: Callable[..., Fault], peak_of: Callable[..., Any], tmp_path: Path
) -> None:
    path = tmp_path / "bomb.csv.gz"
    path.write_bytes(gzip.compress(content, 1))
    assert path.stat().st_size < MIB
    del content
    fault, peak = peak_of(lambda: refused(path))
    assert fault.code == code
    assert peak < 60


def test_gzip_that_was_cut(refused: Callable[..., Fault], table: dict[str, Any]) -> None:
    packed = gzip.compress(csv(table))
    fault = refused(packed[:-50], "p.csv.gz")
    assert fault.code == "truncated"
    assert "gzip -t" in str(fault.mend)


def test_a_file_larger_than_any_valid_one_is_refused_unread(
    refused: Callable[..., Fault], tmp_path: Path
) -> None:
    for name, head in (
        ("p.csv", b"object_id,z_point\n" * 300),
        ("p.fits", b"SIMPLE  ="),
        ("p.parquet", b"PAR1"),
        ("p.vot", b"<VOTABLE>" + b" " * 4096),
    ):
        with (tmp_path / name).open("wb") as file:
            file.write(head)
            file.truncate(3 << 30)  # sparse: takes no space
        fault = refused(tmp_path / name)
        assert (fault.code, fault.got) == ("too_large", "3.0 GiB")
        assert "for 50 rows" in str(fault.expected)


def test_far_more_rows_than_expected(refused: Callable[..., Fault]) -> None:
    rows = "".join(f"{i},1\n" for i in range(2000))
    fault = refused(f"object_id,z_point\n{rows}".encode())
    assert (fault.code, fault.expected) == ("too_many_rows", "50 rows, one per id of the test split")


def test_a_pickle_renamed(refused: Callable[..., Fault]) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return (pytest.fail, ("the pickle was opened",))

    for protocol in range(2, 6):
        fault = refused(pickle.dumps(Trap(), protocol), "p.parquet")
        assert fault.code == "unknown_format"
        assert "a Python pickle" in fault.message
        assert "not opened" in fault.message


# the machine


def test_a_file_that_may_not_be_read(
    public: Any, table: dict[str, Any], text: Callable[..., Path], monkeypatch: Any
) -> None:
    path = text(table)
    opened = Path.open

    def forbidden(self: Path, *args: Any, **options: Any) -> Any:
        if self == path:
            raise PermissionError(errno.EACCES, "Permission denied", str(self))
        return opened(self, *args, **options)

    monkeypatch.setattr(Path, "open", forbidden)  # a root user may read all, so the refusal is simulated
    with pytest.raises(
        MachineFault, match=r"no permission to read prediction\.csv\. Change its permissions"
    ) as caught:
        check(path, public)
    assert caught.value.exit_code == 3


def test_a_failing_disk(
    public: Any, table: dict[str, Any], parquet: Callable[..., Path], monkeypatch: Any
) -> None:
    path = parquet(table)

    def broken(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", broken)
    with pytest.raises(
        MachineFault, match=r"the machine failed while reading .*: Input/output error\. Check the disk"
    ):
        check(path, public)


# any bytes at all


@pytest.fixture(scope="module")
def specimens(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """One valid file of each format, of the same ten rows."""
    import pandas as pd
    from astropy.table import Table

    folder = tmp_path_factory.mktemp("specimens")
    table = {"object_id": np.arange(10) + 2**52, "z_point": np.linspace(0, 3, 10)}
    pdf = np.full((10, 31), 1 / 3, np.float32)
    frame = pd.DataFrame(table)
    frame.to_csv(folder / "a.csv", index=False)
    (folder / "a.csv.gz").write_bytes(gzip.compress((folder / "a.csv").read_bytes()))
    Table(table).write(folder / "a.vot", format="votable")
    Table(table).write(folder / "a.ecsv")
    Table({**table, "pdf": pdf}).write(folder / "a.fits")
    pq.write_table(to_arrow({**table, "pdf": pdf}), folder / "a.parquet")
    try:
        import h5py
    except ImportError:
        pass
    else:
        with h5py.File(folder / "a.hdf5", "w") as file:
            file["meta/xvals"], file["data/yvals"] = np.linspace(0, 3, 31)[None], pdf
            file["ancil/object_id"] = table["object_id"]
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.vot", "a.ecsv", "a.fits", "a.parquet", "a.hdf5"])
@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_damaged_files_never_raise_anything_of_their_own(
    name: str,
    data: st.DataObject,
    specimens: dict[str, bytes],
    make_public: Callable[..., Any],
    tmp_path: Path,
) -> None:
    if name not in specimens:
        pytest.skip("h5py is not installed")
    content = bytearray(specimens[name])
    for _ in range(data.draw(st.integers(0, 6))):
        place = data.draw(st.integers(0, len(content) - 1))
        if data.draw(st.booleans()):  # footers lie at the end
            place = len(content) - 1 - place % 800 % len(content)
        content[place] = data.draw(st.integers(0, 255))
    if data.draw(st.integers(0, 4)) == 0:
        del content[data.draw(st.integers(0, len(content) - 1)) :]
    (tmp_path / name).write_bytes(content)
    try:
        result = check(tmp_path / name, make_public(np.arange(10) + 2**52))
    except BlindskyError:
        return
    assert set(result.report.codes) <= set(RULES)
    assert result.text()
    assert bytes(content) != specimens[name] or result.ok


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(content=st.one_of(st.binary(max_size=400), st.text(max_size=200).map(str.encode)))
def test_random_bytes_never_raise_anything_of_their_own(
    content: bytes, make_public: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "p.csv").write_bytes(content)
    assert not check(tmp_path / "p.csv", make_public(np.arange(10))).ok
