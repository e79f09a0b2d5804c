"""Ranks with their uncertainty: losses and paired replicates in, ranks, rank ranges and tie groups out.

Pure: knows neither cards nor files. Every entry meets the same bootstrap replicates, so the difference of two
entries is taken replicate by replicate, and what they share cancels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from blindsky.scoring.measurements import FloatArray

TAIL = 0.025  # left out at either end of a 95 % range
RANKED_STATE = "valid"

SLIP = 1e-6  # of the last digit, for what binary numbers add

Number = TypeVar("Number", np.float64, np.int64)
Entry = TypeVar("Entry", "Contender", "Shown")


class Contender(NamedTuple):
    """One entry as the ranking sees it.

    loss : lower is better; not finite where undefined, and then never ranked.
    replicates : shape (R,), losses under the same replicates for every entry; NaN counts as the worst.
    rankable : False for rows that are shown but don't compete, such as a ceiling.
    """

    id: str
    state: str
    loss: float
    replicates: FloatArray
    rankable: bool = True


class Shown(NamedTuple):
    """One entry as everybody sees it before the reveal: nothing else of it may decide where it stands.

    loss : of its rounded value.   half : half the length of its interval; infinite where it has none of its own.
    unit : of the last digit shown.
    """

    id: str
    state: str
    loss: float
    half: float
    unit: float
    rankable: bool = True


class Place(NamedTuple):
    """Where an entry stands. ``rank`` 0 is unranked; ``tie`` is the letter of its tie group, or empty."""

    id: str
    rank: int = 0
    rank_low: int = 0
    rank_high: int = 0
    tie: str = ""


class Difference(NamedTuple):
    """Loss of one entry minus loss of another, with the central 95 % of the paired replicates."""

    value: float
    low: float
    high: float

    @property
    def separable(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.low > 0 or self.high < 0


class Ranking(NamedTuple):
    """Places by id, and for every ordered pair of ranked ids whether they are separable."""

    places: dict[str, Place]
    separable: dict[tuple[str, str], bool]


def rank(*, entries: Sequence[Contender]) -> Ranking:
    """Ranks, 95 % rank ranges and tie groups; the order of ``entries`` changes nothing.

    An entry's rank is one more than the number of entries with a smaller loss, so equal losses share a rank.
    A tie group holds the entries not yet in a group that are not separable from the best of them.
    ValueError where an id comes twice, or ranked entries differ in their number of replicates.
    """
    ranked = _competing(entries)
    if not ranked:
        return _ranking(entries, (), np.zeros((0, 0), bool), (), ())
    replicates = _paired(ranked)
    return _ranking(entries, ranked, _separable(replicates), *_central(_ranks(replicates)))


def rank_shown(*, entries: Sequence[Shown]) -> Ranking:
    """Ranks and tie groups from nothing but what is shown, as if the entries erred independently.

    Two entries are separable where their difference leaves out 0 by the root of the summed squares of both halves,
    rounded outwards to the finer unit. The rank range holds the places that this leaves open: behind all that are
    separably better, before all that are separably worse. ValueError where an id comes twice.
    """
    ranked = _competing(entries)
    losses, halves, units = (np.array([e[k] for e in ranked], dtype=np.float64) for k in (2, 3, 4))
    behind = losses[:, None] - losses
    reach = np.hypot(halves[:, None], halves) + (1 - SLIP) * np.minimum(units[:, None], units)
    separable = np.abs(behind) >= reach
    lows = 1 + (separable & (behind > 0)).sum(axis=1)
    highs = len(ranked) - (separable & (behind < 0)).sum(axis=1)
    return _ranking(entries, ranked, separable, lows, highs)


def _ranking(
    entries: Sequence[Entry],
    ranked: Sequence[Entry],
    separable: NDArray[np.bool_],
    lows: Iterable[int],
    highs: Iterable[int],
) -> Ranking:
    """Places of all entries from what is known of those that are ranked, best first."""
    places = {e.id: Place(e.id) for e in entries}
    losses = np.array([e.loss for e in ranked])
    ties = _tie_groups(separable)
    for entry, low, high, tie in zip(ranked, lows, highs, ties, strict=True):
        place = 1 + int((losses < entry.loss).sum())
        places[entry.id] = Place(entry.id, place, int(low), int(high), tie)
    pairs = {
        (a.id, b.id): bool(separable[i, j])
        for i, a in enumerate(ranked)
        for j, b in enumerate(ranked)
        if i != j
    }
    return Ranking(places, pairs)


def difference(*, first: Contender, second: Contender) -> Difference:
    """Loss of ``first`` minus loss of ``second``, below 0 where first is better, with its paired interval."""
    replicates = _paired((first, second))
    low, high = _central(_minus(replicates[:1], replicates[1:]))
    return Difference(float(first.loss - second.loss), float(low[0]), float(high[0]))


def _competing(entries: Sequence[Entry]) -> list[Entry]:
    """Those that are ranked, best first."""
    ids = [e.id for e in entries]
    twice = sorted({i for i in ids if ids.count(i) > 1})
    if twice:
        message = f"entries to rank must have distinct ids; these come twice: {', '.join(twice)}"
        raise ValueError(message)
    competing = (e for e in entries if e.rankable and e.state == RANKED_STATE and np.isfinite(e.loss))
    return sorted(competing, key=lambda e: (e.loss, e.id))


def _paired(entries: Sequence[Contender]) -> FloatArray:
    """Replicates of the entries, shape (m, R); an undefined replicate is an infinite loss."""
    lengths = {e.id: len(e.replicates) for e in entries}
    if len(set(lengths.values())) > 1 or 0 in lengths.values():
        message = f"ranked entries need the same number of replicates, at least one; got {lengths}"
        raise ValueError(message)
    replicates = np.array([e.replicates for e in entries], dtype=np.float64)
    return np.where(np.isnan(replicates), np.inf, replicates)


def _ranks(losses: FloatArray) -> NDArray[np.int64]:
    """One plus the number of smaller losses in each column, shape (m, R) -> (m, R)."""
    ascending = np.sort(losses, axis=0)
    return np.stack(
        [1 + np.searchsorted(column, loss) for column, loss in zip(ascending.T, losses.T, strict=True)],
        axis=1,
    )


def _minus(a: FloatArray, b: FloatArray) -> FloatArray:
    with np.errstate(invalid="ignore"):
        return np.nan_to_num(a - b, nan=0.0, posinf=np.inf, neginf=-np.inf)  # both undefined: no difference


def _central(values: NDArray[Number]) -> tuple[NDArray[Number], NDArray[Number]]:
    """Ends of the central 95 % along the last axis: order statistics, so that no infinity is interpolated."""
    r = values.shape[-1]
    k = int(TAIL * r)
    ordered = np.partition(values, sorted({k, r - 1 - k}), axis=-1)
    return ordered[..., k], ordered[..., r - 1 - k]


def _separable(replicates: FloatArray) -> NDArray[np.bool_]:
    """Whether the paired interval of each difference leaves out 0, shape (m, R) -> (m, m)."""
    m = len(replicates)
    matrix = np.zeros((m, m), dtype=bool)
    for i in range(m - 1):
        low, high = _central(_minus(replicates[i], replicates[i + 1 :]))
        matrix[i, i + 1 :] = matrix[i + 1 :, i] = (low > 0) | (high < 0)
    return matrix


def _tie_groups(separable: NDArray[np.bool_]) -> list[str]:
    """A letter per entry, entries given best first."""
    ties = [""] * len(separable)
    letters = _letters()
    for best in range(len(ties)):
        if not ties[best]:
            letter = next(letters)
            for other in range(best, len(ties)):
                if not ties[other] and not separable[best, other]:
                    ties[other] = letter
    return ties


def _letters() -> Iterator[str]:
    """A ... Z, AA ... ZZ, AAA ..."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    names = [""]
    while True:
        names = [name + letter for name in names for letter in alphabet]
        yield from names
