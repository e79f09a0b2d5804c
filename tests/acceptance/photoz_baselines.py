"""Every photo-z baseline as measured numbers beside the published ones (specification 8 and 10).

The mock rows are made as anyone would make them: a release of 10,000 labels and 6,000 test galaxies is generated,
the baseline reads its public part and writes a Parquet file, the challenge's own metrics judge it. The published
numbers came from another draw of sky and labels, so a tolerance is three times the error of the difference.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from blindsky.baselines.baseline import Settings, get, names, predict_to_file
from blindsky.challenges import registry, tables
from blindsky.challenges.challenge import Challenge, Size
from blindsky.challenges.challenge import rows as count
from blindsky.challenges.generation import generate
from blindsky.challenges.importing import import_release
from blindsky.challenges.progress import Progress, Silent
from blindsky.challenges.release import Release
from blindsky.scoring.measurements import Measurements, Table
from blindsky.scoring.metric import value

Row = dict[str, Any]

SIZE = Size(train=10_000, test=6_000)
KEY = bytes(range(32))  # fixed, so that the numbers are the same on every run
DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "photoz"
DC2 = (DATA / "dc2_training_9816.hdf5", DATA / "dc2_validation_9816.hdf5")

KEYS = ("excess_nats", "mean_log_p", "cde_loss", "crps", "sigma_nmad", "out15", "pit_ks")
PUBLISHED: dict[str, dict[str, tuple[float | None, ...]]] = {
    "representative": {
        "oracle": (0.0, 1.850, -11.89, 0.0559, 0.0173, 0.053, 0.009),
        "template": (0.447, 1.410, -8.02, 0.0694, 0.0230, 0.070, 0.048),
        "mdn": (0.543, 1.314, -6.05, 0.0703, 0.0275, 0.046, 0.014),
        "knn": (0.763, 1.095, -4.61, 0.0768, 0.0334, 0.056, 0.091),
        "histgb": (None, None, None, None, 0.0365, 0.090, None),
        "trainz": (2.540, -0.683, -0.593, 0.290, 0.238, 0.585, 0.015),
        "adaboost": (None,) * 7,
        "constant": (None,) * 7,
    },
    "biased": {
        "template": (0.447, 1.410, -8.02, 0.0694, 0.0230, 0.070, 0.048),
        "mdn": (1.01, 0.85, -5.25, 0.121, 0.034, 0.103, 0.09),  # the middle of the published ranges
        "knn": (0.965, 0.892, -4.67, 0.109, 0.0345, 0.104, 0.119),
        "mdn_reweight": (1.335, 0.522, -4.42, 0.104, 0.0299, 0.084, 0.150),
        "histgb": (None, None, None, None, 0.0430, 0.149, None),
        "trainz": (3.026, -1.169, -0.349, 0.371, 0.205, 0.683, 0.323),
        "adaboost": (None,) * 7,
        "constant": (None,) * 7,
    },
    "nir": {
        "oracle": (0.0, 2.207, -17.54, 0.0288, 0.0121, 0.020, 0.010),
        "mdn": (0.630, 1.577, -7.41, 0.0406, 0.0231, 0.024, 0.013),
        "template": (None,) * 7,
        "knn": (None,) * 7,
        "histgb": (None,) * 7,
        "adaboost": (None,) * 7,
    },
    "dc2": {
        "trainz": (None, None, -0.655, None, None, None, None),
        "knn": (None, None, -6.28, None, 0.0261, 0.032, None),
        "histgb": (None, None, None, None, 0.0251, 0.032, None),
        "mdn": (None, 1.575, -7.29, None, 0.0227, 0.031, 0.006),
        "adaboost": (None,) * 7,
        "template": (None,) * 7,
    },
}

# One standard error at 6,000 test objects; those of the spread between two draws of labels or two seeds, measured
# on five draws. crps and sigma_nmad are in units of their value.
TEST_ERROR = {
    "excess_nats": 0.013, "mean_log_p": 0.017, "cde_loss": 0.09, "crps": 0.03, "sigma_nmad": 0.015, "out15": 0.003,
    "pit_ks": 0.006,
}  # fmt: skip
LABEL_ERROR = {
    "representative": dict.fromkeys(KEYS, 0.0) | {"mean_log_p": 0.01, "excess_nats": 0.015, "sigma_nmad": 0.01},
    "biased": {
        "excess_nats": 0.03, "mean_log_p": 0.03, "cde_loss": 0.06, "crps": 0.03, "sigma_nmad": 0.02,
        "out15": 0.005, "pit_ks": 0.008,
    },
}  # fmt: skip
NETWORK_ERROR = {  # networks on biased labels extrapolate, each in its own way
    "excess_nats": 0.15, "mean_log_p": 0.15, "cde_loss": 0.3, "crps": 0.12, "sigma_nmad": 0.10, "out15": 0.02,
    "pit_ks": 0.02,
}  # fmt: skip
RELATIVE = ("crps", "sigma_nmad")


def tolerance(track: str, baseline: str, key: str, published: float) -> float:
    """Three standard errors of the difference between two runs of the recipe."""
    draws = NETWORK_ERROR if track == "biased" and "mdn" in baseline else LABEL_ERROR.get(track)
    error = 3 * np.sqrt(2) * np.hypot(TEST_ERROR[key], (draws or LABEL_ERROR["representative"])[key])
    if key == "cde_loss" and baseline in ("oracle", "template"):
        error = 3 * np.sqrt(2) * 0.25  # narrow densities: the standard error is larger
    return float(error * (published if key in RELATIVE else 1.0))


def row(
    name: str, measured: float, unit: str, reference: Any = None, tolerance: Any = "report", met: Any = None
) -> Row:
    """One line of the table; ``met`` is |measured - reference| <= tolerance unless given."""
    if met is None and isinstance(tolerance, float):
        met = bool(abs(measured - reference) <= tolerance)
    return {
        "name": name, "measured": float(measured), "unit": unit, "reference": "not published" if reference is None else reference,
        "tolerance": tolerance, "met": met,
    }  # fmt: skip


def truth_of(release: Release) -> Table:
    """The hidden columns, whole."""
    parts = list(release.truth())
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def judge(challenge: Challenge, truth: Table, prediction: Table) -> dict[str, float]:
    """Every metric that the prediction allows."""
    measured = challenge.measure(truth, prediction)
    found = Measurements(measured.rows)
    n = count(measured.rows)
    return {m.key: value(m.prepare(found), n) for m in challenge.metrics if m.available(found)}


@contextmanager
def quiet(title: str, total: float | None, unit: str) -> Iterator[Progress]:
    """No report of its own: this table has one."""
    yield Silent()


def answers(release: Release, folder: Path, progress: Progress) -> Iterator[tuple[str, dict[str, float]]]:
    """Baselines in turn with their metrics, and the oracle's row where there is one."""
    public, truth = release.public, truth_of(release)
    stored = release.private / "oracle.parquet"
    if stored.exists():
        oracle = tables.read(stored, ["oracle_z_mode", "oracle_pdf"])
        yield (
            "oracle",
            judge(public.challenge, truth, {"z_point": oracle["oracle_z_mode"], "pdf": oracle["oracle_pdf"]}),
        )
    for full in names("photoz"):
        baseline = get(full)
        progress.note(f"{release.public.release_id} {full}")
        if baseline.tracks is not None and public.track.name not in baseline.tracks:
            continue
        if baseline.extra is not None and find_spec(baseline.extra) is None:
            continue
        out = folder / f"{baseline.name}.parquet"
        predict_to_file(baseline.fit(public, Settings(progress=quiet)), public, out, quiet)
        yield baseline.name, judge(public.challenge, truth, tables.read(out))
        progress.advance()


def compare(track: str, found: dict[str, dict[str, float]]) -> Iterator[Row]:
    """The table of section 8 for one track."""
    for baseline, published in PUBLISHED[track].items():
        if baseline not in found:
            continue
        for key, reference in zip(KEYS, published, strict=True):
            if key not in found[baseline]:
                continue
            measured, label = found[baseline][key], f"{track}: {baseline} {key}"
            if reference is None or (baseline == "oracle" and key == "excess_nats"):
                yield row(label, measured, "", reference)
            else:
                yield row(label, measured, "", reference, tolerance(track, baseline, key, reference))
        for k in range(1, 6):
            biases = {"tomo_bias": found[baseline].get(f"tomo_bias_{k}", np.nan)}
            if baseline in ("histgb", "mdn", "mdn_reweight"):
                yield row(f"{track}: {baseline} tomo_bias_{k}", biases["tomo_bias"], "")
    if "oracle" not in found:
        return
    for key, sign in (("mean_log_p", -1), ("cde_loss", 1), ("crps", 1)):
        others = {name: sign * m[key] for name, m in found.items() if name != "oracle" and key in m}
        best = min(others, key=lambda name: others[name])
        margin = others[best] - sign * found["oracle"][key]
        yield row(f"{track}: oracle ahead of the best baseline ({best}) in {key}", margin, "", "> 0", "strict",
                  met=bool(margin > 0))  # fmt: skip


def rows_of_mock(folder: Path, progress: Progress) -> Iterator[Row]:
    """The three tracks of the mock sky."""
    challenge = registry.get("photoz")
    challenge = replace(challenge, sizes={**challenge.sizes, "accept": SIZE})
    found: dict[str, dict[str, dict[str, float]]] = {}
    for track in ("representative", "biased", "nir"):
        release = generate(challenge, track, "accept", folder, release_id=f"accept-{track}", key=KEY)
        found[track] = dict(answers(release, folder / track, progress))
        yield from compare(track, found[track])
    ratio = found["biased"]["knn"]["out15"] / found["representative"]["knn"]["out15"]
    yield row("biased / representative, ratio of kNN out15", ratio, "", 1.87, "> 1.5", met=bool(ratio > 1.5))


def rows_of_dc2(folder: Path, progress: Progress) -> Iterator[Row]:
    """The cosmoDC2 sample, where it lies beside the checkout."""
    if not all(path.exists() for path in DC2) or find_spec("h5py") is None:
        return
    release = import_release("photoz/dc2", DC2, folder, release_id="accept-dc2", key=KEY)
    yield from compare("dc2", dict(answers(release, folder / "dc2", progress)))


def rows(progress: Progress) -> list[Row]:
    """Every baseline on every track; about two minutes on two cores."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        return [*rows_of_mock(folder, progress), *rows_of_dc2(folder, progress)]
