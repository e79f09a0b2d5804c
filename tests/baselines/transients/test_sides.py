"""Sides of the sky, weights and divisions: each by its defining property."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from blindsky.baselines.transients.sides import class_weights, columns_that_vary, folds, galactic


class Weights:
    """A public part that says what the weights are."""

    def json(self, name: str) -> dict[str, Any]:
        assert name == "classes"
        return {
            "classes": [{"class": 15, "weight": 2}, {"class": 42, "weight": 1}, {"class": 90, "weight": 1}]
        }


def test_a_host_at_redshift_0_is_our_galaxy():
    table = {"hostgal_photoz": np.array([0.0, 0.3, 0.0], dtype=np.float32)}
    assert galactic(table).tolist() == [True, False, True]


def test_a_class_counts_by_its_weight_whatever_its_number():
    target = np.array([90] * 50 + [15] * 4 + [42] * 10)
    weights = class_weights(target, Weights())  # type: ignore[arg-type]
    assert np.isclose(weights.mean(), 1)
    total = {number: weights[target == number].sum() for number in (15, 42, 90)}
    assert np.isclose(total[15], 2 * total[42])
    assert np.isclose(total[42], total[90])


@given(k=st.integers(2, 5), copies=st.integers(1, 4), seed=st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_objects_stay_whole_and_classes_are_spread_evenly(k, copies, seed):
    rng = np.random.default_rng(seed)
    target = rng.integers(0, 3, 40)
    rows = rng.permutation(np.repeat(np.arange(40), copies))
    found = folds({"object_id": 1000 + rows, "target": target[rows]}, k, seed)
    of_object = np.full(40, -1)
    of_object[rows] = found
    np.testing.assert_array_equal(of_object[rows], found)  # the last row of an object speaks for all
    for number in range(3):
        sizes = np.bincount(of_object[target == number], minlength=k)
        assert sizes.max() - sizes.min() <= 1


def test_columns_that_say_something():
    found = np.zeros((20, 4), dtype=np.float32)
    found[:, 1] = np.arange(20)
    found[:, 2] = np.nan
    found[1:, 3] = np.nan  # known once in twenty rows
    found[:, 0] = 7
    assert columns_that_vary(found).tolist() == [1]
    found[:2, 3] = 1, 2
    assert columns_that_vary(found).tolist() == [1, 3]
