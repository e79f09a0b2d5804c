"""What judging one prediction leaves: per-row numbers, and sums over rows too wide to keep.

Truth meets prediction once, in a challenge's ``measure``. Everything after that (metrics, intervals, slices,
boards) works on the small table defined here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
FloatArray = NDArray[np.float64]
Table = dict[str, Array]
T = TypeVar("T")


@dataclass(frozen=True)
class Measured:
    """What a challenge's ``measure`` returns for one chunk.

    rows : columns of shape (n,), one entry per measured row.
    wide : columns of shape (n, k), too wide to keep; only their sum and Gram matrix survive.
    case : integer array (n,), number in the chunk of the case a row belongs to; None where rows are the cases.
    """

    rows: Table
    wide: Table = field(default_factory=dict)
    case: NDArray[np.int64] | None = None


@dataclass(frozen=True)
class Moments:
    """The sum and the Gram matrix of a wide column: n rows, ``total`` (k,), ``gram`` (k, k)."""

    n: int
    total: FloatArray
    gram: FloatArray

    @classmethod
    def of(cls, wide: Array) -> Moments:
        """Moments of one chunk, shape (n, k)."""
        matrix: NDArray[Any] = np.asarray(wide)
        return cls(len(matrix), matrix.sum(axis=0, dtype=np.float64), (matrix.T @ matrix).astype(np.float64))

    def __add__(self, other: Moments) -> Moments:
        """Moments of two chunks taken together."""
        return Moments(self.n + other.n, self.total + other.total, self.gram + other.gram)


def counter(weights: Array) -> type[np.number[Any]]:
    """The dtype that cumulative sums of weights (B, n) are kept in; exact integers for integer weights."""
    if weights.dtype.kind == "f":
        return np.float64
    narrow = weights.dtype.itemsize == 1 and weights.shape[-1] < 2**31 // 255
    return np.int32 if narrow else np.int64


class Sample:
    """One column of measurements, sorted once, to be asked for weighted cumulative sums many times.

    ``values`` (n,) ascending; ``order`` (n,) the permutation that sorted them.
    """

    def __init__(self, values: Array) -> None:
        self.order = np.argsort(values, kind="stable")
        self.values: FloatArray = np.asarray(values, dtype=np.float64)[self.order]
        self._weights: Array | None = None
        self._sorted: NDArray[Any] = np.empty((0, 0))
        self._cumulative: NDArray[Any] | None = None

    def sorted(self, weights: Array) -> NDArray[Any]:
        """Weights (B, n) in the order of the sorted values; the last answer is kept."""
        if self._weights is not weights:
            self._sorted = np.take(weights, self.order, axis=1)
            self._weights, self._cumulative = weights, None
        return self._sorted

    def cumulative(self, weights: Array) -> NDArray[Any]:
        """Cumulative weight after each sorted value, shape (B, n); exact integers for integer weights.

        The last answer is kept, because every quantile of a replicate block asks for the same one.
        """
        in_order = self.sorted(weights)
        if self._cumulative is None:
            self._cumulative = np.cumsum(in_order, axis=1, dtype=counter(weights))
        return self._cumulative


class Measurements:
    """A table of measurements with the samples sorted from it.

    rows : columns (n,). moments : wide columns folded over these rows. case : (n,) number of each row's case
    among those of all parts, None where rows are the cases.
    """

    def __init__(
        self,
        rows: Table,
        moments: Mapping[str, Moments] | None = None,
        case: NDArray[np.int64] | None = None,
    ) -> None:
        self.rows = rows
        self.moments = dict(moments or {})
        self.case = case
        self._samples: dict[str, Sample] = {}
        self._shared: dict[str, Any] = {}

    def __len__(self) -> int:
        """Number of rows."""
        return len(next(iter(self.rows.values()))) if self.rows else 0

    def __contains__(self, column: str) -> bool:
        """Whether a metric that needs ``column`` can be computed."""
        return column in self.rows or column in self.moments

    def __getitem__(self, column: str) -> Array:
        """One column, shape (n,)."""
        return self.rows[column]

    def floats(self, column: str) -> FloatArray:
        """One column as float64, shape (n,)."""
        return np.asarray(self.rows[column], dtype=np.float64)

    def shared(self, name: str, make: Callable[[], T]) -> T:
        """What several metrics prepare from these rows together; made at the first call."""
        if name not in self._shared:
            self._shared[name] = make()
        found: T = self._shared[name]
        return found

    def sample(self, column: str) -> Sample:
        """The sorted column; sorted at the first call."""
        if column not in self._samples:
            self._samples[column] = Sample(self.rows[column])
        return self._samples[column]

    def select(self, mask: NDArray[np.bool_], moments: Mapping[str, Moments] | None = None) -> Measurements:
        """The rows where ``mask`` (n,) holds, with the moments of exactly those rows if they are known."""
        rows = {name: column[mask] for name, column in self.rows.items()}
        return Measurements(rows, moments, None if self.case is None else self.case[mask])


class Collector:
    """Gathers the chunks of one prediction; wide columns are folded per part as they pass."""

    def __init__(self, parts: Sequence[str]) -> None:
        self.parts = tuple(parts)
        self._rows: list[Table] = []
        self._cases: list[NDArray[np.int64]] = []
        self._part: list[Array] = []
        self._seen = 0  # cases
        self._moments: dict[str, dict[str, Moments]] = {part: {} for part in parts}

    def add(self, measured: Measured, part: Array) -> None:
        """One chunk; ``part`` (n,) names the part of each case, such as ``public`` or ``private``."""
        part = np.asarray(part)
        self._rows.append(measured.rows)
        self._part.append(part)
        of_row = part
        if measured.case is not None:
            self._cases.append(measured.case + self._seen)
            of_row = part[measured.case]
        self._seen += len(part)
        for name, wide in measured.wide.items():
            for label in self.parts:
                self.fold(label, name, Moments.of(wide[of_row == label]))

    def fold(self, part: str, name: str, moments: Moments) -> None:
        """Add moments that were folded elsewhere, for instance in a worker process."""
        known = self._moments[part].get(name)
        self._moments[part][name] = moments if known is None else known + moments

    def measurements(self) -> tuple[dict[str, Measurements], Array]:
        """The measurements of each part and of ``all``, and the part of every case in the order given."""
        part = np.concatenate(self._part)
        rows = {name: np.concatenate([chunk[name] for chunk in self._rows]) for name in self._rows[0]}
        case = np.concatenate(self._cases) if self._cases else None
        whole = {
            name: sum((self._moments[p][name] for p in self.parts[1:]), self._moments[self.parts[0]][name])
            for name in self._moments[self.parts[0]]
        }
        everything = Measurements(rows, whole, case)
        of_row = part if case is None else part[case]
        found = {p: everything.select(of_row == p, self._moments[p]) for p in self.parts}
        return {**found, "all": everything}, part
