"""What a Parquet file declares, in its footer and in its pages, read before Arrow allocates anything for it.

The footer may say one thing and the pages another: a page header of 20 bytes can ask for 2 GiB. So the chain
of page headers of a column is walked and summed; nothing is unpacked. Field numbers: parquet-format 2.10.
Arrow's own view of the footer is not used, because a damaged histogram in it ends the whole process.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

from blindsky.submissions.formats.thrift import (
    CutShortError,
    Struct,
    ThriftError,
    items,
    read_struct,
    struct,
    whole,
)

_WINDOW, _MAX_HEADER = 512, 1 << 16  # bytes of a page header: usual, most
_DATA, _DICTIONARY, _DATA_V2 = 0, 2, 3  # PageType
_DETAIL = {_DATA: 5, _DICTIONARY: 7, _DATA_V2: 8}  # field of PageHeader that says how many values


@dataclass(frozen=True)
class ColumnChunk:
    """The values of one column in one row group. start, length : bytes. values : as the footer says."""

    path: tuple[str, ...]
    start: int
    length: int
    values: int


@dataclass(frozen=True)
class Footer:
    """FileMetaData. rows : as it says. grouped : the sum over its row groups. chunks : where the columns lie."""

    rows: int
    grouped: int
    chunks: tuple[ColumnChunk, ...]


@dataclass(frozen=True)
class Pages:
    """Sums over the pages of one column chunk. largest, unpacked : bytes. values : entries of data pages."""

    largest: int
    unpacked: int
    values: int


def read_footer(buffer: bytes) -> Footer:
    """The footer between the data and the last eight bytes; ThriftError where it doesn't hold together."""
    metadata, _ = read_struct(buffer)
    rows, groups = whole(metadata, 3), [struct(group) for group in items(metadata.get(4, []))]
    chunks = tuple(_chunk(struct(chunk)) for group in groups for chunk in items(group.get(1)))
    return Footer(rows, sum(whole(group, 3) for group in groups), chunks)


def _chunk(chunk: Struct) -> ColumnChunk:
    if 1 in chunk:
        message = "a column lies in another file"
        raise ThriftError(message)
    metadata = struct(chunk.get(3))
    path = tuple(bytes(part).decode(errors="replace") for part in items(metadata.get(3)))
    start, dictionary = whole(metadata, 9), metadata.get(11)
    if isinstance(dictionary, int) and 0 < dictionary < start:
        start = dictionary
    return ColumnChunk(path, start, whole(metadata, 7), whole(metadata, 5))


def walk(file: BinaryIO, chunk: ColumnChunk, most_pages: int) -> Pages:
    """Sums over the pages of a column chunk; ThriftError where they don't hold together or are too many."""
    size = file.seek(0, 2)
    position, end = chunk.start, chunk.start + chunk.length
    if position < 4 or end > size:
        message = f"column {'.'.join(chunk.path)} lies outside the file"
        raise ThriftError(message)
    largest = unpacked = found = pages = 0
    while position < end and found < chunk.values:
        header, length = _page_header(file, position, end)
        kind, raw, packed = header.get(1), whole(header, 2), whole(header, 3)
        largest, unpacked = max(largest, raw), unpacked + raw
        if kind in _DETAIL:
            n = whole(struct(header.get(_DETAIL[kind])), 1)
            found += 0 if kind == _DICTIONARY else n
        position += length + packed
        pages += 1
        if pages > most_pages:
            message = f"more than {most_pages:,} pages in one column"
            raise ThriftError(message)
    if position > end or found < chunk.values:
        message = f"the pages hold {found:,} values where the footer says {chunk.values:,}"
        raise ThriftError(message)
    return Pages(largest, unpacked, found)


def _page_header(file: BinaryIO, position: int, end: int) -> tuple[Struct, int]:
    for window in (_WINDOW, _MAX_HEADER):
        file.seek(position)
        buffer = file.read(min(window, end - position))
        try:
            return read_struct(buffer)
        except CutShortError:
            if len(buffer) < window:
                break
    message = f"the page header at byte {position:,} is cut short"
    raise ThriftError(message)
