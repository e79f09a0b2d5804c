"""Speed and memory of the lens metrics with their replicates, and of single curves against scikit-learn.

Each measurement runs in a process of its own, so that its peak memory is its own.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable

import numpy as np

from blindsky.challenges.progress import Progress
from tests.benchmarks.measuring import apart, best, peak_mib, row

CASES, REPLICATES, PEER_REPLICATES = 100_000, 1000, 20
SHIFT = 2.904440  # AUROC .98


def _case() -> tuple[np.ndarray, np.ndarray]:
    """Labels and scores of a good entry, half lenses."""
    rng = np.random.default_rng(0)
    label = rng.random(CASES) < 0.5
    return label, 1 / (1 + np.exp(SHIFT / 2 - rng.standard_normal(CASES) - SHIFT * label))


def board() -> dict[str, float]:
    """Seconds of the board (AUROC and the TPRs) and of all metrics, from arrays to intervals; peak GB."""
    from blindsky.challenges.lens.measure import measure
    from blindsky.challenges.lens.metrics import METRICS
    from blindsky.scoring.card import evaluate
    from blindsky.scoring.measurements import Measurements
    from blindsky.scoring.weights import Replicates

    label, score = _case()
    visible = label & (np.random.default_rng(1).random(CASES) < 0.9)
    rows = measure({"label": label, "has_source": label, "is_lens": visible}, {"score": score}).rows
    chosen = [m for m in METRICS if m.key in ("auroc", "tpr0", "tpr10", "tpr_fpr2", "tpr_fpr3", "tpr_fpr4")]

    def run(metrics: object) -> None:
        evaluate(Measurements(rows), metrics, Replicates(b"benchmark", np.arange(CASES)), REPLICATES)

    return {
        "rates": best(lambda: run(chosen)),
        "all": best(lambda: run(METRICS), 1),
        "peak": peak_mib() / 1000,
    }


def against_sklearn() -> dict[str, float]:
    """Seconds of one AUROC and of 20 weighted replicates of AUROC and the ROC's rates, ours and scikit-learn's."""
    from sklearn.metrics import roc_auc_score, roc_curve

    from blindsky.scoring import ranking
    from blindsky.scoring.measurements import Measurements

    label, score = _case()
    weights = np.random.default_rng(2).poisson(1.0, (PEER_REPLICATES, CASES)).astype(np.uint8)

    def ours() -> None:
        table = Measurements({"label": label, "score": score})
        for statistic in (
            ranking.prepare_auroc(table),
            ranking.prepare_tpr0(table),
            ranking.prepare_tpr_at_fpr(table, fpr=1e-3),
        ):
            statistic(weights)

    def theirs() -> None:
        for w in weights:
            roc_auc_score(label, score, sample_weight=w)
            fpr, tpr, _ = roc_curve(label, score, sample_weight=w, drop_intermediate=False)
            _ = tpr[fpr <= 0].max(), tpr[fpr <= 1e-3].max()

    return {
        "one": best(lambda: ranking.auroc(label, score), 5),
        "one_theirs": best(lambda: roc_auc_score(label, score), 5),
        "many": best(ours),
        "many_theirs": best(theirs, 2),
    }


def rows(report: Progress) -> list[dict[str, object]]:
    """One row per measured number."""
    report.note("replicates of the lens metrics")
    own = apart("lens_ranking", "board")
    report.note("scikit-learn")
    peer = apart("lens_ranking", "against_sklearn")
    what = "lens, 1e5 cases, 1,000 replicates"
    one, many = peer["one_theirs"] / peer["one"], peer["many_theirs"] / peer["many"]
    return [
        row(f"{what}: AUROC and five TPRs", own["rates"], "s", "<= 2 s", own["rates"] <= 2),
        row(f"{what}: every metric of the score", own["all"], "s", "", None),
        row(f"{what}: peak memory", own["peak"], "GB", "<= 1 GB", own["peak"] <= 1),
        row(
            "AUROC of 1e5 cases",
            peer["one"],
            "s",
            ">= 1 x scikit-learn",
            one >= 1,
            f"scikit-learn {peer['one_theirs']:.3f} s",
            one,
        ),
        row(
            f"AUROC, TPR0, TPR at 1e-3 of 1e5 cases, {PEER_REPLICATES} replicates",
            peer["many"],
            "s",
            ">= 5 x scikit-learn",
            many >= 5,
            f"scikit-learn {peer['many_theirs']:.2f} s",
            many,
        ),
    ]


_PARTS: dict[str, Callable[[], dict[str, float]]] = {"board": board, "against_sklearn": against_sklearn}

if __name__ == "__main__":
    print(json.dumps(_PARTS[sys.argv[1]]()))
