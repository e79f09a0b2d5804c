"""Painting HI cubes: noise, stamps, the whole path on a core, where time goes, memory, what the full cube takes.

Each measurement runs in a process of its own on one thread; rates are per second of that process's time on a core.
Cubes are streamed and not kept. Of dev 600 planes are painted, unless HI_BENCH_PLANES says how many, or ``all``.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Callable

import numpy as np

from blindsky.challenges.hi import continuum, interference, painter, population, render
from blindsky.challenges.hi.field import DEV, FIELDS, FULL, Field
from blindsky.challenges.hi.noise import Noise
from blindsky.challenges.progress import Progress
from blindsky.challenges.randomness import Streams
from tests.benchmarks.measuring import Stages, apart, on_gpu, peak_mib, row, timed

KEY = hashlib.sha256(b"blindsky-golden").digest()
NOISE_PLANES = {"tiny": 256, "small": 128, "dev": 32, "ldev": 8, "full": 2}
RATES = {"noise": 100.0, "dev": 80.0}  # MB/s per core
SECONDS = {"tiny": 5.0, "small": 15.0}
STAMP_MS = 3.0
PEAK_MIB = {"dev": 1.5e9 / 2**20, "full": 4e9 / 2**20}
FULL_RANGE = 4  # planes of full: enough for the memory; its stamps reach far beyond them
FULL_CORE_HOURS = 1.0  # of stamps
SOURCES = 1_024
RANGE = 600  # planes of dev
STAGES: Stages = {
    "noise": ((Noise, "fill"),),
    "stamps": ((render, "stamps"),),
    "adding them": ((painter, "_add"),),
    "residual": ((continuum.Residual, "plane"),),
}


def _streams(track: str, size: str) -> Streams:
    return Streams(KEY, f"golden/hi/{track}/{size}/test")


def noise(size: str) -> dict[str, float]:
    """MB/s of noise planes, the best of three runs."""
    field = FIELDS[size]["test"]
    drawn = Noise(field, np.ones(field.nchan), _streams("core", size))
    drawn.plane(0)
    planes, seconds = NOISE_PLANES[size], []
    for _ in range(3):
        start = time.process_time()
        for z in range(planes):
            drawn.plane(z)
        seconds.append(time.process_time() - start)
    return {"rate": planes * 4e-6 * field.nx * field.ny / min(seconds)}


def stamps(device: str = "cpu") -> dict[str, float]:
    """Stamps per second of the sources of dev, in chunks as they are painted, and their mean size in kB."""
    sources = population.draw(DEV, "survey", _streams("survey", "dev"))
    chunks = [
        {name: column[first : first + painter.CHUNK] for name, column in sources.items()}
        for first in range(0, SOURCES, painter.CHUNK)
    ]
    render.stamps(DEV, chunks[0], device)
    clock = time.process_time if device == "cpu" else time.perf_counter
    start = clock()
    made = [stamp for chunk in chunks for stamp in render.stamps(DEV, chunk, device)]
    return {
        "rate": SOURCES / (clock() - start),
        "kb": float(np.mean([stamp.values.nbytes for stamp in made])) / 1e3,
    }


def whole(track: str, size: str, planes: str = "all") -> dict[str, float]:
    """Catalogue and planes from the middle of the band, streamed: MB/s, seconds, peak MiB, shares of the stages."""
    import torch

    torch.set_num_threads(1)
    field: Field = FIELDS[size]["test"]
    many = field.nchan if planes == "all" else min(int(planes), field.nchan)
    stages: dict[str, float] = {}
    start, began = time.process_time(), time.perf_counter()
    streams = _streams(track, size)
    sources = population.draw(field, track, streams)
    rms = interference.channels(field, track)["rms_jy_beam"]
    left = None
    if track == "survey":
        left = continuum.Residual(field, continuum.components(field, streams), streams)
    first, painted = (field.nchan - many) // 2, 0
    with timed(STAGES, stages):
        for slab in painter.Painter(field, sources, rms, streams, left).planes(first, first + many):
            painted += slab.nbytes
    seconds, wall = time.process_time() - start, time.perf_counter() - began
    shares = {stage: spent / wall for stage, spent in stages.items()}
    return {"rate": painted / 1e6 / seconds, "seconds": seconds, "planes": many, "peak": peak_mib(), **shares}


def gpu(track: str) -> dict[str, float]:
    """Stamps per second on a GPU."""
    del track
    return stamps("cuda")


def rows(report: Progress) -> list[dict[str, object]]:
    """The table."""
    found: list[dict[str, object]] = []
    noises = {}
    for size in NOISE_PLANES:
        report.note(f"noise of {size}")
        noises[size] = apart("hi_generation", "noise", size)["rate"]
        name = f"noise, {size}, {NOISE_PLANES[size]} planes: per core"
        target = f">= {RATES['noise']:.0f}"
        found.append(row(name, noises[size], "MB/s", target, noises[size] >= RATES["noise"]))
    report.note("stamps")
    figures = apart("hi_generation", "stamps")
    each = 1e3 / figures["rate"]
    found.append(row(f"stamps, {figures['kb']:.0f} kB each: per core", figures["rate"], "1/s", "", None))
    found.append(row("a stamp", each, "ms", f"<= {STAMP_MS:g}", each <= STAMP_MS))
    found.append(on_gpu("hi_generation", "survey", "stamps"))
    for size, least in SECONDS.items():
        for track in ("core", "survey"):
            report.note(f"whole of {size}, {track}")
            figures = apart("hi_generation", "whole", track, size)
            met = figures["seconds"] <= least
            found.append(
                row(
                    f"{size}, {track}, whole", figures["seconds"], "s", f"<= {least:g}", met, _shares(figures)
                )
            )
    rates, peaks = {}, {}
    for track in ("core", "survey"):
        report.note(f"dev, {track}")
        figures = apart("hi_generation", "whole", track, "dev", os.environ.get("HI_BENCH_PLANES", str(RANGE)))
        rates[track] = figures["rate"]
        name = f"dev, {track}, {figures['planes']:.0f} planes of {DEV.nchan}: per core"
        target = f">= {RATES['dev']:.0f}"
        found.append(
            row(name, figures["rate"], "MB/s", target, figures["rate"] >= RATES["dev"], _shares(figures))
        )
        peaks["dev", track] = figures["peak"]
    report.note("full, survey")
    peaks["full", "survey"] = apart("hi_generation", "whole", "survey", "full", str(FULL_RANGE))["peak"]
    for (size, track), peak in peaks.items():
        most = PEAK_MIB[size]
        found.append(row(f"peak memory, {size}, {track}", peak, "MiB", f"<= {most:.0f}", peak <= most))
    many = population.expected(FULL)
    hours = {
        "noise": FULL.bytes / 1e6 / noises["full"] / 3600,
        "stamps": many * each / 3.6e6,
        "whole path, core": FULL.bytes / 1e6 / rates["core"] / 3600,
        "whole path, survey": FULL.bytes / 1e6 / rates["survey"] / 3600,
    }
    for stage, took in hours.items():
        target, met = "", None
        if stage == "stamps":
            target, met = f"<= {FULL_CORE_HOURS:g}", took <= FULL_CORE_HOURS
        if stage.startswith("whole"):  # 15 minutes on 16 cores
            target, met = "<= 4", took <= 4
        name = f"full, {FULL.bytes / 1e9:.0f} GB and {many:,.0f} sources, {stage}: projected"
        found.append(row(name, took, "core hours", target, met))
    return found


def _shares(figures: dict[str, float]) -> str:
    return ", ".join(f"{stage} {figures[stage]:.0%}" for stage in STAGES if stage in figures)


_PARTS: dict[str, Callable[..., dict[str, float]]] = {
    "noise": noise,
    "stamps": stamps,
    "whole": whole,
    "gpu": gpu,
}

if __name__ == "__main__":
    print(json.dumps(_PARTS[sys.argv[1]](*sys.argv[2:])))
