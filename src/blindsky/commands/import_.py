"""``blindsky import``: real data become a release."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from blindsky.commands import answer, arena_option, json_option, next_command, open_arena

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(name="import")
@click.argument("source")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--columns",
    type=_FILE,
    help="TOML that names columns, units and test fraction (photoz/catalogue).",
)
@click.option("--edition", help="Edition of the data: 1.0-ground, 1.0-space or 2.0 (lens/bologna).")
@click.option(
    "--labels",
    type=_FILE,
    multiple=True,
    help="Catalogue with the labels of the training folder; once more for those of a test folder (lens/bologna).",
)
@click.option(
    "--allow-missing",
    is_flag=True,
    help="Leave out what is missing or damaged, and say so (lens/bologna, transients/plasticc).",
)
@click.option(
    "--zeropoint", type=float, help="AB magnitude of a flux of 1, where it is another (deblending/coin)."
)
@click.option("--size", help="Size of the test field, of those in the folder: dev, ldev or full (hi/sdc2).")
@click.option("--cube", type=_FILE, help="Cube of the test field, where it has another name (hi/sdc2).")
@click.option("--cont", type=_FILE, help="Its continuum maps (hi/sdc2).")
@click.option("--truth", type=_FILE, help="Its catalogue of truth (hi/sdc2).")
@click.option(
    "--track", help="Track of the challenge that the data belong to (default: the data's, or its first)."
)
@click.option("--id", "release_id", help="Name of the release.")
@arena_option
@json_option
def command(
    source: str,
    files: tuple[Path, ...],
    columns: Path | None,
    edition: str | None,
    labels: tuple[Path, ...],
    allow_missing: bool,
    zeropoint: float | None,
    size: str | None,
    cube: Path | None,
    cont: Path | None,
    truth: Path | None,
    track: str | None,
    release_id: str | None,
    arena: Path | None,
    as_json: bool,
) -> None:
    """Turn real data into a release.

    SOURCE is <challenge>/<format>: photoz/dc2, photoz/catalogue, lens/bologna, transients/plasticc, transients/snana,
    deblending/coin, deblending/coin-results, deblending/btk, hi/sdc2.

    \b
    Example:
      blindsky import photoz/dc2 dc2_training.hdf5 dc2_validation.hdf5
      blindsky import photoz/catalogue survey.fits --columns survey.toml --id survey-2027
      blindsky import lens/bologna GroundTraining/ --edition 1.0-ground --labels classifications.csv
      blindsky import transients/plasticc plasticc/ --id plasticc
      blindsky import transients/snana SIM_HEAD.FITS.gz SIM_PHOT.FITS.gz
      blindsky import deblending/coin output-s_42-n_20000/ --zeropoint 25.5
      blindsky import hi/sdc2 sdc2/ --size ldev
    """
    from blindsky.challenges.importing import import_release

    options: dict[str, Any] = {
        "columns": columns,
        "edition": edition,
        "labels": labels,
        "allow_missing": allow_missing,
        "zeropoint": zeropoint,
        "size": size,
        "cube": cube,
        "cont": cont,
        "truth": truth,
    }
    release = import_release(
        source,
        files,
        open_arena(arena).releases,
        options={name: value for name, value in options.items() if value},
        track=track,
        release_id=release_id,
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
