"""A toy release of stamps, written by hand: a lens has a bright ring, a non-lens does not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from blindsky.challenges.release import Public
from blindsky.challenges.tables import to_arrow
from blindsky.scoring.measurements import Table

SIGMA = 1e-12


def painted(n: int, bands: int, seed: int, first_id: int, contrast: float) -> tuple[Table, np.ndarray]:
    draw = np.random.default_rng(seed)
    label = draw.random(n) < 0.45
    y, x = np.mgrid[-50:51, -50:51]
    ring = np.exp(-(((np.hypot(x, y) - 15) / 3) ** 2) / 2)
    galaxy = 20 * np.exp(-np.hypot(x, y) / 5)
    sky = galaxy + contrast * label[:, None, None, None] * ring + draw.normal(size=(n, bands, 101, 101))
    mask = (draw.random((n, bands, 101, 101)) < 0.02).astype(np.uint8)
    image = np.where(mask > 0, 0, SIGMA * sky).astype(np.float32)
    sigma = np.full((n, bands), SIGMA, np.float32)
    return {"id": first_id + np.arange(n), "image": image, "mask": mask, "sigma": sigma}, label


@pytest.fixture(scope="session")
def toy_stamps(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., tuple[Public, np.ndarray]]:
    """(train, test, bands) -> the public part of a toy release, and the labels of its test split."""

    def write(train: int, test: int, bands: int = 1, contrast: float = 4.0) -> tuple[Public, np.ndarray]:
        root: Path = tmp_path_factory.mktemp("stamps")
        camera = {"image": "image", "bands": list("ugri")[:bands], "size": 101, "pixel_arcsec": 0.2}
        (root / "cameras.json").write_text(json.dumps({"cameras": [camera], "reference": "u"}))
        truth = {}
        for split, n, first in (("train", train, 100_000), ("test", test, 200_000)):
            table, truth[split] = painted(n, bands, first, first, contrast)
            (root / split).mkdir()
            pq.write_table(to_arrow(table), root / split / "part-00000.parquet", row_group_size=16)
        ids = 100_000 + np.arange(train)
        pq.write_table(to_arrow({"id": ids, "label": truth["train"]}), root / "train_labels.parquet")
        return Public(root, {"id": "toy-stamps"}), truth["test"]

    return write
