"""``blindsky show``: the fact sheet of a challenge, or a release."""

from __future__ import annotations

from pathlib import Path

import click

from blindsky.commands import answer, arena_option, json_option, open_arena


@click.command()
@click.argument("name")
@click.option(
    "--sample",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a valid sample submission for this release (.parquet or .csv).",
)
@arena_option
@json_option
def command(name: str, sample: Path | None, arena: Path | None, as_json: bool) -> None:
    """Show the fact sheet of a challenge, or the data card of a release.

    NAME is a challenge (photoz), or a release by id or path.

    \b
    Example:
      blindsky show photoz
      blindsky show photoz-biased-tiny-1a2b3c4d --sample sample.parquet
    """
    from blindsky.challenges import datacard, registry
    from blindsky.challenges.errors import InputFault
    from blindsky.challenges.release import open_public

    if name in registry.names():
        if sample is not None:
            raise click.UsageError("--sample needs a release, because the ids are the release's own")
        challenge = registry.get(name)
        content = {
            "name": challenge.name,
            "title": challenge.title,
            "task": challenge.task,
            "tracks": {t.name: t.description for t in challenge.tracks},
            "sizes": {size: vars(s) for size, s in challenge.sizes.items()},
            "prediction": list(challenge.prediction.names),
            "boards": {b.name: list(b.primary) for b in challenge.boards},
            "metrics": {
                m.key: {"title": m.title, "direction": m.direction, "unit": m.unit} for m in challenge.metrics
            },
        }
        answer(content, as_json, datacard.fact_sheet(challenge))
        return
    try:
        public = open_public(open_arena(arena).release_path(name))
    except InputFault as fault:
        raise InputFault(f"{fault}. The challenges are: {', '.join(registry.names())}") from fault
    if sample is not None:
        from blindsky.submissions.canonical import sample_submission

        sample_submission(public, sample)
        answer(
            {"release": public.release_id, "sample": str(sample)},
            as_json,
            f"wrote {sample}: a valid submission",
        )
        return
    answer(dict(public.manifest), as_json, (public.root / "README.md").read_text(encoding="utf-8"))
