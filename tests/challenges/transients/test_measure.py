"""What a chunk of a prediction becomes, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from blindsky.challenges.transients.classes import DAYS, NUMBERS
from blindsky.challenges.transients.measure import measure

TARGET = np.array([6, 90, 64, 99, 991, 994])


def predicted(p=None, **more):
    rng = np.random.default_rng(0)
    p = rng.random((len(TARGET), 15)) if p is None else p
    return {f"class_{c}": p[:, k] for k, c in enumerate(NUMBERS)} | more


def test_columns():
    prediction = predicted()
    rows = measure({"true_target": TARGET}, prediction).rows
    p = np.stack([prediction[f"class_{c}"] for c in NUMBERS], axis=1)
    p /= p.sum(axis=1, keepdims=True)
    assert list(rows["y"]) == [0, 11, 7, 14, 14, 14]
    assert list(rows["hidden"]) == [0, 0, 0, 0, 991, 994]
    for k, c in enumerate(NUMBERS):
        assert rows[f"p_{c}"].dtype == np.float32
        np.testing.assert_allclose(rows[f"p_{c}"], p[:, k], rtol=1e-7)
    np.testing.assert_allclose(rows["anomaly"], p[:, 14], rtol=1e-15)
    np.testing.assert_allclose(rows["log_p"], np.log(p[np.arange(6), rows["y"]]), rtol=1e-14)
    assert "epoch" not in rows
    # a row less than 128 bytes: 3.5 million of them, twice, take less than 1 GB
    assert sum(column.itemsize for column in rows.values()) < 128


def test_half_is_enough_for_a_supernova():
    p = np.zeros((6, 15))
    p[:, 11], p[:, 0] = [5, 4.999999, 1, 0, 10, 5], [5, 5, 1, 1, 0, 5.0000001]
    assert list(measure({"true_target": TARGET}, predicted(p)).rows["snia"]) == [1, 0, 1, 0, 1, 0]


def test_an_anomaly_score_of_its_own_and_days():
    score = np.array([-5.0, 3, 1e9, 0, 2, 7])
    cut = np.array([0, 2, 8, 32, 128, 0], dtype=np.float32)
    rows = measure({"true_target": TARGET, "epoch_cut": cut}, predicted(anomaly_score=score)).rows
    np.testing.assert_array_equal(rows["anomaly"], score)
    assert list(rows["epoch"]) == [DAYS.index(day) for day in cut]


@pytest.mark.parametrize(
    ("truth", "prediction"),
    [
        ({"true_target": TARGET + 1}, predicted()),
        ({"true_target": TARGET}, predicted(np.zeros((6, 15)))),
        ({"true_target": TARGET}, predicted(-np.ones((6, 15)))),
        ({"true_target": TARGET}, predicted(np.full((6, 15), np.nan))),
        ({"true_target": TARGET}, predicted(anomaly_score=np.full(6, np.nan))),
        ({"true_target": TARGET, "epoch_cut": np.full(6, 3.0)}, predicted()),
        ({"true_target": TARGET, "epoch_cut": np.full(6, np.nan)}, predicted()),
        ({"true_target": TARGET, "epoch_cut": np.full(6, 500.0)}, predicted()),
    ],
)
def test_what_is_refused(truth, prediction):
    with pytest.raises(ValueError, match="expected"):
        measure(truth, prediction)
