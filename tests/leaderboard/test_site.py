"""The site: what stands on it, what must never, and that it appears whole or not at all."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blindsky.challenges.challenge import Board, Figure, Plate, Published, Result, Sample
from blindsky.challenges.errors import InputFault
from blindsky.leaderboard import EntryView, boards, build
from blindsky.leaderboard.pages import file_names
from blindsky.leaderboard.pictures import Album
from blindsky.leaderboard.site import MARKER, render
from blindsky.leaderboard.versus import gap
from blindsky.scoring.card import wilson

HERE = "toy-easy-tiny-1"
HOSTILE = "<script>alert('1')</script>\"><img src=x onerror=alert(1)>{{ 7*7 }}"
MARKED = 0.98765437  # a value of the private part: none of its digits may be seen before the reveal
INSIDE = r"(\.\./)*[\w./-]+(#[\w%:,-]+)?|data:,|data:image/webp;base64,[\w+/=]+|#[\w-]+"
VOID = {"meta", "link", "br", "wbr", "img", "input", "hr"}


class Page(HTMLParser):
    """Checks the balance of the tags and keeps what a test asks for."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == [], f"left open: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("style", "script"):
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


@pytest.fixture
def files(entry: Any, release: Any) -> dict[str, str]:
    """A site of an open and a revealed release with every kind of entry and hostile names."""
    slices = [
        {
            "name": "bright",
            "family": "magnitude",
            "parts": {
                part: {"n": n, "share": 0.1, "metrics": {"loss": {"value": v, "low": 0.1, "high": 0.9}}}
                for part, n, v in (("public", 60, 0.5), ("private", 140, MARKED), ("all", 200, MARKED))
            },
        }
    ]
    histogram = {"x_label": "u", "y_label": "v", "edges": [0, 1, 2], "values": [1.0, None], "one": 0.01}
    private = {"private": {"loss": MARKED}, "all": {"loss": MARKED}}
    entries = [
        entry("oracle", 0.0, kind="ceiling", team="Oracle"),
        entry("a1", 1.0, team=HOSTILE, method="=2+2", values=private, slices=slices, notes=[HOSTILE]),
        entry(
            "b2",
            1.01,
            team="فريق",
            description=HOSTILE,
            figures={p: {"pit": histogram} for p in ("public", "all")},
        ),
        entry("c3", 2.0, kind="baseline", team="blindsky", method="knn", fields=("x",)),
        entry("void", None, team="Undefined"),
        entry("gone", 0.5, team="Withdrawn", state="withdrawn", values={"public": {"loss": MARKED}}),
        entry("old", 0.1, team="Outdated", digests={"data": "d" * 64, "truth": "e" * 64, "scorer": "0"}),
        entry("bad", 0.1, team="Broken", state="invalid", reason=f"3 rows hold NaN {HOSTILE}"),
    ]
    shown = release(*entries, manifest={"test rows": "2,000"})
    old = replace(shown, release_id="toy-easy-tiny-0", status="revealed", committed_scorer="1" * 64)
    return render([shown, old])


def test_every_page_is_balanced_and_has_a_language_title_and_headings(files: dict[str, str]) -> None:
    pages = {name: Page(text) for name, text in files.items() if name.endswith(".html")}
    assert len(pages) == 3 + 2 * (2 + 5) + 1, (
        "three of the arena; board, comparison and five entries of a release; all cases of the revealed one"
    )
    for page in pages.values():
        tags = [tag for tag, _ in page.tags]
        assert (tags.count("h1"), tags.count("main")) == (1, 1)
        assert ("html", {"lang": "en"}) in page.tags
        ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
        assert len(ids) == len(set(ids))
        named = [i for _, attrs in page.tags for i in (attrs.get("aria-labelledby") or "").split()]
        assert set(named) <= set(ids)


def test_names_are_escaped_everywhere(files: dict[str, str]) -> None:
    for name, text in files.items():
        if name.endswith(".html"):
            assert "<img src=x" not in text
            assert "<script>alert" not in text
            assert "49" not in Page(text).text.split(), "a name is no template"
    assert "<script>alert('1')</script>" in Page(files[f"{HERE}/index.html"]).text


def test_the_site_asks_no_other_host(files: dict[str, str]) -> None:
    for name, text in files.items():
        if not name.endswith(".html"):
            continue
        for tag, attrs in Page(text).tags:
            for key in ("src", "href", "action", "data", "poster", "srcset"):
                target = attrs.get(key)
                assert target is None or re.fullmatch(INSIDE, target), (
                    name,
                    tag,
                    target,
                )
        assert not re.search(r"@import|url\((?!#)|fetch\(|XMLHttpRequest|WebSocket", text)
        policy = next(attrs["content"] for _, attrs in Page(text).tags if "http-equiv" in attrs) or ""
        assert policy.startswith("default-src 'none';")
        for tag in ("style", "script"):
            inside = text.split(f"<{tag}>")[1].split(f"</{tag}>")[0]
            digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
            assert f"{tag}-src 'sha256-{digest}'" in policy, "the policy lets the page's own part run"
        assert not [a for _, attrs in Page(text).tags for a in attrs if a == "style" or a.startswith("on")]


CURVE = {
    "x_label": "FPR",
    "x_range": [0.0, 1.0],
    "panels": [
        {
            "key": "tpr",
            "y_label": "TPR",
            "y_range": [0.0, 1.0],
            "series": [
                {
                    "x": [0.1, 1.0],
                    "y": [MARKED, 1.0],
                    "low": [0.9, 1.0],
                    "high": [1.0, 1.0],
                    "one": [0.0, 0.0],
                }
            ],
        }
    ],
}
DOT = "data:image/webp;base64,iVBORw0KGgo="


def illustrated(shown: Any, *, published: bool = True) -> Any:
    """A release whose challenge has curves drawn together, galleries, samples and published results."""
    never = lambda m, c: None  # noqa: E731
    figures = (
        Figure("roc", "ROC", "curves", never, together=True, caption="Curves."),
        Figure("top", "Top <cases>", "gallery", never),
    )
    results = (Result(HOSTILE, "CNN", {"loss": 0.98}), Result("Old", "human", {"loss": 0.5, "bias": -0.125}))
    behind = ({"panel": "tpr", "label": HOSTILE, "x": [0.1, 1.0], "y": [0.2, 1.0]},)
    old = Published(
        "Published in Old", "A note.", lambda: results, lambda key: behind if key == "roc" else ()
    )
    track = replace(shown.challenge.tracks[0], published=old if published else None)
    album = Album(
        {("test", 5): DOT, ("train", 0): DOT}, (Sample("Lenses <b>", (0, 1), ("a <note>", "no picture")),)
    )
    return replace(shown, challenge=replace(shown.challenge, figures=figures, tracks=(track,)), album=album)


@pytest.fixture
def drawn(entry: Any) -> list[Any]:
    """Twelve submissions, a ceiling and one without curves, with galleries."""
    gallery = {"rows": [5, 6], "notes": [f"score 1 {HOSTILE}", "no picture"]}
    figures = {"public": {"roc": CURVE, "top": gallery}, "all": {"roc": CURVE, "top": gallery}}
    entries = [entry(f"e{k:02}", 1.0 + k, team=HOSTILE, figures=figures) for k in range(12)]
    return [*entries, entry("oracle", 0.0, kind="ceiling", figures=figures), entry("bare", 0.5)]


def test_the_best_entries_are_drawn_together_with_a_legend(drawn: list[Any], release: Any) -> None:
    page = Page(render([illustrated(release(*drawn))])[f"{HERE}/index.html"])
    curves = [
        str(a.get("class")) for tag, a in page.tags if tag == "g" and str(a.get("class")).startswith("curve-")
    ]
    # the entry that has no curve leads and keeps its style; nine are ranked, one reads the truth
    assert sorted(c for c in curves if curves.count(c) == 2) == sorted(
        f"curve-{k}" for k in range(1, 10) for _ in "ab"
    )
    assert curves.count("curve-0") == 1, "in the legend alone"
    assert "The best entries together" in page.text
    assert "Grey: published in Old, another test set." in page.text, "under the figure"
    legend = re.sub(r"\s+", " ", page.text.split("The best entries together")[1])
    assert f"Grey: published in Old, another test set: {HOSTILE}" in legend, "and whose, in the legend"
    assert "<script>alert('1')</script>" in page.text


def test_curves_of_equal_rank_are_told_apart(drawn: list[Any], entry: Any, release: Any) -> None:
    figures = drawn[0].card["figures"]
    equal = [entry(name, 1.0, team=name, figures=figures) for name in ("a", "b")]
    page = render([illustrated(release(*equal, entry("c", 9.0, team="c", figures=figures)))])[
        f"{HERE}/index.html"
    ]
    assert re.findall(r'<tspan data-style="\d">(\w+)', page) == ["1a", "1b", "3"]


def test_before_the_reveal_curves_drawn_together_are_rounded(drawn: list[Any], release: Any) -> None:
    first, second = (
        render([illustrated(release(*drawn, status=status))])[f"{HERE}/index.html"]
        for status in ("open", "revealed")
    )
    lines = [set(re.findall(r'polyline points="([^"]+)"', page)) for page in (first, second)]
    assert lines[0] and lines[1] and lines[0] != lines[1]


def test_pictures_of_test_cases_are_shown_after_the_reveal_alone(drawn: list[Any], release: Any) -> None:
    for status, shown in (("open", 0), ("revealed", 1)):
        files = render([illustrated(release(*drawn, status=status))])
        page = Page(files[f"{HERE}/e00.html"])
        images = [a for tag, a in page.tags if tag == "img"]
        assert [a["src"] for a in images] == [DOT] * shown
        assert ("Top <cases>" in page.text) == bool(shown)
        assert ("score 1" in page.text) == bool(shown)
        front = [a for tag, a in Page(files[f"{HERE}/index.html"]).tags if tag == "img"]
        assert [a["alt"] for a in front] == ["Lenses <b>, 1: a <note>"], (
            "training data may be seen at any time"
        )


def test_published_results_stand_in_a_table_of_their_own(drawn: list[Any], release: Any) -> None:
    files = render([illustrated(release(*drawn))])
    page = Page(files[f"{HERE}/index.html"])
    assert "Published in Old" in page.text and "not ranked here" in page.text
    rows = re.findall(r'data-value="human">.*?</tr>', files[f"{HERE}/index.html"], flags=re.S)
    assert len(rows) == 1
    assert 'data-value="0.50">0.50<' in rows[0] and 'data-value="-0.125">−0.125<' in rows[0]
    assert "Old" not in files[f"{HERE}/board.json"] and "Old" not in files[f"{HERE}/board.csv"]
    bare = render([illustrated(release(*drawn), published=False)])[f"{HERE}/index.html"]
    assert "published in old" not in bare.lower()


PAIR = {
    "x_label": "z",
    "y_label": "share",
    "edges": [0, 1],
    "series": [{"label": name, "values": [1.0]} for name in ("training <set>", "test")],
}


def test_plates_stand_in_a_section_of_their_own_by_group(entry: Any, release: Any) -> None:
    made = (
        Plate("Redshift", "line_pair", PAIR, "Of <galaxies>.", "Both sets."),
        Plate("Brightness", "line_pair", PAIR, "", "Both sets."),
        Plate("A curve", "curves", CURVE, group="Curves."),
    )
    for status in ("open", "revealed"):
        text = render([release(entry("a", 1.0), status=status, plates=made)])[f"{HERE}/index.html"]
        page = Page(text)
        section = page.text.split("What the data look like")[1]
        assert section.index("Both sets.") < section.index("Redshift") < section.index("Curves.")
        assert page.text.count("Both sets.") == 1
        assert "Of <galaxies>." in section and "training <set>" in section
        ids = [a["id"] for _, a in page.tags if "id" in a]
        assert len(ids) == len(set(ids))
        named = [str(a.get("aria-labelledby")) for tag, a in page.tags if tag == "svg"]
        assert len([name for name in named if name.startswith("plate-")]) == 3
    bare = render([release(entry("a", 1.0))])[f"{HERE}/index.html"]
    assert "What the data look like" not in bare


def test_long_keys_may_be_broken_in_the_head_of_a_table(entry: Any, release: Any) -> None:
    toy = release().challenge
    metrics = tuple(replace(m, key="a_very_long_key") if m.key == "norm" else m for m in toy.metrics)
    board = Board("main", "Main board", ("loss",), ("loss", "a_very_long_key"))
    card = entry("a", 1.0).card
    card["parts"]["public"]["metrics"]["a_very_long_key"] = {"value": 0.5, "low": 0.4, "high": 0.6}
    shown = release(EntryView(card, {}, "valid"))
    text = render([replace(shown, challenge=replace(toy, metrics=metrics, boards=(board,)))])
    assert '<button type="button">a_<wbr>very_<wbr>long_<wbr>key</button>' in text[f"{HERE}/index.html"]


def test_a_wide_figure_takes_two_places(entry: Any, release: Any) -> None:
    names = {"rows": ["a"], "columns": ["a"]}
    matrix = {"x_label": "called", "y_label": "true", **names, "values": [[1.0]], "one": [0.01]}
    shown = release(entry("a", 1.0, figures={"public": {"m": matrix, "roc": CURVE}}))
    kinds = (("m", "matrix"), ("roc", "curves"))
    figures = tuple(Figure(key, key, kind, lambda m, c: None) for key, kind in kinds)
    files = render([replace(shown, challenge=replace(shown.challenge, figures=figures))])
    classes = [a.get("class") for tag, a in Page(files[f"{HERE}/a.html"]).tags if tag == "figure"]
    assert classes == ["wide", None]


def test_an_illustrated_site_asks_no_other_host(drawn: list[Any], release: Any) -> None:
    for status in ("open", "revealed"):
        for name, text in render([illustrated(release(*drawn, status=status))]).items():
            if name.endswith(".html"):
                page = Page(text)
                targets = [a[key] for _, a in page.tags for key in ("src", "href") if a.get(key)]
                assert all(re.fullmatch(INSIDE, str(t)) for t in targets)
                ids = [a["id"] for _, a in page.tags if "id" in a]
                assert len(ids) == len(set(ids))
                assert "<script>alert" not in text


def test_links_lead_to_pages_of_the_site(files: dict[str, str]) -> None:
    for name, text in files.items():
        if name.endswith(".html"):
            links = {attrs["href"] for tag, attrs in Page(text).tags if tag == "a"}
            for link in links:
                path, _, part = str(link).partition("#")
                target = str(((Path("/") / name).parent / path).resolve().relative_to("/")) if path else name
                assert target in files, (name, link)
                assert not part or target.endswith("compare.html") or f'id="{part}"' in files[target]


def test_the_private_part_is_not_on_the_site_before_the_reveal(entry: Any, release: Any) -> None:
    def site(value: float) -> dict[str, str]:
        parts = {part: dict.fromkeys(("loss", "bias", "norm", "share"), value) for part in ("private", "all")}
        some = {"n": 5000, "share": 0.1, "metrics": {"loss": {"value": value, "low": value, "high": value}}}
        cut = [{"name": "bright", "family": "m", "parts": {"private": some, "all": some}}]
        figure = {"x_label": "u", "y_label": "v", "edges": [0, value], "values": [value], "one": 1}
        drawn = {part: {"pit": figure} for part in ("private", "all")}
        entries = (
            entry("a", 1.0, values=parts, slices=cut, figures=drawn),
            entry("b", 2.0, values={"private": {"loss": 0.5}}),
        )
        return render([release(*entries)])

    assert site(MARKED) == site(0.111), "not a byte depends on the hidden part"
    whole = "".join(str(content) for name, content in site(MARKED).items() if name != "about.html")
    assert str(MARKED)[:6] not in whole
    assert "5000" not in whole
    assert "private" not in whole.replace("private part decides", ""), (
        "what it is, the page about ranking says"
    )


def test_after_the_reveal_the_private_part_ranks_and_all_cases_follow(entry: Any, release: Any) -> None:
    entries = (
        entry("a", 1.0, values={"private": {"loss": 3.0}}),
        entry("b", 2.0, values={"private": {"loss": 0.5}}),
    )
    content = json.loads(render([release(*entries, status="revealed")])[f"{HERE}/board.json"])
    ranks = {
        (b["part"], r["entry"]): r["rank"]
        for b in content["boards"]
        if b["board"] == "main"
        for r in b["rows"]
    }
    assert ranks == {("private", "a"): 2, ("private", "b"): 1, ("all", "a"): 1, ("all", "b"): 2}


def test_before_the_reveal_every_number_is_rounded_in_page_json_and_csv(entry: Any, release: Any) -> None:
    exact = 0.123456789
    files = render([release(entry("a", exact), entry("b", 1.0))])
    cells = json.loads(files[f"{HERE}/board.json"])["boards"][0]["rows"][0]["metrics"]["loss"]
    assert cells == {"value": 0.12, "low": 0.07, "high": 0.17, "interval": "percentile"}
    table = list(csv.DictReader(io.StringIO(files[f"{HERE}/board.csv"])))
    assert [table[0][k] for k in ("loss", "loss_low", "loss_high")] == ["0.12", "0.07", "0.17"]
    assert 'data-value="0.12"' in files[f"{HERE}/index.html"]
    assert not any(str(exact)[:6] in str(text) for text in files.values())


def test_no_prediction_is_made_so_that_one_case_of_it_shows(entry: Any, release: Any) -> None:
    """A submission whose cases score alike but one has a narrow interval: it is rounded as the ceiling is."""
    ceiling = entry("best", 1.0, kind="ceiling", width=0.05)
    shown = []
    for probe in (0.5001, 0.5002):
        files = render([release(ceiling, entry("probe", probe, width=0.0003))])
        board = json.loads(files[f"{HERE}/board.json"])["boards"][0]
        shown += [r["metrics"]["loss"] for r in board["rows"] if r["entry"] == "probe"]
    assert shown[0] == shown[-1]
    assert {m["value"] for m in shown} == {0.5}


def test_a_rank_does_not_show_what_rounding_hides(entry: Any, release: Any) -> None:
    """Two predictions that differ in one row share a rank until the reveal."""
    entries = [entry("best", 1.0, kind="ceiling", width=0.05), entry("a", 1.5001), entry("b", 1.5)]
    places = {}
    for status in ("open", "revealed"):
        files = render([release(*entries, status=status)])
        rows = json.loads(files[f"{HERE}/board.json"])["boards"][0]["rows"]
        places[status] = [(r["entry"], r["rank"], r["rank_low"], r["rank_high"]) for r in rows if r["rank"]]
    assert places["open"] == [("a", 1, 1, 2), ("b", 1, 1, 2)]
    assert [(name, rank) for name, rank, _, _ in places["revealed"]] == [("b", 1), ("a", 2)]


def test_an_open_board_follows_from_the_numbers_it_shows(entry: Any, release: Any) -> None:
    """Whatever the replicates are: of predictions that differ in one row, these would tell its truth."""
    rng = np.random.default_rng(5)

    def site(moved: float) -> dict[str, str | bytes]:
        entries = [entry("a", 1.0, width=0.1), entry("b", 1.04, width=0.1), entry("c", 1.3, width=0.1)]
        primary = [(e, e.replicates["public/loss"]) for e in entries]
        other = [
            replace(e, replicates={**e.replicates, "public/loss": r + moved * rng.normal(size=len(r))})
            for e, r in primary
        ]
        return render([release(*other)])

    assert site(0.0) == site(1.0)


def test_a_baseline_without_a_card_waits(entry: Any, release: Any) -> None:
    waiting = EntryView({"entry": entry("b", kind="baseline").card["entry"]}, {}, "waiting", "not scored yet")
    assert "not scored yet" in Page(render([release(entry("a"), waiting)])[f"{HERE}/index.html"]).text


def test_the_verdicts_of_a_board_and_of_an_entry_agree(entry: Any, release: Any) -> None:
    """Before the reveal too, whatever the digits that each shows."""
    rng = np.random.default_rng(6)
    entries = [
        entry(f"e{k}", float(rng.uniform(1, 1.2)), width=float(rng.uniform(0.01, 0.09))) for k in range(12)
    ]
    made = release(*entries)
    for table in boards.board_tables(made, "public"):
        for row in table.ranked[1:]:
            shown, verdict = gap(made, table, table.ranked[0], row)
            assert (verdict == "better") == (row not in table.lead.tied)
            assert row is not table.ranked[1] or shown == table.lead.gap


def test_an_interval_at_the_observed_threshold_is_told_from_others(entry: Any, release: Any) -> None:
    """Where few cases decide on a threshold the card's interval is another than the metric declares."""
    made = entry("a", 1.0)
    words = "that of loss is binomial where a handful of cases decides"
    assert words not in Page(render([release(made)])[f"{HERE}/index.html"]).text
    for part in made.card["parts"].values():
        part["metrics"]["loss"]["interval"] = "binomial"
    assert words in Page(render([release(made)])[f"{HERE}/index.html"]).text


def test_a_share_of_cases_shows_no_single_case_anywhere(entry: Any, release: Any) -> None:
    """A constant entry's share has a very narrow interval; two cases are the least step, in ranks as well."""
    toy = release().challenge
    metrics = tuple(replace(m, direction="high") if m.key == "share" else m for m in toy.metrics)
    board = Board("main", "Main board", ("share",), ("share", "loss"), compare=("share", "loss"))
    challenge = replace(toy, metrics=metrics, boards=(board,))

    def shared(name: str, k: int, kind: str = "submission") -> Any:
        """A share of k in 300 cases, on the board and in a slice; steps of three cases are the least."""
        made = entry(name, kind=kind, values={"public": {"share": k / 300}}, width=0.0005)
        part = made.card["parts"]["public"]
        low, high = wilson(k / 300, 300)
        part["metrics"]["share"] |= {"low": low, "high": high, "trials": 300}
        made.card["slices"].append({"name": "bright", "family": "m", "parts": {"public": part}})
        return made

    def site(k: int, status: str) -> dict[str, str]:
        entries = (shared("constant", 0, "baseline"), shared("probe", k), shared("rival", 3))
        return render([replace(release(*entries, status=status), challenge=challenge)])

    assert site(2, "open") == site(3, "open") == site(4, "open"), "not a byte tells the case"
    rows = json.loads(site(3, "open")[f"{HERE}/board.json"])["boards"][0]["rows"]
    assert [(r["entry"], r["rank"], r["metrics"]["share"]["value"]) for r in rows] == [
        ("probe", 1, 0.01),
        ("rival", 1, 0.01),
        ("constant", 3, 0.0),
    ]
    assert site(3, "revealed") != site(4, "revealed")


def test_page_json_and_csv_hold_the_same_values(files: dict[str, str]) -> None:
    for folder in (HERE, "toy-easy-tiny-0"):
        boards = json.loads(files[f"{folder}/board.json"])["boards"]
        table = list(csv.DictReader(io.StringIO(files[f"{folder}/board.csv"])))
        rows = [(b, r) for b in boards for r in b["rows"]]
        assert len(rows) == len(table)
        page = files[f"{folder}/index.html"]
        for (board, row), line in zip(rows, table, strict=True):
            assert (board["board"], board["part"], row["entry"]) == (
                line["board"],
                line["part"],
                line["entry"],
            )
            assert str(row["rank"]) == line["rank"]
            for key, found in row["metrics"].items():
                assert line[key] == ("" if found["value"] is None else str(found["value"]))
                assert f'data-value="{line[key]}"' in page


def test_the_csv_is_formula_safe_and_keeps_negative_numbers(entry: Any, release: Any) -> None:
    files = render(
        [release(entry("a", -1.5, team="=cmd|' /C calc'!A0", method="@sum"), entry("-b", 2.0, team="+1"))]
    )
    lines = list(csv.DictReader(io.StringIO(files[f"{HERE}/board.csv"])))
    assert (lines[0]["team"], lines[0]["method"], lines[0]["loss"]) == (
        "'=cmd|' /C calc'!A0",
        "'@sum",
        "-1.5",
    )
    assert (lines[1]["team"], lines[1]["entry"]) == ("'+1", "'-b")
    for line in lines:
        for value in line.values():
            assert not value.startswith(("=", "+", "@")) and (not value.startswith("-") or float(value) < 0)


def test_the_ceiling_comes_first_unranked_and_the_undefined_last(files: dict[str, str]) -> None:
    rows = json.loads(files[f"{HERE}/board.json"])["boards"][0]["rows"]
    assert [(r["entry"], r["rank"]) for r in rows] == [
        ("oracle", 0),
        ("a1", 1),
        ("b2", 2),
        ("c3", 3),
        ("void", 0),
    ]
    page = Page(files[f"{HERE}/index.html"])
    assert [attrs.get("class") for tag, attrs in page.tags if tag == "tr"].count("pinned") == 2
    assert "reads the truth, not ranked" in page.text
    assert "loss is undefined, so it is not ranked" in page.text


def test_the_primary_is_the_first_that_the_release_has(entry: Any, release: Any) -> None:
    def primary(*entries: Any) -> str:
        boards = json.loads(render([release(*entries)])[f"{HERE}/board.json"])["boards"]
        return str(boards[0]["primary"])

    assert primary(entry("a", 1.0)) == "loss"
    assert primary(entry("a", 1.0, values={"public": {"excess": 0.1}})) == "excess"
    assert primary() == "loss"


def test_a_target_metric_ranks_by_its_distance_and_requires_its_field(
    files: dict[str, str], entry: Any, release: Any
) -> None:
    given = {"a": 0.03, "b": -0.01, "c": -0.5}
    entries = [entry(k, values={"public": {"bias": v}}, width=0.001) for k, v in given.items()]
    board = json.loads(render([release(*entries, entry("d", fields=("x",)))])[f"{HERE}/board.json"])[
        "boards"
    ][1]
    assert [(r["entry"], r["rank"]) for r in board["rows"]] == [("b", 1), ("a", 2), ("c", 3)]


def test_rank_range_tie_group_and_sentence_are_shown(entry: Any, release: Any) -> None:
    near = [entry("a", 1.0, width=0.5, seed=1), entry("b", 1.1, width=0.5, seed=2), entry("c", 9.0)]
    text = Page(render([release(*near)])[f"{HERE}/index.html"]).text
    assert "leads b · method by 0.1" in text
    assert "can’t be told apart." in text and "leader’s tie group" not in text, "the two are named"
    three = Page(render([release(*near, entry("d", 1.12, width=0.5, seed=3))])[f"{HERE}/index.html"]).text
    assert "can’t be told apart. 1 more entry is in the leader’s tie group." in three
    rows = json.loads(render([release(*near)])[f"{HERE}/board.json"])["boards"][0]["rows"]
    assert [(r["rank_low"], r["rank_high"], r["tie"]) for r in rows] == [
        (1, 2, "A"),
        (1, 2, "A"),
        (3, 3, "B"),
    ]
    assert "1–2" in text
    apart = [entry("a", 1.0), entry("b", 2.0)]
    assert "the two are separable." in Page(render([release(*apart)])[f"{HERE}/index.html"]).text
    same = [entry("a", 1.0), entry("b", 1.0)]
    assert "share the lead, with loss 1.00" in Page(render([release(*same)])[f"{HERE}/index.html"]).text
    assert "is the only ranked entry" in Page(render([release(entry("a", 1.0))])[f"{HERE}/index.html"]).text
    assert "No entry is ranked yet." in Page(render([release()])[f"{HERE}/index.html"]).text


def test_tables_can_be_sorted_and_read_without_a_script(files: dict[str, str]) -> None:
    page = Page(files[f"{HERE}/index.html"])
    tables = [attrs for tag, attrs in page.tags if tag == "table" and attrs.get("class") == "sortable"]
    heads = [attrs for tag, attrs in page.tags if tag == "th" and "aria-sort" in attrs]
    assert len(tables) == 2
    assert [tag for tag, _ in page.tags].count("caption") >= 2
    assert {h["aria-sort"] for h in heads} == {"none", "ascending"}
    assert [h["aria-sort"] for h in heads].count("ascending") == 2, "each starts sorted by rank"
    assert len([1 for tag, _ in page.tags if tag == "button"]) == len(heads)
    assert {h["data-first"] for h in heads} <= {"ascending", "descending"}


def test_entries_off_the_boards_are_listed_with_their_reason_and_no_score(files: dict[str, str]) -> None:
    page = Page(files[f"{HERE}/index.html"])
    for words in ("Withdrawn", "Outdated", "Broken", "3 rows hold NaN", "run blindsky score --all"):
        assert words in page.text
    assert "scored by another version (scorer)" in page.text
    assert not {f"{HERE}/{name}.html" for name in ("gone", "old", "bad")} & set(files)
    off = json.loads(files[f"{HERE}/board.json"])["not_on_a_board"]
    assert {(e["id"], e["state"]) for e in off} == {
        ("gone", "withdrawn"),
        ("old", "outdated"),
        ("bad", "invalid"),
    }
    assert str(MARKED)[:5] not in files[f"{HERE}/index.html"]


def test_adding_such_an_entry_moves_no_row(entry: Any, release: Any) -> None:
    some = [entry("a", 1.0, seed=1), entry("b", 1.02, seed=2)]
    other = [entry("0", 0.0, state="invalid"), entry("1", 0.0, digests={"data": "x"})]
    boards = [
        json.loads(render([release(*e)])[f"{HERE}/board.json"])["boards"] for e in (some, [*other, *some])
    ]
    assert boards[0] == boards[1]


def test_the_order_of_entries_and_releases_changes_nothing(entry: Any, release: Any) -> None:
    entries = [
        entry(name, loss, seed=k) for k, (name, loss) in enumerate((("a", 1.0), ("b", 1.0), ("c", 0.5)))
    ]
    first, second = release(*entries), release(*entries[::-1])
    other = replace(first, release_id="toy-2")
    assert render([first, other]) == render([replace(other, entries=entries[::-1]), second])


def test_a_change_of_the_scorer_after_the_commitment_is_said(files: dict[str, str]) -> None:
    words = "The scoring code changed after the truth was committed to"
    assert words in Page(files["toy-easy-tiny-0/index.html"]).text
    assert words not in Page(files[f"{HERE}/index.html"]).text


def test_an_open_release_says_so(files: dict[str, str]) -> None:
    for name in ("index", "a1"):
        assert "This release is open" in Page(files[f"{HERE}/{name}.html"]).text
    assert "This release is revealed" in Page(files["toy-easy-tiny-0/index.html"]).text


@pytest.mark.parametrize(
    ("status", "n", "shown"),
    [
        ("open", 99, "under 100"),
        ("open", 104, "105"),  # a count before the reveal is rounded to a tenth of its own interval
        ("revealed", 9, "under 10"),
        ("revealed", 10, "10"),
        ("revealed", 1234, "1,234"),
    ],
)
def test_slices_of_few_cases_are_blank(entry: Any, release: Any, status: str, n: int, shown: str) -> None:
    cut = {"n": n, "share": 0.1, "metrics": {"loss": {"value": 0.7654, "low": 0.7, "high": 0.8}}}
    slices = [{"name": "bright", "family": "m", "parts": {"public": cut, "all": cut}}]
    made = Page(render([release(entry("a", 1.0, slices=slices), status=status)])[f"{HERE}/a.html"])
    line = made.text[made.text.index("bright") :][:60].split()
    assert " ".join(line[1 : 1 + len(shown.split())]) == shown
    assert ("0.76" in made.text or "0.77" in made.text) == (not shown.startswith("under"))


def test_an_answer_without_spread_is_rounded_as_others_are(entry: Any, release: Any) -> None:
    """The same of every case but one: its interval has no width, and its value would tell of that case."""
    own = [
        entry("wide", 2.0, kind="baseline", width=0.4),
        entry("constant", 2.0, kind="baseline", width=1e-17),
    ]
    for others in (own, [entry(f"o{k}", 2.0, width=0.4) for k in range(3)]):
        for status, expected in (("open", {"2.1"}), ("revealed", {"2.0791", "2.0799"})):
            values = {"public": {"loss": 2.0791}, "private": {"loss": 2.0791}}
            probes = [
                entry("p", 2.0791, width=1e-5, values=values),
                entry("q", 2.0799, width=1e-5, values={k: {"loss": 2.0799} for k in values}),
            ]
            rows = json.loads(render([release(*others, *probes, status=status)])[f"{HERE}/board.json"])
            found = {r["entry"]: r["metrics"]["loss"]["value"] for r in rows["boards"][0]["rows"]}
            assert {f"{found[i]:.5g}" for i in "pq"} == expected


def test_entries_without_replicates_are_not_ranked(entry: Any, release: Any) -> None:
    bare = replace(entry("a", 1.0), replicates={})
    files = render([release(bare, entry("b", 2.0))])
    rows = json.loads(files[f"{HERE}/board.json"])["boards"][0]["rows"]
    assert [(r["entry"], r["rank"]) for r in rows] == [("b", 1), ("a", 0)]
    assert "scored without replicates" in files[f"{HERE}/index.html"]


@pytest.mark.parametrize(
    "i", ["index", "board", "Upper", "../../etc/passwd", "a" * 300, "", "😀", "a/b", ".hidden", "con\x00"]
)
def test_any_id_becomes_a_safe_file_name(i: str) -> None:
    name = file_names([i])[i]
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}", name)
    assert name not in ("index", "board")


def test_ids_that_differ_by_case_get_different_files() -> None:
    names = file_names(["ab", "Ab", "aB", "a b", "20261121T1200-c0ffee"])
    assert len({n.lower() for n in names.values()}) == 5
    assert names["20261121T1200-c0ffee"] == "20261121T1200-c0ffee"


@pytest.mark.parametrize("twice", ["entries", "releases"])
def test_ids_that_come_twice_are_refused(twice: str, entry: Any, release: Any) -> None:
    one = release(entry("a", 1.0))
    views = [one, one] if twice == "releases" else [release(entry("a", 1.0), entry("a", 2.0))]
    with pytest.raises(InputFault, match=f"{twice}.*come twice"):
        render(views)


def test_build_writes_and_replaces_the_site_as_a_whole(tmp_path: Path, entry: Any, release: Any) -> None:
    out = tmp_path / "deep" / "site"
    build(out, [release(entry("a", 1.0), entry("b", 2.0))])
    assert (out / HERE / "b.html").is_file()
    assert (out / MARKER).is_file()
    build(out, [release(entry("a", 1.0))])
    assert not (out / HERE / "b.html").exists(), "nothing of the old site stays"
    assert [p.name for p in out.parent.iterdir()] == ["site"], "no temporary folder is left"
    written = {str(p.relative_to(out)): p.read_bytes() for p in out.rglob("*") if p.is_file()}
    made = render([release(entry("a", 1.0))])
    assert written == {name: c.encode() if isinstance(c, str) else c for name, c in made.items()}


def test_build_takes_an_empty_folder_and_leaves_any_other_alone(tmp_path: Path, release: Any) -> None:
    (tmp_path / "empty").mkdir()
    build(tmp_path / "empty", [release()])
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("years of work")
    with pytest.raises(InputFault, match="no site of blindsky"):
        build(tmp_path / "thesis", [release()])
    with pytest.raises(InputFault, match="is a file"):
        build(tmp_path / "thesis" / "chapter.tex", [release()])
    with pytest.raises(InputFault, match="is a file"):
        build(tmp_path / "thesis" / "chapter.tex" / "site", [release()])
    assert (tmp_path / "thesis" / "chapter.tex").read_text() == "years of work"


def test_a_build_that_fails_leaves_the_old_site(
    tmp_path: Path, entry: Any, release: Any, monkeypatch: Any
) -> None:
    out = tmp_path / "site"
    build(out, [release(entry("a", 1.0))])
    before = (out / "index.html").read_text()
    rename = Path.rename

    def refuse(self: Path, target: Path) -> Path:
        if target == out and (self / MARKER).exists() and not (self / HERE).exists():
            raise OSError(5, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(OSError, match="Input/output"):
        build(out, [])
    assert (out / "index.html").read_text() == before
    assert [p.name for p in tmp_path.iterdir()] == ["site"]
