"""Speed and memory of the transients metrics at the size of PLAsTiCC, and of the log-loss against scikit-learn.

Each measurement runs in a process of its own, so that its peak memory is its own.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

import numpy as np

from blindsky.challenges.progress import Progress
from tests.benchmarks.measuring import apart, best, peak_mib, row

CHUNK = 65536
SUMS = (
    "weighted_logloss",
    "logloss_known",
    "macro_logloss",
    "macro_brier",
    "brier",
    "balanced_accuracy",
)  # of slices
SIGNAL = 3.0  # in units of the scatter of the log odds: weighted log-loss .9, as the best published entries


def _truth() -> np.ndarray:
    """True targets of the full test set, hidden kinds among them, in random order."""
    from blindsky.challenges.transients.classes import CLASSES, HIDDEN, OTHER

    kinds = [*(c for c in CLASSES if c.number != OTHER), *HIDDEN]
    targets = np.repeat([kind.number for kind in kinds], [kind.test for kind in kinds])
    return np.random.default_rng(0).permutation(targets)


def _probabilities(y: np.ndarray, seed: int) -> np.ndarray:
    odds = np.random.default_rng([1, seed]).standard_normal((len(y), 15), dtype=np.float32)
    odds[np.arange(len(y)), y] += SIGNAL
    odds[:, -1] -= 1
    return np.exp(odds, dtype=np.float64)


def card() -> dict[str, float]:
    """Seconds to measure the full test set, to score its parts and two slices, each with its replicates; peak GB."""
    from blindsky.challenges.transients.classes import NUMBERS, index
    from blindsky.challenges.transients.measure import measure
    from blindsky.challenges.transients.metrics import METRICS
    from blindsky.scoring.card import Cut, score
    from blindsky.scoring.measurements import Collector
    from blindsky.scoring.weights import Replicates

    target = _truth()
    n = len(target)
    part = np.where(np.random.default_rng(2).random(n) < 0.3, "public", "private")
    collector, measuring = Collector(("public", "private")), 0.0
    for i in range(0, n, CHUNK):
        chunk = target[i : i + CHUNK]
        p = _probabilities(index(chunk), i)
        start = time.perf_counter()
        rows = measure(
            {"true_target": chunk}, {f"class_{number}": p[:, k] for k, number in enumerate(NUMBERS)}
        )
        collector.add(rows, part[i : i + CHUNK])
        measuring += time.perf_counter() - start
    start = time.perf_counter()
    parts, part_of = collector.measurements()
    measuring += time.perf_counter() - start
    del collector, part
    replicates = Replicates(b"benchmark", np.arange(n))
    deep = np.random.default_rng(3).random(n) < 0.0094
    slices = [Cut(name, "survey", mask, SUMS) for name, mask in (("deep", deep), ("wide", ~deep))]
    moments, cpu = [time.perf_counter()], time.process_time()
    found = score(
        parts, part_of, METRICS, replicates, slices, advance=lambda: moments.append(time.perf_counter())
    )
    public, private, whole, *of_slices = np.diff(moments)
    return {
        "measure": measuring,
        "whole": whole,
        "parts": public + private + whole,
        "slices": sum(of_slices),
        "cpu": time.process_time() - cpu,
        "peak": peak_mib() / 1000,
        "loss": found.parts["all"].scores["weighted_logloss"].value,
    }


def against_sklearn() -> dict[str, float]:
    """Seconds of the weighted log-loss of the full test set, ours and scikit-learn's."""
    from sklearn.metrics import log_loss

    from blindsky.challenges.transients.classes import WEIGHTS, index
    from blindsky.scoring import classification

    y = index(_truth())
    p = _probabilities(y, 0)
    p /= p.sum(axis=1, keepdims=True)  # scikit-learn warns otherwise

    def ours() -> float:
        return classification.weighted_logloss(y, p, class_weights=WEIGHTS)

    def theirs() -> float:
        return float(log_loss(y, p, sample_weight=(np.array(WEIGHTS) / np.bincount(y))[y], labels=range(15)))

    return {
        "loss": best(ours, 5),
        "loss_theirs": best(theirs, 2),
        "difference": abs(ours() - theirs()),
    }


def rows(report: Progress) -> list[dict[str, object]]:
    """One row per measured number."""
    report.note("scikit-learn")
    peer = apart("transients_scoring", "against_sklearn")
    report.note("the card of the full test set")
    own = apart("transients_scoring", "card")
    loss = peer["loss_theirs"] / peer["loss"]
    what = "transients, 3,492,890 objects"
    many = f"{what}, 1,000 replicates"
    return [
        row(
            f"{what}: weighted log-loss",
            peer["loss"],
            "s",
            "<= 0.4 s, >= 20 x scikit-learn",
            peer["loss"] <= 0.4 and loss >= 20,
            f"scikit-learn {peer['loss_theirs']:.1f} s",
            loss,
        ),
        row(
            f"{what}: its difference from scikit-learn's",
            peer["difference"],
            "nat",
            "<= 1e-12",
            peer["difference"] <= 1e-12,
        ),
        row(f"{what}: from probabilities to measurements", own["measure"], "s", "", None),
        row(f"{many}: every metric, the whole set", own["whole"], "s", "<= 60 s", own["whole"] <= 60),
        row(
            f"{many}: every metric, public, private and all", own["parts"], "s", "<= 60 s", own["parts"] <= 60
        ),
        row(f"{what}: two slices that make up the whole, 200 replicates", own["slices"], "s", "", None),
        row(f"{what}: CPU time of parts and slices, all threads", own["cpu"], "s", "", None),
        row(f"{many}: peak memory", own["peak"], "GB", "<= 4 GB", own["peak"] <= 4),
    ]


_PARTS: dict[str, Callable[[], dict[str, float]]] = {"card": card, "against_sklearn": against_sklearn}

if __name__ == "__main__":
    print(json.dumps(_PARTS[sys.argv[1]]()))
