"""The tables of the site, before anything is drawn: which entries stand where, with which numbers.

Plain data in, plain data out. The page, ``board.json`` and ``board.csv`` are all written from these tables,
so that they can't disagree; and nothing that a table lacks can reach the site.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np

from blindsky.challenges.challenge import Board, Challenge, Plate
from blindsky.leaderboard import ranks
from blindsky.leaderboard.cells import EMPTY, Cell, cell, shown_difference, tidy
from blindsky.leaderboard.coarse import Where, least_widths
from blindsky.leaderboard.pictures import NO_PICTURES, Album
from blindsky.scoring.measurements import FloatArray
from blindsky.scoring.metric import Metric

PARTS = {"open": ("public",), "revealed": ("private", "all", "public")}
PART_TITLES = {"public": "public part", "private": "private part", "all": "all cases"}
WHOLE = {"open": "public", "revealed": "all"}  # the part whose slices and figures are shown
CEILING, YARDSTICK = "ceiling", "yardstick"
COMPETING = frozenset(("submission", "baseline"))  # other kinds are references, never ranked
# A slice of fewer cases stays blank. While numbers are rounded to a tenth of their intervals, one case moves them by
# less than a step only from some hundred on: intervals shrink as their root, the share of one case as their number
FEWEST = {"open": 100, "revealed": 10}
# Before the reveal in place of a reason that code which sees the truth wrote
UNSAID = "scoring failed; the organiser sees why with: blindsky list --release ID"


Card = Mapping[str, Any]


@dataclass(frozen=True)
class EntryView:
    """One entry: its score card, replicates by ``<part>/<key>``, its state, a reason unless it is valid."""

    card: Card
    replicates: Mapping[str, FloatArray]
    state: str
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class ReleaseView:
    """One release as the site shows it.

    challenge : the declaration as the track asks it.     manifest : facts to show, label -> value.
    digests : the release's current ``data``, ``truth`` and ``scorer``; a card with others is not ranked.
    committed_scorer : the scorer's digest when the truth was committed to, where known.
    album : pictures of cases, where their data are images.     plates : figures about the public data.
    examples : of entries by id, what they say of a few test cases, after the reveal.   undrawn : of entries by id, why
    their pictures can't be drawn; for the organiser, as the reason may tell of hidden data.
    whole : the declaration with all its tracks, where known.   data_card : Markdown, the release's public README.
    public : its public manifest.   revealed_on : when the truth was published.   url : where the public part can be
    downloaded, with a slash at the end.   contact : whom participants send their files to; all empty where unknown.
    """

    release_id: str
    challenge: Challenge
    track: str
    size: str
    title: str
    status: Literal["open", "revealed"]
    created: str
    entries: tuple[EntryView, ...]
    digests: Mapping[str, str]
    manifest: Mapping[str, Any] = field(default_factory=dict)
    committed_scorer: str | None = None
    album: Album = NO_PICTURES
    plates: tuple[Plate, ...] = ()
    examples: Mapping[str, tuple[Plate, ...]] = field(default_factory=dict)
    undrawn: Mapping[str, str] = field(default_factory=dict)
    whole: Challenge | None = None
    data_card: str = ""
    public: Mapping[str, Any] = field(default_factory=dict)
    revealed_on: str = ""
    url: str = ""
    contact: str = ""

    @property
    def question(self) -> Challenge:
        """The challenge with all its tracks, where they are known."""
        return self.whole or self.challenge

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts whose numbers may be shown, the one that ranks first."""
        return PARTS[self.status]

    @property
    def rounded(self) -> bool:
        """Whether values are rounded to a tenth of their interval."""
        return self.status == "open"

    @cached_property
    def least(self) -> Mapping[Where, float]:
        """Width that rounding follows at least, while the release is open."""
        return least_widths([e.card for e in self.entries]) if self.rounded else {}


class Who(NamedTuple):
    """Whose entry it is, with the text of others bounded."""

    id: str
    kind: str
    team: str
    method: str
    submitted: str

    @property
    def headline(self) -> str:
        """What names the entry: the team of a submission, the method of what ships with the release."""
        return self.team if self.kind == "submission" or not self.method else self.method

    @property
    def subline(self) -> str:
        """The other of the two, or nothing."""
        other = self.method if self.headline == self.team else self.team
        return "" if other == self.headline else other

    @property
    def name(self) -> str:
        """Team and method of a submission in one line; of others the method."""
        return f"{self.team} · {self.method}" if self.kind == "submission" and self.subline else self.headline

    @property
    def competes(self) -> bool:
        """Whether it takes part in the ranking, placed or not."""
        return self.kind in COMPETING


class Aside(NamedTuple):
    """An entry that no board holds, and why."""

    who: Who
    state: str
    reason: str


class Row(NamedTuple):
    """One entry on one board: where it stands, and its cells by metric key."""

    who: Who
    place: ranks.Place
    cells: Mapping[str, Cell]
    why_unranked: str


class Lead(NamedTuple):
    """Who leads, whom, by how much in the primary metric, and who can't be told apart from the leader."""

    first: Row
    second: Row | None
    gap: Cell
    separable: bool
    tied: tuple[Row, ...]


class BoardTable(NamedTuple):
    """One board on one part of the cases; after the reveal ``contenders`` are its entries as the ranking saw them."""

    board: Board
    part: str
    cases: int | None
    primary: Metric
    metrics: tuple[Metric, ...]
    rows: tuple[Row, ...]
    lead: Lead | None
    contenders: Mapping[str, ranks.Contender]

    @property
    def at_threshold(self) -> tuple[str, ...]:
        """Metrics whose intervals are those of a share above the observed threshold, because few cases decide on it."""
        of_shares = [m.key for m in self.metrics if m.interval != "binomial"]
        return tuple(k for k in of_shares if any(row.cells[k].interval == "binomial" for row in self.rows))

    @property
    def ranked(self) -> tuple[Row, ...]:
        """The rows that have a rank."""
        return tuple(row for row in self.rows if row.place.rank)


def current(release: ReleaseView) -> tuple[EntryView, ...]:
    """The valid entries scored with the release's present data, truth and scorer."""
    return tuple(e for e in release.entries if e.state == ranks.RANKED_STATE and not _stale(release, e))


def asides(release: ReleaseView) -> tuple[Aside, ...]:
    """The entries that no board holds, by id, each with its reason."""
    found = []
    for entry in release.entries:
        stale = _stale(release, entry)
        if entry.state == ranks.RANKED_STATE and not stale:
            continue
        reason, state = entry.reason, entry.state
        if entry.state == ranks.RANKED_STATE:
            reason, state = (
                f"scored by another version ({', '.join(stale)}): run blindsky score --all",
                "outdated",
            )
        elif entry.state == "failed" and release.status == "open":
            reason = UNSAID
        found.append(Aside(whose(entry), state, tidy(reason, 400)))
    return tuple(sorted(found))


def board_tables(release: ReleaseView, part: str) -> tuple[BoardTable, ...]:
    """Every board of the challenge on one part."""
    return tuple(_board_table(release, board, part) for board in release.challenge.boards)


def _board_table(release: ReleaseView, board: Board, part: str) -> BoardTable:
    entries = {
        entry_id(e): e for e in current(release) if not board.requires or board.requires in e.card["fields"]
    }
    present = {key for e in entries.values() for key in _metrics(e.card, part)}
    primary = release.challenge.metric(next((k for k in board.primary if k in present), board.primary[-1]))
    defined = {
        key
        for e in entries.values()
        for key, m in _metrics(e.card, part).items()
        if m.get("value") is not None
    }
    others = [k for k in board.metrics if k in defined and k != primary.key]
    metrics = (primary, *(release.challenge.metric(k) for k in others))
    cells = {i: {m.key: _cell(release, e, m.key, part) for m in metrics} for i, e in entries.items()}
    contenders: dict[str, ranks.Contender] = {}
    if release.rounded:
        ranking = ranks.rank_shown(entries=[_shown(e, primary, cells[i], part) for i, e in entries.items()])
    else:
        contenders = {i: _contender(e, primary, part) for i, e in entries.items()}
        ranking = ranks.rank(entries=list(contenders.values()))
    rows = [
        Row(whose(e), ranking.places[i], cells[i], _why_unranked(e, primary, part))
        for i, e in entries.items()
    ]
    declared = [r.name for r in release.challenge.references]

    def place(row: Row) -> tuple[int, bool, int, int, str]:
        """Ceilings, then entries by rank, then other references as they are declared."""
        known = declared.index(row.who.id) if row.who.id in declared else len(declared)
        order = 0 if row.who.kind == CEILING else 1 if row.who.competes else 2
        return order, row.place.rank == 0, row.place.rank, known, row.who.id

    rows.sort(key=place)
    sizes = [e.card["parts"][part]["n"] for e in entries.values() if part in e.card["parts"]]
    lead = _lead(rows, primary, contenders, ranking)
    cases = max(sizes, default=None)
    return BoardTable(board, part, cases, primary, metrics, tuple(rows), lead, contenders)


def replicates_of(challenge: Challenge, parts: Sequence[str], card: Card) -> set[str]:
    """Names of the replicates that boards and cells ask for: of what ranks, and where these say how far to round."""
    ranks_by = {key for board in challenge.boards for key in board.primary}
    return {
        f"{part}/{key}"
        for part in parts
        for key, metric in _metrics(card, part).items()
        if key in ranks_by or metric.get("interval") != "percentile"
    }


def metric_cells(release: ReleaseView, entry: EntryView, key: str) -> dict[str, Cell]:
    """One metric of an entry in every part that may be shown."""
    return {part: _cell(release, entry, key, part) for part in release.parts}


def entry_id(entry: EntryView) -> str:
    """The id of an entry."""
    return str(entry.card["entry"]["id"])


def whose(entry: EntryView) -> Who:
    """Whose entry it is."""
    who = entry.card["entry"]
    return Who(
        id=entry_id(entry),
        kind=str(who["kind"]),
        team=tidy(who.get("team", "")) or tidy(who["id"]),
        method=tidy(who.get("method", "")),
        submitted=tidy(who.get("submitted") or "", 40),
    )


def _stale(release: ReleaseView, entry: EntryView) -> list[str]:
    """Names of the digests that differ from the release's own."""
    made_with = entry.card.get("provenance", {})
    return [name for name, digest in release.digests.items() if made_with.get(name) != digest]


def _metrics(card: Card, part: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = card["parts"].get(part, {}).get("metrics", {})
    return found


def _cell(release: ReleaseView, entry: EntryView, key: str, part: str) -> Cell:
    metric = _metrics(entry.card, part).get(key)
    # Ends that are percentiles of the replicates have their width already, and reading these takes time
    own = metric is not None and metric.get("interval") != "percentile"
    return cell(
        metric,
        entry.replicates.get(f"{part}/{key}") if own else None,
        rounded=release.rounded,
        least=release.least.get((part, None, key), 0.0),
    )


def _contender(entry: EntryView, primary: Metric, part: str) -> ranks.Contender:
    """An entry as the ranking sees it after the reveal."""
    value = _metrics(entry.card, part).get(primary.key, {}).get("value")
    return ranks.Contender(
        id=entry_id(entry),
        state=entry.state,
        loss=np.nan if value is None else float(primary.loss(np.array([value]))[0]),
        replicates=primary.loss(_replicates(entry, primary, part)),
        rankable=_rankable(entry, primary, part),
    )


def _shown(entry: EntryView, primary: Metric, cells: Mapping[str, Cell], part: str) -> ranks.Shown:
    """An entry as the ranking sees it before the reveal."""
    shown = cells[primary.key]
    return ranks.Shown(
        id=entry_id(entry),
        state=entry.state,
        loss=np.nan if shown.value is None else float(primary.loss(np.array([shown.value]))[0]),
        half=shown.half,
        unit=10.0**-shown.decimals,
        rankable=_rankable(entry, primary, part),
    )


def _replicates(entry: EntryView, primary: Metric, part: str) -> FloatArray:
    return np.asarray(entry.replicates.get(f"{part}/{primary.key}", ()), dtype=np.float64)


def _rankable(entry: EntryView, primary: Metric, part: str) -> bool:
    return str(entry.card["entry"]["kind"]) in COMPETING and len(_replicates(entry, primary, part)) > 0


def _why_unranked(entry: EntryView, primary: Metric, part: str) -> str:
    if entry.card["entry"]["kind"] not in COMPETING:
        return (
            "a yardstick, not ranked"
            if entry.card["entry"]["kind"] == YARDSTICK
            else "reads the truth, not ranked"
        )
    if _metrics(entry.card, part).get(primary.key, {}).get("value") is None:
        return f"{primary.key} is undefined, so it is not ranked"
    return "scored without replicates, so it is not ranked: run blindsky score --all"


def _lead(
    rows: list[Row], primary: Metric, contenders: Mapping[str, ranks.Contender], ranking: ranks.Ranking
) -> Lead | None:
    ranked = [row for row in rows if row.place.rank]
    if not ranked:
        return None
    first = ranked[0]
    if len(ranked) == 1:
        return Lead(first, None, EMPTY, True, ())
    second = ranked[1]
    tied = tuple(r for r in ranked[1:] if not ranking.separable[first.who.id, r.who.id])
    if contenders:
        gap = ranks.difference(first=contenders[second.who.id], second=contenders[first.who.id])
        by = cell({**gap._asdict(), "interval": "percentile"}, rounded=False)
    else:
        by = shown_difference(primary, first.cells[primary.key], second.cells[primary.key])
    return Lead(first, second, by, ranking.separable[first.who.id, second.who.id], tied)


def requirement_text(metric: Metric) -> str:
    """The lines that surveys ask for, in words."""
    sign = {"low": "below ", "high": "above ", "target": "within ±", "none": ""}[metric.direction]
    lines = (f"{line.label} {sign}{line.value:g}" for line in metric.requirements)
    return "; ".join(lines).replace("-", "\N{MINUS SIGN}")
