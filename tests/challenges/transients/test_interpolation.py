"""Hinges against ``np.interp``."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blindsky.challenges.transients.interpolation import PiecewiseLinear

KNOTS = st.lists(st.tuples(st.floats(0.1, 5), st.floats(-10, 10)), min_size=2, max_size=8)


@settings(max_examples=60, deadline=None)
@given(KNOTS, st.floats(-5, 5))
def test_equals_numpy(knots: list[tuple[float, float]], start: float) -> None:
    x = (start + np.cumsum([step for step, _ in knots])).tolist()
    y = [value for _, value in knots]
    at = np.concatenate([np.linspace(x[0] - 1, x[-1] + 1, 101), x])
    np.testing.assert_allclose(PiecewiseLinear(x, y)(at), np.interp(at, x, y), atol=1e-9)


def test_keeps_single_precision() -> None:
    line = PiecewiseLinear([0, 1, 2], [0, 1, 4])
    found = line(np.array([0.5, 1.5], dtype=np.float32))
    assert found.dtype == np.float32
    assert found.tolist() == pytest.approx([0.5, 2.5])
