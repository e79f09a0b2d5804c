"""The history of a board: when each score came, and when it was the best so far."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from blindsky.leaderboard.boards import board_tables
from blindsky.leaderboard.history import history, moment, ticks


def dated(entry: Any, name: str, loss: float | None, day: int, **more: Any) -> Any:
    made = entry(name, loss, **more)
    made.card["entry"]["submitted"] = f"2026-03-{day:02}T10:00:00Z"
    return made


def drawn(release: Any, *entries: Any, status: str = "revealed") -> Any:
    shown = release(*entries, status=status)
    return history(board_tables(shown, shown.parts[0])[0], uid="h")


def test_the_line_steps_down_to_each_better_score(entry: Any, release: Any) -> None:
    scores = {"a": (5.0, 1), "b": (6.0, 5), "c": (3.0, 9), "d": (4.0, 13), "e": (2.0, 17)}
    svg = drawn(release, *(dated(entry, k, *v) for k, v in scores.items()))
    root = ET.fromstring(svg)
    line = next(p.get("d") for p in root.iter("path") if p.get("class") == "record")
    x, y = ([float(v) for v in re.findall(axis + r"([\d.]+)", str(line))] for axis in ("H", "V"))
    assert len(y) == 2, "two records after the first"
    assert y == sorted(y), "lower is better, and drawn further down"
    assert x == sorted(x)
    ranks = [t.text for t in root.iter("text") if t.get("class") == "halo place"]
    assert ranks == ["4", "2", "1"], "the final ranks of those that were best when they came"
    titles = [str(t.text) for t in root.iter("title")][1:]
    assert [t.split(" ")[0] for t in titles] == ["a", "c", "e"]


def test_what_is_not_ranked_is_not_drawn(entry: Any, release: Any) -> None:
    ranked = [dated(entry, "a", 2.0, 1), dated(entry, "b", 1.0, 2)]
    others = [
        dated(entry, "void", None, 3),
        dated(entry, "gone", 0.1, 4, state="withdrawn"),
        dated(entry, "best", 0.9, 1, kind="ceiling"),
    ]
    svg = str(drawn(release, *ranked, *others))
    assert svg.count("<circle") == 2
    assert svg.count(">ceiling</text>") == 1
    far = dated(entry, "far", -50.0, 1, kind="ceiling")
    assert ">ceiling</text>" not in str(drawn(release, *ranked, far)), "it would squeeze all others together"


def test_the_word_at_a_ceiling_and_ranks_stand_off_the_record_and_off_all_dots(
    entry: Any, release: Any
) -> None:
    scores = {"a": (5.0, 1), "b": (1.1, 5), "c": (1.05, 9), "d": (3.0, 9)}
    ceiling = dated(entry, "best", 0.95, 1, kind="ceiling")
    root = ET.fromstring(drawn(release, ceiling, *(dated(entry, k, *v) for k, v in scores.items())))
    (word,) = [t for t in root.iter("text") if t.text == "ceiling"]
    line = next(str(p.get("d")) for p in root.iter("path") if p.get("class") == "record")
    first, level = (float(v) for v in str(re.match(r"M([\d.]+ [\d.]+)", line)[1]).split())  # type: ignore[index]
    heights = [level, *(float(v) for v in re.findall(r"V([\d.]+)", line))]
    ends = [float(v) for v in re.findall(r"H([\d.]+)", line)]
    starts = [first, *ends[:-1]]
    x, y = float(str(word.get("x"))), float(str(word.get("y")))
    for height, start, end in zip(heights, starts, ends, strict=True):
        assert not (start < x + 18 and x - 18 < end and y - 9 < height < y + 1)
    dots = [(float(str(c.get("cx"))), float(str(c.get("cy")))) for c in root.iter("circle")]
    written = [t for t in root.iter("text") if t.get("class") == "halo place"]
    assert len(written) == 3
    for t in [word, *written]:
        x, y = float(str(t.get("x"))), float(str(t.get("y")))
        assert not [d for d in dots if abs(d[0] - x) < 5 and y - 9 < d[1] < y + 1], t.text


@pytest.mark.parametrize("days", [[], [1], [1, 1, 1]])
def test_without_two_times_there_is_no_history(days: list[int], entry: Any, release: Any) -> None:
    assert drawn(release, *(dated(entry, f"e{k}", 1.0 + k, day) for k, day in enumerate(days))) is None


def test_before_the_reveal_it_is_of_rounded_values(entry: Any, release: Any) -> None:
    made = [
        str(drawn(release, dated(entry, "a", 1.0 + x, 1), dated(entry, "b", 2.0, 2), status="open"))
        for x in (0.0001, 0.0002)
    ]
    assert made[0] == made[1]


def test_names_in_it_are_escaped(entry: Any, release: Any) -> None:
    svg = drawn(release, dated(entry, "a", 1.0, 1, team="<script>"), dated(entry, "b", 2.0, 2))
    assert "<script>" not in svg
    ET.fromstring(svg)


def test_a_time_that_is_none_is_left_out() -> None:
    assert moment("yesterday") is None and moment("") is None
    assert moment("2026-01-02T03:04:05Z") == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert moment("2026-01-02T03:04:05+02:00") == datetime(2026, 1, 2, 1, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    "seconds", [1, 7, 50, 400, 4000, 50_000, 86_400 * 3, 86_400 * 40, 86_400 * 500, 86_400 * 9000]
)
def test_ticks_are_round_inside_and_few(seconds: int) -> None:
    first = datetime(2026, 2, 27, 23, 59, 59, tzinfo=UTC)
    last = first + timedelta(seconds=seconds)
    found = ticks(first, last)
    assert 1 <= len(found) <= 5
    assert all(first <= at <= last for at, _ in found)
    steps = {(b[0] - a[0]).total_seconds() for a, b in pairwise(found)}
    assert len(steps) <= 1
    assert len({label for _, label in found}) == len(found) or seconds > 86_400 * 300
