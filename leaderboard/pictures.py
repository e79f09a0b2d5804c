"""Pictures of cases: read from the public tables of a release, written into the page that shows them."""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from blindsky.challenges import tables
from blindsky.challenges.blocks import picked
from blindsky.challenges.challenge import Pictures, Sample
from blindsky.challenges.errors import BlindskyError
from blindsky.challenges.files import sha256
from blindsky.challenges.manifest import MANIFEST
from blindsky.challenges.release import REVEALED, Public, table_path
from blindsky.challenges.skies import Ragged
from blindsky.leaderboard.store import remembered
from blindsky.scoring.measurements import Array, Table

GALLERY = "gallery"  # kind of the figures that name rows of the test table
MOST = 64  # pictures of one gallery
QUALITY, EFFORT = 88, 2  # of WebP: more effort saves 3 % and takes twice as long
TEST = "test"
TOGETHER = 16  # entries for which test cases are read at once


class Album(NamedTuple):
    """Pictures as data URIs, and the samples of the training data.

    pictures : by (split or, where they show what an entry says, id of the entry; row). Of a field, by (split or id of
        the entry and part, number of the place).
    """

    pictures: Mapping[tuple[str, int], str] = {}
    samples: tuple[Sample, ...] = ()


NO_PICTURES = Album()


class Stamp(NamedTuple):
    """One picture with the words under it."""

    uri: Markup
    note: str


@contextmanager
def spared(entry: str, undrawn: dict[str, str]) -> Iterator[None]:
    """Note why what an entry says can't be drawn: nobody's answer may keep the others from their site."""
    try:
        yield
    except (BlindskyError, OSError, MemoryError):
        raise
    except Exception as error:  # a challenge's code may raise anything
        undrawn[entry] = f"{type(error).__name__}: {error}"


def album(
    public: Public,
    cards: Iterable[Mapping[str, Any]],
    stored: Callable[[str], Path | None] = lambda _: None,
    undrawn: dict[str, str] | None = None,
) -> Album:
    """The pictures that the pages of a release show: of training data always, of test data after the reveal.

    stored : where the prediction of an entry lies; None where there is none.
    undrawn : takes why pictures of an entry could not be drawn, by its id.
    """
    undrawn = {} if undrawn is None else undrawn
    pictures = public.challenge.pictures
    if pictures is None:
        return Album()
    of_data = [public.release_id, sha256(public.root / MANIFEST)]
    samples = _samples(public, pictures, of_data)
    shown = sorted({row for sample in samples for row in sample.rows[:MOST]})
    if pictures.places is not None:
        return Album(_of_places(public, pictures, cards, shown, of_data, undrawn), samples)
    found = _kept([*of_data, "train", shown], lambda: _drawn(public, pictures, "train", shown))
    if not public.revealed:
        return Album(found, samples)
    galleries = [f.key for f in public.challenge.figures if f.kind == GALLERY]
    asked: dict[str, set[int]] = {}
    for card in cards:
        data = card.get("figures", {}).get("all", {})
        rows = {row for key in galleries if key in data for row in data[key]["rows"][:MOST]}
        if rows:
            asked.setdefault(card["entry"]["id"] if pictures.answer else TEST, set()).update(rows)
    if pictures.answer is not None:
        return Album(found | _of_answers(public, pictures, asked, stored, of_data, undrawn), samples)
    for who, rows in asked.items():
        made = partial(_drawn, public, pictures, TEST, sorted(rows))
        found |= _kept([*of_data, who, sorted(rows)], made)
    return Album(found, samples)


def _of_answers(
    public: Public,
    pictures: Pictures,
    asked: Mapping[str, set[int]],
    stored: Callable[[str], Path | None],
    of_data: list[str],
    undrawn: dict[str, str],
) -> dict[tuple[str, int], str]:
    """Pictures of what entries say of test cases. Several entries share the reading of these."""
    answers = {who: path for who in asked if (path := stored(who)) is not None}
    found: dict[tuple[str, int], str] = {}
    names = sorted(answers)
    for first in range(0, len(names), TOGETHER):
        some = names[first : first + TOGETHER]
        union = sorted(set().union(*(asked[who] for who in some)))
        read = cache(partial(_cases, public, pictures, union))
        for who in some:
            rows = sorted(asked[who])
            made = partial(_answered, public, pictures, read, who, rows, answers[who])
            with spared(who, undrawn):
                found |= _kept([*of_data, who, rows, sha256(answers[who])], made)
    return found


def _samples(public: Public, pictures: Pictures, of_data: list[str]) -> tuple[Sample, ...]:
    def make() -> list[Any]:
        if not (public.has("train") and public.has(pictures.labels[0])):
            return []
        found = pictures.samples(public.table(*pictures.labels))
        return [[s.title, [int(row) for row in s.rows], list(s.notes), s.caption] for s in found]

    found = remembered(["samples", *of_data], make)
    return tuple(Sample(title, tuple(rows), tuple(notes), text) for title, rows, notes, text in found)


def _kept(inputs: list[Any], make: Callable[[], Mapping[tuple[str, int], str]]) -> dict[tuple[str, int], str]:
    """Pictures that follow from ``inputs``, made once."""
    found = remembered(["pictures", *inputs], lambda: [[*key, image] for key, image in make().items()])
    return {(whose, row): image for whose, row, image in found}


def of_part(entry: str, part: str) -> str:
    """Whose pictures: those of an entry in a part of a field."""
    return f"{entry}/{part}"


def _of_places(
    public: Public,
    pictures: Pictures,
    cards: Iterable[Mapping[str, Any]],
    rows: list[int],
    of_data: list[str],
    undrawn: dict[str, str],
) -> dict[tuple[str, int], str]:
    """Pictures of places in a field: of the training field always, of the test field after the reveal."""

    def of_training() -> dict[tuple[str, int], str]:
        labels = public.table(*pictures.labels)
        table = {name: column[rows] for name, column in labels.items()}
        return _placed(public, pictures, "train", "train", rows, table)

    made = _kept([*of_data, "train", rows], of_training) if rows else {}
    galleries = [f.key for f in public.challenge.figures if f.kind == GALLERY]
    parts = {"train": "train", "all": TEST} if public.revealed else {"train": "train"}
    for card in (card for card in cards if card["entry"]["kind"] in ("submission", "baseline")):
        entry = card["entry"]["id"]
        for part, split in parts.items():
            drawn = card.get("figures", {}).get(part, {})
            for data in (drawn[key] for key in galleries if key in drawn):
                table = {name: np.array(column[:MOST], np.float64) for name, column in data["places"].items()}
                whose, some = of_part(entry, part), data["rows"][:MOST]
                make = partial(_placed, public, pictures, whose, split, some, table)
                with spared(entry, undrawn):
                    made |= _kept([*of_data, whose, split, some, table], make)
    return made


def _placed(
    public: Public, pictures: Pictures, whose: str, split: str, rows: list[int], table: Table
) -> dict[tuple[str, int], str]:
    assert pictures.places is not None
    drawn = pictures.places(public.root, split, table)
    return {(whose, row): uri(rgb) for row, rgb in zip(rows, drawn, strict=True)}


def stamps(album: Album, of: str, rows: Iterable[int], notes: Iterable[str]) -> list[Stamp]:
    """The pictures of some rows of a split, or an entry's of test rows, with their notes; others are left out."""
    pairs = zip(rows, notes, strict=True)
    # base64 of our own making: to search it for what must be escaped takes longer than the rest of a page
    return [
        Stamp(Markup(album.pictures[of, row]), note) for row, note in pairs if (of, row) in album.pictures
    ]


def _drawn(public: Public, pictures: Pictures, split: str, rows: list[int]) -> dict[tuple[str, int], str]:
    """The pictures of some rows of a split."""
    found, table = _rows(public, split, pictures.columns, rows)
    assert pictures.render is not None
    drawn = pictures.render(table, public.json) if found else ()
    return {(split, row): uri(rgb) for row, rgb in zip(found, drawn, strict=True)}


class _Cases(NamedTuple):
    """Test cases by their rows in the table of the test split, with what was hidden of them."""

    rows: list[int]
    table: Table
    hidden: Mapping[str, Ragged]


def _cases(public: Public, pictures: Pictures, rows: list[int]) -> _Cases:
    key = public.challenge.prediction.key
    found, table = _rows(public, TEST, (key, *pictures.columns), rows)
    return _Cases(found, table, _hidden(public, table[key]) if found else {})


def _answered(
    public: Public, pictures: Pictures, read: Callable[[], _Cases], who: str, rows: list[int], answer: Path
) -> dict[tuple[str, int], str]:
    """The pictures of what an entry says of some test rows."""
    cases = read()
    shown = [row for row in rows if row in cases.rows]
    at = np.searchsorted(cases.rows, shown)
    table = {name: column[at] for name, column in cases.table.items()}
    hidden = {name: picked(ragged, at) for name, ragged in cases.hidden.items()}
    assert pictures.answer is not None
    key = public.challenge.prediction.key
    said = rows_of(answer, key, table[key]) if shown else None
    drawn = pictures.answer(table, hidden, said, public.json) if said else ()
    return {(who, row): uri(rgb) for row, rgb in zip(shown, drawn, strict=True)}


def _rows(public: Public, split: str, columns: Iterable[str], rows: list[int]) -> tuple[list[int], Table]:
    """Those of some rows, ascending, that a split has, and the columns that it has of them."""
    groups, known = public.groups(split), set(tables.column_names(public.path(split)))
    names = [name for name in dict.fromkeys(columns) if name in known]
    chosen = np.array([row for row in rows if 0 <= row < len(groups)], dtype=np.int64)
    owner = np.searchsorted(groups.starts, chosen, side="right") - 1
    parts: list[Table] = []
    for k in np.unique(owner):
        table = groups.read(int(k), names)
        inside = chosen[owner == k] - groups.starts[k]
        parts.append({name: column[inside] for name, column in table.items()})
    joined = {name: np.concatenate([part[name] for part in parts]) for name in names} if parts else {}
    return chosen.tolist(), joined


def _hidden(public: Public, ids: Array) -> dict[str, Ragged]:
    """The revealed tables of several rows a case, of some test cases."""
    promised = public.manifest["commitments"]["tables"]
    key = public.challenge.prediction.key
    names = [name for name, table in promised.items() if table["split"] == TEST and table.get("long")]
    return {name: rows_of(table_path(public.root / REVEALED, name), key, ids) for name in names}


def rows_of(path: Path, key: str, ids: Array) -> Ragged:
    """The rows of some cases (n,), in the order of these."""
    order = np.argsort(ids)
    found: list[Table] = []
    for batch in tables.batches(path):
        mine = np.isin(batch[key], ids)
        if mine.any():
            found.append({name: column[mine] for name, column in batch.items()})
    if not found:
        return Ragged(np.zeros(len(ids), np.int64), {})
    table = {name: np.concatenate([part[name] for part in found]) for name in found[0]}
    owner = order[np.searchsorted(ids, table[key], sorter=order)]
    by_case = np.argsort(owner, kind="stable")
    counts = np.bincount(owner, minlength=len(ids))
    return Ragged(counts, {name: column[by_case] for name, column in table.items()})


def uri(rgb: NDArray[np.uint8]) -> str:
    """A picture (height, width, 3) as a data URI: WebP with losses, as noise makes one without four times as large.

    ValueError for other arrays.
    """
    from PIL import Image

    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or not rgb.size:
        message = f"expected a picture (height, width, 3) of uint8, got {rgb.dtype} {rgb.shape}"
        raise ValueError(message)
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "WEBP", quality=QUALITY, method=EFFORT)
    return f"data:image/webp;base64,{b64encode(buffer.getvalue()).decode()}"
