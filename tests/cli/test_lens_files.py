"""The files of the original lens challenge through the command line: import, check, score, export."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blindsky.challenges.lens.fits import encode

Cli = Callable[..., Any]


@pytest.fixture
def space(tmp_path: Path) -> Path:
    """A training and a test folder of the space branch; one training stamp lacks."""
    rng = np.random.default_rng(9)
    for split, first, n in (("train", 100_000, 12), ("test", 200_000, 40)):
        part = "Data_EuclidBig.0/" if split == "test" else ""
        folder = tmp_path / split / f"{part}Public/Band1"
        folder.mkdir(parents=True)
        for i in range(first, first + n - (split == "train")):
            image = rng.normal(0, 1e-12, (101, 101)).astype(np.float32)
            (folder / f"imageEUC_VIS-{i}.fits").write_bytes(encode(image, 0.1))
    train = "".join(f"{i},{i % 2},{3 + i % 5}\n" for i in range(100_000, 100_012))
    test = "".join(f"{i},{i % 2},{3 + i % 5}\n" for i in range(200_000, 200_040))
    (tmp_path / "train.csv").write_text("ID,is_lens,Einstein_area\n" + train)
    (tmp_path / "test.csv").write_text("# truth\nID,no_source,Einstein_area\n" + test)
    return tmp_path


def test_from_the_original_files_to_a_score_and_back(cli: Cli, space: Path) -> None:
    line = ("import", "lens/bologna", "train", "test", "--edition", "1.0-space")
    labels = ("--labels", "train.csv", "--labels", "test.csv", "--id", "real")
    answer = cli(*line, *labels)
    assert answer.code == 1
    assert "train split, 1 stamp: in train.csv, but no plane is there (100011)" in answer.err
    answer = cli(*line, *labels, "--allow-missing")
    assert answer.code == 0, answer.err
    assert "real: 11 training and 40 test rows" in answer.out
    assert "note: train split, 1 stamp: in train.csv, but no plane is there (100011); left out" in answer.out
    (space / "entry.txt").write_text(
        "".join(f"{i} {(i * 37) % 101 / 101}\n" for i in range(200_000, 200_040))
    )
    checked = json.loads(cli("check", "entry.txt", "--release", "real", "--json").out)
    assert checked["ok"] and checked["fields"] == ["score"]
    assert cli("submit", "entry.txt", "--release", "real", "--team", "A", "--method", "m").code == 0
    cli("show", "real", "--sample", "sample.csv")
    assert cli("submit", "sample.csv", "--release", "real", "--team", "B", "--method", "m").code == 0
    assert cli("score", "--all").out.count(": valid\n") == 2
    assert cli("leaderboard").code == 0
    assert cli("reveal", "real").code == 0
    answer = cli("export", "real", "--format", "fits", "--out", "stamps", "--json")
    assert json.loads(answer.out)["path"] == "stamps"
    original, exported = (
        {path.name: path.read_bytes() for path in folder.rglob("imageEUC_VIS-2*.fits")}
        for folder in (space / "test", space / "stamps" / "test")
    )
    assert original == exported and len(exported) == 40
    assert (space / "stamps" / "test" / "classifications.csv").read_text().count("\n") == 42


def test_what_cannot_be(cli: Cli, space: Path) -> None:
    answer = cli("export", "nothing", "--format", "fits", "--out", "x")
    assert answer.code == 1 and "no release 'nothing'" in answer.err
    answer = cli("import", "lens/bologna", "train", "--labels", "train.csv")
    assert answer.code == 1 and "lens/bologna wants --edition too" in answer.err
    answer = cli("import", "lens/bologna", "train", "--edition", "2.0", "--labels", "nothing.csv")
    assert answer.code == 2
