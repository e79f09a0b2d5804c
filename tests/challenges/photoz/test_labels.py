"""Spectroscopic labels: success, confusions, and the walk that fills bright labels before deep ones."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blindsky.challenges.photoz import labels
from blindsky.challenges.skies import Block


def block(bright: list[bool], deep: list[bool], first: int = 0) -> Block:
    n = len(bright)
    z = 0.01 * (first + np.arange(n))
    return Block(
        {
            "flux_i": np.arange(first, first + n),
            "redshift": z.astype(np.float32),
            "survey": np.full(n, "all"),
        },
        {
            "train_truth": {"z_true": z, "redshift_is_wrong": np.zeros(n, dtype=bool)},
            labels.CANDIDATES: {
                "bright": np.array(bright),
                "deep": np.array(deep),
                "bright_z": z,
                "deep_z": z + 1,
            },
        },
    )


def test_published_values() -> None:
    np.testing.assert_allclose(labels.success(np.array([0.0, 1.65, 2.4])), [0.95, 0.50, 0.25])
    assert labels.completeness(np.array([22.0]), labels.BRIGHT)[0] == 0.5
    assert labels.completeness(np.array([24.25]), labels.DEEP)[0] == pytest.approx(1 / (1 + np.e))


def test_confusions() -> None:
    z = np.array([0.5, 0.5, 0.5, 2.5])
    found = labels.mistaken(z, np.array([0, 1, 4, 1]))
    assert found[0] == 0.5  # 1.5 * 3727.4 / 6562.8 - 1 < 0: kept
    assert found[1] == pytest.approx(1.5 * 6562.8 / 3727.4 - 1)
    assert found[2] == 0.5  # beyond z = 3: kept
    assert found[3] == 2.5


def test_candidates() -> None:
    rng = np.random.Generator(np.random.Philox(3))
    n = 200_000
    z, i = np.full(n, 1.2), np.full(n, 23.0)
    found = labels.candidates(z, i, rng)
    assert found["deep"].mean() == pytest.approx(0.90 / (1 + np.exp(-4)), abs=0.004)
    assert found["bright"].mean() == pytest.approx(0.90 / (1 + np.exp(2.5)), abs=0.004)
    # at i = 23 the deep survey reaches whatever the bright one does
    assert not np.any(found["bright"] & ~found["deep"])
    # z = 1.2: [OII] taken for Halpha gives 0.25, for [OIII] 0.64; [OIII] for Halpha gives 0.68, Halpha for
    # [OII] 2.87; [OII] for Lyman alpha leaves the range
    assert np.mean(found["deep_z"] != z) == pytest.approx(0.03 * 4 / 5, abs=0.002)
    assert np.mean(found["bright_z"] != z) == pytest.approx(0.005 * 4 / 5, abs=0.001)
    wrong = np.unique(found["deep_z"][found["deep_z"] != z])
    np.testing.assert_allclose(wrong, [0.2495, 0.6378, 0.6784, 2.8735], atol=1e-3)


def test_walk_over_two_blocks() -> None:
    walk = labels.SpectroscopicSelection(7)  # 6 bright, 1 deep
    first = walk.take(block([True] * 4, [True] * 4))
    assert first.public["flux_i"].tolist() == [0, 1, 2, 3]
    assert not walk.complete()
    second = walk.take(block([True, True, True, False], [True, False, False, True], first=4))
    assert walk.complete()
    # 4 and 5 are the last bright ones; the walk goes on from 6, where only 7 is a deep target
    assert second.public["flux_i"].tolist() == [4, 5, 7]
    assert second.public["survey"].tolist() == ["bright", "bright", "deep"]
    np.testing.assert_allclose(second.public["redshift"], [0.04, 0.05, 1.07], rtol=1e-6)
    assert second.public["redshift"].dtype == np.float32
    assert second.private["train_truth"]["redshift_is_wrong"].tolist() == [False, False, True]
    assert set(second.private) == {"train_truth"}
    assert len(walk.take(block([True], [True])).public["flux_i"]) == 0


@given(st.integers(1, 40), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_walk_is_the_rule_read_aloud(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    bright, deep = rng.random((2, 600)) < [[0.3], [0.5]]
    expected: list[int] = []
    quota = round(0.85 * n)
    for row in range(600):
        eligible = bright if len(expected) < quota else deep
        if eligible[row] and len(expected) < n:
            expected.append(row)
    walk = labels.SpectroscopicSelection(n)
    found: list[int] = []
    cuts = [0, *sorted(rng.integers(0, 600, 5).tolist()), 600]
    for start, stop in pairwise(cuts):
        part = block(bright[start:stop].tolist(), deep[start:stop].tolist(), start)
        found += walk.take(part).public["flux_i"].tolist()
    assert found == expected
    assert walk.complete() == (len(found) == n)
