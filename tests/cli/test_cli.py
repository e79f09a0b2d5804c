"""The command line when all goes well: help, the whole cycle, JSON."""

from __future__ import annotations

import importlib.metadata
import io
import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from blindsky.challenges.release import Release
from blindsky.cli import VERBS, LazyGroup

HEAVY = {
    "numpy",
    "torch",
    "pandas",
    "sklearn",
    "pyarrow",
    "astropy",
    "scipy",
    "matplotlib",
    "h5py",
    "jinja2",
    "rich",
}
Cli = Any


# Help


@pytest.mark.parametrize("option", ["--help", "-h", "--version"])
def test_help_is_light(option: str) -> None:
    program = f"import sys; sys.argv = ['blindsky', '{option}']\nfrom blindsky.cli import main\n"
    program += "try:\n    main()\nfinally:\n    print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in done.stderr.split()}
    assert "click" in loaded
    assert not loaded & HEAVY
    shown = importlib.metadata.version("blindsky") if option == "--version" else "Commands:"
    assert shown in done.stdout


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself_with_an_example(cli: Cli, verb: str) -> None:
    answer = cli(verb, "-h")
    assert (answer.code, answer.err) == (0, "")
    assert f"Usage: blindsky {verb}" in answer.out
    assert f"  blindsky {verb}" in answer.out.split("Example:")[1]
    assert cli(verb, "--help") == answer
    assert verb in cli("--help").out


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_is_loaded_by_its_name_and_answers_in_json(verb: str) -> None:
    command = LazyGroup().get_command(click.Context(LazyGroup()), verb)
    assert command is not None
    options = {name for parameter in command.params for name in parameter.opts}
    assert "--json" in options
    assert ("--arena" in options) != (verb == "demo")
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help or parameter.show_default, parameter.name


def test_verbs_of_one_file_each() -> None:
    folder = Path(sys.modules[LazyGroup.__module__].__file__ or "").parent / "commands"
    files = {path.stem.rstrip("_") for path in folder.glob("[!_]*.py")}
    assert files == set(VERBS)


def test_the_package_runs_as_a_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "blindsky", "-h"], capture_output=True, text=True, check=True
    )
    assert "Commands:" in done.stdout


# The whole cycle


def test_the_whole_cycle(cli: Cli, tmp_path: Path) -> None:
    def good(*arguments: object) -> str:
        answer = cli(*arguments)
        assert answer.code == 0, answer
        return str(answer.out)

    assert "none yet" in good("list")
    told = good("generate", "toy", "--track", "biased", "--id", "r", "--workers", 1)
    assert "blindsky baseline toy/mean --release r" in told
    assert "100 training and 150 test rows" in told
    good("generate", "toy", "--size", "small", "--option", "noise=high", "--id", "other", "--workers", 1)
    for name in ("r", "other"):
        assert name in good("list")
    assert "Means are standard normal." in good("show", "r")
    assert "## Tracks" in good("show", "toy")

    assert "next  blindsky score" in good("baseline", "toy/mean", "--release", "r")
    good("baseline", "toy/mean", "--release", "r", "--out", "p.parquet")
    assert "valid prediction" in good("check", "p.parquet", "--release", "r")
    told = good("submit", "p.parquet", "--release", "r", "--team", "A", "--method", "m")
    mine = told.split()[1].rstrip(":")
    good("submit", "p.parquet", "--release", "r", "--team", "B", "--method", "m")
    scored = good("score", "--all").splitlines()
    assert len(scored) == 3
    assert all(line.endswith(": valid") for line in scored)
    assert "up to date" in good("score", "--all")
    assert f"{mine}: valid" in good("score", mine)
    assert "withdrew" in good("withdraw", mine, "--reason", "a mistake")

    good("leaderboard")
    page = (tmp_path / "site" / "r" / "index.html").read_text()
    assert "Shrunken number" in page
    assert "a mistake" in page
    assert '"private"' not in (tmp_path / "site" / "r" / "board.json").read_text()
    assert "the truth is not public yet" not in good("verify", "r")
    assert "the truth is not public yet" in good("verify", "releases/r/public")

    assert "every sha256 as promised" in good("download", "releases/r", "--out", "mirror")
    assert "the truth is not public yet" in good("verify", "mirror/r")
    good("check", "p.parquet", "--release", "mirror/r")
    good("reveal", "r")
    good("leaderboard", "--out", "revealed")
    assert '"private"' in (tmp_path / "revealed" / "r" / "board.json").read_text()
    good("download", "releases/r", "--out", "mirror")
    assert "r: everything is as promised" in good("verify", "mirror/r")
    assert "the truth is not public yet" not in good("verify", "mirror/r")


def test_the_arena_is_the_option_or_the_variable_or_here(
    cli: Cli, toy_release: Release, prediction: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = ("submit", prediction, "--release", "toy-original", "--team", "A", "--method", "m")
    there = tmp_path / "elsewhere and far"
    there.mkdir()
    monkeypatch.chdir(there)
    assert cli(*line).code == 1
    told = cli(*line, "--arena", tmp_path).out
    assert f"--arena {tmp_path}" in told
    monkeypatch.setenv("BLINDSKY_ARENA", str(tmp_path))
    assert "--arena" not in cli(*line).out
    assert cli(*line, "--arena", there).code == 1
    assert len(list((tmp_path / "submissions").iterdir())) == 2
    (there / "releases").symlink_to(tmp_path / "releases")
    assert f"--arena '{there}'" in cli(*line, "--arena", there).out


def test_a_sample_is_a_valid_submission(cli: Cli, toy_release: Release, tmp_path: Path) -> None:
    for name in ("sample.parquet", "sample.csv"):
        assert cli("show", "toy-original", "--sample", name).code == 0
        assert cli("check", name, "--release", "toy-original").code == 0


def test_a_key_file_redraws_the_same_release(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("ab" * 32 + "\n")
    for arena in ("one", "two"):
        line = ("generate", "toy", "--id", "r", "--key-file", "key", "--workers", 1, "--arena", arena)
        assert cli(*line).code == 0
    for name in ("public/test.parquet", "private/truth.parquet", "public/commitments/truth.bin"):
        one, two = ((tmp_path / arena / "releases" / "r" / name).read_bytes() for arena in ("one", "two"))
        assert one == two


def test_real_data_become_a_release(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "data.txt").write_text("".join(f"n{i} {i / 10} 0.5 {i / 20}\n" for i in range(40)))
    answer = cli("import", "toy/text", "data.txt", "--id", "real")
    assert answer.code == 0
    assert "40 rows read" in answer.out
    assert cli("show", "real").code == 0
    assert cli("show", "real", "--sample", "s.parquet").code == 0
    assert cli("submit", "s.parquet", "--release", "real", "--team", "A", "--method", "m").code == 0
    assert cli("score", "--all").out.endswith(": valid\n")
    assert cli("leaderboard").code == 0


def test_score_all_says_what_it_could_not_score(cli: Cli, toy_release: Release, prediction: Path) -> None:
    assert "holds no release" in cli("score", "--all", "--arena", "nowhere").out
    cli("submit", prediction, "--release", "toy-original", "--team", "A", "--method", "m")
    shutil.rmtree(toy_release.private)
    assert "left out toy-original: its private part is not here" in cli("score", "--all").out


# What to type next


def last(answer: Any) -> str:
    assert answer.code == 0, answer
    return str(answer.out.splitlines()[-1])


def test_the_next_line_of_a_check_runs_as_printed(
    cli: Cli, toy_release: Release, prediction: Path, tmp_path: Path
) -> None:
    there = tmp_path / "far away"
    there.mkdir()
    (there / "releases").symlink_to(tmp_path / "releases")
    mine = prediction.rename(tmp_path / "my prediction.parquet")
    ways = (
        ("--release", "toy-original"),
        ("--release", toy_release.root),
        ("--release", toy_release.public.root),
        ("--release", "toy-original", "--arena", there),
    )
    for way in ways:
        told = last(cli("check", mine, *way))
        line = shlex.split(told.removeprefix("Next: "))
        assert line[:2] == ["blindsky", "submit"]
        assert last(cli(*line[1:])).startswith("  next  blindsky score"), told
    cut = tmp_path / "cut here.parquet"
    cut.write_bytes(mine.read_bytes()[:-40])
    for verb, more in (("check", ()), ("submit", ("--team", "A", "--method", "m"))):
        refused = cli(verb, cut, "--release", "toy-original", "--arena", there, *more)
        line = shlex.split((refused.out + refused.err).split("run again: ")[1])
        assert line[:2] == ["blindsky", "check"]
        assert cli(*line[1:]).out.startswith("cut here.parquet is not a valid prediction")


def test_a_participant_is_told_whom_to_send_it_to(cli: Cli, toy_release: Release, prediction: Path) -> None:
    shutil.rmtree(toy_release.private)
    told = last(cli("check", prediction, "--release", "toy-original"))
    assert told == f"Next: send {prediction} to the organiser, with the names of team and method"
    line = ("submit", prediction, "--release", "toy-original", "--team", "A", "--method", "m")
    handed_in = cli(*line)
    assert last(handed_in) == f"  next  send {prediction} to the organiser"
    assert "note: it is kept here alone" in handed_in.out
    assert json.loads(cli(*line, "--json").out)["scorable"] is False
    told = last(cli("baseline", "toy/mean", "--release", "toy-original"))
    assert told.startswith("  next  run it with --out FILE and send FILE to the organiser")
    told = last(cli("baseline", "toy/mean", "--release", toy_release.root, "--out", "the mean.parquet"))
    assert cli(*shlex.split(told.removeprefix("  next  blindsky "))).code == 0
    refused = cli("score", "--all", "--arena", ".").out
    assert "its private part is not here" in refused
    for refused in (
        cli("reveal", "toy-original").err,
        cli("leaderboard", "--terminal", "--release", "toy-original").err,
    ):
        assert (
            "Only its organiser can do this: send them predictions, and read the boards on their site"
            in refused
        )


@pytest.mark.parametrize(
    ("said", "options", "revealed"),
    [("n", (), False), ("", (), False), ("y", (), True), ("", ("--yes",), True)],
)
def test_reveal_asks_at_a_terminal(
    cli: Cli,
    toy_release: Release,
    monkeypatch: pytest.MonkeyPatch,
    said: str,
    options: tuple[str, ...],
    revealed: bool,
) -> None:
    terminal = io.StringIO(f"{said}\n")
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr("sys.stdin", terminal)
    answer = cli("reveal", "toy-original", *options)
    assert answer.code == (0 if revealed else 130)
    assert ("toy-original has 0 submissions" in answer.err) == (not options)
    assert ("nothing was published" in answer.err) == (not revealed)
    assert toy_release.public.revealed == revealed


def test_a_revealed_release_takes_nothing_and_check_says_so(
    cli: Cli, toy_release: Release, prediction: Path
) -> None:
    cli("reveal", "toy-original")
    told = last(cli("check", prediction, "--release", "toy-original"))
    assert told == "Nothing to hand in: the truth of this release is public."
    late = cli("submit", prediction, "--release", "toy-original", "--team", "A", "--method", "m")
    assert f"it lies in {Path('releases/toy-original/public/revealed')}; or ask the organiser" in late.err


def test_the_site_names_the_arena_whose_scores_are_missing(
    cli: Cli, toy_release: Release, prediction: Path, tmp_path: Path
) -> None:
    cli("submit", prediction, "--release", "toy-original", "--team", "A", "--method", "m")
    assert last(cli("leaderboard")) == "1 entry has no current card: run blindsky score --all"
    told = last(cli("leaderboard", "--arena", tmp_path))
    assert told == f"1 entry has no current card: run blindsky score --all --arena {tmp_path}"


def test_help_says_what_the_exit_codes_mean(cli: Cli) -> None:
    told = " ".join(cli("--help").out.split())
    assert (
        "0 fine, 1 the input is at fault, 2 usage, 3 the machine (disk, permission, network), 130 stopped"
        in told
    )


# JSON


def test_every_answer_can_be_json(cli: Cli, prediction: Path, tmp_path: Path) -> None:
    def answer(*arguments: object, code: int = 0) -> Any:
        found = cli(*arguments, "--json")
        assert found.code == code, found
        return json.loads(found.out)

    release = "toy-original"
    listed = answer("list")
    assert {"photoz", "toy"} <= {c["name"] for c in listed["challenges"]}
    assert [(r["id"], r["status"], r["submissions"]) for r in listed["releases"]] == [(release, "open", 0)]
    assert answer("show", "toy")["metrics"]["mse"]["direction"] == "low"
    assert answer("show", release)["id"] == release
    assert answer("check", prediction, "--release", release)["ok"]
    mine = answer("submit", prediction, "--release", release, "--team", "A", "--method", "m")
    listed = answer("list", "--release", release)["submissions"]
    assert [(one["id"], one["state"]) for one in listed] == [(mine["id"], "waiting")]
    assert mine["fields"] == ["estimate", "pdf"]
    theirs = answer("baseline", "toy/mean", "--release", release)["submission"]
    scored = answer("score", "--all")["scored"]
    assert {s["submission"]: s["state"] for s in scored} == {mine["id"]: "valid", theirs: "valid"}
    assert all((tmp_path / s["card"] / "card.json").is_file() for s in scored)
    assert answer("score", "--all") == {"scored": []}
    listed = answer("list", "--release", release)["submissions"]
    assert {one["state"] for one in listed} == {"valid"}
    assert answer("withdraw", mine["id"])["state"] == "withdrawn"
    assert answer("leaderboard")["releases"] == [release]
    assert answer("verify", release)["ok"]
    cut = tmp_path / "cut.parquet"
    cut.write_bytes(prediction.read_bytes()[:-40])
    refused = answer("check", cut, "--release", release, code=1)
    assert (refused["ok"], refused["total_faults"]) == (False, 1)
    again = answer("submit", cut, "--release", release, "--team", "A", "--method", "m", code=1)
    assert again["faults"] == refused["faults"]
    assert answer("reveal", release)["release"] == release
    late = answer("submit", prediction, "--release", release, "--team", "A", "--method", "m", code=1)
    assert "its truth is public" in late["error"]
    assert answer("download", f"releases/{release}", "--out", "mirror")["files"] > 5
    assert answer("generate", "toy", "--workers", 1)["splits"]["train"]["rows"] == 100

    assert answer("show", "nothing", code=1)["exit_code"] == 1
    assert "No such option" in answer("show", "toy", "--nonsense", code=2)["error"]
    test = tmp_path / "mirror" / release / "public" / "test.parquet"
    test.write_bytes(test.read_bytes() + b" ")
    assert answer("verify", f"mirror/{release}", code=1)["problems"][0]["file"] == "test.parquet"
