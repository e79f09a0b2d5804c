"""The recipe of docs/publishing.md: its commands run as printed, what its script copies is public, or it stops."""

from __future__ import annotations

import hashlib
import inspect
import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from blindsky.challenges import tables
from blindsky.challenges.release import Release
from blindsky.challenges.trust import reveal
from blindsky.leaderboard.rebuild import rebuild
from blindsky.submissions.arena import Arena
from blindsky.submissions.canonical import sample_submission
from blindsky.submissions.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
DOC = ROOT / "docs" / "publishing.md"
NAME = "toy-original"
pytestmark = pytest.mark.skipif(not DOC.is_file(), reason="docs/ lies in the repository alone")


@pytest.fixture
def contest(toy_release: Release, tmp_path: Path) -> Path:
    """An arena with its site, and an empty clone beside it."""
    if shutil.which("sh") is None:
        pytest.skip("needs a POSIX shell")
    arena = Arena(toy_release.root.parents[1])
    rebuild(arena, arena.site)
    clone = tmp_path / "contest"
    (clone / ".git").mkdir(parents=True)
    (clone / ".git" / "config").write_text("kept")
    (clone / "old.html").write_text("gone")
    return clone


def script() -> str:
    (found,) = re.findall(r"```sh\n(.*?)```", DOC.read_text(encoding="utf-8"), re.S)
    return str(found)


def shell(text: str, arena: Path, clone: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a text of the page in a shell that finds blindsky and nothing of this machine's own settings."""
    commands = folder / "commands"
    commands.mkdir(exist_ok=True)
    (commands / "blindsky").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m blindsky "$@"\n')
    (commands / "blindsky").chmod(0o755)
    environment = {
        "ARENA": str(arena),
        "CONTEST": str(clone),
        "PATH": f"{commands}:/usr/bin:/bin",
        "PYTHONPATH": os.environ["PYTHONPATH"],
        "GIT_CONFIG_GLOBAL": os.devnull,
        **{f"GIT_{who}_{what}": "a@b.c" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
    }
    return subprocess.run(
        ["sh", "-c", text], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def publish(arena: Path, clone: Path, text: str | None = None) -> subprocess.CompletedProcess[str]:
    return shell(script() if text is None else text, arena, clone, clone.parent)


def contents(folder: Path) -> dict[str, str]:
    found = (p for p in folder.rglob("*") if p.is_file())
    return {p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in found}


def test_the_script_publishes_site_and_public_parts_alone(contest: Path, toy_release: Release) -> None:
    arena = toy_release.root.parents[1]
    done = publish(arena, contest)
    assert done.returncode == 0, done.stderr
    found = contents(contest)
    assert found.pop(".git/config")
    assert found.pop(".nojekyll")
    wanted = contents(arena / "site")
    wanted |= {f"data/{NAME}/{name}": d for name, d in contents(toy_release.public.root).items()}
    assert found == wanted
    assert not set(found.values()) & set(contents(toy_release.private).values())
    text = b"".join(p.read_bytes() for p in contest.rglob("*") if p.is_file())
    assert toy_release.key.hex().encode() not in text
    assert toy_release.key not in text
    assert toy_release.salt.hex().encode() not in text, "known earlier, it would open the commitments"
    truth = tables.read(toy_release.private / "truth.parquet")
    hidden = [repr(float(x)) for name, column in truth.items() if column.dtype.kind == "f" for x in column]
    assert not [x for x in hidden if len(x) > 8 and x.encode() in text]


def test_after_the_reveal_the_truth_goes_along(contest: Path, toy_release: Release) -> None:
    reveal(toy_release)
    assert publish(toy_release.root.parents[1], contest).returncode == 0
    assert f"data/{NAME}/revealed/reveal.json" in contents(contest)
    assert not list(contest.rglob("secret.json"))


def test_the_commands_of_each_time_run_as_printed(toy_release: Release, tmp_path: Path) -> None:
    if shutil.which("git") is None:
        pytest.skip("needs git")
    arena = Arena(toy_release.root.parents[1])
    path = tmp_path / "p.parquet"
    sample_submission(toy_release.public, path)
    arena.submit(path, NAME, team="A", method="m")
    clone = tmp_path / "contest"
    subprocess.run(["git", "init", "--quiet", "--bare", "far.git"], cwd=tmp_path, check=True)
    subprocess.run(["git", "clone", "--quiet", "far.git", "contest"], cwd=tmp_path, check=True)
    (tmp_path / "publish.sh").write_text(script())
    each_time = DOC.read_text(encoding="utf-8").split("## Each time")[1].split("```sh")[0]
    commands = textwrap.dedent("".join(re.findall(r"^    .*\n", each_time, re.M)))
    assert "blindsky score" in commands
    assert "sh publish.sh" in commands
    done = shell(f"set -e\n{commands}", arena.root, clone, tmp_path)
    assert done.returncode == 0, done.stderr
    listed = subprocess.run(
        ["git", "ls-tree", "-r", "--name-only", "HEAD"],
        cwd=tmp_path / "far.git",
        capture_output=True,
        text=True,
        check=True,
    )
    assert {"index.html", f"data/{NAME}/release.json", f"{NAME}/board.csv"} <= set(listed.stdout.split())
    assert all(arena.card_folder(s.id) for s in arena.all())


@pytest.mark.parametrize(
    "name",
    [
        "truth.parquet",
        "train_truth.parquet",
        "moments.npz",
        "private/secret.json",
        "cards/x/card.json",
        "prediction.parquet",
        ".site-store/a",
        ".partial-0-revealed/truth.parquet",
        "revealed/truth.parquet",
    ],
)
def test_the_script_stops_where_a_release_holds_what_it_does_not_promise(
    contest: Path, toy_release: Release, name: str
) -> None:
    stray = toy_release.public.root / name
    stray.parent.mkdir(parents=True, exist_ok=True)
    stray.write_text("{}")
    done = publish(toy_release.root.parents[1], contest)
    assert done.returncode == 1
    assert "not published" in done.stderr
    assert set(contents(contest)) == {".git/config"}, "nothing is left that could be pushed"


def test_the_script_stops_where_a_file_is_not_the_promised_one(contest: Path, toy_release: Release) -> None:
    path = toy_release.public.root / "test.parquet"
    whole = path.read_bytes()
    path.write_bytes(whole + b" ")
    done = publish(toy_release.root.parents[1], contest)
    assert done.returncode == 1
    assert "test.parquet: found" in done.stderr
    path.write_bytes(whole)
    assert publish(toy_release.root.parents[1], contest).returncode == 0, "mended, it goes on"


@pytest.mark.parametrize("name", ["site/secret.json", "releases/toy-original/public/revealed/secret.json"])
def test_the_script_stops_where_a_private_file_lies_beside_published_ones(
    contest: Path, toy_release: Release, name: str
) -> None:
    reveal(toy_release)
    (toy_release.root.parents[1] / name).write_text("{}")
    done = publish(toy_release.root.parents[1], contest)
    assert done.returncode == 1
    assert "private side" in done.stderr or "secret.json: found a file, expected nothing" in done.stderr
    assert set(contents(contest)) == {".git/config"}


@pytest.mark.parametrize("name", ["thesis.tex", "contest/.git/config"])
def test_a_folder_that_is_no_clone_stays_as_it_is(
    contest: Path, toy_release: Release, tmp_path: Path, name: str
) -> None:
    folder = tmp_path / "mine"
    (folder / name).parent.mkdir(parents=True)
    (folder / name).write_text("years of work")
    done = publish(toy_release.root.parents[1], folder)
    assert done.returncode == 1
    assert "is no git clone" in done.stderr
    assert set(contents(folder)) == {name}


@pytest.mark.parametrize(
    "name", ["releases/r", "submissions/s", "cards/c", "arena.toml", "deep/r/private/secret.json"]
)
def test_an_arena_is_never_emptied_even_where_git_keeps_it(
    contest: Path, toy_release: Release, name: str
) -> None:
    (contest / name).parent.mkdir(parents=True, exist_ok=True)
    (contest / name).write_text("{}")
    before = contents(contest)
    done = publish(toy_release.root.parents[1], contest)
    assert done.returncode == 1
    assert "would be emptied" in done.stderr
    assert contents(contest) == before


def test_the_workflow_survives_as_the_page_says(contest: Path, toy_release: Release) -> None:
    (contest / ".github").mkdir()
    (contest / ".github" / "pages.yml").write_text("on: push")
    kept = "! -name .git ! -name .github"
    assert f"write `{kept}` in `clear_clone`" in DOC.read_text(encoding="utf-8")
    text = script().replace("! -name .git ", f"{kept} ")
    assert publish(toy_release.root.parents[1], contest, text).returncode == 0
    assert ".github/pages.yml" in contents(contest)


def test_the_workflow_runs_nothing_of_the_contest() -> None:
    (workflow,) = re.findall(r"```yaml\n(.*?)```", DOC.read_text(encoding="utf-8"), re.S)
    assert set(re.findall(r"uses: ([\w./-]+)@", workflow)) == {
        "actions/checkout",
        "actions/upload-pages-artifact",
        "actions/deploy-pages",
    }
    assert "run:" not in workflow
    assert "secrets" not in workflow


def test_readme_leads_there() -> None:
    assert "(docs/publishing.md)" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_key_of_the_arena_is_in_the_table() -> None:
    source = inspect.getsource(Settings)
    table = DOC.read_text(encoding="utf-8").split("## Settings")[1].split("## Each time")[0]
    assert set(re.findall(r'_setting\("(\w+)"', source)) == set(re.findall(r"^\| `(\w+)`", table, re.M))
    assert "(docs/publishing.md#settings)" in (ROOT / "README.md").read_text(encoding="utf-8")
