"""``blindsky leaderboard``: from cards to a static site."""

from __future__ import annotations

from pathlib import Path

import click

from blindsky.commands import answer, arena_option, json_option, open_arena


@click.command()
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="Folder (default: site/ in the arena)."
)
@arena_option
@json_option
def command(out: Path | None, arena: Path | None, as_json: bool) -> None:
    """Render the site of every release in the arena: ranks, intervals, ties, a page per entry.

    The pages open from the disk and make no request to other sites.

    \b
    Example:
      blindsky leaderboard
      blindsky leaderboard --out site/
    """
    from blindsky.leaderboard.boards import asides
    from blindsky.leaderboard.publish import views
    from blindsky.leaderboard.site import build

    held = open_arena(arena)
    target = out or held.site
    found = views(held)
    build(target, found)
    entries = sum(len(v.entries) for v in found)
    waiting = sum(aside.state in ("waiting", "outdated") for v in found for aside in asides(v))
    hint = f"\n{waiting} entries have no current card: run blindsky score --all" if waiting else ""
    content = {"site": str(target), "releases": [v.release_id for v in found], "entries": entries}
    text = f"wrote {target / 'index.html'} (releases: {len(found)}, entries: {entries}){hint}"
    answer(content | {"waiting": waiting}, as_json, text)
