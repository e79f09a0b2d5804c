"""``blindsky demo``: the main job once, tiny, in one folder."""

from __future__ import annotations

import os
from pathlib import Path

import click

from blindsky.commands import answer, json_option


@click.command()
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("demo"),
    show_default=True,
    help="Arena.",
)
@json_option
def command(out: Path, as_json: bool) -> None:
    """Run every challenge once, tiny: generate, quick baselines, score, render the board, reveal, render again.

    \b
    Example:
      blindsky demo
      blindsky demo --out contest
    """
    from blindsky.baselines import baseline as baselines
    from blindsky.challenges import generation, registry
    from blindsky.challenges.errors import MissingExtra
    from blindsky.challenges.trust import reveal, verify
    from blindsky.commands.baseline import hand_in
    from blindsky.leaderboard.rebuild import rebuild
    from blindsky.submissions.arena import Arena
    from blindsky.submissions.judging import score_due

    arena = Arena(out)
    settings = baselines.Settings(workers=os.cpu_count() or 1)
    made = []
    for name in registry.names():
        challenge = registry.get(name)
        track = challenge.tracks[0].name
        try:
            release = generation.generate(challenge, track, "tiny", arena.releases, workers=settings.workers)
        except MissingExtra as missing:
            click.echo(f"left out {name}: {missing}", err=True)
            continue
        made.append(release.public.release_id)
        click.echo(f"generated {release.public.release_id}", err=True)
        for full in baselines.names(name):
            baseline = baselines.get(full)
            if baseline.heavy or (baseline.tracks is not None and track not in baseline.tracks):
                continue
            try:
                hand_in(arena, release.public, baseline, settings)
                click.echo(f"handed in {full}", err=True)
            except MissingExtra as missing:
                click.echo(f"left out {full}: {missing}", err=True)
    score_due(arena)
    rebuild(arena, arena.site)
    click.echo("scored, board rendered with its public part", err=True)
    for release_id in made:
        release = arena.release(release_id)
        reveal(release)
        verdict = verify(release.public, release)
        click.echo(f"revealed {release_id}: {'as promised' if verdict.ok else verdict.problems[0]}", err=True)
    rebuild(arena, arena.site)
    content = {"arena": str(out), "releases": made, "site": str(arena.site / "index.html")}
    answer(content, as_json, f"open {arena.site / 'index.html'} in a browser")
