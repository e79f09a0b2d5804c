"""How long a user waits: the help page, beside the bare interpreter, and the whole demo."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from blindsky.challenges.progress import Progress

HELP_RUNS = 9


def seconds(*command: str) -> float:
    """Wall time of a process."""
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start


def rows(report: Progress) -> list[dict[str, Any]]:
    """The table."""
    python = sys.executable
    wait = statistics.median(seconds(python, "-m", "blindsky", "--help") for _ in range(HELP_RUNS))
    bare = statistics.median(seconds(python, "-c", "import click") for _ in range(HELP_RUNS))
    report.advance()
    with tempfile.TemporaryDirectory() as folder:
        demo = seconds(python, "-m", "blindsky", "demo", "--out", str(Path(folder) / "demo"))
    report.advance()
    return [
        {
            "name": f"blindsky --help, median of {HELP_RUNS}",
            "measured": wait,
            "unit": "s",
            "reference": f"python -c 'import click': {bare:.3f} s",
            "ratio": wait / bare,
            "target": "<= 0.15 s",
            "met": wait <= 0.15,
        },
        {
            "name": "blindsky demo: release, baselines, scores, board, reveal",
            "measured": demo,
            "unit": "s",
            "reference": "",
            "ratio": None,
            "target": "<= 90 s",
            "met": demo <= 90,
        },
    ]
