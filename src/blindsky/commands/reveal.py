"""``blindsky reveal``: publish the truth."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from blindsky.commands import answer, arena_option, json_option, open_arena


@click.command()
@click.argument("release")
@click.option("--yes", is_flag=True, help="Don't ask; without a terminal nobody is asked.")
@arena_option
@json_option
def command(release: str, yes: bool, arena: Path | None, as_json: bool) -> None:
    """Publish truth, salt and bootstrap key of RELEASE under public/revealed/. This can't be undone.

    From then on ``blindsky verify`` proves to anyone that the truth is the committed one, and the site shows the
    private part of the board. At a terminal it asks first.

    \b
    Example:
      blindsky reveal photoz-biased-tiny-1a2b3c4d
    """
    from blindsky.challenges.trust import reveal

    contest = open_arena(arena)
    held = contest.release(release)
    if not (yes or held.public.revealed) and sys.stdin.isatty():
        name, entries = held.public.release_id, len(contest.all(held.public.release_id))
        many = "1 submission" if entries == 1 else f"{entries} submissions"
        question = (
            f"{name} has {many}. Once its truth is public, nobody can take part any more, "
            f"and this can't be undone. Reveal {name}?"
        )
        if not click.confirm(question, err=True):
            raise click.Abort("nothing was published")
    folder = reveal(held)
    content = {"release": held.public.release_id, "revealed": str(folder)}
    answer(
        content, as_json, f"revealed {held.public.release_id}: publish {folder}, then render the site again"
    )
