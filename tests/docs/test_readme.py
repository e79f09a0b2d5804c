"""README.md: its Python runs as printed, and who has a downloaded release alone can do what it promises them."""

from __future__ import annotations

import ast
import builtins
import re
import shutil
from pathlib import Path

import pandas
import pytest
from click.testing import CliRunner

import blindsky
from blindsky.challenges.errors import InputFault
from blindsky.challenges.release import Release
from blindsky.challenges.trust import reveal
from blindsky.cli import cli
from blindsky.leaderboard.rebuild import rebuild
from blindsky.submissions.arena import Arena

README = Path(__file__).resolve().parents[2] / "README.md"
NAME = "toy-original"
pytestmark = pytest.mark.skipif(not README.is_file(), reason="README.md lies in the repository alone")


def section(title: str) -> str:
    return README.read_text(encoding="utf-8").split(f"## {title}\n")[1].split("\n## ")[0]


def test_every_name_in_the_python_is_imported_or_made() -> None:
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.S)
    assert len(blocks) > 2
    for block in blocks:
        found = list(ast.walk(ast.parse(block)))
        names = [n for n in found if isinstance(n, ast.Name)]
        made = {n.id for n in names if isinstance(n.ctx, ast.Store)}
        made |= {a.name for n in found if isinstance(n, ast.Import | ast.ImportFrom) for a in n.names}
        assert {n.id for n in names} <= made | set(dir(builtins)), block


@pytest.fixture
def downloaded(toy_release: Release) -> Path:
    """The arena of a participant, who has the public part of a revealed release."""
    reveal(toy_release)
    shutil.rmtree(toy_release.private)
    return toy_release.root.parents[1]


def test_a_downloaded_release_is_enough_for_what_it_says(downloaded: Path) -> None:
    (promise,) = re.findall(
        r"A downloaded release is enough for(.*?)\.\s", section("For the participant"), re.S
    )
    sample = downloaded / "sample.parquet"
    lines = {
        "show": ["show", NAME, "--sample", str(sample)],
        "check": ["check", str(sample), "--release", NAME],
        "verify": ["verify", NAME],
        "baseline": ["baseline", "toy/mean", "--release", NAME, "--out", str(downloaded / "mean.parquet")],
    }
    assert set(re.findall(r"`(\w+)`", promise.split("in Python")[0])) == set(lines)
    for line in lines.values():
        done = CliRunner().invoke(cli, [*line, "--arena", str(downloaded)])
        assert done.exit_code == 0, done.output
    assert blindsky.check(sample, NAME, arena=downloaded).ok
    revealed = blindsky.load(NAME, arena=downloaded).path / "revealed"
    assert f"`public/{revealed.name}/`" in promise
    assert (revealed / "truth.parquet").is_file()


def test_what_needs_the_arena_of_the_organiser_is_shown_to_nobody_else(downloaded: Path) -> None:
    for title in ("For the participant", "For the reader"):
        before = section(title).split("In the organiser's arena")[0]
        commands = re.findall(r"^    blindsky (\w+)", before, re.M)
        assert not {"submit", "score", "leaderboard", "reveal"} & set(commands)
        assert "blindsky.board(" not in before
    with pytest.raises(InputFault, match="read the boards on their site"):
        blindsky.board(NAME, arena=downloaded)


def test_a_reader_has_the_board_as_a_table(toy_release: Release) -> None:
    arena = Arena(toy_release.root.parents[1])
    rebuild(arena, arena.site)
    (address,) = re.findall(
        r'pandas.read_csv\("https://example.org/photoz-2027/([^"]+)"\)', section("For the reader")
    )
    assert {"rank", "team", "method"} <= set(pandas.read_csv(arena.site / NAME / address))
