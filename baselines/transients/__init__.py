"""First answers to the transients challenge, one file per method; nothing heavy is imported."""

from __future__ import annotations

from blindsky.baselines.baseline import Baseline
from blindsky.challenges.transients.classes import NUMBERS

_HERE = "blindsky.baselines.transients"
_FIELDS = tuple(f"class_{n}" for n in NUMBERS)

BASELINES = (
    Baseline(
        name="constant",
        title="Constant",
        description="Each class in proportion to its weight in the score, for every object: the best without data.",
        train=f"{_HERE}.constant:train",
        fields=_FIELDS,
        reference="Malz et al. 2019, AJ 158, 171",
    ),
    Baseline(
        name="galactic",
        title="Constant, Galactic apart",
        description="The same, with the classes of our Galaxy for what lies in it and the others for what does not.",
        train=f"{_HERE}.constant:train_galactic",
        fields=_FIELDS,
        reference="Malz et al. 2019, AJ 158, 171",
    ),
)
