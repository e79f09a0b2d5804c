"""Labels: where letters stand in a figure, and what they leave free."""

from __future__ import annotations

import math
import random
from itertools import combinations, pairwise

import pytest

from blindsky.leaderboard.labels import (
    BOLD,
    TALL,
    Box,
    Curve,
    Label,
    Point,
    along,
    around,
    covered,
    first_free,
    on_curves,
    on_lines,
)

ROOM = Box(60, 10, 400, 250)


def curve(*points: Point, mark: str, dots: bool = False, style: int = 0) -> Curve:
    return Curve(points, dots, style, mark)


def box(label: Label) -> Box:
    return around((label.x, label.y), BOLD * len(", ".join(mark for _, mark in label.parts)))


def overlap(a: Box, b: Box) -> bool:
    return a.left < b.right and b.left < a.right and a.top < b.bottom and b.top < a.bottom


def inside(point: Point, b: Box) -> bool:
    return b.left < point[0] < b.right and b.top < point[1] < b.bottom


def test_lone_points_at_one_place_share_a_label_beside_them() -> None:
    same = [curve((200.0, 249.0), mark=mark, dots=True, style=k) for k, mark in enumerate("123")]
    (label,) = on_curves(same, ROOM)
    assert label.parts == ((0, "1"), (1, "2"), (2, "3"))
    assert not inside((200.0, 249.0), box(label))
    assert math.dist((label.x, label.y), (200, 249)) < 40
    assert ROOM.holds(box(label))


def test_close_points_keep_their_dots_and_their_letters_apart() -> None:
    points = [(200.0, 100.0), (200.0, 108.0), (207.0, 104.0), (193.0, 104.0)]
    found = on_curves([curve(p, mark=str(k), dots=True, style=k) for k, p in enumerate(points)], ROOM)
    assert len(found) == 4
    assert not [1 for a, b in combinations(map(box, found), 2) if overlap(a, b)]
    assert not [1 for label in found for p in points if inside(p, box(label))]


def test_a_label_moves_along_its_curve_to_where_that_runs_alone() -> None:
    flat = curve((60.0, 200.0), (400.0, 200.0), mark="1")
    leaving = curve((60.0, 200.0), (300.0, 200.0), (400.0, 60.0), mark="2", style=1)
    one, two = on_curves([flat, leaving], ROOM)
    assert (two.x, two.y) in [(round(x, 1), round(y, 1)) for x, y in along(leaving.points)]
    assert two.x > 300 and two.y < 200 - TALL / 2, "where the two are apart"
    assert not [p for p in along(flat.points) if inside(p, box(two))]
    assert not [p for p in along(leaving.points) if inside(p, box(one))]


def test_curves_that_the_eye_cannot_tell_apart_share_a_label() -> None:
    """One path with other knots, and half a pixel off."""
    path = [(60 + 3 * t, 100 + 40 * math.sin(t / 20)) for t in range(110)]
    same = [(x, y + 0.5) for x, y in path[::2]] + path[-1:]
    far = [(x, y + 30) for x, y in path]
    found = on_curves(
        [curve(*points, mark=str(k), style=k) for k, points in enumerate((path, same, far))], ROOM
    )
    assert [label.parts for label in found] == [((0, "0"), (1, "1")), ((2, "2"),)]


def test_a_curve_without_a_free_place_has_no_label() -> None:
    tight = Box(60, 100, 400, 120)
    fence = [curve((60.0, y), (400.0, y + 0.1), mark=str(y), style=1) for y in (102.0, 106.0, 114.0, 118.0)]
    hidden = curve((60.0, 110.0), (400.0, 110.0), mark="me")
    assert "me" not in [mark for label in on_curves([*fence, hidden], tight) for _, mark in label.parts]
    assert on_curves([hidden], tight)


@pytest.mark.parametrize("seed", range(5))
def test_labels_of_any_curves_cover_no_other_label_line_or_dot(seed: int) -> None:
    rng = random.Random(seed)
    many = [
        curve(
            *((60.0 + 34 * k, rng.uniform(15, 245)) for k in range(11)),
            mark=str(n + 1),
            dots=bool(n % 2),
            style=n,
        )
        for n in range(5)
    ]
    found = on_curves(many, ROOM)
    assert found
    assert not [1 for a, b in combinations(map(box, found), 2) if overlap(a, b)]
    for label in found:
        ((style, _),) = label.parts
        others = [c for c in many if c.style != style]
        assert not [
            p for c in others for a, b in pairwise(c.points) for p in along((a, b)) if inside(p, box(label))
        ]
        assert not [p for c in many if c.dots for p in c.points if inside(p, box(label))]


def test_the_name_of_a_level_line_moves_off_what_is_there() -> None:
    (free,) = on_lines([(100.0, "ceiling")], set(), ROOM)
    assert free[1] < 100 and free[0] > 350, "above the line, at the right"
    (moved,) = on_lines([(100.0, "ceiling")], covered(Box(300, 80, 400, 99)), ROOM)
    assert moved[1] == free[1] and moved[0] < 300
    (below,) = on_lines([(100.0, "ceiling")], covered(Box(60, 80, 400, 98)), ROOM)
    assert below[1] > 100
    (over,) = on_lines([(100.0, "ceiling")], covered(ROOM), ROOM)
    assert over == free, "no room: over the data, at the right"
    first, second = on_lines([(100.0, "one name"), (109.0, "other name")], set(), ROOM)
    assert not overlap(around(first, 50), around(second, 60))


def test_the_first_free_of_some_places() -> None:
    places = [(100.0, 100.0), (200.0, 100.0), (500.0, 100.0)]
    assert first_free(places, 10, set(), ROOM) == places[0]
    assert first_free(places, 10, covered(around(places[0], 4, 4)), ROOM) == places[1]
    assert first_free(places[2:], 10, set(), ROOM) is None, "outside"
