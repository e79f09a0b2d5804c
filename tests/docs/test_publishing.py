"""The recipe of docs/publishing.md: what its script copies is public, and it stops where something is not."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from blindsky.challenges import tables
from blindsky.challenges.release import Release
from blindsky.challenges.trust import reveal
from blindsky.leaderboard.rebuild import rebuild
from blindsky.submissions.arena import Arena

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


def publish(arena: Path, clone: Path) -> subprocess.CompletedProcess[str]:
    (script,) = re.findall(r"```sh\n(.*?)```", DOC.read_text(encoding="utf-8"), re.S)
    environment = {"ARENA": str(arena), "CONTEST": str(clone), "PATH": "/usr/bin:/bin"}
    return subprocess.run(["sh", "-c", script], env=environment, capture_output=True, text=True, check=False)


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


@pytest.mark.parametrize(
    "name", ["private/secret.json", "cards/x/card.json", "prediction.parquet", ".site-store/a"]
)
def test_the_script_stops_where_something_private_lies(
    contest: Path, toy_release: Release, name: str
) -> None:
    stray = toy_release.public.root / name
    stray.parent.mkdir(parents=True, exist_ok=True)
    stray.write_text("{}")
    done = publish(toy_release.root.parents[1], contest)
    assert done.returncode == 1
    assert "not published" in done.stderr


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
