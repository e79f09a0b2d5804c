"""A release in another project's file format: public data alone, written whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from blindsky.challenges import registry
from blindsky.challenges.errors import InputFault
from blindsky.challenges.files import new_folder
from blindsky.challenges.release import Public

Exporter = Callable[[Public, Path], tuple[str, ...]]
"""(public part, empty folder) -> what a reader of the files should know."""


def export_release(public: Public, form: str, out: Path) -> tuple[str, ...]:
    """Write the public part of a release into the new folder ``out``; returns what a reader should know.

    Truth goes along only where it was revealed. InputFault for a format that the challenge has not, or a folder that
    exists.
    """
    challenge = public.challenge
    known = tuple(challenge.exporters)
    if form not in known:
        there = f"Known are: {', '.join(known)}" if known else "Its tables are Parquet, which most tools read"
        message = f"{challenge.name} has no export format {form!r}: {registry.nearest(form, known)}{there}"
        raise InputFault(message)
    if out.exists():
        message = f"{out} exists already. Choose another --out, or remove it first"
        raise InputFault(message)
    exporter: Exporter = registry.function(challenge.exporters[form])
    with new_folder(out) as partial:
        return exporter(public, partial)
