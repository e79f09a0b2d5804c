"""``make bench``: speed and memory, as ratios to named peers measured in the same run."""

import sys
from pathlib import Path

from tests.table import run

COLUMNS = ("name", "measured", "unit", "reference", "ratio", "target", "met")

if __name__ == "__main__":
    sys.exit(run("tests.benchmarks", "benchmarks", COLUMNS, Path("build/bench.json")))
