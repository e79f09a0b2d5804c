"""Speed and memory of the SDC2 score: pairs, replicates, and a claim that reaches everywhere, beside ska-sdc.

ska-sdc runs in the interpreter that BLINDSKY_SKA_SDC names, with the same tables, and takes its time itself. Each
measurement runs in a process of its own, so that its peak memory is its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from blindsky.challenges.progress import Progress
from tests.benchmarks.measuring import apart, best, peak_mib, row

TRUTHS, CLAIMS = 200_000, 100_000
OFFICIAL = 233_245, 33_000  # sources of SDC2 and rows of its best entries
REPLICATES = 1000
HALF = 2.27  # deg, of the field of SDC2
PEER = Path(__file__).parents[1] / "references" / "sdc2_peer.py"
Table = dict[str, np.ndarray]


def catalogues(truths: int, claims: int) -> tuple[Table, Table]:
    """A field like that of SDC2: nine claims in ten of a source of their own, one of any, half of those astray."""
    rng = np.random.default_rng(0)
    w20 = rng.lognormal(5.4, 0.5, truths).clip(30, 890)
    truth = {
        "id": np.arange(truths),
        "ra": 180 + rng.uniform(-HALF, HALF, truths) / np.cos(np.radians(30)),
        "dec": -30 + rng.uniform(-HALF, HALF, truths),
        "hi_size": rng.lognormal(1.35, 0.5, truths).clip(1, 47),
        "line_flux_integral": rng.lognormal(1.9, 1, truths),
        "central_freq": rng.uniform(0.95e9, 1.15e9, truths),
        "pa": rng.uniform(0, 360, truths),
        "i": np.degrees(np.arccos(rng.random(truths))),
        "w20": w20,
    }
    own = rng.choice(truths, claims * 9 // 10, replace=False)
    near = np.append(own, rng.choice(truths, claims - len(own)))
    found = {name: column[near] for name, column in truth.items()} | {"id": np.arange(claims)}
    for name, spread in (("ra", 1.5 / 3600), ("dec", 1.5 / 3600)):
        found[name] += rng.normal(0, spread, claims)
    found["central_freq"] += rng.normal(0, 0.1, claims) * w20[near] / 3e5 * 1e9
    for name in ("hi_size", "line_flux_integral", "w20"):
        found[name] *= rng.lognormal(0, 0.2, claims)
    found["pa"] = (found["pa"] + rng.normal(0, 20, claims)) % 360
    found["i"] = (found["i"] + rng.normal(0, 10, claims)).clip(0, 90)
    astray = claims // 20
    found["ra"][-astray:] = 180 + rng.uniform(-HALF, HALF, astray)
    return truth, found


def ours(truths: str, claims: str) -> dict[str, float]:
    """Seconds of a score and of its one-to-one variant, the score, its counts, and peak MB."""
    from blindsky.scoring import catalogue

    truth, found = catalogues(int(truths), int(claims))
    result = catalogue.match(truth, found)
    seconds = best(lambda: catalogue.match(truth, found))
    peak = peak_mib() * 2**20 / 1e6
    return {
        "seconds": seconds,
        "peak": peak,
        "value": catalogue.value(result),
        "n_match": result.n_match,
        "n_bad": result.n_bad,
        "strict": best(lambda: catalogue.strict(truth, found)),
    }


def theirs(truths: str, claims: str) -> dict[str, float]:
    """The same of ska-sdc: seconds, score, counts, and peak MB."""
    truth, found = catalogues(int(truths), int(claims))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "tables.npz"
        columns = {f"truth_{name}": column for name, column in truth.items()}
        np.savez(file, **columns, **{f"claims_{name}": column for name, column in found.items()})
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        command = [os.environ["BLINDSKY_SKA_SDC"], str(PEER), str(file)]
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    said = json.loads(done.stdout.splitlines()[-1])[0]
    numbers = {name: said[name] for name in ("seconds", "value", "n_match", "n_bad")}
    return numbers | {"peak": said["peak"] * 2**20 / 1e6}


def replicates() -> dict[str, float]:
    """Seconds from tables to measured rows, of 1,000 replicates of the score, and of every metric; peak MB."""
    from blindsky.challenges.hi import CHALLENGE
    from blindsky.challenges.hi.field import FULL
    from blindsky.challenges.hi.interference import channels
    from blindsky.challenges.hi.measure import measure
    from blindsky.challenges.hi.population import snr
    from blindsky.scoring.card import evaluate
    from blindsky.scoring.measurements import Measurements
    from blindsky.scoring.weights import Replicates

    truth, found = catalogues(TRUTHS, CLAIMS)
    noise = channels(FULL, "core")
    x, y = FULL.pixel(truth["ra"], truth["dec"])
    truth["block"] = FULL.block_of(x, y, FULL.channel(truth["central_freq"]))
    truth["snr"] = snr(FULL, truth, noise)
    blocks = FULL.block_table() | {"block": np.arange(FULL.blocks)}
    start = time.perf_counter()
    measured = measure({"truth_sources": truth, "test": blocks, "test_channels": noise}, found)
    seconds = {"measure": time.perf_counter() - start}
    drawn = Replicates(b"benchmark", np.arange(FULL.blocks))
    for name, metrics in (("score", (CHALLENGE.metric("sdc2_value"),)), ("all", CHALLENGE.metrics)):
        rows = Measurements(measured.rows, case=measured.case)
        start = time.perf_counter()
        evaluate(rows, metrics, drawn, REPLICATES)
        seconds[name] = time.perf_counter() - start
    return seconds | {"peak": peak_mib() * 2**20 / 1e6, "blocks": FULL.blocks}


def wide() -> dict[str, float]:
    """Seconds and peak MB of a thousand claims 20,000 km/s wide against 11,091 sources."""
    from blindsky.scoring import catalogue

    truth, found = catalogues(11_091, 1000)
    found["w20"] = np.full(1000, 20_000.0)
    catalogue.match(truth, found)
    return {"seconds": best(lambda: catalogue.match(truth, found)), "peak": peak_mib() * 2**20 / 1e6}


def rows(report: Progress) -> list[dict[str, object]]:
    """One row per measured number."""
    tables = [str(TRUTHS), str(CLAIMS)]
    title = f"SDC2 score, {TRUTHS:,} sources x {CLAIMS:,} claims"
    report.note("the score")
    own = apart("hi_scoring", "ours", *tables)
    official = apart("hi_scoring", "ours", *map(str, OFFICIAL))
    report.note("replicates")
    many, broad = apart("hi_scoring", "replicates"), apart("hi_scoring", "wide")
    found = [
        row(title, own["seconds"], "s", "<= 1.2 s", own["seconds"] <= 1.2),
        row(f"{title}: peak memory", own["peak"], "MB", "<= 400 MB", own["peak"] <= 400),
        row(f"{title}, one to one", own["strict"], "s", "", None),
        row(
            f"SDC2 score, {OFFICIAL[0]:,} sources x {OFFICIAL[1]:,} claims",
            official["seconds"],
            "s",
            "<= 1 s",
            official["seconds"] <= 1,
        ),
        row(
            f"{title}: {REPLICATES:,} replicates of {many['blocks']:,} blocks",
            many["score"],
            "s",
            "<= 1 s",
            many["score"] <= 1,
        ),
        row(f"{title}: every metric, {REPLICATES:,} replicates", many["all"], "s", "", None),
        row(f"{title}: from tables to measured rows", many["measure"], "s", "", None),
        row(f"{title}: peak memory of all of that", many["peak"], "MB", "", None),
        row("SDC2 score, 11,091 sources x 1,000 claims of 20,000 km/s", broad["seconds"], "s", "", None),
        row("SDC2 score, the same: peak memory", broad["peak"], "MB", "", None),
    ]
    return [*found, *_beside(report, title, own, tables)]


def _beside(
    report: Progress, title: str, own: dict[str, float], tables: list[str]
) -> list[dict[str, object]]:
    """Rows of the comparison, or one that says how to make it."""
    if not os.environ.get("BLINDSKY_SKA_SDC"):
        return [{"name": f"{title}: BLINDSKY_SKA_SDC names no interpreter that has ska-sdc", "met": None}]
    report.note("ska-sdc")
    peer = apart("hi_scoring", "theirs", *tables)
    ratio = peer["seconds"] / own["seconds"]
    reference = f"ska-sdc 2.0.0 {peer['seconds']:.1f} s, {peer['peak']:.0f} MB"
    off = abs(peer["value"] - own["value"])
    counts = max(abs(peer[name] - own[name]) for name in ("n_match", "n_bad"))
    return [
        row(title, own["seconds"], "s", ">= 10 x ska-sdc", ratio >= 10, reference, ratio),
        row(f"{title}: its difference from ska-sdc", off, "", "<= 1e-6", off <= 1e-6),
        row(f"{title}: difference in matches and bad matches", counts, "", "0", counts == 0),
    ]


_PARTS: dict[str, Callable[..., dict[str, float]]] = {
    "ours": ours,
    "theirs": theirs,
    "replicates": replicates,
    "wide": wide,
}

if __name__ == "__main__":
    print(json.dumps(_PARTS[sys.argv[1]](*sys.argv[2:])))
