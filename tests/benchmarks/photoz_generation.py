"""Generating galaxies: seconds for a million, written as Parquet, and a flat memory curve; photerr's noise as peer."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from joblib import Parallel, delayed

from blindsky.challenges import generation, registry
from blindsky.challenges.challenge import Size
from blindsky.challenges.progress import Progress
from tests.benchmarks.measuring import apart, peak_mib

WORKERS = 2
MILLION = 1_000_000
CURVE = (100_000, MILLION, 10 * MILLION)
FLAT = 1.25  # the peak at ten million may be this much above the peak at a million


def generate(n: int) -> dict[str, float]:
    """A release with ``n`` training rows, from nothing to its manifest."""
    challenge = registry.get("photoz")
    challenge = replace(challenge, sizes={"bench": Size(n, 8)})
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        generation.generate(challenge, "representative", "bench", Path(folder), workers=WORKERS)
        seconds = time.perf_counter() - start
    workers = Parallel(n_jobs=WORKERS)(delayed(peak_mib)() for _ in range(4 * WORKERS))  # those that drew
    return {"seconds": seconds, "main": peak_mib(), "worker": max(workers)}


def peer(n: int) -> dict[str, float]:
    """LSST error model of photerr on n rows of six magnitudes: noise alone, no spectra, nothing written."""
    import numpy as np
    import pandas as pd
    from photerr import LsstErrorModel

    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.uniform(20, 26, (n, 6)), columns=list("ugrizy"))
    model = LsstErrorModel()
    start = time.perf_counter()
    model(table, random_state=1)
    return {"seconds": time.perf_counter() - start, "main": peak_mib(), "worker": 0.0}


def rows(report: Progress) -> list[dict[str, Any]]:
    """The table."""
    found = []
    curve = {}
    for n in CURVE:
        curve[n] = apart("photoz_generation", "generate", str(n))
        report.advance()
    other = apart("photoz_generation", "peer", str(MILLION))
    million, seconds = curve[MILLION], curve[MILLION]["seconds"]
    found.append(
        {
            "name": f"{MILLION:,} galaxies with photometry and commitments as Parquet, {WORKERS} processes",
            "measured": seconds,
            "unit": "s",
            "reference": f"photerr, noise alone: {other['seconds']:.2f} s",
            "ratio": seconds / other["seconds"],
            "target": "<= 8 s",
            "met": seconds <= 8,
        }
    )
    for n, figures in curve.items():
        total = figures["main"] + WORKERS * figures["worker"]
        base = million["main"] + WORKERS * million["worker"]
        found.append(
            {
                "name": f"peak memory at {n:,} galaxies (main {figures['main']:.0f}, worker {figures['worker']:.0f})",
                "measured": total,
                "unit": "MiB",
                "reference": f"at {MILLION:,}: {base:.0f} MiB; {figures['seconds']:.1f} s",
                "ratio": total / base,
                "target": f"<= {FLAT} of that",
                "met": total <= FLAT * base,
            }
        )
    return found


if __name__ == "__main__":
    print(json.dumps({"generate": generate, "peer": peer}[sys.argv[1]](int(sys.argv[2]))))
