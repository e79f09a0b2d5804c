"""Blocks of rows as a whole: some of their rows, several of them as one, and as flat arrays for a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from blindsky.challenges.skies import Block, Ragged
from blindsky.scoring.measurements import Array, Table

_COUNTS = "#counts"  # of a ragged table, beside its columns


def take(block: Block, index: NDArray[np.intp]) -> Block:
    """The rows ``index`` (m,) of a block, in that order; references are left behind."""
    return Block(
        _rows(block.public, index),
        {name: _rows(table, index) for name, table in block.private.items()},
        beside={name: _rows(table, index) for name, table in block.beside.items()},
        long={name: picked(ragged, index) for name, ragged in block.long.items()},
        hidden={name: picked(ragged, index) for name, ragged in block.hidden.items()},
    )


def _rows(table: Table, index: NDArray[np.intp]) -> Table:
    return {name: column[index] for name, column in table.items()}


def picked(ragged: Ragged, index: NDArray[np.intp]) -> Ragged:
    """The rows of some cases, in the order of ``index``."""
    counts = ragged.counts[index]
    begin = (np.cumsum(ragged.counts) - ragged.counts)[index]
    place = np.arange(int(counts.sum())) + np.repeat(begin - (np.cumsum(counts) - counts), counts)
    return Ragged(counts, _rows(ragged.columns, place))


def merge(blocks: Sequence[Block]) -> Block:
    """The rows of all blocks, which have the same tables; references are left behind."""
    first = blocks[0]
    return Block(
        _joined([block.public for block in blocks]),
        {name: _joined([block.private[name] for block in blocks]) for name in first.private},
        beside={name: _joined([block.beside[name] for block in blocks]) for name in first.beside},
        long={name: _chained([block.long[name] for block in blocks]) for name in first.long},
        hidden={name: _chained([block.hidden[name] for block in blocks]) for name in first.hidden},
    )


def _joined(tables: Sequence[Table]) -> Table:
    return {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}


def _chained(lists: Sequence[Ragged]) -> Ragged:
    return Ragged(np.concatenate([one.counts for one in lists]), _joined([one.columns for one in lists]))


def flatten(block: Block) -> dict[str, Array]:
    """The tables of a block as arrays by path, without references."""
    flat = {f"public/{name}": column for name, column in block.public.items()}
    for kind, held in (("private", block.private), ("beside", block.beside)):
        for table, columns in held.items():
            flat |= {f"{kind}/{table}/{name}": column for name, column in columns.items()}
    for kind, lists in (("long", block.long), ("hidden", block.hidden)):
        for table, ragged in lists.items():
            flat |= {f"{kind}/{table}/{name}": column for name, column in ragged.columns.items()}
            flat[f"{kind}/{table}/{_COUNTS}"] = ragged.counts
    return flat


def unflatten(flat: Mapping[str, Array]) -> Block:
    """The block that was flattened; other arrays may lie beside its own."""
    public = {
        path.removeprefix("public/"): column for path, column in flat.items() if path.startswith("public/")
    }
    return Block(
        public,
        tables_of(flat, "private/"),
        beside=tables_of(flat, "beside/"),
        long=_lists_of(flat, "long/"),
        hidden=_lists_of(flat, "hidden/"),
    )


def _lists_of(flat: Mapping[str, Array], prefix: str) -> dict[str, Ragged]:
    found = tables_of(flat, prefix)
    return {name: Ragged(columns.pop(_COUNTS), columns) for name, columns in found.items()}


def tables_of(flat: Mapping[str, Array], prefix: str) -> dict[str, Table]:
    """The tables whose columns have a path that begins with ``prefix``."""
    found: dict[str, Table] = {}
    for path, column in flat.items():
        if path.startswith(prefix):
            table, name = path.removeprefix(prefix).split("/", 1)
            found.setdefault(table, {})[name] = column
    return found


def size(block: Block) -> int:
    """Bytes of a block."""
    return sum(column.nbytes for column in flatten(block).values())
