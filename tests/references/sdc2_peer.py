"""What ska-sdc makes of catalogues: a script for the interpreter of its own environment, which holds none of ours.

Called with files of NumPy's npz format, arrays ``truth_<column>`` and ``claims_<column>`` each; prints a JSON list.
"""

import json
import logging
import sys
import time
from pathlib import Path

COLUMNS = ("id", "ra", "dec", "hi_size", "line_flux_integral", "central_freq", "pa", "i", "w20")
COUNTS = ("n_det", "n_bad", "n_match", "n_false")


def peak_mib() -> float:
    """Largest resident memory of this process so far, MiB; 0 where the system does not say."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0.0
    return (
        int(next(line for line in status.read_text().splitlines() if line.startswith("VmHWM")).split()[1])
        / 1024
    )


def score(path: str) -> dict[str, object]:
    """Score, counts and seconds of one file."""
    import numpy as np
    import pandas as pd
    from ska_sdc import Sdc2Scorer

    with np.load(path) as arrays:
        claims, truth = (
            pd.DataFrame({name: arrays[f"{which}_{name}"] for name in COLUMNS})
            for which in ("claims", "truth")
        )
    start = time.perf_counter()
    found = Sdc2Scorer(claims, truth).run()
    seconds = time.perf_counter() - start
    columns = getattr(found, "column_acc_pc", None)
    return {
        "value": float(found.value),
        "score_det": float(found.score_det),
        "acc_pc": float(found.acc_pc),
        **{name: int(getattr(found, name)) for name in COUNTS},
        "column_acc_pc": {} if columns is None else {name: float(number) for name, number in columns.items()},
        "seconds": seconds,
        "peak": peak_mib(),
    }


if __name__ == "__main__":
    import warnings

    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    print(json.dumps([score(path) for path in sys.argv[1:]]))
