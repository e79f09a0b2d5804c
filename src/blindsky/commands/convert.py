"""``blindsky convert``: the catalogue of another program becomes a prediction."""

from __future__ import annotations

from pathlib import Path

import click

from blindsky.commands import answer, arena_option, json_option, next_command


@click.command()
@click.argument(
    "catalogues",
    metavar="CATALOGUE...",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@click.option("--from", "source", required=True, help="<challenge>/<format>: hi/sofia.")
@click.option(
    "--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help=".parquet, .csv or .txt."
)
@click.option(
    "--mode", help="Sizes by the relation with mass (relation) or from the ellipse (gauss) (hi/sofia)."
)
@click.option("--threshold", type=float, help="Least reliability of a source (hi/sofia).")
@arena_option
@json_option
def command(
    catalogues: tuple[Path, ...],
    source: str,
    out: Path,
    mode: str | None,
    threshold: float | None,
    arena: Path | None,
    as_json: bool,
) -> None:
    """Turn a CATALOGUE of another program into a prediction; several ones are of overlapping regions and are merged.

    \b
    Example:
      blindsky convert cube_cat.txt --from hi/sofia --out predictions.txt
      blindsky convert regions/*_cat.xml --from hi/sofia --out predictions.parquet --threshold 0.5
    """
    from blindsky.challenges.converting import convert_files

    options = {name: value for name, value in (("mode", mode), ("threshold", threshold)) if value is not None}
    n = convert_files(source, catalogues, out, options)
    check = next_command(f"check {out} --release RELEASE", arena)
    answer({"rows": n, "path": str(out)}, as_json, f"{out}: {n:,} rows\n  next     {check}")
