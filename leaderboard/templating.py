"""The one jinja2 environment of the site: everything is escaped, and a missing name is an error."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from itertools import chain, groupby, repeat
from typing import TYPE_CHECKING

from markupsafe import Markup

from blindsky.leaderboard.cells import EMPTY
from blindsky.leaderboard.prose import inline, typeset

if TYPE_CHECKING:
    from jinja2 import Environment

    from blindsky.leaderboard.cells import Cell
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
    made.globals["metric_cell"] = metric_cell
    made.globals["metric_cells"] = metric_cells
    return made


def metric_cells(cells: Mapping[str, Cell], keys: Iterable[str], primary: bool = False) -> Markup:
    """Numbers of a row of a table, the first perhaps that which ranks. A function, because pages have thousands."""
    kinds = chain(("number primary" if primary else "number",), repeat("number"))
    return Markup("".join(_cell(cells.get(key, EMPTY), kind) for key, kind in zip(keys, kinds, strict=False)))


def metric_cell(cell: Cell) -> Markup:
    """One number of a table with its interval below it."""
    return Markup(_cell(cell, "number"))


def _cell(cell: Cell, kind: str) -> str:
    value = "" if cell.value is None else cell.value
    label = f"{cell.range_label}<br>" if cell.range_label else ""
    ends = f"<small>{label}{range_}</small>" if (range_ := cell.range_text) else ""
    return f'<td class="{kind}" data-value="{value}">{cell.text}{ends}</td>'  # numbers alone


def breakable(text: str) -> Markup:
    """A key such as novelty_auroc_991, escaped, that may be broken after its underscores."""
    return Markup("_<wbr>").join(text.split("_"))


def families(slices: Sequence[SliceRow]) -> list[tuple[str, list[SliceRow]]]:
    """Neighbouring slices of one family together."""
    return [(family, list(group)) for family, group in groupby(slices, key=lambda s: s.family)]


@cache
def assets(*names: str) -> tuple[Markup, str]:
    """The text of files under assets/, one after the other, and how a policy names it."""
    folder = files("blindsky.leaderboard") / "assets"
    text = "\n".join((folder / name).read_text(encoding="utf-8") for name in names)
    return Markup(text), f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
