"""PLAsTiCC's CSV files, of its competition or unblinded: tables about objects as a whole, light curves as they stream.

The unblinded files name two columns otherwise, write -9 for what is not known, and tell the truth.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blindsky.challenges import tables
from blindsky.challenges.challenge import rows
from blindsky.challenges.errors import InputFault
from blindsky.challenges.skies import Ragged
from blindsky.challenges.transients import positions
from blindsky.challenges.transients.bands import BANDS
from blindsky.challenges.transients.classes import NUMBERS, OTHER
from blindsky.scoring.measurements import Array, Table

KEY = "object_id"
CUT = "epoch_cut"  # of light curves that end early: a column of ours, not PLAsTiCC's
MISSING = -9.0
BLOCK_BYTES = 1 << 24  # of text at a time, some 400,000 rows
NAMED = 5  # objects or values that a message names
_ALIASES = {"ddf_bool": "ddf", "detected_bool": "detected"}

_CURVES = {"mjd": "float64", "passband": "int8", "flux": "float32", "flux_err": "float32", "detected": "int8"}
_PLACE = {"ra": "float32", "decl": "float32", "ddf": "int8"}
_GALACTIC = {"gal_l": "float32", "gal_b": "float32"}  # the unblinded files have none
_HOST = dict.fromkeys(
    ("hostgal_specz", "hostgal_photoz", "hostgal_photoz_err", "distmod", "mwebv"), "float32"
)
_PUBLIC = ("ra", "decl", *_GALACTIC, "ddf", *_HOST, CUT)
TRUTH = {
    "true_target": "int16",
    "true_submodel": "str",  # numbers in PLAsTiCC, names in ours
    **dict.fromkeys(("true_z", "true_peakmjd", "true_av", "true_rv", "trigger_mjd", "peak_mag_i"), "float64"),
    "n_det": "int16",
}


@dataclass(frozen=True)
class Objects:
    """What is told about the objects of a split, ids (n,) ascending.

    public, truth : columns (n,); no truth where the file has none, nor for training objects.
    """

    name: str
    split: str
    ids: NDArray[np.int64]
    public: Table
    truth: Table

    @classmethod
    def read(cls, path: Path, split: str) -> Objects:
        """InputFault for a table that lacks a column, or with ids or classes that can't be."""
        known = _header(path)
        train, unblinded = split == "train", "true_target" in known
        label = "true_target" if unblinded else "target"
        optional = dict(_GALACTIC)
        if not train:
            optional |= {CUT: "float32", **(TRUTH if unblinded else {})}
        wanted = {KEY: "int64", **_PLACE, **_HOST, **({label: "int16"} if train or unblinded else {})}
        table = _by_id(path, wanted | {name: kind for name, kind in optional.items() if name in known})
        ids = table.pop(KEY)
        if label in table:
            _check_classes(path, label, table[label], hidden=not train)
        for name in ("hostgal_specz", "distmod"):
            table[name] = np.where(table[name] == MISSING, np.float32(np.nan), table[name])
        if not table.keys() >= _GALACTIC.keys():
            where = positions.galactic(table["ra"].astype(np.float64), table["decl"].astype(np.float64))
            table |= {name: c.astype(np.float32) for name, c in zip(_GALACTIC, where, strict=True)}
        public = {name: table[name] for name in _PUBLIC if name in table}
        if train:
            return cls(path.name, split, ids, public | {"target": table[label]}, {})
        return cls(
            path.name, split, ids, public, {name: table[name] for name in (*TRUTH, CUT) if name in table}
        )

    @property
    def told(self) -> bool:
        """Whether the truth is there."""
        return "true_target" in self.truth

    def places(self, ids: Array) -> NDArray[np.intp]:
        """Places (m,) of some ids; -1 where there is no such object."""
        place = np.minimum(np.searchsorted(self.ids, ids), len(self.ids) - 1)
        return np.where(self.ids[place] == ids, place, -1)


def _by_id(path: Path, wanted: Mapping[str, str]) -> Table:
    """The wanted columns, by ascending id; InputFault for an id that stands twice, or no rows."""
    found = list(_read(path, wanted))
    if not any(map(rows, found)):
        message = f"{path} has a header but no rows. Download it again"
        raise InputFault(message)
    table = {name: np.concatenate([part.pop(name) for part in found]) for name in wanted}
    if (np.diff(table[KEY]) < 0).any():
        order = np.argsort(table[KEY], kind="stable")
        table = {name: column[order] for name, column in table.items()}
    twice = table[KEY][1:][np.diff(table[KEY]) == 0]
    if len(twice):
        message = f"{path}: {some(twice)} more than once. Keep one row of each"
        raise InputFault(message)
    return table


def _check_classes(path: Path, name: str, column: Array, *, hidden: bool) -> None:
    """InputFault for other classes than those known and, where ``hidden``, 99 and above."""
    odd = np.unique(column[~(np.isin(column, NUMBERS[:-1]) | (hidden & (column >= OTHER)))])
    if len(odd):
        message = (
            f"{path}: {name} is {', '.join(map(str, odd[:NAMED]))} for some objects, expected one of "
            f"{', '.join(map(str, NUMBERS[:-1]))}{' or from 99 on' if hidden else ''}. Leave these rows out"
        )
        raise InputFault(message)


def some(ids: Array) -> str:
    """How many objects, and the first of their ids."""
    named = ", ".join(map(str, ids[:NAMED].tolist())) + (", ..." if len(ids) > NAMED else "")
    return f"{len(ids):,} object{'s' * (len(ids) > 1)} ({named})"


def whole_objects(batches: Iterable[Table]) -> Iterator[tuple[Array, Ragged]]:
    """Ids (n,) and light curves of objects whose rows lie together, each in order of time, some at a time."""
    waiting: Table = {}
    for batch in batches:
        merged = {name: np.concatenate([waiting[name], batch[name]]) for name in batch} if waiting else batch
        first = np.flatnonzero(np.diff(merged[KEY], prepend=merged[KEY][:1] - 1))
        if len(first) > 1:
            yield _grouped({name: column[: first[-1]] for name, column in merged.items()}, first[:-1])
        waiting = {name: column[first[-1] :] for name, column in merged.items()} if len(first) else {}
    if waiting:
        yield _grouped(waiting, np.zeros(1, np.intp))


def _grouped(table: Table, first: NDArray[np.intp]) -> tuple[Array, Ragged]:
    """Objects that begin at the rows ``first`` (n,)."""
    n = rows(table)
    counts = np.diff(first, append=n)
    columns = {name: column for name, column in table.items() if name != KEY}
    back = np.diff(columns["mjd"], prepend=-np.inf) < 0
    back[first] = False
    if back.any():
        order = np.lexsort((columns["mjd"], np.repeat(np.arange(len(first)), counts)))
        columns = {name: column[order] for name, column in columns.items()}
    return table[KEY][first], Ragged(counts, columns)


def observations(files: Sequence[Path]) -> Iterator[Table]:
    """Rows of light curves in the order of the files; InputFault for a band or a number that can't be."""
    for path in files:
        for table in _read(path, {KEY: "int64", **_CURVES}):
            band = table["passband"]
            finite = np.isfinite(table["mjd"]) & np.isfinite(table["flux"]) & np.isfinite(table["flux_err"])
            odd = np.flatnonzero((band < 0) | (band >= len(BANDS)) | ~finite)
            if len(odd):
                row = {name: column[odd[0]].item() for name, column in table.items()}
                message = (
                    f"{path}: an observation of object {row.pop(KEY)} is {row}, expected a passband from 0 to 5 and "
                    "finite numbers. Mend that row"
                )
                raise InputFault(message)
            yield table


def _header(path: Path) -> dict[str, str]:
    """Our name -> the file's, of its columns."""
    with _readable(path), _open(path) as stream:
        line = bytes(stream.read(1 << 16)).split(b"\n", 1)[0].decode()
    names = [name.strip() for name in next(csv.reader([line.strip("\ufeff\r")]), [])]
    return {_ALIASES.get(name, name): name for name in names}


def _open(path: Path) -> Any:
    import pyarrow as pa

    return pa.input_stream(
        str(path), compression="gzip" if path.suffix == ".gz" else None, buffer_size=1 << 20
    )


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, UnicodeDecodeError, OSError) as error:
        if getattr(error, "errno", None) is not None:
            raise
        reason = " ".join(str(error).split())[:200]
        message = f"{path} is not readable as CSV ({reason}). Download it again"
        raise InputFault(message) from error


def _read(path: Path, wanted: Mapping[str, str]) -> Iterator[Table]:
    """The wanted columns of a CSV by their NumPy type, some rows at a time; empty cells are NaN."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    known = _header(path)
    lacking = [name for name in wanted if name not in known]
    if lacking:
        message = f"{path} has no column {', '.join(lacking)}. It has: {', '.join(known.values())}. Download it again"
        raise InputFault(message)
    types = {
        known[name]: pa.string() if kind == "str" else pa.from_numpy_dtype(np.dtype(kind))
        for name, kind in wanted.items()
    }
    with _readable(path), _open(path) as stream:
        reader = arrow_csv.open_csv(
            stream,
            arrow_csv.ReadOptions(block_size=BLOCK_BYTES),
            convert_options=arrow_csv.ConvertOptions(column_types=types, include_columns=[*types]),
        )
        for batch in reader:
            columns = [batch.column(name) for name in types]
            for name, column in zip(wanted, columns, strict=True):
                if column.null_count and not pa.types.is_floating(column.type):
                    message = f"{path}: column {name} has empty cells. Download it again"
                    raise InputFault(message)
            yield {name: tables.column_to_numpy(column) for name, column in zip(wanted, columns, strict=True)}
