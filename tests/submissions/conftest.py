"""A public part that is nothing but ids and a declaration: whoever reads more of it, fails."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from blindsky.challenges.prediction import Column, Density, Grid, Prediction
from blindsky.challenges.tables import to_arrow
from blindsky.submissions.checking import check
from blindsky.submissions.faults import RULES, Fault

GRID = Grid(0.0, 3.0, 31)
PREDICTION = Prediction(
    (
        Column("z_point", low=0, high=3),
        Column("spread", low=0, optional=True),
        Density("pdf", GRID, optional=True),
    )
)


@dataclass
class FakePublic:
    ids: np.ndarray[Any, np.dtype[np.int64]]
    prediction: Prediction = PREDICTION
    release_id: str = "toy-plain-tiny-0a1b2c3d"
    has_truth: bool = True

    @property
    def challenge(self) -> Any:
        return SimpleNamespace(prediction=self.prediction)

    def rows(self, name: str) -> int:
        assert name == "test"
        return len(self.ids)

    def batches(
        self, name: str, n: int = 65536, columns: Sequence[str] | None = None
    ) -> Iterator[dict[str, Any]]:
        assert (name, columns) == ("test", [self.prediction.key])
        for start in range(0, len(self.ids), n):
            yield {self.prediction.key: self.ids[start : start + n]}


@pytest.fixture
def make_public() -> Callable[..., FakePublic]:
    return FakePublic


@pytest.fixture
def public() -> FakePublic:
    """Fifty test rows whose ids need all of 53 bits."""
    return FakePublic(np.random.default_rng(5).permutation(2**53 - 1 - np.arange(50)))


@pytest.fixture
def table(public: FakePublic) -> dict[str, Any]:
    """A valid prediction without the density, rows in the order of the test table."""
    rng = np.random.default_rng(6)
    return {"object_id": public.ids.copy(), "z_point": rng.random(50) * 3}


@pytest.fixture
def density() -> Any:
    """Valid densities for it, shape (50, 31) float32, normalised."""
    values = np.random.default_rng(7).random((50, 31))
    values /= GRID.step * (values.sum(axis=1, keepdims=True) - 0.5 * (values[:, :1] + values[:, -1:]))
    return values.astype(np.float32)


@pytest.fixture
def parquet(tmp_path: Path) -> Callable[..., Path]:
    """Writes columns as Parquet."""

    def write(columns: dict[str, Any], name: str = "prediction.parquet", **options: Any) -> Path:
        import pyarrow.parquet as pq

        pq.write_table(to_arrow(columns), tmp_path / name, **options)
        return tmp_path / name

    return write


@pytest.fixture
def text(tmp_path: Path) -> Callable[..., Path]:
    """Writes columns as CSV, every cell as it is."""

    def write(
        columns: dict[str, Any], name: str = "prediction.csv", separator: str = ",", end: str = "\n"
    ) -> Path:
        lines = [separator.join(columns)]
        lines += [separator.join(map(str, row)) for row in zip(*columns.values(), strict=True)]
        (tmp_path / name).write_bytes((end.join(lines) + end).encode())
        return tmp_path / name

    return write


@pytest.fixture
def refused(tmp_path: Path, public: Any) -> Callable[..., Fault]:
    """The one fault of a file with this content; sees that the check writes nothing."""

    def run(content: bytes | Path, name: str = "prediction.csv") -> Fault:
        path = content if isinstance(content, Path) else tmp_path / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")}
        result = check(path, public)
        assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")} == before
        assert len(result.faults) == 1, str(result)
        assert result.faults[0].code in RULES
        assert result.faults[0].code in str(result)
        return result.faults[0]

    return run


@pytest.fixture
def peak_of() -> Callable[..., tuple[Any, float]]:
    """Runs something: what it returns, and the most memory that Python and NumPy held for it, in MiB."""

    def run(work: Callable[[], Any]) -> tuple[Any, float]:
        tracemalloc.start()
        try:
            return work(), tracemalloc.get_traced_memory()[1] / 2**20
        finally:
            tracemalloc.stop()

    return run
