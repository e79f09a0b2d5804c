"""The arena with the toy challenge: what is kept, who may hand in how often, and what a fault of the disk leaves."""

from __future__ import annotations

import errno
import functools
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blindsky.challenges import cards, files, registry, tables
from blindsky.challenges.challenge import Challenge
from blindsky.challenges.errors import InputFault, MachineFault
from blindsky.challenges.files import read_json, sha256
from blindsky.challenges.release import Release
from blindsky.challenges.tables import to_arrow
from blindsky.challenges.trust import reveal
from blindsky.leaderboard.publish import views
from blindsky.scoring.measurements import Measured, Table
from blindsky.submissions import arena as arena_module
from blindsky.submissions.arena import FAULT, PREDICTION, Arena, Submission
from blindsky.submissions.canonical import sample_submission
from blindsky.submissions.faults import PredictionRefused
from blindsky.submissions.judging import score, score_due

NAME = "toy-original"
Submit = Callable[..., Submission]


def write(release: Release, path: Path, slope: float = 0.8) -> Path:
    import pyarrow.parquet as pq

    test = release.public.table("test", ["object_id", "x"])
    estimate = np.clip(slope * test["x"].astype(np.float64), -6, 6)
    pq.write_table(to_arrow({"object_id": test["object_id"], "estimate": estimate}), path)
    return path


@pytest.fixture
def arena(toy_release: Release) -> Arena:
    return Arena(toy_release.root.parents[1])


@pytest.fixture
def submit(arena: Arena, toy_release: Release, tmp_path: Path) -> Submit:
    """Hands in the numbers times a slope."""

    def make(team: str = "A", method: str = "m", slope: float = 0.8, **more: Any) -> Submission:
        path = write(toy_release, tmp_path / f"{threading.get_ident()}.parquet", slope)
        return arena.submit(path, NAME, team=team, method=method, **more)

    return make


def states(arena: Arena) -> dict[str, str]:
    return {s.submission.id: s.state for s in arena.standings(NAME)}


def files_of(folder: Path) -> dict[str, str]:
    return {p.relative_to(folder).as_posix(): sha256(p) for p in folder.rglob("*") if p.is_file()}


# What is kept


def test_a_submission_is_kept_whole_and_read_back_as_it_was(arena: Arena, submit: Submit) -> None:
    made = submit("Team", "Method", description="A line.")
    assert (made.serial, made.fields, made.rows, made.kind) == (1, ("estimate",), 150, "submission")
    assert arena.get(made.id) == made
    assert Arena(arena.root).all() == [made]
    folder = arena.submissions / made.id
    assert sha256(folder / PREDICTION) == made.file
    assert {p.name for p in folder.iterdir()} == {PREDICTION, "check.json", "submission.json"}


def test_predictions_and_cards_are_for_their_owner_alone(arena: Arena, submit: Submit) -> None:
    submit()
    score_due(arena)
    for folder in (arena.submissions, arena.cards):
        assert folder.stat().st_mode & 0o077 == 0


def test_a_refused_prediction_leaves_nothing(arena: Arena, tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("object_id,estimate\n1,0.5\n")
    with pytest.raises(PredictionRefused, match="missing_id"):
        arena.submit(tmp_path / "p.csv", NAME, team="A", method="m")
    assert not arena.submissions.exists() or not any(arena.submissions.iterdir())


def test_the_fields_are_those_that_were_stored_even_if_the_file_changes_meanwhile(
    arena: Arena, toy_release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample_submission(toy_release.public, tmp_path / "both.parquet")
    shutil.copyfile(tmp_path / "both.parquet", tmp_path / "p.parquet")
    write_canonical = arena_module.write_canonical

    def swapped(source: Path, *more: Any) -> str:
        write(toy_release, source)
        return write_canonical(source, *more)

    monkeypatch.setattr(arena_module, "write_canonical", swapped)
    assert arena.submit(tmp_path / "p.parquet", NAME, team="A", method="m").fields == ("estimate",)
    monkeypatch.undo()
    both = arena.submit(tmp_path / "both.parquet", NAME, team="A", method="m")
    assert both.fields == ("estimate", "pdf")


def test_everything_is_rebuilt_from_the_folders(arena: Arena, submit: Submit, tmp_path: Path) -> None:
    first, second = submit("A"), submit("B")
    score_due(arena)
    arena.withdraw(second.id)
    copy = Arena(shutil.copytree(arena.root, tmp_path / "elsewhere"))
    assert copy.standings(NAME) == arena.standings(NAME)
    shutil.rmtree(copy.submissions / first.id)
    assert states(copy) == {second.id: "withdrawn"}
    assert submit("C").serial == 3


def test_what_is_unfinished_or_strange_is_not_seen(arena: Arena, submit: Submit) -> None:
    made = submit()
    shutil.copytree(arena.submissions / made.id, arena.submissions / ".partial-20270101T000000-aaaaaaaa")
    shutil.copytree(arena.releases / NAME, arena.releases / ".partial-other")
    (arena.submissions / "notes.txt").write_text("mine")
    assert [s.id for s in arena.all()] == [made.id]
    assert arena.release_ids() == arena.held_ids() == (NAME,)
    with pytest.raises(InputFault, match="no submission"):
        arena.get(".partial-20270101T000000-aaaaaaaa")


def test_leftovers_of_killed_runs_go_after_a_day(arena: Arena, submit: Submit) -> None:
    old, young = arena.submissions / ".partial-old", arena.submissions / ".partial-young"
    site = arena.root / ".partial-12345678-site"
    for folder in (old, young, site):
        folder.mkdir(parents=True)
    for folder in (old, site):
        os.utime(folder, (0, 0))
    submit()
    assert (old.exists(), site.exists(), young.exists()) == (False, False, True)


def test_a_damaged_record_is_named(arena: Arena, submit: Submit) -> None:
    record = arena.submissions / submit().id / "submission.json"
    for content in ('{"id": 1', '{"id": "x"}', "[]"):
        record.write_text(content)
        with pytest.raises(InputFault, match=r"submission\.json"):
            arena.all()


def test_names_that_are_unknown_get_a_hint(arena: Arena, submit: Submit) -> None:
    made = submit()
    with pytest.raises(InputFault, match=f"did you mean {made.id}"):
        arena.get(made.id[:-1])
    with pytest.raises(InputFault, match="did you mean toy-original"):
        arena.release_path("toy-orignal")
    for name in ("x" * 5000, "a/b", "..", ""):
        with pytest.raises(InputFault):
            arena.get(name)
    with pytest.raises(InputFault) as found:
        arena.release_path("x" * 5000)
    assert len(str(found.value)) < 400


def test_a_release_is_named_by_id_or_by_path(arena: Arena) -> None:
    whole = arena.releases / NAME
    for name in (NAME, str(whole), str(whole / "public")):
        assert arena.public(name).release_id == NAME
        assert arena.release(name).root == whole
    shutil.rmtree(whole / "private")
    assert arena.held_ids() == ()
    with pytest.raises(InputFault, match="Only its organiser"):
        arena.release(NAME)


# Names that people give


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", "../../etc/passwd", "a/b\\c", "=1+1", "Équipe Ω"]
)
def test_a_name_is_text_and_never_a_path(arena: Arena, submit: Submit, name: str) -> None:
    before = set(arena.root.parent.rglob("*"))
    made = submit(name, name)
    assert (arena.get(made.id).team, arena.get(made.id).method) == (name, name)
    new = {p for p in arena.root.parent.rglob("*") if p not in before and p.is_dir()}
    assert new == {arena.submissions, arena.submissions / made.id}


@pytest.mark.parametrize(
    "name", ["", "   ", "a\u202eb", "a\u200bb", "a\nb", "\x1b[31mred", "\ud800", "x" * 10_000]
)
def test_a_name_that_can_not_be_shown_is_refused(arena: Arena, submit: Submit, name: str) -> None:
    for names in ({"team": name}, {"method": name}):
        with pytest.raises(InputFault, match="name"):
            submit(**names)
    if name.strip():
        with pytest.raises(InputFault, match="description"):
            submit(description=name)
    assert arena.all() == []


# States


def test_a_later_entry_of_team_and_method_supersedes(arena: Arena, submit: Submit) -> None:
    first, other, second = submit("A", "m"), submit("A", "n"), submit("A", "m", slope=0.7)
    baseline = submit("A", "m", kind="baseline")
    expected = {first.id: "superseded", other.id: "valid", second.id: "valid", baseline.id: "valid"}
    assert states(arena) == expected
    assert arena.standings(NAME)[0].reason == f"replaced by {second.id}"
    arena.withdraw(second.id, "a mistake")
    assert states(arena)[first.id] == "valid"
    submit("A", "m")
    assert (states(arena)[first.id], states(arena)[second.id]) == ("superseded", "withdrawn")


@pytest.mark.parametrize("name", ["team a", "TEAM A", " Team  A ", "Ｔeam A"])
def test_a_team_is_the_same_in_any_case_and_with_any_blanks(arena: Arena, submit: Submit, name: str) -> None:
    first, second = submit("Team A"), submit(name)
    assert states(arena) == {first.id: "superseded", second.id: "valid"}
    (arena.root / "arena.toml").write_text("submissions_per_day = 2\n")
    with pytest.raises(InputFault, match="2 are allowed"):
        submit("tEAM A")
    submit("Team B"), submit("TeamA")
    assert list(states(arena).values()).count("valid") == 3


def test_withdrawing_is_for_good(arena: Arena, submit: Submit) -> None:
    made = submit()
    arena.withdraw(made.id, "trained on the test split")
    assert [(s.state, s.reason) for s in arena.standings(NAME)] == [
        ("withdrawn", "trained on the test split")
    ]
    with pytest.raises(InputFault, match="already"):
        arena.withdraw(made.id)
    assert score_due(arena) == []
    score(arena, [made])
    assert states(arena) == {made.id: "withdrawn"}


def test_a_stored_prediction_that_was_changed_is_invalid(
    arena: Arena, submit: Submit, toy_release: Release
) -> None:
    first, second = submit("A"), submit("B", slope=0.5)
    stored = arena.submissions / first.id / PREDICTION
    original = stored.read_bytes()
    shutil.copyfile(arena.submissions / second.id / PREDICTION, stored)
    score_due(arena)
    assert states(arena) == {first.id: "invalid", second.id: "valid"}
    assert arena.card_folder(first.id) is None
    stored.unlink()
    score(arena, [first])
    assert states(arena)[first.id] == "invalid"
    stored.write_bytes(original)
    assert [s.state for s in score_due(arena)] == ["valid"]
    assert score_due(arena) == []


def raising(error: BaseException, below: float) -> Callable[[Challenge], Challenge]:
    """The challenge with a measure that raises for estimates whose largest is below a number."""

    def changed(challenge: Challenge) -> Challenge:
        def measure(truth: Table, prediction: Table) -> Measured:
            if prediction["estimate"].max() < below:
                raise error
            return challenge.measure(truth, prediction)

        return replace(challenge, measure=measure)

    return changed


@pytest.mark.parametrize(
    "error", [ZeroDivisionError("1/0"), TypeError("no"), AssertionError(), RuntimeError("x")]
)
def test_a_measure_that_raises_fails_one_entry_and_not_the_others(
    arena: Arena, submit: Submit, toy: Challenge, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    small, large = submit("A", slope=0.001), submit("B")
    broken = raising(error, 0.1)(toy)
    with monkeypatch.context() as patch:
        patch.setattr(registry, "get", lambda name: broken)
        score_due(arena)
    assert states(arena) == {small.id: "failed", large.id: "valid"}
    assert type(error).__name__ in arena.standings(NAME)[0].reason
    score_due(arena)
    assert states(arena) == {small.id: "valid", large.id: "valid"}


def test_the_machine_s_fault_is_not_the_entry_s(
    arena: Arena, submit: Submit, toy: Challenge, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = submit()
    broken = raising(MemoryError(), 100.0)(toy)
    monkeypatch.setattr(registry, "get", lambda name: broken)
    with pytest.raises(MemoryError):
        score_due(arena)
    assert states(arena) == {made.id: "valid"}


def test_damaged_truth_is_not_the_entry_s_fault(arena: Arena, submit: Submit) -> None:
    made = submit()
    truth = arena.releases / NAME / "private" / "truth.parquet"
    truth.write_bytes(truth.read_bytes()[:300])
    with pytest.raises(InputFault, match=r"truth\.parquet is damaged"):
        score_due(arena)
    assert states(arena) == {made.id: "valid"}


def test_a_truth_that_is_not_the_committed_one_scores_nothing(arena: Arena, submit: Submit) -> None:
    import pyarrow.parquet as pq

    made = submit()
    path = arena.releases / NAME / "private" / "truth.parquet"
    truth = {name: column.copy() for name, column in tables.read(path).items()}
    truth["mean_true"][7] += 0.5
    pq.write_table(to_arrow(truth), path)
    with pytest.raises(InputFault, match=r"can't be scored.*row 8.*differs from what was committed"):
        score_due(arena)
    assert arena.card_folder(made.id) is None


def test_a_run_killed_before_it_forgets_a_failure_is_mended_by_the_next(arena: Arena, submit: Submit) -> None:
    made = submit()
    score_due(arena)
    arena.mark(made, "failed", "an old story")
    assert [s.state for s in score_due(arena)] == ["valid"]
    assert not (arena.submissions / made.id / FAULT).exists()


# Cards


def test_another_scorer_scores_again_and_keeps_the_earlier_cards(
    arena: Arena, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = submit()
    score_due(arena)
    ceiling = arena.releases / NAME / "private" / "references" / "posterior"
    before = files_of(arena.cards / made.id), files_of(ceiling / "0001")
    assert score_due(arena) == []
    monkeypatch.setattr(cards, "scorer_digest", lambda challenge: "f" * 64)
    assert [s.submission.id for s in score_due(arena)] == [made.id]
    assert {p.name for p in (arena.cards / made.id).iterdir()} == {"0001", "0002"}
    after = files_of(arena.cards / made.id)
    assert {k: v for k, v in after.items() if k.startswith("0001/")} == before[0]
    assert files_of(ceiling / "0001") == before[1]
    for folder in (arena.cards / made.id, ceiling):
        newest = cards.newest_folder(folder)
        assert newest is not None
        assert cards.read_card(newest)[0]["provenance"]["scorer"] == "f" * 64
    assert score_due(arena) == []


def test_a_card_of_another_schema_is_made_anew(arena: Arena, submit: Submit) -> None:
    made = submit()
    score_due(arena)
    oracle = arena.releases / NAME / "private" / "references" / "posterior"
    for folder in (arena.cards / made.id / "0001", oracle / "0001"):
        card = json.loads((folder / cards.CARD).read_text())
        del card["replicates"]
        (folder / cards.CARD).write_text(json.dumps(card | {"schema": 1}))
        with pytest.raises(
            InputFault, match=r"0001 is of schema 1, .* expected 2\. Run: blindsky score --all"
        ):
            cards.read_card(folder)
    assert [s.submission.id for s in score_due(arena)] == [made.id]
    for folder in (arena.cards / made.id, oracle):
        newest = cards.newest_folder(folder)
        assert newest is not None and newest.name == "0002"
        assert cards.read_card(newest)[0]["schema"] == 2


def test_an_old_card_of_what_was_withdrawn_is_not_read(arena: Arena, submit: Submit) -> None:
    made = submit()
    score_due(arena)
    arena.withdraw(made.id, "a mistake")
    (arena.cards / made.id / "0001" / cards.CARD).write_text('{"schema": 1}')
    (shown,) = views(arena)
    entry = next(e for e in shown.entries if e.card["entry"]["id"] == made.id)
    assert (entry.state, entry.reason, entry.card["entry"]["team"]) == ("withdrawn", "a mistake", made.team)


def test_a_damaged_card_is_named(arena: Arena, submit: Submit) -> None:
    made = submit()
    score_due(arena)
    folder = arena.card_folder(made.id)
    assert folder is not None
    whole = (folder / cards.REPLICATES).read_bytes()
    for damaged in (b"PK", whole[:-1], bytes([whole[0] ^ 1]) + whole[1:]):
        (folder / cards.REPLICATES).write_bytes(damaged)
        with pytest.raises(InputFault, match=f"{made.id}/0001 is damaged"):
            cards.read_card(folder)
    (folder / cards.REPLICATES).unlink()
    with pytest.raises(InputFault, match=f"{made.id}/0001 is damaged"):
        cards.read_card(folder)


# Quota


def test_a_team_hands_in_ten_a_day_unless_the_arena_says_otherwise(arena: Arena, submit: Submit) -> None:
    assert arena.settings.per_day() == 10
    (arena.root / "arena.toml").write_text("submissions_per_day = 2\n")
    submit("A", "m"), submit("A", "n")
    with pytest.raises(InputFault, match="2 are allowed"):
        submit("A", "o")
    submit("B", "m")
    submit("A", "m", kind="baseline")
    assert len(arena.all()) == 4


def test_a_withdrawn_entry_still_counts(arena: Arena, submit: Submit) -> None:
    (arena.root / "arena.toml").write_text("submissions_per_day = 1\n")
    arena.withdraw(submit().id)
    with pytest.raises(InputFault, match="1 are allowed"):
        submit()


def test_a_day_later_it_goes_on(arena: Arena, submit: Submit) -> None:
    now = datetime.now(UTC)
    ago = [now - timedelta(hours=hours) for hours in (30, 3, 2, 1)]
    for time in ago:
        record = arena.submissions / submit().id / "submission.json"
        record.write_text(json.dumps(read_json(record) | {"submitted": f"{time:%Y-%m-%dT%H:%M:%SZ}"}))
    (arena.root / "arena.toml").write_text("submissions_per_day = 2\n")
    again = ago[2] + timedelta(days=1)  # then one of the three of the last day is left
    with pytest.raises(InputFault, match=f"handed in 3 .* possible from {again:%Y-%m-%d %H:%M} UTC"):
        submit()
    (arena.root / "arena.toml").write_text("submissions_per_day = 4\n")
    submit()


@pytest.mark.parametrize(
    "text", ["submissions_per_day = 0", "submissions_per_day = 'x'", "x", "submissions_per_day = "]
)
def test_a_wrong_arena_toml_is_named(arena: Arena, submit: Submit, text: str) -> None:
    (arena.root / "arena.toml").write_text(text)
    with pytest.raises(InputFault, match=r"arena\.toml"):
        submit()


@pytest.mark.parametrize("contact", ["7", '"two\\nlines"', f"'{'x' * 201}'", "['a']"])
def test_a_contact_is_a_few_words(arena: Arena, contact: str) -> None:
    assert arena.settings.contact() == ""
    (arena.root / "arena.toml").write_text("contact = 'Ada <ada@example.org>'\n")
    assert arena.settings.contact() == "Ada <ada@example.org>"
    (arena.root / "arena.toml").write_text(f"contact = {contact}\n")
    with pytest.raises(InputFault, match=r"arena\.toml: contact is .*, expected an address or a name"):
        arena.settings.contact()


def test_of_two_who_passed_the_first_look_one_wins(
    arena: Arena, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    (arena.root / "arena.toml").write_text("submissions_per_day = 1\n")
    together = threading.Barrier(3)
    write_canonical = arena_module.write_canonical

    def waiting(*arguments: Any) -> str:
        together.wait(20)
        return write_canonical(*arguments)

    monkeypatch.setattr(arena_module, "write_canonical", waiting)
    refused: list[str] = []

    def hand_in() -> None:
        try:
            submit()
        except InputFault as fault:
            refused.append(str(fault))

    threads = [threading.Thread(target=hand_in) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(arena.all()) == 1
    assert len(refused) == 2
    assert all("1 are allowed" in text for text in refused)
    assert [p.name for p in arena.submissions.iterdir()] == [arena.all()[0].id]


def test_of_processes_at_once_one_wins(arena: Arena, toy_release: Release, tmp_path: Path) -> None:
    (arena.root / "arena.toml").write_text("submissions_per_day = 1\n")
    path = write(toy_release, tmp_path / "p.parquet")
    line = [
        sys.executable,
        "-m",
        "blindsky",
        "submit",
        path,
        "--release",
        NAME,
        "--team",
        "A",
        "--method",
        "m",
    ]
    running = [
        subprocess.Popen(
            [*line, "--arena", arena.root], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    outcomes = [(process.communicate()[1], process.returncode) for process in running]
    assert sorted(code for _, code in outcomes) == [0, 1]
    assert all("1 are allowed" in text for text, code in outcomes if code)
    assert len(arena.all()) == 1


# The machine


def test_a_lock_that_another_holds_is_waited_for_and_then_given_up(
    arena: Arena, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arena_module, "lock", functools.partial(files.lock, seconds=0.1))
    with (
        files.lock(arena.root / ".lock", "the arena"),
        pytest.raises(MachineFault, match="locked by another process"),
    ):
        submit()
    assert [p.name for p in arena.submissions.iterdir()] == []
    submit()


def failing_at(monkeypatch: pytest.MonkeyPatch, when: int, number: int) -> list[Path]:
    """Make the ``when``-th fsync of a file fail with an error number; returns what was synced before."""
    seen: list[Path] = []
    sync_file = files.sync_file

    def sync(path: Path) -> None:
        if len(seen) == when:
            raise OSError(number, os.strerror(number), str(path))
        seen.append(path)
        sync_file(path)

    monkeypatch.setattr(files, "sync_file", sync)
    return seen


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.ENOSPC, "no space left"),
        (errno.EDQUOT, "no space left"),
        (errno.EACCES, "not allowed"),
        (errno.EROFS, "not"),
    ],
)
@pytest.mark.parametrize("when", [0, 1, 2, 4])
def test_a_disk_that_fails_leaves_no_submission(
    arena: Arena, submit: Submit, monkeypatch: pytest.MonkeyPatch, number: int, message: str, when: int
) -> None:
    with monkeypatch.context() as patch:
        seen = failing_at(patch, when, number)
        with pytest.raises(MachineFault, match=message):
            submit()
        assert len(seen) == when
    assert list(arena.submissions.iterdir()) == []
    submit()


@pytest.mark.parametrize("when", [0, 1, 2])
def test_a_disk_that_fails_leaves_no_card(
    arena: Arena, submit: Submit, monkeypatch: pytest.MonkeyPatch, when: int
) -> None:
    made = submit()
    with monkeypatch.context() as patch:
        failing_at(patch, when, errno.ENOSPC)
        with pytest.raises(MachineFault, match="no space left"):
            score(arena, [made])
    assert list((arena.cards / made.id).iterdir()) == []
    assert states(arena) == {made.id: "valid"}
    assert [s.state for s in score_due(arena)] == ["valid"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes where it likes")
def test_a_folder_that_may_not_be_written(arena: Arena, submit: Submit) -> None:
    arena.submissions.mkdir()
    arena.submissions.chmod(0o500)
    with pytest.raises(MachineFault, match="Check the permissions"):
        submit()


def test_nothing_new_is_ranked_once_the_truth_is_public(
    arena: Arena, submit: Submit, toy_release: Release, tmp_path: Path
) -> None:
    submit()
    reveal(toy_release)
    with pytest.raises(InputFault, match="is revealed: its truth is public"):
        submit(team="late")
    assert [s.team for s in arena.all()] != [] and "late" not in {s.team for s in arena.all()}
    path = write(toy_release, tmp_path / "b.parquet")
    release = toy_release.public.release_id
    assert arena.submit(path, release, team="blindsky", method="mean", kind="baseline").kind == "baseline"
