"""The declaration: one frozen object per challenge, from which everything else is derived.

The check, the sample submission, the data card, the documentation and the columns of a board all read it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from blindsky.challenges.skies import Ragged, Sky, StratifiedSky
from blindsky.scoring.measurements import Array, Measured, Measurements, Table
from blindsky.scoring.metric import Metric


@dataclass(frozen=True)
class Column:
    """One number per case. ``low`` and ``high`` are inclusive; ``above`` is a lower bound that is not."""

    name: str
    unit: str = ""
    low: float = -np.inf
    high: float = np.inf
    above: float = -np.inf
    optional: bool = False
    description: str = ""


@dataclass(frozen=True)
class Grid:
    """Equally spaced nodes from ``low`` to ``high`` inclusive."""

    low: float
    high: float
    n: int

    @property
    def step(self) -> float:
        """Distance between two nodes."""
        return (self.high - self.low) / (self.n - 1)

    @property
    def nodes(self) -> NDArray[np.float64]:
        """The nodes, shape (n,)."""
        return np.linspace(self.low, self.high, self.n)


@dataclass(frozen=True)
class Density:
    """A probability density per case, by its values on a grid; normalised on reading."""

    name: str
    grid: Grid
    unit: str = ""
    optional: bool = False
    description: str = ""


@dataclass(frozen=True)
class Probabilities:
    """Probabilities of classes that exclude each other, a column each; rows are divided by their sum on reading."""

    columns: tuple[str, ...]
    name: str = "probabilities"
    description: str = ""
    optional: ClassVar[bool] = False


@dataclass(frozen=True)
class Pixels:
    """An image per row, a tensor column of Parquet.

    shape : of one image.   mask : whether it says which pixels belong: booleans, or numbers from 0 to 1 of which those
    from 1/2 on do; stored as uint8, images as float32.   planes : of how many images that may be sent instead, one
    behind the other, which one is kept.
    """

    name: str
    shape: tuple[int, ...]
    mask: bool = False
    planes: tuple[int, int] | None = None
    unit: str = ""
    optional: bool = True
    description: str = ""

    @property
    def size(self) -> int:
        """Number of its pixels."""
        return math.prod(self.shape)

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """What may be sent."""
        return (self.shape, (1, *self.shape)) + (((self.planes[0], *self.shape),) if self.planes else ())


Field = Column | Density | Probabilities | Pixels
ITEMS = "test_objects"  # public table that lists the items of the test cases
NOTHING = -1  # number of the item in a row that says that nothing was found


@dataclass(frozen=True)
class Item:
    """What a row of the prediction is about, where a case has several: an object, or a detection.

    name : of the column that numbers the items of a case.   most : rows of a case at most, where a participant says
    what was found, one row numbered -1 and empty where nothing was; None where the public table ``test_objects`` lists
    the items, all of which are predicted.
    """

    name: str
    most: int | None = None
    description: str = ""


def columns_of(field: Field) -> tuple[str, ...]:
    """Names of the columns in which a field is sent."""
    return field.columns if isinstance(field, Probabilities) else (field.name,)


def width_of(field: Field) -> int:
    """Numbers that a field has in a row."""
    match field:
        case Density():
            return field.grid.n
        case Pixels():
            return max(math.prod(shape) for shape in field.shapes)
    return len(columns_of(field))


@dataclass(frozen=True)
class Spread:
    """A form with one row a case that the field knows: a column for the field of each item, numbered from 0.

    key : its column of the case.   columns : of the items in order.   field : what they hold.
    """

    key: str
    columns: tuple[str, ...]
    field: str


@dataclass(frozen=True)
class Prediction:
    """What a participant sends: one row per case of the test split, named by ``key``.

    together : optional columns of which an entry sends all or none.
    headerless : whether text without a header is read too, as the required columns in their order, separated by
        commas or blanks.
    item : what of a case a row is about, where a case has several rows; None where it has one.
    spread : a form with one row a case that is read too.
    """

    fields: tuple[Field, ...]
    key: str = "object_id"
    together: tuple[tuple[str, ...], ...] = ()
    headerless: bool = False
    item: Item | None = None
    spread: Spread | None = None

    @property
    def columns(self) -> tuple[Column, ...]:
        """The fields that hold one number."""
        return tuple(f for f in self.fields if isinstance(f, Column))

    @property
    def densities(self) -> tuple[Density, ...]:
        """The fields that hold a density."""
        return tuple(f for f in self.fields if isinstance(f, Density))

    @property
    def pixels(self) -> tuple[Pixels, ...]:
        """The fields that hold an image."""
        return tuple(f for f in self.fields if isinstance(f, Pixels))

    @property
    def numbers(self) -> tuple[str, ...]:
        """Names of the columns that hold one number in a row, those of probabilities among them."""
        lists = (Density, Pixels)
        return tuple(name for f in self.fields if not isinstance(f, lists) for name in columns_of(f))

    @property
    def keys(self) -> tuple[str, ...]:
        """Names of the columns that say what a row is about: the case, and its item."""
        return (self.key,) if self.item is None else (self.key, self.item.name)

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the columns that must be there, the keys first."""
        return (*self.keys, *(name for f in self.fields if not f.optional for name in columns_of(f)))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all columns, the keys first."""
        return (*self.keys, *(name for f in self.fields for name in columns_of(f)))


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
    metrics : keys shown on the slice; empty for all.
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
    """

    key: str
    title: str
    kind: str
    data: Callable[[Measurements, Table], dict[str, Any] | None]
    needs: tuple[str, ...] = ()
    caption: str = ""
    together: bool = False


@dataclass(frozen=True)
class Sample:
    """Rows of the training table worth a look, with a few words on each."""

    title: str
    rows: tuple[int, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Pictures:
    """How cases whose data are images are shown.

    columns : of the train and test tables that ``render`` reads; those a release lacks are left out.
    render : (some rows, public JSON files by stem) -> (n, height, width, 3) uint8.
    samples : (table of ``labels``) -> samples of the training rows, shown with the release.   labels : that table and
        its columns, all where None.
    answer : where a case has several items, (some test rows, their hidden tables, what an entry says of them, JSON
        files) -> (n, height, width, 3) uint8, shown in galleries instead of the case alone.
    """

    columns: tuple[str, ...]
    render: Callable[[Table, Callable[[str], dict[str, Any]]], NDArray[np.uint8]]
    samples: Callable[[Table], tuple[Sample, ...]]
    labels: tuple[str, tuple[str, ...] | None] = ("train_labels", None)
    answer: (
        Callable[[Table, Mapping[str, Ragged], Ragged, Callable[[str], dict[str, Any]]], NDArray[np.uint8]]
        | None
    ) = None


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

    sky : (track, size, options) -> Sky or StratifiedSky.
    measure : (truth chunk, prediction chunk) -> Measured, two tables of the same rows. Where a case has several items,
        (cases, hidden tables by name, prediction): the cases' truth with the public columns ``beside`` it that are
        there, and everything else as Ragged.
    derive : (track, reader of the training table, JSON files) -> a function of test rows that gives further public
        columns of them.
    first_id : where the ids of each split begin to count, for rows in random order whose ids keep the shape that
        the field knows; None for a keyed permutation.
    about : text of the data card, Markdown, loaded when asked for.
    importers, exporters : format -> ``module:function``, loaded when asked for.
    pictures : how cases are shown, where their data are images.
    plates : ``module:function`` that gives the plates of a release from its public part, loaded when asked for.
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
    sky: Callable[[Track, Size, Mapping[str, str]], Sky | StratifiedSky]
    measure: Measure
    label: str
    beside: tuple[str, ...] = ()
    references: tuple[Reference, ...] = ()
    options: tuple[Option, ...] = ()
    derive: Derive | None = None
    first_id: Mapping[str, int] | None = None
    about: Callable[[], str] = lambda: ""
    importers: Mapping[str, str] = field(default_factory=dict)
    pictures: Pictures | None = None
    plates: str = ""
    exporters: Mapping[str, str] = field(default_factory=dict)
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
