"""Generation: the same bytes on any engine and after any kill, and nothing to be seen before it is done."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blindsky.challenges import generation, tables, writing
from blindsky.challenges.challenge import Challenge, Size
from blindsky.challenges.drawing import WAVE, Job, Plan, draw, drawn
from blindsky.challenges.errors import InputFault, MachineFault
from blindsky.challenges.generation import generate
from blindsky.challenges.randomness import TEST_ROWS, object_ids, stream
from blindsky.challenges.release import Release, open_release
from blindsky.challenges.skies import Sky
from blindsky.challenges.staging import Staging
from blindsky.challenges.trust import verify
from blindsky.scoring import density

KEY = bytes(range(32))


def contents(release: Release) -> dict[str, bytes]:
    """Every file but the cards of references, which bear the time; the manifest without time and scoring code."""
    found = {
        path.relative_to(release.root).as_posix(): path.read_bytes()
        for path in release.root.rglob("*")
        if path.is_file() and path.name != "card.json"
    }
    manifest = json.loads(found["public/release.json"])
    del manifest["created"], manifest["scorer"]
    return found | {"public/release.json": json.dumps(manifest).encode()}


def draw_toy(toy: Challenge, folder: Path, track: str = "plain", **options: Any) -> Release:
    return generate(toy, track, "tiny", folder, release_id="r", key=KEY, **options)


@pytest.fixture(scope="module")
def uninterrupted(toy: Challenge, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Release]:
    """A track drawn by one worker at one go."""
    made: dict[str, Release] = {}

    def of(track: str) -> Release:
        if track not in made:
            made[track] = draw_toy(toy, tmp_path_factory.mktemp(track), track)
        return made[track]

    return of


@pytest.mark.parametrize("track", ["plain", "biased", "point"])
def test_four_workers_make_the_same_bytes(
    toy: Challenge, uninterrupted: Callable[[str], Release], tmp_path: Path, track: str
) -> None:
    assert contents(draw_toy(toy, tmp_path, track, workers=4)) == contents(uninterrupted(track))


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_a_cluster_makes_the_same_bytes(
    toy: Challenge, uninterrupted: Callable[[str], Release], tmp_path: Path
) -> None:
    distributed = pytest.importorskip("distributed")
    cluster = distributed.LocalCluster(
        n_workers=1, threads_per_worker=2, dashboard_address=None, silence_logs=50
    )
    with cluster:
        release = draw_toy(toy, tmp_path, "biased", cluster=cluster.scheduler_address)
    assert contents(release) == contents(uninterrupted("biased"))


def test_another_key_makes_other_bytes(
    toy: Challenge, uninterrupted: Callable[[str], Release], tmp_path: Path
) -> None:
    other = contents(generate(toy, "plain", "tiny", tmp_path, release_id="r", key=bytes(32)))
    known = contents(uninterrupted("plain"))
    assert other.keys() == known.keys()
    same = {name for name in other if other[name] == known[name]}
    assert same == {"public/grid.json", "public/prior.parquet"}


def test_a_fresh_key_each_time(toy: Challenge, tmp_path: Path) -> None:
    told: list[str] = []
    one, other = (generate(toy, "point", "tiny", tmp_path, announce=told.append) for _ in range(2))
    assert one.key != other.key and one.salt != other.salt
    assert told == [one.public.release_id, other.public.release_id]
    assert told[0].startswith("toy-point-tiny-") and one.key.hex() not in told[0]


def test_blocks_are_drawn_from_their_own_streams(
    toy: Challenge, uninterrupted: Callable[[str], Release]
) -> None:
    release = uninterrupted("plain")
    sky = toy.sky(toy.track("plain"), toy.sizes["tiny"], {"noise": "low"})
    blocks = [
        sky.draw("test", b, n, stream(KEY, f"r/toy/plain/tiny/test/{b}")) for b, n in enumerate((64, 64, 22))
    ]
    test, truth = release.public.table("test"), next(release.truth())
    np.testing.assert_array_equal(test["x"], np.concatenate([b.public["x"] for b in blocks]))
    expected = np.concatenate([b.private["truth"]["mean_true"] for b in blocks])
    np.testing.assert_array_equal(truth["mean_true"], expected)
    np.testing.assert_array_equal(test["object_id"], truth["object_id"])
    np.testing.assert_array_equal(test["object_id"], object_ids(KEY, "r", TEST_ROWS + np.arange(150)))
    np.testing.assert_array_equal(release.public.table("derived")["ratio"], test["x"] / test["noise"])


def test_a_selection_walks_the_train_split(toy: Challenge, uninterrupted: Callable[[str], Release]) -> None:
    """Positive numbers in draw order until there are enough, not one more."""
    train = uninterrupted("biased").public.table("train")
    sky = toy.sky(toy.track("biased"), toy.sizes["tiny"], {"noise": "low"})
    x = np.concatenate(
        [sky.draw("train", b, 64, stream(KEY, f"r/toy/biased/tiny/train/{b}")).public["x"] for b in range(5)]
    )
    np.testing.assert_array_equal(train["x"], x[x > 0][:100])
    np.testing.assert_array_equal(train["object_id"], object_ids(KEY, "r", np.arange(100)))
    assert (uninterrupted("biased").public.table("test")["x"] < 0).any()


def test_tables_of_many_row_groups_stay_side_by_side(
    toy: Challenge,
    uninterrupted: Callable[[str], Release],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Public and hidden tables are cut into the same batches, wherever their row groups end."""
    monkeypatch.setattr(writing, "ROW_GROUP", 40)
    release = draw_toy(toy, tmp_path)
    whole = next(uninterrupted("plain").truth())
    for n in (7, 64, 1000):
        start = 0
        for truth, test in zip(release.truth(n), release.public.batches("test", n), strict=True):
            np.testing.assert_array_equal(truth["object_id"], test["object_id"])
            np.testing.assert_array_equal(truth["best_log_p"], whole["best_log_p"][start : start + n])
            start += len(truth["object_id"])
        assert start == 150
    assert verify(release.public, release).ok


def test_an_option_reaches_the_sky(toy: Challenge, tmp_path: Path) -> None:
    noisy = generate(toy, "point", "tiny", tmp_path, options={"noise": "high"})
    assert noisy.public.table("test")["noise"].max() > 0.5
    assert noisy.public.manifest["options"] == {"noise": "high"}


def test_the_ceiling_is_scored_from_what_the_blocks_measured(uninterrupted: Callable[[str], Release]) -> None:
    release = uninterrupted("plain")
    card = json.loads((release.private / "references" / "posterior" / "0001" / "card.json").read_text())
    truth, test = next(release.truth()), release.public.table("test")
    error = test["x"].astype(float) / (1 + test["noise"].astype(float) ** 2) - truth["mean_true"]
    pdf = tables.read(release.private / "ceiling.parquet")["best_pdf"]
    public = truth["part"] == "public"
    for part, inside in (("all", slice(None)), ("public", public), ("private", ~public)):
        scores = card["parts"][part]["metrics"]
        assert card["parts"][part]["n"] == len(error[inside])
        assert scores["mse"]["value"] == pytest.approx((error[inside] ** 2).mean())
        assert scores["mean_log_p"]["value"] == pytest.approx(truth["best_log_p"][inside].mean())
        assert scores["excess"]["value"] == 0
        excess = density.cdf_excess(truth["mean_true"][inside], pdf[inside], -6, 6)
        distance = np.trapezoid(np.abs(excess.mean(axis=0, dtype=float)), dx=0.2)
        assert scores["stack_w1"]["value"] == pytest.approx(distance)
    assert (card["entry"]["kind"], card["entry"]["id"]) == ("ceiling", "posterior")
    assert [s["name"] for s in card["slices"]] == ["negative x", "positive mean", "significant"]
    values = [v for v in card["figures"]["public"]["errors"]["values"] if v is not None]
    assert min(values) >= 10


def test_blocks_are_drawn_on_one_thread(toy: Challenge, tmp_path: Path) -> None:
    """The order of a sum must not hang on the machine."""
    from threadpoolctl import threadpool_info, threadpool_limits

    seen: list[int] = []

    def sky(*details: Any) -> Sky:
        made = toy.sky(*details)
        draw = made.draw

        def watched(*details: Any) -> Any:
            seen.extend(pool["num_threads"] for pool in threadpool_info())
            return draw(*details)

        made.draw = watched  # type: ignore[method-assign,assignment]
        return made

    with threadpool_limits(2):
        generate(replace(toy, sky=sky), "point", "tiny", tmp_path)
    assert set(seen) == {1}


def test_nothing_is_visible_before_it_is_complete(toy: Challenge, tmp_path: Path) -> None:
    seen: list[list[str]] = []

    def derive(*details: Any) -> Any:
        """Called once everything is drawn and written."""
        seen.append(sorted(path.name for path in tmp_path.iterdir()))
        assert toy.derive is not None
        return toy.derive(*details)

    release = generate(replace(toy, derive=derive), "plain", "tiny", tmp_path, release_id="r")
    assert seen == [[".partial-r", ".r.lock"]]
    assert [path.name for path in tmp_path.iterdir()] == ["r"]
    assert {path.name for path in release.root.iterdir()} == {"public", "private"}
    assert not list(release.root.rglob(".*"))


def test_secrets_are_for_their_owner_alone(uninterrupted: Callable[[str], Release]) -> None:
    private = uninterrupted("plain").private
    assert private.stat().st_mode & 0o777 == 0o700
    assert (private / "secret.json").stat().st_mode & 0o777 == 0o600


def stopped(toy: Challenge, folder: Path) -> Path:
    """A run that failed once all was drawn; its staged blocks."""

    def derive(*details: Any) -> Any:
        message = "stopped"
        raise RuntimeError(message)

    with pytest.raises(RuntimeError, match="stopped"):
        draw_toy(replace(toy, derive=derive), folder)
    return folder / ".partial-r" / "blocks"


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[: len(content) // 2],
        lambda content: content[:900] + bytes([content[900] ^ 1]) + content[901:],
        lambda content: content[:-30] + bytes(30),
        lambda content: content + b"\0",
    ],
    ids=["empty", "half", "one bit", "end", "longer"],
)
def test_a_damaged_block_is_drawn_again(
    toy: Challenge,
    uninterrupted: Callable[[str], Release],
    tmp_path: Path,
    damage: Callable[[bytes], bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    blocks = stopped(toy, tmp_path)
    assert len(list(blocks.iterdir())) == 5
    block = blocks / "test-0000001"
    block.write_bytes(damage(block.read_bytes()))
    redrawn: list[Job] = []

    def draw(plan: Plan, sky: Sky, job: Job, original: Any = generation.draw) -> Any:
        redrawn.append(job)
        return original(plan, sky, job)

    monkeypatch.setattr(generation, "draw", draw)
    assert contents(draw_toy(toy, tmp_path)) == contents(uninterrupted("plain"))
    assert redrawn == [Job("test", 1, 64)]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"track": "biased"}, "track"),
        ({"size": "small"}, "size"),
        ({"options": {"noise": "high"}}, "options"),
        ({"device": "cuda"}, "device"),
        ({"key": bytes(32)}, "key"),
    ],
)
def test_a_changed_plan_is_refused(
    toy: Challenge, tmp_path: Path, change: Mapping[str, Any], named: str
) -> None:
    stopped(toy, tmp_path)
    call: dict[str, Any] = {"track": "plain", "size": "tiny", "release_id": "r", "key": KEY} | dict(change)
    with pytest.raises(
        InputFault, match=f"unfinished run of r was planned with another {named}. Repeat"
    ) as fault:
        generate(toy, call.pop("track"), call.pop("size"), tmp_path, **call)
    assert KEY.hex() not in str(fault.value)


def test_a_resumed_run_keeps_its_key(toy: Challenge, tmp_path: Path) -> None:
    stopped(toy, tmp_path)
    assert generate(toy, "plain", "tiny", tmp_path, release_id="r").key == KEY


def test_an_existing_id_is_refused(toy: Challenge, tmp_path: Path) -> None:
    draw_toy(toy, tmp_path, "point")
    with pytest.raises(InputFault, match=r"release r exists already in .*\. Choose another --id"):
        draw_toy(toy, tmp_path, "point")


@pytest.mark.parametrize("name", ["../r", "a/b", ".r", "", "-r", "a b", "r\n", "x" * 101, "/tmp/r"])
def test_an_id_is_a_plain_name(toy: Challenge, tmp_path: Path, name: str) -> None:
    if not name:
        return  # nothing given
    with pytest.raises(InputFault, match="can't be the id of a release: expected up to 100 letters"):
        generate(toy, "plain", "tiny", tmp_path / "releases", release_id=name)
    assert not list(tmp_path.rglob("*"))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (("plane", "tiny", {}), "toy has no track 'plane': did you mean plain"),
        (("plain", "tinny", {}), "toy has no size 'tinny': did you mean tiny\\? Known are: tiny, small"),
        (("point", "small", {}), "toy has no size 'small': Known are: tiny"),
        (
            ("plain", "tiny", {"options": {"noise": "loud"}}),
            "no option noise=loud. Known are: noise=low|high",
        ),
        (("plain", "tiny", {"options": {"depth": "low"}}), "no option depth=low"),
        (("plain", "tiny", {"key": b"short"}), "a release key has 32 bytes, got 5"),
        (("plain", "tiny", {"key": b""}), "a release key has 32 bytes, got 0"),
    ],
)
def test_what_there_is_none_of(
    toy: Challenge, tmp_path: Path, call: tuple[str, str, dict[str, Any]], message: str
) -> None:
    track, size, options = call
    with pytest.raises(InputFault, match=message):
        generate(toy, track, size, tmp_path, **options)
    assert not list(tmp_path.iterdir())


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_a_scheduler_that_does_not_answer(toy: Challenge, tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    with pytest.raises(MachineFault, match="no Dask scheduler answers at nonsense://nowhere"):
        draw_toy(toy, tmp_path, cluster="nonsense://nowhere")


def test_blocks_in_flight_are_bounded(toy: Challenge, tmp_path: Path) -> None:
    """However many blocks there are, no more than two waves leave the iterator ahead of the writer."""
    sky = toy.sky(toy.track("plain"), Size(1, 1), {"noise": "low"})
    plan = Plan("r", toy.on("plain"), "tiny", {}, KEY)
    asked: list[int] = []

    def jobs() -> Any:
        for block in count():
            asked.append(block)
            yield Job("train", block, 64)

    coming = drawn(partial(draw, plan, sky), jobs(), Staging(tmp_path / "blocks"), 1)
    for written in range(3 * WAVE):
        next(coming)
        assert len(asked) <= (written // WAVE + 2) * WAVE
    del coming  # what is under way ends, and no more begins
    assert len(asked) <= 5 * WAVE


KILLED = """
import json, os, signal, sys
from dataclasses import replace
from pathlib import Path

import joblib, pandas, pyarrow.dataset, pyarrow.parquet, threadpoolctl  # loaded once, before the forks
import toychallenge
from blindsky.challenges import generation, tables, writing
from blindsky.challenges.challenge import Size

def sky(*details):
    return replace(toychallenge.simulate(*details), block_rows=8)

toy = replace(toychallenge.CHALLENGE, sizes={"tiny": Size(20, 50)}, sky=sky, slices=(), figures=())
events = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir"}
root = Path(sys.argv[1])

def run(name, kill_at, key=bytes(range(32))):
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
        generation.generate(toy, "biased", "tiny", root / name, release_id="r", key=key)
        (root / name / "events").write_text(str(-left[0]))
    except BaseException as error:
        print(name, repr(error), file=sys.stderr)
        os._exit(3)
    os._exit(0)

assert run("whole", 0) == 0
total = int((root / "whole" / "events").read_text()) - 1
moments = sorted({*range(1, total, max(total // 10, 1)), *range(total - 6, total + 1)})
report = []
for k in moments:
    assert run(f"at-{k}", k) == signal.SIGKILL, k
    visible = [p.name for p in (root / f"at-{k}").glob("[!.]*")]
    begun = (root / f"at-{k}" / ".partial-r" / "release").exists()  # from then on the key is known
    known = {"key": None} if begun else {}
    report.append((k, visible, run(f"at-{k}", 0, **known) if not visible else 0))
many = 0  # killed again and again, a little later each time
while not (root / "again" / "r").exists():
    many += 1
    assert run("again", 10 + 10 * many) in (0, signal.SIGKILL)
print(json.dumps({"report": report, "many": many, "total": total}))
"""


def test_a_kill_at_any_moment_loses_nothing(tmp_path: Path) -> None:
    """The process is killed at its k-th file operation; the same call completes, equal to the last byte."""
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert len(found["report"]) > 12 and found["many"] > 3
    whole = contents(open_release(tmp_path / "whole" / "r"))
    for k, visible, status in found["report"]:
        assert visible in ([], ["r"]) and status == 0
        assert contents(open_release(tmp_path / f"at-{k}" / "r")) == whole
    assert contents(open_release(tmp_path / "again" / "r")) == whole


def test_photoz_is_the_same_with_two_workers(
    photoz_original: Release, photoz_small: Challenge, tmp_path: Path
) -> None:
    again = generate(
        photoz_small,
        "biased",
        "tiny",
        tmp_path,
        release_id="photoz-original",
        key=photoz_original.key,
        workers=2,
    )
    known, found = contents(photoz_original), contents(again)
    assert {name: found[name] == known[name] for name in known} == dict.fromkeys(found, True)
