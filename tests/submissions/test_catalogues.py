"""Predictions that are a catalogue of a whole field: the whole road, and what is wrong with a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from blindsky.baselines.baseline import Finder, Settings, get, predict_to_file
from blindsky.challenges import registry, tables
from blindsky.challenges.cards import read_card
from blindsky.challenges.challenge import Pictures
from blindsky.challenges.generation import generate
from blindsky.challenges.references import folder_of
from blindsky.challenges.release import Public, Release
from blindsky.challenges.trust import reveal, verify
from blindsky.cli import cli
from blindsky.commands.baseline import hand_in
from blindsky.leaderboard import pages, pictures
from blindsky.leaderboard.publish import views
from blindsky.leaderboard.site import build
from blindsky.scoring.measurements import Table
from blindsky.submissions.arena import Arena
from blindsky.submissions.canonical import sample_submission, write_canonical
from blindsky.submissions.checking import CheckResult, check
from blindsky.submissions.faults import PredictionRefused
from blindsky.submissions.judging import measure, score_due

KEY = bytes(range(32))


@pytest.fixture
def release(tmp_path: Path) -> Release:
    return generate(registry.get("toyfield"), "plain", "tiny", tmp_path / "releases", release_id="r", key=KEY)


def truth(release: Release) -> Table:
    lamps = tables.read(release.private / "truth_lamps.parquet")
    return {name: lamps[name] for name in ("id", "x", "flux")}


def written(release: Release, path: Path, **changed: object) -> CheckResult:
    frame = pd.DataFrame(truth(release)).assign(**changed)
    frame.to_csv(path, index=False)
    return check(path, release.public)


def test_the_whole_road(release: Release, tmp_path: Path) -> None:
    arena, public = Arena(tmp_path), release.public
    for name in ("sample.csv", "sample.parquet"):
        sample_submission(public, tmp_path / name)
        assert check(tmp_path / name, public).ok
    bright = get("toyfield/bright")
    predict_to_file(bright.fit(public, Settings()), public, tmp_path / "bright.parquet")
    pd.DataFrame(truth(release)).to_csv(tmp_path / "best.txt", sep=" ", index=False)
    arena.submit(tmp_path / "bright.parquet", "r", team="A", method="bright")
    arena.submit(tmp_path / "best.txt", "r", team="B", method="truth")
    assert [s.state for s in score_due(arena)] == ["valid", "valid"]
    cards = {}
    for standing in arena.standings("r"):
        folder = arena.card_folder(standing.submission.id)
        assert folder is not None
        cards[standing.submission.method], _ = read_card(folder)
    whole = cards["truth"]["parts"]["all"]
    assert whole["n"] == 70
    assert whole["metrics"]["worth"]["value"] == 1
    assert 0.5 < cards["bright"]["parts"]["all"]["metrics"]["worth"]["value"] < 1
    for name, said in (("truth", 1.0), ("null", 0.0)):
        folder = next(p for p in folder_of(release, name).iterdir() if p.is_dir())
        assert read_card(folder)[0]["parts"]["all"]["metrics"]["worth"]["value"] == said
    build(tmp_path / "site", views(arena))
    assert (tmp_path / "site" / "r" / "index.html").read_text().count("data:image/webp") == 2
    reveal(release)
    assert verify(public).ok
    build(tmp_path / "site", views(arena))
    assert "Lamps along a street" in (tmp_path / "site" / "index.html").read_text()


def test_the_training_field_is_shown_at_once_and_the_test_field_after_the_reveal(
    release: Release, tmp_path: Path
) -> None:
    arena = Arena(tmp_path)
    submission = hand_in(arena, release.public, get("toyfield/bright"), Settings())
    score_due(arena)
    page = f"r/{submission.id}.html"
    build(tmp_path / "site", views(arena))
    shown = (tmp_path / "site" / page).read_text()
    assert "On the training field" in shown
    before = shown.count("data:image/webp")
    lamps = release.public.table("train_lamps")
    found = bright_of(release, "train")
    missed = ~(np.abs(lamps["x"][:, None] - found["x"]) <= 1.5).any(axis=1)
    assert before == min(3, missed.sum()) > 0
    reveal(release)
    build(tmp_path / "site", views(arena))
    assert (tmp_path / "site" / page).read_text().count("data:image/webp") > before


def test_one_entry_that_cannot_be_drawn_keeps_nobody_from_the_site(
    release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arena = Arena(tmp_path)
    fine = hand_in(arena, release.public, get("toyfield/bright"), Settings())
    answer, training = arena.prediction(fine.id), arena.training(fine.id)
    assert answer is not None
    strange = arena.submit(answer, "r", team="A", method="strange", training=training)
    score_due(arena)
    placed = pictures._placed

    def failing(public: Public, how: Pictures, whose: str, *rest: Any) -> dict[tuple[str, int], str]:
        if whose.startswith(strange.id):
            message = "index -9223372036854775808 is out of bounds"
            raise IndexError(message)
        return placed(public, how, whose, *rest)

    monkeypatch.setattr(pictures, "_placed", failing)
    for _ in range(2):  # the second time from the store
        result = CliRunner().invoke(cli, ["leaderboard", "--arena", str(tmp_path)])
        assert result.exit_code == 0
        assert f"r/{strange.id} lacks pictures" in result.stdout and "IndexError" in result.stdout
        shown = {s.id: (arena.site / f"r/{s.id}.html").read_text() for s in (fine, strange)}
        assert "data:image/webp" in shown[fine.id] and pages.UNDRAWN not in shown[fine.id]
        assert "data:image/webp" not in shown[strange.id] and pages.UNDRAWN in shown[strange.id]
        assert "IndexError" not in shown[strange.id]


def bright_of(release: Release, split: str) -> Table:
    model = get("toyfield/bright").fit(release.public, Settings())
    assert isinstance(model, Finder)
    return model.catalogue(release.public, split)


def test_an_answer_to_the_training_set_is_checked_too(release: Release, tmp_path: Path) -> None:
    pd.DataFrame(truth(release)).to_csv(tmp_path / "p.csv", index=False)
    (tmp_path / "t.csv").write_text("id,x\n1,nonsense\n")
    with pytest.raises(PredictionRefused, match=r"t\.csv"):
        Arena(tmp_path).submit(tmp_path / "p.csv", "r", team="A", method="m", training=tmp_path / "t.csv")
    assert not Arena(tmp_path).all()


def test_parts_and_replicates_are_of_cases(release: Release, tmp_path: Path) -> None:
    """A third of the lamps, and claims where nothing is: each counts for the stretch it stands in."""
    lamps = truth(release)
    found = {name: column[::3] for name, column in lamps.items()}
    false = {"id": 1000 + np.arange(40), "x": np.linspace(3, 1100, 40), "flux": np.full(40, 9.0)}
    table = {name: np.concatenate([found[name], false[name]]) for name in found}
    pd.DataFrame(table).to_csv(tmp_path / "p.csv", index=False)
    write_canonical(tmp_path / "p.csv", release.public, tmp_path / "c.parquet")
    parts, part_of = measure(release, tmp_path / "c.parquet")
    near = np.abs(lamps["x"][:, None] - table["x"]) <= 1.5
    worth = np.concatenate([near.any(axis=1) * 1.0, np.full((~near.any(axis=0)).sum(), -1.0)])
    at = np.concatenate([lamps["x"], table["x"][~near.any(axis=0)]])
    for part in ("public", "private"):
        inside = (part_of == part)[np.minimum(at // 16, 69).astype(int)]
        np.testing.assert_array_equal(np.sort(parts[part]["worth"]), np.sort(worth[inside]))


def test_order_and_form_change_nothing(release: Release, tmp_path: Path) -> None:
    table = pd.DataFrame(truth(release))
    shuffled = table.sample(frac=1, random_state=1)
    table.to_csv(tmp_path / "a.csv", index=False)
    shuffled.to_parquet(tmp_path / "b.parquet", index=False)
    (tmp_path / "c.txt").write_text("# a comment\n" + shuffled.to_string(index=False) + "\n\n")
    shuffled.to_csv(tmp_path / "d.txt", sep=" ", index=False)
    digests = {}
    for name in ("a.csv", "b.parquet", "d.txt"):
        digests[name] = write_canonical(tmp_path / name, release.public, tmp_path / "out.parquet")
    assert len(set(digests.values())) == 1
    found = check(tmp_path / "c.txt", release.public)
    assert found.ok and found.format == "text separated by blanks"


def test_every_fault_is_told(release: Release, tmp_path: Path) -> None:
    n = len(truth(release)["id"])
    cases = {
        "duplicate_id": {"id": np.r_[0, 0, np.arange(2, n)]},
        "out_of_range": {"id": np.r_[-4, np.arange(1, n)]},
        "not_finite": {"x": np.r_[np.inf, np.ones(n - 1)]},
        "unknown_column": {"stretch": 3},
        "bad_id": {"id": np.arange(n) + 0.5},
    }
    for code, changed in cases.items():
        result = written(release, tmp_path / "p.csv", **changed)
        assert not result.ok
        assert code in {f.code for f in result.faults}, code


@pytest.mark.parametrize("name", ["p.csv", "p.parquet"])
def test_bad_ids_are_to_be_numbered_anew(name: str, release: Release, tmp_path: Path) -> None:
    """They are the participant's own: there is no table to copy them from."""
    frame = pd.DataFrame(truth(release)).assign(id=lambda table: table["id"] + 0.5)
    path = tmp_path / name
    frame.to_csv(path, index=False) if path.suffix == ".csv" else frame.to_parquet(path, index=False)
    result = check(path, release.public)
    assert {fault.code for fault in result.faults} == {"bad_id"}
    assert {fault.mend for fault in result.faults} == {"number the rows with whole numbers (int64)"}


def test_too_long_a_catalogue_is_refused(release: Release, tmp_path: Path) -> None:
    for rows, words in ((401, "at most 400 rows"), (2_000, "at most 400 rows")):
        pd.DataFrame({"id": np.arange(rows), "x": 1.0}).to_csv(tmp_path / "p.csv", index=False)
        result = check(tmp_path / "p.csv", release.public)
        assert [f.code for f in result.faults] == ["too_many_rows"]
        assert words in result.text()
    pd.DataFrame({"id": np.arange(400), "x": 1.0}).to_csv(tmp_path / "p.csv", index=False)
    assert check(tmp_path / "p.csv", release.public).ok


def test_an_empty_catalogue_is_refused_with_the_reason(release: Release, tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("id,x\n")
    result = check(tmp_path / "p.csv", release.public)
    assert [f.code for f in result.faults] == ["empty_file"]
    assert "a board shows what an empty catalogue scores" in result.text()


def test_what_is_strange_is_said_and_allowed(release: Release, tmp_path: Path) -> None:
    n = len(truth(release)["id"])
    result = written(release, tmp_path / "p.csv", x=np.r_[-5.0, np.linspace(0, 90, n - 1)])
    assert result.ok
    assert "note: 1 rows lie before the street of 16-metre stretches" in result.text()
