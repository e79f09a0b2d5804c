"""What every benchmark needs: the best of a few runs, where time goes, a fresh process, its peak of memory, a line."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_STATUS = Path("/proc/self/status")
Stages = dict[str, tuple[tuple[Any, str], ...]]  # functions by stage, each as owner and name


def peak_mib() -> float:
    """Largest resident memory of this process so far, MiB.

    On Linux from VmHWM: ru_maxrss of a child begins with what its parent had when it was started.
    """
    if _STATUS.exists():
        line = next(text for text in _STATUS.read_text().splitlines() if text.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    bytes_per_unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * bytes_per_unit / 2**20


def best(call: Callable[[], object], repeats: int = 3) -> float:
    """Shortest of a few runs, seconds."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


@contextmanager
def timed(stages: Stages, seconds: dict[str, float]) -> Iterator[None]:
    """Adds up the ``seconds`` spent in each of the ``stages``."""
    kept: list[tuple[Any, str, Any]] = []

    def watch(stage: str, owner: Any, name: str) -> None:
        original = getattr(owner, name)

        def run(*arguments: Any, **named: Any) -> Any:
            start = time.perf_counter()
            try:
                return original(*arguments, **named)
            finally:
                seconds[stage] = seconds.get(stage, 0.0) + time.perf_counter() - start

        kept.append((owner, name, original))
        setattr(owner, name, run)

    for stage, functions in stages.items():
        for owner, name in functions:
            watch(stage, owner, name)
    try:
        yield
    finally:
        for owner, name, original in kept:
            setattr(owner, name, original)


def apart(module: str, *arguments: str) -> dict[str, float]:
    """The JSON that a module of this folder prints when it is run in a process of its own."""
    command = [sys.executable, "-m", f"tests.benchmarks.{module}", *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def row(
    name: str,
    measured: float,
    unit: str,
    target: str,
    met: bool | None,
    peer: str = "",
    ratio: float | None = None,
) -> dict[str, object]:
    """One line of the table; ``met`` None is judged by nobody."""
    return {
        "name": name,
        "measured": round(measured, 4),
        "unit": unit,
        "reference": peer,
        "ratio": None if ratio is None else round(ratio, 1),
        "target": target,
        "met": met,
    }


def on_gpu(module: str, track: str, title: str) -> dict[str, object]:
    """The line of a generator on a GPU, by the part ``gpu`` of its module; says so where there is none."""
    import torch

    if not torch.cuda.is_available():
        return {"name": f"{title} on a GPU: no GPU here", "met": None}
    figures = apart(module, "gpu", track)
    return row(f"{title} on {torch.cuda.get_device_name()}", figures["rate"], "1/s", "", None)
