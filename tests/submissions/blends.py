"""A public part of deblending that is nothing but ids, with two galaxies listed of each blend."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from blindsky.challenges import registry


class Blends:
    """What ``check`` reads of a release, for blends of these ids on one track."""

    release_id, has_truth = "blends", True

    def __init__(self, ids: Any, track: str = "pair") -> None:
        self.challenge: Any = SimpleNamespace(prediction=registry.get("deblending").on(track).prediction)
        objects = {"blend_id": np.repeat(ids, 2), "obj": np.tile([0, 1], len(ids))}
        self.tables = {"test": {"blend_id": ids}, "test_objects": objects}

    def json(self, name: str) -> dict[str, Any]:
        return {}

    def rows(self, name: str) -> int:
        return len(self.tables[name]["blend_id"])

    def batches(
        self, name: str, n: int = 0, columns: Sequence[str] | None = None
    ) -> Iterator[dict[str, Any]]:
        table = self.tables[name]
        yield {column: table[column] for column in columns or table}
