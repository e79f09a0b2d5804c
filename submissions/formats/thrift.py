"""Structs of Thrift's compact protocol as dictionaries {field number: value}; Parquet's headers are such.

They are a participant's bytes: depth and lengths are bounded by what is there, and nothing is believed.
"""

from __future__ import annotations

from typing import Any

_MAX_DEPTH = 12

Struct = dict[int, Any]


class ThriftError(ValueError):
    """The bytes are no struct of the compact protocol. CutShortError where more bytes might make one."""


class CutShortError(ThriftError):
    """The bytes end inside a struct."""


def read_struct(buffer: bytes, at: int = 0) -> tuple[Struct, int]:
    """The struct that begins at ``at``, and the place after it."""
    try:
        return _struct(buffer, at, 0)
    except IndexError:
        message = "a header is cut short"
        raise CutShortError(message) from None


def whole(struct: Struct, field: int) -> int:
    """A field that must be there and be a whole number not below 0."""
    value = struct.get(field)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        message = f"a header gives {value!r} as its field {field}"
        raise ThriftError(message)
    return value


def struct(value: Any) -> Struct:
    """A value that must be a struct."""
    if not isinstance(value, dict):
        message = "a header lacks a part that it must have"
        raise ThriftError(message)
    return value


def items(value: Any) -> list[Any]:
    """A value that must be a list."""
    if not isinstance(value, list):
        message = "a header lacks a list that it must have"
        raise ThriftError(message)
    return value


def _varint(buffer: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = buffer[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            message = "a number in a header is too long"
            raise ThriftError(message)


def _signed(buffer: bytes, at: int) -> tuple[int, int]:
    zigzag, at = _varint(buffer, at)
    return (zigzag >> 1) ^ -(zigzag & 1), at


def _struct(buffer: bytes, at: int, depth: int) -> tuple[Struct, int]:
    if depth > _MAX_DEPTH:
        message = "a header is nested too deeply"
        raise ThriftError(message)
    fields: Struct = {}
    number = 0
    while (byte := buffer[at]) != 0:
        at += 1
        if byte >> 4:
            number += byte >> 4
        else:
            number, at = _signed(buffer, at)
        kind = byte & 0x0F
        # a bool that is a field lies in its type
        fields[number], at = (kind == 1, at) if kind in (1, 2) else _value(buffer, at, kind, depth)
    return fields, at + 1


def _value(buffer: bytes, at: int, kind: int, depth: int) -> tuple[Any, int]:
    match kind:
        case 1 | 2 | 3:  # a bool in a list, i8
            return buffer[at], at + 1
        case 4 | 5 | 6:  # i16, i32, i64
            return _signed(buffer, at)
        case 7 | 8:  # double, binary
            length, at = (8, at) if kind == 7 else _varint(buffer, at)
            if at + length > len(buffer):
                raise IndexError
            return buffer[at : at + length], at + length
        case 9 | 10:  # list, set
            return _list(buffer, at, depth)
        case 12:
            return _struct(buffer, at, depth + 1)
        case _:  # Parquet's headers have no maps and no others
            message = f"a header holds a field of type {kind}"
            raise ThriftError(message)


def _list(buffer: bytes, at: int, depth: int) -> tuple[list[Any], int]:
    if depth > _MAX_DEPTH:
        message = "a header is nested too deeply"
        raise ThriftError(message)
    kind, length = buffer[at] & 0x0F, buffer[at] >> 4
    at += 1
    if length == 15:
        length, at = _varint(buffer, at)
    if length > len(buffer) - at:  # every item takes a byte at least
        raise IndexError
    values = []
    for _ in range(length):
        value, at = _value(buffer, at, kind, depth + 1)
        values.append(value)
    return values, at
