"""The pages of the site as text: each takes the tables it shows and fills one template."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from markupsafe import Markup

from blindsky.challenges.challenge import Published
from blindsky.leaderboard import boards, figures
from blindsky.leaderboard.boards import CEILING, BoardTable, EntryView, ReleaseView, Row
from blindsky.leaderboard.cells import number, tidy
from blindsky.leaderboard.overlay import Drawn, caption, figure_data, overlay
from blindsky.leaderboard.pictures import GALLERY, TEST, Stamp, of_part, stamps
from blindsky.leaderboard.templating import asset, environment
from blindsky.scoring.metric import Metric

BOARD_PARTS = {"open": ("public",), "revealed": ("private", "all")}
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_RESERVED = frozenset(("index", "board"))
DIRECTIONS = {
    "low": "lower is better",
    "high": "higher is better",
    "target": "closer to {target:g} is better",
    "none": "shown, never ranked",
}
INTERVALS = {
    "percentile": "central 95 % of the bootstrap replicates",
    "signed": "central 95 % of the bootstrap replicates of the signed value",
    "binomial": "95 % Wilson interval of a share of cases",
    "null": "none of its own; shown is the central 95 % that a perfect entry of this size gets by chance",
    "none": "none",
}


class Board(NamedTuple):
    """One board as the page shows it: a table per part, the ranking one first, and the figures of that."""

    uid: str
    tables: Sequence[BoardTable]
    figures: Sequence[Markup]
    slices: Sequence[boards.SliceRow]


class Gallery(NamedTuple):
    """Pictures with what is written above them."""

    title: str
    caption: str
    stamps: Sequence[Stamp]
    wide: bool = False


class PublishedTable(NamedTuple):
    """Results published elsewhere: whose, by what kind of method, and values as text by metric key."""

    title: str
    note: str
    metrics: Sequence[Metric]
    rows: Sequence[tuple[str, str, Mapping[str, str]]]


def file_names(ids: Iterable[str]) -> dict[str, str]:
    """A file stem per id: the id itself where it is plain, otherwise its plain part and a digest.

    No two stems differ by case alone, and none is that of another page of the folder.
    """
    given = list(ids)
    alike = Counter(i.lower() for i in given)
    names = {}
    for i in given:
        plain = _SAFE.fullmatch(i) is not None and i.lower() not in _RESERVED and alike[i.lower()] == 1
        readable = re.sub(r"[^a-z0-9]+", "-", i.lower()).strip("-")[:60] or "entry"
        names[i] = i if plain else f"{readable}-{hashlib.sha256(i.encode()).hexdigest()[:8]}"
    return names


def index_page(releases: Sequence[ReleaseView], folders: Mapping[str, str]) -> str:
    """All releases, with who leads each board."""
    rows = []
    for release in releases:
        tables = boards.board_tables(release, BOARD_PARTS[release.status][0])
        rows.append(
            {
                "release": release,
                "folder": folders[release.release_id],
                "leads": [t for t in tables if t.lead],
                "entries": sum(e.card["entry"]["kind"] == "submission" for e in boards.current(release)),
            }
        )
    return _render("index.html.j2", root="", title="Leaderboards", rows=rows)


def release_page(
    release: ReleaseView,
    tables: Mapping[str, Sequence[BoardTable]],
    aside: Sequence[boards.Aside],
    pages: Mapping[str, str],
) -> str:
    """The boards of one release. ``tables`` by part; ``pages`` the file stem of each entry with a page."""
    shown = []
    for versions in zip(*tables.values(), strict=True):
        main, uid = versions[0], f"board-{versions[0].board.name}"
        shown.append(Board(uid, versions, _board_figures(main, uid), boards.slices_by_entry(release, main)))
    used = {m.key for board in shown for m in board.tables[0].metrics}
    return _render(
        "release.html.j2",
        root="../",
        title=release.title,
        release=release,
        boards=shown,
        overlay=overlay(release, next(iter(tables.values()))[0]) if shown else None,
        published=_published(release),
        plates=_plates(release),
        samples=_samples(release),
        aside=aside,
        pages=pages,
        metrics=[_described(m) for m in release.challenge.metrics if m.key in used],
        provenance=_provenance(boards.current(release)),
        whole=boards.PART_TITLES[boards.WHOLE[release.status]],
        part_titles=boards.PART_TITLES,
    )


def entry_page(release: ReleaseView, entry: EntryView, tables: Mapping[str, Sequence[BoardTable]]) -> str:
    """Everything that may be shown of one entry."""
    i = boards.entry_id(entry)
    standing = [
        (table, row) for part in tables.values() for table in part for row in table.rows if row.who.id == i
    ]
    cells = {m.key: boards.metric_cells(release, entry, m.key) for m in release.challenge.metrics}
    metrics = [
        {"metric": m, "cells": cells[m.key], "requirement": boards.requirement_text(m)}
        for m in release.challenge.metrics
        if any(c.value is not None for c in cells[m.key].values())
    ]
    slices = boards.slices_of(release, entry)
    on_boards = {m.key for table, _ in standing for m in table.metrics}
    in_slices = on_boards & {key for s in slices for key in s.cells}
    who = boards.whose(entry)
    return _render(
        "entry.html.j2",
        root="../",
        title=who.name,
        release=release,
        who=who,
        text=tidy(entry.card["entry"].get("description") or "", 2000),
        standing=standing,
        metrics=metrics,
        slices=slices,
        slice_keys=[m.key for m in release.challenge.metrics if m.key in in_slices],
        figures=_entry_figures(release, entry, boards.WHOLE[release.status]),
        galleries=_entry_galleries(release, entry),
        training=(_entry_figures(release, entry, "train"), _places(release, entry, "train")),
        notes=[tidy(note, 500) for note in entry.card.get("notes", ())],
        provenance=_flat(entry.card.get("provenance", {})),
        whole=boards.PART_TITLES[boards.WHOLE[release.status]],
        part_titles=boards.PART_TITLES,
    )


def _render(template: str, **context: Any) -> str:
    """A template with the style and script in the page, and a policy that lets nothing else be loaded."""
    style, script = asset("site.css"), asset("site.js")
    policy = f"default-src 'none'; img-src data:; style-src {_digest(style)}; script-src {_digest(script)}"
    return (
        environment()
        .get_template(template)
        .render(
            style=Markup(style),
            script=Markup(script),
            policy=policy,
            requirement_text=boards.requirement_text,
            directions=DIRECTIONS,
            **context,
        )
    )


def _digest(text: str) -> str:
    return f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _board_figures(table: BoardTable, uid: str) -> list[Markup]:
    primary = table.primary
    rows = [_dot(row, primary) for row in table.rows if row.cells[primary.key].value is not None]
    if not rows:
        return []
    signs = (-1, 1) if primary.direction == "target" else (1,)
    lines = [{"value": s * r.value, "label": r.label} for r in primary.requirements for s in signs]
    drawn = [
        figures.draw(
            "dot_interval",
            {"rows": rows, "x_label": axis_label(primary), "requirements": lines},
            uid=f"{uid}-dots",
            title=f"{primary.title} of every entry, with its interval",
        )
    ]
    shown = {m.key: m for m in table.metrics}
    if table.board.compare and all(key in shown for key in table.board.compare):
        x, y = (shown[key] for key in table.board.compare)
        points = [_point(row, x, y) for row in table.rows if row.who.competes or row.who.kind == CEILING]
        drawn.append(
            figures.draw(
                "scatter",
                {"points": points, "x_label": axis_label(x), "y_label": axis_label(y)},
                uid=f"{uid}-scatter",
                title=f"{y.title} against {x.title}, entry by entry",
            )
        )
    return drawn


def _dot(row: Row, primary: Metric) -> dict[str, Any]:
    c = row.cells[primary.key]
    own = c.interval != "null"  # the band of a perfect entry isn't this entry's interval
    return {
        "place": str(row.place.rank or ""),
        "label": row.who.name,
        "value": c.value,
        "text": c.text,
        "low": c.low if own else None,
        "high": c.high if own else None,
        "kind": row.who.kind,
    }


def _point(row: Row, x: Metric, y: Metric) -> dict[str, Any]:
    mark = str(row.place.rank) if row.place.rank else row.who.name
    return {
        "label": row.who.name,
        "mark": mark,
        "named": not row.place.rank,
        "x": row.cells[x.key].value,
        "y": row.cells[y.key].value,
        "kind": row.who.kind,
    }


def axis_label(metric: Metric) -> str:
    """Key and unit, as on an axis."""
    return f"{metric.key} [{metric.unit}]" if metric.unit else metric.key


def _entry_figures(release: ReleaseView, entry: EntryView, part: str) -> list[Drawn]:
    drawn = []
    for f in release.challenge.figures:
        data = figure_data(release, entry, f, part) if f.kind != GALLERY else None
        if data is not None:
            svg = figures.draw(f.kind, data, uid=f"figure-{part}-{f.key}", title=f.title)
            drawn.append(Drawn(f.title, caption(release, f), svg, figures.is_wide(f.kind)))
    return drawn


def _entry_galleries(release: ReleaseView, entry: EntryView) -> list[Gallery]:
    """Pictures of test cases, which say what these are: after the reveal alone."""
    if release.status != "revealed":
        return []
    pictures = release.challenge.pictures
    if pictures is not None and pictures.places is not None:
        return _places(release, entry, "all")
    found = entry.card.get("figures", {}).get("all", {})
    wide = pictures is not None and pictures.answer is not None
    of = boards.entry_id(entry) if wide else TEST
    galleries = [
        Gallery(
            f.title, f.caption, stamps(release.album, of, found[f.key]["rows"], found[f.key]["notes"]), wide
        )
        for f in release.challenge.figures
        if f.kind == GALLERY and found.get(f.key)
    ]
    return [g for g in galleries if g.stamps]


def _places(release: ReleaseView, entry: EntryView, part: str) -> list[Gallery]:
    """Pictures of places in a part of a field."""
    found = entry.card.get("figures", {}).get(part, {})
    whose = of_part(boards.entry_id(entry), part)
    galleries = [
        Gallery(
            f.title,
            f.caption,
            stamps(release.album, whose, found[f.key]["rows"], found[f.key]["notes"]),
            True,
        )
        for f in release.challenge.figures
        if f.kind == GALLERY and "places" in found.get(f.key, {})
    ]
    return [g for g in galleries if g.stamps]


def _samples(release: ReleaseView) -> list[Gallery]:
    made = [
        Gallery(s.title, "", stamps(release.album, "train", s.rows, s.notes)) for s in release.album.samples
    ]
    return [g for g in made if g.stamps]


def _plates(release: ReleaseView) -> list[tuple[str, list[Drawn]]]:
    """The figures about the public data, neighbours of a group together."""
    drawn = [
        (p.group, Drawn(p.title, p.caption, figures.draw(p.kind, p.data, uid=f"plate-{k}", title=p.title)))
        for k, p in enumerate(release.plates)
    ]
    return [(name, [one for _, one in some]) for name, some in groupby(drawn, key=lambda pair: pair[0])]


def _published(release: ReleaseView) -> PublishedTable | None:
    published: Published | None = release.challenge.tracks[0].published
    if published is None:
        return None
    results = published.results()
    shown = {key for result in results for key in result.values}
    metrics = [m for m in release.challenge.metrics if m.key in shown]
    digits = {m.key: _digits([r.values[m.key] for r in results if m.key in r.values]) for m in metrics}
    rows = [
        (r.entry, r.kind, {key: number(r.values[key], n) for key, n in digits.items() if key in r.values})
        for r in results
    ]
    return PublishedTable(published.title, published.note, metrics, rows)


def _digits(values: Sequence[float]) -> int:
    """Decimals that numbers of at most three have in common."""
    return next((n for n in (0, 1, 2) if all(abs(v - round(v, n)) < 1e-9 for v in values)), 3)


def _described(metric: Metric) -> dict[str, Any]:
    return {
        "metric": metric,
        "direction": DIRECTIONS[metric.direction].format(target=metric.target),
        "interval": INTERVALS[metric.interval],
        "requirement": boards.requirement_text(metric),
    }


def _provenance(entries: Sequence[EntryView]) -> list[str]:
    """Versions of the scoring code among the cards shown."""
    return sorted({tidy(e.card["provenance"].get("blindsky", ""), 40) for e in entries} - {""})


def _flat(provenance: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Names and values in one level, ``versions`` opened."""
    pairs = []
    for name, value in provenance.items():
        inner = value.items() if isinstance(value, Mapping) else [("", value)]
        pairs += [(f"{name} {key}".strip(), tidy(text, 100)) for key, text in inner]
    return pairs
