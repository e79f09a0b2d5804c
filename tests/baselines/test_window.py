"""A table visited at random: every row once, within the budget, and mixed."""

from __future__ import annotations

import math
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch")

from blindsky.baselines import window as windows
from blindsky.baselines.window import WINDOW, Window
from blindsky.challenges.errors import InputFault


class Counted:
    """Row groups in memory that remember what was read."""

    def __init__(self, lengths, broken=()):
        self.starts = (0, *np.cumsum(lengths).tolist())
        self.column = np.arange(self.starts[-1], dtype=np.float32)[:, None] + [0, 0.5]
        self.reads, self.broken = [], broken

    def read(self, k, columns=None):
        if k in self.broken:
            message = "damaged"
            raise InputFault(message)
        self.reads.append(k)
        return {"image": self.column[self.starts[k] : self.starts[k + 1]]}


def visited(window, rows, seed, batch):
    """The rows of an epoch as they come, and the most groups that lay in memory after a batch."""
    order = window.order(rows, None if seed is None else np.random.default_rng(seed))
    most, seen = 0, []
    for i in range(0, len(order), batch):
        seen.append(window.take(order[i : i + batch])["image"])
        most = max(most, len(window.held))
    return np.concatenate(seen), most


@settings(deadline=None, max_examples=40)
@given(
    lengths=st.lists(st.integers(1, 9), min_size=1, max_size=40),
    share=st.floats(0.2, 1),
    batch=st.integers(1, 30),
    seed=st.none() | st.integers(0, 99),
)
def test_an_epoch_visits_every_row_once_and_holds_two_windows(lengths, share, batch, seed):
    window = Window(Counted(lengths), ["image"])
    rows = np.random.default_rng(1).permutation(len(window))[: math.ceil(share * len(window))]
    with mock.patch.object(windows, "BUDGET", 0):
        seen, most = visited(window, rows, seed, batch)
    assert sorted(seen[:, 0]) == sorted(rows)
    np.testing.assert_array_equal(seen[:, 1], seen[:, 0] + 0.5)
    assert most <= 2 * WINDOW
    if seed is None:
        np.testing.assert_array_equal(seen[:, 0], np.sort(rows))


@pytest.mark.parametrize("tables", [0, 20, 50])
def test_a_budget_is_kept_and_used(monkeypatch, tables):
    monkeypatch.setattr(windows, "BUDGET", tables * 5 * 2 * 8)  # groups of five rows, two float64 each
    groups = Counted([5] * 50)
    window = Window(groups, ["image"], workers=3)
    for epoch in range(3):
        _, most = visited(window, np.arange(250), epoch, 7)
        assert most <= max(tables, 2 * WINDOW)
    assert len(groups.reads) == 50 if tables == 50 else 100 < len(groups.reads) <= 150


def test_groups_are_read_once_an_epoch_and_mixed_within_a_window(monkeypatch):
    monkeypatch.setattr(windows, "BUDGET", 0)
    groups = Counted([5] * 50)
    window = Window(groups, ["image"])
    first, _ = visited(window, np.arange(250), 3, 7)
    assert sorted(groups.reads) == list(range(50))
    group = first[:, 0].astype(int) // 5
    for i in range(0, 250, 5 * WINDOW):
        assert len(set(group[i : i + 5 * WINDOW])) == len(group[i : i + 5 * WINDOW]) / 5  # no other window's
    assert len(set(group[: 5 * WINDOW][:WINDOW])) > 2  # not one group after the other
    again, _ = visited(Window(groups, ["image"]), np.arange(250), 3, 11)
    np.testing.assert_array_equal(first, again)  # whatever the batch, and whatever was visited before
    other, _ = visited(window, np.arange(250), 4, 7)
    assert (first != other).mean() > 0.9


def test_a_group_that_can_not_be_read_stops_the_run():
    window = Window(Counted([5] * 3, broken=(1,)), ["image"])
    with pytest.raises(InputFault, match="damaged"):
        visited(window, np.arange(15), 0, 4)
