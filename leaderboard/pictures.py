"""Pictures of cases: read from the public tables of a release, written into the page that shows them."""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from blindsky.challenges import tables
from blindsky.challenges.challenge import Pictures, Sample
from blindsky.challenges.release import Public

GALLERY = "gallery"  # kind of the figures that name rows of the test table
MOST = 64  # pictures of one gallery
QUALITY = 88  # of JPEG: a stamp of 101 pixels in three colours takes about 8 kB
_LABELS = "train_labels"


class Album(NamedTuple):
    """Pictures by split and row as data URIs, and the samples of the training data."""

    pictures: Mapping[tuple[str, int], str] = {}
    samples: tuple[Sample, ...] = ()


NO_PICTURES = Album()


class Stamp(NamedTuple):
    """One picture with the words under it."""

    uri: str
    note: str


def album(public: Public, cards: Iterable[Mapping[str, Any]]) -> Album:
    """The pictures that the pages of a release show: of training data always, of test data after the reveal."""
    pictures = public.challenge.pictures
    if pictures is None:
        return Album()
    labelled = public.has("train") and public.has(_LABELS)
    samples = pictures.samples(public.table(_LABELS)) if labelled else ()
    wanted = {"train": {row for sample in samples for row in sample.rows[:MOST]}, "test": set[int]()}
    if public.revealed:
        galleries = [f.key for f in public.challenge.figures if f.kind == GALLERY]
        for card in cards:
            shown = card.get("figures", {}).get("all", {})
            wanted["test"] |= {row for key in galleries if key in shown for row in shown[key]["rows"][:MOST]}
    found: dict[tuple[str, int], str] = {}
    for split, rows in wanted.items():
        if rows:
            found |= {(split, row): uri for row, uri in _drawn(public, pictures, split, rows).items()}
    return Album(found, samples)


def stamps(album: Album, split: str, rows: Iterable[int], notes: Iterable[str]) -> list[Stamp]:
    """The pictures of some rows with their notes; rows without a picture are left out."""
    pairs = zip(rows, notes, strict=True)
    return [Stamp(album.pictures[split, row], note) for row, note in pairs if (split, row) in album.pictures]


def _drawn(public: Public, pictures: Pictures, split: str, rows: set[int]) -> dict[int, str]:
    """The pictures of some rows of a split; every row group is read once."""
    groups = public.groups(split)
    known = set(tables.column_names(public.path(split)))
    columns = [name for name in pictures.columns if name in known]
    chosen = np.array(sorted(row for row in rows if 0 <= row < len(groups)), dtype=np.int64)
    owner = np.searchsorted(groups.starts, chosen, side="right") - 1
    found: dict[int, str] = {}
    for k in np.unique(owner):
        inside = chosen[owner == k]
        table = groups.read(int(k), columns)
        some = {name: column[inside - groups.starts[k]] for name, column in table.items()}
        drawn = pictures.render(some, public.json)
        found |= {int(row): uri(rgb) for row, rgb in zip(inside, drawn, strict=True)}
    return found


def uri(rgb: NDArray[np.uint8]) -> str:
    """A picture (height, width, 3) as a data URI: JPEG, because noise makes other formats four times as large.

    ValueError for other arrays.
    """
    from PIL import Image

    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or not rgb.size:
        message = f"expected a picture (height, width, 3) of uint8, got {rgb.dtype} {rgb.shape}"
        raise ValueError(message)
    grey = bool(np.all(rgb == rgb[:, :, :1]))
    buffer = io.BytesIO()
    Image.fromarray(rgb[:, :, 0] if grey else rgb).save(buffer, "JPEG", quality=QUALITY, subsampling=0)
    return f"data:image/jpeg;base64,{b64encode(buffer.getvalue()).decode()}"
