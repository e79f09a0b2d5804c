"""The board beyond the site: in the terminal, as a pandas table, and a figure in a notebook."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import blindsky
from blindsky.challenges.errors import InputFault
from blindsky.challenges.release import Release
from blindsky.challenges.trust import reveal
from blindsky.cli import cli
from blindsky.leaderboard.publish import views
from blindsky.leaderboard.site import render
from blindsky.submissions.arena import Arena
from blindsky.submissions.judging import score_due

NAME = "toy-original"


@pytest.fixture
def arena(toy_release: Release) -> Arena:
    """Two entries on the toy release, scored."""
    import pandas as pd

    arena = Arena(toy_release.root.parents[1])
    test = toy_release.public.table("test", ["object_id", "x"])
    for team, slope in (("A", 0.8), ("=B", 0.6)):
        path = arena.root / f"{slope}.parquet"
        estimate = np.clip(slope * test["x"].astype("float64"), -6, 6)
        pd.DataFrame({"object_id": test["object_id"], "estimate": estimate}).to_parquet(path)
        arena.submit(path, NAME, team=team, method="m")
    score_due(arena)
    return arena


def run(arena: Arena, *arguments: str) -> Any:
    return CliRunner().invoke(cli, ["leaderboard", "--arena", str(arena.root), *arguments])


def test_the_terminal_shows_the_boards_and_writes_nothing(arena: Arena) -> None:
    before = sorted(p.name for p in arena.root.iterdir())
    done = run(arena, "--terminal")
    assert done.exit_code == 0
    assert NAME in done.output
    assert re.search(r"^ *1 +1–\d +A +A · m ", done.output, re.M)
    assert sorted(p.name for p in arena.root.iterdir()) == before
    assert run(arena, "--terminal", "--release", NAME).output == done.output
    page = json.loads(str(render(views(arena))[f"{NAME}/board.json"]))
    assert json.loads(run(arena, "--terminal", "--json").output) == [page]


def test_options_that_do_not_go_together_are_refused(arena: Arena) -> None:
    assert run(arena, "--terminal", "--out", "x").exit_code == 2
    assert run(arena, "--release", NAME).exit_code == 2


def test_a_second_build_renders_nothing(arena: Arena) -> None:
    found = [json.loads(run(arena, "--json").output)["rendered"] for _ in range(2)]
    assert found == [1, 0]
    assert (arena.site / "feed.xml").is_file()


def test_a_board_is_a_frame_with_the_numbers_of_the_page(arena: Arena) -> None:
    page = json.loads(str(render(views(arena))[f"{NAME}/board.json"]))
    for board in page["boards"]:
        frame = blindsky.board(NAME, board["board"], arena=arena.root)
        assert frame.attrs["board"] == board["board"]
        assert frame.attrs["part"] == "public"
        assert frame["entry"].tolist() == [row["entry"] for row in board["rows"]]
        assert frame["rank"].tolist() == [row["rank"] for row in board["rows"]]
        for key in board["rows"][0]["metrics"] if board["rows"] else ():
            own = "_null" if board["rows"][0]["metrics"][key]["interval"] == "null" else ""
            for end, name in (("", "value"), (f"{own}_low", "low"), (f"{own}_high", "high")):
                wanted = [row["metrics"][key][name] for row in board["rows"]]
                found = [None if np.isnan(x) else x for x in frame[f"{key}{end}"]]
                assert found == wanted
    assert blindsky.board(NAME, arena=arena.root).attrs["board"] == page["boards"][0]["board"]


def test_hidden_parts_and_unknown_names_are_refused(arena: Arena) -> None:
    with pytest.raises(InputFault, match=r"the part 'private' .* is not shown; there is public"):
        blindsky.board(NAME, part="private", arena=arena.root)
    with pytest.raises(InputFault, match="has no board 'nope'; there is"):
        blindsky.board(NAME, "nope", arena=arena.root)
    with pytest.raises(InputFault, match="no scored entry"):
        blindsky.figure(NAME, "nobody", "pit", arena=arena.root)
    reveal(arena.release(NAME))
    assert blindsky.board(NAME, part="private", arena=arena.root).attrs["part"] == "private"
    assert blindsky.board(NAME, "point", part="all", arena=arena.root)["rank"].max() == 2


def test_a_figure_is_that_of_the_page(arena: Arena) -> None:
    entry = arena.all(NAME)[0].id
    with pytest.raises(InputFault) as fault:
        blindsky.figure(NAME, entry, "nope", arena=arena.root)
    keys = str(fault.value).rpartition("there is ")[2].split(", ")
    page = str(render(views(arena))[f"{NAME}/{entry}.html"])
    for key in keys:
        drawn = blindsky.figure(NAME, entry, key, arena=arena.root)
        assert drawn.svg.startswith("<svg")
        assert drawn.svg in page
        shown = drawn._repr_html_()
        assert shown.startswith("<iframe sandbox ")
        assert drawn.svg in html.unescape(shown)


def test_a_notebook_shows_a_figure_without_its_styles_leaking(arena: Arena, tmp_path: Path) -> None:
    drawn = blindsky.Drawing("<b>T</b>", "a & b", "<svg></svg>")
    shown = drawn._repr_html_()
    assert "<b>" not in shown
    assert shown.count("<") == 2, "one frame, everything else inside its attribute"
    tall = blindsky.Drawing("T", "", '<svg viewBox="0 0 400 1000"></svg>')._repr_html_()
    wide = blindsky.Drawing("T", "", '<svg viewBox="0 0 400 100"></svg>')._repr_html_()
    heights = [int(re.search(r'height="(\d+)"', page).group(1)) for page in (tall, wide)]
    assert heights[0] - heights[1] == 640 * 900 // 400, "as high as the drawing is at this width"
    assert "&lt;b&gt;T&lt;/b&gt;" in html.unescape(shown)
