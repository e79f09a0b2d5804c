"""A small release of the HI challenge, written file by file: two fields of one sky, with their truths."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq
import pytest

from blindsky.baselines.hi.regions import Region
from blindsky.challenges.hi import population
from blindsky.challenges.hi.cube import create
from blindsky.challenges.hi.field import Field
from blindsky.challenges.hi.interference import channels
from blindsky.challenges.randomness import Streams
from blindsky.challenges.release import Public
from blindsky.challenges.tables import to_arrow
from blindsky.scoring.measurements import Array, Table

FIELD = Field(96, 80, 192, 3200, 0.25, 40, 5, (48, 48, 64), 104)
KEY = bytes(range(32))


class Mini(NamedTuple):
    """The public part, the geometry of both fields, and the truths."""

    public: Public
    field: Field
    truths: Mapping[str, Table]


@pytest.fixture(scope="session")
def mini(tmp_path_factory: pytest.TempPathFactory) -> Mini:
    """Some 35 sources in each field."""
    pytest.importorskip("torch")
    from blindsky.challenges.hi.painter import Painter

    folder = tmp_path_factory.mktemp("mini")
    rms = channels(FIELD, "core")
    truths = {}
    for split in ("train", "test"):
        streams = Streams(KEY, f"mini/hi/core/mini/{split}")
        sources = population.draw(FIELD, "core", streams)
        sources["id"] = np.arange(len(sources["z"]))
        truths[split] = population.complete(FIELD, sources, rms)
        canvas = create(folder / f"{split}_cube.fits", FIELD, f"core mini {split}")
        canvas.write(0, Painter(FIELD, sources, rms["rms_jy_beam"], streams).paint(0, FIELD.nchan))
        canvas.close()
    pq.write_table(to_arrow(truths["train"]), folder / "train_sources.parquet")
    fields = {split: FIELD.to_dict() for split in truths}
    (folder / "fields.json").write_text(json.dumps(fields))
    return Mini(Public(Path(folder), {"id": "mini"}), FIELD, truths)


@pytest.fixture
def whole() -> Callable[[Array], Region]:
    """The region that is all of an array."""

    def region(array: Array) -> Region:
        spans = tuple((0, n) for n in array.shape)
        return Region(spans, spans)

    return region
