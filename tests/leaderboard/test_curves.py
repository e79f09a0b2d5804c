"""Curves: where they are drawn, where they are dotted, and what becomes of many when they are drawn together."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from itertools import pairwise
from typing import Any

import pytest

from blindsky.leaderboard import curves
from blindsky.leaderboard.curves import LEFT, RIGHT, STYLES, TOP, context, together
from blindsky.leaderboard.figures import draw
from blindsky.leaderboard.overlay import dashed

SVG = "{http://www.w3.org/2000/svg}"


def panel(**more: Any) -> dict[str, Any]:
    series = {"x": [0.01, 0.1, 1.0], "y": [0.0, 0.5, 1.0], "low": [0.0, 0.4, 0.9], "high": [0.1, 0.6, 1.0]}
    return {"key": "tpr", "y_label": "TPR", "y_range": [0.0, 1.0], "series": [series], **more}


def data(*panels: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "x_label": "FPR",
        "x_range": [0.01, 1.0],
        "x_log": True,
        "panels": list(panels or [panel()]),
        **more,
    }


def parsed(content: dict[str, Any]) -> ET.Element:
    text = str(draw("curves", content, uid="f", title="A <title>"))
    return ET.fromstring(text.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1))


def points(text: str) -> list[tuple[float, ...]]:
    return [tuple(float(v) for v in pair.split(",")) for pair in text.split()]


def test_a_curve_runs_where_the_numbers_say() -> None:
    found = context(data())
    bottom = found["bottom"]
    (series,) = found["panels"][0]["series"]
    middle, half = (LEFT + RIGHT) / 2, (TOP + bottom) / 2
    assert points(series["solid"]) == [(LEFT, bottom), (middle, half), (RIGHT, TOP)], (
        "a decade is half the axis"
    )
    assert series["dotted"] == ""
    assert len(points(series["band"])) == 6


def test_few_lenses_are_dotted_from_the_last_solid_point_on() -> None:
    series = {**panel()["series"][0], "dotted": 2}
    (shown,) = context(data(panel(series=[series])))["panels"][0]["series"]
    assert len(points(shown["solid"])) == 2
    assert points(shown["dotted"])[0] == points(shown["solid"])[-1]
    assert len(points(shown["dotted"])) == 2


def test_dots_carry_bars_and_no_line() -> None:
    series = {**panel()["series"][0], "dots": True}
    (shown,) = context(data(panel(series=[series])))["panels"][0]["series"]
    assert (shown["solid"], shown["band"]) == ("", "")
    assert len(shown["dots"]) == shown["bars"].count("M") == 3


def test_a_lone_point_is_a_dot() -> None:
    lone = {"x": [0.1], "y": [0.5], "low": [0.4], "high": [0.6]}
    (shown,) = context(data(panel(series=[lone])))["panels"][0]["series"]
    assert (shown["solid"], shown["band"]) == ("", "")
    assert shown["dots"] == [((LEFT + RIGHT) / 2, TOP + curves.ALONE / 2)]


def test_a_dot_beyond_the_axis_is_not_drawn_at_its_end() -> None:
    series = {"x": [0.1, 1.0], "y": [0.5, 7.0], "dots": True}
    (shown,) = context(data(panel(series=[series])))["panels"][0]["series"]
    assert len(shown["dots"]) == 1


def test_named_curves_have_a_legend_beside_their_panel_and_no_band() -> None:
    named = [{**panel()["series"][0], "style": k, "label": f"class <{k}>"} for k in (4, 10)]
    content = data(panel(series=named, title="group"), panel(key="b", series=named[:1]))
    found = context(content)
    first, second = found["panels"]
    assert [s["band"] for s in first["series"]] == ["", ""]
    rows = first["legend"]["rows"]
    assert [(style, name) for style, _, name, _ in rows] == [(4, "class <4>"), (10, "class <10>")]
    heights = [first["legend"]["top"], *(y for _, y, _, _ in rows)]
    assert all(b - a >= 12 for a, b in pairwise(heights))
    assert heights[-1] < first["bottom"] < second["legend"]["rows"][0][1]
    assert found["right"] + 8 + 23 + 5 * len("class <10>") < curves.WIDTH
    assert all(x <= found["right"] for s in first["series"] for x, _ in points(s["solid"]))
    svg = parsed(content)
    assert [t.text for t in svg.iter(f"{SVG}text")].count("class <4>") == 2
    assert len(svg.findall(".//*[@class='curve-10']")) == 2, "the curve and its line in the legend"
    assert "class <4>, class <10>" in found["description"]


def test_five_names_and_a_title_fit_beside_one_of_three_panels() -> None:
    named = [{**panel()["series"][0], "style": k, "label": "eclipsing binary"} for k in range(5)]
    found = context(data(*(panel(key=key, series=named, title="Galactic") for key in "abc")))
    for one, following in pairwise(found["panels"]):
        assert one["legend"]["rows"][-1][1] + 6 < following["legend"]["top"]


def test_numbers_of_an_axis_may_be_given() -> None:
    found = context(data(x_range=[0.25, 256], x_ticks=[[0.5, "0"], [8, "8"], [128, "128"]]))
    (ticks,) = [p["ticks"] for p in found["panels"]]
    assert [text for _, text in ticks] == ["0", "8", "128"]
    places = [at for at, _ in ticks]
    assert places[1] - places[0] == pytest.approx(places[2] - places[1], abs=0.2)


def test_a_panel_may_have_an_axis_of_its_own() -> None:
    own = [panel(key=key, x_range=[0.0, end]) for key, end in (("a", 50.0), ("b", 7.0))]
    content = data(*own, x_log=False)
    found = context(content)
    assert [p["x"].high for p in found["panels"]] == [50, 7]
    svg = parsed(content)
    for shown, last in zip(found["panels"], ("50", "6"), strict=True):
        below = [t.text for t in svg.iter(f"{SVG}text") if t.attrib.get("y") == str(shown["bottom"] + 17)]
        assert (below[0], below[-1]) == ("0", last)


def test_what_a_logarithm_cannot_hold_is_left_out_or_drawn_at_the_end() -> None:
    one = {"label": "old", "x": [-1.0, 0.0, 0.1], "y": [0.5, 0.5, 0.0]}
    found = context(data(panel(published=[one], y_range=[0.001, 1.0], y_log=True)))
    (behind,) = found["panels"][0]["published"]
    assert points(behind["points"]) == [((LEFT + RIGHT) / 2, found["bottom"])]


def test_panels_stand_under_each_other_over_one_axis() -> None:
    found = context(data(panel(), panel(key="b", y_label="B"), panel(key="c", y_label="C")))
    ends = [end for p in found["panels"] for end in (p["top"], p["bottom"])]
    assert ends == sorted(ends)
    assert found["height"] > found["bottom"] == ends[-1]
    svg = parsed(data(panel(), panel(key="b", y_label="B")))
    written = [t.text for t in svg.iter(f"{SVG}text")]
    assert written.count("FPR") == 1
    assert written.count("0.1") == 1, "the ticks of x are written once"
    assert {"TPR", "B"} <= set(written)


def test_names_are_escaped() -> None:
    hostile = "</title><script>"
    series = {**panel()["series"][0], "mark": hostile}
    text = str(
        draw(
            "curves",
            data(panel(series=[series], published=[{**series, "label": hostile}])),
            uid="f",
            title="t",
        )
    )
    assert "<script>" not in text
    assert text.count("&lt;script&gt;") == 3


def test_together_every_entry_has_its_own_style_and_mark_and_no_band() -> None:
    entries = [(k, str(k + 1), data()) for k in range(STYLES)]
    joined = together("curves", entries)
    assert joined is not None
    shape = context(joined)["panels"][0]
    shown = shape["series"]
    assert [s["style"] for s in shown] == list(range(STYLES))
    assert {s["band"] for s in shown} == {""}
    (label,) = shape["labels"]
    assert label.parts == tuple((k, str(k + 1)) for k in range(STYLES)), "one label for curves that are one"
    svg = parsed(joined)
    letters = svg.findall(f".//{SVG}tspan[@data-style]")
    assert "".join(t.text or "" for t in letters) == "1, 2, 3, 4, 5, 6, 7, 8, 9, 10"
    assert [t.attrib["data-style"] for t in letters] == [str(k) for k in range(STYLES)], "a legend hides each"
    assert [len(svg.findall(f".//*[@class='curve-{k}']")) for k in range(STYLES)] == [1] * STYLES


def test_together_takes_the_widest_axes() -> None:
    joined = together(
        "curves", [(0, "1", data()), (1, "2", data(panel(y_range=[-1.0, 0.5]), x_range=[0.001, 0.5]))]
    )
    assert joined is not None
    assert joined["x_range"] == [0.001, 1.0]
    assert joined["panels"][0]["y_range"] == (-1.0, 1.0)


def test_lines_of_requirements_lie_behind_curves_together() -> None:
    lines = [{"value": 0.8, "label": "Survey"}, {"value": -0.8, "label": ""}]
    binned = {
        "x_label": "r",
        "y_label": "TPR",
        "edges": [0, 1, 2],
        "values": [0.1, 0.3],
        "requirements": lines,
    }
    joined = together("binned_curve", [(0, "1", binned)])
    assert joined is not None
    (shape,) = context(joined)["panels"]
    ends = [[float(at.split(",")[1]) for at in points.split()] for points in shape["guides"]]
    heights = [shape["y"](0.8), shape["y"](-0.8)]
    assert ends == [pytest.approx([height] * 2, abs=0.1) for height in heights]
    assert all(shape["top"] <= height <= shape["bottom"] for height in heights), "inside the panel"
    assert dashed(binned) == " Dashed: Survey 0.8." and dashed({**binned, "requirements": []}) == ""
    both = [{"value": 0.8, "label": "Survey"}, {"value": -0.8, "label": "Survey"}]
    assert dashed({**binned, "requirements": both}) == " Dashed: Survey ±0.8."


def test_a_binned_curve_joins_as_a_line_through_the_middles_of_its_bins() -> None:
    binned = {
        "x_label": "r",
        "y_label": "TPR",
        "edges": [1, 4, 16, 64],
        "values": [0.1, None, 0.3],
        "x_log": True,
    }
    joined = together("binned_curve", [(3, "1", binned)])
    assert joined is not None
    (series,) = joined["panels"][0]["series"]
    assert (series["x"], series["y"], series["style"]) == ([2.0, 32.0], [0.1, 0.3], 3)
    assert joined["x_range"] == [1, 64]
    plain = together("binned_curve", [(0, "1", {**binned, "x_log": False})])
    assert plain is not None
    assert plain["panels"][0]["series"][0]["x"] == [2.5, 40.0]


def test_an_entry_whose_bins_are_all_blank_has_no_label() -> None:
    binned = {"x_label": "r", "y_label": "TPR", "edges": [0, 1, 2], "values": [0.1, 0.3]}
    joined = together("binned_curve", [(0, "1", binned), (1, "2", {**binned, "values": [None, None]})])
    assert joined is not None
    (shape,) = context(joined)["panels"]
    assert [label.parts for label in shape["labels"]] == [((0, "1"),)]
    nobody = together("binned_curve", [(0, "1", {**binned, "values": [None, None]})])
    assert nobody is not None and parsed(nobody) is not None


def test_values_far_beyond_an_axis_cost_nothing() -> None:
    """A label is looked for along a curve, which may be longer than any memory."""
    far = panel(y_range=[0.0, 1.0])
    far["series"] = [{"x": [0.0, 0.3, 0.6, 1.0], "y": [0.5, 1e15, -1e15, 0.5]}]
    joined = together("curves", [(0, "1", data(far)), (1, "2", data())])
    assert joined is not None
    found = context(joined)["panels"][0]["labels"]
    assert ((1, "2"),) in [label.parts for label in found]
    assert all(LEFT <= label.x <= RIGHT + 20 for label in found)


def test_nobody_has_no_figure_and_a_map_cannot_be_joined() -> None:
    assert together("curves", []) is None
    with pytest.raises(ValueError, match="heatmap"):
        together("heatmap", [(0, "1", {})])


def test_the_description_counts_what_is_drawn() -> None:
    one = {"label": "old", "x": [0.1], "y": [0.5]}
    assert context(data(panel(published=[one, one])))["description"] == (
        "TPR against FPR, 1 curves before 2 published ones in grey."
    )
    assert math.isclose(curves.ALONE, context(data())["bottom"] - TOP)


def test_panels_are_joined_by_name_where_an_entry_lacks_one() -> None:
    """Before the reveal a panel without enough cases is left out, of one entry's figure and not of another's."""

    def figure(**panels: float) -> dict[str, Any]:
        made = [
            {"key": key, "y_label": key, "y_range": [0.0, 1.0], "series": [{"x": [0.0, 1.0], "y": [y, y]}]}
            for key, y in panels.items()
        ]
        return {"x_label": "x", "x_range": [0.0, 1.0], "panels": made}

    joined = together(
        "curves",
        [(0, "1", figure(second=0.2)), (1, "2", figure(first=0.3, second=0.4)), (2, "3", figure(first=0.5))],
    )
    assert joined is not None
    heights = {p["key"]: {s["mark"]: s["y"][0] for s in p["series"]} for p in joined["panels"]}
    assert heights == {"first": {"2": 0.3, "3": 0.5}, "second": {"1": 0.2, "2": 0.4}}
    assert [p["key"] for p in joined["panels"]] == ["first", "second"]
    ET.fromstring(draw("curves", joined, uid="u", title="t"))


@pytest.mark.parametrize("shape", ["disc", "ring", "cross"])
def test_dots_differ_by_shape_and_the_legend_shows_it(shape: str) -> None:
    one = {
        "x": [0.2, 0.4, 0.8],
        "y": [0.1, 0.5, 0.9],
        "dots": True,
        "style": 1,
        "label": "found",
        "shape": shape,
    }
    svg = parsed(data(panel(series=[one])))
    circles, crosses = svg.findall(f".//{SVG}circle"), svg.findall(f".//{SVG}path[@class='cross']")
    assert (len(circles), len(crosses)) == ((0, 4) if shape == "cross" else (4, 0)), (
        "three, and one in the legend"
    )
    assert all((c.get("class") == "ring") == (shape == "ring") for c in circles)
