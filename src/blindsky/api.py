"""The small public interface for Python: load a release, check a prediction, score it, read a board, draw a figure."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray
    from torch.utils.data import Dataset

    from blindsky.challenges.challenge import Challenge
    from blindsky.challenges.release import Public
    from blindsky.leaderboard.boards import ReleaseView
    from blindsky.submissions.checking import CheckResult

ARENA_VARIABLE = "BLINDSKY_ARENA"
FRAME = 640  # pixels, width of a figure in a notebook


def arena_root(arena: str | Path | None = None) -> Path:
    """The arena's folder: the argument, else $BLINDSKY_ARENA, else the current folder."""
    return Path(arena or os.environ.get(ARENA_VARIABLE) or ".")


@dataclass(frozen=True)
class Data:
    """The public part of a release.

    path : the folder ``public/``.   challenge : the declaration, as the release's track asks it.
    """

    path: Path
    challenge: Challenge = field(repr=False)
    public: Public = field(repr=False)

    @property
    def train(self) -> pd.DataFrame:
        """The training split, one row per object."""
        return self.table("train")

    @property
    def test(self) -> pd.DataFrame:
        """The test split without labels, one row per object."""
        return self.table("test")

    def table(self, name: str) -> pd.DataFrame:
        """A whole public table by name; lists and images are one array per row.

        InputFault for a name that is not there, with those that are.
        """
        import pandas as pd

        columns = self.public.table(name)
        return pd.DataFrame({c: list(v) if v.ndim > 1 else v for c, v in columns.items()})

    def batches(self, name: str, n: int | None = None) -> Iterator[dict[str, NDArray[Any]]]:
        """A public table as {column: array of rows}, ``n`` rows at a time; by default some 16 MiB of images."""
        return self.public.batches(name, n)

    def dataset(
        self, split: str = "train", *, shuffle: int | None = None, batch: int | None = None
    ) -> Dataset[dict[str, Any]]:
        """A torch Dataset of a split; an item is {column: tensor}, with the labels of a training row.

        Images stream from the disk, in memory that does not grow with the release (an IterableDataset, for a
        DataLoader with any number of workers); a table without images is held whole, item i by its number.
        shuffle : seed of a random order of images; None keeps that of the file, which says nothing.   batch : rows
        of an item of images, at the speed of the disk with ``DataLoader(..., batch_size=None)``; None for one.
        MissingExtra where torch is not installed.
        """
        from blindsky.challenges.errors import MissingExtra

        try:
            from torch.utils.data import StackDataset

            from blindsky.stream import Stream, tensors
        except ImportError as error:
            raise MissingExtra("torch", "torch", "a torch Dataset") from error
        labels = f"{split}_labels"
        beside = self.public.table(labels) if self.public.has(labels) else {}
        if self.public.path(split).is_dir():
            return Stream(self.public.groups(split), beside, shuffle, batch)
        return StackDataset(**tensors({**self.public.table(split), **beside}))  # type: ignore[arg-type]


def load(release: str | Path, *, arena: str | Path | None = None) -> Data:
    """Open the public part of a release.

    release : its id in the arena, or a path.   arena : folder; default $BLINDSKY_ARENA or the current one.
    InputFault where there is no such release.
    """
    from blindsky.submissions.arena import Arena

    public = Arena(arena_root(arena)).public(str(release))
    return Data(public.root, public.challenge, public)


@contextmanager
def _as_file(prediction: object) -> Iterator[Path]:
    if isinstance(prediction, str | Path):
        yield Path(prediction)
        return
    import tempfile

    import pandas as pd
    import pyarrow as pa

    from blindsky.challenges.errors import InputFault

    if not isinstance(prediction, pd.DataFrame):
        kind = type(prediction).__name__
        message = f"a prediction is a file or a pandas table, got {kind}. Make it one: pandas.DataFrame(...)"
        raise InputFault(message)
    named = [name for name in prediction.index.names if name is not None and name not in prediction]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "prediction.parquet"
        try:
            (prediction.reset_index(named) if named else prediction).to_parquet(path, index=False)
        except pa.ArrowException as error:
            message = f"the table can't be written as Parquet: {error}. Give every column one type"
            raise InputFault(message) from error
        yield path


def check(
    prediction: pd.DataFrame | str | Path, release: str | Path, *, arena: str | Path | None = None
) -> CheckResult:
    """Every fault of a prediction at once; ``result.ok`` says whether it would be accepted.

    prediction : a file, or a pandas table with one row per test object.   The truth is not needed.
    """
    from blindsky.submissions.arena import Arena

    with _as_file(prediction) as path:
        found = Arena(arena_root(arena)).check(path, str(release))
    return found if isinstance(prediction, str | Path) else _in_memory(found)


def _in_memory(found: CheckResult) -> CheckResult:
    """What a check found of a table, without the temporary file that it was written to."""
    return replace(found, path=Path(found.path.name), in_memory=True)


def score(
    prediction: pd.DataFrame | str | Path, release: str | Path, *, arena: str | Path | None = None
) -> dict[str, Any]:
    """The score card of a prediction, for whoever holds the release's private part; nothing is stored.

    PredictionRefused with every fault of a prediction that can't be scored; InputFault without the private part.
    """
    import tempfile

    from blindsky.challenges.cards import make_card, now
    from blindsky.challenges.trust import confirm
    from blindsky.submissions.arena import Arena
    from blindsky.submissions.canonical import write_canonical
    from blindsky.submissions.faults import PredictionRefused
    from blindsky.submissions.judging import measure

    contest = Arena(arena_root(arena))
    held = contest.release(str(release))
    confirm(held)
    with _as_file(prediction) as path, tempfile.TemporaryDirectory() as folder:
        result = contest.check(path, str(release))
        if not result.ok:
            raise PredictionRefused(result if isinstance(prediction, str | Path) else _in_memory(result))
        canonical = Path(folder) / "canonical.parquet"
        content = write_canonical(path, held.public, canonical)
        parts, part_of = measure(held, canonical)
        entry = {"id": "unsubmitted", "kind": "submission", "team": "", "method": "", "description": ""}
        card, _ = make_card(
            held,
            parts,
            part_of,
            entry | {"submitted": now()},
            content,
            result.fields,
            [str(note) for note in result.notes],
        )
    return card


@dataclass(frozen=True)
class Drawing:
    """A figure of the site; a notebook shows it, ``svg`` is its text."""

    title: str
    caption: str
    svg: str = field(repr=False)

    def _repr_html_(self) -> str:
        """The figure in a frame, so that the styles of site and notebook leave each other alone."""
        from html import escape

        from blindsky.leaderboard.templating import assets

        caption = f"<figcaption>{escape(self.caption)}</figcaption>" if self.caption else ""
        figure = f"<figure><h3>{escape(self.title)}</h3>{self.svg}{caption}</figure>"
        page = escape(f"<!doctype html><style>{assets('site.css')[0]}</style>{figure}")
        title = escape(self.title)
        height = self._height()
        size = f'width="{FRAME}" height="{height}"'
        return f'<iframe sandbox title="{title}" srcdoc="{page}" {size} style="border:0"></iframe>'

    def _height(self) -> int:
        """Of the frame in pixels: the drawing as wide as it, and room for what is written above and below."""
        import re

        found = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', self.svg)
        wide, high = map(float, found.groups()) if found else (1.0, 1.0)
        lines = 1 + len(self.caption) // 80
        return round(FRAME * high / wide) + 80 + 24 * lines


def board(
    release: str | Path, board: str | None = None, *, part: str | None = None, arena: str | Path | None = None
) -> pd.DataFrame:
    """A board as a pandas table with the numbers of the site, a row per entry in the order of the board.

    For whoever holds the release's private part; everyone else reads ``board.csv`` of the site.
    board : its name; None for the first.   part : of the cases, as the site may show it; None for the one that ranks.
    Columns: rank, rank_low, rank_high (0 for what is not ranked), tie, entry, kind, team, method, submitted, and of
    each metric its value, ``_low`` and ``_high``, in the units of ``frame.attrs["units"]``; of a norm, which has no
    interval of its own, ``_null_low`` and ``_null_high``, between which a perfect entry lies by chance.
    InputFault for a name that is not there, or a part that is still hidden.
    """
    import pandas as pd

    from blindsky.challenges.errors import InputFault
    from blindsky.leaderboard import flat
    from blindsky.leaderboard.boards import board_tables

    view = _boards_of(release, arena)
    chosen = view.parts[0] if part is None else part
    if chosen not in view.parts:
        message = (
            f"the part {chosen!r} of release {view.release_id} is not shown; there is {', '.join(view.parts)}"
        )
        raise InputFault(message)
    tables = {table.board.name: table for table in board_tables(view, chosen)}
    name = next(iter(tables)) if board is None else board
    if name not in tables:
        message = f"release {view.release_id} has no board {name!r}; there is {', '.join(tables)}"
        raise InputFault(message)
    columns = [c for c in flat.columns(view, [tables[name]]) if c.name not in ("release", "board", "part")]
    types = {"text": "str", "int": "int64", "float": "float64"}
    frame = pd.DataFrame({c.name: pd.Series(c.values, dtype=types[c.kind]) for c in columns})
    frame.attrs = {"release": view.release_id, "board": name, "part": chosen}
    frame.attrs["units"] = {c.name: c.unit for c in columns if c.unit}
    return frame


def figure(release: str | Path, entry: str, key: str, *, arena: str | Path | None = None) -> Drawing:
    """A figure of an entry as its page draws it, from the same data, for whoever holds the release's private part.

    entry : its id.   key : of the figure.   InputFault for names that are not there, and what there is.
    """
    from blindsky.challenges.errors import InputFault
    from blindsky.leaderboard import boards, figures
    from blindsky.leaderboard.overlay import caption, figure_data
    from blindsky.leaderboard.pictures import GALLERY

    view = _boards_of(release, arena)
    entries = {boards.entry_id(e): e for e in boards.current(view)}
    if entry not in entries:
        message = f"release {view.release_id} has no scored entry {entry!r}; see blindsky.board(...)['entry']"
        raise InputFault(message)
    known = {f.key: f for f in view.challenge.figures if f.kind != GALLERY}
    drawn = {k: d for k, f in known.items() if (d := figure_data(view, entries[entry], f)) is not None}
    if key not in drawn:
        message = f"entry {entry} has no figure {key!r}; there is {', '.join(drawn) or 'none'}"
        raise InputFault(message)
    uid = f"figure-{boards.WHOLE[view.status]}-{key}"
    svg = figures.draw(known[key].kind, drawn[key], uid=uid, title=known[key].title)
    return Drawing(known[key].title, caption(view, known[key]), str(svg))


def _boards_of(release: str | Path, arena: str | Path | None) -> ReleaseView:
    from blindsky.leaderboard.publish import boards_view
    from blindsky.submissions.arena import Arena

    held = Arena(arena_root(arena))
    return boards_view(held, held.release(str(release)))
