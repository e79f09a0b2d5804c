"""Which rows a prediction must have, and which it may: every test case once, its listed items, or what was found in it.

A roster is told the keys of the rows as they pass, says where each row belongs, and notes what is strange, double or
absent. It holds the keys of the test split and where each was seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from blindsky.challenges.challenge import Challenge
from blindsky.challenges.prediction import ITEMS, NOTHING, Item
from blindsky.scoring.measurements import Table
from blindsky.submissions.claims import Claims
from blindsky.submissions.faults import LISTED, Fault, FaultLog

CHUNK_ROWS = 1 << 16
_ITEMS = 1 << 16  # listed items of a case are numbered from 0 to below this
Ints = NDArray[np.int64]
_NONE: Ints = np.empty(0, np.int64)


class PublicPart(Protocol):
    """What a check needs of the public part of a release."""

    @property
    def release_id(self) -> str:
        """Name of the release."""

    @property
    def challenge(self) -> Challenge:
        """The challenge as the release's track asks it."""

    @property
    def size(self) -> str:
        """Size of the release."""

    @property
    def has_truth(self) -> bool:
        """Whether there is a truth of the test split."""

    def batches(self, name: str, n: int = ..., columns: Sequence[str] | None = ...) -> Iterator[Table]:
        """A public table in batches."""

    def rows(self, name: str) -> int:
        """Rows of a public table."""

    def json(self, name: str) -> dict[str, Any]:
        """A public JSON file."""


def most_rows(public: PublicPart) -> int:
    """How many rows a prediction has, or has at most."""
    item, catalogue = public.challenge.prediction.item, public.challenge.prediction.catalogue
    if catalogue is not None:
        return catalogue.most[public.size]
    if item is None:
        return public.rows("test")
    return public.rows(ITEMS) if item.most is None else item.most * public.rows("test")


def roster(public: PublicPart, log: FaultLog) -> Roster:
    """The roster of a release."""
    item, key = public.challenge.prediction.item, public.challenge.prediction.key
    if public.challenge.prediction.catalogue is not None:
        return Claims(log, public.challenge.prediction.catalogue, most_rows(public))
    if item is None:
        return Each(log, key, _column(public, "test", key))
    if item.most is None:
        return EachItem(log, key, item.name, _column(public, ITEMS, key), _column(public, ITEMS, item.name))
    return Found(log, key, item, item.most, _column(public, "test", key))


def _column(public: PublicPart, table: str, name: str) -> Ints:
    parts = [np.asarray(b[name], np.int64) for b in public.batches(table, CHUNK_ROWS, columns=[name])]
    return np.concatenate(parts) if parts else np.empty(0, np.int64)


class Ids:
    """Numbers that differ, to be found by value."""

    def __init__(self, ids: Ints) -> None:
        self.order = np.argsort(ids, kind="stable")
        self.sorted = ids[self.order]

    def __len__(self) -> int:
        """How many."""
        return len(self.sorted)

    def places(self, wanted: Ints) -> Ints:
        """Place of each (n,) among the ids as they were given; -1 where it isn't there."""
        if not len(self):
            return np.full(len(wanted), -1, dtype=np.int64)
        order = np.argsort(wanted)  # neighbours are found near each other, which is four times as fast
        at = np.empty(len(wanted), dtype=np.int64)
        at[order] = np.minimum(np.searchsorted(self.sorted, wanted[order]), len(self) - 1)
        return np.where(self.sorted[at] == wanted, self.order[at], -1)


class Roster(Protocol):
    """The rows of a prediction, checked off as they pass.

    in_order : whether rows came in the order in which they are stored.   expected : a phrase for them all.
    """

    in_order: bool
    expected: str

    def place(self, rows: Ints, ids: Ints, items: Ints = _NONE) -> Ints:
        """Where rows with these numbers and keys belong, (n,); -1 where nowhere.

        items : empty where cases have none.
        """

    def finish(self, lost: int) -> None:
        """Note what never came; of ``lost`` rows the keys could not be read."""


class Each:
    """Every case of the test split once."""

    def __init__(self, log: FaultLog, key: str, ids: Ints) -> None:
        self.log, self.key, self.in_order = log, key, True
        self.expected = f"all {len(ids):,} ids of the test split, each once"
        self._ids = Ids(ids)
        self._first = np.zeros(len(ids), dtype=np.int64)  # row in which each was first seen, 0 for never
        self._done = 0

    def _places(self, ids: Ints, items: Ints) -> Ints:
        del items
        return self._ids.places(ids)

    def _strange(self, items: Ints) -> tuple[Fault, Callable[[int], str] | None]:
        """The fault of rows that belong nowhere, and what the i-th of them is."""
        del items
        fault = Fault(
            "extra_id",
            "ids that are not in the test split",
            self.key,
            expected="ids of the public test table",
            mend="leave these rows out; ids of the training set are not predicted",
        )
        return fault, None

    def _again(self) -> Fault:
        return Fault(
            "duplicate_id",
            "ids that occur more than once",
            self.key,
            expected="each id once",
            mend="keep one row per id",
        )

    def _absent(self, missing: Ints) -> tuple[Fault, Ints, Callable[[int], str] | None]:
        """The fault of these rows, their ids, and what the i-th of them lacks."""
        fault = Fault(
            "missing_id",
            "ids of the test split that are absent",
            self.key,
            expected=self.expected,
            mend="add a row for each of them",
        )
        return fault, self._ids.sorted[np.argsort(self._ids.order, kind="stable")][missing], None

    def place(self, rows: Ints, ids: Ints, items: Ints = _NONE) -> Ints:
        """Where rows belong; strangers and repetitions noted."""
        positions = self._places(ids, items)
        strange = np.flatnonzero(positions < 0)
        fault, got = self._strange(items[strange] if len(items) else items)
        self.log.add_rows(fault, rows[strange], ids[strange], got)
        found = np.flatnonzero(positions >= 0)
        _, first, place = np.unique(positions[found], return_index=True, return_inverse=True)
        before = self._first[positions[found]]
        here = rows[found[first[place]]]
        earlier = np.where(before > 0, before, here)
        again = np.flatnonzero((before > 0) | (here != rows[found]))
        self.log.add_rows(
            self._again(),
            rows[found[again]],
            ids[found[again]],
            lambda i: f"the id of row {earlier[again[i]]:,} again",
        )
        self._first[positions[found]] = earlier
        straight = np.arange(self._done, self._done + len(ids))
        self.in_order = self.in_order and bool(np.array_equal(positions, straight))
        self._done += len(ids)
        return positions

    def finish(self, lost: int) -> None:
        """Note ids that never came, or that all of them are foreign."""
        missing = np.flatnonzero(self._first == 0)
        if len(missing) <= lost:
            return
        if len(missing) == len(self._first):
            self.log.add(none_known(self.key, self.expected))
            return
        fault, ids, got = self._absent(missing[:LISTED])
        self.log.add_absent(fault, ids, len(missing), got)


class EachItem(Each):
    """Every item that a public table lists for the cases of the test split, once."""

    def __init__(self, log: FaultLog, key: str, item: str, ids: Ints, items: Ints) -> None:
        self._cases, self._item = Ids(np.unique(ids)), item
        super().__init__(log, key, self._codes(ids, items))
        self._rows = ids, items
        self.expected = f"all {len(ids):,} rows of {ITEMS}, each once"

    def _codes(self, ids: Ints, items: Ints) -> Ints:
        place = self._cases.places(ids)
        known = (place >= 0) & (items >= 0) & (items < _ITEMS)
        return np.where(known, place * _ITEMS + items, -1)

    def _places(self, ids: Ints, items: Ints) -> Ints:
        codes = self._codes(ids, items)
        return np.where(codes < 0, -1, self._ids.places(codes))

    def _strange(self, items: Ints) -> tuple[Fault, Callable[[int], str] | None]:
        fault = Fault(
            "extra_id",
            f"pairs of {self.key} and {self._item} that are not in the test split",
            self.key,
            expected=f"pairs of the public table {ITEMS}",
            mend="leave these rows out",
        )
        return fault, lambda i: f"{self._item} {items[i]}"

    def _again(self) -> Fault:
        return Fault(
            "duplicate_id",
            f"pairs of {self.key} and {self._item} that occur more than once",
            self.key,
            expected="each pair once",
            mend=f"keep one row per {self._item}",
        )

    def _absent(self, missing: Ints) -> tuple[Fault, Ints, Callable[[int], str] | None]:
        ids, items = (column[missing] for column in self._rows)
        fault = Fault(
            "missing_id",
            f"pairs of {self.key} and {self._item} that are absent",
            self.key,
            expected=self.expected,
            mend="add a row for each of them",
        )
        return fault, ids, lambda i: f"no row of {self._item} {items[i]}"


class Found:
    """What was found in each case: any number of items up to ``most``, or one row that says that nothing was."""

    def __init__(self, log: FaultLog, key: str, item: Item, most: int, ids: Ints) -> None:
        self.log, self.key, self.item, self.most, self.in_order = log, key, item.name, most, True
        self.expected = f"rows for all {len(ids):,} ids of the test split"
        self._given, self._ids = ids, Ids(ids)
        self._seen: list[tuple[Ints, Ints, Ints]] = []  # row, place of its case, item
        self._last = (-1, -1)

    def place(self, rows: Ints, ids: Ints, items: Ints = _NONE) -> Ints:
        """The place of each row's case; strangers noted."""
        positions = self._ids.places(ids)
        strange = np.flatnonzero(positions < 0)
        fault = Fault(
            "extra_id",
            "ids that are not in the test split",
            self.key,
            expected="ids of the public test table",
            mend="leave these rows out; ids of the training set are not predicted",
        )
        self.log.add_rows(fault, rows[strange], ids[strange])
        below = np.flatnonzero(items < NOTHING)
        fault = Fault(
            "out_of_range",
            "values outside the allowed range",
            self.item,
            expected=f"a number from 0 on, or {NOTHING} where nothing was found",
            mend="count what was found in a case from 0",
        )
        self.log.add_rows(fault, rows[below], ids[below], lambda i: str(items[below[i]]))
        kept = positions >= 0
        self._seen.append((rows[kept], positions[kept], items[kept]))
        case, item = np.append(self._last[0], positions), np.append(self._last[1], items)
        rising = (np.diff(case) > 0) | ((np.diff(case) == 0) & (np.diff(item) > 0))
        self.in_order = self.in_order and bool(rising.all())
        if len(items):
            self._last = int(positions[-1]), int(items[-1])
        return positions

    def finish(self, lost: int) -> None:
        """Note repetitions, cases with too many rows, with nothing and something, and cases that never came."""
        number, case, item = (np.concatenate([_NONE, *column]) for column in _columns(self._seen))
        order = np.lexsort((number, item, case))
        number, case, item = number[order], case[order], item[order]
        same = (np.diff(case) == 0) & (np.diff(item) == 0)
        again = np.flatnonzero(same) + 1
        fault = Fault(
            "duplicate_id",
            f"pairs of {self.key} and {self.item} that occur more than once",
            self.key,
            expected="each pair once",
            mend=f"number what was found in a case: {self.item} 0, 1, 2, ...; one row of {NOTHING} is enough",
        )
        self.log.add_rows(
            fault, number[again], self._given[case[again]], lambda i: f"{self.item} {item[again[i]]} again"
        )
        counts = np.bincount(case, minlength=len(self._given))
        self._many(counts)
        some = np.bincount(case[item != NOTHING], minlength=len(counts)) > 0
        nothing = np.setdiff1d(np.flatnonzero((item == NOTHING) & some[case]), again)
        fault = Fault(
            "nothing_and_more",
            f"rows that say that nothing was found ({self.item} {NOTHING}) beside others of the same case",
            self.key,
            expected="one such row, or rows of what was found",
            mend="leave these rows out",
        )
        self.log.add_rows(fault, number[nothing], self._given[case[nothing]])
        missing = np.flatnonzero(counts == 0)
        if len(missing) <= lost:
            return
        if len(missing) == len(counts):
            self.log.add(none_known(self.key, self.expected))
            return
        fault = Fault(
            "missing_id",
            "ids of the test split that are absent",
            self.key,
            expected=self.expected,
            mend=f"where nothing was found, add a row with {self.item} {NOTHING} and nothing else",
        )
        self.log.add_absent(fault, self._given[missing[:LISTED]], len(missing))

    def _many(self, counts: Ints) -> None:
        crowded = np.flatnonzero(counts > self.most)
        if len(crowded):
            fault = Fault(
                "too_many_items",
                "cases in which more was found than is allowed",
                self.key,
                expected=f"at most {self.most} rows of a case",
                mend="keep the brightest",
            )
            self.log.add_absent(
                fault,
                self._given[crowded[:LISTED]],
                len(crowded),
                lambda i: f"{counts[crowded[i]]:,} rows",
            )


def _columns(seen: list[tuple[Ints, Ints, Ints]]) -> tuple[list[Ints], list[Ints], list[Ints]]:
    return [a for a, _, _ in seen], [b for _, b, _ in seen], [c for _, _, c in seen]


def none_known(key: str, expected: str) -> Fault:
    """The fault of a file in which no id is known."""
    return Fault(
        "missing_id",
        "not one id of the test split is there",
        key,
        got="only other ids",
        expected=expected,
        mend="predict the test table of this release (not the training table, nor another release)",
    )
