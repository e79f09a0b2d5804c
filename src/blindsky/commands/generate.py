"""``blindsky generate``: draw a release."""

from __future__ import annotations

import os
from pathlib import Path

import click

from blindsky.commands import answer, arena_option, json_option, open_arena


@click.command(short_help="Draw a release.")
@click.argument("challenge")
@click.option("--track", help="Variant of the question (default: the challenge's first).")
@click.option("--size", default="tiny", show_default=True, help="tiny, small or full.")
@click.option("--id", "release_id", help="Name of the release; also resumes its unfinished run.")
@click.option(
    "--option", "options", multiple=True, metavar="NAME=VALUE", help="Choice of the generator, repeatable."
)
@click.option("--workers", type=click.IntRange(1), help="Processes (default: all cores).")
@click.option("--cluster", metavar="ADDRESS", help="Address of a Dask scheduler to draw on instead.")
@click.option(
    "--device", default="cpu", show_default=True, help="Where the references are computed: cpu or cuda."
)
@click.option(
    "--key-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with a release key (64 hexadecimal digits); with the same --id it redraws the same release.",
)
@arena_option
@json_option
def command(
    challenge: str,
    track: str | None,
    size: str,
    release_id: str | None,
    options: tuple[str, ...],
    workers: int | None,
    cluster: str | None,
    device: str,
    key_file: Path | None,
    arena: Path | None,
    as_json: bool,
) -> None:
    """Draw a release of CHALLENGE into the arena: public data for participants, hidden truth for you.

    The folder private/ holds truth and key: keep it secret, publish public/. A run that was stopped goes on with
    the same command and its --id.

    \b
    Example:
      blindsky generate photoz --track biased --size small
      blindsky generate photoz --track nir --size full --workers 16 --device cuda --id photoz-nir-2027
    """
    from blindsky.challenges import generation, registry
    from blindsky.challenges.errors import InputFault

    asked = registry.get(challenge)
    track = track or asked.tracks[0].name
    registry.track(asked, track)
    known = asked.on(track).sizes
    if size not in known:
        raise InputFault(f"{challenge} has no size {size!r}. Known are: {', '.join(known)}")
    chosen = dict(_pair(text) for text in options)
    for name, value in chosen.items():
        values = {o.name: o.values for o in asked.options}
        if name not in values or value not in values[name]:
            text = "; ".join(f"{n}={'|'.join(v)}" for n, v in values.items()) or "none"
            raise InputFault(f"{challenge} has no option {name}={value}. Known are: {text}")
    key = None if key_file is None else _key(key_file)
    release = generation.generate(
        asked,
        track,
        size,
        open_arena(arena).releases,
        release_id=release_id,
        key=key,
        options=chosen,
        workers=workers or os.cpu_count() or 1,
        cluster=cluster,
        device=device,
        announce=lambda name: click.echo(f"drawing {name} (if stopped, go on with --id {name})", err=True),
    )
    manifest = release.public.manifest
    splits = manifest["splits"]
    text = (
        f"{release.public.release_id}: {splits['train']['rows']:,} training and {splits['test']['rows']:,} test rows\n"
        f"  publish  {release.public.root}\n"
        f"  keep     {release.private}  (truth and key, never publish)\n"
        f"  next     blindsky baseline {challenge}/... --release {release.public.release_id}"
    )
    content = {"release": release.public.release_id, "path": str(release.root), "splits": splits}
    answer(content | {"commitments": manifest["commitments"]["root"]}, as_json, text)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise click.UsageError(f"--option wants NAME=VALUE, got {text!r}")
    return name, value


def _key(path: Path) -> bytes:
    from blindsky.challenges.errors import InputFault

    try:
        return bytes.fromhex(path.read_text().strip())
    except (ValueError, UnicodeDecodeError) as error:
        raise InputFault(f"{path} holds no key: expected 64 hexadecimal digits") from error
