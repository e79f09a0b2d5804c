"""Scores from ranks: mid-ranks inside the sample, order kept everywhere."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata

from blindsky.baselines.lens.ranks import Ranks

numbers = st.lists(st.integers(-40, 40), min_size=1, max_size=30)


@settings(deadline=None, max_examples=50)
@given(numbers)
def test_a_sample_gets_its_own_mid_ranks(sample):
    x = np.array(sample, float)
    assert np.allclose(Ranks.of(x).score(x), (rankdata(x) - 0.5) / len(x))


@settings(deadline=None, max_examples=50)
@given(numbers, st.lists(st.integers(-90, 90), min_size=2, max_size=30, unique=True))
def test_order_is_kept_and_nothing_ties(sample, asked):
    x = np.sort(np.array(asked, float))
    score = Ranks.of(np.array(sample, float)).score(x)
    assert (np.diff(score) > 0).all()
    assert (score >= 0).all() and (score <= 1).all()


def test_far_beyond_the_sample_the_score_reaches_for_the_ends():
    score = Ranks.of(np.arange(10.0)).score(np.array([-1e9, 9.0, 18.0, 1e9]))
    assert np.allclose(score, [0, 0.95, 0.975, 1], atol=1e-7)
