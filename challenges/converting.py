"""What other software found becomes a prediction: a converter reads it, the name of the file says how it is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from blindsky.challenges import registry
from blindsky.challenges.challenge import rows
from blindsky.challenges.errors import InputFault
from blindsky.challenges.files import new_file
from blindsky.challenges.importing import check_options
from blindsky.challenges.tables import to_arrow
from blindsky.scoring.measurements import Table

Converter = Callable[..., Table]
"""(files, *, options) -> the columns of a prediction in the order declared. Keyword-only arguments are its options."""

SEPARATORS = {".csv": ",", ".txt": " "}
PARQUET = (".parquet", ".pq")


def convert_files(source: str, files: Sequence[Path], out: Path, options: Mapping[str, Any]) -> int:
    """Write a prediction into ``out``, .parquet, .csv or .txt (separated by blanks); returns its number of rows.

    source : ``<challenge>/<format>``.   files : parts of one catalogue.
    InputFault for an unknown source or ending, or for files that can't be read.
    """
    name, _, form = source.partition("/")
    challenge = registry.get(name)
    known = tuple(challenge.converters)
    if form not in known:
        there = f"Known are: {', '.join(known)}" if known else "It has none"
        message = f"{name} has no format {form!r} to convert from: {registry.nearest(form, known)}{there}"
        raise InputFault(message)
    if out.suffix.lower() not in (*SEPARATORS, *PARQUET):
        message = (
            f"a prediction is a .parquet, .csv or .txt file, not {out.name}. Give it one of these endings"
        )
        raise InputFault(message)
    converter: Converter = registry.function(challenge.converters[form])
    check_options(source, converter, options)
    table = converter(files, **options)
    with new_file(out) as partial:
        _write(partial, table, SEPARATORS.get(out.suffix.lower()))
    return rows(table)


def _write(path: Path, table: Table, separator: str | None) -> None:
    """Text with the shortest digits that give each number back, or Parquet where there is no separator."""
    if separator is None:
        import pyarrow.parquet as pq

        pq.write_table(to_arrow(table), path)
        return
    lines = zip(*(map(repr, column.tolist()) for column in table.values()), strict=True)
    with path.open("w", encoding="ascii") as file:
        file.writelines(f"{separator.join(line)}\n" for line in (table, *lines))
