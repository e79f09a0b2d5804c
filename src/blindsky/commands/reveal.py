"""``blindsky reveal``: publish the truth."""

from __future__ import annotations

from pathlib import Path

import click

from blindsky.commands import answer, arena_option, json_option, open_arena


@click.command()
@click.argument("release")
@arena_option
@json_option
def command(release: str, arena: Path | None, as_json: bool) -> None:
    """Publish truth, salt and bootstrap key of RELEASE under public/revealed/. This can't be undone.

    From then on ``blindsky verify`` proves to anyone that the truth is the committed one, and the site shows the
    private part of the board.

    \b
    Example:
      blindsky reveal photoz-biased-tiny-1a2b3c4d
    """
    from blindsky.challenges.trust import reveal

    held = open_arena(arena).release(release)
    folder = reveal(held)
    content = {"release": held.public.release_id, "revealed": str(folder)}
    answer(
        content, as_json, f"revealed {held.public.release_id}: publish {folder}, then render the site again"
    )
