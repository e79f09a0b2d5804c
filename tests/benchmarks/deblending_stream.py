"""Does loading keep a network busy? Blends a second from the torch Dataset beside blends a second of training."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

from torch.utils.data import DataLoader

import blindsky
from blindsky.baselines.baseline import Settings, get
from blindsky.challenges import registry
from blindsky.challenges.generation import generate
from blindsky.challenges.progress import Progress
from tests.benchmarks.measuring import apart, best, row

TRACKS = {"pair": "unet", "scene": "unet_scene"}
BATCH = 32


def measure() -> dict[str, float]:
    """Blends a second, loaded and trained on, of the tiny release of each track."""
    found = {}
    with tempfile.TemporaryDirectory() as name:
        for track, network in TRACKS.items():
            release = generate(registry.get("deblending"), track, "tiny", Path(name), release_id=track)
            stream = blindsky.load(release.root).dataset("train", shuffle=0, batch=BATCH)
            n = release.public.rows("train")

            def load(stream: object = stream, n: int = n) -> None:
                loader = DataLoader(stream, batch_size=None)  # type: ignore[arg-type]
                assert sum(len(batch["blend_id"]) for batch in loader) == n

            found[f"{track} loaded"] = n / best(load)
            baseline = get(f"deblending/{network}")
            seconds = {}
            for epochs in (1, 3):  # what comes before the first epoch is none of its work
                start = time.perf_counter()
                baseline.fit(release.public, Settings(epochs=epochs, workers=2))
                seconds[epochs] = time.perf_counter() - start
            found[f"{track} trained"] = 2 * n / (seconds[3] - seconds[1])
    return found


def rows(report: Progress) -> list[dict[str, object]]:
    """Some four minutes."""
    found = apart("deblending_stream")
    report.advance()
    lines = []
    for track, network in TRACKS.items():
        loaded, trained = found[f"{track} loaded"], found[f"{track} trained"]
        peer = f"{network} training on the CPU, 2 threads: {trained:.0f} blends/s"
        name = f"torch Dataset of {track}, shuffled, one process"
        lines.append(
            row(name, loaded, "blends/s", "faster than training", loaded > trained, peer, loaded / trained)
        )
    return lines


if __name__ == "__main__":
    print(json.dumps(measure()))
