"""A release whose test came without its truth: predictions are checked, and every verb says that they aren't scored."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import toychallenge
from click.testing import CliRunner

import blindsky
from blindsky.challenges.errors import InputFault
from blindsky.challenges.importing import Imported, Rows, Shuffle, import_release
from blindsky.challenges.release import Release, open_public
from blindsky.challenges.skies import Block
from blindsky.challenges.trust import reveal, verify
from blindsky.cli import cli
from blindsky.leaderboard.publish import view
from blindsky.submissions.arena import Arena
from blindsky.submissions.canonical import sample_submission
from blindsky.submissions.checking import check
from blindsky.submissions.judging import score_due

SAID = "release blind holds no truth: predictions are checked, not scored"


def without_truth(files: Sequence[Path], shuffle: Shuffle) -> Imported:
    """Twenty rows of the toy to train on, and thirty to predict."""
    rng = np.random.default_rng(1)

    def rows(n: int) -> dict[str, Any]:
        return {name: rng.random(n).astype(np.float32) + 0.5 for name in ("x", "noise")}

    train = {**rows(20), "mean": rng.random(20).astype(np.float32)}
    files_ = toychallenge.ToySky(False, 1.0).files()
    return Imported([Rows(Block(train, {}))], [Rows(Block(rows(30), {}), np.arange(30) + 5)], files_)


@pytest.fixture
def blind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Release:
    monkeypatch.setattr(toychallenge, "read_text", without_truth)
    return import_release(
        "toy/text", [tmp_path], tmp_path / "releases", release_id="blind", key=bytes(range(32))
    )


@pytest.fixture
def sample(blind: Release, tmp_path: Path) -> Path:
    sample_submission(blind.public, tmp_path / "sample.csv")
    return tmp_path / "sample.csv"


def test_what_there_is(blind: Release) -> None:
    public = blind.public
    assert not public.has_truth and public.manifest["splits"] == {"train": {"rows": 20}, "test": {"rows": 30}}
    assert public.table("test")["object_id"].tolist() == list(range(5, 35))
    card = (public.root / "README.md").read_text()
    assert (
        "test split: 30 rows without (`test.parquet`), whose truth is not known: checked, not scored" in card
    )
    assert "public board" not in card and "## How it is scored" not in card and "At the reveal" not in card
    assert verify(public, blind).ok and verify(open_public(blind.root)).ok
    told = CliRunner().invoke(cli, ["verify", str(blind.root)])
    assert told.exit_code == 0 and "0 hidden rows; its truth is not known" in told.output


def test_predictions_are_checked(blind: Release, sample: Path) -> None:
    result = check(sample, blind.public)
    assert result.ok and [n.message for n in result.notes if n.code == "no_truth"] == [SAID]
    assert str(result).endswith(f"note: {SAID}") and "blindsky submit" not in str(result)
    sample.write_text(sample.read_text().replace("\n5,", "\n4,"))
    assert check(sample, blind.public).report.codes == ("extra_id", "missing_id")


def test_nothing_is_handed_in_scored_or_revealed(blind: Release, sample: Path, tmp_path: Path) -> None:
    arena = Arena(tmp_path)
    for kind in ("submission", "baseline"):
        with pytest.raises(InputFault, match=SAID):
            arena.submit(sample, "blind", team="A", method="m", kind=kind)  # type: ignore[arg-type]
    assert not arena.submissions.exists()
    with pytest.raises(InputFault, match=SAID):
        blindsky.score(sample, blind.root)
    with pytest.raises(InputFault, match=f"{SAID}, and there is nothing to reveal"):
        reveal(blind)
    assert not blind.public.revealed
    assert score_due(arena) == []
    assert view(arena, blind).entries == ()


def test_a_baseline_is_not_trained_for_nothing(blind: Release, tmp_path: Path) -> None:
    from blindsky.baselines import baseline
    from blindsky.commands.baseline import hand_in

    chosen = baseline.get("toy/mean")
    public = blind.public
    with pytest.raises(InputFault, match=SAID):
        hand_in(Arena(tmp_path), public, chosen, None)  # type: ignore[arg-type]
    model = chosen.fit(public, baseline.Settings())
    baseline.predict_to_file(model, public, tmp_path / "mean.parquet")
    assert check(tmp_path / "mean.parquet", public).ok


def test_a_release_with_a_truth_says_nothing_of_it(toy_original: Release, tmp_path: Path) -> None:
    assert toy_original.public.has_truth
    sample_submission(toy_original.public, tmp_path / "sample.csv")
    result = check(tmp_path / "sample.csv", toy_original.public)
    assert "no_truth" not in {note.code for note in result.notes} and "blindsky submit" in str(result)
