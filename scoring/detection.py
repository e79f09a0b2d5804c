"""How complete and how pure a catalogue is, from hits, misses and false detections under weights.

What the truth holds and what was detected meet in rows: one per object of the truth and one per false detection.
``hit`` is 1 for an object that was found, 0 for one that was missed and NaN where a row is neither; ``false`` is 1 for
a false detection and 0 elsewhere. With neither object nor detection recall, precision and F1 are 1: nothing was asked
and nothing was claimed. With one of the two alone what has no denominator is 0.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from blindsky.scoring.defined import prepare_share, prepare_sum
from blindsky.scoring.measurements import Array, FloatArray, Measurements
from blindsky.scoring.metric import Statistic

Rate = Literal["recall", "precision", "f1"]


def prepare_rate(
    measurements: Measurements, *, rate: Rate, hit: str = "hit", false: str = "false"
) -> Statistic:
    """Statistic of TP/objects, TP/(TP + FP) or 2 TP/(objects + TP + FP); NaN where no row has weight."""

    def hits(m: Measurements) -> FloatArray:
        return m.floats(hit)

    true = prepare_sum(measurements, hit, hits)
    objects = prepare_share(measurements, hit, hits)
    spurious = prepare_sum(measurements, false, lambda m: m.floats(false))

    def statistic(weights: Array) -> FloatArray:
        tp, n, fp = true(weights), objects(weights), spurious(weights)
        above, below = {
            "recall": (tp, n),
            "precision": (tp, tp + fp),
            "f1": (2 * tp, n + tp + fp),
        }[rate]
        empty = np.where(n + fp > 0, 0.0, 1.0)
        quotient = np.divide(above, below, out=empty, where=below > 0)
        return np.where(np.isnan(n), np.nan, quotient)

    return statistic
