"""Matching within a gate: the example of the specification, every assignment tried, ties, rows in any order."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blindsky.scoring.matching import Points, match


def line(*places):
    """One blend on a line."""
    return Points(np.array([len(places)]), np.array(places, float), np.zeros(len(places)))


def brute(truth, found, gate):
    """The number of pairs and the sum of their distances of the best of all assignments of one blend."""
    distance = np.hypot(truth.x[:, None] - found.x, truth.y[:, None] - found.y)
    distance = np.where(distance <= gate, distance, np.inf)
    few, many = sorted(distance.shape)
    if distance.shape[0] > distance.shape[1]:
        distance = distance.T
    best = (0, 0.0)
    for chosen in itertools.permutations(range(many), few):
        d = distance[range(few), chosen]
        best = min(best, (-int(np.isfinite(d).sum()), float(d[np.isfinite(d)].sum())))
    return -best[0], best[1]


def outcome(truth, found, answer, gate):
    """The number of pairs and the sum of their distances; asserts that they are one to one and within the gate."""
    hit = answer >= 0
    assert len(set(answer[hit])) == hit.sum()
    distance = np.hypot(truth.x[hit] - found.x[answer[hit]], truth.y[hit] - found.y[answer[hit]])
    assert np.all(distance <= gate)
    return int(hit.sum()), float(distance.sum())


@pytest.mark.parametrize(
    ("truth", "found"),
    [
        (line(0, 1), Points(np.array([1, 1]), np.zeros(2), np.zeros(2))),
        (line(0, np.nan), line(0)),
        (line(0), line(np.inf)),
        (line(0), Points(np.array([2]), np.zeros(1), np.zeros(1))),
    ],
)
def test_what_can_not_be_matched(truth, found):
    with pytest.raises(ValueError, match="expected"):
        match(truth, found, gate=1)


def test_the_gate_acts_before_the_assignment():
    # ungated, (0, 2.5) and (3.5, 6) have the smallest sum, and both lie beyond 2
    assert list(match(line(0, 3.5), line(2.5, 6), gate=2)) == [-1, 0]
    assert list(match(line(0, 3.5), line(2.5, 6), gate=3)) == [0, 1]
    assert list(match(line(0, 3.5), line(6, 2.5), gate=2)) == [-1, 1]


def test_the_gate_is_inclusive():
    assert list(match(line(0), line(4), gate=4)) == [0]
    assert list(match(line(0), line(np.nextafter(4, 5)), gate=4)) == [-1]


def test_as_many_pairs_as_possible_come_before_their_distances():
    # 1 is nearer to 0.9 than 0 is, but then 0 would have none
    assert list(match(line(0, 1), line(0.9, 4.9), gate=4)) == [0, 1]


def test_many_detections_of_one_object_and_one_of_many():
    assert list(match(line(5), line(7, 5.5, 4, 9), gate=4)) == [1]
    assert list(match(line(3, 4, 6), line(4.6), gate=4)) == [-1, 0, -1]


def test_blends_without_objects_or_detections():
    truth = Points(np.array([1, 0, 2]), np.array([1.0, 1.0, 2.0]), np.zeros(3))
    found = Points(np.array([0, 2, 1]), np.array([1.0, 1.0, 2.1]), np.zeros(3))
    assert list(match(truth, found, gate=4)) == [-1, -1, 2]
    nothing = Points(np.array([0, 0, 0]), np.empty(0), np.empty(0))
    assert list(match(truth, nothing, gate=4)) == [-1, -1, -1]
    assert len(match(nothing, found, gate=4)) == 0


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 100_000), whole=st.booleans())
def test_against_every_assignment(seed, whole):
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 6, (2, 4))
    places = rng.uniform(0, 10, (2, 2, 30))
    truth, found = (
        Points(c, *(np.round(p) if whole else p)[:, : c.sum()]) for c, p in zip(counts, places, strict=True)
    )
    answer = match(truth, found, gate=3)
    t, f = np.split(np.arange(len(truth.x)), truth.counts.cumsum()[:-1]), found.counts.cumsum()
    for blend, rows in enumerate(t):
        first, last = f[blend] - found.counts[blend], f[blend]
        hit = answer[rows][answer[rows] >= 0]
        assert np.all((hit >= first) & (hit < last))
        a = Points(np.array([len(rows)]), truth.x[rows], truth.y[rows])
        b = Points(np.array([last - first]), found.x[first:last], found.y[first:last])
        own = np.where(answer[rows] >= 0, answer[rows] - first, -1)
        pairs, total = outcome(a, b, own, 3)
        expected = brute(a, b, 3)
        assert pairs == expected[0]
        assert total == pytest.approx(expected[1], abs=1e-7)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 100_000))
def test_the_order_of_rows(seed):
    # whole pixels, so that many assignments are equally good and some detections lie in one place
    rng = np.random.default_rng(seed)
    truth = Points(np.array([5]), *rng.integers(0, 5, (2, 5)).astype(float))
    found = Points(np.array([9]), *rng.integers(0, 5, (2, 9)).astype(float))
    det = rng.permutation(9)
    answer = match(truth, found, gate=3, ties=(det,))
    order, other = rng.permutation(9), rng.permutation(5)
    shuffled = match(
        Points(truth.counts, truth.x[other], truth.y[other]),
        Points(found.counts, found.x[order], found.y[order]),
        gate=3,
        ties=(det[order],),
    )
    same_place = len({*zip(truth.x, truth.y, strict=True)}) < 5
    if not same_place:  # objects in one place are told apart by nothing
        expected = np.where(answer >= 0, det[answer], -1)[other]
        np.testing.assert_array_equal(np.where(shuffled >= 0, det[order][shuffled], -1), expected)
    assert outcome(truth, found, answer, 3) == pytest.approx(
        outcome(
            Points(truth.counts, truth.x[other], truth.y[other]),
            Points(found.counts, found.x[order], found.y[order]),
            shuffled,
            3,
        )
    )


def test_many_blends_that_all_need_the_solver():
    # 50 detections in the reach of 6 objects, 500 times: a small solver call a blend
    rng = np.random.default_rng(4)
    truth = Points(np.full(500, 6), *rng.uniform(0, 4, (2, 3000)))
    found = Points(np.full(500, 50), *rng.uniform(0, 4, (2, 25_000)))
    answer = match(truth, found, gate=4)
    assert np.all(answer >= 0)
    np.testing.assert_array_equal(answer // 50, np.repeat(np.arange(500), 6))
