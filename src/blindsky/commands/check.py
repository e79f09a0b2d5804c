"""``blindsky check``: every fault of a prediction file at once."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from blindsky.commands import arena_option, json_option, open_arena, release_option


@click.command()
@click.argument("prediction", type=click.Path(path_type=Path))
@release_option
@click.option(
    "--ids", type=click.Path(path_type=Path), help="Ids of the rows, for a format that has none (qp)."
)
@arena_option
@json_option
def command(prediction: Path, release: str, ids: Path | None, arena: Path | None, as_json: bool) -> None:
    """Check PREDICTION against a release; the truth is not needed. Exit code 1 where it would be refused.

    \b
    Example:
      blindsky check predictions.parquet --release photoz-biased-tiny-1a2b3c4d
      blindsky check predictions.csv --release downloads/photoz-biased-tiny-1a2b3c4d --json
    """
    result = open_arena(arena).check(prediction, release, ids)
    click.echo(json.dumps(result.to_dict(), ensure_ascii=False, indent=1) if as_json else str(result))
    sys.exit(0 if result.ok else 1)
