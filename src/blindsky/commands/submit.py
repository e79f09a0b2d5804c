"""``blindsky submit``: check a prediction and hand it in."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from blindsky.commands import answer, arena_option, json_option, next_command, open_arena, release_option


@click.command()
@click.argument("prediction", type=click.Path(path_type=Path))
@release_option
@click.option("--team", required=True, help="Who sends it, as the board will show it.")
@click.option("--method", required=True, help="What made it, as the board will show it.")
@click.option("--description", default="", help="A sentence or two on the method.")
@click.option(
    "--ids", type=click.Path(path_type=Path), help="Ids of the rows, for a format that has none (qp)."
)
@click.option(
    "--training",
    type=click.Path(path_type=Path),
    help="Where a catalogue is asked: what the method finds in the training field, for figures alone.",
)
@arena_option
@json_option
def command(
    prediction: Path,
    release: str,
    team: str,
    method: str,
    description: str,
    ids: Path | None,
    training: Path | None,
    arena: Path | None,
    as_json: bool,
) -> None:
    """Check PREDICTION and hand it in, in the organiser's arena. Nothing is kept unless it is accepted.

    A participant sends the file to the organiser, who hands it in. A later submission of the same team and method
    supersedes the earlier one.

    \b
    Example:
      blindsky submit predictions.parquet --release photoz-biased-tiny-1a2b3c4d --team "Team A" --method "MDN"
    """
    held = open_arena(arena)
    found = held.submit(
        prediction, release, team=team, method=method, description=description, ids=ids, training=training
    )
    lines = [f"accepted {found.id}: {found.rows:,} rows for {found.release}"]
    lines += [f"  note: {note}" for note in found.notes]
    scorable = held.public(release).held
    next_line = (
        next_command(f"score {found.id}", arena) if scorable else f"send {prediction} to the organiser"
    )
    if not scorable:
        lines.append(
            "  note: it is kept here alone, and the private part of the release, which scores it, is not here"
        )
    lines.append(f"  next  {next_line}")
    answer(asdict(found) | {"scorable": scorable}, as_json, "\n".join(lines))
