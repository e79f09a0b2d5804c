"""The streams, ids and parts of a release against the standard library, and against chance."""

from __future__ import annotations

import hashlib
import hmac
import struct

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from blindsky.challenges import randomness
from blindsky.challenges.randomness import ID_BITS, TEST_ROWS, keyed_uniform, object_ids, splitmix64, stream

KEY = bytes(range(32))
MASK = 2**64 - 1


def mixed(x: int) -> int:
    """SplitMix64 in whole numbers, from the paper."""
    x = (x + 0x9E3779B97F4A7C15) & MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def hashed(path: str) -> bytes:
    return hmac.new(KEY, path.encode(), hashlib.sha256).digest()


def test_a_stream_is_philox_keyed_by_the_hmac_of_its_path() -> None:
    path = "r-1/toy/plain/tiny/test/7"
    expected = np.random.Generator(np.random.Philox(key=int.from_bytes(hashed(path)[:16], "little")))
    np.testing.assert_array_equal(
        stream(KEY, path).integers(2**64, size=20, dtype=np.uint64),
        expected.integers(2**64, size=20, dtype=np.uint64),
    )


def test_streams_of_other_paths_and_keys_are_others() -> None:
    draws = [stream(KEY, f"r/{b}").random(1000) for b in range(3)] + [stream(bytes(32), "r/0").random(1000)]
    correlation = np.asarray(np.corrcoef(draws))[np.triu_indices(4, 1)]
    assert np.abs(correlation).max() < 0.15  # 4.7 standard deviations of 1/sqrt(1000)


def test_splitmix64_is_the_published_generator() -> None:
    # first three outputs of the reference implementation seeded with 1234567
    seeds = (1234567 + 0x9E3779B97F4A7C15 * np.arange(3, dtype=object)) & MASK
    published = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    assert splitmix64(seeds.astype(np.uint64)).tolist() == published
    assert [mixed(int(s)) for s in seeds] == published


def test_ids_are_the_feistel_network_of_the_row_number() -> None:
    words = struct.unpack("<8Q", hashed("r/ids") + hashed("r/ids/more"))
    rows = [0, 1, 2**26, TEST_ROWS, 2**ID_BITS - 1]
    for row, found in zip(rows, object_ids(KEY, "r", np.array(rows)), strict=True):
        left, right = row >> 26, row & (2**26 - 1)
        for i in range(0, 8, 2):
            left ^= mixed(right ^ words[i]) & (2**27 - 1)
            right ^= mixed(left ^ words[i + 1]) & (2**26 - 1)
        assert found == (left << 26) | right


@settings(max_examples=20, deadline=None)
@given(first=st.integers(0, 2**52 - 5000), key=st.binary(min_size=32, max_size=32))
def test_ids_do_not_collide_and_tell_no_order(first: int, key: bytes) -> None:
    rows = np.concatenate([first + np.arange(2000), TEST_ROWS + first + np.arange(2000)])
    ids = object_ids(key, "r", rows)
    assert len(np.unique(ids)) == len(rows)
    assert ids.min() >= 0 and ids.max() < 2**ID_BITS
    np.testing.assert_array_equal(ids.astype(np.float64).astype(np.int64), ids)  # a float keeps them
    half = ids[:2000].astype(np.float64)
    # 6 standard deviations; twenty keys are tried
    assert abs(np.corrcoef(np.arange(2000), half)[0, 1]) < 6 / np.sqrt(2000)
    assert abs(np.corrcoef(half[:-1], half[1:])[0, 1]) < 6 / np.sqrt(2000)


def test_ids_fill_their_range_evenly() -> None:
    from scipy.stats import kstest

    ids = object_ids(KEY, "r", np.arange(20_000)) / 2.0**ID_BITS
    assert kstest(ids, "uniform").pvalue > 1e-4


def test_ids_of_another_release_are_others() -> None:
    rows = np.arange(1000)
    assert not np.intersect1d(object_ids(KEY, "r", rows), object_ids(KEY, "s", rows)).size


def test_keyed_uniform_is_uniform_and_hangs_on_the_key() -> None:
    from scipy.stats import kstest

    ids = object_ids(KEY, "r", np.arange(20_000))
    u = keyed_uniform(KEY, "r/part", ids)
    assert u.min() >= 0 and u.max() < 1
    assert kstest(u, "uniform").pvalue > 1e-4
    for other in (keyed_uniform(bytes(32), "r/part", ids), keyed_uniform(KEY, "s/part", ids)):
        assert abs(np.corrcoef(u, other)[0, 1]) < 5 / np.sqrt(20_000)
    assert abs(np.corrcoef(u, ids.astype(np.float64))[0, 1]) < 5 / np.sqrt(20_000)
    np.testing.assert_array_equal(keyed_uniform(KEY, "r/part", ids[::-1]), u[::-1])


def test_thirty_percent_of_the_cases_are_on_the_public_board() -> None:
    from scipy.stats import binomtest

    from blindsky.challenges.writing import PUBLIC_SHARE

    ids = object_ids(KEY, "r", TEST_ROWS + np.arange(50_000))
    inside = int((keyed_uniform(KEY, "r/part", ids) < PUBLIC_SHARE).sum())
    assert binomtest(inside, 50_000, 0.30).pvalue > 1e-4


def test_keys_are_fresh() -> None:
    assert len({randomness.new_key() for _ in range(10)}) == 10
    assert len(randomness.new_key()) == 32
