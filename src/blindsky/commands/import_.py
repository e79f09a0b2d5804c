"""``blindsky import``: real data become a release."""

from __future__ import annotations

from pathlib import Path

import click

from blindsky.commands import answer, arena_option, json_option, next_command, open_arena


@click.command(name="import")
@click.argument("source")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--columns",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="TOML that names columns, units and test fraction, for formats that need one.",
)
@click.option("--track", help="Track of the challenge that the data belong to (default: its first).")
@click.option("--id", "release_id", help="Name of the release.")
@arena_option
@json_option
def command(
    source: str,
    files: tuple[Path, ...],
    columns: Path | None,
    track: str | None,
    release_id: str | None,
    arena: Path | None,
    as_json: bool,
) -> None:
    """Turn real data into a release. SOURCE is <challenge>/<format>, such as photoz/dc2 or photoz/catalogue.

    \b
    Example:
      blindsky import photoz/dc2 dc2_training.hdf5 dc2_validation.hdf5
      blindsky import photoz/catalogue survey.fits --columns survey.toml --id survey-2027
    """
    from blindsky.challenges.importing import import_release

    release = import_release(
        source, files, open_arena(arena).releases, columns=columns, track=track, release_id=release_id
    )
    manifest = release.public.manifest
    splits, notes = manifest["splits"], manifest["source"]["notes"]
    lines = [
        f"{release.public.release_id}: {splits['train']['rows']:,} training and {splits['test']['rows']:,} test rows",
        *(f"  note: {note}" for note in notes),
        f"  publish  {release.public.root}",
        f"  keep     {release.private}  (truth and key, never publish)",
        f"  next     {next_command(f'show {release.public.release_id}', arena)}",
    ]
    content = {
        "release": release.public.release_id,
        "path": str(release.root),
        "splits": splits,
        "notes": notes,
    }
    answer(content, as_json, "\n".join(lines))
