"""Weighted sums of columns within groups of the rows, such as the classes, taken once for all who ask.

The score needs them in double precision under one set of weights, its interval under a thousand sets of counts. So
there are two ways to them: one adds row by row, the other is a product of matrices in single precision, over rows in
the order of their groups. Sums of counts are exact in both; other sums agree to about 1e-7 of their size, far below
the scatter of replicates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property, partial
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from blindsky.scoring.measurements import Array, FloatArray, Measurements
from blindsky.scoring.sums import latest
from blindsky.scoring.threads import each, stretches

Indices = NDArray[np.intp]
Single = NDArray[np.float32]
Sums = dict[str, FloatArray]
Use = Literal["score", "replicates"]

_CHUNK = 4096  # rows added up one after the other; the totals of chunks are added then, so errors stay small
_ROWS = 2048  # 32 x 2048 single-precision weights stay in the cache


class Column(NamedTuple):
    """What is summed: ``values`` (n,), or ones; with ``into`` (n,) apart for each of ``size`` places in a group."""

    values: FloatArray | None = None
    into: Array | None = None
    size: int = 1


class _Layout(NamedTuple):
    """The columns of the replicates in the order of the groups.

    plain : (m, n), those of ``names``.   split : by name, places (n,), values (n,) or ones, and the number of places.
    linear : (k, n).
    """

    names: tuple[str, ...]
    plain: Single
    split: dict[str, tuple[Array, Single | None, int]]
    linear: Single


class Tally:
    """Sums of columns within groups of the rows of one table, and linear forms of the weights.

    group : (n,) integers from 0 to ``groups`` - 1.
    """

    @classmethod
    def of(cls, measurements: Measurements, classes: int) -> Tally:
        """The tally of one table by its true class ``y`` (n,); by ``epoch`` first where there is such a column."""

        def make() -> Tally:
            group = measurements["y"].astype(np.int16)
            if "epoch" not in measurements:
                return cls(group, classes)
            epoch = measurements["epoch"].astype(np.int16)
            return cls(classes * epoch + group, classes * (int(epoch.max(initial=0)) + 1))

        return measurements.shared(f"tally of {classes}", make)

    def __init__(self, group: Array, groups: int) -> None:
        self.group, self.groups = group, groups
        self._columns: dict[str, Column] = {}
        self._resampled: list[str] = []
        self._linear: Callable[[], Single] | None = None
        self._forget()

    def add(self, name: str, make: Callable[[], Column], use: Use) -> None:
        """One more column and what it is for; a name that is known already is the same column."""
        if name not in self._columns:
            self._columns[name] = make()
            self._forget()
        if use == "replicates" and name not in self._resampled:
            self._resampled.append(name)
            self._forget()

    def add_linear(self, rows: Callable[[], Single]) -> None:
        """What gives the coefficients (k, n) of the linear forms, columns in ``order``, when replicates are due."""
        self._linear = rows
        self._forget()

    def _forget(self) -> None:
        self._layout: _Layout | None = None
        self._added = latest(self._add_up)
        self._product = latest(self._multiply)

    @cached_property
    def order(self) -> Indices:
        """The rows (n,), group by group."""
        return np.argsort(self.group, kind="stable")

    def sums(self, weights: Array, use: Use) -> Sums:
        """Sums (B, groups, size) of each column by name, under weights (B, n)."""
        return self._added(weights) if use == "score" else self._product(weights)[0]

    def linear(self, weights: Array) -> FloatArray:
        """The linear forms, (B, k)."""
        return self._product(weights)[1]

    def _add_up(self, weights: Array) -> Sums:
        sums = {}
        for name, (values, into, size) in self._columns.items():
            total: FloatArray = np.zeros((len(weights), self.groups * size))
            for i in range(0, len(self.group), _CHUNK):
                rows = slice(i, i + _CHUNK)
                cell = self.group[rows].astype(np.intp) * size
                if into is not None:
                    cell += into[rows]
                for b, w in enumerate(weights[:, rows]):
                    terms = w if values is None else w * values[rows]
                    total[b] += np.bincount(cell, terms, minlength=self.groups * size)
            sums[name] = total.reshape(len(weights), self.groups, size)
        return sums

    def _arrange(self) -> _Layout:
        """The columns of the replicates, in single precision and in the order of the groups."""

        def arranged(values: FloatArray | None) -> Single | None:
            return None if values is None else values[self.order].astype(np.float32)

        columns = [(name, *self._columns[name]) for name in self._resampled]
        names = tuple(name for name, _, into, _ in columns if into is None)
        plain: Single = np.ones((len(names), len(self.order)), dtype=np.float32)
        for row, name in zip(plain, names, strict=True):
            values = self._columns[name].values
            if values is not None:
                row[:] = values[self.order]
        split = {
            name: (into[self.order], arranged(values), size)
            for name, values, into, size in columns
            if into is not None
        }
        none: Single = np.empty((0, len(self.order)), dtype=np.float32)
        return _Layout(names, plain, split, none if self._linear is None else self._linear())

    def _multiply(self, weights: Array) -> tuple[Sums, FloatArray]:
        """Sums of the columns and the linear forms (B, k), in one pass over the weights."""
        if self._layout is None:
            self._layout = self._arrange()
        layout, n = self._layout, len(self.order)
        found = each(partial(self._stretch, layout, weights), stretches(n), n)
        whole, *parts, forms = (np.sum(sums, axis=0) for sums in zip(*found, strict=True))
        sums = {name: whole[:, :, k : k + 1] for k, name in enumerate(layout.names)}
        return {**sums, **dict(zip(layout.split, parts, strict=True))}, forms

    def _stretch(self, layout: _Layout, weights: Array, stretch: slice) -> list[FloatArray]:
        """Sums over some of the rows: of plain columns (B, groups, m), of each split one, and the linear forms."""
        _, plain, split, linear = layout
        columns = list(split.values())
        whole: FloatArray = np.zeros((len(weights), self.groups, len(plain)))
        parts = [np.zeros((len(weights), self.groups, size)) for _, _, size in columns]
        forms: FloatArray = np.zeros((len(weights), len(linear)))
        units = [np.eye(size, dtype=np.float32) for _, _, size in columns]
        for g, rows in self._pieces(stretch):
            w = np.take(weights, self.order[rows], axis=1).astype(np.float32)
            whole[:, g] += w @ plain[:, rows].T
            for part, unit, (into, values, _) in zip(parts, units, columns, strict=True):
                places = unit[into[rows]]
                part[:, g] += w @ (places if values is None else places * values[rows, None])
            forms += w @ linear[:, rows].T
        return [whole, *parts, forms]

    def _pieces(self, stretch: slice) -> Iterator[tuple[int, slice]]:
        """A stretch of the ordered rows in pieces of one group each, short enough for the cache."""
        ends = np.cumsum(np.bincount(self.group, minlength=self.groups))
        for g, (start, end) in enumerate(pairwise([0, *ends])):
            start, end = max(start, stretch.start), min(end, stretch.stop)
            for i in range(start, end, _ROWS):
                yield g, slice(i, min(i + _ROWS, end))
