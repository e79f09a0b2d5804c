"""How a board came to be: every score on the day it was handed in, and the best one so far as a line of steps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from markupsafe import Markup

from blindsky.leaderboard import labels
from blindsky.leaderboard.board_figures import axis_label
from blindsky.leaderboard.boards import CEILING, BoardTable, Row
from blindsky.leaderboard.figures import BOTTOM, LEFT, RIGHT, TOP
from blindsky.leaderboard.scales import Scale, span
from blindsky.leaderboard.templating import environment

WIDTH, HEIGHT = 400, 300
ROOM = labels.Box(LEFT, 0, RIGHT, BOTTOM)
LEAST = 2  # points in time, below which there is no history
_SECOND, _MINUTE, _HOUR, _DAY = 1, 60, 3600, 86400
_STEPS = (
    *(k * _SECOND for k in (1, 2, 5, 10, 20)),
    *(k * _MINUTE for k in (1, 2, 5, 10, 20)),
    *(k * _HOUR for k in (1, 2, 6, 12)),
    *(k * _DAY for k in (1, 2, 7, 14, 28, 91, 182, 364)),
)


def history(table: BoardTable, *, uid: str) -> Markup | None:
    """The history of a board as inline SVG; None where fewer than two ranked entries came at different times."""
    found = [
        (when, row)
        for row in table.rows
        if row.place.rank and (when := moment(row.who.submitted)) is not None
    ]
    found.sort(key=lambda pair: (pair[0], pair[1].place.rank, pair[1].who.id))
    if len({when for when, _ in found}) < LEAST:
        return None
    key, metric = table.primary.key, table.primary
    values = [float(row.cells[key].value or 0.0) for _, row in found]
    ceilings = [
        row.cells[key] for row in table.rows if row.who.kind == CEILING and row.cells[key].value is not None
    ]
    low, high = span(values)
    near = [c for c in ceilings if _near(float(c.value or 0.0), low, high)]
    y = Scale(*span([*values, *(c.value for c in near)], margin=0.08), BOTTOM, TOP)
    times = [when for when, _ in found]
    first, last = times[0], times[-1]
    pad = max((last - first).total_seconds() * 0.06, 0.5)
    x = Scale(first.timestamp() - pad, last.timestamp() + pad, LEFT, RIGHT)
    best = _best(found)
    marks = [
        {
            "x": x(when.timestamp()),
            "y": y(value),
            "kind": row.who.kind,
            "record": k in best,
            "rank": row.place.rank,
            "title": f"{row.who.name}: {row.cells[key].text}, {when:%Y-%m-%d %H:%M} UTC",
        }
        for k, ((when, row), value) in enumerate(zip(found, values, strict=True))
    ]
    steps = [(x(found[k][0].timestamp()), y(values[k])) for k in best]
    levels = [y(float(c.value or 0.0)) for c in near]
    taken = _place_ranks(marks, steps, levels)
    words = labels.on_lines([(level, CEILING) for level in levels], taken, ROOM)
    text = (
        f"{len(found)} ranked entries between {first:%Y-%m-%d} and {last:%Y-%m-%d}; the best {key} so far went from "
        f"{found[best[0]][1].cells[key].text} to {found[best[-1]][1].cells[key].text} with {len(best)} records."
    )
    return Markup(
        environment()
        .get_template("figures/history.svg.j2")
        .render(
            uid=uid,
            title=f"{metric.title}: best score by date of submission",
            description=text,
            width=WIDTH,
            height=HEIGHT,
            left=LEFT,
            right=RIGHT,
            top=TOP,
            bottom=BOTTOM,
            y=y,
            y_label=axis_label(metric),
            x_label=_axis(first, last),
            ticks=[(x(t.timestamp()), label) for t, label in ticks(first, last)],
            marks=marks,
            line="M"
            + "H".join(f"{at:g} {h:g}" if k == 0 else f"{at:g}V{h:g}" for k, (at, h) in enumerate(steps))
            + f"H{RIGHT}",
            levels=levels,
            words=words,
        )
    )


def _place_ranks(
    marks: Sequence[dict[str, Any]], steps: Sequence[labels.Point], levels: Sequence[float]
) -> set[labels.Cell]:
    """Give the rank of each record a place ``at`` beside it where it covers nothing, or None; what is covered then."""
    corners = [p for (x1, y1), (x2, y2) in pairwise(steps) for p in ((x1, y1), (x2, y1))]
    taken = labels.inked([*corners, steps[-1], (RIGHT, steps[-1][1])])
    taken |= labels.dotted(((m["x"], m["y"]) for m in marks), 4.5)
    taken = taken.union(*(labels.inked([(LEFT, y), (RIGHT, y)]) for y in levels))
    for mark in (m for m in marks if m["record"]):
        x, y, width = mark["x"], mark["y"], labels.BOLD * len(str(mark["rank"]))
        dx = width / 2 + 9
        sides = [(0, -13), (dx, -10), (-dx, 10), (0, 14), (-dx, -10), (dx, 10), (-dx, 0)]
        mark["at"] = labels.first_free([(x + a, y + b) for a, b in sides], width, taken, ROOM)
        if mark["at"]:
            taken |= labels.covered(labels.around(mark["at"], width))
    return taken


def moment(text: str) -> datetime | None:
    """A time of submission, in UTC; None where it is none."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)


def ticks(first: datetime, last: datetime, about: int = 4) -> list[tuple[datetime, str]]:
    """Round times from ``first`` to ``last``, at most ``about`` + 1, with the words beside an axis."""
    length = (last - first).total_seconds()
    step = next(
        (s for s in _STEPS if length / s <= about), math.ceil(length / about / _STEPS[-1]) * _STEPS[-1]
    )
    origin = datetime(1970, 1, 5, tzinfo=UTC)  # a Monday: weeks begin there
    k = math.ceil((first - origin).total_seconds() / step)
    found = []
    while (at := origin + timedelta(seconds=k * step)) <= last:
        found.append((at, _label(at, step)))
        k += 1
    return found


def _label(at: datetime, step: int) -> str:
    if step >= _DAY:
        return f"{at.day} {at:%b}"
    return f"{at:%H:%M}" if step >= _MINUTE else f"{at:%H:%M:%S}"


def _axis(first: datetime, last: datetime) -> str:
    """What the axis of time is called: the years, or the day."""
    if first.date() == last.date():
        return f"submitted, {first.day} {first:%B %Y}, UTC"
    years = f"{first.year}" if first.year == last.year else f"{first.year}\N{EN DASH}{last.year}"
    return f"submitted, {years}"


def _near(value: float, low: float, high: float) -> bool:
    """Whether a ceiling lies where it doesn't squeeze the entries: within their range once more to both sides."""
    return low - (high - low) <= value <= high + (high - low)


def _best(found: Sequence[tuple[datetime, Row]]) -> list[int]:
    """Numbers of the entries that were better than all before them, by rank, which knows directions and rounding."""
    best: list[int] = []
    for k, (_, row) in enumerate(found):
        if not best or row.place.rank < found[best[-1]][1].place.rank:
            best.append(k)
    return best
