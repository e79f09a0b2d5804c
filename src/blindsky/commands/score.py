"""``blindsky score``: from submissions to cards."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from blindsky.commands import answer, arena_option, json_option, open_arena

if TYPE_CHECKING:
    from blindsky.submissions.arena import Arena, Submission


@click.command(short_help="Score what has been handed in.")
@click.argument("submissions", nargs=-1)
@click.option(
    "--all", "everything", is_flag=True, help="Score every submission whose card is missing or out of date."
)
@arena_option
@json_option
def command(submissions: tuple[str, ...], everything: bool, arena: Path | None, as_json: bool) -> None:
    """Score SUBMISSIONS, or with --all every one whose card is missing or was made by another scorer.

    A new card stands beside the earlier ones, which are kept.

    \b
    Example:
      blindsky score --all
      blindsky score 20261121T113000-1a2b3c4d --json
    """
    held = open_arena(arena)
    if not submissions and not everything:
        raise click.UsageError("name submissions, or say --all")
    chosen = held.all() if everything else [held.get(name) for name in submissions]
    done = score(held, chosen, again=not everything)
    lines = [f"{d['submission']}: {d['state']}{': ' + d['reason'] if d['reason'] else ''}" for d in done]
    answer({"scored": done}, as_json, "\n".join(lines) or "every card is up to date")


def score(arena: Arena, chosen: list[Submission], *, again: bool) -> list[dict[str, Any]]:
    """Score submissions with progress; unless ``again``, those with a current card are left alone.

    The reference rows of their releases are brought up to date too.
    """
    from blindsky.challenges import references
    from blindsky.challenges.progress import progress
    from blindsky.challenges.release import Release
    from blindsky.submissions.judging import is_current, judge, steps

    releases: dict[str, Release] = {}
    due = []
    for submission in chosen:
        if submission.release not in releases:
            releases[submission.release] = arena.release(submission.release)
        release = releases[submission.release]
        withdrawn = {s.submission.id for s in arena.standings(submission.release) if s.state == "withdrawn"}
        if submission.id not in withdrawn and (again or not is_current(arena, release, submission)):
            due.append((submission, release))
    for release in releases.values():
        for name in release.public.manifest["references"]:
            if not references.is_current(release, name):
                references.score(release, name)
    with progress("scoring", sum(steps(release) for _, release in due), "parts") as report:
        for submission, release in due:
            report.note(f"{submission.team}, {submission.method}")
            judge(arena, release, submission, report)
    states = {s.submission.id: s for name in releases for s in arena.standings(name)}
    return [
        {
            "submission": s.id,
            "release": s.release,
            "team": s.team,
            "method": s.method,
            "state": states[s.id].state,
            "reason": states[s.id].reason,
            "card": str(arena.card_folder(s.id) or ""),
        }
        for s, _ in due
    ]
