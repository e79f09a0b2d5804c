"""The boards of a release as one flat table, a row per entry, board and part: for CSV, Parquet, VOTable and pandas.

All four are written from the same columns, which are the cells of the page; numbers that are undefined are None.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple
from xml.sax.saxutils import escape, quoteattr

from blindsky.leaderboard.boards import BoardTable, ReleaseView, Row
from blindsky.leaderboard.cells import EMPTY, csv_text, xml_text
from blindsky.scoring.metric import Metric

Kind = Literal["text", "int", "float"]
ENDS = {"": "", "_low": "low end of the interval of ", "_high": "high end of the interval of "}
# A norm such as |bias| has no interval of its own; these are no ends of an error bar
NULL_ENDS = {
    "": "",
    "_null_low": "low end of what a perfect entry gets by chance in ",
    "_null_high": "high end of what a perfect entry gets by chance in ",
}
STANDARD = frozenset(("arcsec", "deg", "km/s", "mag", "pix", "s"))  # units that the IVOA knows by these names
_VOTABLE = {
    "text": 'datatype="unicodeChar" arraysize="*"',
    "int": 'datatype="int"',
    "float": 'datatype="double"',
}


class Column(NamedTuple):
    """One column: name, kind, unit, what it holds, and a value per row."""

    name: str
    kind: Kind
    unit: str
    description: str
    values: list[Any]


def columns(release: ReleaseView, tables: Sequence[BoardTable]) -> list[Column]:
    """The tables below each other; a metric that a board does not show is None in its rows."""
    rows = [(table, row) for table in tables for row in table.rows]
    shown = {m.key for table in tables for m in table.metrics}
    metrics = [m for m in release.challenge.metrics if m.key in shown]

    def text(name: str, description: str, values: list[str]) -> Column:
        return Column(name, "text", "", description, values)

    def whole(name: str, description: str, values: list[int]) -> Column:
        return Column(name, "int", "", description, values)

    return [
        text("release", "id of the release", [release.release_id for _ in rows]),
        text("board", "board of the challenge", [table.board.name for table, _ in rows]),
        text("part", "part of the test cases", [table.part for table, _ in rows]),
        whole("rank", "rank, 0 for what is not ranked", [row.place.rank for _, row in rows]),
        whole("rank_low", "low end of the 95 % rank range", [row.place.rank_low for _, row in rows]),
        whole("rank_high", "high end of the 95 % rank range", [row.place.rank_high for _, row in rows]),
        text("tie", "group of entries not separable from its best", [row.place.tie for _, row in rows]),
        text("entry", "id of the entry", [row.who.id for _, row in rows]),
        text("kind", "submission, baseline, or what reads the truth", [row.who.kind for _, row in rows]),
        text("team", "who handed it in", [row.who.team for _, row in rows]),
        text("method", "what made it", [row.who.method for _, row in rows]),
        text("submitted", "when it was handed in", [row.who.submitted for _, row in rows]),
        *(column for metric in metrics for column in _of_metric(metric, [row for _, row in rows])),
    ]


def _of_metric(metric: Metric, rows: Sequence[Row]) -> list[Column]:
    cells = [row.cells.get(metric.key, EMPTY) for row in rows]
    values = [[c.value for c in cells], [c.low for c in cells], [c.high for c in cells]]
    ends = NULL_ENDS if metric.interval == "null" else ENDS
    return [
        Column(f"{metric.key}{end}", "float", metric.unit, f"{words}{metric.title}", numbers)
        for (end, words), numbers in zip(ends.items(), values, strict=True)
    ]


def as_csv(found: Sequence[Column]) -> str:
    """CSV: empty cells where undefined, and no text that a spreadsheet takes for a formula."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([c.name for c in found])
    safe = [[csv_text(v) for v in c.values] if c.kind == "text" else c.values for c in found]
    writer.writerows([["" if v is None else v for v in row] for row in zip(*safe, strict=True)])
    return out.getvalue()


def as_parquet(found: Sequence[Column]) -> bytes:
    """Parquet, with unit and description of each column in its metadata."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {"text": pa.string(), "int": pa.int32(), "float": pa.float64()}
    fields = [
        pa.field(c.name, types[c.kind], c.kind == "float", {"unit": c.unit, "description": c.description})
        for c in found
    ]
    table = pa.table([pa.array(c.values, types[c.kind]) for c in found], schema=pa.schema(fields))
    out = io.BytesIO()
    pq.write_table(table, out)
    return out.getvalue()


def as_votable(found: Sequence[Column], name: str, description: str) -> str:
    """VOTable 1.4 with the numbers as text; a float that is undefined is an empty cell.

    Units stand in the descriptions too, because not all of them (nat, magnitudes of a ratio) are in the standard.
    """
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">',
        "<RESOURCE>",
        f"<TABLE name={_attribute(name)}>",
        f"<DESCRIPTION>{_text(description)}</DESCRIPTION>",
    ]
    for c in found:
        words = f"{c.description} [{c.unit}]" if c.unit else c.description
        unit = f" unit={_attribute(c.unit)}" if c.unit in STANDARD else ""
        lines += [
            f"<FIELD name={_attribute(c.name)} {_VOTABLE[c.kind]}{unit}>",
            f"<DESCRIPTION>{_text(words)}</DESCRIPTION></FIELD>",
        ]
    lines.append("<DATA><TABLEDATA>")
    written = [[_text(v) for v in c.values] if c.kind == "text" else c.values for c in found]
    lines += [
        "<TR>" + "".join("<TD/>" if v is None else f"<TD>{v}</TD>" for v in row) + "</TR>"
        for row in zip(*written, strict=True)
    ]
    return "\n".join([*lines, "</TABLEDATA></DATA>", "</TABLE>", "</RESOURCE>", "</VOTABLE>", ""])


def _text(text: str) -> str:
    return escape(xml_text(text))


def _attribute(text: str) -> str:
    return quoteattr(xml_text(text))
