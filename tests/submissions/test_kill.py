"""kill -9 at many moments of submit, score and leaderboard: nothing half-written is seen, and a repeat succeeds.

A moment is a file system call under the arena, counted from the start of the command, so that a run is hit before and
after every file it opens, renames or removes, whatever the speed of the machine.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blindsky.challenges.cards import read_card
from blindsky.challenges.files import read_json, sha256
from blindsky.challenges.release import Release
from blindsky.challenges.tables import to_arrow
from blindsky.leaderboard.rebuild import STORE
from blindsky.leaderboard.site import MARKER
from blindsky.submissions.arena import CHECK, PREDICTION, Arena
from blindsky.submissions.judging import score_due

NAME = "toy-original"
MOMENTS = 12

# Reads {"argv", "root", "kill"} a line, forks, and runs the command in a child that kills itself at the kill-th call
SERVER = """
import json, os, signal, sys
from pathlib import Path
import blindsky.leaderboard.publish, blindsky.leaderboard.site, blindsky.submissions.judging, toychallenge
import jinja2, numpy, pandas, pyarrow.parquet, scipy.stats
from blindsky import cli
for verb in ("submit", "score", "leaderboard"):
    cli.LazyGroup().get_command(None, verb)

def child(order, out):
    seen = 0
    def hook(event, arguments):
        nonlocal seen
        if event.split(".")[0] not in ("open", "os", "shutil") or not arguments:
            return
        if isinstance(arguments[0], (str, os.PathLike)) and os.fspath(arguments[0]).startswith(order["root"]):
            if seen == order["kill"]:
                os.kill(os.getpid(), signal.SIGKILL)
            seen += 1
    sys.addaudithook(hook)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.argv = ["blindsky", *order["argv"]]
    try:
        cli.main()
        code = 0
    except SystemExit as done:
        code = done.code or 0
    os.write(out, str(seen).encode())
    os._exit(code)

for line in sys.stdin:
    ours, theirs = os.pipe()
    pid = os.fork()
    if not pid:
        child(json.loads(line), theirs)
    os.close(theirs)
    status = os.waitpid(pid, 0)[1]
    calls = int(os.read(ours, 99) or 0)
    os.close(ours)
    print(json.dumps([os.waitstatus_to_exitcode(status), calls]), flush=True)
"""

Run = Callable[..., tuple[int, int]]


@pytest.fixture(scope="module")
def server() -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        yield process


@pytest.fixture
def arena(toy_release: Release, tmp_path: Path) -> Arena:
    """A scored entry and its site, so that there is something to spoil."""
    import pyarrow.parquet as pq

    found = Arena(tmp_path)
    test = toy_release.public.table("test", ["object_id", "x"])
    for name, slope in (("first", 0.8), ("second", 0.5)):
        table = {"object_id": test["object_id"], "estimate": np.clip(slope * test["x"].astype(float), -6, 6)}
        pq.write_table(to_arrow(table), tmp_path / f"{name}.parquet")
    found.submit(tmp_path / "first.parquet", NAME, team="A", method="first")
    score_due(found)
    return found


@pytest.fixture
def run(server: subprocess.Popen[str], arena: Arena) -> Run:
    """Runs a verb, killed at a moment or not; gives its exit code (-9 where killed) and the calls it made."""

    def order(*argv: str, kill: int = -1) -> tuple[int, int]:
        assert server.stdin is not None
        assert server.stdout is not None
        line = [*argv, "--arena", str(arena.root)]
        server.stdin.write(json.dumps({"argv": line, "root": str(arena.root), "kill": kill}) + "\n")
        server.stdin.flush()
        code, calls = json.loads(server.stdout.readline())
        return code, calls

    return order


def moments(calls: int) -> list[int]:
    assert calls > 2 * MOMENTS
    return sorted({round(i) for i in np.linspace(0, calls - 1, MOMENTS)})


def visible(folder: Path) -> list[Path]:
    return [p for p in folder.iterdir() if not p.name.startswith(".")] if folder.is_dir() else []


def check_arena(arena: Arena) -> None:
    """Whatever is visible is whole."""
    for record in arena.all():
        folder = arena.submissions / record.id
        assert sha256(folder / PREDICTION) == record.file
        assert read_json(folder / CHECK)["ok"]
    assert {p.name for p in visible(arena.submissions)} == {s.id for s in arena.all()}
    for submission in visible(arena.cards):
        for serial in visible(submission):
            card, replicates = read_card(serial)
            assert card["entry"]["id"] == submission.name
            assert len(replicates["public/mse"]) == 1000


class Links(HTMLParser):
    """The pages that a page links to."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        target = dict(attrs).get("href") if tag == "a" else None
        if target and not target.startswith(("http", "#", "data:", "mailto:")):
            self.found.add(target.split("#")[0])


def check_site(site: Path) -> None:
    assert (site / MARKER).is_file()
    for page in site.rglob("*.html"):
        text = page.read_text()
        assert text.rstrip().endswith("</html>")
        links = Links()
        links.feed(text)
        assert all((page.parent / target).exists() for target in links.found)
    for board in site.rglob("board.json"):
        json.loads(board.read_text())


def test_submit(arena: Arena, run: Run) -> None:
    line = ("submit", str(arena.root / "second.parquet"), "--release", NAME, "--team", "B", "--method", "m")
    (arena.root / "arena.toml").write_text("submissions_per_day = 100\n")
    code, calls = run(*line)
    assert code == 0
    for moment in moments(calls):
        before = len(arena.all())
        assert run(*line, kill=moment) == (-9, 0)
        check_arena(arena)
        here = len(arena.all())
        assert here in (before, before + 1)
        assert run(*line)[0] == 0
        assert len(arena.all()) == here + 1
        assert [s.serial for s in arena.all()] == list(range(1, here + 2))
    check_arena(arena)
    assert [s.state for s in arena.standings(NAME)].count("valid") == 2


def test_score(arena: Arena, run: Run) -> None:
    made = arena.submit(arena.root / "second.parquet", NAME, team="B", method="m")
    line = ("score", made.id)
    code, calls = run(*line)
    assert code == 0
    for moment in moments(calls):
        cards = len(visible(arena.cards / made.id))
        assert run(*line, kill=moment) == (-9, 0)
        check_arena(arena)
        assert len(visible(arena.cards / made.id)) in (cards, cards + 1)
        assert {s.state for s in arena.standings(NAME)} == {"valid"}
        assert run(*line)[0] == 0
        check_arena(arena)


def test_score_all_from_nothing(arena: Arena, run: Run) -> None:
    shutil.rmtree(arena.cards)
    code, calls = run("score", "--all")
    assert code == 0
    for moment in moments(calls)[::3]:
        shutil.rmtree(arena.cards, ignore_errors=True)
        assert run("score", "--all", kill=moment) == (-9, 0)
        check_arena(arena)
        assert run("score", "--all")[0] == 0
        assert all(arena.card_folder(s.id) is not None for s in arena.all())


@pytest.mark.parametrize("kept", [False, True])
def test_leaderboard(arena: Arena, run: Run, kept: bool) -> None:
    """Built from nothing, and from what an earlier build has kept."""

    def content() -> dict[str, Any]:
        return {str(p.relative_to(arena.site)): p.read_bytes() for p in arena.site.rglob("*") if p.is_file()}

    def forget() -> None:
        if not kept:
            shutil.rmtree(arena.root / STORE, ignore_errors=True)

    assert run("leaderboard")[0] == 0
    old = content()
    arena.submit(arena.root / "second.parquet", NAME, team="B", method="m")
    score_due(arena)
    assert run("leaderboard")[0] == 0
    new = content()
    assert new != old
    forget()
    code, calls = run("leaderboard")
    assert code == 0
    for moment in moments(calls):
        forget()
        assert run("leaderboard", kill=moment) == (-9, 0)
        assert not arena.site.exists() or content() == new
        assert run("leaderboard")[0] == 0
        assert content() == new
        check_site(arena.site)
