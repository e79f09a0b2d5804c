"""qp ensembles in HDF5 (``interp``), the format of RAIL, as columns of the declaration.

The densities ``data/yvals`` (n, m) on ``meta/xvals`` are resampled linearly onto the grid. Ids come from
``ancil/<key>``, else from a file of the caller's. A point estimate comes from ``ancil/<its name>``, else from
``ancil/zmode``, else it is the mode. Links and storage outside the file would read other files: refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blindsky.challenges.errors import MissingExtra
from blindsky.challenges.prediction import Grid, Prediction
from blindsky.scoring.measurements import Array, FloatArray
from blindsky.submissions.faults import Fault, FaultLog, Note, size_text
from blindsky.submissions.formats.common import (
    MIB,
    NUMBER,
    Chunk,
    ColumnInfo,
    Limits,
    PredictionFile,
    arrow,
    refusing,
    row_numbers,
)

_FINEST = 100  # nodes of a file for each of ours
_MAX_STORED = 256 * MIB  # one stored block of a dataset, unpacked
_MODE = "zmode"  # where qp and RAIL keep the mode

Ids = Callable[[], NDArray[np.int64]]


class QpFile(PredictionFile):
    """An ensemble of densities interpolated between nodes."""

    format = "qp (HDF5)"

    def __init__(
        self, path: Path, prediction: Prediction, limits: Limits, log: FaultLog, ids: Ids | None
    ) -> None:
        super().__init__(path, limits, log)
        try:
            import h5py
        except ImportError as error:
            raise MissingExtra("h5py", "hdf5", "reading a qp file") from error
        if len(prediction.densities) != 1 or len([c for c in prediction.columns if not c.optional]) > 1:
            self._refuse(
                "a qp ensemble",
                "this challenge's own columns, which a qp ensemble does not hold",
                "send Parquet",
            )
        self.grid: Grid = prediction.densities[0].grid
        self._density, self._key = prediction.densities[0].name, prediction.key
        self._points = [column.name for column in prediction.columns if not column.optional]
        with self._opening():
            self._file = self._held.enter_context(h5py.File(path, "r", locking=False))
            self._open()
        names = [
            ColumnInfo(self._key, "integer", "int64"),
            ColumnInfo(self._density, "list", "yvals", self.grid.n),
        ]
        self.columns = (*names, *(ColumnInfo(name, "number", "float64") for name in self._points))
        with self._opening():
            self._ids = self._find_ids(ids)

    def _refuse(self, got: str, expected: str, mend: str) -> None:
        self.log.refuse(
            Fault(
                "unreadable",
                "the HDF5 file is no qp ensemble that can be read here",
                got=got,
                expected=expected,
                mend=mend,
            )
        )

    def _open(self) -> None:
        kind = self._dataset("meta/pdf_name")
        name = (
            bytes(kind[()].reshape(-1)[0]).decode(errors="replace")
            if kind is not None and 0 < kind.size < 9
            else None
        )
        x, y = self._dataset("meta/xvals"), self._dataset("data/yvals")
        if x is None or y is None or name not in (None, "interp"):
            self._refuse(
                f"pdf_name {name}" if name not in (None, "interp") else "no meta/xvals or no data/yvals",
                "an interp ensemble: meta/xvals of shape (1, m), data/yvals of shape (n, m)",
                "convert it with qp: ensemble.convert_to(qp.interp_gen, xvals=grid).write_to(...)",
            )
        assert x is not None and y is not None
        if y.ndim != 2 or x.size != y.shape[1] or not 2 <= x.size <= _FINEST * self.grid.n or y.shape[0] == 0:
            self._refuse(
                f"xvals {x.shape}, yvals {y.shape}",
                "xvals (1, m), yvals (n, m), at least one row",
                "write it again with qp",
            )
        self.n_rows = int(y.shape[0])
        self.limits.check_rows(self.n_rows, self.log, declared=True)
        self.limits.check_size(
            self.path.stat().st_size,
            self.limits.binary + 2 * NUMBER * self.limits.expected * int(x.size),
            self.log,
        )
        self._x: FloatArray = np.asarray(x[()], dtype=np.float64).reshape(-1)
        if not (np.isfinite(self._x).all() and (np.diff(self._x) > 0).all()):
            self._refuse("xvals that don't increase", "finite, strictly increasing nodes", "sort them")
        self._y = y
        nodes = self.grid.nodes
        if len(self._x) != len(nodes) or not np.allclose(self._x, nodes, rtol=0, atol=1e-9 * self.grid.step):
            text = f"resampled linearly from {len(self._x)} nodes on {self._x[0]:g} to {self._x[-1]:g}"
            self.log.note(
                Note("resampled", f"{self._density} was {text} onto the grid of {self.grid.n}", self._density)
            )

    def _dataset(self, path: str) -> Any:
        """A dataset of plain numbers (or bytes) inside this very file, or None."""
        import h5py

        here: Any = self._file
        for part in path.split("/"):
            link = here.get(part, getlink=True) if isinstance(here, h5py.Group) else None
            if link is None:
                return None
            if not isinstance(link, h5py.HardLink):
                self._refuse(
                    f"a link at {path}", "data inside the file itself", "write it again without links"
                )
            here = here[part]
        if not isinstance(here, h5py.Dataset):
            return None
        if here.external is not None or here.is_virtual:
            self._refuse(f"{path} stored in another file", "data inside the file itself", "write it again")
        if here.dtype.kind not in "iufS" or here.shape is None:
            self._refuse(f"{path} of type {here.dtype}", "plain numbers", "write it again with qp")
        stored = int(np.prod(here.chunks, dtype=object)) * here.dtype.itemsize if here.chunks else 0
        if stored > _MAX_STORED:
            self.log.refuse(self.limits.too_large(f"a block of {size_text(stored)} in {path}", _MAX_STORED))
        return here

    def _column(self, name: str) -> Any:
        """A column of ``ancil`` with one number a row, or None where there is none."""
        found = self._dataset(f"ancil/{name}")
        if found is not None and (found.size != self.n_rows or found.dtype.kind == "S"):
            self._refuse(
                f"ancil/{name} of shape {found.shape}",
                f"{self.n_rows:,} numbers, one per density",
                "write it again with qp",
            )
        return found

    def _find_ids(self, ids: Ids | None) -> Array:
        with refusing(self.log, self.format):
            own = self._column(self._key)
            if own is not None:
                if own.dtype.kind == "f":
                    self.log.add(float_ids(self._key, str(own.dtype)))
                if ids is not None:
                    self.log.note(
                        Note(
                            "ids_not_needed",
                            f"the file has its own ids (ancil/{self._key}); the file of ids was not used",
                        )
                    )
                return np.asarray(own[()]).reshape(-1)
        if ids is None:
            self.log.refuse(
                Fault(
                    "no_ids",
                    "the ensemble doesn't say which row belongs to which id",
                    self._key,
                    got=f"no ancil/{self._key} in the file",
                    expected=f"ancil/{self._key}, or a file with the ids of the {self.n_rows:,} rows",
                    mend=f"add them with qp: ensemble.set_ancil({{'{self._key}': ids}}), or give --ids FILE, "
                    "a table with that column (the test table itself, where rows are in its order)",
                )
            )
        given = ids()
        if len(given) != self.n_rows:
            self.log.refuse(
                Fault(
                    "no_ids",
                    "the file of ids doesn't fit the ensemble",
                    self._key,
                    got=f"{len(given):,} ids",
                    expected=f"{self.n_rows:,} ids, one per density, in the same order",
                )
            )
        return given

    def batches(self, n: int, columns: Sequence[str]) -> Iterator[Chunk]:
        """Chunks on the declaration's grid."""
        assert self.n_rows is not None
        for start in range(0, self.n_rows, n):
            with refusing(self.log, self.format):
                chunk = self._read(start, min(n, self.n_rows - start), columns)
            yield chunk

    def _read(self, start: int, n: int, columns: Sequence[str]) -> Chunk:
        y = np.asarray(self._y[start : start + n], dtype=np.float64)
        cells: dict[str, Array] = {}
        for name in columns:
            if name == self._key:
                cells[name] = self._ids[start : start + n]
            elif name == self._density:
                cells[name] = resample(self._x, y, self.grid.nodes)
            else:
                point = next((p for p in map(self._column, (name, _MODE)) if p is not None), None)
                found = (
                    self._x[np.argmax(y, axis=1)]
                    if point is None
                    else np.asarray(point).reshape(-1)[start : start + n]
                )
                cells[name] = found.astype(np.float64)
        return Chunk(row_numbers(start, n), {name: arrow(column) for name, column in cells.items()})


def float_ids(key: str, detail: str) -> Fault:
    """The fault of ids that were stored as floating-point numbers."""
    return Fault(
        "bad_id",
        "ids are stored as floating-point numbers, which can't hold every id exactly",
        key,
        got=detail,
        expected="whole numbers (int64)",
        mend=f'take them from the test table again as int64: table["{key}"] = test["{key}"].astype("int64")',
    )


def resample(x: FloatArray, y: FloatArray, nodes: FloatArray) -> FloatArray:
    """Piecewise-linear densities y (n, m) on x (m,) at new nodes (k,), zero outside x: shape (n, k)."""
    cell = np.clip(np.searchsorted(x, nodes, side="right") - 1, 0, len(x) - 2)
    # nodes that are x's own but for rounding take its value
    share = (nodes - x[cell]) / (x[cell + 1] - x[cell])
    share = np.where(np.abs(share - np.round(share)) < 1e-9, np.round(share), share)
    inside = (share >= 0) & (share <= 1)
    share = np.where(inside, share, 0.0)
    values = y[:, cell] * (1 - share) + y[:, cell + 1] * share
    return np.where(inside, values, 0.0)
