"""Which detection is which object: one-to-one assignment within a distance, blend by blend.

The gate acts before the assignment. An assignment that may pair anything minimises the sum of all distances, and where
it pairs two of them beyond the gate it can give up a pair within it. Here as many objects as possible are matched
within the gate and, among the ways to do that, the sum of their distances is the smallest.

Ties are broken by place, never by the order of rows: detections of a blend go to the solver sorted by x, y and then by
keys of the caller, objects by x and y, so equal solutions are chosen alike whatever order they are sent in.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from blindsky.scoring.measurements import Array

Indices = NDArray[np.intp]
BEYOND = 1e6  # cost of a pair beyond the gate, where one within it costs at most 1


class Points(NamedTuple):
    """Places in several cases, those of the first case first: ``counts`` (n,) of each case, ``x`` and ``y`` (m,)."""

    counts: Array
    x: Array
    y: Array


def cases(counts: Array) -> Indices:
    """The case of each row, (counts.sum(),)."""
    return np.repeat(np.arange(len(counts)), counts)


def _checked(points: Points, what: str) -> Points:
    counts, x, y = (np.asarray(column) for column in points)
    if not (x.shape == y.shape == (int(counts.sum()),) and np.all(np.isfinite(x)) and np.all(np.isfinite(y))):
        message = f"expected {int(counts.sum())} finite places of {what}, got x {x.shape} and y {y.shape}"
        raise ValueError(message)
    return Points(counts, x.astype(np.float64), y.astype(np.float64))


def match(truth: Points, found: Points, *, gate: float, ties: tuple[Array, ...] = ()) -> Indices:
    """Row of the detection matched to each object of the truth, (m,); -1 for none.

    gate : largest distance of a pair, inclusive, in the unit of x and y.   ties : further keys of the detections, first
    one first, that order those in one place, such as their number.
    ValueError for truth and detections of different numbers of cases, and for places that are not finite.
    """
    truth, found = _checked(truth, "objects"), _checked(found, "detections")
    if len(truth.counts) != len(found.counts):
        message = (
            f"expected as many cases of truth and detections, got {len(truth.counts)}, {len(found.counts)}"
        )
        raise ValueError(message)
    of_truth, of_found = cases(truth.counts), cases(found.counts)
    sorted_truth = np.lexsort((truth.y, truth.x, of_truth))
    sorted_found = np.lexsort((*reversed(ties), found.y, found.x, of_found))
    matched = _match_sorted(
        Points(truth.counts, truth.x[sorted_truth], truth.y[sorted_truth]),
        Points(found.counts, found.x[sorted_found], found.y[sorted_found]),
        gate,
    )
    answer = np.full(len(matched), -1)
    # a match of -1 picks any row here, and is put back
    picked = sorted_found[matched] if len(sorted_found) else matched
    answer[sorted_truth] = np.where(matched >= 0, picked, -1)
    return answer


def _match_sorted(truth: Points, found: Points, gate: float) -> Indices:
    """``match`` of rows in their final order: pairs without a rival at once, the rest blend by blend."""
    from scipy.optimize import linear_sum_assignment

    i, j, distance = _within(truth, found, gate)
    answer = np.full(len(truth.x), -1)
    lonely = (np.bincount(i, minlength=len(truth.x))[i] == 1) & (
        np.bincount(j, minlength=len(found.x))[j] == 1
    )
    answer[i[lonely]] = j[lonely]
    i, j, distance = i[~lonely], j[~lonely], distance[~lonely]
    case = cases(truth.counts)[i]
    first_truth, first_found = np.cumsum(truth.counts) - truth.counts, np.cumsum(found.counts) - found.counts
    blends, pairs_of = np.unique(case, return_counts=True)
    for blend, end, n in zip(blends, np.cumsum(pairs_of), pairs_of, strict=True):
        pairs = slice(end - n, end)
        cost = np.full((truth.counts[blend], found.counts[blend]), BEYOND)
        cost[i[pairs] - first_truth[blend], j[pairs] - first_found[blend]] = distance[pairs] / gate
        rows, columns = linear_sum_assignment(cost)
        near = cost[rows, columns] < BEYOND
        answer[rows[near] + first_truth[blend]] = columns[near] + first_found[blend]
    return answer


def _within(truth: Points, found: Points, gate: float) -> tuple[Indices, Indices, NDArray[np.float64]]:
    """Pairs of a case within the gate: rows of the truth, ascending, rows of the detections, distances."""
    of_truth = cases(truth.counts)
    candidates, first = found.counts[of_truth], (np.cumsum(found.counts) - found.counts)[of_truth]
    pairs = []
    for k in range(int(candidates.max(initial=0))):  # the k-th detection of every blend at once
        i = np.flatnonzero(candidates > k)
        j = first[i] + k
        distance = np.hypot(truth.x[i] - found.x[j], truth.y[i] - found.y[j])
        near = distance <= gate
        pairs.append((i[near], j[near], distance[near]))
    if not pairs:
        none: Indices = np.empty(0, dtype=np.intp)
        return none, none, np.empty(0)
    i, j, distance = (np.concatenate(column) for column in zip(*pairs, strict=True))
    order = np.argsort(i, kind="stable")
    return i[order], j[order], distance[order]
