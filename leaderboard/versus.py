"""Entries of one board against each other: by how much one is better than another, and with whom it is compared.

After the reveal a difference comes from the replicates that the ranking itself used. Before it there is only what
the board shows: a paired interval of two predictions that differ in one row would tell the truth of that row, so the
shown intervals are joined as if the two entries erred independently, which is wider.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from blindsky.leaderboard import ranks
from blindsky.leaderboard.boards import CEILING, BoardTable, ReleaseView, Row
from blindsky.leaderboard.cells import EMPTY, Cell, cell, shown_difference

MOST_TIED = 8  # of its tie group, those nearest in rank
BETTER, WORSE, ALIKE, UNTOLD = "better", "worse", "can’t be told apart", ""


class Versus(NamedTuple):
    """Another entry, why it is compared, by how much this entry is better (below 0: worse), and whether that tells."""

    row: Row
    roles: tuple[str, ...]
    gap: Cell
    verdict: str


def against(release: ReleaseView, table: BoardTable, of: Row) -> tuple[Versus, ...]:
    """An entry against the leader, its neighbours, its tie group, the best baseline and the ceilings.

    In the order of the board.
    """
    roles = _roles(table, of)
    return tuple(
        Versus(row, tuple(roles[row.who.id]), *gap(release, table, of, row))
        for row in table.rows
        if row.who.id in roles
    )


def more_tied(table: BoardTable, of: Row) -> int:
    """How many of its tie group ``against`` leaves out."""
    return (
        max(0, sum(row.place.tie == of.place.tie for row in table.ranked) - 1 - MOST_TIED)
        if of.place.tie
        else 0
    )


def gap(release: ReleaseView, table: BoardTable, of: Row, other: Row) -> tuple[Cell, str]:
    """By how much ``of`` is better than ``other`` in the primary metric, with its 95 % interval, and the verdict."""
    if release.rounded:
        key = table.primary.key
        shown = shown_difference(table.primary, of.cells[key], other.cells[key])
        return shown, UNTOLD if shown.low is None or shown.high is None else _verdict(
            shown.low, shown.high, UNTOLD
        )
    first, second = table.contenders[other.who.id], table.contenders[of.who.id]
    if not (math.isfinite(first.loss) and math.isfinite(second.loss)):
        return EMPTY, UNTOLD
    if not len(first.replicates) == len(second.replicates) > 0:
        return cell({"value": first.loss - second.loss}, rounded=False), UNTOLD
    found = ranks.difference(first=first, second=second)
    shown = cell({**found._asdict(), "interval": "percentile"}, rounded=False)
    return shown, _verdict(found.low, found.high, ALIKE)


def _verdict(low: float, high: float, otherwise: str) -> str:
    return BETTER if low > 0 else WORSE if high < 0 else otherwise


def _roles(table: BoardTable, of: Row) -> dict[str, list[str]]:
    """Why each other entry is compared, by id."""
    roles: dict[str, list[str]] = {}

    def name(row: Row, role: str) -> None:
        if row.who.id != of.who.id:
            roles.setdefault(row.who.id, []).append(role)

    ranked = table.ranked
    for row in table.rows:
        if row.who.kind == CEILING:
            name(row, "ceiling")
    for row in ranked[:1]:
        name(row, "leader")
    for row in [r for r in ranked if r.who.kind == "baseline"][:1]:
        name(row, "best baseline")
    if of.place.rank:
        at = ranked.index(of)
        for row in ranked[max(at - 1, 0) : at]:
            name(row, "next above")
        for row in ranked[at + 1 : at + 2]:
            name(row, "next below")
        for row in _nearest_tied(ranked, at):
            name(row, f"tie group {of.place.tie}")
    return roles


def _nearest_tied(ranked: Sequence[Row], at: int) -> list[Row]:
    tied = [
        (abs(k - at), k) for k, row in enumerate(ranked) if k != at and row.place.tie == ranked[at].place.tie
    ]
    return [ranked[k] for _, k in sorted(tied)[:MOST_TIED]]
