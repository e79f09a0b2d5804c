"""``blindsky baseline``: train a baseline on the public part and hand its prediction in."""

from __future__ import annotations

import os
import shlex
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from blindsky.commands import answer, arena_option, json_option, next_command, open_arena, release_option

if TYPE_CHECKING:
    from blindsky.baselines.baseline import Baseline, Settings
    from blindsky.challenges.release import Public
    from blindsky.submissions.arena import Arena, Submission


@click.command()
@click.argument("name")
@release_option
@click.option(
    "--seed", type=int, default=0, show_default=True, help="Of everything that is drawn in training."
)
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="Where torch trains.",
)
@click.option(
    "--epochs", type=click.IntRange(1), help="Passes of a network over the training rows (default: its own)."
)
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
    epochs: int | None,
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
    chosen = baselines.get_for(name, public)
    settings = baselines.Settings(
        seed=seed,
        device=device,
        workers=workers or os.cpu_count() or 1,
        checkpoints=checkpoints,
        epochs=epochs,
    )
    if out is not None:
        baselines.predict_to_file(chosen.fit(public, settings), public, out)
        check = shlex.join(["check", str(out), "--release", release])
        text = f"wrote {out}\n  next  {next_command(check, arena)}"
        answer({"baseline": name, "prediction": str(out)}, as_json, text)
        return
    found = hand_in(held, public, chosen, settings)
    elsewhere = "run it with --out FILE and send FILE to the organiser: the private part, which scores it, is not here"
    then = next_command(f"score {found.id}", arena) if public.held else elsewhere
    text = f"accepted {found.id}: {name} on {found.release}\n  next  {then}"
    answer({"baseline": name, "submission": found.id}, as_json, text)


def hand_in(arena: Arena, public: Public, baseline: Baseline, settings: Settings) -> Submission:
    """Train a baseline, predict the test split and submit the answer as a baseline, which no quota counts."""
    from blindsky.baselines.baseline import predict_to_file

    arena.open_to(public, "baseline")  # before the long work
    model = baseline.fit(public, settings)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "prediction.parquet"
        predict_to_file(model, public, path)
        training = None
        if baseline.training:
            training = Path(folder) / "training.parquet"
            predict_to_file(model, public, training, split="train")
        return arena.submit(
            path,
            str(public.root),
            team="blindsky",
            method=baseline.title,
            description=baseline.description,
            kind="baseline",
            training=training,
        )
