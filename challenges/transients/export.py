"""A transients release as PLAsTiCC published its data: four CSV files, written as they are read."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

from blindsky.challenges import tables
from blindsky.challenges.progress import progress
from blindsky.challenges.release import REVEALED, Public
from blindsky.challenges.transients.plasticc_csv import KEY, TRUTH
from blindsky.scoring.measurements import Table

NAMES = {"train": "training_set", "test": "test_set"}
ROWS = 1 << 16


def csv(public: Public, folder: Path) -> tuple[str, ...]:
    """``training_set.csv``, ``training_set_metadata.csv``, and the same of the ``test_set``.

    Where the release is revealed, the table about the test objects has their truth, as in the unblinded files.
    """
    notes = []
    for split, name in NAMES.items():
        if not public.has(split):
            continue
        _write(folder / f"{name}_metadata.csv", _told(public, split), public.rows(split))
        curves = f"{split}_lightcurves"
        _write(folder / f"{name}.csv", public.batches(curves, ROWS), public.rows(curves))
        if split == "test" and public.has_truth:
            notes.append(
                "truth of the test objects in test_set_metadata.csv"
                if public.revealed
                else "the truth of the test objects is not public yet: export again after the reveal"
            )
    return (*notes, "to read it back: blindsky import transients/plasticc FOLDER")


def _told(public: Public, split: str) -> Iterable[Table]:
    """The table about the objects of a split, with what is public of their truth."""
    told = public.batches(split, ROWS)
    truth = public.root / REVEALED / "truth.parquet"
    if split == "train" or not truth.exists():
        yield from told
        return
    names = [name for name in TRUTH if name in tables.column_names(truth)]
    for batch, hidden in zip(told, tables.batches(truth, ROWS, [KEY, *names]), strict=True):
        yield {**batch, **hidden}


def _write(path: Path, batches: Iterable[Table], n: int) -> None:
    import pyarrow as pa
    import pyarrow.csv as arrow_csv

    options = arrow_csv.WriteOptions(include_header=False, quoting_style="none")
    with (
        progress(f"writing {path.name}", n, "rows") as report,
        pa.OSFile(str(path), "wb") as file,
        ExitStack() as held,
    ):
        writer: arrow_csv.CSVWriter | None = None
        for batch in batches:
            table = tables.to_arrow(batch)
            if writer is None:
                file.write(
                    (",".join(table.column_names) + "\n").encode()
                )  # without the quotes that Arrow writes
                writer = held.enter_context(arrow_csv.CSVWriter(file, table.schema, write_options=options))
            writer.write_table(table)
            report.advance(table.num_rows)
