"""The SDC2 score beside ska-sdc 2.0.0, which runs in an environment of its own.

It does not import beside pandas 3. ``python3.11 -m venv DIR``, ``DIR/bin/pip install ska-sdc==2.0.0 "pandas<3"
"setuptools<81"``, and BLINDSKY_SKA_SDC=DIR/bin/python makes these tests run.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blindsky.scoring import catalogue
from blindsky.scoring.catalogue import COLUMNS, Match
from blindsky.scoring.measurements import Table

PEER = Path(__file__).with_name("sdc2_peer.py")
WILD = {  # what ska-sdc accepts; infinite D would tie, and ties of sources go by the order of its tree
    "ra": (-180.0, 540.0, 180.0),
    "dec": (-30.0, 90.0, -90.0),
    "hi_size": (0.0, -5.0, 1e4, np.inf),
    "line_flux_integral": (0.0, -3.0, 1e4, np.inf),
    "central_freq": (0.95e9, 1.15e9, 1.149999999e9, 0.0, -1e9, 1e300, np.inf, -np.inf),
    "pa": (-700.0, 0.0, 1e300, np.inf),
    "i": (-40.0, 1e300, np.inf),
    "w20": (0.0, -100.0, 1e5, -1e5, 1.4e5, 2e6, 1e-300, np.inf, -np.inf),
}
Run = Callable[[Sequence[tuple[Table, Table]]], list[dict[str, Any]]]


@pytest.fixture(scope="module")
def ska_sdc(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """What ska-sdc makes of pairs of truth and claims."""
    python = os.environ.get("BLINDSKY_SKA_SDC")
    if not python:
        pytest.skip("BLINDSKY_SKA_SDC names no interpreter that has ska-sdc 2.0.0")

    def run(pairs: Sequence[tuple[Table, Table]]) -> list[dict[str, Any]]:
        folder = tmp_path_factory.mktemp("sdc2")
        files = [folder / f"{k}.npz" for k in range(len(pairs))]
        for file, (truth, claims) in zip(files, pairs, strict=True):
            columns = {f"truth_{name}": truth[name] for name in COLUMNS}
            np.savez(file, **columns, **{f"claims_{name}": claims[name] for name in COLUMNS})
        command = [python, str(PEER), *map(str, files)]
        # the path that leads to our tests leads to nothing there
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
        found: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
        return found

    return run


def sky(seed: int, half: float, n: int = 120, k: int = 150) -> tuple[Table, Table]:
    """Sources within ``half`` degrees of the centre, and claims near them."""
    rng = np.random.default_rng(seed)
    w20 = rng.lognormal(5.4, 0.5, n).clip(30, 890)
    truth = {
        "id": rng.permutation(n) + 7,
        "ra": 180 + rng.uniform(-half, half, n),
        "dec": -30 + rng.uniform(-half, half, n),
        "hi_size": rng.lognormal(1.35, 0.5, n).clip(1, 47),
        "line_flux_integral": rng.lognormal(1.9, 1, n),
        "central_freq": rng.uniform(0.95e9, 0.96e9, n) + rng.choice([0, 0.09e9, 0.19e9]),
        "pa": rng.uniform(0, 360, n),
        "i": np.degrees(np.arccos(rng.random(n))),
        "w20": w20,
    }
    near = rng.integers(0, n, k)
    claims = {name: column[near] for name, column in truth.items()}
    claims["id"] = rng.permutation(k)
    for name, spread in (("ra", 2 / 3600), ("dec", 2 / 3600), ("pa", 20), ("i", 10)):
        claims[name] = claims[name] + rng.normal(0, spread, k)
    claims["central_freq"] = claims["central_freq"] + rng.normal(0, 0.3, k) * w20[near] / 3e5 * 1e9
    for name in ("hi_size", "line_flux_integral", "w20"):
        claims[name] = claims[name] * rng.lognormal(0, 0.5, k)
    return truth, claims


def wild(seed: int) -> tuple[Table, Table]:
    """Claims beyond all bounds, in a field with room around its sources."""
    truth, claims = sky(seed, half=0.5)
    rng = np.random.default_rng(seed)
    for name, values in WILD.items():
        chosen = rng.random(len(claims["id"])) < 0.04
        claims[name] = np.where(chosen, rng.choice(values, len(chosen)), claims[name])
    return truth, claims


def repeated(seed: int) -> tuple[Table, Table]:
    """Claims whose ids occur several times, and sources claimed several times."""
    truth, claims = sky(seed, half=0.02)
    claims["id"] = np.random.default_rng(seed).integers(0, 100, len(claims["id"]))
    return truth, {name: np.append(column, column[:50]) for name, column in claims.items()}


def same(found: Match, expected: dict[str, Any]) -> None:
    counts = {name: getattr(found, name) for name in ("n_det", "n_bad", "n_match", "n_false")}
    assert counts == {name: expected[name] for name in counts}
    assert catalogue.value(found) == pytest.approx(expected["value"], abs=1e-6)
    assert found.score_det == pytest.approx(expected["score_det"], abs=1e-6)
    assert found.accuracy == pytest.approx(expected["acc_pc"], abs=1e-6)
    assert found.accuracies == pytest.approx(expected["column_acc_pc"], abs=1e-6)


def test_crowded_wild_and_repeated(ska_sdc: Run) -> None:
    pairs = [make(seed) for seed in range(12) for make in (lambda k: sky(k, 0.02), wild, repeated)]
    pairs += [(truth, {name: column[:0] for name, column in claims.items()}) for truth, claims in pairs[:1]]
    for (truth, claims), expected in zip(pairs, ska_sdc(pairs), strict=True):
        same(catalogue.match(truth, claims), expected)


def test_golden(ska_sdc: Run, shared_data: Callable[[str], Path]) -> None:
    folder = shared_data("hi")

    def read(path: Path) -> Table:
        lines = np.genfromtxt(path, names=True)
        return {name: lines[name] for name in COLUMNS}

    truth = read(folder / "sky_ldev_truthcat_v2.txt")
    names = ("realistic", "duplicates", "boundaries", "hifriends_sample")
    pairs = [(truth, read(folder / "golden" / f"{name}.txt")) for name in names]
    for (_, claims), expected in zip(pairs, ska_sdc(pairs), strict=True):
        same(catalogue.match(truth, claims), expected)
