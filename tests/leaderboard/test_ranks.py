"""Ranks against tables written by hand, and what must hold whatever the entries are."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blindsky.leaderboard.ranks import Contender, Place, Shown, difference, rank, rank_shown

NAN = float("nan")
QUIET = np.zeros(40)  # no spread: every difference is certain


def contender(name: str, loss: float, *, spread: float = 0.0, seed: int = 0, **more: object) -> Contender:
    noise = spread * np.random.default_rng(seed).normal(size=40)
    return Contender(name, str(more.pop("state", "valid")), loss, loss + noise, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("losses", "ranks", "ties"),
    [
        ([], [], []),
        ([1.0], [1], ["A"]),
        ([3.0, 1.0, 2.0], [3, 1, 2], ["C", "A", "B"]),
        ([1.0, 1.0, 2.0], [1, 1, 3], ["A", "A", "B"]),
        ([2.0, 1.0, 2.0, 2.0], [2, 1, 2, 2], ["B", "A", "B", "B"]),
        ([NAN, 1.0, 2.0], [0, 1, 2], ["", "A", "B"]),
        ([NAN, NAN], [0, 0], ["", ""]),
        ([float("inf"), 1.0], [0, 1], ["", "A"]),
        ([-1.0, 0.0, -2.0], [2, 3, 1], ["B", "C", "A"]),
    ],
)
def test_ranks_of_certain_losses(losses: list[float], ranks: list[int], ties: list[str]) -> None:
    found = rank(entries=[contender(str(i), loss) for i, loss in enumerate(losses)]).places
    expected = [Place(str(i), r, r, r, t) for i, (r, t) in enumerate(zip(ranks, ties, strict=True))]
    assert [found[str(i)] for i in range(len(losses))] == expected


@pytest.mark.parametrize("state", ["invalid", "failed", "withdrawn", "superseded"])
def test_only_valid_entries_rank(state: str) -> None:
    found = rank(entries=[contender("a", 1.0, state=state), contender("b", 2.0)]).places
    assert found == {"a": Place("a"), "b": Place("b", 1, 1, 1, "A")}


def test_a_ceiling_is_shown_but_takes_no_rank() -> None:
    found = rank(entries=[contender("oracle", 0.0, rankable=False), contender("b", 2.0)]).places
    assert found["oracle"].rank == 0
    assert found["b"] == Place("b", 1, 1, 1, "A")


def test_paired_noise_cancels_and_unpaired_noise_ties() -> None:
    paired = [contender("a", 1.0, spread=1.0, seed=1), contender("b", 1.1, spread=1.0, seed=1)]
    unpaired = [contender("a", 1.0, spread=1.0, seed=1), contender("b", 1.1, spread=1.0, seed=2)]
    assert rank(entries=paired).separable == {("a", "b"): True, ("b", "a"): True}
    assert rank(entries=unpaired).separable == {("a", "b"): False, ("b", "a"): False}
    assert [p.tie for p in rank(entries=paired).places.values()] == ["A", "B"]
    assert [p.tie for p in rank(entries=unpaired).places.values()] == ["A", "A"]
    assert [(p.rank_low, p.rank_high) for p in rank(entries=paired).places.values()] == [(1, 1), (2, 2)]
    assert [(p.rank_low, p.rank_high) for p in rank(entries=unpaired).places.values()] == [(1, 2), (1, 2)]


def test_a_tie_group_is_made_around_its_best() -> None:
    # b can't be told from a, nor c from b; but c can from a, so it opens a group of its own
    steps = np.where(np.arange(40) % 2, 1.2, -1.2)
    entries = [
        Contender(n, "valid", k, k + f * steps) for k, (n, f) in enumerate((("a", 0), ("b", 1), ("c", -1)))
    ]
    found = rank(entries=entries)
    assert [found.separable[pair] for pair in (("a", "b"), ("b", "c"), ("a", "c"))] == [False, False, True]
    assert {name: place.tie for name, place in found.places.items()} == {"a": "A", "b": "A", "c": "B"}


def test_the_interval_leaves_out_one_fortieth_at_each_end() -> None:
    # 40 replicates: one may lie on the other side of 0 at each end, two may not
    def flips(k: int) -> bool:
        other = np.where(np.arange(40) < k, -1.0, 1.0)
        a, b = Contender("a", "valid", 0.0, QUIET), Contender("b", "valid", 1.0, other)
        return rank(entries=[a, b]).separable["a", "b"]

    assert [flips(k) for k in (0, 1, 2, 3)] == [True, True, False, False]


def test_the_rank_range_is_the_central_95_percent_of_the_rank() -> None:
    # in 3 of 40 replicates the entries change places: more than a fortieth, so both ranges hold both ranks
    other = np.where(np.arange(40) < 3, -1.0, 1.0)
    found = rank(entries=[Contender("a", "valid", 0.0, QUIET), Contender("b", "valid", 1.0, other)]).places
    assert (found["a"].rank_low, found["a"].rank_high) == (1, 2)
    assert (found["b"].rank_low, found["b"].rank_high) == (1, 2)


def test_an_undefined_replicate_counts_as_the_worst() -> None:
    broken = np.where(np.arange(40) < 20, np.nan, 1.0)
    found = rank(entries=[Contender("a", "valid", 1.0, broken), Contender("b", "valid", 2.0, QUIET + 2)])
    assert (found.places["a"].rank_low, found.places["a"].rank_high) == (1, 2)
    assert not found.separable["a", "b"]


def test_difference_is_signed_and_paired() -> None:
    a, b = contender("a", 1.0, spread=1.0, seed=1), contender("b", 1.5, spread=1.0, seed=1)
    there, back = difference(first=a, second=b), difference(first=b, second=a)
    assert there == pytest.approx((-0.5, -0.5, -0.5))
    assert back == pytest.approx((0.5, 0.5, 0.5))
    assert there.separable
    assert back.separable


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([contender("a", 1.0), contender("a", 2.0)], "come twice: a"),
        ([contender("a", 1.0), Contender("b", "valid", 1.0, np.zeros(3))], "same number of replicates"),
        ([Contender("b", "valid", 1.0, np.zeros(0))], "at least one"),
    ],
)
def test_what_can_not_be_ranked_is_refused(entries: list[Contender], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        rank(entries=entries)


def test_more_than_26_groups_get_double_letters() -> None:
    places = rank(entries=[contender(f"{k:02}", float(k)) for k in range(30)]).places
    assert [places[k].tie for k in ("00", "25", "26", "27")] == ["A", "Z", "AA", "AB"]


@st.composite
def fields_of_entries(draw: st.DrawFn) -> list[Contender]:
    """Up to six entries with few distinct losses, so that ties happen, some of them unrankable."""
    n = draw(st.integers(0, 6))
    losses = draw(st.lists(st.sampled_from([0.0, 0.5, 1.0, 1.5, NAN]), min_size=n, max_size=n))
    spread = draw(st.sampled_from([0.0, 0.3, 2.0]))
    states = draw(st.lists(st.sampled_from(["valid", "valid", "valid", "withdrawn"]), min_size=n, max_size=n))
    return [
        contender(f"e{i}", loss, spread=spread, seed=i, state=s)
        for i, (loss, s) in enumerate(zip(losses, states, strict=True))
    ]


@settings(max_examples=40, deadline=None)
@given(entries=fields_of_entries(), data=st.data())
def test_properties_of_every_ranking(entries: list[Contender], data: st.DataObject) -> None:
    found = rank(entries=entries)
    shuffled = data.draw(st.permutations(entries))
    assert rank(entries=shuffled) == (
        {e.id: found.places[e.id] for e in shuffled},
        found.separable,
    ), "order changes nothing"

    extra = [contender("new", -5.0, state="invalid"), contender("void", NAN)]
    wider = rank(entries=[*extra, *entries]).places
    assert {k: v for k, v in wider.items() if k not in ("new", "void")} == found.places, (
        "an invalid entry moves none"
    )

    ranked = sorted((e for e in entries if found.places[e.id].rank), key=lambda e: found.places[e.id].rank)
    assert {e.id for e in ranked} == {e.id for e in entries if e.state == "valid" and np.isfinite(e.loss)}
    for a, b in pairwise(ranked):
        assert a.loss <= b.loss
        assert (found.places[a.id].rank == found.places[b.id].rank) == (a.loss == b.loss)
    if ranked:
        assert found.places[ranked[0].id].rank == 1
        assert {found.places[e.id].tie for e in ranked} >= {"A"}
    for place in found.places.values():
        assert 0 <= place.rank_low <= place.rank_high <= len(ranked)
    for (a_id, b_id), separable in found.separable.items():
        assert separable == found.separable[b_id, a_id]


def test_shown_values_rank_by_hand() -> None:
    """Halves of .3 and .4 join to .5; a difference tells from .51 on, where two digits are shown."""
    a = Shown("a", "valid", 1.0, 0.3, 0.01)
    near, apart = Shown("near", "valid", 1.5, 0.4, 0.01), Shown("apart", "valid", 1.51, 0.4, 0.01)
    assert rank_shown(entries=[a, near]).places == {
        "a": Place("a", 1, 1, 2, "A"),
        "near": Place("near", 2, 1, 2, "A"),
    }
    assert rank_shown(entries=[a, apart]).separable == {("a", "apart"): True, ("apart", "a"): True}
    all_three = rank_shown(entries=[apart, near, a]).places
    assert all_three["a"] == Place("a", 1, 1, 2, "A")
    assert all_three["near"] == Place("near", 2, 1, 3, "A")
    assert all_three["apart"] == Place("apart", 3, 2, 3, "B")
    without = Shown("b", "valid", 9.0, float("inf"), 0.01)
    assert not rank_shown(entries=[a, without]).separable["a", "b"], (
        "no interval of its own, so nothing is told"
    )


@settings(max_examples=40, deadline=None)
@given(
    losses=st.lists(st.one_of(st.integers(-20, 20).map(float), st.just(NAN)), max_size=8),
    data=st.data(),
)
def test_properties_of_every_shown_ranking(losses: list[float], data: st.DataObject) -> None:
    halves = data.draw(st.lists(st.floats(0, 10), min_size=len(losses), max_size=len(losses)))
    entries = [
        Shown(str(k), "valid", loss, half, 1.0)
        for k, (loss, half) in enumerate(zip(losses, halves, strict=True))
    ]
    found = rank_shown(entries=entries)
    assert rank_shown(entries=data.draw(st.permutations(entries))).separable == found.separable
    extra = [Shown("new", "invalid", -50.0, 0.0, 1.0), Shown("void", "valid", NAN, 0.0, 1.0)]
    places = rank_shown(entries=[*extra, *entries]).places
    assert {k: places[k] for k in found.places} == found.places, "an invalid entry moves none"
    assert places["void"] == Place("void")
    for place in found.places.values():
        assert place.rank == 0 or place.rank_low <= place.rank <= place.rank_high
    for (i, j), separable in found.separable.items():
        a, b = entries[int(i)], entries[int(j)]
        assert separable == found.separable[j, i]
        assert not (separable and abs(a.loss - b.loss) <= np.hypot(a.half, b.half))
        assert separable or abs(a.loss - b.loss) < np.hypot(a.half, b.half) + a.unit
