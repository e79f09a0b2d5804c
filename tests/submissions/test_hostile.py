"""Files that were cut, mislabelled, or made to hurt: each is refused by name, cheaply, and nothing is written."""

from __future__ import annotations

import errno
import gzip
import pickle
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blindsky.challenges.errors import BlindskyError, MachineFault
from blindsky.challenges.tables import to_arrow
from blindsky.submissions.checking import check
from blindsky.submissions.faults import RULES, Fault

MIB = 1 << 20


@pytest.fixture
def refused(tmp_path: Path, public: Any) -> Callable[..., Fault]:
    """The one fault of a file with this content; sees that the check writes nothing."""

    def run(content: bytes | Path, name: str = "prediction.csv") -> Fault:
        path = content if isinstance(content, Path) else tmp_path / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")}
        result = check(path, public)
        assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")} == before
        assert len(result.faults) == 1, str(result)
        assert result.faults[0].code in RULES
        assert result.faults[0].code in str(result)
        return result.faults[0]

    return run


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


def peak_of(work: Callable[[], Any]) -> tuple[Any, float]:
    """What it returns, and the most memory that Python and NumPy held for it, in MiB."""
    tracemalloc.start()
    try:
        return work(), tracemalloc.get_traced_memory()[1] / MIB
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"object_id,z_point\n" + b"1,2\n" * 30_000_000, "too_many_rows"),
        (b"object_id,z_point\n" + bytes(120_000_000), "unknown_format"),
        (b"object_id,z_point\n" + b" " * 120_000_000, "line_too_long"),
        (b"object_id,z_point\n" + b"\n" * 120_000_000, "too_large"),
        (b"\n" * 120_000_000, "too_large"),
    ],
    ids=["rows", "zeros", "one line", "blank lines", "blank header"],
)
def test_a_gzip_bomb_is_stopped_by_the_bound(
    content: bytes, code: str, refused: Callable[..., Fault], tmp_path: Path
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
        ("p.csv", b"object_id,z_point\n"),
        ("p.fits", b"SIMPLE  ="),
        ("p.parquet", b"PAR1"),
        ("p.vot", b"<VOTABLE>"),
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


# Parquet


@pytest.mark.parametrize("keep", [4, 11, 500, -8, -1])
def test_a_truncated_parquet(
    keep: int, refused: Callable[..., Fault], table: dict[str, Any], parquet: Callable[..., Path]
) -> None:
    fault = refused(parquet(table).read_bytes()[:keep], "cut.parquet")
    assert fault.code == "truncated"
    assert "cut short" in fault.message


def varint(n: int) -> bytes:
    """A whole number in Thrift's compact protocol: zigzag, then seven bits a byte."""
    n, out = n << 1, b""
    while n >= 128:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def test_a_parquet_header_of_a_trillion_rows(
    refused: Callable[..., Fault], parquet: Callable[..., Path]
) -> None:
    n = 1009
    content = parquet({"object_id": np.arange(n), "z_point": np.ones(n)}).read_bytes()
    length = int.from_bytes(content[-8:-4], "little")
    data, footer = content[: -8 - length], content[-8 - length : -8]
    # field 3 of the footer, an i64 (0x16), then field 4, a list (0x19)
    assert footer.count(b"\x16" + varint(n) + b"\x19") == 1
    footer = footer.replace(b"\x16" + varint(n) + b"\x19", b"\x16" + varint(10**12) + b"\x19")
    fault, peak = peak_of(
        lambda: refused(data + footer + len(footer).to_bytes(4, "little") + b"PAR1", "p.parquet")
    )
    assert (fault.code, fault.got) == ("too_many_rows", "1,000,000,000,000 rows")
    assert "header declares" in fault.message
    assert peak < 10


def test_a_parquet_whose_rows_and_row_groups_disagree(
    refused: Callable[..., Fault], parquet: Callable[..., Path]
) -> None:
    n = 1009
    content = parquet({"object_id": np.arange(n), "z_point": np.ones(n)}).read_bytes()
    fault = refused(
        content.replace(b"\x16" + varint(n) + b"\x19", b"\x16" + varint(n + 1) + b"\x19"), "p.parquet"
    )
    assert fault.code == "unreadable"
    assert "row groups hold 1,009 rows, the footer says 1,010" in str(fault.got)


def test_lists_that_unpack_to_far_more_than_the_grid(
    refused: Callable[..., Fault], table: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "bomb.parquet"
    lists = pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(50 * 400_000, np.float32)), 400_000).cast(
        pa.list_(pa.float32())
    )
    pq.write_table(pa.table({**table, "pdf": lists}), path, compression="zstd")
    assert path.stat().st_size < MIB
    del lists
    before = pa.total_allocated_bytes()
    fault = refused(path)
    assert fault.code == "too_large"
    assert pa.default_memory_pool().max_memory() >= before  # the pool keeps a peak
    assert pa.total_allocated_bytes() <= before


def test_a_page_that_asks_for_two_gibibytes() -> None:
    from io import BytesIO

    from blindsky.submissions.formats.pages import ColumnChunk, walk
    from blindsky.submissions.formats.thrift import ThriftError

    # PageHeader: type 0 (data), unpacked, packed, DataPageHeader {number of values, encodings}
    detail = b"\x15" + varint(50) + b"\x15\x00\x15\x06\x15\x06\x00"
    page = b"\x15\x00\x15" + varint(2**31 - 1) + b"\x15" + varint(10) + b"\x2c" + detail + b"\x00" + b"x" * 10
    file = BytesIO(b"PAR1" + page)
    pages = walk(file, ColumnChunk(("z",), 4, len(page), 50), 10)
    assert (pages.largest, pages.unpacked, pages.values) == (2**31 - 1, 2**31 - 1, 50)
    for chunk in (
        ColumnChunk(("z",), 4, len(page), 51),  # fewer values than the footer says
        ColumnChunk(("z",), 4, len(page) - 1, 50),  # a page beyond its column
        ColumnChunk(("z",), 4, len(page) + 1, 50),  # a column beyond the file
        ColumnChunk(("z",), 0, len(page), 50),
        ColumnChunk(("z",), 9, len(page) - 5, 50),
    ):
        with pytest.raises(ThriftError):
            walk(file, chunk, 10)


@pytest.mark.parametrize("options", [{}, {"data_page_version": "2.0"}, {"use_dictionary": False}, {"compression": "zstd"}, {"data_page_size": 64}, {"write_page_index": True}, {"use_byte_stream_split": ["z_point"], "use_dictionary": False}])  # fmt: skip
def test_pages_as_arrow_writes_them_add_up(
    options: dict[str, Any], public: Any, table: dict[str, Any], density: Any, parquet: Callable[..., Path]
) -> None:
    from blindsky.submissions.formats.pages import read_footer, walk

    path = parquet({**table, "pdf": density}, row_group_size=20, **options)
    content, metadata = path.read_bytes(), pq.read_metadata(path)
    footer = read_footer(content[-8 - int.from_bytes(content[-8:-4], "little") : -8])
    assert (footer.rows, footer.grouped, len(footer.chunks)) == (50, 50, 9)
    with path.open("rb") as file:
        for i, chunk in enumerate(footer.chunks):
            known = metadata.row_group(i // 3).column(i % 3)
            pages = walk(file, chunk, 1000)
            assert ".".join(chunk.path) == known.path_in_schema
            assert pages.values == known.num_values
            # the footer counts the page headers too, some tens of bytes each
            assert 0.2 * known.total_uncompressed_size < pages.unpacked < known.total_uncompressed_size
    assert check(path, public).ok


def test_a_string_that_a_dictionary_repeats_without_bound_is_not_read(
    refused: Callable[..., Fault], public: Any, table: dict[str, Any], tmp_path: Path
) -> None:
    repeated = pa.array(["9" * 4_000_000] * 50)
    path = tmp_path / "p.parquet"
    pq.write_table(pa.table({"object_id": table["object_id"], "z_point": repeated}), path, compression="zstd")
    del repeated
    fault, peak = peak_of(lambda: refused(path))
    assert fault.code == "column_type"
    assert peak < 10


def test_ten_thousand_columns(public: Any, table: dict[str, Any], parquet: Callable[..., Path]) -> None:
    result = check(parquet({**table, **{f"c{i}": np.zeros(50) for i in range(2000)}}), public)
    assert result.report.codes in (("unknown_column",), ("too_large",))
    assert len(str(result)) < 10_000


# FITS and VOTable


def fits(table: dict[str, Any], path: Path) -> bytes:
    from astropy.table import Table

    Table(table).write(path, overwrite=True)
    return path.read_bytes()


def test_a_fits_header_of_a_trillion_rows(
    refused: Callable[..., Fault], table: dict[str, Any], tmp_path: Path
) -> None:
    content = fits(table, tmp_path / "p.fits")
    card = b"NAXIS2  =                   50"
    assert content.count(card) == 1
    fault = refused(content.replace(card, b"NAXIS2  =        1000000000000"), "p.fits")
    assert (fault.code, fault.got) == ("too_many_rows", "1,000,000,000,000 rows")
    fault = refused(content.replace(card, b"NAXIS2  =                  900"), "p.fits")
    assert fault.code == "truncated"
    assert "as its header declares" in str(fault.expected)


def test_fits_rows_wider_than_their_columns(
    refused: Callable[..., Fault], table: dict[str, Any], tmp_path: Path
) -> None:
    content = fits(table, tmp_path / "p.fits")
    fault = refused(
        content.replace(b"NAXIS1  =                   16", b"NAXIS1  =                   32"), "p.fits"
    )
    assert fault.code == "unreadable"
    assert "columns of 16 bytes in rows of 32" in str(fault.got)


def test_fits_without_a_table_or_with_odd_columns(
    public: Any, refused: Callable[..., Fault], table: dict[str, Any], tmp_path: Path
) -> None:
    from astropy.io import fits as library

    library.PrimaryHDU(np.zeros((4, 4))).writeto(tmp_path / "image.fits")
    fault = refused(tmp_path / "image.fits")
    assert (fault.code, fault.message) == ("column_type", "the FITS file holds no binary table")
    columns = [
        library.Column("object_id", "K", array=table["object_id"]),
        library.Column("z_point", "L", array=np.ones(50, bool)),
        library.Column("pdf", "PE()", array=np.array([np.zeros(3, np.float32)] * 50, dtype=object)),
    ]
    library.BinTableHDU.from_columns(columns).writeto(tmp_path / "odd.fits")
    result = check(tmp_path / "odd.fits", public)
    assert [(f.code, f.column) for f in result.faults] == [
        ("column_type", "z_point"),
        ("density_form", "pdf"),
    ]


@pytest.mark.parametrize(
    ("content", "got"),
    [
        ('<!DOCTYPE v [<!ENTITY a "b"><!ENTITY c "&a;&a;">]><VOTABLE><TABLE/></VOTABLE>', "a document type declaration"),
        ('<VOTABLE><TABLE><FIELD name="object_id"/><DATA><BINARY><STREAM href="file:///etc/passwd"/></BINARY></DATA></TABLE></VOTABLE>', "a table serialised as BINARY"),
        ('<v:VOTABLE xmlns:v="x"><v:TABLE><v:DATA><v:FITS><v:STREAM href="http://127.0.0.1/"/></v:FITS></v:DATA></v:TABLE></v:VOTABLE>', "a table serialised as FITS"),
        (f"<VOTABLE><TABLE><DATA><TABLEDATA><TR><TD>{'9' * 100_000}</TD></TR></TABLEDATA></DATA></TABLE></VOTABLE>", "a cell of more than 65,536 characters"),
    ],
)  # fmt: skip
def test_a_votable_that_reaches_out(content: str, got: str, refused: Callable[..., Fault]) -> None:
    fault = refused(f'<?xml version="1.0"?>{content}'.encode(), "p.vot")
    assert (fault.code, fault.got) == ("unreadable", got)
    assert 'format="votable"' in str(fault.mend)


def test_a_votable_without_data(refused: Callable[..., Fault]) -> None:
    assert refused(b'<?xml version="1.0"?><VOTABLE><RESOURCE/></VOTABLE>', "p.vot").code == "empty_file"


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
