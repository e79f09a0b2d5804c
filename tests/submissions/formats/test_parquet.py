"""Parquet: what the header and the pages declare is weighed before anything is read."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from blindsky.submissions.checking import check
from blindsky.submissions.faults import Fault
from blindsky.submissions.formats.pages import ColumnChunk, read_footer, walk
from blindsky.submissions.formats.thrift import ThriftError


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
    refused: Callable[..., Fault], peak_of: Callable[..., Any], parquet: Callable[..., Path]
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
    assert path.stat().st_size < 2**20
    del lists
    usual, counted = pa.default_memory_pool(), pa.proxy_memory_pool(pa.system_memory_pool())
    pa.set_memory_pool(counted)
    try:
        fault = refused(path)
    finally:
        pa.set_memory_pool(usual)
    assert fault.code == "too_large"
    assert counted.max_memory() < 2**22  # unpacked, it would be 80 MB


def test_a_page_that_asks_for_two_gibibytes() -> None:

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


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"data_page_version": "2.0"},
        {"use_dictionary": False},
        {"compression": "zstd"},
        {"data_page_size": 64},
        {"write_page_index": True},
        {"use_byte_stream_split": ["z_point"], "use_dictionary": False},
    ],
)
def test_pages_as_arrow_writes_them_add_up(
    options: dict[str, Any], public: Any, table: dict[str, Any], density: Any, parquet: Callable[..., Path]
) -> None:

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
    refused: Callable[..., Fault], peak_of: Callable[..., Any], table: dict[str, Any], tmp_path: Path
) -> None:
    repeated = pa.array(["9" * 4_000_000] * 50)
    path = tmp_path / "p.parquet"
    pq.write_table(pa.table({"object_id": table["object_id"], "z_point": repeated}), path, compression="zstd")
    del repeated
    fault, peak = peak_of(lambda: refused(path))
    assert fault.code == "column_type"
    assert peak < 10


def test_two_thousand_unknown_columns(
    public: Any, table: dict[str, Any], parquet: Callable[..., Path]
) -> None:
    result = check(parquet({**table, **{f"c{i}": np.zeros(50) for i in range(2000)}}), public)
    assert result.report.codes in (("unknown_column",), ("too_large",))
    assert len(str(result)) < 10_000
