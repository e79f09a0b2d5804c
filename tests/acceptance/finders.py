"""Every lens baseline as measured numbers beside the published entries of the same family.

Trained on 6,000 stamps of a matched track, judged on 6,000 of it and on 3,000 of the shifted test. Published entries
were trained on 20,000 stamps and judged on 100,000 of another sky, so the bands are wide. The two large networks need
a GPU; without one their rows are absent.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from blindsky.baselines.baseline import Model, Settings, get, names, predict_to_file
from blindsky.challenges import registry, tables
from blindsky.challenges.challenge import Size
from blindsky.challenges.generation import generate
from blindsky.challenges.progress import Progress, Silent
from blindsky.challenges.release import Release
from blindsky.scoring.measurements import Measurements, Table
from blindsky.scoring.metric import value
from tests.acceptance.line import Row, row

KEY = bytes(range(32))  # fixed, so that the numbers are the same on every run
SIZE, SHIFTED = Size(train=6_000, test=6_000), Size(train=1, test=3_000)
SHOWN = ("auroc", "tpr_fpr3", "tpr_fpr2", "tpr0", "tpr10")
ON_A_GPU = ("cnn_epfl", "resnet")
# AUROC of the entry of the same family and the band around it; TPR at FPR 1e-3 and 1e-2, for orientation
PUBLISHED: dict[str, dict[str, tuple[float, float, float, float]]] = {
    "space": {
        "arc": (0.66, 0.06, 0.051, 0.299),
        "hog_lr": (0.73, 0.08, 0.088, 0.152),
        "gabor_svm": (0.80, 0.05, 0.120, 0.234),
        "resnet": (0.92, 0.02, 0.378, 0.586),
    },
    "ground": {
        "hog_lr": (0.84, 0.08, 0.096, 0.247),
        "gabor_svm": (0.93, 0.05, 0.405, 0.561),
        "resnet": (0.98, 0.01, 0.605, 0.782),
    },
}
# How much AUROC the same entries lost on real foregrounds, (least, most)
NETWORK = (0.01, 0.15)
DROP = {
    "cnn_tiny": NETWORK,
    "cnn_epfl": NETWORK,
    "resnet": NETWORK,
    "gabor_svm": (0.14, 0.24),
    "hog_lr": (0.15, 0.25),
}
TRIVIAL = 0.65  # total flux alone must stay below


@contextmanager
def quiet(title: str, total: float | None, unit: str) -> Iterator[Progress]:
    """No report of its own: this table has one."""
    yield Silent()


def judge(release: Release, prediction: Table) -> dict[str, float]:
    """Every metric that the prediction allows."""
    parts = list(release.truth())
    truth = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    found = Measurements(release.public.challenge.measure(truth, prediction).rows)
    n = len(truth["id"])
    return {m.key: value(m.prepare(found), n) for m in release.public.challenge.metrics if m.available(found)}


def answer(model: Model, release: Release, folder: Path) -> dict[str, float]:
    """What a trained model scores on the test split of a release."""
    out = folder / "prediction.parquet"
    predict_to_file(model, release.public, out, quiet)
    return judge(release, tables.read(out))


def on_track(track: str, name: str, found: dict[str, float]) -> Iterator[Row]:
    """The scores of a baseline, its AUROC against the published one."""
    auroc, band, fpr3, fpr2 = PUBLISHED[track].get(name, (np.nan,) * 4)
    for key in SHOWN:
        label = f"{track}: {name} {key}"
        if name == "flux" and key == "auroc":
            yield row(label, found[key], f"< {TRIVIAL}", "strict", met=found[key] < TRIVIAL)
        elif key == "auroc" and np.isfinite(auroc):
            yield row(label, found[key], auroc, band)
        else:
            known = {"tpr_fpr3": fpr3, "tpr_fpr2": fpr2}.get(key, np.nan)
            yield row(label, found[key], known if np.isfinite(known) else "not published")


def rows_of(track: str, progress: Progress) -> list[Row]:
    """Every baseline that this machine can train, on a matched track and its shifted test."""
    import torch

    chosen = [
        baseline
        for baseline in map(get, names("lens"))
        if (baseline.name not in ON_A_GPU or torch.cuda.is_available())
        and (baseline.extra is None or find_spec(baseline.extra) is not None)
    ]
    lens = replace(registry.get("lens"), sizes={"matched": SIZE, "shifted": SHIFTED})
    lines: list[Row] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        matched, shifted = (
            generate(lens, f"{track}{shift}", size, folder, release_id=size, key=KEY, workers=2)
            for shift, size in (("", "matched"), ("_shift", "shifted"))
        )
        for baseline in chosen:
            progress.note(f"{track} {baseline.name}")
            model = baseline.fit(matched.public, Settings(progress=quiet, workers=2))
            here, there = (answer(model, release, folder) for release in (matched, shifted))
            lines += on_track(track, baseline.name, here)
            drop = here["auroc"] - there["auroc"]
            label = f"{track} to {track}_shift: {baseline.name} AUROC lost"
            if baseline.name in DROP and track == "ground":
                least, most = DROP[baseline.name]
                lines.append(row(label, drop, f"{least} to {most}", "range", met=least <= drop <= most))
            else:
                lines.append(row(label, drop, "not published"))
            progress.advance()
    return lines
