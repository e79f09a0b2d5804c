"""The declaration of the transients challenge hangs together."""

from __future__ import annotations

import subprocess
import sys

import pytest

from blindsky.challenges.datacard import fact_sheet
from blindsky.challenges.prediction import columns_of
from blindsky.challenges.transients import CHALLENGE
from blindsky.challenges.transients.classes import NUMBERS


@pytest.mark.parametrize("track", ["biased", "representative", "early"])
def test_what_the_early_track_asks_besides(track: str) -> None:
    asked = CHALLENGE.on(track)
    primary = "early_logloss" if track == "early" else "weighted_logloss"
    assert asked.boards[0].primary == (primary,)
    assert len({p.name for p in asked.tracks[0].public}) == len(asked.tracks[0].public)
    assert ("epoch_cut" in {p.name for p in asked.tracks[0].public}) == (track == "early")


def test_what_is_sent() -> None:
    shares, anomaly = CHALLENGE.prediction.fields
    assert columns_of(shares) == tuple(f"class_{n}" for n in NUMBERS)
    assert CHALLENGE.prediction.required == ("object_id", *columns_of(shares))
    assert anomaly.optional


def test_texts() -> None:
    sheet = fact_sheet(CHALLENGE)
    assert "| `full` | 7,848 | 3,492,890 |" in sheet and "class_99" in sheet
    about = CHALLENGE.about()
    for table in ("train_lightcurves", "test_lightcurves", "classes.json"):
        assert table in about


def test_the_declaration_is_light() -> None:
    code = "import sys, blindsky.challenges.transients as t; print(sorted({m.split('.')[0] for m in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "pandas", "pyarrow", "sklearn", "astropy", "scipy"} & set(eval(done.stdout))
