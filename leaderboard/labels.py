"""Where letters stand in a figure: on what they name or beside it, and on nothing else.

A figure is cut into small cells. What is drawn covers some, and a label is written on those that are free.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence, Set
from itertools import chain, pairwise
from typing import NamedTuple

Point = tuple[float, float]
Cell = tuple[int, int]

CELL = 3.0  # side of a cell, and distance of the places along a line that are looked at
LETTER, BOLD = 6.2, 7.6  # mean widths of a letter and of a bold one
TALL = 12.0  # height of a line of letters
DOT = 2.5  # radius of a dot
ABOVE, BELOW = -8.0, 9.0  # from a level line to the middle of its name
APART = 4.0  # least distance from the lines of others
BESIDE = 90.0  # how much further along a line a place on it may be than one beside it


class Box(NamedTuple):
    """A rectangle, the room of a plot or that of a label."""

    left: float
    top: float
    right: float
    bottom: float

    def holds(self, other: Box) -> bool:
        """Whether the other lies inside."""
        return (
            self.left <= other.left
            and self.top <= other.top
            and other.right <= self.right
            and other.bottom <= self.bottom
        )


class Curve(NamedTuple):
    """A curve that wants a label: its points as drawn, whether each is a dot, its style and its letters."""

    points: tuple[Point, ...]
    dots: bool
    style: int
    mark: str


class Label(NamedTuple):
    """The middle of a label, and its letters by the style of what they name."""

    x: float
    y: float
    parts: tuple[tuple[int, str], ...]


def around(middle: Point, width: float, height: float = TALL) -> Box:
    """The room of letters about their middle."""
    x, y = middle
    return Box(x - width / 2, y - height / 2, x + width / 2, y + height / 2)


def covered(box: Box) -> set[Cell]:
    """The cells that a box lies on."""
    columns = range(math.floor(box.left / CELL), math.floor(box.right / CELL) + 1)
    rows = range(math.floor(box.top / CELL), math.floor(box.bottom / CELL) + 1)
    return {(i, j) for i in columns for j in rows}


def along(points: Sequence[Point]) -> Iterator[Point]:
    """Places on a line, one in every cell that it passes or nearly so."""
    for (x1, y1), (x2, y2) in pairwise(points):
        steps = max(math.ceil(math.hypot(x2 - x1, y2 - y1) / CELL), 1)
        yield from ((x1 + (x2 - x1) * k / steps, y1 + (y2 - y1) * k / steps) for k in range(steps))
    yield from points[-1:]


def inked(points: Sequence[Point]) -> set[Cell]:
    """The cells that a line covers."""
    return {(math.floor(x / CELL), math.floor(y / CELL)) for x, y in along(points)}


def dotted(points: Iterable[Point], radius: float = DOT) -> set[Cell]:
    """The cells that dots cover."""
    return set().union(*(covered(around(point, 2 * radius, 2 * radius)) for point in points))


def first_free(middles: Iterable[Point], width: float, taken: Set[Cell], room: Box) -> Point | None:
    """The first of some places where letters cover nothing; None where all are taken."""
    for middle in middles:
        box = around(middle, width)
        if room.holds(box) and taken.isdisjoint(covered(box)):
            return middle
    return None


def in_a_row(names: Sequence[str], swatch: float, room: tuple[float, float]) -> list[float]:
    """The left ends of names, each behind a swatch, in a row in the middle between two ends."""
    widths = [swatch + LETTER * len(name) for name in names]
    left = (sum(room) - sum(widths)) / 2
    return [round(left + sum(widths[:k]), 1) for k in range(len(names))]


def on_lines(lines: Sequence[tuple[float, str]], taken: Set[Cell], room: Box) -> list[Point]:
    """Middles of the names of level lines (height, name): where they cover nothing, or else at the right."""
    taken = set(taken).union(*(inked([(room.left, y), (room.right, y)]) for y, _ in lines))
    middles = []
    for y, name in lines:
        width = LETTER * len(name)
        ends = range(math.floor(room.right) - 2, math.ceil(room.left + width), -4 * round(CELL))
        places = [(end - width / 2, y + off) for off in (ABOVE, BELOW) for end in ends]
        middles.append(first_free(places, width, taken, room) or (room.right - 2 - width / 2, y + ABOVE))
        taken |= covered(around(middles[-1], width))
    return middles


def on_curves(curves: Sequence[Curve], room: Box) -> list[Label]:
    """A label for each curve, at different places along the axis; one for all that can't be told apart by eye.

    A curve without a free place has none.
    """
    alike: dict[tuple[Point, ...], list[Curve]] = {}
    for curve in curves:
        twin = next((points for points in alike if _same(points, curve.points)), curve.points)
        alike.setdefault(twin, []).append(curve)
    lines = [set().union(*(inked(curve.points) for curve in same)) for same in alike.values()]
    everyone = Counter(chain.from_iterable(lines))
    taken = dotted(p for curve in curves if curve.dots for p in curve.points)
    labels = []
    for k, (points, same) in enumerate(alike.items()):
        width = BOLD * len(", ".join(curve.mark for curve in same))
        for middle, anchor in _places(points, width, (k + 1) / (len(alike) + 1)):
            on = middle == anchor
            box, own = around(middle, width), lines[k]
            # letters beside a line are read with the one that is next to them: no other may come as near, or between
            alone = covered(around(middle, width + 2 * APART, TALL + 2 * APART)) | inked((anchor, middle))
            if (
                room.holds(box)
                and taken.isdisjoint(covered(box))
                and all(on or everyone[c] == 0 for c in covered(box))
                and all(everyone[c] <= (c in own) for c in alone if len(points) > 1)
            ):
                taken |= covered(box)
                x, y = middle
                labels.append(Label(round(x, 1), round(y, 1), tuple((c.style, c.mark) for c in same)))
                break
    return labels


def _same(one: Sequence[Point], other: Sequence[Point]) -> bool:
    """Whether two lines cover the same cells, or their neighbours."""
    a, b = inked(one), inked(other)
    return a <= _spread(b) and b <= _spread(a)


def _spread(cells: Set[Cell]) -> set[Cell]:
    return {(i + di, j + dj) for i, j in cells for di in (-1, 0, 1) for dj in (-1, 0, 1)}


def _places(points: Sequence[Point], width: float, share: float) -> list[tuple[Point, Point]]:
    """Middles for the label of a curve, best first, with the point of the curve that each is beside or on.

    share : of the curve, from left to right, where the label is wanted.
    """
    length = sum(math.dist(a, b) for a, b in pairwise(points))
    ends = [x for x, _ in points]
    wanted = min(ends) + share * (max(ends) - min(ends))
    dx, dy = width / 2 + 6, TALL / 2 + 5
    sides = [(dx, 0.0), (-dx, 0.0), (0.0, -dy), (0.0, dy), (dx, -dy), (-dx, -dy), (dx, dy), (-dx, dy)]
    found = []
    for x, y in along(points):
        away = abs(x - wanted)
        if length > 4 * width:  # a short line would vanish behind its letters
            found.append((away, (x, y), (x, y)))
        found += [(away + BESIDE + k, (x + a, y + b), (x, y)) for k, (a, b) in enumerate(sides)]
    return [(middle, anchor) for _, middle, anchor in sorted(found)]
