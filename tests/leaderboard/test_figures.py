"""The figures: marks where the numbers say, blanks where they are None, names that stay names."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import Any

import pytest

from blindsky.leaderboard.figures import BOTTOM, LEFT, RIGHT, TOP, WIDTH, draw, is_wide

AXES = {"x_label": "z_true", "y_label": "e [nat]"}
DATA: dict[str, dict[str, Any]] = {
    "heatmap": {
        **AXES,
        "x_edges": [0, 1, 2],
        "y_edges": [0, 1, 2],
        "counts": [[10, None], [None, 40]],
        "lines": [{"label": "equal", "x": [0, 2], "y": [0, 2]}],
    },
    "binned_curve": {
        **AXES,
        "edges": [0, 1, 2, 3],
        "values": [0.1, None, -0.2],
        "low": [0.0, None, -0.3],
        "high": [0.2, None, -0.1],
        "requirements": [{"value": 0.05, "label": "Survey"}, {"value": -0.05, "label": "Survey"}],
    },
    "curves": {
        "x_label": "FPR",
        "x_range": [0, 1],
        "panels": [
            {
                "key": "tpr",
                "y_label": "TPR",
                "y_range": [0, 1],
                "guides": [{"label": "chance", "x": [0, 1], "y": [0, 1]}],
                "series": [{"x": [0, 1], "y": [0.5, 1], "low": [0.4, 0.9], "high": [0.6, 1]}],
                "published": [{"label": "<old> & wise", "x": [0, 1], "y": [0.1, 1]}],
            }
        ],
    },
    "histogram": {
        **AXES,
        "edges": [0, 0.25, 0.5, 0.75, 1],
        "values": [1.0, None, 0.5, 2.0],
        "reference": 1.0,
        "band": [0.8, 1.2],
        "mark": {"value": 0.5, "label": "here"},
    },
    "qq": {
        **AXES,
        "nominal": [0, 0.5, 1],
        "observed": [0, None, 1],
        "band_low": [0, 0.4, 1],
        "band_high": [0, 0.6, 1],
    },
    "line_pair": {
        **AXES,
        "edges": [0, 1, 2, 3],
        "series": [{"label": "a", "values": [1, None, 2]}, {"label": "b", "values": [1, 1, 1]}],
    },
    "offsets": {
        **AXES,
        "labels": ["1", "2"],
        "series": [{"label": "point", "values": [0.01, None], "low": [0.0, None], "high": [0.02, None]}],
        "bands": [{"half": 0.002, "label": "DESC"}],
    },
    "dot_interval": {
        "x_label": "loss [nat]",
        "rows": [
            {
                "place": "",
                "label": "Oracle",
                "value": 0.0,
                "text": "0",
                "low": None,
                "high": None,
                "kind": "ceiling",
            },
            {
                "place": "1",
                "label": "<b>&",
                "value": 1.0,
                "text": "1",
                "low": 0.5,
                "high": 1.5,
                "kind": "submission",
            },
        ],
        "requirements": [{"value": 0.4, "label": "Survey"}],
    },
    "scatter": {
        **AXES,
        "points": [
            {"label": "</svg>", "mark": "1", "named": False, "x": 0.0, "y": 1.0, "kind": "submission"},
            {"label": "Oracle", "mark": "Oracle", "named": True, "x": 1.0, "y": 0.0, "kind": "ceiling"},
            {"label": "void", "mark": "2", "named": False, "x": None, "y": 0.0, "kind": "baseline"},
        ],
    },
    "matrix": {
        "x_label": "called",
        "y_label": "true class",
        "rows": ["SN Ia", "a <b>"],
        "columns": ["SN Ia", "a <b>"],
        "values": [[0.98, 0.004], [None, 0.5]],
        "one": [0.01, 0.02],
    },
    "bars": {
        "x_label": "loss [nat]",
        "labels": ["SN Ia", "a <b>", "few"],
        "values": [1.0, 2.0, None],
        "low": [0.5, 1.9, None],
        "high": [1.5, 2.1, None],
        "mark": {"value": 2.5, "label": "equal"},
    },
}
SVG = "{http://www.w3.org/2000/svg}"


def parsed(kind: str, data: dict[str, Any] | None = None) -> ET.Element:
    text = str(draw(kind, DATA[kind] if data is None else data, uid="f", title="A <title> & more"))
    return ET.fromstring(text.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1))


@pytest.mark.parametrize("kind", sorted(DATA))
def test_every_kind_is_well_formed_named_and_labelled(kind: str) -> None:
    svg = parsed(kind)
    assert svg.attrib["role"] == "img"
    named = {e.attrib["id"]: e for e in svg.iter() if "id" in e.attrib}
    title, description = svg.attrib["aria-labelledby"].split()
    assert named[title].text == "A <title> & more"
    assert len(named[description].text or "") > 20
    written = " ".join("".join(e.itertext()) for e in svg.iter(f"{SVG}text"))
    assert all(label in written for key, label in DATA[kind].items() if key.endswith("_label"))
    assert not [e for e in svg.iter() if "style" in e.attrib], "colours come from the page's style sheet"


@pytest.mark.parametrize(
    ("kind", "mark", "shown"),
    [
        ("heatmap", ".//*[@class='shade'][@d]", 2),
        ("binned_curve", ".//*[@class='series-0']", 2),
        ("histogram", ".//*[@class='bar']", 3),
        ("qq", ".//*[@class='dot submission']", 2),
        ("offsets", f".//*[@class='series-0']/{SVG}circle", 1),
        ("scatter", ".//*[@class='dot submission']", 1),
        ("matrix", ".//*[@class='shade']", 2),
        ("bars", ".//*[@class='bar']", 2),
    ],
)
def test_blank_cells_stay_blank(kind: str, mark: str, shown: int) -> None:
    assert len(parsed(kind).findall(mark)) == shown


def test_a_blank_breaks_a_stepped_line() -> None:
    path = next(e for e in parsed("line_pair").iter(f"{SVG}path") if e.attrib.get("class") == "series-0 line")
    assert path.attrib["d"].count("M") == 2


@pytest.mark.parametrize("kind", ["heatmap", "binned_curve", "histogram", "line_pair"])
def test_nothing_but_blanks_still_draws_its_axes(kind: str) -> None:
    data = dict(DATA[kind])
    if kind == "heatmap":
        data["counts"] = [[None, None], [None, None]]
    elif kind == "line_pair":
        data["series"] = [{"label": s["label"], "values": [None] * 3} for s in data["series"]]
    else:
        data |= {name: [None] * len(data[name]) for name in ("values", "low", "high") if name in data}
    parsed(kind, data)


def test_bars_stand_where_the_numbers_say() -> None:
    bars = [b.attrib for b in parsed("histogram").findall(".//*[@class='bar']")]
    width = (RIGHT - LEFT) / 4
    assert [float(b["x"]) for b in bars] == pytest.approx([LEFT, LEFT + 2 * width, LEFT + 3 * width], abs=0.1)
    tall = [float(b["height"]) for b in bars]
    assert tall[0] / tall[2] == pytest.approx(0.5, abs=0.01)
    assert all(float(b["y"]) + float(b["height"]) == pytest.approx(BOTTOM) for b in bars)
    assert min(float(b["y"]) for b in bars) >= TOP


def test_requirement_lines_are_drawn_and_labelled_once() -> None:
    svg = parsed("binned_curve")
    drawn = [p for g in svg.findall(".//*[@class='requirement']") for p in g.iter(f"{SVG}path")]
    labels = [t.text for g in svg.findall(".//*[@class='requirement']") for t in g.iter(f"{SVG}text")]
    assert len(drawn) == 2
    assert labels == ["Survey"]


def test_names_in_a_figure_are_bounded_and_isolated() -> None:
    row = {"place": "1", "value": 1.0, "text": "1", "low": 0.9, "high": 1.1, "kind": "submission"}
    svg = parsed("dot_interval", {"x_label": "x", "rows": [{**row, "label": "\u05d0" * 300}]})
    name = max(("".join(e.itertext()) for e in svg.iter(f"{SVG}text")), key=len)
    assert re.fullmatch("1 \u2068\u05d0{43}…\u2069", name)


def test_an_entry_far_from_all_others_is_marked_at_the_end() -> None:
    values = [1.0, 1.1, 1.2, 1.3, 1.4, 90.0]
    rows = [
        {
            "place": str(k),
            "label": f"e{k}",
            "value": v,
            "text": f"{v}",
            "low": v - 0.1,
            "high": v + 0.1,
            "kind": "baseline",
        }
        for k, v in enumerate(values)
    ]
    svg = parsed("dot_interval", {"x_label": "x", "rows": rows})
    dots = [float(c.attrib["cx"]) for c in svg.iter(f"{SVG}circle")]
    assert len(dots) == 5
    assert max(dots) - min(dots) > 200, "the others keep the width"
    assert "90.0" in [t.text for t in svg.iter(f"{SVG}text")]


def children(svg: ET.Element, tag: str, inside: str) -> list[ET.Element]:
    """The elements of one kind that stand directly in groups with a title, or with this class."""
    groups = [
        g for g in svg.iter(f"{SVG}g") if g.find(f"{SVG}title") is not None or inside in g.attrib.values()
    ]
    return [e for g in groups for e in g.findall(f"{SVG}{tag}")]


def test_shares_are_written_into_their_cells_and_small_or_hidden_ones_are_not() -> None:
    svg = parsed("matrix")
    assert [e.text for e in children(svg, "title", "")] == [
        "SN Ia called SN Ia: 0.98",
        "a <b> called a <b>: 0.50",
    ]
    texts = {e.text: e.attrib["class"] for e in children(svg, "text", "none")}
    assert texts == {".98": "on-dark", ".50": "on-light"}
    first, second = (e.attrib for e in children(svg, "rect", ""))
    assert float(second["x"]) - float(first["x"]) == pytest.approx(float(first["width"]), abs=0.2)
    assert float(second["y"]) - float(first["y"]) == float(first["height"])
    assert "1 cells are blank" in "".join(next(svg.iter(f"{SVG}desc")).itertext())
    assert is_wide("matrix")
    assert not is_wide("bars")


def test_long_names_leave_room_for_themselves() -> None:
    def left(name: str) -> float:
        svg = parsed("bars", {**DATA["bars"], "labels": [name, "b", "c"]})
        return float(children(svg, "rect", "own")[0].attrib["x"])

    assert left("a") < left("eclipsing binary") < RIGHT / 2
    assert left("eclipsing binary") >= 6 * len("eclipsing binary")


def test_bars_start_at_zero_and_carry_their_interval() -> None:
    svg = parsed("bars")
    first, second = (e.attrib for e in children(svg, "rect", "own"))
    assert first["x"] == second["x"]
    assert float(second["width"]) == pytest.approx(2 * float(first["width"]), abs=0.2)
    interval = children(svg, "path", "own")[0].attrib["d"]
    low, _, high = (float(v) for v in re.findall(r"[\d.]+", interval))
    assert high - low == pytest.approx(float(first["width"]), abs=0.2)
    assert {"SN Ia", "a <b>", "few", "equal"} <= {t.text for t in svg.iter(f"{SVG}text")}


def test_an_unknown_kind_names_the_known() -> None:
    with pytest.raises(ValueError, match="known kinds are bars, binned_curve, curves, dot_interval"):
        draw("pie", {}, uid="f", title="t")


@pytest.mark.parametrize("kind", ["heatmap", "binned_curve"])
def test_an_axis_may_be_logarithmic(kind: str) -> None:
    edges = [1, 10, 100]
    named = {"x_edges": edges, "y_edges": edges} if kind == "heatmap" else {"edges": [1, 10, 100, 1000]}
    svg = parsed(kind, {**DATA[kind], **named, "x_log": True, "y_log": kind == "heatmap", "lines": []})
    below = {
        t.text: float(t.attrib["x"]) for t in svg.iter(f"{SVG}text") if t.attrib.get("y") == str(BOTTOM + 17)
    }
    assert below["10"] - below["1"] == pytest.approx(below["100"] - below["10"], abs=0.2)


@pytest.mark.parametrize("kind", ["binned_curve", "curves", "histogram", "bars", "dot_interval"])
def test_the_last_number_of_an_axis_stays_inside_the_figure(kind: str) -> None:
    last = {
        "curves": {"x_range": [0, 1e5]},
        "histogram": {"edges": [0, 25_000, 50_000, 75_000, 100_000]},
        "binned_curve": {"edges": [0, 10_000, 50_000, 100_000]},
        "bars": {"values": [1e5, 1, 1], "high": [1e5, 1, 1], "mark": None},
        "dot_interval": {"rows": [{**DATA["dot_interval"]["rows"][1], "value": 1e5, "low": 0, "high": 1e5}]},
    }
    svg = parsed(kind, {**DATA[kind], "requirements": [], **last[kind]})
    long = [t for t in svg.iter(f"{SVG}text") if len(re.findall(r"\d", t.text or "")) >= 5]
    assert long
    for t in long:
        assert float(t.attrib["x"]) + 3.6 * len(t.text or "") <= WIDTH, t.text


def test_upright_lines_strike_out_no_name() -> None:
    row = DATA["dot_interval"]["rows"][1]
    rows = [{**row, "place": str(k), "label": f"entry {k}", "value": k} for k in range(1, 5)]
    svg = parsed("dot_interval", {**DATA["dot_interval"], "rows": rows})
    names = [float(t.attrib["y"]) for t in svg.iter(f"{SVG}text") if t.find(f"{SVG}tspan") is not None]
    assert len(names) == 4
    key = max(float(t.attrib["y"]) for t in svg.iter(f"{SVG}text")) - 14
    groups = [svg.find(f".//*[@class='{name}']") for name in ("axis", "requirement")]
    paths = [p for g in groups if g is not None for p in g.iter(f"{SVG}path") if "V" in p.attrib["d"]]
    assert len(paths) > 3
    for path in paths:
        pieces = [tuple(map(float, ends)) for ends in re.findall(r" ([\d.]+)V([\d.]+)", path.attrib["d"])]
        assert len(pieces) == 4
        assert not [(a, b, n) for a, b in pieces for n in names if a < n + 3 and b > n - 10 and a < key]


def test_the_name_of_a_line_stands_off_the_data() -> None:
    edges = [k / 10 for k in range(11)]
    level = [{"value": 0.5, "label": "A survey"}]
    heights = [0.1] * 5 + [0.55] * 5
    for values, side in ((heights, "left"), (heights[::-1], "right")):
        data = {**AXES, "edges": edges, "values": values, "requirements": level}
        data |= {"low": [v - 0.1 for v in values], "high": [v + 0.1 for v in values]}
        svg = parsed("binned_curve", data)
        (text,) = [t for t in svg.iter(f"{SVG}text") if t.text == "A survey"]
        middle = (LEFT + RIGHT) / 2
        assert (float(text.attrib["x"]) < middle) == (side == "left")
    crowded = {**data, "values": [0.5] * 10, "low": [0.2] * 10, "high": [0.8] * 10}
    svg = parsed("binned_curve", crowded)
    assert "A survey" in [t.text for t in svg.iter(f"{SVG}text")], "without room it is written over the data"


def test_the_key_of_offsets_is_under_the_axis_and_shows_the_marks_themselves() -> None:
    one = DATA["offsets"]["series"][0]
    svg = parsed("offsets", {**DATA["offsets"], "series": [one, {**one, "label": "mean of p(z)"}]})
    height = float(svg.attrib["viewBox"].split()[3])
    for k, label in enumerate(("point", "mean of p(z)")):
        marks = svg.findall(f".//*[@class='series-{k}']/{SVG}circle")
        assert len(marks) == 2, "that of the data, and that of the key"
        (text,) = [t for t in svg.iter(f"{SVG}text") if t.text == label]
        lowest = max(float(m.attrib["cy"]) for m in marks)
        assert BOTTOM + 37 < lowest < height - 4
        assert float(text.attrib["y"]) == pytest.approx(lowest, abs=5)
        assert 0 < float(text.attrib["x"]) < float(text.attrib["x"]) + 6 * len(label) < WIDTH
    alone = parsed("offsets")
    assert len(alone.findall(f".//*[@class='series-0']/{SVG}circle")) == 1


def test_offsets_need_no_band() -> None:
    data = {key: value for key, value in DATA["offsets"].items() if key != "bands"}
    svg = parsed("offsets", data)
    assert not svg.findall(".//*[@class='band']")
    assert "bands" not in next("".join(e.itertext()) for e in svg.iter(f"{SVG}desc"))


def test_the_key_of_two_lines_stands_where_they_are_low() -> None:
    edges = [k / 6 for k in range(7)]
    for values, third in (([0, 0, 1, 1, 5, 5], 0), ([5, 5, 0, 0, 5, 5], 1), ([5, 5, 5, 1, 0, 0], 2)):
        series = [{"label": "a", "values": values}, {"label": "b", "values": [None] * 6}]
        svg = parsed("line_pair", {**AXES, "edges": edges, "series": series})
        (key,) = svg.findall(".//*[@class='key']")
        ends = [float(t.attrib["x"]) for t in key.iter(f"{SVG}text")]
        assert ends == [pytest.approx(LEFT + (third + 1) * (RIGHT - LEFT) / 3 - 28, abs=0.1)] * 2


def test_no_two_letters_of_close_points_are_written_at_one_place() -> None:
    point = {"named": False, "kind": "submission"}
    close = [
        {**point, "label": "a", "mark": "1", "x": 0.98, "y": 0.80},
        {**point, "label": "b", "mark": "2", "x": 0.976, "y": 0.76},
        {**point, "label": "c", "mark": "A reference", "named": True, "kind": "ceiling", "x": 1.0, "y": 1.0},
        {**point, "label": "d", "mark": "3", "x": 0.5, "y": 0.0},
    ]
    svg = parsed("scatter", {**AXES, "points": close})
    groups = [g for g in svg.iter(f"{SVG}g") if g.attrib.get("class", "").startswith("entry")]
    dots = [tuple(float(c.attrib[k]) for k in ("cx", "cy")) for c in svg.iter(f"{SVG}circle")]
    for group in groups:
        (text,) = group.iter(f"{SVG}text")
        x, y = float(text.attrib["x"]), float(text.attrib["y"])
        width = 6.2 * len((text.text or "").strip("\u2068\u2069"))
        left = x - width if text.attrib["text-anchor"] == "end" else x
        assert not [d for d in dots if left < d[0] < left + width and y - 9 < d[1] < y], text.text


def test_entries_at_one_place_share_their_marks() -> None:
    alike = [{"label": f"e{k}", "mark": str(k), "named": False, "kind": "baseline"} for k in (2, 3, 4)]
    points = [p | {"x": 1.0 if k < 2 else 2.0, "y": 1.0} for k, p in enumerate(alike)]
    svg = parsed("scatter", {**AXES, "points": points})
    groups = [g for g in svg.iter(f"{SVG}g") if g.attrib.get("class", "").startswith("entry")]
    texts = [t.text for g in groups for t in g.iter(f"{SVG}text")]
    assert [re.findall(r"\d", text or "") for text in texts] == [["2", "3"], [], ["4"]]


@pytest.mark.parametrize("kind", [kind for kind in DATA if "x_label" in DATA[kind]])
def test_labels_of_axes_have_the_signs_of_print(kind: str) -> None:
    drawn = str(draw(kind, {**DATA[kind], "x_label": "wavelength [um], S/N >= 5"}, uid="f", title="A figure"))
    assert ">wavelength [µm], S/N ≥ 5<" in drawn
