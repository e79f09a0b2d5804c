"""The one jinja2 environment of the site: everything is escaped, and a missing name is an error."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from itertools import groupby
from typing import TYPE_CHECKING

from markupsafe import Markup

from blindsky.leaderboard.prose import inline, typeset

if TYPE_CHECKING:
    from jinja2 import Environment

    from blindsky.leaderboard.slices import SliceRow


@cache
def environment() -> Environment:
    """Templates of this room. ``autoescape=True`` outright: guessing by suffix misses ``x.html.j2``."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("blindsky.leaderboard", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["families"] = families
    made.filters["breakable"] = breakable
    made.filters["typeset"] = typeset
    made.filters["inline"] = inline
    return made


def breakable(text: str) -> Markup:
    """A key such as novelty_auroc_991, escaped, that may be broken after its underscores."""
    return Markup("_<wbr>").join(text.split("_"))


def families(slices: Sequence[SliceRow]) -> list[tuple[str, list[SliceRow]]]:
    """Neighbouring slices of one family together."""
    return [(family, list(group)) for family, group in groupby(slices, key=lambda s: s.family)]


def asset(name: str) -> str:
    """The text of a file under assets/."""
    return (files("blindsky.leaderboard") / "assets" / name).read_text(encoding="utf-8")
