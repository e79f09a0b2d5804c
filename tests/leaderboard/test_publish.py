"""From an arena with the toy challenge to what the site shows: who stands where, why, and what stays hidden."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from blindsky.challenges import cards, registry
from blindsky.challenges.challenge import Challenge
from blindsky.challenges.generation import generate
from blindsky.challenges.release import Release
from blindsky.challenges.tables import to_arrow
from blindsky.challenges.trust import reveal
from blindsky.leaderboard import boards
from blindsky.leaderboard.boards import EntryView, ReleaseView
from blindsky.leaderboard.publish import view, views
from blindsky.leaderboard.site import render
from blindsky.scoring.measurements import Measured, Table
from blindsky.submissions.arena import Arena, Submission
from blindsky.submissions.judging import score_due

NAME = "toy-original"
Submit = Callable[..., Submission]


@pytest.fixture
def arena(toy_release: Release) -> Arena:
    return Arena(toy_release.root.parents[1])


@pytest.fixture
def submit(arena: Arena, toy_release: Release, tmp_path: Path) -> Submit:
    """Hands in the numbers times a slope."""

    def make(team: str, method: str = "m", slope: float = 0.8) -> Submission:
        import pyarrow.parquet as pq

        test = toy_release.public.table("test", ["object_id", "x"])
        estimate = np.clip(slope * test["x"].astype(np.float64), -6, 6)
        path = tmp_path / "p.parquet"
        pq.write_table(to_arrow({"object_id": test["object_id"], "estimate": estimate}), path)
        return arena.submit(path, NAME, team=team, method=method)

    return make


def entries(release: ReleaseView) -> dict[str, EntryView]:
    return {boards.entry_id(e): e for e in release.entries}


def shown(arena: Arena) -> dict[str, EntryView]:
    (release,) = views(arena)
    return entries(release)


def test_an_entry_waits_until_it_is_scored(arena: Arena, submit: Submit) -> None:
    made = submit("A")
    entry = shown(arena)[made.id]
    assert (entry.state, entry.replicates) == ("waiting", {})
    assert "blindsky score" in entry.reason
    assert entry.card["entry"]["team"] == "A"
    score_due(arena)
    entry = shown(arena)[made.id]
    assert (entry.state, entry.reason) == ("valid", "")
    assert entry.card["parts"]["public"]["metrics"]["mse"]["value"] > 0
    assert len(entry.replicates["public/mse"]) == 1000


def test_every_state_is_shown_with_its_reason(
    arena: Arena, submit: Submit, toy: Challenge, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, gone, changed, failed = (
        submit("A"),
        submit("A", slope=0.7),
        submit("B"),
        submit("C"),
        submit("D", slope=0.001),
    )
    arena.withdraw(gone.id, "a mistake")
    (arena.submissions / changed.id / "prediction.parquet").write_bytes(b"else")

    def measure(truth: Table, prediction: Table) -> Measured:
        if np.abs(prediction["estimate"]).max() < 0.1:
            message = "too small"
            raise RuntimeError(message)
        return toy.measure(truth, prediction)

    with monkeypatch.context() as patch:
        patch.setattr(registry, "get", lambda name: replace(toy, measure=measure))
        score_due(arena)
    found = shown(arena)
    states = [found[made.id].state for made in arena.all()]
    assert states == ["superseded", "valid", "withdrawn", "invalid", "failed"]
    assert found[first.id].reason == f"replaced by {second.id}"
    assert found[gone.id].reason == "a mistake"
    assert "changed after it was accepted" in found[changed.id].reason
    assert "too small" in found[failed.id].reason
    files = render(views(arena))
    assert "a mistake" in files[f"{NAME}/index.html"]
    assert "too small" not in "".join(map(str, files.values())), (
        "an exception of code that sees the truth may hold it"
    )
    assert "the organiser sees why" in files[f"{NAME}/board.json"]


def test_the_newest_card_is_shown(arena: Arena, submit: Submit, monkeypatch: pytest.MonkeyPatch) -> None:
    made = submit("A")
    score_due(arena)
    monkeypatch.setattr(cards, "scorer_digest", lambda challenge: "e" * 64)
    (release,) = views(arena)
    old = entries(release)
    assert release.digests["scorer"] == "e" * 64
    assert old[made.id].card["provenance"]["scorer"] != "e" * 64
    assert {aside.state for aside in boards.asides(release)} == {"outdated"}
    assert boards.current(release) == ()
    score_due(arena)
    (release,) = views(arena)
    assert entries(release)[made.id].card["provenance"]["scorer"] == "e" * 64
    assert {boards.entry_id(e) for e in boards.current(release)} == {made.id, "posterior"}
    assert release.committed_scorer not in (None, "e" * 64)


def test_the_ceiling_is_there_from_the_start(arena: Arena) -> None:
    ceiling = shown(arena)["posterior"]
    assert ceiling.card["entry"]["kind"] == "ceiling"
    assert ceiling.state == "valid"
    assert ceiling.card["parts"]["all"]["metrics"]["excess"]["value"] == pytest.approx(0, abs=1e-6)


def test_a_release_says_what_it_is(arena: Arena, toy_release: Release) -> None:
    release = view(arena, toy_release)
    assert (release.release_id, release.track, release.size) == (NAME, "plain", "tiny")
    assert release.status == "open"
    assert release.manifest["training rows"] == "100"
    assert release.manifest["commitment root"] == toy_release.public.manifest["commitments"]["root"]
    reveal(toy_release)
    assert view(arena, toy_release).status == "revealed"


def test_only_releases_with_their_private_part_have_a_board(arena: Arena, toy: Challenge) -> None:
    generate(toy, "point", "tiny", arena.releases, release_id="points")
    assert [v.release_id for v in views(arena)] == ["points", NAME]
    (arena.releases / NAME / "private" / "secret.json").unlink()
    shutil.copytree(arena.releases / "points", arena.releases / ".partial-points")
    assert [v.release_id for v in views(arena)] == ["points"]
    assert views(Arena(arena.root / "nowhere")) == ()


def test_an_invalid_entry_and_the_order_of_arrival_move_nobody(arena: Arena, submit: Submit) -> None:
    submit("A"), submit("B", slope=0.5)
    score_due(arena)

    def ranking() -> list[tuple[str, int]]:
        (release,) = views(arena)
        point = next(t for t in boards.board_tables(release, "public") if t.board.name == "point")
        return [(row.who.id, row.place.rank) for row in point.ranked]

    before = ranking()
    assert [arena.get(submission).team for submission, _ in before] == ["A", "B"]
    third = submit("C", slope=0.65)
    (arena.submissions / third.id / "prediction.parquet").unlink()
    score_due(arena)
    assert ranking() == before


def test_before_the_reveal_nothing_of_the_private_part_is_rendered(
    arena: Arena, submit: Submit, toy_release: Release
) -> None:
    made = submit("A")
    score_due(arena)
    card = shown(arena)[made.id].card
    hidden = [
        metric["value"]
        for part in ("private", "all")
        for metric in card["parts"][part]["metrics"].values()
        if metric["value"]
    ]
    text = "\n".join(map(str, render(views(arena)).values()))
    telling = [
        shown for shown in (f"{number:.6g}" for number in hidden) if len(shown) > 6
    ]  # not 0.02 or the like
    assert len(telling) > 5
    assert not [number for number in telling if number in text]
    assert "private" not in {
        b["part"] for b in json.loads(render(views(arena))[f"{NAME}/board.json"])["boards"]
    }
    reveal(toy_release)
    text = "\n".join(map(str, render(views(arena)).values()))
    assert f"{card['parts']['private']['metrics']['mse']['value']:.4g}"[:5] in text


def test_the_same_arena_gives_the_same_bytes(arena: Arena, submit: Submit, tmp_path: Path) -> None:
    submit("A"), submit("B", slope=0.5)
    score_due(arena)
    files = render(views(arena))
    copy = shutil.copytree(arena.root, tmp_path / "copy", ignore=shutil.ignore_patterns("copy"))
    assert render(views(Arena(copy))) == files
    assert str(tmp_path) not in "".join(map(str, files.values()))
