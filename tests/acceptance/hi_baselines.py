"""Scores of the HI baselines on four tiny skies and a small one, beside those of prototypes of the same methods.

The prototypes searched skies of the same recipe, drawn with other keys: a method is as good where its mean over the
skies is not below theirs by more than their scatter. Matches over detectable sources is the common measure with the
published challenge, whose winner (MINERVA, Hartley et al. 2023) had 30,841 matches on a sky where some 8,640 sources
have S/N 5 and more (``published.DETECTABLE`` says how they were counted): many fainter ones count.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import which

import numpy as np

from blindsky.baselines.baseline import Baseline, Finder, Settings
from blindsky.baselines.hi import BASELINES
from blindsky.challenges import tables
from blindsky.challenges.generation import generate
from blindsky.challenges.hi import CHALLENGE, published
from blindsky.challenges.progress import Progress, Silent
from blindsky.challenges.release import Release
from blindsky.scoring.catalogue import Match, match, value
from tests.acceptance.line import Row, row

KEYS = [bytes([number] * 32) for number in range(1, 5)]
PROTOTYPES = {  # four tiny skies
    "matched_filter": (90.5, 73.1, 92.4, 100.5),
    "sofia": (73.5, 63.0, 78.9, 82.4),
    "train_truth": (-197.0,),
    "grid": (-1821.0,),
}
SMALL = {"matched_filter": 177.0, "sofia": 188.8}
ACCURACIES = {  # per cent, of the prototype of smooth and clip
    "position": 95.0, "central_freq": 92.0, "flux": 51.0, "hi_size": 94.0, "pa": 39.0, "w20": 88.0, "i": 68.0,
}  # fmt: skip
DETECTABLE = 5.0  # S/N
WINNER = 30_841 / published.DETECTABLE  # matches over detectable sources, both of SDC2's own sky


@contextmanager
def quiet(title: str, total: float | None, unit: str) -> Iterator[Progress]:
    """No report of its own: this table has one."""
    yield Silent()


SETTINGS = Settings(workers=2, device="cpu", progress=quiet)


@dataclass(frozen=True)
class Answer:
    """What a baseline scored in a field.   detectable : number of sources with S/N 5 and more."""

    match: Match
    detectable: int


def answers(release: Release, chosen: list[Baseline], report: Progress) -> dict[str, Answer]:
    """What each baseline scores on the hidden truth."""
    truth = tables.read(release.private / "truth_sources.parquet")
    found = {}
    for baseline in chosen:
        report.note(f"{release.public.release_id}: {baseline.name}")
        model = baseline.fit(release.public, SETTINGS)
        assert isinstance(model, Finder)
        seen = match(truth, model.catalogue(release.public, "test"))
        found[baseline.name] = Answer(seen, int((truth["snr"] >= DETECTABLE).sum()))
    return found


def chosen() -> list[Baseline]:
    """Those without a network; SoFiA where it is installed."""
    there = which("sofia") is not None
    return [b for b in BASELINES if b.name != "unet3d" and (b.name != "sofia" or there)]


def rows(report: Progress) -> list[Row]:
    """Some two minutes on two cores."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tiny = [
            answers(
                generate(CHALLENGE, "core", "tiny", folder, release_id=f"tiny-{k}", key=key), chosen(), report
            )
            for k, key in enumerate(KEYS)
        ]
        survey = generate(CHALLENGE, "survey", "tiny", folder, release_id="survey-tiny", key=KEYS[0])
        small = generate(CHALLENGE, "core", "small", folder, release_id="small", key=KEYS[0])
        finders = [b for b in chosen() if b.name in SMALL]
        return [
            *rows_of_tiny(tiny),
            *rows_of_one("survey tiny", answers(survey, finders, report), {}),
            *rows_of_one("small", answers(small, finders, report), SMALL),
        ]


def rows_of_tiny(found: list[dict[str, Answer]]) -> Iterator[Row]:
    """Means over the skies."""
    for name in found[0]:
        seen = [one[name] for one in found]
        values = [value(one.match) for one in seen]
        title = f"tiny: {name}, {len(values)} skies"
        if name not in PROTOTYPES:
            yield row(f"{title}, value", float(np.mean(values)), "-n_det", "report")
            continue
        known = np.array(PROTOTYPES[name])
        least = float(known.mean() - (known.std(ddof=1) if len(known) > 1 else 30))
        spread = ", ".join(f"{v:.1f}" for v in values)
        yield row(
            f"{title}: {spread}", float(np.mean(values)), float(known.mean()), f">= {least:.0f}",
            met=float(np.mean(values)) >= least,
        )  # fmt: skip
        if name in SMALL:
            yield row(
                f"{title}, purity",
                _mean([one.match.n_match / one.match.n_det for one in seen]),
                "not published",
            )
            yield row(
                f"{title}, matches over detectable",
                _mean([one.match.n_match / one.detectable for one in seen]),
                WINNER,
            )
    for name, known_accuracy in ACCURACIES.items():
        measured = _mean([one["matched_filter"].match.accuracies[name] for one in found])
        met = measured >= known_accuracy - 3
        yield row(f"tiny: matched_filter, accuracy of {name}", measured, known_accuracy, ">= -3", "%", met)


def rows_of_one(title: str, found: dict[str, Answer], known: dict[str, float]) -> Iterator[Row]:
    """Of one sky."""
    for name, one in found.items():
        reference = known.get(name, "not published")
        measured = value(one.match)
        # a score of N sources scatters by about sqrt(N) from sky to sky
        met = measured >= reference - 2 * one.detectable**0.5 if isinstance(reference, float) else None
        yield row(f"{title}: {name}", measured, reference, "-2 sqrt(N5)", met=met)
        yield row(f"{title}: {name}, purity", one.match.n_match / one.match.n_det, "not published")


def _mean(values: list[float]) -> float:
    return float(np.mean(values))
