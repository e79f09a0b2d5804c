"""What judging a lens prediction leaves."""

from __future__ import annotations

import numpy as np
import pytest

from blindsky.challenges.lens.measure import measure

TRUTH = {
    "label": np.array([1, 1, 0, 0], dtype=np.uint8),
    "has_source": np.array([True, True, False, False]),
    "is_lens": np.array([True, False, False, False]),
    "r_ein": np.array([1.0, 2.0, 0.5, np.nan]),
}
PREDICTION = {
    "score": np.array([0.9, 0.2, 0.1, 0.0], dtype=np.float32),
    "theta_e": np.array([1.1, 1.5, 3.0, 1.0]),
    "theta_e_err": np.array([0.2, 0.4, 9.0, 9.0]),
}


def only(table, *names):
    return {name: table[name] for name in names}


def test_the_rows():
    rows = measure(TRUTH, PREDICTION).rows
    assert set(rows) == {"label", "score", "visible", "rein_error", "rein_covered"}
    assert rows["label"].dtype == bool
    assert rows["score"].dtype == np.float64
    assert list(rows["visible"]) == [
        True,
        False,
        True,
        True,
    ]  # the second has a source, and is no lens by 2.0
    np.testing.assert_allclose(rows["rein_error"], [0.1, -0.25, np.nan, np.nan])
    assert list(rows["rein_covered"]) == [True, False, False, False]


def test_a_source_that_is_no_lens_is_left_out_whatever_the_label():
    # scored by is_lens, as `euclid` is: the faint source is a non-lens there, and dropped all the same
    rows = measure({**TRUTH, "label": TRUTH["is_lens"]}, PREDICTION).rows
    assert list(rows["label"]) == [True, False, False, False]
    assert list(rows["visible"]) == [True, False, True, True]


def test_what_is_not_known_is_not_measured():
    scored = measure(only(TRUTH, "label"), PREDICTION).rows
    assert set(scored) == {"label", "score"}
    assert set(measure(TRUTH, only(PREDICTION, "score")).rows) == {"label", "score", "visible"}


@pytest.mark.parametrize("score", [1.1, -0.1, np.nan])
def test_scores_outside(score):
    with pytest.raises(ValueError, match="between 0 and 1"):
        measure(TRUTH, {"score": np.array([0.9, 0.2, 0.1, score])})


@pytest.mark.parametrize("radius", [0.0, np.nan])
def test_a_lens_without_a_radius(radius):
    with pytest.raises(ValueError, match="Einstein radius"):
        measure({**TRUTH, "r_ein": np.array([1.0, radius, 0.5, 0.5])}, PREDICTION)
