"""``blindsky download``: fetch the public part of a release."""

from __future__ import annotations

from pathlib import Path

import click

from blindsky.commands import answer, arena_option, json_option, open_arena


@click.command()
@click.argument("source")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder (default: releases/ in the arena).",
)
@arena_option
@json_option
def command(source: str, out: Path | None, arena: Path | None, as_json: bool) -> None:
    """Fetch the public part of a release from SOURCE, a folder or an http(s) address; every file is checked.

    A download that was stopped goes on where it was.

    \b
    Example:
      blindsky download https://example.org/photoz-biased-small-1a2b3c4d/
      blindsky download /data/photoz-biased-small-1a2b3c4d --out downloads/
    """
    from blindsky.challenges.downloading import download

    public = download(source, out or open_arena(arena).releases)
    n = len(public.manifest["files"])
    content = {"release": public.release_id, "path": str(public.root.parent), "files": n}
    text = f"{public.release_id}: {n} files, every sha256 as promised, in {public.root.parent}"
    answer(content, as_json, text)
