"""The declaration: one frozen object per challenge, from which everything else is derived.

The check, the sample submission, the data card, the documentation and the columns of a board all read it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blindsky.challenges.prediction import Prediction
from blindsky.challenges.skies import FieldSky, Ragged, Sky, StratifiedSky
from blindsky.scoring.measurements import Array, Measured, Measurements, Table
from blindsky.scoring.metric import Metric


@dataclass(frozen=True)
class Product:
    """A column of a public or private table: what it is, in which unit."""

    name: str
    unit: str
    description: str


@dataclass(frozen=True)
class Size:
    """Rows of the two splits."""

    train: int
    test: int


@dataclass(frozen=True)
class Slice:
    """A subset of the cases worth a row of its own.

    needs : columns of the test table or of the truth that ``mask`` reads; absent ones make the slice absent. Where a
        case is measured in several rows, measured columns too: the slice is of rows then.
    mask : {column: (n,)} -> (n,) bool.
    family : slices shown together.
    about : the cases that the slice is about, where ``mask`` keeps others to compare them with, such as every
        non-lens; None for all of it. They are counted, and fewer than ten are not shown before the reveal.
    metrics : keys shown on the slice, of those that the track has; empty for all.
    """

    name: str
    needs: tuple[str, ...]
    mask: Callable[[Table], NDArray[np.bool_]]
    family: str
    metrics: tuple[str, ...] = ()
    about: Callable[[Table], NDArray[np.bool_]] | None = None


@dataclass(frozen=True)
class Board:
    """A ranking. ``primary`` is the first of the metrics whose needs the release meets.

    requires : prediction column without which an entry is not on this board.
    metrics : keys of the columns shown, in order.
    compare : two of them drawn against each other, entry by entry (x, y).
    """

    name: str
    title: str
    primary: tuple[str, ...]
    metrics: tuple[str, ...]
    requires: str | None = None
    compare: tuple[str, str] | None = None


@dataclass(frozen=True)
class Figure:
    """One figure of an entry.

    data : (measurements, columns) -> JSON-ready numbers, computed at judging; columns holds the truth and test
        columns of ``needs``, row by measured row. Binned, cells of fewer than 10 cases blank, so that it may be
        published.
    kind : the template that draws it. A ``gallery`` holds rows of the test table and is shown after the reveal alone.
    together : the page of the release draws the curves of the best entries in one plot.
    training : also drawn of what an entry finds in the training field, whose truth is public, where predictions are
        catalogues; ``part`` is ``train`` there.
    """

    key: str
    title: str
    kind: str
    data: Callable[[Measurements, Table], dict[str, Any] | None]
    needs: tuple[str, ...] = ()
    caption: str = ""
    together: bool = False
    training: bool = False


@dataclass(frozen=True)
class Sample:
    """Rows of the training table worth a look, with a few words on each and, in the caption, on how they are drawn."""

    title: str
    rows: tuple[int, ...]
    notes: tuple[str, ...]
    caption: str = ""


@dataclass(frozen=True)
class Pictures:
    """How cases whose data are images are shown.

    columns : of the train and test tables that ``render`` reads; those a release lacks are left out.
    render : (some rows, public JSON files by stem) -> (n, height, width, 3) uint8.
    samples : (table of ``labels``) -> samples of the training rows, shown with the release.   labels : that table and
        its columns, all where None.
    answer : where a case has several items, (some test rows, their hidden tables, what an entry says of them, JSON
        files) -> (n, height, width, 3) uint8, shown in galleries instead of the case alone.
    places : where the data are a field, (public folder, split, a table of places) -> (n, height, width, 3) uint8; the
        places are rows of ``labels``, or the columns ``places`` of a gallery. ``render`` is not asked then.
    """

    columns: tuple[str, ...]
    render: Callable[[Table, Callable[[str], dict[str, Any]]], NDArray[np.uint8]] | None
    samples: Callable[[Table], tuple[Sample, ...]]
    labels: tuple[str, tuple[str, ...] | None] = ("train_labels", None)
    answer: (
        Callable[[Table, Mapping[str, Ragged], Ragged, Callable[[str], dict[str, Any]]], NDArray[np.uint8]]
        | None
    ) = None
    places: Callable[[Path, str, Table], NDArray[np.uint8]] | None = None


@dataclass(frozen=True)
class Plate:
    """A figure about the public data of a release, made when its page is.

    kind : the template that draws ``data``.   group : a sentence written above neighbours that share it.
    """

    title: str
    kind: str
    data: Mapping[str, Any]
    caption: str = ""
    group: str = ""


@dataclass(frozen=True)
class Examples:
    """A few test cases on which the answer of every entry is drawn after the reveal, the same for all.

    title, caption : written above them.
    choose : (folder of the revealed tables) -> plain data with the ``ids`` of the cases; None where something lacks.
    draw : (what ``choose`` gave, the rows of a prediction for these cases, in the order of the ids) -> plates.
    """

    title: str
    caption: str
    choose: Callable[[Path], dict[str, Any] | None]
    draw: Callable[[Mapping[str, Any], Table], tuple[Plate, ...]]


@dataclass(frozen=True)
class Result:
    """A published result: whose, by what kind of method, and metrics by key."""

    entry: str
    kind: str
    values: Mapping[str, float]


@dataclass(frozen=True)
class Published:
    """Results that others published on another test set: shown beside ours, never ranked.

    results : loaded when asked for.   curves : figure key -> curves drawn in grey behind those of an entry, each with
    ``panel``, ``label``, ``x`` and ``y``.
    """

    title: str
    note: str
    results: Callable[[], tuple[Result, ...]]
    curves: Callable[[str], tuple[Mapping[str, Any], ...]]


@dataclass(frozen=True)
class Reference:
    """A row that reads the truth, made while a release is generated: a ceiling, or another yardstick."""

    name: str
    title: str
    description: str
    kind: str = "ceiling"


@dataclass(frozen=True)
class Option:
    """A choice of the generator beyond track and size; any text where ``values`` is empty."""

    name: str
    values: tuple[str, ...]
    default: str
    description: str


@dataclass(frozen=True, kw_only=True)
class Track:
    """A variant of the question. What is None is as in the challenge."""

    name: str
    title: str
    description: str
    public: tuple[Product, ...]
    slices: tuple[Slice, ...] = ()
    sizes: Mapping[str, Size] | None = None
    prediction: Prediction | None = None
    metrics: tuple[Metric, ...] | None = None
    boards: tuple[Board, ...] | None = None
    published: Published | None = None


Measure = Callable[..., Measured]
Derive = Callable[[Track, Callable[[], Table], Mapping[str, dict[str, Any]]], Callable[[Table], Table]]


@dataclass(frozen=True, kw_only=True)
class Challenge:
    """The question, readable as a fact sheet.

    sky : (track, size, options) -> Sky, StratifiedSky or FieldSky.
    measure : (truth chunk, prediction chunk) -> Measured, two tables of the same rows. Where a case has several items,
        (cases, hidden tables by name, prediction): the cases' truth with the public columns ``beside`` it that are
        there, and everything else as Ragged. Where the prediction is a catalogue, (tables by name, prediction), all at
        once: the hidden tables, with the public ones that are named ``beside`` them.
    derive : (track, reader of the training table, JSON files) -> a function of test rows that gives further public
        columns of them.
    first_id : where the ids of each split begin to count, for rows in random order whose ids keep the shape that
        the field knows; None for a keyed permutation.
    about : text of the data card, Markdown, loaded when asked for.
    importers, exporters, converters : format -> ``module:function``, loaded when asked for. Converters read what other
        software found, and give it as a prediction.
    pictures : how cases are shown, where their data are images.
    unit : what the cases are, in the plural.
    plates : ``module:function`` that gives the plates of a release from its public part, loaded when asked for.
    examples : test cases on which answers are drawn after the reveal.
    """

    name: str
    title: str
    task: str
    description: str
    tracks: tuple[Track, ...]
    sizes: Mapping[str, Size]
    prediction: Prediction
    metrics: tuple[Metric, ...]
    boards: tuple[Board, ...]
    slices: tuple[Slice, ...]
    figures: tuple[Figure, ...]
    sky: Callable[[Track, Size, Mapping[str, str]], Sky | StratifiedSky | FieldSky]
    measure: Measure
    beside: tuple[str, ...] = ()
    references: tuple[Reference, ...] = ()
    options: tuple[Option, ...] = ()
    derive: Derive | None = None
    first_id: Mapping[str, int] | None = None
    about: Callable[[], str] = lambda: ""
    importers: Mapping[str, str] = field(default_factory=dict)
    pictures: Pictures | None = None
    unit: str = "cases"
    plates: str = ""
    examples: Examples | None = None
    exporters: Mapping[str, str] = field(default_factory=dict)
    converters: Mapping[str, str] = field(default_factory=dict)
    citations: tuple[str, ...] = ()

    def track(self, name: str) -> Track:
        """The track of that name; KeyError where there is none."""
        return {t.name: t for t in self.tracks}[name]

    def on(self, track: str) -> Challenge:
        """This challenge as one track asks it: the track's overrides put in place."""
        t = self.track(track)
        return replace(
            self,
            tracks=(t,),
            sizes=self.sizes if t.sizes is None else t.sizes,
            prediction=self.prediction if t.prediction is None else t.prediction,
            metrics=self.metrics if t.metrics is None else t.metrics,
            boards=self.boards if t.boards is None else t.boards,
            slices=(*self.slices, *t.slices),
        )

    def metric(self, key: str) -> Metric:
        """The metric of that key; KeyError where there is none."""
        return {m.key: m for m in self.metrics}[key]


def rows(table: Mapping[str, Array]) -> int:
    """Number of rows of a table."""
    return len(next(iter(table.values()))) if table else 0
