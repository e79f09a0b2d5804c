"""``blindsky export``: a release in another project's file format."""

from __future__ import annotations

from pathlib import Path

import click

from blindsky.commands import answer, arena_option, json_option, open_arena


@click.command()
@click.argument("release")
@click.option("--format", "form", required=True, help="File format: fits for lens, csv for transients.")
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder to make, which must not exist.",
)
@arena_option
@json_option
def command(release: str, form: str, out: Path, arena: Path | None, as_json: bool) -> None:
    """Write a RELEASE (an id in the arena, or a path) in the file format of the original challenge.

    Only public data go along: the labels of the test split are there after the reveal.

    \b
    Example:
      blindsky export lens-ground-small-1a2b3c4d --format fits --out stamps/
    """
    from blindsky.challenges.exporting import export_release
    from blindsky.challenges.release import open_public

    public = open_public(open_arena(arena).release_path(release))
    notes = export_release(public, form, out)
    content = {"release": public.release_id, "format": form, "path": str(out), "notes": list(notes)}
    lines = [f"{public.release_id}: written to {out}", *(f"  note: {note}" for note in notes)]
    answer(content, as_json, "\n".join(lines))
