"""Files that appear whole or not at all, and locks that end with their process."""

from __future__ import annotations

import errno
import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from blindsky.challenges.errors import InputFault, MachineFault
from blindsky.challenges.files import (
    PARTIAL,
    lock,
    machine_faults,
    new_file,
    new_folder,
    read_json,
    sha256,
    write_json,
)


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.txt"
    with new_file(path, mode=0o600) as partial:
        partial.write_text("new")
        assert not path.exists() and partial.name.startswith(PARTIAL)
    assert path.read_text() == "new" and path.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in path.parent.iterdir()] == ["a.txt"]


def test_a_file_that_fails_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), new_file(path) as partial:
        partial.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old" and len(list(tmp_path.iterdir())) == 1


def test_a_folder_appears_when_it_is_whole(tmp_path: Path) -> None:
    with new_folder(tmp_path / "a") as partial:
        (partial / "inside").write_text("1")
        assert [p.name for p in tmp_path.iterdir()] == [partial.name] and partial.name.startswith(PARTIAL)
    assert [p.name for p in tmp_path.rglob("*")] == ["a", "inside"]
    with (
        pytest.raises(InputFault, match=r"a already exists\. Choose another name"),
        new_folder(tmp_path / "a"),
    ):
        pass
    with pytest.raises(RuntimeError), new_folder(tmp_path / "b"):
        raise RuntimeError
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (
            errno.ENOSPC,
            r"no space left while drawing in .* \([\d,]+ MiB free\). Free some space and try again",
        ),
        (errno.EDQUOT, "no space left while drawing"),
        (errno.EACCES, "not allowed while drawing: .*/f. Check the permissions of that folder"),
        (errno.EROFS, "not allowed while drawing"),
    ],
)
def test_what_the_system_refuses_is_said_in_words(tmp_path: Path, number: int, words: str) -> None:
    with (
        pytest.raises(MachineFault, match=words) as fault,
        machine_faults("drawing", tmp_path / "not" / "there"),
    ):
        raise OSError(number, os.strerror(number), str(tmp_path / "f"))
    assert fault.value.exit_code == 3


def test_other_errors_pass(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError), machine_faults("drawing", tmp_path):
        tmp_path.read_bytes()


def test_json_comes_back(tmp_path: Path) -> None:
    content = {"name": "Čerenkov – ∅", "values": [1, 0.1, None]}
    write_json(tmp_path / "a.json", content)
    assert read_json(tmp_path / "a.json") == content
    with pytest.raises(ValueError, match="Out of range"):
        write_json(tmp_path / "a.json", float("nan"))
    assert read_json(tmp_path / "a.json") == content


def test_json_is_utf8_in_any_locale(tmp_path: Path) -> None:
    path = str(tmp_path / "a.json")
    script = f"from blindsky.challenges.files import *; write_json(Path({path!r}), '\\u017e')"
    environment = os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    subprocess.run([sys.executable, "-c", script], env=environment, check=True)
    assert read_json(tmp_path / "a.json") == "ž"


@pytest.mark.parametrize("content", [b"", b'{"a": 1', b"\xff\xfe", b"\x89PNG", b"[" * 100_000])
def test_json_that_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(
        InputFault, match=r"a.json is not readable as JSON \(.*\). It may be truncated: fetch it again"
    ):
        read_json(tmp_path / "a.json")
    with pytest.raises(InputFault, match=r"b\.json is missing"):
        read_json(tmp_path / "b.json")


def test_sha256(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc" * 100_000)
    assert sha256(tmp_path / "a") == hashlib.sha256(b"abc" * 100_000).hexdigest()


def test_a_lock_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    """Forty threads add one to a number, each time reading it first; without the lock some would be lost."""
    (tmp_path / "n").write_text("0")

    def add() -> None:
        with lock(tmp_path / ".lock", "the number"):
            n = int((tmp_path / "n").read_text())
            time.sleep(0.001)
            (tmp_path / "n").write_text(str(n + 1))

    threads = [threading.Thread(target=add) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tmp_path / "n").read_text() == "40"
    assert [p.name for p in tmp_path.iterdir()] == ["n"]


HOLD = """
import sys
from blindsky.challenges.files import *
with lock(Path(sys.argv[1]), ""):
    print(1, flush=True)
    time.sleep(60)
"""


def test_a_lock_ends_with_its_process_however_that_ends(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    with subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        message = (
            r"the arena has been locked by another process for 0 s \(.*\). Wait for it to end and try again"
        )
        with pytest.raises(MachineFault, match=message), lock(path, "the arena", seconds=0.1):
            pass
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    assert path.exists()
    with lock(path, "the arena", seconds=0.1):
        pass


def test_a_lock_whose_file_was_taken_away_is_taken_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between opening and locking, the one who held the lock has ended and removed the file."""
    path, real, opened = tmp_path / ".lock", os.open, []

    def opening(*details: Any) -> int:
        handle = real(*details)
        opened.append(handle)
        if len(opened) == 1:
            path.unlink()
        return handle

    monkeypatch.setattr(os, "open", opening)
    with lock(path, "the arena"):
        assert len(opened) == 2 and path.exists()


def test_a_lock_needs_a_folder_it_may_write_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*details: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied", str(tmp_path))

    monkeypatch.setattr(os, "open", refuse)
    with (
        pytest.raises(MachineFault, match="not allowed while locking the arena"),
        lock(tmp_path / ".lock", "the arena"),
    ):
        pass
