"""``blindsky withdraw``: take a submission off the board."""

from __future__ import annotations

from pathlib import Path

import click

from blindsky.commands import answer, arena_option, json_option, open_arena


@click.command()
@click.argument("submission")
@click.option("--reason", default="", help="Shown on the site.")
@arena_option
@json_option
def command(submission: str, reason: str, arena: Path | None, as_json: bool) -> None:
    """Take SUBMISSION off the board for good; its files and cards stay in the arena.

    \b
    Example:
      blindsky withdraw 20261121T113000-1a2b3c4d --reason "trained on the wrong split"
    """
    found = open_arena(arena).withdraw(submission, reason)
    content = {"submission": found.id, "state": "withdrawn"}
    answer(
        content,
        as_json,
        f"withdrew {found.id} ({found.team}, {found.method}); render the site again to show it",
    )
