"""The pages above the boards: all challenges, what each asks, how to take part, the data card."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from blindsky.challenges.challenge import Plate, Reference, Sample, Size, Track
from blindsky.challenges.prediction import Column, Prediction
from blindsky.leaderboard.pictures import Album
from blindsky.leaderboard.question import commands
from blindsky.leaderboard.site import render

HERE = "toy-easy-tiny-1"
HOSTILE = "<script>alert('1')</script>\"><img src=x onerror=alert(1)>{{ 7*7 }}"
DOT = "data:image/webp;base64,iVBORw0KGgo="
HIDDEN = 0.98765437  # a value of the private part


class Words(HTMLParser):
    """The text of a page, its links and pictures."""

    def __init__(self, page: Any) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.links: list[str] = []
        self.pictures: list[str] = []
        self.inside: list[str] = []
        self.feed(str(page))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in ("style", "script"):
            self.inside.append(tag)
        if tag == "a":
            self.links.append(str(given["href"]))
        if tag == "img":
            self.pictures.append(str(given["alt"]))

    def handle_endtag(self, tag: str) -> None:
        if self.inside and self.inside[-1] == tag:
            self.inside.pop()

    def handle_data(self, data: str) -> None:
        if not self.inside:
            self.parts.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.parts))


@pytest.fixture
def whole(release: Any) -> Any:
    """The toy challenge with two tracks, one of which asks otherwise."""
    toy = release().challenge
    hard = Track(
        name="hard", title="Hard", description="As `easy`, with <clouds>.", public=(), sizes={"tiny": Size(7, 8)},
        boards=(replace(toy.boards[0], title="Hard board"),),
    )  # fmt: skip
    return replace(
        toy,
        tracks=(*toy.tracks, hard),
        about=lambda: "## How it was made\n\nWith *care* and <b>noise</b>.",
        citations=("Nobody 2026, a paper",),
        references=(Reference("oracle", "Oracle", "Knows all."),),
    )


def test_the_list_says_of_each_challenge_what_it_asks_and_who_leads(
    entry: Any, release: Any, whole: Any
) -> None:
    ahead = [entry("a", 1.0, team="First"), entry("b", 2.0, team="Second"), entry("k", 3.0, kind="baseline")]
    tied = [entry("a", 1.0, width=0.5, seed=1, team="First"), entry("b", 1.05, width=0.5, seed=2)]
    open_ = release(*ahead, whole=whole)
    other = release(*tied, release_id="toy-2", status="revealed", whole=whole)
    page = Words(render([open_, other])["index.html"])
    assert page.text.count("A toy.") == 1, "both releases stand under one question"
    assert "toy/index.html" in page.links and f"{HERE}/index.html" in page.links
    first, second = page.text.split(HERE)[1].split("toy-2")[0], page.text.split("toy-2")[1]
    assert "First · method" in first and "separable from all 2 others" in first
    assert "not separable from 1 of 1 others" in second
    assert "2 submissions, 1 baseline ·" in page.text
    assert "600 cases in the public part" in page.text and "600 cases in the private part" in page.text
    assert [page.text.count(f" {state} ") for state in ("open", "revealed")] >= [1, 1]


def test_a_challenge_page_asks_the_question_on_every_track(entry: Any, release: Any, whole: Any) -> None:
    files = render([release(entry("a", 1.0), whole=whole)])
    page = Words(files["toy/index.html"])
    for words in ("A toy.", "An <easy> track.", "As easy , with <clouds>.", "10 / 10", "7 / 8", "Hard board"):
        assert words in page.text
    assert "On Easy" in page.text and "On Hard" in page.text, "what is asked differs between the tracks"
    assert "Knows all." in page.text and "Nobody 2026" in page.text
    assert "How it was made" in page.text and "<b>noise</b>" in page.text, "text of a card is no HTML"
    for metric in release().challenge.metrics:
        assert metric.title in page.text and "f(x) < 1" in page.text


@pytest.fixture
def page_of(entry: Any, release: Any) -> Any:
    """The page of a challenge made of these tracks, each with a prediction of its own."""

    def make(*predictions: Prediction) -> str:
        toy = release().challenge
        tracks = tuple(
            replace(toy.tracks[0], name=f"t{k}", title=f"Title {k}", prediction=p)
            for k, p in enumerate(predictions)
        )
        whole = replace(toy, tracks=tracks)
        return Words(render([release(entry("a", 1.0), whole=whole)])["toy/index.html"]).text

    return make


def test_what_to_send_is_said_once_where_only_ranges_differ(page_of: Any) -> None:
    def sent(high: float) -> Prediction:
        return Prediction((Column("theta", "m", above=0, high=high), Column("z", low=0)))

    text = page_of(sent(7), sent(14), sent(7), sent(math.inf))
    assert text.count("One table, ") == 1 and text.count("Main board : all entries") == 1
    wanted = "theta : a finite number > 0 and ≤ 7 m on t0 and t2 , > 0 and ≤ 14 m on t1 , > 0 m on t3 ."
    assert wanted in text
    assert "z : a finite number ≥ 0." in text
    assert "On Title" not in text, "nothing else differs"
    assert text.count("Title of loss") == 1


def test_columns_that_one_track_alone_has_are_said_there(page_of: Any) -> None:
    one, other = Prediction((Column("x"),)), Prediction((Column("x"), Column("own", optional=True)))
    text = page_of(one, other, one)
    assert text.count("One table, ") == 2
    assert "On Title 0 and Title 2 One table" in text
    assert "own : a finite number, optional" in text.split("On Title 1 One table")[1]


@pytest.mark.parametrize(("n", "words"), [(1, "1 further metric,"), (2, "2 further metrics,")])
def test_one_metric_is_no_plural(entry: Any, release: Any, n: int, words: str) -> None:
    toy = release().challenge
    further = tuple(replace(toy.metrics[0], key=f"more{k}") for k in range(n))
    whole = replace(toy, metrics=(*toy.metrics, *further))
    assert words in Words(render([release(entry("a", 1.0), whole=whole)])["toy/index.html"]).text


def test_without_the_whole_declaration_the_track_of_the_release_is_asked(entry: Any, release: Any) -> None:
    page = Words(render([release(entry("a", 1.0))])["toy/index.html"])
    assert "An <easy> track." in page.text and "On Easy" not in page.text


def test_three_commands_say_how_to_take_part_or_to_verify(release: Any) -> None:
    verbs = {
        status: [c.line.split()[1] for c in commands(release(status=status))]
        for status in ("open", "revealed")
    }
    assert verbs == {"open": ["download", "check", "submit"], "revealed": ["download", "check", "verify"]}
    for c in commands(release()):
        assert HERE in c.line
    placed = release(url="https://example.org/data/")
    assert commands(placed)[0].line == "blindsky download https://example.org/data/"


def test_the_commands_are_those_of_the_command_line(release: Any) -> None:
    """Every verb and option that a page tells to type exists."""
    import importlib

    for status in ("open", "revealed"):
        for c in commands(release(status=status)):
            _, verb, *words = c.line.split()
            command = importlib.import_module(f"blindsky.commands.{verb}").command
            known = {flag for p in command.params for flag in p.opts}
            assert {word for word in words if word.startswith("--")} <= known


def test_an_open_release_is_the_one_to_take_part_in(entry: Any, release: Any, whole: Any) -> None:
    done = release(entry("a", 1.0), release_id="a-done", status="revealed", whole=whole)
    text = Words(render([done, release(entry("a", 1.0), whole=whole)])["toy/index.html"]).text
    assert f"--release {HERE}" in text and "--release a-done" not in text
    assert "takes no more submissions" in Words(render([done])["toy/index.html"]).text


def test_the_data_card_is_a_page_of_the_release(entry: Any, release: Any) -> None:
    card = f"# Toy: release\n\nWhat it is. {HOSTILE}\n\n| column | unit |\n|---|---|\n| `x` | m |\n"
    files = render([release(entry("a", 1.0), data_card=card)])
    page = Words(files[f"{HERE}/card.html"])
    assert "What it is." in page.text and "Toy: release" not in page.text, "the page has a title of its own"
    assert "<script>alert('1')</script>" in page.text
    assert "<script>alert" not in files[f"{HERE}/card.html"] and "<img" not in files[f"{HERE}/card.html"]
    assert "card.html" in Words(files[f"{HERE}/index.html"]).links
    bare = render([release(entry("a", 1.0))])
    assert f"{HERE}/card.html" not in bare and "card.html" not in Words(bare[f"{HERE}/index.html"]).links


def test_pictures_and_plates_are_of_the_challenge_s_own_data(entry: Any, release: Any, whole: Any) -> None:
    pair = {
        "x_label": "z",
        "y_label": "share",
        "edges": [0, 1],
        "series": [{"label": "a", "values": [1.0]}] * 2,
    }
    rows = tuple(range(12))
    album = Album(
        {("train", k): DOT for k in rows}, (Sample("Lenses", rows, tuple(f"note {k}" for k in rows)),)
    )
    shown = release(entry("a", 1.0), whole=whole, album=album, plates=(Plate("Redshift", "line_pair", pair),))
    files = render([shown])
    assert Words(files["index.html"]).pictures == [f"Toy, training data: note {k}" for k in range(4)]
    page = Words(files["toy/index.html"])
    assert len(page.pictures) == 8 and page.pictures[0] == "Lenses, 1: note 0"
    assert "Redshift" in page.text
    plain = render([replace(shown, album=Album())])
    assert not Words(plain["index.html"]).pictures and "<svg" in str(plain["index.html"]), "a plate instead"


def test_what_others_wrote_stays_text(entry: Any, release: Any, whole: Any) -> None:
    hostile = replace(
        whole, title=HOSTILE, description=HOSTILE, about=lambda: HOSTILE, citations=(HOSTILE,),
        tracks=(replace(whole.tracks[0], title=HOSTILE, description=HOSTILE),),
    )  # fmt: skip
    made = release(
        entry("a", 1.0, team=HOSTILE, method=HOSTILE), whole=hostile, title=HOSTILE, data_card=HOSTILE
    )
    for name, text in render([replace(made, challenge=hostile)]).items():
        if name.endswith(".html"):
            assert "<img" not in str(text) and "<script>alert" not in str(text), name
            assert "49" not in Words(text).text.split(), "a name is no template"


def test_nothing_hidden_is_on_the_pages_above_an_open_release(entry: Any, release: Any, whole: Any) -> None:
    def pages(value: float) -> list[Any]:
        parts = {part: {"loss": value} for part in ("private", "all")}
        files = render([release(entry("a", 1.0, values=parts), entry("b", 2.0), whole=whole)])
        return [files[name] for name in ("index.html", "toy/index.html", "about.html")]

    assert pages(HIDDEN) == pages(0.5)
    assert pages(HIDDEN) != []
    assert str(HIDDEN)[:6] not in "".join(map(str, pages(HIDDEN)))


def test_a_release_named_like_a_challenge_or_a_page_has_a_folder_of_its_own(entry: Any, release: Any) -> None:
    files = render([release(entry("a", 1.0), release_id=name) for name in ("toy", "about", "TOY2")])
    assert "toy/index.html" in files and "TOY2/index.html" in files
    folders = {name.split("/")[0] for name in files if name.endswith("/a.html")}
    assert len(folders) == 3 and not folders & {"toy", "about"}


def test_an_empty_arena_has_its_pages_too() -> None:
    files = render([])
    assert "No release yet." in Words(files["index.html"]).text
    assert "about.html" in files
