"""Recall, precision and F1 from counts, and what they are where nothing divides."""

from __future__ import annotations

import numpy as np
import pytest

from blindsky.scoring.detection import prepare_rate
from blindsky.scoring.measurements import Measurements
from blindsky.scoring.metric import ones

NAN = np.nan


def rates(hit, false, weights=None):
    table = Measurements({"hit": np.array(hit, float), "false": np.array(false, float)})
    weights = ones(len(hit)) if weights is None else np.array([weights])
    return [float(prepare_rate(table, rate=rate)(weights)[0]) for rate in ("recall", "precision", "f1")]


def test_counts():
    # 3 of 4 objects found, 2 false, one row that is neither
    hit, false = [1, 1, 0, 1, NAN, NAN, NAN], [0, 0, 0, 0, 1, 1, 0]
    assert rates(hit, false) == pytest.approx([3 / 4, 3 / 5, 6 / 9])
    assert rates(hit, false, [2, 0, 1, 0, 0, 3, 5]) == pytest.approx([2 / 3, 2 / 5, 4 / 8])


@pytest.mark.parametrize(
    ("hit", "false", "expected"),
    [
        ([NAN], [0], [1, 1, 1]),  # neither objects that count nor detections
        ([0], [0], [0, 0, 0]),  # an object, no detection
        ([NAN], [1], [0, 0, 0]),  # a detection, no object
        ([1], [0], [1, 1, 1]),
    ],
)
def test_where_nothing_divides(hit, false, expected):
    assert rates(hit, false) == expected


def test_no_weight_is_undefined():
    assert np.isnan(rates([1, 0], [0, 0], [0, 0])).all()
