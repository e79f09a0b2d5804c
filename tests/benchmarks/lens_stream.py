"""Reading images for training: the torch Dataset beside Arrow's own reader and beside the bytes of the files."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from torch.utils.data import DataLoader

from blindsky.challenges import writing
from blindsky.challenges.progress import Progress
from blindsky.challenges.tables import Groups
from blindsky.stream import Stream
from tests.benchmarks.measuring import apart, best, peak_mib, row

STAMPS, SHAPE = 12_800, (1, 101, 101)  # 522 MB: two files
BATCH = 128


def write(folder: Path) -> Groups:
    """Noise as it lies in a release."""
    draw = np.random.default_rng(0)
    writer = writing.TableWriter(folder / "train.parquet")
    for first in range(0, STAMPS, BATCH):
        image = draw.standard_normal((BATCH, *SHAPE), dtype=np.float32)
        writer.add({"id": np.arange(first, first + BATCH), "image": image})
    writer.close()
    return Groups.of(folder / "train")


def measure() -> dict[str, float]:
    """Seconds of a pass, and the peak of the process after it."""
    with tempfile.TemporaryDirectory() as name:
        groups = write(Path(name))
        files = sorted({path for path, _ in groups.places})
        before = peak_mib()

        def stream() -> None:
            loader = DataLoader(Stream(groups, {}, 0, BATCH), batch_size=None)
            assert sum(len(batch["id"]) for batch in loader) == STAMPS

        found = {"stream": best(stream), "before": before, "after": peak_mib()}
        found["arrow"] = best(lambda: [_arrow(path) for path in files])
        found["bytes"] = best(lambda: [path.read_bytes() for path in files])
    return found


def _arrow(path: Path) -> None:
    file = pq.ParquetFile(path)
    for k in range(file.num_row_groups):
        file.read_row_group(k)


def rows(progress: Progress) -> list[dict[str, object]]:
    """Half a minute."""
    found = apart("lens_stream")
    progress.advance()
    megabytes = STAMPS * 4 * np.prod(SHAPE) / 1e6
    return [
        row(
            "torch Dataset of stamps, shuffled, one process",
            megabytes / found["stream"],
            "MB/s",
            "report",
            None,
            "pyarrow reading the same row groups",
            found["arrow"] / found["stream"],
        ),
        row(
            "the same beside the bytes of the files, from the page cache",
            megabytes / found["bytes"],
            "MB/s",
            "report",
            None,
            "read_bytes",
            found["bytes"] / found["stream"],
        ),
        row(
            "memory of a pass over 522 MB of stamps",
            found["after"] - found["before"],
            "MiB",
            "<= 400",
            found["after"] - found["before"] <= 400,
        ),
    ]


if __name__ == "__main__":
    print(json.dumps(measure()))
