"""Stretches cover a table; work keeps its order; replicates do not depend on how a table is cut."""

from __future__ import annotations

import time

import numpy as np
import pytest

from blindsky.scoring import threads
from blindsky.scoring.weights import Replicates


@pytest.mark.parametrize("rows", [0, 1, threads.LONG - 1, threads.LONG, 3 * threads.LONG + 7])
def test_stretches_cover_a_table(rows):
    covered = [i for s in threads.stretches(rows) for i in (s.start, s.stop)]
    assert covered == sorted(covered)
    assert sum(s.stop - s.start for s in threads.stretches(rows)) == rows


@pytest.mark.parametrize("rows", [10, threads.LONG])
def test_results_are_in_order_and_errors_are_raised(rows):
    def slow(i):
        time.sleep(0.01 * (3 - i))
        return i

    assert threads.each(slow, range(4), rows) == [0, 1, 2, 3]
    with pytest.raises(ZeroDivisionError):
        threads.each(lambda i: 1 // i, range(4), rows)


def test_replicates_of_a_long_table_are_those_of_its_cases():
    ids = np.arange(threads.LONG + 20_000)
    long = Replicates(b"key", ids)
    block = long.block(8, 8)
    some = np.zeros(len(ids), dtype=bool)
    some[[0, 16_383, 16_384, threads.LONG - 1, threads.LONG, len(ids) - 1]] = True
    np.testing.assert_array_equal(block[:, some], Replicates(b"key", ids[some]).block(8, 8))
    assert block.mean() == pytest.approx(1, abs=0.005)  # 2.2 million draws of Poisson(1): +- .0007
