"""The pages of the site as text: each takes the tables it shows and fills one template."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from markupsafe import Markup

from blindsky.challenges.challenge import Published
from blindsky.leaderboard import boards, figures, galleries
from blindsky.leaderboard.board_figures import best, board_figures
from blindsky.leaderboard.boards import BoardTable, EntryView, ReleaseView, Row
from blindsky.leaderboard.cells import number, tidy
from blindsky.leaderboard.history import history
from blindsky.leaderboard.overlay import Drawn, caption, drawn, figure_data, overlay
from blindsky.leaderboard.pictures import GALLERY
from blindsky.leaderboard.slices import SliceRow, slices_by_entry, slices_of
from blindsky.leaderboard.templating import assets, environment
from blindsky.leaderboard.versus import against, more_tied
from blindsky.scoring.metric import Metric

BOARD_PARTS = {"open": ("public",), "revealed": ("private", "all")}
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_RESERVED = frozenset(
    (
        "index",
        "board",
        "compare",
        "cite",
        "croissant",
        "data",
        "plates",
        "card",
        "about",
        "feed",
        "all",
        "private",
    )
)
STYLES = ("site.css", "compare.css")
READING = ("site.js", "read.js")  # scripts of pages whose curves can be read
MANY = 40  # entries of a board that the page of a release shows; a longer one has a page of its own
PLATES = 6  # figures about the data that it shows; where there are more, a page of their own has all
SLICED = 8  # ranked entries whose slices the page of a release shows; each entry's own page has them too
UNDRAWN = "Some pictures of what it says could not be drawn."
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
    shown: BoardTable
    whole: str
    figures: Sequence[Markup]
    history: Markup | None
    slices: Sequence[SliceRow]
    sliced: Sequence[Row]


class PublishedTable(NamedTuple):
    """Results published elsewhere: whose, by what kind of method, and values as text by metric key."""

    title: str
    note: str
    metrics: Sequence[Metric]
    rows: Sequence[tuple[str, str, Mapping[str, str]]]


def file_names(ids: Iterable[str], taken: Iterable[str] = ()) -> dict[str, str]:
    """A file stem per id: the id itself where it is plain, otherwise its plain part and a digest.

    No two stems differ by case alone, and none is that of another page of the folder, or ``taken``.
    """
    given = list(ids)
    reserved = _RESERVED | {name.lower() for name in taken}
    alike = Counter(i.lower() for i in given)
    names = {}
    for i in given:
        plain = _SAFE.fullmatch(i) is not None and i.lower() not in reserved and alike[i.lower()] == 1
        readable = re.sub(r"[^a-z0-9]+", "-", i.lower()).strip("-")[:60] or "entry"
        names[i] = i if plain else f"{readable}-{hashlib.sha256(i.encode()).hexdigest()[:8]}"
    return names


def release_page(
    release: ReleaseView,
    tables: Mapping[str, Sequence[BoardTable]],
    aside: Sequence[boards.Aside],
    pages: Mapping[str, str],
    *,
    home: str = "",
    commands: Sequence[tuple[str, str]] = (),
    downloads: Sequence[str] = ("board.json", "board.csv"),
) -> str:
    """The boards of one release. ``tables`` by part; ``pages`` the file stem of each entry with a page.

    home : folder of the challenge.   commands : how to take part, and what each does.   downloads : files beside it.
    """
    shown = []
    for versions in zip(*tables.values(), strict=True):
        main, uid = versions[0], f"board-{versions[0].board.name}"
        drawn, past = board_figures(main, uid), history(main, uid=f"{uid}-history")
        slices = slices_by_entry(release, main)
        few, whole = (
            main._replace(rows=best(main.rows, MANY)),
            whole_stem(main.board.name) if is_long(main) else "",
        )
        shown.append(Board(uid, versions, few, whole, drawn, past, slices, best(main.rows, SLICED)))
    used = {m.key for board in shown for m in board.tables[0].metrics}
    return render_page(
        "release.html.j2",
        scripts=READING,
        root="../",
        title=release.title,
        release=release,
        boards=shown,
        overlay=overlay(release, next(iter(tables.values()))[0]) if shown else None,
        published=_published(release),
        plates=_plates(release, PLATES),
        more_plates=len(release.plates) if len(release.plates) > PLATES else 0,
        samples=galleries.samples(release),
        aside=aside,
        pages=pages,
        home=home,
        commands=commands,
        downloads=downloads,
        metrics=[described(m) for m in release.challenge.metrics if m.key in used],
        provenance=_provenance(boards.current(release)),
        whole=boards.PART_TITLES[boards.WHOLE[release.status]],
        part_titles=boards.PART_TITLES,
    )


def boards_page(
    release: ReleaseView, tables: Sequence[BoardTable], pages: Mapping[str, str], *, home: str, heading: str
) -> str:
    """Boards of one release by themselves: those of a part that doesn't rank, or a long one whole."""
    return render_page(
        "boards.html.j2",
        root="../",
        title=f"{release.title}: {heading}",
        heading=heading,
        release=release,
        tables=tables,
        ranks=all(table.part == release.parts[0] for table in tables),
        pages=pages,
        home=home,
        part_titles=boards.PART_TITLES,
    )


def _plates_page(release: ReleaseView, home: str) -> str:
    """All figures about the public data of a release."""
    return render_page(
        "plates.html.j2",
        scripts=READING,
        root="../",
        title=f"{release.title}: the data",
        release=release,
        home=home,
        plates=_plates(release, len(release.plates)),
    )


def more_pages(
    release: ReleaseView, tables: Mapping[str, Sequence[BoardTable]], pages: Mapping[str, str], home: str
) -> dict[str, str]:
    """What the page of a release leaves out, by file name: boards of other parts, long ones, many plates."""
    first, *others = tables
    files = {
        f"{part}.html": boards_page(release, tables[part], pages, home=home, heading=boards.PART_TITLES[part])
        for part in others
    }
    for table in tables[first]:
        if is_long(table):
            heading = f"{table.board.title}, all entries"
            made = boards_page(release, (table,), pages, home=home, heading=heading)
            files[f"{whole_stem(table.board.name)}.html"] = made
    if len(release.plates) > PLATES:
        files["plates.html"] = _plates_page(release, home)
    return files


def is_long(table: BoardTable) -> bool:
    """Whether the page of a release shows the best of a board alone."""
    return sum(row.who.competes for row in table.rows) > MANY


def whole_stem(board: str) -> str:
    """The file of a long board of that name, without its ending."""
    return f"board-{board}"


def entry_page(
    release: ReleaseView,
    entry: EntryView,
    tables: Mapping[str, Sequence[BoardTable]],
    pages: Mapping[str, str],
    home: str,
) -> str:
    """Everything that may be shown of one entry. ``pages`` the file stem of each entry with a page."""
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
    slices = slices_of(release, entry)
    on_boards = {m.key for table, _ in standing for m in table.metrics}
    in_slices = on_boards & {key for s in slices for key in s.cells}
    who = boards.whose(entry)
    return render_page(
        "entry.html.j2",
        scripts=READING,
        root="../",
        title=who.name,
        release=release,
        home=home,
        who=who,
        text=tidy(entry.card["entry"].get("description") or "", 2000),
        standing=standing,
        compared=[
            (table, row, against(release, table, row), more_tied(table, row))
            for table, row in standing
            if table.part == release.parts[0]
        ],
        pages=pages,
        metrics=metrics,
        required=any(row["requirement"] for row in metrics),
        slices=slices,
        slice_keys=[m.key for m in release.challenge.metrics if m.key in in_slices],
        figures=_entry_figures(release, entry, boards.WHOLE[release.status]),
        galleries=galleries.of_entry(release, entry),
        examples=_examples(release, i),
        training=(_entry_figures(release, entry, "train"), galleries.of_places(release, entry, "train")),
        notes=[tidy(note, 500) for note in entry.card.get("notes", ())] + [UNDRAWN] * (i in release.undrawn),
        provenance=_flat(entry.card.get("provenance", {})),
        whole=boards.PART_TITLES[boards.WHOLE[release.status]],
        part_titles=boards.PART_TITLES,
    )


def render_page(
    template: str, *, scripts: Sequence[str] = ("site.js",), loads: bool = False, **context: Any
) -> str:
    """A template with style and scripts in the page, and a policy that lets nothing else be loaded.

    loads : the page's own script, known by its hash, may load others; a policy by host would not hold for file://.
    """
    (style, of_style), (script, of_script) = assets(*STYLES), assets(*scripts)
    policy = "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; "
    policy += f"style-src {of_style}; script-src {of_script}"
    if loads:
        policy += " 'strict-dynamic'"
    return (
        environment()
        .get_template(template)
        .render(
            style=style,
            script=script,
            policy=policy,
            requirement_text=boards.requirement_text,
            directions=DIRECTIONS,
            **context,
        )
    )


def _entry_figures(release: ReleaseView, entry: EntryView, part: str) -> list[Drawn]:
    made = []
    for f in release.challenge.figures:
        data = figure_data(release, entry, f, part) if f.kind != GALLERY else None
        if data is not None:
            svg = figures.draw(f.kind, data, uid=f"figure-{part}-{f.key}", title=f.title)
            made.append(Drawn(f.title, caption(release, f), svg, figures.is_wide(f.kind)))
    return made


def _plates(release: ReleaseView, most: int) -> list[tuple[str, list[Drawn]]]:
    """The first figures about the public data, neighbours of a group together."""
    plates = release.plates[:most]
    pairs = zip((p.group for p in plates), drawn(plates, "plate"), strict=True)
    return [(name, [one for _, one in some]) for name, some in groupby(pairs, key=lambda pair: pair[0])]


def _examples(release: ReleaseView, entry: str) -> tuple[str, str, list[Drawn]] | None:
    """Title and caption of the examples of an entry, and these."""
    asked, plates = release.challenge.examples, release.examples.get(entry, ())
    return (asked.title, asked.caption, drawn(plates, "example")) if asked and plates else None


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


def described(metric: Metric) -> dict[str, Any]:
    """What is written about a metric, in words."""
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
