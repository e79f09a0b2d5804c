"""``make accept``: the physics of the mock skies and the scores of the baselines beside published numbers."""

import sys
from pathlib import Path

from tests.table import run

COLUMNS = ("name", "measured", "unit", "reference", "tolerance", "met")

if __name__ == "__main__":
    sys.exit(run("tests.acceptance", "acceptance", COLUMNS, Path("build/accept.json")))
