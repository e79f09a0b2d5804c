"""``blindsky score``: from submissions to cards."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from blindsky.commands import answer, arena_option, json_option, open_arena

if TYPE_CHECKING:
    from blindsky.submissions.arena import Arena


@click.command()
@click.argument("submissions", nargs=-1)
@click.option(
    "--all", "everything", is_flag=True, help="Score whatever has no card, an outdated card, or failed."
)
@arena_option
@json_option
def command(submissions: tuple[str, ...], everything: bool, arena: Path | None, as_json: bool) -> None:
    """Score SUBMISSIONS, or with --all every one whose card is missing or was made by another scorer, or that failed.

    A new card stands beside the earlier ones, which are kept.

    \b
    Example:
      blindsky score --all
      blindsky score 20261121T113000-1a2b3c4d --json
    """
    from blindsky.submissions.judging import score, score_due

    held = open_arena(arena)
    if bool(submissions) == everything:
        raise click.UsageError("name submissions, or say --all")
    chosen = [held.get(name) for name in dict.fromkeys(submissions)]
    done = score_due(held) if everything else score(held, chosen)
    content = [
        {
            "submission": s.submission.id,
            "release": s.submission.release,
            "team": s.submission.team,
            "method": s.submission.method,
            "state": s.state,
            "reason": s.reason,
            "card": str(held.card_folder(s.submission.id) or ""),
        }
        for s in done
    ]
    lines = [f"{s.submission.id}: {s.state}{': ' + s.reason if s.reason else ''}" for s in done]
    answer({"scored": content}, as_json, "\n".join(lines) or _nothing_due(held))


def _nothing_due(arena: Arena) -> str:
    held = set(arena.held_ids())
    strange = sorted({s.release for s in arena.all()} - held)
    lines = [
        f"every card in {arena.root} is up to date" if held else f"{arena.root} holds no release to score"
    ]
    lines += [f"  left out {name}: its private part is not here" for name in strange]
    return "\n".join(lines)
