"""The table that ``make accept`` and ``make bench`` print and keep: rows of measured numbers beside expected ones."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from blindsky.challenges.progress import progress


def run(
    package: str, title: str, columns: Sequence[str], out: Path, arguments: Sequence[str] | None = None
) -> int:
    """Collect the rows of a challenge's modules, print and keep them; 1 where a row is not met.

    Modules are ``<package>.<challenge>_<topic>`` with ``rows(report) -> list of dict``. A row whose ``met`` is None
    is shown and judged by nobody.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {package}", description=title)
    parser.add_argument("--challenge", default="photoz")
    parser.add_argument("--only", default="", help="run the modules whose topic contains this")
    options = parser.parse_args(arguments)
    folder = Path(__file__).parent / package.rsplit(".", 1)[1]
    topics = [p.stem for p in sorted(folder.glob(f"{options.challenge}_*.py")) if options.only in p.stem]
    if not topics:
        print(f"no module {options.challenge}_*{options.only}*.py in {folder.name}/", file=sys.stderr)
        return 2
    found: list[dict[str, Any]] = []
    with progress(title, None, "steps") as report:
        for topic in topics:
            rows = importlib.import_module(f"{package}.{topic}").rows(report)
            found += [{"challenge": options.challenge, **row} for row in rows]
            _show(rows, columns)
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps(found, indent=1) + "\n")
    missed = [row["name"] for row in found if row["met"] is False]
    print(f"\n{len(found)} rows, {len(missed)} not met{': ' + '; '.join(missed) if missed else ''} -> {out}")
    return 1 if missed else 0


def _show(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> None:
    text = [[_cell(row.get(name)) for name in columns] for row in rows]
    widths = [max(map(len, column)) for column in zip(columns, *text, strict=True)]
    for line in (columns, *text):
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    print(flush=True)


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "NO"
    if isinstance(value, float):
        return f"{value:.4g}"
    return "" if value is None else str(value)
