"""Light curves are put together from whatever pieces a file comes in."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from blindsky.challenges.transients.plasticc_csv import Objects, some, whole_objects


@settings(max_examples=60, deadline=None)
@given(
    counts=st.lists(st.integers(1, 9), min_size=1, max_size=12),
    cuts=st.lists(st.integers(0, 110), max_size=8),
    seed=st.integers(0, 9),
)
def test_any_pieces_give_the_same_objects(counts: list[int], cuts: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    ids = rng.permutation(50)[: len(counts)]  # objects lie together, but not by id
    owner = np.repeat(ids, counts)
    table = {"object_id": owner, "mjd": rng.integers(0, 5, len(owner)) / 2, "flux": np.arange(len(owner))}
    edges = [0, *sorted(min(cut, len(owner)) for cut in cuts), len(owner)]
    pieces = [{name: column[a:b] for name, column in table.items()} for a, b in pairwise(edges)]
    found = list(whole_objects(pieces))
    assert [i for some_ids, _ in found for i in some_ids] == ids.tolist()
    assert [n for _, curves in found for n in curves.counts] == counts
    rows = np.concatenate([curves.columns["flux"] for _, curves in found])
    # an object keeps its rows, in order of time, those of the same time as they came
    expected = [np.flatnonzero(owner == i)[np.argsort(table["mjd"][owner == i], kind="stable")] for i in ids]
    np.testing.assert_array_equal(rows, np.concatenate(expected))


def test_nothing_comes_of_nothing() -> None:
    empty: dict[str, Any] = {"object_id": np.empty(0, int), "mjd": np.empty(0)}
    assert list(whole_objects([])) == list(whole_objects([empty, empty])) == []


def test_places() -> None:
    objects = Objects("x", "test", np.array([3, 7, 2**53]), {}, {})
    assert objects.places(np.array([7, 2**53, 4, 3, 2**53 + 1, 0])).tolist() == [1, 2, -1, 0, -1, -1]
    assert not objects.told
    assert some(np.arange(9)) == "9 objects (0, 1, 2, 3, 4, ...)" and some(np.array([5])) == "1 object (5)"
