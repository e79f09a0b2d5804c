"""Speed and memory of the deblending metrics: masks by the hundred thousand, replicates of pairs, scenes.

Each measurement runs in a process of its own, so that its peak memory is its own. Tables are made in chunks, outside
the time that is measured.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

import numpy as np

from blindsky.challenges.progress import Progress
from tests.benchmarks.measuring import apart, best, peak_mib, row

N, CHUNK = 128, 1024
PAIRS, BOARD, SCENES = 100_000, 6000, 5000
BANK = 512  # different masks
SKLEARN, LOOP = 200, 2000  # masks that the peers are timed on


def _bank() -> np.ndarray:
    """Discs of 3 to 40 pixels, of 700 pixels in the median as true masks of pairs are, (BANK, N, N) uint8."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:N, :N]
    radius, place = rng.lognormal(np.log(15), 0.4, BANK).clip(3, 40), rng.uniform(44, 84, (2, BANK))
    discs = (np.hypot(x - px, y - py) <= r for px, py, r in zip(*place, radius, strict=True))
    return np.stack(list(discs)).astype(np.uint8)


def _pairs(n: int, seed: int, bank: np.ndarray | None) -> tuple:
    """Tables of n pairs and of a fair entry, with masks where there is a bank of them."""
    from blindsky.challenges.skies import Ragged

    rng = np.random.default_rng([1, seed])
    counts, obj, true = np.full(n, 2), np.tile([0, 1], n), rng.lognormal(3, 1, 2 * n)
    objects = {"obj": obj, "flux_f160w": true, "scored": rng.random(2 * n) < 0.98}
    found = {"obj": obj, "flux": true * rng.lognormal(0, 0.1, 2 * n) * (rng.random(2 * n) > 0.02)}
    if bank is not None:
        which = rng.integers(0, BANK, 2 * n)
        objects["mask"] = bank[which]
        found["mask"] = bank[np.where(rng.random(2 * n) < 0.5, which, rng.integers(0, BANK, 2 * n))]
    return {}, Ragged(counts, objects), Ragged(counts, found)


def _measured(n: int, make: Callable[[int, int], tuple], measure: Callable[..., object], chunk: int) -> tuple:
    """Measurements of n cases in chunks, and the seconds that measuring took."""
    from blindsky.scoring.measurements import Collector

    collector, seconds = Collector(("public", "private")), 0.0
    for first in range(0, n, chunk):
        tables = make(min(chunk, n - first), first)
        start = time.perf_counter()
        measured = measure(*tables)
        part = np.where(np.arange(len(tables[1].counts)) % 10 < 3, "public", "private")
        collector.add(measured, part)
        seconds += time.perf_counter() - start
    start = time.perf_counter()
    parts, _ = collector.measurements()
    return parts["all"], seconds + time.perf_counter() - start


def _card(table: object, metrics: tuple, cases: int) -> float:
    from blindsky.scoring.card import evaluate
    from blindsky.scoring.measurements import Measurements
    from blindsky.scoring.weights import Replicates

    def run() -> None:
        fresh = Measurements(table.rows, case=table.case)
        evaluate(fresh, metrics, Replicates(b"benchmark", np.arange(cases)), 1000)

    return best(run, 1)


def masks() -> dict[str, float]:
    """Seconds for 1e5 pairs of masks: from tables to measurements, to values, to intervals; peak GB."""
    from functools import partial

    from blindsky.challenges.deblending.bands import SPACE
    from blindsky.challenges.deblending.measure import measure_pair
    from blindsky.challenges.deblending.metrics import PAIR
    from blindsky.scoring.metric import ones

    bank = _bank()
    table, measuring = _measured(
        PAIRS, lambda n, k: _pairs(n, k, bank), partial(measure_pair, bands=SPACE), CHUNK
    )
    start = time.perf_counter()
    for metric in PAIR:
        metric.prepare(table)(ones(len(table)))
    values = time.perf_counter() - start
    card = _card(table, PAIR, PAIRS)
    return {"measure": measuring, "values": values, "card": card, "peak": peak_mib() / 1000}


def pairs() -> dict[str, float]:
    """Seconds for the full test set of pairs without masks, 1,000 replicates, and its measuring."""
    from functools import partial

    from blindsky.challenges.deblending.bands import SPACE
    from blindsky.challenges.deblending.measure import measure_pair
    from blindsky.challenges.deblending.metrics import PAIR

    table, measuring = _measured(
        BOARD, lambda n, k: _pairs(n, k, None), partial(measure_pair, bands=SPACE), CHUNK
    )
    return {"measure": measuring, "card": _card(table, PAIR, BOARD)}


def _scenes(n: int, seed: int, flood: bool) -> tuple:
    """Catalogues of n scenes; 50 detections in each, all within reach, where it is a flood."""
    from blindsky.challenges.deblending.bands import LSST
    from blindsky.challenges.skies import Ragged

    rng = np.random.default_rng([2, seed])
    counts = np.full(n, 6) if flood else rng.integers(2, 7, n)
    m = int(counts.sum())
    places = rng.uniform(58, 62, (2, m)) if flood else rng.uniform(30, 90, (2, m))
    true = {f"flux_{band}": rng.lognormal(5, 1, m) for band in LSST.names}
    case = np.repeat(np.arange(n), counts)
    objects = {
        **{"obj": np.arange(m) - (np.cumsum(counts) - counts)[case], "x": places[0], "y": places[1]},
        **{"scored": rng.random(m) < 0.9},
        **true,
    }
    if flood:
        k = 50 * n
        found = {f"flux_{band}": rng.lognormal(5, 1, k) for band in LSST.names}
        x, y = rng.uniform(58, 62, (2, k))
        counts_found = np.full(n, 50)
    else:
        seen = rng.random(m) < 0.8
        k = int(seen.sum())
        found = {band: flux[seen] * rng.lognormal(0, 0.2, k) for band, flux in true.items()}
        x, y = places[:, seen] + rng.normal(0, 0.7, (2, k))
        counts_found = np.bincount(case[seen], minlength=n)
    found |= {"det": np.arange(k), "x": x, "y": y}
    return {"sigma": np.ones((n, 6))}, Ragged(counts, objects), Ragged(counts_found, found)


def scenes(flood: str = "") -> dict[str, float]:
    """Seconds to match and measure the full test set of scenes, and its card with 1,000 replicates."""
    from functools import partial

    from scipy.optimize import linear_sum_assignment

    from blindsky.challenges.deblending.bands import LSST
    from blindsky.challenges.deblending.measure import measure_scene
    from blindsky.challenges.deblending.metrics import SCENE

    linear_sum_assignment(np.eye(2))  # loaded before the clock runs
    measure = partial(measure_scene, bands=LSST)
    table, measuring = _measured(SCENES, lambda n, k: _scenes(n, k, bool(flood)), measure, 256)
    return {
        "measure": measuring,
        "card": _card(table, SCENE, SCENES),
        "rows": float(len(table)),
        "peak": peak_mib() / 1000,
    }


def peers() -> dict[str, float]:
    """Seconds of IoU of 12,000 pairs of masks, ours and, extrapolated from a sample, a NumPy loop and scikit-learn."""
    from sklearn.metrics import jaccard_score

    from blindsky.scoring.segmentation import iou

    bank, rng = _bank(), np.random.default_rng(3)
    truth, prediction = bank[rng.integers(0, BANK, (2, 12_000))]
    of_loop, of_sklearn = np.empty(LOOP), np.empty(SKLEARN)

    def loop() -> None:
        for k in range(LOOP):
            t, p = truth[k].astype(bool), prediction[k].astype(bool)
            either = np.logical_or(t, p).sum()
            of_loop[k] = np.logical_and(t, p).sum() / either if either else 1.0

    def sklearn() -> None:
        for k in range(SKLEARN):
            of_sklearn[k] = jaccard_score(truth[k].ravel(), prediction[k].ravel(), zero_division=1.0)

    ours = best(lambda: iou(truth, prediction))
    seconds = {
        "ours": ours,
        "loop": best(loop) * 12_000 / LOOP,
        "sklearn": best(sklearn, 1) * 12_000 / SKLEARN,
    }
    found = iou(truth[:LOOP], prediction[:LOOP])
    off = max(np.abs(found - of_loop).max(), np.abs(found[:SKLEARN] - of_sklearn).max())
    return {**seconds, "difference": float(off)}


def rows(report: Progress) -> list[dict[str, object]]:
    """One row per measured number."""
    report.note("IoU beside its peers")
    peer = apart("deblending_scoring", "peers")
    report.note("masks of 1e5 pairs")
    many = apart("deblending_scoring", "masks")
    report.note("replicates of pairs and scenes")
    pair, scene = apart("deblending_scoring", "pairs"), apart("deblending_scoring", "scenes")
    flood = apart("deblending_scoring", "scenes", "flood")
    loop, sklearn = peer["loop"] / peer["ours"], peer["sklearn"] / peer["ours"]
    masks_of_pairs = "deblending, 1e5 pairs of 128 x 128 masks"
    board = "deblending, 6,000 pairs"
    full = "deblending, 5,000 scenes"
    total = many["measure"] + many["values"]
    return [
        row(
            "IoU of 12,000 masks of 128 x 128",
            peer["ours"],
            "s",
            "< 3 s, >= 2 x a loop over boolean masks",
            peer["ours"] < 3 and loop >= 2,
            f"NumPy loop {peer['loop']:.2f} s, extrapolated from {LOOP:,}",
            loop,
        ),
        row(
            "IoU of 12,000 masks of 128 x 128",
            peer["ours"],
            "s",
            ">= 100 x scikit-learn",
            sklearn >= 100,
            f"scikit-learn's jaccard_score {peer['sklearn']:.0f} s, extrapolated from {SKLEARN}",
            sklearn,
        ),
        row("IoU: its difference from both", peer["difference"], "", "<= 1e-14", peer["difference"] <= 1e-14),
        row(f"{masks_of_pairs}: every metric", total, "s", "<= 20 s", total <= 20),
        row(f"{masks_of_pairs}: of that, IoU and all other columns", many["measure"], "s", "", None),
        row(f"{masks_of_pairs}: every interval, 1,000 replicates", many["card"], "s", "", None),
        row(f"{masks_of_pairs}: peak memory", many["peak"], "GB", "<= 1 GB", many["peak"] <= 1),
        row(f"{board}: every metric, 1,000 replicates", pair["card"], "s", "< 5 s", pair["card"] < 5),
        row(f"{board}: from tables to measurements", pair["measure"], "s", "", None),
        row(f"{full}: every metric of catalogues, 1,000 replicates", scene["card"], "s", "", None),
        row(f"{full}: matched and measured", scene["measure"], "s", "", None),
        row(f"{full} with 50 detections each: matched and measured", flood["measure"], "s", "", None),
        row(
            f"{full} with 50 detections each: every metric, 1,000 replicates, {flood['rows']:,.0f} rows",
            flood["card"],
            "s",
            "",
            None,
        ),
        row(f"{full} with 50 detections each: peak memory", flood["peak"], "GB", "", None),
    ]


_PARTS: dict[str, Callable[..., dict[str, float]]] = {
    "masks": masks,
    "pairs": pairs,
    "scenes": scenes,
    "peers": peers,
}

if __name__ == "__main__":
    print(json.dumps(_PARTS[sys.argv[1]](*sys.argv[2:])))
