"""Generating light curves: parts of the full release, whose work grows with their size and whose memory does not."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from blindsky.challenges import generation
from blindsky.challenges.challenge import Size, Track
from blindsky.challenges.progress import Progress
from blindsky.challenges.transients import CHALLENGE, counts
from blindsky.challenges.transients.counts import Mix, Number
from blindsky.challenges.transients.sky import TransientSky
from tests.benchmarks.measuring import apart, peak_mib, row

PARTS = (100, 30)  # of the full release; a tenth by hand: python -m tests.benchmarks.transients_generation 10
MINUTES, CORES = 40, 2  # of the full release
MIB = 2048
FLAT = 1.5  # by so much may memory grow from the first part to the next


def _scaled(mix: Mix, part: int) -> Mix:
    return {name: Number(*(round(n / part) for n in number)) for name, number in mix.items()}


def generate(part: int) -> dict[str, float]:
    """A part of the full release of ``biased``, drawn and written by one process."""
    full = {
        "train": counts.train_mix(counts.FULL, representative=False),
        "test": counts.test_mix(counts.FULL),
    }
    mixes = {split: _scaled(mix, part) for split, mix in full.items()}

    def sky(track: Track, size: Size, options: Mapping[str, str]) -> TransientSky:
        return TransientSky(mixes, spectra=True, early=False)

    size = Size(*(sum(map(sum, mixes[split].values())) for split in ("train", "test")))
    challenge = replace(CHALLENGE, sizes={"part": size}, sky=sky)
    with tempfile.TemporaryDirectory() as folder:
        start, before = time.perf_counter(), time.process_time()
        release = generation.generate(challenge, "biased", "part", Path(folder))
        seconds, cpu = time.perf_counter() - start, time.process_time() - before
        light_curves = release.public.rows("test_lightcurves")
    return {"objects": size.test, "rows": light_curves, "seconds": seconds, "cpu": cpu, "peak": peak_mib()}


def rows(report: Progress) -> list[dict[str, object]]:
    """The table."""
    found = []
    for part in PARTS:
        found.append(apart("transients_generation", str(part)))
        report.advance()
    small, large = found
    # What both have, such as one block at least of every population, is none of the objects' work
    each = (large["cpu"] - small["cpu"]) / (large["objects"] - small["objects"])
    minutes = each * sum(map(sum, counts.test_mix(counts.FULL).values())) / 60
    name = (
        f"full release, CPU time estimated from {small['objects']:,.0f} and {large['objects']:,.0f} objects"
    )
    note = f"{large['rows'] / large['objects']:.0f} rows an object"
    lines = [
        row(
            name,
            minutes,
            "min",
            f"<= {MINUTES * CORES}, on {CORES} cores {MINUTES}",
            minutes <= MINUTES * CORES,
            note,
        )
    ]
    growth = large["peak"] / small["peak"]
    lines.append(
        row(
            f"peak memory at {large['objects']:,.0f} objects",
            large["peak"],
            "MiB",
            f"<= {MIB}, and {FLAT} of that",
            large["peak"] <= MIB and growth <= FLAT,
            f"at {small['objects']:,.0f}: {small['peak']:.0f} MiB",
            growth,
        )
    )
    return lines


if __name__ == "__main__":
    print(json.dumps(generate(int(sys.argv[1]))))
