"""``blindsky leaderboard``: from cards to a static site, or to a table in the terminal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from blindsky.commands import answer, arena_option, json_option, next_command, open_arena

if TYPE_CHECKING:
    from blindsky.submissions.arena import Arena


@click.command()
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="Folder (default: site/ in the arena)."
)
@click.option("--terminal", is_flag=True, help="Print the boards here instead of writing pages.")
@click.option("--release", help="With --terminal: this release alone, by id or path.")
@arena_option
@json_option
def command(out: Path | None, terminal: bool, release: str | None, arena: Path | None, as_json: bool) -> None:
    """Render the site of every release in the organiser's arena: ranks, intervals, ties, a page per entry.

    The pages open from the disk and make no request to other sites. Of what has not changed since the last time
    nothing is rendered again.

    \b
    Example:
      blindsky leaderboard
      blindsky leaderboard --out site/
      blindsky leaderboard --terminal --release photoz-2027
    """
    held = open_arena(arena)
    if terminal:
        if out is not None:
            raise click.UsageError("--terminal writes no pages, so leave --out away")
        _print(held, release, as_json)
        return
    if release is not None:
        raise click.UsageError(
            "--release chooses what --terminal prints; the site always shows every release"
        )
    from blindsky.leaderboard.rebuild import rebuild

    target = out or held.site
    made = rebuild(held, target)
    who = "1 entry has" if made.waiting == 1 else f"{made.waiting} entries have"
    lines = [f"wrote {target / 'index.html'} (releases: {len(made.releases)}, entries: {made.entries})"]
    if made.waiting:
        lines.append(f"{who} no current card: run {next_command('score --all', arena)}")
    for entry, why in made.undrawn.items():
        lines.append(f"{entry} lacks pictures, by a fault of the challenge's code ({why}): report it, please")
    content = {"site": str(target), "releases": list(made.releases), "entries": made.entries}
    content |= {"waiting": made.waiting, "rendered": made.rendered, "undrawn": dict(made.undrawn)}
    answer(content, as_json, "\n".join(lines))


def _print(arena: Arena, release: str | None, as_json: bool) -> None:
    from blindsky.leaderboard import boards, exports, terminal
    from blindsky.leaderboard.publish import boards_view

    names = arena.held_ids() if release is None else (release,)
    shown = [boards_view(arena, arena.release(name)) for name in names]
    tables = [(view, boards.board_tables(view, view.parts[0])) for view in shown]
    if as_json:
        found = [exports.board_content(view, of_view, boards.asides(view)) for view, of_view in tables]
        click.echo(json.dumps(found, ensure_ascii=False, indent=1))
    else:
        click.echo(terminal.text(tables), nl=False)
