"""The page on how ranking works: what it says is what the code does."""

from __future__ import annotations

import re

import numpy as np
import pytest

from blindsky.leaderboard import about, pages, ranks
from blindsky.leaderboard.cells import cell, rounding_step
from blindsky.scoring.weights import REPLICATES, SLICE_REPLICATES


@pytest.fixture(scope="module")
def text() -> str:
    made = about.about_page().split("<main")[1].split("</main>")[0]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", made))


def test_its_numbers_are_the_code_s_own(text: str) -> None:
    assert f"{REPLICATES:,} times more" in text and f"({SLICE_REPLICATES} for slices)" in text
    assert "central 95 %" in text and "shows 30 % of the test cases" in text and "other 70 %" in text
    assert "fewer than 10 cases" in text and "no less than 2 cases" in text
    for kind, meaning in pages.INTERVALS.items():
        assert kind == "none" or meaning in text


def test_two_entries_are_separable_between_the_order_statistics_it_names(text: str) -> None:
    found = re.search(r"between the order statistics (\d+) and (\d+)", text)
    assert found is not None
    low, high = map(int, found.groups())
    draws = np.random.default_rng(0).permutation(REPLICATES).astype(float) + 1
    zero = ranks.Contender("a", "valid", 0.0, np.zeros(REPLICATES))
    other = ranks.Contender("b", "valid", 0.0, draws)
    d = ranks.difference(first=other, second=zero)
    assert (d.low, d.high) == (low, high), "the draws are their own order statistics"


def test_a_group_and_a_rank_are_as_it_defines_them(text: str) -> None:
    assert "one more than the number of entries with a smaller loss; equal losses share it" in text
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 0.1, (4, REPLICATES))
    losses = (1.0, 1.0, 1.5, 9.0)
    made = ranks.rank(
        entries=[ranks.Contender(str(k), "valid", loss, loss + noise[k]) for k, loss in enumerate(losses)]
    )
    assert [made.places[str(k)].rank for k in range(4)] == [1, 1, 3, 4]
    for place in made.places.values():
        first = next(
            p for p in sorted(made.places.values(), key=lambda p: (p.rank, p.id)) if p.tie == place.tie
        )
        assert place.id == first.id or not made.separable[first.id, place.id]


def test_rounding_is_to_a_tenth_of_the_interval_or_more(text: str) -> None:
    assert "the smallest of 1, 2, 5 times a power of ten that is not below it" in text
    for width, step in ((0.9, 0.1), (1.0, 0.1), (1.1, 0.2), (3.0, 0.5), (6.0, 1.0)):
        assert rounding_step(width) == pytest.approx(step)
    shown = cell({"value": 0.123456, "low": 0.1, "high": 0.3, "interval": "percentile"}, rounded=True)
    assert shown.value == 0.12


def test_every_state_is_explained_and_one_is_ranked() -> None:
    from typing import get_args

    from blindsky.submissions.arena import State

    named = {name: ranked for name, _, ranked in about.STATES}
    assert set(get_args(State)) | {"waiting", "outdated"} == set(named)
    assert [name for name, ranked in named.items() if ranked] == [ranks.RANKED_STATE]


def test_it_does_not_depend_on_any_release() -> None:
    assert about.about_page() == about.about_page()
