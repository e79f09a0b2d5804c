"""``blindsky baseline``: train a baseline on the public part and hand its prediction in."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import click

from blindsky.commands import answer, arena_option, json_option, open_arena, release_option


@click.command(short_help="Train a baseline and hand its prediction in.")
@click.argument("name")
@release_option
@click.option(
    "--seed", type=int, default=0, show_default=True, help="Of everything that is drawn in training."
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda.")
@click.option("--workers", type=click.IntRange(1), help="Processes or threads (default: all cores).")
@click.option(
    "--checkpoints",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of training checkpoints; a run that was stopped goes on from them.",
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the prediction to this Parquet file instead of handing it in.",
)
@arena_option
@json_option
def command(
    name: str,
    release: str,
    seed: int,
    device: str,
    workers: int | None,
    checkpoints: Path | None,
    out: Path | None,
    arena: Path | None,
    as_json: bool,
) -> None:
    """Train the baseline NAME (such as photoz/knn) on a release's public data, and hand its prediction in.

    \b
    Example:
      blindsky baseline photoz/knn --release photoz-biased-tiny-1a2b3c4d
      blindsky baseline photoz/mdn --release photoz-biased-tiny-1a2b3c4d --device cuda --out mdn.parquet
    """
    from blindsky.baselines import baseline as baselines

    held = open_arena(arena)
    public = held.public(release)
    chosen = baselines.get(name)
    settings = baselines.Settings(
        seed=seed, device=device, workers=workers or os.cpu_count() or 1, checkpoints=checkpoints
    )
    model = chosen.fit(public, settings)
    if out is not None:
        baselines.predict_to_file(model, public, out)
        answer(
            {"baseline": name, "prediction": str(out)},
            as_json,
            f"wrote {out}; check it with: blindsky check {out}",
        )
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "prediction.parquet"
        baselines.predict_to_file(model, public, path)
        found = held.submit(
            path,
            release,
            team="blindsky",
            method=chosen.title,
            description=chosen.description,
            kind="baseline",
        )
    content = {"baseline": name, "submission": found.id}
    answer(
        content,
        as_json,
        f"accepted {found.id}: {name} on {found.release}\n  score it with: blindsky score {found.id}",
    )
