"""The command line when something is wrong: one or two lines that say what to do next, the exit code, no traceback."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from blindsky import cli as face
from blindsky.challenges.release import Release

Cli = Any
RELEASE = "toy-original"
NAMES = ("--team", "A", "--method", "m")

# What is typed, the exit code, and what the answer must say
MISTAKES: list[tuple[str, int, str]] = [
    ("scroe --all", 2, "Did you mean 'score'?"),
    ("xyzzy", 2, "See blindsky --help."),
    ("--nonsense", 2, "No such option"),
    ("score", 2, "name submissions, or say --all"),
    ("score --all some", 2, "name submissions, or say --all"),
    ("score nobody", 1, "no submission 'nobody'"),
    ("score --all --arena prediction.parquet", 2, "is a file"),
    ("withdraw nobody", 1, "no submission 'nobody'"),
    ("withdraw", 2, "Missing argument 'SUBMISSION'"),
    ("check prediction.parquet", 2, "Missing option '--release'"),
    ("check prediction.parquet --release toy-orignal", 1, "did you mean toy-original?"),
    ("check prediction.parquet --release prediction.parquet", 1, "no release 'prediction.parquet'"),
    ("check prediction.parquet --release releases", 1, "Known here are: toy-original"),
    ("check nothing.parquet --release toy-original", 1, "there is no file nothing.parquet"),
    ("check releases --release toy-original", 1, "releases is a folder"),
    ("check notes.txt --release toy-original", 1, "notes.txt"),
    ("check empty.csv --release toy-original", 1, "empty"),
    ("check prediction.parquet --release toy-original --ids nothing.csv", 1, "nothing.csv"),
    ("check prediction.parquet --release toy-original --team A", 2, "No such option"),
    ("check other.parquet --release toy-original", 1, "not one id of the test split"),
    ("submit prediction.parquet --release toy-original", 2, "Missing option '--team'"),
    ("submit other.parquet --release toy-original --team A --method m", 1, "not one id of the test split"),
    ("generate tyo", 1, "did you mean toy?"),
    ("generate", 2, "Missing argument 'CHALLENGE'"),
    ("generate toy --track plane", 1, "did you mean plain?"),
    ("generate toy --size huge", 1, "Known are: tiny, small"),
    ("generate toy --option noise", 2, "NAME=VALUE"),
    ("generate toy --option noise=loud", 1, "noise=low|high"),
    ("generate toy --option loud=yes", 1, "noise=low|high"),
    ("generate toy --workers 0", 2, "x>=1"),
    ("generate toy --device gpu", 2, "'cpu', 'cuda'"),
    ("generate toy --id toy-original", 1, "exists already"),
    ("generate toy --id ../outside", 1, "can't be the id of a release"),
    ("generate toy --id .hidden", 1, "can't be the id of a release"),
    ("generate toy --key-file notes.txt", 1, "64 hexadecimal digits"),
    ("generate toy --key-file short.txt", 1, "32 bytes"),
    ("generate toy --key-file prediction.parquet", 1, "64 hexadecimal digits"),
    ("generate toy --key-file nothing", 2, "does not exist"),
    ("generate toy --arena notes.txt/arena", 1, "notes.txt"),
    ("baseline toy/maen --release toy-original", 1, "did you mean toy/mean?"),
    ("baseline mean --release toy-original", 1, "did you mean toy/mean?"),
    ("baseline photoz/knn --release toy-original", 1, "toy"),
    ("baseline toy/mean --release nothing", 1, "no release 'nothing'"),
    ("baseline toy/mean --release toy-original --out releases", 2, "is a directory"),
    ("baseline toy/mean --release toy-original --seed x", 2, "not a valid integer"),
    ("show nothing", 1, "The challenges are: deblending, hi, lens, photoz, toy"),
    ("show toy --sample s.csv", 2, "--sample needs a release"),
    ("show toy-original --sample s.txt", 1, ".parquet or .csv"),
    ("show toy-original --sample notes.txt/s.csv", 1, "notes.txt"),
    ("import toy notes.txt", 1, "Known are: text"),
    ("import toy/txet notes.txt", 1, "did you mean text?"),
    ("import nothing/text notes.txt", 1, "no challenge 'nothing'"),
    ("import toy/text", 2, "Missing argument 'FILES...'"),
    ("import toy/text nothing.txt", 2, "does not exist"),
    ("import photoz/dc2 notes.txt notes.txt", 1, "notes.txt"),
    ("import photoz/catalogue notes.txt", 1, "--columns"),
    ("import photoz/catalogue notes.txt --columns notes.txt", 1, "notes.txt"),
    ("download nothing", 1, "no release at nothing"),
    ("download notes.txt", 1, "no release at notes.txt"),
    ("download http://127.0.0.1:9/x", 3, "Run the same command again"),
    ("download ftp://example.org/x", 1, "is neither a folder nor an http(s) address"),
    ("verify nothing", 1, "no release 'nothing'"),
    ("verify", 2, "Missing argument 'RELEASE'"),
    ("reveal nothing", 1, "no release 'nothing'"),
    ("reveal releases/toy-original/public --nonsense", 2, "No such option"),
    ("leaderboard --out notes.txt", 2, "is a file"),
    ("leaderboard --out releases", 1, "no site of blindsky"),
    ("list --arena notes.txt", 2, "is a file"),
    ("demo --arena x", 2, "No such option"),
    ("demo extra", 2, "unexpected extra argument"),
]


@pytest.fixture
def desk(toy_release: Release, prediction: Path, tmp_path: Path) -> Path:
    """A folder with a release, a valid prediction, and things that are no prediction."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    (tmp_path / "notes.txt").write_text("some notes, not data\n")
    (tmp_path / "short.txt").write_text("abcd")
    (tmp_path / "empty.csv").write_text("")
    pq.write_table(pa.table({"object_id": [1, 2], "estimate": [0.0, 0.1]}), tmp_path / "other.parquet")
    return tmp_path


@pytest.mark.parametrize(("line", "code", "says"), MISTAKES, ids=[line for line, _, _ in MISTAKES])
def test_a_mistake_is_explained(cli: Cli, desk: Path, line: str, code: int, says: str) -> None:
    before = set(desk.rglob("*"))
    answer = cli(*line.split())
    text = answer.out + answer.err
    assert answer.code == code, text
    assert says in " ".join(text.split()), text
    assert "Traceback" not in text
    assert "Errno" not in text or code == 3
    assert len(answer.err.splitlines()) <= 12
    assert set(desk.rglob("*")) - before <= {desk / "releases", desk / "submissions"}


@pytest.mark.parametrize("verb", ["check", "baseline", "show", "verify", "score", "leaderboard"])
@pytest.mark.parametrize(
    "file", ["test.parquet", "train.parquet", "release.json", "README.md", "prior.parquet"]
)
@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_a_damaged_release_is_named(cli: Cli, desk: Path, verb: str, file: str, damage: str) -> None:
    cli("submit", "prediction.parquet", "--release", RELEASE, *NAMES)
    path = desk / "releases" / RELEASE / "public" / file
    if damage == "cut":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    else:
        path.unlink()
    line = {
        "check": ("prediction.parquet", "--release", RELEASE),
        "baseline": ("toy/mean", "--release", RELEASE),
        "show": (RELEASE,),
        "verify": (RELEASE,),
        "score": ("--all",),
        "leaderboard": (),
    }[verb]
    answer = cli(verb, *line)
    assert answer.code in (0, 1)
    assert "Traceback" not in answer.err
    if verb == "verify":
        assert answer.code == 1
    if answer.code == 1:
        text = answer.out + answer.err
        assert file in text or RELEASE in text


def test_names_that_are_no_text_are_printed_all_the_same(desk: Path) -> None:
    """In a process of its own, because the terminal's encoding matters."""
    name = os.fsdecode(b"\xff.csv")
    (desk / name).write_text("x\n1\n")
    for encoding in ("utf-8", "ascii"):
        done = subprocess.run(
            [sys.executable, "-m", "blindsky", "check", name, "--release", RELEASE],
            cwd=desk,
            capture_output=True,
            env=os.environ | {"PYTHONIOENCODING": encoding},
            check=False,
        )
        assert done.returncode == 1
        assert b"Traceback" not in done.stderr
        assert b"missing_column" in done.stdout


def test_a_quota_that_is_spent(cli: Cli, desk: Path) -> None:
    (desk / "arena.toml").write_text("submissions_per_day = 1\n")
    line = ("submit", "prediction.parquet", "--release", RELEASE, *NAMES)
    assert cli(*line).code == 0
    answer = cli(*line)
    assert (answer.code, answer.err.count("\n")) == (1, 1)
    assert "1 are allowed. The next one is possible from" in answer.err


def test_twice_is_refused_where_once_is_for_good(cli: Cli, desk: Path) -> None:
    made = cli("submit", "prediction.parquet", "--release", RELEASE, *NAMES, "--json")
    submission = json.loads(made.out)["id"]
    for line, says in (
        (("withdraw", submission), "withdrawn already"),
        (("reveal", RELEASE), "revealed already"),
    ):
        assert cli(*line).code == 0
        again = cli(*line)
        assert again.code == 1
        assert says in again.err


# The machine


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (OSError(errno.EIO, "Input/output error", "/data"), 3, "/data: Input/output error"),
        (PermissionError(errno.EACCES, "Permission denied", "/data"), 3, "/data: Permission denied"),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "/data"), 1, "/data: No such file"),
        (OSError("something of Arrow's"), 3, "something of Arrow's"),
        (MemoryError(), 3, "out of memory"),
        (KeyboardInterrupt(), 130, "stopped"),
    ],
)
def test_what_the_machine_says(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, says: str
) -> None:
    def raising(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(face.LazyGroup, "invoke", raising)
    answer = cli("list")
    assert answer.code == code
    assert says in answer.err
    if code != 130:
        as_json = json.loads(cli("list", "--json").out)
        assert (as_json["ok"], as_json["exit_code"]) == (False, code)


def test_a_gpu_that_is_not_there_is_said_at_once(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    answer = cli("generate", "toy", "--device", "cuda", "--workers", 1)
    assert answer.code == 3
    assert "Use --device cpu" in answer.err
    monkeypatch.setitem(sys.modules, "torch", None)
    answer = cli("generate", "toy", "--device", "cuda", "--workers", 1)
    assert answer.code == 3
    assert 'pip install "blindsky[torch]"' in answer.err
    assert not (tmp_path / "releases").exists()


def test_a_bug_is_not_hidden(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def raising(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(face.LazyGroup, "invoke", raising)
    with pytest.raises(ZeroDivisionError):
        cli("list")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_a_batch_system_end_with_a_line_and_130(tmp_path: Path, how: signal.Signals) -> None:
    os.mkfifo(tmp_path / "key")  # whoever reads it waits
    process = subprocess.Popen(
        [sys.executable, "-m", "blindsky", "generate", "toy", "--key-file", "key", "--workers", "1"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # a shell starts what runs in the background with this signal ignored, and children inherit it
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    writer = None
    while writer is None and process.poll() is None:  # until the command reads
        with suppress(OSError):
            writer = os.open(tmp_path / "key", os.O_WRONLY | os.O_NONBLOCK)
        time.sleep(0.02)
    assert writer is not None
    process.send_signal(how)
    out, err = process.communicate(timeout=30)
    os.close(writer)
    assert (process.returncode, out) == (130, "")
    assert err.strip().startswith("stopped")
    assert "Traceback" not in err


def test_a_stopped_run_without_an_id_is_named_until_it_is_finished(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from blindsky.challenges import generation

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(generation, "_write", stop)
        stopped = cli("generate", "toy", "--workers", 1)
    (left,) = (tmp_path / "releases").glob(".partial-*")
    name = left.name.removeprefix(".partial-")
    assert stopped.code == 130
    said = f"stopped; go on with the same command and --id {name}, or remove releases/{left.name}"
    assert said in stopped.err
    assert (
        f"unfinished; if it was stopped, go on with its command and --id {name}, or remove releases/{left.name}"
        in cli("list").out
    )
    assert json.loads(cli("list", "--json").out)["unfinished"] == [
        {"id": name, "path": f"releases/{left.name}"}
    ]
    assert cli("generate", "toy", "--workers", 1, "--id", name).code == 0
    assert "unfinished" not in cli("list").out
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_a_reader_who_goes_away_is_no_drama() -> None:
    line = f"{sys.executable} -m blindsky show photoz | true"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True)
    assert done.stderr == ""
