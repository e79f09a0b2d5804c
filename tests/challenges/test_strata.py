"""Skies drawn class by class: bytes that hang on the key alone, runs that go on, ids that tell no class."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import toystrata
from hypothesis import given, settings
from hypothesis import strategies as st

from blindsky.challenges import generation, sorting, writing
from blindsky.challenges.blocks import merge
from blindsky.challenges.challenge import Size
from blindsky.challenges.drawing import Job
from blindsky.challenges.generation import generate
from blindsky.challenges.randomness import TEST_ROWS, object_ids, stream
from blindsky.challenges.release import Release, open_release
from blindsky.challenges.skies import Block, Stratum
from blindsky.challenges.strata import Filling, fillings
from blindsky.challenges.trust import verify

KEY = bytes(range(32))


def draw_toy(folder: Path, **options: Any) -> Release:
    return generate(toystrata.CHALLENGE, "plain", "tiny", folder, release_id="r", key=KEY, **options)


def contents(release: Release) -> dict[str, bytes]:
    """Every file; the manifest without time and scoring code."""
    found = {
        p.relative_to(release.root).as_posix(): p.read_bytes() for p in release.root.rglob("*") if p.is_file()
    }
    manifest = json.loads(found["public/release.json"])
    del manifest["created"], manifest["scorer"]
    return found | {"public/release.json": json.dumps(manifest).encode()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """Drawn by one worker at one go."""
    return draw_toy(tmp_path_factory.mktemp("whole"))


def test_a_split_is_its_strata_in_the_order_of_their_ids(whole: Release) -> None:
    """The first accepted rows of each stratum's blocks, numbered stratum by stratum, named and sorted."""
    sky = toystrata.ToyStrata()
    sky.prepare(stream(KEY, "r/toy/plain/tiny/sky"))
    assert whole.public.json("shift") == {"shift": sky.shift}
    blocks: list[Block] = []
    for stratum in toystrata.STRATA["test"]:
        rows = 0
        for b in range(1000):
            if rows >= stratum.rows:
                break
            path = f"r/toy/plain/tiny/test/{stratum.name}/{b}"
            blocks.append(sky.draw("test", stratum.name, b, stream(KEY, path)))
            n = min(len(blocks[-1].public["x"]), stratum.rows - rows)
            blocks[-1] = generation_take(blocks[-1], n)
            rows += n
        assert rows == stratum.rows
    drawn = merge(blocks)
    ids = object_ids(KEY, "r", TEST_ROWS + np.arange(160))
    order = np.argsort(ids)
    test, truth = whole.public.table("test"), next(whole.truth())
    np.testing.assert_array_equal(test["object_id"], ids[order])
    np.testing.assert_array_equal(truth["object_id"], ids[order])
    np.testing.assert_array_equal(test["x"], drawn.public["x"][order])
    for name, column in drawn.private["truth"].items():
        np.testing.assert_array_equal(truth[name], column[order])
    diary = drawn.long["diary"]
    owner = np.repeat(ids, diary.counts)
    by_owner = np.argsort(owner, kind="stable")  # lines of a row stay in their order
    found = whole.public.table("test_diary")
    assert list(found) == ["object_id", "line", "x"]
    np.testing.assert_array_equal(found["object_id"], owner[by_owner])
    np.testing.assert_array_equal(found["line"], diary.columns["line"][by_owner])


def generation_take(block: Block, n: int) -> Block:
    """The first n rows, by hand."""
    diary = block.long["diary"]
    lines = int(diary.counts[:n].sum())
    return Block(
        {name: column[:n] for name, column in block.public.items()},
        {"truth": {name: column[:n] for name, column in block.private["truth"].items()}},
        long={"diary": type(diary)(diary.counts[:n], {k: c[:lines] for k, c in diary.columns.items()})},
    )


def test_a_release_of_strata_is_like_any_other(whole: Release) -> None:
    files = {f["path"]: f for f in whole.public.manifest["files"]}
    entry = files["test_diary.parquet"]
    assert (entry["role"], entry["split"]) == ("data", "test")
    assert entry["columns"] == {"object_id": "int64", "line": "float64", "x": "float64"}
    assert files["train_labels.parquet"]["rows"] == 90
    train, labels = whole.public.table("train"), whole.public.table("train_labels")
    np.testing.assert_array_equal(train["object_id"], labels["object_id"])
    assert {s: int((labels["stratum"] == s).sum()) for s in ("common", "rare")} == {"common": 70, "rare": 20}
    assert not np.intersect1d(train["object_id"], whole.public.table("test")["object_id"]).size
    card = (whole.public.root / "README.md").read_text()
    assert "`test_diary.parquet`: `object_id`, `line`, `x`" in card
    assert verify(whole.public, whole).ok


@pytest.mark.parametrize("workers", [2, 3])
def test_workers_make_the_same_bytes(whole: Release, tmp_path: Path, workers: int) -> None:
    assert contents(draw_toy(tmp_path, workers=workers)) == contents(whole)


def test_buckets_and_row_groups_make_the_same_rows(
    whole: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sorting, "BUFFER_BYTES", 3000)
    monkeypatch.setattr(sorting, "BUCKET_ROWS", 10)
    monkeypatch.setattr(writing, "ROW_GROUP", 64)
    other = draw_toy(tmp_path)
    for name in ("train", "test", "train_diary", "test_diary", "train_labels"):
        one, two = whole.public.table(name), other.public.table(name)
        for column in one:
            np.testing.assert_array_equal(one[column], two[column])
    assert len(other.public.groups("test_diary").starts) > 4
    commitments = other.public.manifest["commitments"]
    assert commitments["root"] == whole.public.manifest["commitments"]["root"]


def test_an_interrupted_run_goes_on(whole: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def draw(plan: Any, sky: Any, job: Job, original: Any = generation.draw) -> Any:
        asked.append(job.name)
        if len(asked) == 20:
            raise KeyboardInterrupt
        return original(plan, sky, job)

    monkeypatch.setattr(generation, "draw", draw)
    with pytest.raises(KeyboardInterrupt):
        draw_toy(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == [".partial-r"]
    finished = {p.name for p in (tmp_path / ".partial-r" / "blocks").iterdir()}
    assert finished and len(finished) < 20
    first = len(asked)
    assert contents(draw_toy(tmp_path)) == contents(whole)
    assert not finished & set(asked[first:])


KILLED = """
import json, os, signal, sys
from pathlib import Path

import joblib, pandas, pyarrow.dataset, pyarrow.parquet, threadpoolctl  # loaded once, before the forks
import toystrata
from blindsky.challenges import generation, sorting

sorting.BUFFER_BYTES, sorting.BUCKET_ROWS = 3000, 40
events = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir"}
root = Path(sys.argv[1])

def run(name, kill_at):
    pid = os.fork()
    if pid:
        return os.waitpid(pid, 0)[1]
    left = [kill_at]
    def hook(event, details):
        if event in events:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(hook)
    try:
        key = None if (root / name / ".partial-r" / "release").exists() else bytes(range(32))
        generation.generate(toystrata.CHALLENGE, "plain", "tiny", root / name, release_id="r", key=key)
        (root / name / "events").write_text(str(-left[0]))
    except BaseException as error:
        print(name, repr(error), file=sys.stderr)
        os._exit(3)
    os._exit(0)

assert run("whole", 0) == 0
total = int((root / "whole" / "events").read_text()) - 1
report = []
for k in range(5, total - 20, total // 9):
    assert run(f"at-{k}", k) == signal.SIGKILL, k
    sorting_now = (root / f"at-{k}" / ".partial-r" / "sorting").exists()
    report.append((k, sorting_now, run(f"at-{k}", 0)))
print(json.dumps(report))
"""


def test_a_kill_at_any_moment_loses_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert len(report) > 7 and {True, False} == {sorting_now for _, sorting_now, _ in report}
    expected = contents(open_release(tmp_path / "whole" / "r"))
    for k, _, status in report:
        assert status == 0
        assert contents(open_release(tmp_path / f"at-{k}" / "r")) == expected
        assert not list((tmp_path / f"at-{k}").glob(".*"))


@settings(deadline=None, max_examples=40)
@given(st.floats(0.002, 1.0), st.integers(0, 3000), st.integers(1, 500), st.integers(0, 2**32))
def test_a_stratum_asks_for_few_blocks_too_many(share: float, rows: int, candidates: int, seed: int) -> None:
    """However rarely a candidate is accepted, and in a number of rounds that hardly grows."""
    chance = np.random.default_rng(seed)
    filling, rounds, found, enough = Filling(Stratum("s", rows), 7), 0, 0, 0
    while asked := filling.ask():
        rounds += 1
        assert asked.start == filling.blocks - len(asked)
        for b in asked:
            n = int(chance.binomial(candidates, share))
            first, block = filling.take(Block({"x": np.arange(n)}, {}))
            assert first == 7 + min(found, rows)
            np.testing.assert_array_equal(block.public["x"], np.arange(min(n, max(rows - found, 0))))
            found += n
            enough = b + 1 if found >= rows and not enough else enough
    assert filling.kept == rows <= found
    if rows:
        assert filling.blocks <= 2 * enough
        per_block = share * candidates
        if per_block > 20:
            assert filling.blocks <= enough + 1 + 0.2 * np.sqrt(enough)
            assert rounds <= 8


def test_strata_hold_what_the_size_declares() -> None:
    strata = [Stratum("a", 3), Stratum("b", 4)]
    assert [(f.first, f.stratum.rows) for f in fillings(strata, 7).values()] == [(0, 3), (3, 4)]
    assert fillings([], 0) == {}
    with pytest.raises(ValueError, match="hold 7 rows, expected 8"):
        fillings(strata, 8)
    with pytest.raises(ValueError, match="different names"):
        fillings([Stratum("a", 3), Stratum("a", 4)], 7)


def test_ids_that_count_would_tell_the_stratum(tmp_path: Path) -> None:
    counting = replace(toystrata.CHALLENGE, first_id={"train": 0, "test": 1000})
    with pytest.raises(ValueError, match="first_id"):
        generate(counting, "plain", "tiny", tmp_path)


def test_a_size_without_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(toystrata.STRATA, "train", ())
    empty = replace(toystrata.CHALLENGE, sizes={"tiny": Size(0, 160)})
    release = generate(empty, "plain", "tiny", tmp_path)
    assert release.public.rows("test") == 160
