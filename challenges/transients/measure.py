"""The only place where the truth of transients and their predicted classes meet."""

from __future__ import annotations

import numpy as np

from blindsky.challenges.transients.classes import DAYS, NUMBERS, OTHER, SNIA, index
from blindsky.scoring import classification
from blindsky.scoring.measurements import Measured, Table


def measure(truth: Table, prediction: Table) -> Measured:
    """One chunk of a prediction, judged; rows of both tables in the same order.

    truth : true_target (n,), 6 ... 99 or 991 ... 994; epoch_cut (n,), days, in the ``early`` track.
    prediction : class_6 ... class_99 (n,) >= 0, of any sum; anomaly_score (n,) where the entry has one.

    Rows: the columns of ``classification.measure``, classes numbered in the order of NUMBERS; p_6 ... p_99 float32, the
    probabilities; snia, whether p_90 >= 1/2; anomaly, the anomaly score, or else the probability of class 99;
    hidden int16, 991 ... 994 or 0; with an epoch_cut, epoch int8, its place in DAYS.
    ValueError for other classes and cuts, negative probabilities, rows that sum to 0, numbers that are not finite.
    """
    target = np.asarray(truth["true_target"])
    p = classification.normalised(np.stack([prediction[f"class_{c}"] for c in NUMBERS], axis=1))
    rows = classification.measure(index(target), p)
    rows |= {f"p_{c}": column for c, column in zip(NUMBERS, p.T.astype(np.float32), strict=True)}
    rows["snia"] = p[:, NUMBERS.index(SNIA)] >= classification.THRESHOLD
    rows["anomaly"] = np.array(prediction.get("anomaly_score", p[:, -1]), dtype=np.float64)
    if not np.all(np.isfinite(rows["anomaly"])):
        message = "expected finite anomaly scores, got NaN or infinity"
        raise ValueError(message)
    rows["hidden"] = np.where(target > OTHER, target, 0).astype(np.int16)
    if "epoch_cut" in truth:
        rows["epoch"] = np.searchsorted(DAYS, truth["epoch_cut"]).astype(np.int8)
        if not np.all(np.isin(truth["epoch_cut"], DAYS)):
            message = f"expected light curves cut {', '.join(map(str, DAYS))} days after the trigger"
            raise ValueError(message)
    return Measured(rows)
