"""How fast a cube is searched: megabytes a second, the peak of memory, and the hours that the full cube would take.

A small cube is written once. Each finder searches it in a process of its own, region by region as it would one larger
than memory; the projection counts the margins of the full cube's regions, which are a larger part of the work.
"""

from __future__ import annotations

import json
import math
import sys
import tempfile
import time
from pathlib import Path
from shutil import which

from blindsky.challenges.hi.field import FULL, SMALL, Field
from blindsky.challenges.progress import Progress
from tests.benchmarks.measuring import apart, on_gpu, peak_mib, row

KEY = bytes(range(32))
FULL_MB = 913_094.6
WORKERS = 2
TARGET = 20.0  # MB/s, two cores
SOFIA = 17.0  # MB/s of SoFiA 2.2.1, two threads, on the machine of the prototype


def write(path: Path) -> None:
    """The test cube of a small release."""
    from blindsky.challenges.hi import population
    from blindsky.challenges.hi.cube import create
    from blindsky.challenges.hi.interference import channels
    from blindsky.challenges.hi.painter import Painter
    from blindsky.challenges.randomness import Streams

    streams = Streams(KEY, "bench/hi/core/small/test")
    sources = population.draw(SMALL, "core", streams)
    painter = Painter(SMALL, sources, channels(SMALL, "core")["rms_jy_beam"], streams)
    canvas = create(path, SMALL, "core small test")
    z = 0
    for slab in painter.planes(0, SMALL.nchan):
        z += len(canvas.write(z, slab))
    canvas.close()


def measure(finder: str, path: Path) -> dict[str, float]:
    """MB/s of a search on a processor (``cpu``), a GPU (``gpu``) or by SoFiA (``sofia``), and the peak of memory."""
    from contextlib import nullcontext

    from blindsky.challenges.hi.cube import open_cube
    from blindsky.challenges.progress import Silent

    cube, seconds = open_cube(path), []
    for _ in range(1 if finder == "sofia" else 2):  # the first of two warms up
        start = time.perf_counter()
        if finder == "sofia":
            from blindsky.baselines.hi.sofia import search

            with tempfile.TemporaryDirectory() as folder:
                found = len(search(cube, Path(folder), WORKERS, lambda *_: nullcontext(Silent())))
        else:
            from blindsky.baselines.hi.matched_filter import candidates
            from blindsky.baselines.training import choose

            device = choose({"cpu": "cpu", "gpu": "cuda"}[finder])
            found = len(candidates(cube, device, WORKERS, lambda *_: nullcontext(Silent()))["x"])
        seconds.append(time.perf_counter() - start)
    assert found
    return {"rate": SMALL.bytes / 1e6 / min(seconds), "peak": peak_mib()}


def margins(field: Field) -> float:
    """Voxels that are searched for one of the cube's."""
    from blindsky.baselines.hi.regions import regions

    outer = sum(math.prod(last - first for first, last in region.outer) for region in regions(field.shape))
    return outer / math.prod(field.shape)


def hours(rate: float) -> float:
    """Of the full cube, at a rate of the small one in MB/s."""
    return FULL_MB / rate * margins(FULL) / margins(SMALL) / 3600


def rows(report: Progress) -> list[dict[str, object]]:
    """Some two minutes."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "cube.fits"
        write(path)
        report.advance()
        own = apart("hi_finding", "cpu", str(path))
        peer = apart("hi_finding", "sofia", str(path)) if which("sofia") else None
        told = f"SoFiA 2 here: {peer['rate']:.1f} MB/s" if peer else f"SoFiA 2.2.1 elsewhere: {SOFIA:g} MB/s"
        ratio = own["rate"] / (peer["rate"] if peer else SOFIA)
        title = "hi/matched_filter, small, 2 threads"
        lines = [
            row(title, own["rate"], "MB/s", f">= {TARGET:g} MB/s", own["rate"] >= TARGET, told, ratio),
            row(f"{title}: peak", own["peak"], "MiB", "", None),
            row(
                f"{title}: projected for 913,094.6 MB, its margins included",
                hours(own["rate"]),
                "h",
                "",
                None,
            ),
        ]
        return [*lines, on_gpu("hi_finding", str(path), "hi/matched_filter, MB/s")]


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], Path(sys.argv[2]))))
