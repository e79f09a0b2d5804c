"""Skies that are one field: files painted in pieces, bytes that hang on the key alone, runs that go on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blindsky.challenges import generation, registry, tables
from blindsky.challenges.drawing import Job
from blindsky.challenges.generation import generate
from blindsky.challenges.release import Release
from blindsky.challenges.trust import reveal, verify

KEY = bytes(range(32))


def draw_toy(folder: Path, **options: Any) -> Release:
    return generate(
        registry.get("toyfield"), "plain", "tiny", folder, **{"release_id": "r", "key": KEY} | options
    )


def contents(release: Release) -> dict[str, bytes]:
    """Every file; the manifest without time and scoring code."""
    found = {
        p.relative_to(release.root).as_posix(): p.read_bytes()
        for p in release.root.rglob("*")
        if p.is_file() and "references" not in p.parts
    }
    manifest = json.loads(found["public/release.json"])
    del manifest["created"], manifest["scorer"]
    return found | {"public/release.json": json.dumps(manifest).encode()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Release:
    return draw_toy(tmp_path_factory.mktemp("whole"))


def test_tables_and_files_tell_the_same_story(whole: Release) -> None:
    lamps = whole.public.table("train_lamps")
    light = np.frombuffer((whole.public.root / "train_street.fits").read_bytes(), "<f4")
    assert len(light) == 20 * 16
    bright = lamps["flux"] > 20
    at = np.clip(np.rint(lamps["x"][bright]).astype(int), 0, len(light) - 1)
    assert (light[at] > 10).all()
    assert (np.diff(lamps["stretch"]) >= 0).all()
    np.testing.assert_array_equal(lamps["x"] // 16, lamps["stretch"])
    totals = whole.public.json("totals")
    assert sum(totals["train"]) == pytest.approx(float(light.sum()), rel=1e-5)
    hidden = tables.read(whole.private / "truth_lamps.parquet")
    assert len(hidden["x"]) == sum(tables.read(whole.private / "truth.parquet")["lamps"])
    assert not set(hidden["x"]) & set(lamps["x"])


def test_files_of_a_split_are_listed_as_its_data(whole: Release) -> None:
    listed = {f["path"]: f for f in whole.public.manifest["files"]}
    for split in ("train", "test"):
        assert listed[f"{split}_street.fits"]["split"] == split
    assert verify(whole.public, whole).ok
    path = whole.public.root / "test_street.fits"
    kept = path.read_bytes()
    path.write_bytes(b"\1" + kept[1:])
    assert not verify(whole.public, whole).ok
    path.write_bytes(kept)


def test_workers_change_no_byte(whole: Release, tmp_path: Path) -> None:
    assert contents(draw_toy(tmp_path, workers=2)) == contents(whole)


def test_another_key_is_another_field(whole: Release, tmp_path: Path) -> None:
    other = draw_toy(tmp_path, key=bytes(32))
    for name in ("train_street.fits", "test_street.fits"):
        assert (other.public.root / name).read_bytes() != (whole.public.root / name).read_bytes()


@pytest.mark.parametrize("lost", [False, True])
def test_a_killed_run_goes_on(
    whole: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: bool
) -> None:
    """Pieces that lie on the disk are not painted again, unless their files are gone."""
    asked: list[str] = []

    def paint(plan: Any, sky: Any, folder: Path, job: Job, original: Any = generation.paint) -> Any:
        asked.append(job.name)
        if len(asked) == 9:
            raise KeyboardInterrupt
        return original(plan, sky, folder, job)

    monkeypatch.setattr(generation, "paint", paint)
    with pytest.raises(KeyboardInterrupt):
        draw_toy(tmp_path)
    work = tmp_path / ".partial-r"
    done = {p.name for p in (work / "blocks").iterdir() if "piece" in p.name}
    assert done
    if lost:
        shutil.rmtree(work / "files")
    first = len(asked)
    assert contents(draw_toy(tmp_path)) == contents(whole)
    assert bool(done & set(asked[first:])) is lost
    assert not work.exists()


def test_a_reveal_can_be_verified(tmp_path: Path) -> None:
    release = draw_toy(tmp_path)
    reveal(release)
    assert verify(release.public, None).ok
