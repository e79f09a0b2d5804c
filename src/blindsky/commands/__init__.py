"""One verb of the command line a file; here, what they share."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from blindsky.submissions.arena import Arena

F = TypeVar("F", bound=Callable[..., Any])


def arena_option(function: F) -> F:
    """``--arena``: the folder of the contest."""
    return click.option(
        "--arena",
        type=click.Path(file_okay=False, path_type=Path),
        default=None,
        help="Folder of releases, submissions and cards (default: $BLINDSKY_ARENA, or the current folder).",
    )(function)


def json_option(function: F) -> F:
    """``--json``: the answer for machines, on standard output."""
    return click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")(function)


def release_option(function: F) -> F:
    """``--release``: an id in the arena, or a path."""
    return click.option("--release", required=True, help="Id of a release in the arena, or a path to one.")(
        function
    )


def open_arena(arena: Path | None) -> Arena:
    """The arena asked for."""
    from blindsky.api import arena_root
    from blindsky.submissions.arena import Arena

    return Arena(arena_root(arena))


def next_command(line: str, arena: Path | None) -> str:
    """A command to type next, for the arena asked for."""
    return f"blindsky {line}" + ("" if arena is None else f" --arena {shlex.quote(str(arena))}")


def answer(content: Any, as_json: bool, text: str) -> None:
    """Print the answer: JSON for machines, text for people."""
    click.echo(json.dumps(content, ensure_ascii=False, indent=1) if as_json else text)
