"""``blindsky verify``: is the release what it promised to be?"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from blindsky.commands import arena_option, json_option, open_arena


@click.command()
@click.argument("release")
@arena_option
@json_option
def command(release: str, arena: Path | None, as_json: bool) -> None:
    """Check every public file of RELEASE against the manifest and, once the truth is public, every hidden row.

    The organiser's own copy is checked with its private part. Exit code 1 where something differs.

    \b
    Example:
      blindsky verify photoz-biased-tiny-1a2b3c4d
      blindsky verify downloads/photoz-biased-tiny-1a2b3c4d --json
    """
    from blindsky.challenges.release import SECRET, open_public, open_release
    from blindsky.challenges.trust import verify

    path = open_arena(arena).release_path(release)
    held = open_release(path) if (path / "private" / SECRET).is_file() else None
    public = open_public(path)
    verdict = verify(public, held)
    if as_json:
        click.echo(json.dumps(verdict.to_dict(), ensure_ascii=False, indent=1))
    else:
        looked = f"{verdict.files} files, {verdict.hidden_rows:,} hidden rows"
        if verdict.ok:
            missing = "; the truth is not public yet" if public.has_truth else "; its truth is not known"
            pending = "" if verdict.hidden_rows else missing
            click.echo(f"{verdict.release_id}: everything is as promised ({looked}{pending})")
        else:
            click.echo(
                "\n".join([f"{verdict.release_id}: not as promised", *(f"  {p}" for p in verdict.problems)])
            )
    sys.exit(0 if verdict.ok else 1)
