"""The numbers of objects are those of PLAsTiCC where they should be, and add up everywhere."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blindsky.challenges.challenge import Size
from blindsky.challenges.transients import counts
from blindsky.challenges.transients.classes import CLASSES, HIDDEN
from blindsky.challenges.transients.counts import FULL, SMALL, TINY, Mix, apportion, test_mix, train_mix
from blindsky.challenges.transients.populations import POPULATIONS

test_mix.__test__ = False  # type: ignore[attr-defined]
BY_NUMBER = {c.number: c for c in CLASSES}


def by_target(mix: Mix) -> dict[int, tuple[int, int]]:
    found: dict[int, tuple[int, int]] = {}
    for name, (wide, deep) in mix.items():
        target = POPULATIONS[name].source.target
        before = found.get(target, (0, 0))
        found[target] = (before[0] + wide, before[1] + deep)
    return {target: pair for target, pair in found.items() if sum(pair)}


def test_sizes() -> None:
    sizes = [(s.train, s.test) for s in (TINY, SMALL, FULL)]
    assert sizes == [(675, 1_500), (7_848, 53_000), (7_848, 3_492_890)]


def test_the_full_test_set_is_plasticcs() -> None:
    mix = test_mix(FULL)
    expected = {c.number: (c.test - c.test_deep, c.test_deep) for c in CLASSES if c.number != 99}
    expected |= {h.number: (h.test - h.test_deep, h.test_deep) for h in HIDDEN}
    assert by_target(mix) == expected
    assert sum(n.deep for n in mix.values()) == 32_926
    assert sum(mix["IIn"]) == 51_916


@pytest.mark.parametrize("size", [SMALL, FULL])
def test_the_biased_training_set_is_plasticcs(size: Size) -> None:
    mix = train_mix(size, representative=False)
    assert by_target(mix) == {c.number: (c.train_wide, c.train_deep) for c in CLASSES if c.train}
    assert mix["IIn"] == (90, 30)


def test_small() -> None:
    found = by_target(test_mix(SMALL))
    total = {c.number: c.small_test for c in CLASSES if c.number != 99} | {
        h.number: h.small_test for h in HIDDEN
    }
    assert {target: sum(pair) for target, pair in found.items()} == total
    assert {target: pair[1] for target, pair in found.items()} == {
        t: round(0.02 * n) for t, n in total.items()
    }
    assert sum(test_mix(SMALL)["IIn"]) == 519  # 5.2 %


def test_tiny() -> None:
    found = by_target(test_mix(TINY))
    others = {991: (31, 4), 993: (27, 3), 994: (31, 4)}
    assert found == {c.number: (90, 10) for c in CLASSES if c.number != 99} | others
    train = by_target(train_mix(TINY, representative=False))
    for target, (wide, deep) in train.items():
        c = BY_NUMBER[target]
        assert (wide + deep, deep) == (c.tiny_train, round(c.tiny_train * c.train_deep / c.train))
    assert sum(train_mix(TINY, representative=False)["IIn"]) == 10  # 120 of 1,193


@pytest.mark.parametrize("size", [TINY, SMALL, FULL])
def test_a_representative_training_set_has_the_surveys_of_the_test_set(size: Size) -> None:
    like = by_target(test_mix(size))
    biased, found = (by_target(train_mix(size, representative=flag)) for flag in (False, True))
    assert {t: sum(pair) for t, pair in found.items()} == {t: sum(pair) for t, pair in biased.items()}
    assert not {991, 992, 993, 994} & set(found)
    for target, pair in found.items():
        assert abs(pair[1] - sum(pair) * like[target][1] / sum(like[target])) <= 0.5


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 3000), st.integers(0, 3000), st.booleans())
def test_sizes_of_ones_own_add_up(train: int, test: int, representative: bool) -> None:
    size = Size(train, test)
    for mix, total in ((train_mix(size, representative), train), (test_mix(size), test)):
        assert sum(map(sum, mix.values())) == total
        assert min(min(pair) for pair in mix.values()) >= 0
    each = by_target(test_mix(size))
    hidden = sum(sum(each.get(h.number, (0, 0))) for h in HIDDEN)
    known = [sum(each.get(c.number, (0, 0))) for c in CLASSES if c.number != 99]
    assert max(*known, hidden) - min(*known, hidden) <= 1


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 1000), st.lists(st.integers(0, 50), min_size=1, max_size=8).filter(any))
def test_apportioned_numbers_are_nearest(total: int, weights: list[int]) -> None:
    found = apportion(total, dict(enumerate(weights)))
    assert sum(found.values()) == total
    for k, n in found.items():
        assert abs(n - total * weights[k] / sum(weights)) < 1


def test_every_population_is_logged() -> None:
    assert set(counts._MODELS) == set(POPULATIONS)
