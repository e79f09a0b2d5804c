"""What the page of a release draws of its best entries together: one plot per figure that is declared so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from string import ascii_lowercase
from typing import Any, NamedTuple

from markupsafe import Markup

from blindsky.challenges.challenge import Figure, Plate
from blindsky.leaderboard import boards, curves, figures
from blindsky.leaderboard.boards import CEILING, BoardTable, EntryView, ReleaseView, Row
from blindsky.leaderboard.coarse import coarsened
from blindsky.leaderboard.prose import typeset

REFERENCES = 2  # curves that read the truth; ranked entries have the other styles
UNRANKED = "◇"  # written on the curve of a reference

Data = Mapping[str, Any]


class Drawn(NamedTuple):
    """A figure with what is written above and under it; a wide one takes the place of two."""

    title: str
    caption: str
    svg: Markup
    wide: bool = False


def drawn(plates: Sequence[Plate], uid: str) -> list[Drawn]:
    """Plates as figures, whose names in the page begin with ``uid``."""
    return [
        Drawn(p.title, typeset(p.caption), figures.draw(p.kind, p.data, uid=f"{uid}-{k}", title=p.title))
        for k, p in enumerate(plates)
    ]


class Line(NamedTuple):
    """One line of the legend: number of the curve's style, what is written on the curve, and whose it is."""

    style: int
    mark: str
    row: Row

    @property
    def lettered(self) -> bool:
        """Whether a letter tells it from others of the same rank."""
        return self.mark[-1:].isalpha()


class Overlay(NamedTuple):
    """The figures with their common legend; what the curves in grey are, and their names where there are any."""

    legend: tuple[Line, ...]
    drawn: tuple[Drawn, ...]
    grey: str
    published: tuple[str, ...]


def figure_data(
    release: ReleaseView, entry: EntryView, figure: Figure, part: str | None = None
) -> dict[str, Any] | None:
    """The data of an entry's figure as they may be shown, with published curves behind; None where there are none.

    part : of the cases; None for all that may be shown. ``train`` is of training data, whose truth is no secret.
    """
    found = entry.card.get("figures", {}).get(part or boards.WHOLE[release.status], {}).get(figure.key)
    if not found:
        return None
    data = coarsened(figure.kind, found) if release.rounded and part != "train" else dict(found)
    behind = published_curves(release, figure)
    if behind and figure.kind == "curves":
        data["panels"] = [{**panel, "published": behind.get(panel["key"], [])} for panel in data["panels"]]
    return data


def published_curves(release: ReleaseView, figure: Figure) -> dict[str, list[Mapping[str, Any]]]:
    """The published curves of a figure by panel."""
    published = release.challenge.tracks[0].published
    behind: dict[str, list[Mapping[str, Any]]] = {}
    for curve in () if published is None else published.curves(figure.key):
        behind.setdefault(curve["panel"], []).append(curve)
    return behind


def dashed(data: Data | None) -> str:
    """What the dashed lines of requirements are, where nothing else in the figure says so."""
    heights: dict[str, list[float]] = {}
    for line in (data or {}).get("requirements", ()):
        heights.setdefault(line["label"], []).append(line["value"])
    named = (f"{name} {'±' if min(v) < 0 else ''}{max(v):g}" for name, v in heights.items() if name)
    return f" Dashed: {', '.join(named)}." if any(heights) else ""


def caption(release: ReleaseView, figure: Figure) -> str:
    """What is written under a figure."""
    behind = f" {_grey(release)}." if published_curves(release, figure) else ""
    return typeset(f"{figure.caption}{behind}".strip())


def _grey(release: ReleaseView) -> str:
    """What the curves in grey are, nothing where nobody published any."""
    published = release.challenge.tracks[0].published
    if published is None:
        return ""
    return f"Grey: {published.title[:1].lower()}{published.title[1:]}, another test set"


def overlay(release: ReleaseView, table: BoardTable) -> Overlay | None:
    """The curves of the best entries of a board, with those that read the truth; None where nobody has any."""
    wanted = [f for f in release.challenge.figures if f.together]
    entries = {boards.entry_id(e): e for e in boards.current(release)}
    references = [row for row in table.rows if row.who.kind == CEILING][:REFERENCES]
    rows = [*table.ranked[: curves.STYLES - len(references)], *references]
    legend = tuple(Line(k, _mark(row, rows), row) for k, row in enumerate(rows))
    drawn = []
    for figure in wanted:
        found = [
            (line.style, line.mark, figure_data(release, entries[line.row.who.id], figure)) for line in legend
        ]
        joined = curves.together(figure.kind, [(s, m, data) for s, m, data in found if data is not None])
        if joined is not None:
            svg = figures.draw("curves", joined, uid=f"together-{figure.key}", title=figure.title)
            lines = dashed(next(data for _, _, data in found if data is not None))
            drawn.append(Drawn(figure.title, caption(release, figure) + lines, svg))
    names = dict.fromkeys(
        curve["label"]
        for figure in wanted
        for behind in published_curves(release, figure).values()
        for curve in behind
    )
    return Overlay(legend, tuple(drawn), _grey(release), tuple(names)) if drawn else None


def _mark(row: Row, rows: Sequence[Row]) -> str:
    """The rank, with a letter where several share it."""
    if not row.place.rank:
        return UNRANKED
    equals = [r.who.id for r in rows if r.place.rank == row.place.rank]
    return f"{row.place.rank}{ascii_lowercase[equals.index(row.who.id)] if len(equals) > 1 else ''}"
