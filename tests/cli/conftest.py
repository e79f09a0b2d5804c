"""The command line as a user meets it, in this process: exit code, standard output, standard error."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from blindsky.challenges.release import Release
from blindsky.submissions.canonical import sample_submission


class Answer(NamedTuple):
    """What a command left."""

    code: int
    out: str
    err: str


Cli = Callable[..., Answer]


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Cli:
    """Runs ``blindsky`` with arguments, in an empty folder that is the arena."""
    from blindsky.cli import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BLINDSKY_ARENA", raising=False)

    def run(*arguments: object) -> Answer:
        monkeypatch.setattr("sys.argv", ["blindsky", *map(str, arguments)])
        capsys.readouterr()
        code = 0
        try:
            main()
        except SystemExit as done:
            code = int(done.code or 0)
        return Answer(code, *capsys.readouterr())

    return run


@pytest.fixture
def prediction(toy_release: Release, tmp_path: Path) -> Path:
    """A valid prediction for the toy release in the arena."""
    path = tmp_path / "prediction.parquet"
    sample_submission(toy_release.public, path)
    return path
