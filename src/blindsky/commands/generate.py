"""``blindsky generate``: draw a release."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from blindsky.commands import answer, arena_option, json_option, next_command, open_arena


@click.command()
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
    "--device",
    type=click.Choice(["cpu", "cuda"]),
    default="cpu",
    show_default=True,
    help="Where the references are computed.",
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
    from blindsky.baselines import baseline as baselines
    from blindsky.challenges import generation, registry
    from blindsky.challenges.files import PARTIAL

    asked = registry.get(challenge)
    if device == "cuda" and cluster is None:
        _find_gpu()
    releases, begun = open_arena(arena).releases, []

    def announce(name: str) -> None:
        begun.append(name)
        click.echo(f"drawing {name} (if stopped, go on with --id {name})", err=True)

    with _stopped_by_a_cluster_too():
        try:
            release = generation.generate(
                asked,
                track or asked.tracks[0].name,
                size,
                releases,
                release_id=release_id,
                key=None if key_file is None else _key(key_file),
                options=dict(_pair(text) for text in options),
                workers=workers or os.cpu_count() or 1,
                cluster=cluster,
                device=device,
                announce=announce,
            )
        except KeyboardInterrupt as stop:
            if not begun:
                raise
            name = begun[0]
            left = releases / f"{PARTIAL}{name}"
            raise click.Abort(f"go on with the same command and --id {name}, or remove {left}") from stop
    name, manifest = release.public.release_id, release.public.manifest
    splits = manifest["splits"]
    lines = [
        f"{name}: {splits['train']['rows']:,} training and {splits['test']['rows']:,} test rows",
        f"  publish  {release.public.root}",
        f"  keep     {release.private}  (truth and key, never publish)",
    ]
    lines += [
        f"  next     {next_command(f'baseline {first} --release {name}', arena)}"
        for first in baselines.names(challenge)[:1]
    ]
    content = {"release": name, "path": str(release.root), "splits": splits}
    answer(content | {"commitments": manifest["commitments"]["root"]}, as_json, "\n".join(lines))


@contextmanager
def _stopped_by_a_cluster_too() -> Iterator[None]:
    """The signal with which a batch system ends a job stops the work as Ctrl-C does."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _find_gpu() -> None:
    """Say at once that there is none, rather than from a worker."""
    from blindsky.challenges.errors import MachineFault, MissingExtra

    try:
        import torch
    except ImportError as error:
        raise MissingExtra("torch", "torch", "the device cuda") from error
    if not torch.cuda.is_available():
        raise MachineFault("the device cuda was asked for, and torch finds none. Use --device cpu")


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
