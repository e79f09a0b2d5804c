"""The only place where photo-z truth and prediction meet."""

from __future__ import annotations

import numpy as np

from blindsky.scoring import density
from blindsky.scoring.measurements import Measured, Table
from blindsky.scoring.regression import scaled_error

Z_MIN, Z_MAX = 0.0, 3.0


def measure(truth: Table, prediction: Table) -> Measured:
    """One chunk of a prediction, judged; rows of both tables in the same order.

    truth : z_true (n,), and oracle_logp (n,) where the release has an oracle.
    prediction : z_point (n,), and pdf (n, k) on nodes from 0 to 3 where the entry has densities.

    Rows: z_true, z_point, e; with pdf the columns of ``density.measure``; with an oracle oracle_log_p. Wide,
    with pdf: cdf_excess (n, k).   ValueError for redshifts outside 0..3 or densities without an integral.
    """
    z_true = np.asarray(truth["z_true"], dtype=np.float64)
    z_point = np.asarray(prediction["z_point"], dtype=np.float64)
    rows: Table = {"z_true": z_true, "z_point": z_point, "e": scaled_error(z_true, z_point)}
    wide: Table = {}
    if "oracle_logp" in truth:
        rows["oracle_log_p"] = np.maximum(
            np.asarray(truth["oracle_logp"], dtype=np.float64), np.log(density.FLOOR)
        )
    if "pdf" in prediction:
        rows.update(density.measure(z_true, prediction["pdf"], Z_MIN, Z_MAX))
        wide["cdf_excess"] = density.cdf_excess(z_true, prediction["pdf"], Z_MIN, Z_MAX)
    return Measured(rows, wide)
