"""The bootstrap weights: bit by bit against whole-number arithmetic, and against the Poisson distribution."""

from __future__ import annotations

import hashlib
import math
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blindsky.scoring import weights
from blindsky.scoring.weights import Replicates

KEY = bytes(range(32))
MASK = 2**64 - 1


def poisson(word: int) -> int:
    """Smallest k whose cumulative Poisson(1) probability reaches (word + 1/2) / 65536."""
    target, total = (word + 0.5) / 65536, 0.0
    for k in range(20):
        total += math.exp(-1) / math.factorial(k)
        if total >= target:
            return k
    raise AssertionError


def slow(identity: int, replicates: int) -> list[int]:
    """The weights of one case: keyed BLAKE2b of the id, SplitMix64 over the replicates, 16 bits each."""
    state = struct.unpack(
        "<Q", hashlib.blake2b(struct.pack("<q", identity), digest_size=8, key=KEY).digest()
    )[0]
    found: list[int] = []
    while len(found) < replicates:
        state = (state + 0x9E3779B97F4A7C15) & MASK
        word = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & MASK
        word ^= word >> 31
        found += [poisson((word >> shift) & 0xFFFF) for shift in (0, 16, 32, 48)]
    return found[:replicates]


@pytest.fixture(scope="module")
def many() -> np.ndarray:
    """Weights of 5,000 cases in 200 replicates, (200, 5000)."""
    return Replicates(KEY, np.random.default_rng(1).integers(2**53, size=5000)).block(0, 200)


@settings(max_examples=20, deadline=None)
@given(
    ids=st.lists(st.integers(0, 2**53 - 1), min_size=1, max_size=5),
    first=st.integers(0, 240).map(lambda i: 4 * i),
)
def test_equal_to_a_slow_reference(ids: list[int], first: int) -> None:
    found = Replicates(KEY, np.array(ids)).block(first, 8)
    for j, identity in enumerate(ids):
        assert found[:, j].tolist() == slow(identity, first + 8)[first:]


def test_the_table_inverts_the_distribution() -> None:
    assert weights._TABLE.tolist() == [poisson(word) for word in range(65536)]
    assert abs(weights._TABLE.mean() - 1) < 1e-4 and abs(weights._TABLE.var() - 1) < 1e-3


def test_the_weights_are_poisson_with_mean_one(many: np.ndarray) -> None:
    from scipy.stats import chisquare
    from scipy.stats import poisson as law

    n = many.size
    assert abs(many.mean() - 1) < 5 / math.sqrt(n)
    assert abs(many.var() - 1) < 5 * math.sqrt(3 / n)  # the fourth central moment is 4
    counts = np.bincount(many.ravel(), minlength=9)
    expected = n * np.append(law.pmf(np.arange(8), 1), law.sf(7, 1))
    observed = np.append(counts[:8], counts[8:].sum())
    assert chisquare(observed, expected).pvalue > 1e-4


def test_cases_and_replicates_are_independent(many: np.ndarray) -> None:
    cases = np.corrcoef(many[:, :100].T)[np.triu_indices(100, 1)]
    assert np.abs(cases).max() < 6 / math.sqrt(200)
    replicates = np.corrcoef(many)[np.triu_indices(200, 1)]
    assert np.abs(replicates).max() < 6 / math.sqrt(5000)


@settings(max_examples=20, deadline=None)
@given(order=st.permutations(range(30)), kept=st.lists(st.booleans(), min_size=30, max_size=30))
def test_neither_order_nor_subset_matters(order: list[int], kept: list[bool]) -> None:
    ids, mask = np.arange(30) * 10**12, np.array(kept)
    whole = Replicates(KEY, ids)
    known = whole.block(0, 12)
    np.testing.assert_array_equal(Replicates(KEY, ids[order]).block(0, 12), known[:, order])
    chosen = whole.select(mask)
    assert len(chosen) == mask.sum()
    np.testing.assert_array_equal(chosen.block(0, 12), known[:, mask])
    np.testing.assert_array_equal(chosen.block(0, 12), Replicates(KEY, ids[mask]).block(0, 12))


def test_blocks_are_cut_from_one_sequence() -> None:
    replicates = Replicates(KEY, np.arange(7))
    whole = replicates.block(0, 100)
    np.testing.assert_array_equal(np.concatenate([replicates.block(i, 20) for i in range(0, 100, 20)]), whole)


def test_another_key_gives_other_weights() -> None:
    ids = np.arange(2000)
    a, b = (Replicates(key, ids).block(0, 4).astype(float).ravel() for key in (KEY, bytes(32)))
    assert abs(np.corrcoef(a, b)[0, 1]) < 5 / math.sqrt(a.size)


@pytest.mark.parametrize(("first", "count"), [(1, 4), (0, 6), (2, 2)])
def test_replicates_come_in_fours(first: int, count: int) -> None:
    with pytest.raises(ValueError, match=f"fours, got first={first}, count={count}"):
        Replicates(KEY, np.arange(3)).block(first, count)
