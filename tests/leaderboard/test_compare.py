"""Comparisons: differences on the page and in the static tables are those that rank, and nothing hidden is in them."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from blindsky.challenges.challenge import Figure
from blindsky.leaderboard import EntryView, boards, compare, ranks, versus
from blindsky.leaderboard.site import render

HERE = "toy-easy-tiny-1"
HOSTILE = "</script><script>alert(1)</script><!-- &amp;"


def texts(releases: Any) -> dict[str, str]:
    """The files of a site that are text."""
    return {name: text for name, text in render(releases).items() if isinstance(text, str)}


def loaded(text: str) -> dict[str, Any]:
    """The content of a data script."""
    found = re.fullmatch(r'\(globalThis\.blindsky\?\?=\{\}\)\["([\w-]+)"\]=(\{.*\});\n', text)
    assert found, text[:100]
    content: dict[str, Any] = json.loads(found[2])
    return content


def losses(standing: dict[str, Any]) -> Any:
    """The replicates as the page decodes them."""
    r = standing["replicates"]
    return np.array([np.inf if n is None else r["from"] + r["step"] * n for n in r["of"]])


def many(entry: Any, n: int = 6) -> list[EntryView]:
    """Entries whose replicates share little, some near each other, one undefined in some replicates, a ceiling."""
    rng = np.random.default_rng(5)
    made = [
        entry(f"e{k}", 1.0 + 0.02 * k * k, kind="baseline" if k in (2, 4) else "submission") for k in range(n)
    ]
    for one in [*made, ceiling := entry("oracle", 0.9, kind="ceiling")]:
        for key, values in one.replicates.items():
            one.replicates[key] = values + 0.02 * rng.normal(size=len(values))
    made[3].replicates["private/loss"][::9] = np.nan
    return [*made, ceiling]


def table_of(shown: Any, board: int = 0) -> Any:
    return boards.board_tables(shown, shown.parts[0])[board]


def test_differences_of_the_data_scripts_are_those_of_the_ranking(entry: Any, release: Any) -> None:
    shown = release(*many(entry), status="revealed")
    files = texts([shown])
    table = table_of(shown)
    scripts = {i: loaded(files[f"{HERE}/data/{i}.js"])["boards"]["main"] for i in table.contenders}
    for a in table.contenders.values():
        for b in table.contenders.values():
            want = ranks.difference(first=b, second=a)
            mine, other = losses(scripts[a.id]), losses(scripts[b.id])
            with np.errstate(invalid="ignore"):
                got = np.sort(np.where(mine == other, 0.0, other - mine))
            k = int(ranks.TAIL * len(got))
            step = scripts[a.id]["replicates"]["step"] + scripts[b.id]["replicates"]["step"]
            assert scripts[b.id]["loss"] - scripts[a.id]["loss"] == want.value
            np.testing.assert_allclose([got[k], got[len(got) - 1 - k]], [want.low, want.high], atol=step)
            if np.isfinite(want.high - want.low):
                assert step <= 1e-3 * (want.high - want.low) or a.id == b.id


def test_integers_are_fine_and_keep_what_is_undefined() -> None:
    x = np.random.default_rng(1).normal(3.0, 0.01, 1000)
    x[5], x[6] = np.nan, np.inf
    got = compare.integers(x)
    back = np.array([np.nan if n is None else got["from"] + got["step"] * n for n in got["of"]])
    assert [n is None for n in got["of"]] == (~np.isfinite(x)).tolist()
    assert np.nanmax(np.abs(back - x)[np.isfinite(x)]) <= 0.51 * got["step"]
    low, high = np.quantile(x[np.isfinite(x)], [0.025, 0.975])
    assert (high - low) / 100_000 < got["step"] < (high - low) / 4_000
    assert got["step"] == float(f"{got['step']:.0e}"), "a power of ten"


@pytest.mark.parametrize("x", [np.full(20, 2.5), np.full(20, np.nan), np.r_[np.full(999, 0.0), 1e-300]])
def test_integers_of_replicates_that_are_all_alike(x: Any) -> None:
    got = compare.integers(x)
    assert len(got["of"]) == len(x) and got["step"] > 0
    json.dumps(got, allow_nan=False)


def test_the_static_table_says_what_the_ranking_says(entry: Any, release: Any) -> None:
    shown = release(*many(entry), status="revealed")
    table = table_of(shown)
    separable = ranks.rank(entries=list(table.contenders.values())).separable
    seen = set()
    for row in table.ranked:
        for other in versus.against(shown, table, row):
            them = other.row
            if not them.place.rank:
                continue
            apart = other.verdict in (versus.BETTER, versus.WORSE)
            assert apart == separable[row.who.id, them.who.id]
            assert (other.verdict == versus.BETTER) <= (row.place.rank < them.place.rank)
            seen.add(other.verdict)
    assert seen == {versus.BETTER, versus.WORSE, versus.ALIKE}


def test_the_leaders_gap_is_that_of_the_board(entry: Any, release: Any) -> None:
    shown = release(*many(entry), status="revealed")
    lead = table_of(shown).lead
    second, _ = versus.gap(shown, table_of(shown), lead.first, lead.second)
    assert (second.text, second.range_text) == (lead.gap.text, lead.gap.range_text)


def test_whom_an_entry_is_compared_with(entry: Any, release: Any) -> None:
    given = [entry(f"e{k:02}", 1.0 + k, kind="baseline" if k == 4 else "submission") for k in range(8)]
    shown = release(*given, entry("oracle", 0.0, kind="ceiling"), status="revealed")
    table = table_of(shown)
    row = {r.who.id: r for r in table.rows}

    def roles(i: str) -> dict[str, tuple[str, ...]]:
        return {v.row.who.id: v.roles for v in versus.against(shown, table, row[i])}

    assert roles("e00") == {"oracle": ("ceiling",), "e01": ("next below",), "e04": ("best baseline",)}
    assert roles("e06") == {
        "oracle": ("ceiling",),
        "e00": ("leader",),
        "e04": ("best baseline",),
        "e05": ("next above",),
        "e07": ("next below",),
    }
    assert roles("oracle") == {"e00": ("leader",), "e04": ("best baseline",)}


def test_of_a_large_tie_group_the_nearest_are_shown(entry: Any, release: Any) -> None:
    given = [entry(f"e{k:02}", 1.0 + 1e-4 * k, width=0.5, seed=k) for k in range(20)]
    shown = release(*given, status="revealed")
    table = table_of(shown)
    assert {r.place.tie for r in table.ranked} == {"A"}
    found = versus.against(shown, table, table.ranked[10])
    assert [v.row.place.rank for v in found] == [1, 7, 8, 9, 10, 12, 13, 14, 15]
    assert versus.more_tied(table, table.ranked[10]) == 11


def test_targets_are_compared_by_distance_and_high_values_as_better(entry: Any, release: Any) -> None:
    given = (entry("a", values={"private": {"bias": 0.03}}), entry("b", values={"private": {"bias": -0.01}}))
    shown = release(*given, status="revealed")
    table = table_of(shown, board=1)
    row = {r.who.id: r for r in table.rows}
    assert versus.gap(shown, table, row["b"], row["a"])[0].value == pytest.approx(0.02)


def test_entries_without_value_or_replicates_are_compared_as_far_as_they_go(entry: Any, release: Any) -> None:
    bare = replace(entry("bare", 1.5), replicates={})
    shown = release(entry("a", 1.0), bare, entry("void", None), status="revealed")
    table = table_of(shown)
    row = {r.who.id: r for r in table.rows}
    assert versus.gap(shown, table, row["a"], row["void"])[0].text == "–"
    found, verdict = versus.gap(shown, table, row["a"], row["bare"])
    assert (found.value, found.low, found.high) == (0.5, None, None) and not verdict
    files = texts([shown])
    assert "replicates" not in loaded(files[f"{HERE}/data/bare.js"])["boards"]["main"]
    assert "loss" not in loaded(files[f"{HERE}/data/void.js"])["boards"]["main"]


def test_before_the_reveal_there_are_no_replicates_and_only_shown_numbers(entry: Any, release: Any) -> None:
    cut = {"n": 190, "share": 0.1, "metrics": {"loss": {"value": 0.7654321, "low": 0.7, "high": 0.8}}}
    slices = [{"name": "bright", "family": "m", "parts": {"public": cut}}]
    given = [entry("a", 1.0123456, slices=slices), entry("b", 1.2), entry("oracle", 0.5, kind="ceiling")]
    files = texts([release(*given)])
    content = loaded(files[f"{HERE}/data/a.js"])
    assert content["boards"]["main"] == {
        "rank": 1,
        "range": [1, 1],
        "tie": "A",
        "shown": [1.01, 0.96, 1.06, 2, 1],
    }
    assert content["slices"]["main"] == [[0.77, 0.7, 0.8, 2, 1]]
    shown = release(*given)
    table = table_of(shown)
    row = {r.who.id: r for r in table.rows}
    gap, verdict = versus.gap(shown, table, row["a"], row["b"])
    assert verdict == versus.BETTER
    assert (gap.value, gap.low, gap.high) == (0.19, 0.11, 0.27), "0.05 * sqrt 2 about it, outwards"


def test_two_predictions_that_differ_in_a_row_look_alike_before_the_reveal(entry: Any, release: Any) -> None:
    def site(loss: float) -> dict[str, str]:
        probe = entry("probe", loss)
        probe.replicates["public/loss"][:] = 1.0 + 1e-9 * np.arange(200)
        return texts([release(entry("best", 0.5, kind="ceiling"), entry("a", 1.0), probe)])

    assert site(1.0001) == site(1.0002)


def test_a_data_script_keeps_within_its_bytes_and_says_what_it_left_out(entry: Any, release: Any) -> None:
    x = np.linspace(0, 1, 500).tolist()
    line = {"x": x, "y": x, "low": x, "high": x}
    panel = {"key": "p", "y_label": "y", "y_range": [0.0, 1.0], "series": [line]}
    data = {"x_label": "x", "x_range": [0.0, 1.0], "panels": [panel]}
    never = lambda m, c: None  # noqa: E731
    drawn = tuple(Figure(f"f{k}", f"F{k}", "curves", never, together=k != 1) for k in range(5))
    keys = [f.key for f in drawn]
    one = entry("a", 1.0, figures={"all": dict.fromkeys(keys, data)})
    shown = release(one, entry("b", 2.0), status="revealed")
    shown = replace(shown, challenge=replace(shown.challenge, figures=drawn))
    text = texts([shown])[f"{HERE}/data/a.js"]
    content = loaded(text)
    assert len(text.encode()) <= compare.MOST
    assert list(content["figures"]) == ["f0", "f2"], "those drawn together; the rest does not fit"
    assert content["left_out"] == ["f3", "f4"]
    assert content["figures"]["f0"]["panels"][0]["lines"][0]["x"][-2] == 0.998, "four digits"


def test_a_thousand_replicates_on_three_boards_leave_room(entry: Any, release: Any) -> None:
    shown = release(entry("a", 1.0), entry("b", 2.0), status="revealed")
    rng = np.random.default_rng(3)
    for e in shown.entries:
        for key in e.replicates:
            e.replicates[key] = rng.normal(size=1000)
    toy = shown.challenge
    boards_ = tuple(replace(toy.boards[0], name=f"b{k}", title=f"B{k}", primary=("loss",)) for k in range(3))
    text = texts([replace(shown, challenge=replace(toy, boards=boards_))])[f"{HERE}/data/a.js"]
    assert len(text) < 20_000


def test_curves_of_every_kind_lie_over_each_other(entry: Any, release: Any) -> None:
    never = lambda m, c: None  # noqa: E731
    labels = {"x_label": "x", "y_label": "y"}
    ends = {"low": [0.5, None], "high": [1.5, None]}
    figures = {
        "bins": ("binned_curve", {**labels, "edges": [0, 1, 3], "values": [1.0, None], **ends}),
        "bars": (
            "histogram",
            {**labels, "edges": [0, 1, 2], "values": [1.0, None], "reference": 1.0, "one": 0.1},
        ),
        "qq": (
            "qq",
            {**labels, "nominal": [0, 1], "observed": [0, 1], "band_low": [0, 1], "band_high": [0, 1]},
        ),
        "map": ("heatmap", {**labels, "x_edges": [0, 1], "y_edges": [0, 1], "counts": [[10]]}),
    }
    drawn = tuple(Figure(k, k, kind, never) for k, (kind, _) in figures.items())
    one = entry("a", 1.0, figures={"all": {k: data for k, (_, data) in figures.items()}})
    shown = release(one, status="revealed")
    files = texts([replace(shown, challenge=replace(shown.challenge, figures=drawn))])
    lines = loaded(files[f"{HERE}/data/a.js"])["figures"]
    assert {k: f["panels"][0]["lines"][0] for k, f in lines.items()} == {
        "bins": {"x": [0.5, 2], "y": [1, None], "low": [0.5, None], "high": [1.5, None], "dots": 1},
        "bars": {"x": [0, 1, 1, 2], "y": [1, 1, None, None]},
        "qq": {"x": [0, 1], "y": [0, 1]},
    }
    page = files[f"{HERE}/compare.html"]
    frames = json.loads(page.split('id="comparison">')[1].split("</script>")[0])["figures"]
    assert [f["key"] for f in frames] == ["bins", "bars", "qq"]
    assert frames[1]["panels"][0]["guides"] == [{"x": [0, 2], "y": [1, 1]}]


def test_names_close_no_tag_and_the_policy_trusts_only_our_script(entry: Any, release: Any) -> None:
    toy = release().challenge
    hostile = replace(toy, boards=(replace(toy.boards[0], title=HOSTILE), *toy.boards[1:]))
    shown = replace(
        release(entry("a", 1.0, team=HOSTILE), entry("b", 2.0), status="revealed"), challenge=hostile
    )
    files = texts([shown])
    page = files[f"{HERE}/compare.html"]
    assert "<script>alert" not in page and page.count("</script>") == 2 and "<!--" not in page
    assert (
        json.loads(page.split('id="comparison">')[1].split("</script>")[0])["boards"]["main"]["title"]
        == HOSTILE
    )
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)
    assert policy is not None
    assert re.search(
        r"script-src (&#39;|')sha256-[\w+/=]+(&#39;|') (&#39;|')strict-dynamic(&#39;|')$", policy[1]
    )
    others = "".join(text for name, text in files.items() if name.endswith(".html") and "compare" not in name)
    assert "strict-dynamic" not in others
    assert all(text.isascii() for name, text in files.items() if name.endswith(".js"))


def test_the_order_of_entries_changes_no_comparison(entry: Any, release: Any) -> None:
    given = many(entry)
    first, second = (texts([release(*some, status="revealed")]) for some in (given, given[::-1]))
    assert first == second


def test_an_entry_page_has_its_table_and_links_without_a_script(entry: Any, release: Any) -> None:
    page = texts([release(*many(entry), status="revealed")])[f"{HERE}/e1.html"]
    section = page.split('id="compared"')[1].split("</section>")[0]
    assert 'href="e0.html"' in section and 'href="compare.html#main:e1,e0"' in section
    assert "leader" in section and "best baseline" in section
    assert 'href="data/e1.js"' in page
