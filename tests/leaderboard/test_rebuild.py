"""A build that starts from the last one: the bytes of a build from nothing, whatever changed in between."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blindsky.challenges.cards import read_card, write_card
from blindsky.challenges.generation import generate
from blindsky.challenges.release import Release
from blindsky.challenges.tables import to_arrow
from blindsky.challenges.trust import reveal
from blindsky.leaderboard import boards, pages, rebuild, site, store
from blindsky.leaderboard.publish import views
from blindsky.leaderboard.store import Store, remembered
from blindsky.submissions.arena import Arena, Submission
from blindsky.submissions.judging import score_due

NAME = "toy-original"


@pytest.fixture
def arena(toy_release: Release, toy: Any) -> Arena:
    """Two releases of the toy challenge, one with two scored entries."""
    arena = Arena(toy_release.root.parents[1])
    generate(toy, "point", "tiny", arena.releases, release_id="points", key=bytes(32))
    hand_in(arena, "A", 0.8)
    hand_in(arena, "B", 0.7)
    score_due(arena)
    return arena


def hand_in(arena: Arena, team: str, slope: float) -> Submission:
    """The numbers times a slope."""
    import pyarrow.parquet as pq

    test = arena.public(NAME).table("test", ["object_id", "x"])
    estimate = np.clip(slope * test["x"].astype(np.float64), -6, 6)
    path = arena.root / "p.parquet"
    pq.write_table(to_arrow({"object_id": test["object_id"], "estimate": estimate}), path)
    return arena.submit(path, NAME, team=team, method="m")


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def from_nothing(arena: Arena) -> dict[str, bytes]:
    """What the pages are without any store."""
    files = site.render(views(arena))
    return {name: c.encode() if isinstance(c, str) else c for name, c in files.items()}


def test_what_did_not_change_is_not_rendered(arena: Arena) -> None:
    first = rebuild.rebuild(arena, arena.site)
    assert (first.releases, first.rendered, first.entries) == (("points", NAME), 2, 3 + 1)
    before = contents(arena.site)
    assert before == from_nothing(arena)
    again = rebuild.rebuild(arena, arena.site)
    assert again == first._replace(rendered=0)
    assert contents(arena.site) == before


def withdraw(arena: Arena) -> None:
    arena.withdraw(arena.all(NAME)[0].id, "a mistake")


def new_submission(arena: Arena) -> None:
    hand_in(arena, "C", 0.75)


def new_card(arena: Arena) -> None:
    new_submission(arena)
    score_due(arena)


def changed_card(arena: Arena) -> None:
    """By hand, in its place."""
    path = arena.card_folder(arena.all(NAME)[0].id)
    assert path is not None
    text = (path / "card.json").read_text()
    (path / "card.json").write_text(text.replace('"team": "A"', '"team": "Z"'))


def changed_replicates(arena: Arena) -> None:
    path = arena.card_folder(arena.all(NAME)[0].id)
    assert path is not None
    card, replicates = read_card(path)
    write_card(path, card, {key: values + 0.5 for key, values in replicates.items()})


def opened(arena: Arena) -> None:
    reveal(arena.release(NAME))


def readme(arena: Arena) -> None:
    path = arena.public(NAME).root / "README.md"
    path.write_text(path.read_text() + "\nA word more.\n")


def address(arena: Arena) -> None:
    (arena.root / "arena.toml").write_text('data_url = "https://example.org/data"\n')


def contact(arena: Arena) -> None:
    (arena.root / "arena.toml").write_text('contact = "Ada <ada@example.org>"\n')


def fewer_releases(arena: Arena) -> None:
    shutil.rmtree(arena.releases / "points")


CHANGES = [
    withdraw, new_submission, new_card, changed_card, opened, readme, address, contact, fewer_releases
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=lambda f: f.__name__)
def test_after_any_change_the_site_is_that_of_a_build_from_nothing(
    arena: Arena, change: Callable[[Arena], None]
) -> None:
    rebuild.rebuild(arena, arena.site)
    before = contents(arena.site)
    change(arena)
    made = rebuild.rebuild(arena, arena.site)
    after = contents(arena.site)
    assert after == from_nothing(arena)
    assert after != before
    others = {"address": 2, "contact": 2, "fewer_releases": 0}
    assert made.rendered == others.get(change.__name__, 1), "the other release is left as it is"


def test_replicates_show_after_the_reveal_alone(arena: Arena) -> None:
    rebuild.rebuild(arena, arena.site)
    before = contents(arena.site)
    changed_replicates(arena)
    rebuild.rebuild(arena, arena.site)
    assert contents(arena.site) == before
    opened(arena)
    rebuild.rebuild(arena, arena.site)
    before = contents(arena.site)
    changed_replicates(arena)
    rebuild.rebuild(arena, arena.site)
    assert contents(arena.site) == from_nothing(arena) != before


def test_other_code_renders_everything_again(arena: Arena, monkeypatch: pytest.MonkeyPatch) -> None:
    rebuild.rebuild(arena, arena.site)
    monkeypatch.setattr(rebuild, "code_digest", lambda: "other")
    assert rebuild.rebuild(arena, arena.site).rendered == 2


def test_a_damaged_store_is_as_good_as_none(arena: Arena) -> None:
    rebuild.rebuild(arena, arena.site)
    before = contents(arena.site)
    kept = sorted((arena.root / rebuild.STORE).iterdir())
    for k, path in enumerate(kept):
        content = path.read_bytes()
        path.write_bytes((content[:-3], content[:20], b"", content[:40] + b"?" + content[41:])[k % 4])
    assert rebuild.rebuild(arena, arena.site).rendered == 2
    assert contents(arena.site) == before


def test_a_page_changed_by_hand_is_written_again(arena: Arena) -> None:
    rebuild.rebuild(arena, arena.site)
    before = contents(arena.site)
    page = arena.site / NAME / "index.html"
    text = page.read_text()
    page.unlink()
    page.write_text(text.replace("rank", "RANK"))
    (arena.site / "more.html").write_text("x")
    rebuild.rebuild(arena, arena.site)
    assert contents(arena.site) == before


def test_what_nobody_asks_for_is_swept(arena: Arena) -> None:
    rebuild.rebuild(arena, arena.site)
    first = {p.name for p in (arena.root / rebuild.STORE).iterdir()}
    new_card(arena)
    rebuild.rebuild(arena, arena.site)
    second = {p.name for p in (arena.root / rebuild.STORE).iterdir()}
    assert first & second, "figures, and the other release"
    assert first - second, "pages that changed"
    rebuild.rebuild(arena, arena.site)
    assert {p.name for p in (arena.root / rebuild.STORE).iterdir()} == second


def test_several_processes_give_the_same_bytes(arena: Arena, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebuild, "MANY", 0)
    assert rebuild.rebuild(arena, arena.site).rendered == 2
    assert contents(arena.site) == from_nothing(arena)
    assert rebuild.rebuild(arena, arena.site).rendered == 0


def test_a_board_comes_back_as_it_was(arena: Arena) -> None:
    import json

    for view in views(arena):
        for table in boards.board_tables(view, pages.BOARD_PARTS[view.status][0]):
            again = rebuild.unpacked(view.challenge, json.loads(json.dumps(rebuild.packed(table))))
            assert again == table._replace(contenders={})


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "store", "code")
    with made.open():
        yield made


def test_results_are_remembered_by_all_their_inputs(kept: Store) -> None:
    calls = []

    def make(value: Any) -> Any:
        calls.append(value)
        return value

    for inputs in (["a", 1], ["a", 1], ["a", 2], ["a", 1.5], ["a", np.array([1])], ["a", np.array([2])]):
        remembered(inputs, lambda: make("x"))
    assert len(calls) == 5
    assert [remembered(["t"], lambda: make((1, 2))) for _ in "ab"] == [(1, 2)] * 2, (
        "JSON would make it a list"
    )
    assert [remembered([object()], lambda: make(3)) for _ in "ab"] == [3, 3]
    assert len(calls) == 5 + 4


def test_without_a_store_nothing_is_remembered() -> None:
    assert [remembered(["a"], partial(int, k)) for k in (1, 2)] == [1, 2]


def test_the_digest_covers_code_templates_and_other_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    sources = dict(store._sources("blindsky"))
    assert {
        "leaderboard/pages.py",
        "leaderboard/templates/base.html.j2",
        "leaderboard/assets/site.css",
    } <= set(sources)
    first = store.code_digest()
    assert store.code_digest() == first
    toy = dict(store._sources("blindsky_toy")) if "blindsky_toy" in store.registry.packages() else {}
    real = store._sources
    for top in ("blindsky", *store.registry.packages()):
        changed = [(name, content + b"#") for name, content in real(top)]
        monkeypatch.setattr(
            store, "_sources", lambda t, top=top, changed=changed: changed if t == top else real(t)
        )
        assert store.code_digest() != first, top
    assert all(not name.endswith(".pyc") for name in (*sources, *toy))
