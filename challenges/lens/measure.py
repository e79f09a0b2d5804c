"""The only place where lens truth and prediction meet."""

from __future__ import annotations

import numpy as np

from blindsky.scoring.measurements import Measured, Table


def measure(truth: Table, prediction: Table) -> Measured:
    """One chunk of a prediction, judged; rows of both tables in the same order.

    truth : label (n,), 1 where the track scores the stamp as a lens; has_source and is_lens (n,) where both are
        known; r_ein (n,), arcsec, where it is known.
    prediction : score (n,), 0 to 1; theta_e and theta_e_err (n,), arcsec, where the entry has them.

    Rows: label, score; with both classes of truth ``visible``, false for sources that are not lenses by the
    rule of 2.0; with Einstein radii rein_error = (theta_e - r_ein)/r_ein and rein_covered = |theta_e - r_ein| <=
    theta_e_err, NaN and false for non-lenses.   ValueError for scores outside 0..1 or lenses without a radius.
    """
    label = np.asarray(truth["label"]).astype(bool)
    score = np.asarray(prediction["score"], dtype=np.float64)
    if not np.all((score >= 0) & (score <= 1)):
        message = "expected scores between 0 and 1, got NaN or scores outside"
        raise ValueError(message)
    rows: Table = {"label": label, "score": score}
    if "is_lens" in truth and "has_source" in truth:
        rows["visible"] = truth["is_lens"].astype(bool) | ~truth["has_source"].astype(bool)
    if "theta_e" in prediction and "r_ein" in truth:
        r_ein = np.where(label, np.asarray(truth["r_ein"], dtype=np.float64), np.nan)
        if not np.all(r_ein[label] > 0):
            message = "expected an Einstein radius above 0 for every lens"
            raise ValueError(message)
        difference = np.asarray(prediction["theta_e"], dtype=np.float64) - r_ein
        rows["rein_error"] = difference / r_ein
        rows["rein_covered"] = np.abs(difference) <= np.asarray(prediction["theta_e_err"], dtype=np.float64)
    return Measured(rows)
