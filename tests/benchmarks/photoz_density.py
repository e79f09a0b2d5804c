"""Speed of the photo-z scores, beside qp and SciPy measured in the same run.

    python -m tests.benchmarks --challenge photoz --only density

Each part that is timed runs in a process of its own, so that its peak memory is its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from blindsky.challenges.progress import Progress
from tests.benchmarks.measuring import apart, best, peak_mib, row

ROWS, OBJECTS, REPLICATES = 1_000_000, 400_000, 1000
PEER_ROWS, PEER_OBJECTS, PEER_REPLICATES = 20_000, 20_000, 200
GROUP, BATCH = 65_536, 16_384  # rows written and read at once
NODES = np.linspace(0, 3, 301)


def _densities(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Truths (n,) and un-normalised densities (n, 301) float32 of two Gaussians each."""
    rng = np.random.default_rng(seed)
    z = np.clip(rng.gamma(3, 0.3, n), 0, 3)
    s = (0.02 * (1 + z))[:, None].astype(np.float32)
    m = (z[:, None] + s * rng.standard_normal((n, 1))).astype(np.float32)
    nodes = NODES.astype(np.float32)
    pdf = np.exp(-0.5 * ((nodes - m) / s) ** 2) + 0.1 * np.exp(-0.5 * ((nodes - m / 3) / (2 * s)) ** 2)
    return z, pdf


def write(path: Path) -> None:
    """The Parquet file to be streamed, one row group at a time."""
    import pyarrow.parquet as pq

    from blindsky.challenges.tables import to_arrow

    writer = None
    for i in range(0, ROWS, GROUP):
        z, pdf = _densities(min(GROUP, ROWS - i), i)
        table = to_arrow({"z_true": z, "pdf": pdf})
        writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd")
        writer.write_table(table)
    if writer is not None:
        writer.close()


def stream(path: Path) -> dict[str, float]:
    """PIT, CDE loss, CRPS and mean log p of the file: CPU seconds of arithmetic, seconds of reading, peak GB.

    The arithmetic runs on one thread; CPU time keeps other work on the machine out of the number.
    """
    from blindsky.challenges.tables import batches
    from blindsky.scoring import calibration, density
    from blindsky.scoring.measurements import Measurements
    from blindsky.scoring.metric import ones
    from blindsky.scoring.sums import mean

    arithmetic = reading = 0.0
    chunks = []
    source = batches(path, BATCH)
    while True:
        start = time.perf_counter()
        batch = next(source, None)
        reading += time.perf_counter() - start
        if batch is None:
            break
        start = time.process_time()
        chunks.append(density.measure(batch["z_true"], batch["pdf"], 0, 3))
        arithmetic += time.process_time() - start
    start = time.process_time()
    table = Measurements({name: np.concatenate([c[name] for c in chunks]) for name in chunks[0]})
    for prepare in (density.prepare_cde_loss, calibration.prepare_pit_ks):
        prepare(table)(ones(len(table)))
    for column in ("crps", "log_p"):
        mean(table, column)(ones(len(table)))
    arithmetic += time.process_time() - start
    return {"arithmetic": arithmetic, "reading": reading, "peak": peak_mib() / 1000}


def replicates() -> dict[str, float]:
    """All metrics of the point board with paired Poisson replicates: seconds, peak GB."""
    from blindsky.challenges.photoz.metrics import METRICS
    from blindsky.scoring.card import evaluate
    from blindsky.scoring.measurements import Measurements
    from blindsky.scoring.weights import Replicates

    rng = np.random.default_rng(1)
    z = np.clip(rng.gamma(3, 0.3, OBJECTS), 0, 3)
    point = np.clip(z + 0.03 * (1 + z) * rng.standard_t(2, OBJECTS), 0, 3)
    table = Measurements({"z_true": z, "z_point": point, "e": (point - z) / (1 + z)})
    start = time.perf_counter()
    evaluate(table, METRICS, Replicates(b"benchmark", np.arange(OBJECTS)), REPLICATES)
    return {"seconds": time.perf_counter() - start, "peak": peak_mib() / 1000}


def against_qp() -> dict[str, float]:
    """Seconds of PIT and CDE loss for the same rows: ours (with CRPS and log p) and qp's."""
    from blindsky.scoring import density

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import qp
        from qp.metrics import CDELossMetric
        from qp.metrics.pit import PIT

        z, pdf = _densities(PEER_ROWS, 7)

        def theirs() -> None:
            ensemble = qp.Ensemble(qp.interp, data={"xvals": NODES, "yvals": pdf})
            PIT(ensemble, z)
            CDELossMetric(eval_grid=NODES).evaluate(ensemble, z)

        return {"ours": best(lambda: density.measure(z, pdf, 0, 3)), "theirs": best(theirs)}


def against_scipy() -> dict[str, float]:
    """Seconds of the bootstrap of sigma_nmad for the same rows and number of replicates, ours and SciPy's."""
    from scipy.stats import bootstrap, median_abs_deviation

    from blindsky.scoring.card import replicate
    from blindsky.scoring.measurements import Measurements
    from blindsky.scoring.regression import prepare_sigma_nmad
    from blindsky.scoring.weights import Replicates

    e = 0.03 * np.random.default_rng(2).standard_t(2, PEER_OBJECTS)

    def ours() -> None:
        table = Measurements({"e": e})
        drawn = Replicates(b"benchmark", np.arange(PEER_OBJECTS))
        replicate(table, {"sigma_nmad": prepare_sigma_nmad(table)}, drawn, PEER_REPLICATES)

    def theirs() -> None:
        bootstrap(
            (e,),
            lambda x, axis: 1.4826 * median_abs_deviation(x, axis=axis),
            n_resamples=PEER_REPLICATES,
            batch=20,
            method="percentile",
            vectorized=True,
        )

    return {"ours": best(ours), "theirs": best(theirs)}


def rows(report: Progress) -> list[dict[str, object]]:
    """One row per measured number."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "densities.parquet"
        report.note("writing densities")
        write(path)
        report.note("streaming densities")
        streamed = apart("photoz_density", "stream", str(path))
    report.note("replicates")
    boards = apart("photoz_density", "replicates")
    what = "PIT, CDE loss, CRPS, log p of 1e6 x 301 from Parquet"
    whole = "point board, 4e5 objects, 1,000 replicates"
    found = [
        row(f"{what}: arithmetic", streamed["arithmetic"], "CPU s", "<= 10 s", streamed["arithmetic"] <= 10),
        row(f"{what}: reading", streamed["reading"], "s", "", None),
        row(f"{what}: peak memory", streamed["peak"], "GB", "<= 1 GB", streamed["peak"] <= 1),
        row(whole, boards["seconds"], "s", "<= 20 s", boards["seconds"] <= 20),
        row(f"{whole}: peak memory", boards["peak"], "GB", "<= 1.5 GB", boards["peak"] <= 1.5),
    ]
    report.note("peers")
    try:
        peer = apart("photoz_density", "against_qp")
    except subprocess.CalledProcessError as error:
        print(f"qp was not measured: {error.stderr.splitlines()[-1:]}", file=sys.stderr)
    else:
        ratio = peer["theirs"] / peer["ours"]
        name = f"PIT and CDE loss of {PEER_ROWS:,} x 301"
        found.append(
            row(name, peer["ours"], "s", ">= 8 x qp", ratio >= 8, f"qp {peer['theirs']:.2f} s", ratio)
        )
    peer = apart("photoz_density", "against_scipy")
    ratio = peer["theirs"] / peer["ours"]
    name = f"bootstrap of sigma_nmad, {PEER_OBJECTS:,} objects, {PEER_REPLICATES} replicates"
    reference = f"scipy.stats.bootstrap {peer['theirs']:.2f} s"
    found.append(row(name, peer["ours"], "s", ">= 1 x SciPy", ratio >= 1, reference, ratio))
    return found


_PARTS: dict[str, Callable[[], dict[str, float]]] = {
    "replicates": replicates,
    "against_qp": against_qp,
    "against_scipy": against_scipy,
}

if __name__ == "__main__":
    if len(sys.argv) > 2:
        print(json.dumps(stream(Path(sys.argv[2]))))
    else:
        print(json.dumps(_PARTS[sys.argv[1]]()))
