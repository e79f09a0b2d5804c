"""Examples of answers: of the cases that were chosen, in their order, and of nobody before the reveal."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from blindsky.challenges.challenge import Examples, Plate
from blindsky.challenges.release import REVEALED
from blindsky.challenges.tables import to_arrow
from blindsky.leaderboard.examples import examples
from blindsky.leaderboard.store import Store

CHOSEN = [7, 3, 5]
CARDS = [{"entry": {"id": name}} for name in ("a", "b", "oracle")]


def choose(folder: Path) -> dict[str, Any] | None:
    assert (folder / "truth.parquet").exists()
    return {"ids": CHOSEN}


def draw(chosen: Any, answer: Any) -> tuple[Plate, ...]:
    return (Plate("Answers", "bars", {"ids": answer["id"].tolist(), "x": answer["x"].tolist()}),)


@pytest.fixture
def public(tmp_path: Path) -> Any:
    (tmp_path / REVEALED).mkdir()
    pq.write_table(to_arrow({"id": np.arange(9)}), tmp_path / REVEALED / "truth.parquet")
    for name, by in (("a", 1.0), ("b", 10.0)):
        ids = np.random.default_rng(0).permutation(9)
        pq.write_table(to_arrow({"id": ids, "x": by * ids}), tmp_path / f"{name}.parquet")
    asked = Examples("Cases", "", choose, draw)
    challenge = SimpleNamespace(examples=asked, prediction=SimpleNamespace(key="id"))
    return SimpleNamespace(root=tmp_path, revealed=True, release_id="r", challenge=challenge)


def stored(public: Any, name: str) -> Path | None:
    path = public.root / f"{name}.parquet"
    return path if path.exists() else None


def test_each_stored_answer_is_drawn_in_the_order_of_the_cases(public: Any) -> None:
    found = examples(public, CARDS, lambda name: stored(public, name), {})
    assert sorted(found) == ["a", "b"], "what has no stored prediction has no examples"
    assert found["a"][0].data == {"ids": CHOSEN, "x": [7.0, 3.0, 5.0]}
    assert found["b"][0].data["x"] == [70.0, 30.0, 50.0]


def test_nothing_is_read_before_the_reveal(public: Any) -> None:
    public.revealed = False

    def read(name: str) -> Path | None:
        raise AssertionError(name)

    assert examples(public, CARDS, read, {}) == {}


def test_what_was_drawn_is_kept_until_a_prediction_changes(public: Any, tmp_path: Path) -> None:
    store = Store(tmp_path / "store", "code")
    with store.open():
        first = examples(public, CARDS, lambda name: stored(public, name), {})
        kept = len(list(store.folder.iterdir()))
        assert examples(public, CARDS, lambda name: stored(public, name), {}) == first
        assert len(list(store.folder.iterdir())) == kept == 3
        pq.write_table(to_arrow({"id": np.arange(9), "x": np.zeros(9)}), tmp_path / "a.parquet")
        again = examples(public, CARDS, lambda name: stored(public, name), {})
    assert again["a"][0].data["x"] == [0.0, 0.0, 0.0] and again["b"] == first["b"]
