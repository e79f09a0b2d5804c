"""Challenges by name, found through entry points, so that another package can bring its own."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from blindsky.challenges.challenge import Challenge, Track
from blindsky.challenges.errors import InputFault

GROUP = "blindsky.challenges"


@cache
def _found() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


def names() -> tuple[str, ...]:
    """Names of the installed challenges, sorted; nothing is loaded."""
    return tuple(sorted(_found()))


def nearest(name: str, known: tuple[str, ...]) -> str:
    """A hint for a name that is not known."""
    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {close[0]}? " if close else ""


def packages() -> tuple[str, ...]:
    """The top-level packages or modules that bring challenges, sorted; nothing is loaded."""
    return tuple(sorted({point.module.partition(".")[0] for point in _found().values()}))


@cache
def get(name: str) -> Challenge:
    """The challenge of that name; InputFault with the nearest name where there is none."""
    if name not in _found():
        message = f"there is no challenge {name!r}: {nearest(name, names())}Known are: {', '.join(names())}"
        raise InputFault(message)
    point = _found()[name]
    try:
        challenge = point.load()
    except (ImportError, AttributeError) as error:
        message = (
            f"the challenge {name!r} can't be loaded from {point.value} ({error}). Install its package again"
        )
        raise InputFault(message) from error
    if not isinstance(challenge, Challenge) or challenge.name != name:
        found = repr(challenge.name) if isinstance(challenge, Challenge) else f"a {type(challenge).__name__}"
        message = (
            f"{point.value} is {found}, expected the Challenge {name!r}. Mend the entry point of its package"
        )
        raise InputFault(message)
    return challenge


def function(target: str) -> Callable[..., Any]:
    """What a declaration names as ``module:function``."""
    module, _, name = target.partition(":")
    found: Callable[..., Any] = getattr(import_module(module), name)
    return found


def track(challenge: Challenge, name: str) -> Track:
    """A track of a challenge; InputFault with the nearest name where there is none."""
    known = tuple(t.name for t in challenge.tracks)
    if name not in known:
        message = (
            f"{challenge.name} has no track {name!r}: {nearest(name, known)}Known are: {', '.join(known)}"
        )
        raise InputFault(message)
    return challenge.track(name)
