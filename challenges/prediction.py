"""What a participant sends: the columns of a prediction, what each may hold, and what its rows are about."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from blindsky.scoring.measurements import Table


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


Remarks = Callable[[Table, Callable[[str], dict[str, Any]]], tuple[str, ...]]


@dataclass(frozen=True)
class Item:
    """What a row of the prediction is about, where a case has several: an object, or a detection.

    name : of the column that numbers the items of a case.   most : rows of a case at most, where a participant says
    what was found, one row numbered -1 and empty where nothing was; None where the public table ``test_objects`` lists
    the items, all of which are predicted.
    remarks : (keys and numbers of its rows, public JSON files by stem) -> sentences on what is allowed, but strange.
    """

    name: str
    most: int | None = None
    description: str = ""
    remarks: Remarks | None = None


@dataclass(frozen=True)
class Catalogue:
    """What a prediction is where it lists what was found in a whole field: its rows are about no case.

    name : of the column of whole numbers from 0 on that name the rows, each once, as the participant likes.
    most : rows at most, by size of the release.
    remarks : (its rows, public JSON files by stem) -> sentences on what is allowed, but strange.
    """

    name: str
    most: Mapping[str, int]
    remarks: Remarks


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
    catalogue : where rows are about no case; None where each is. ``key`` is of the cases then, and not sent.
    blanks : whether text separated by blanks, with a header, is read too, its columns in the order declared.
    """

    fields: tuple[Field, ...]
    key: str = "object_id"
    together: tuple[tuple[str, ...], ...] = ()
    headerless: bool = False
    item: Item | None = None
    spread: Spread | None = None
    catalogue: Catalogue | None = None
    blanks: bool = False

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
        """Names of the columns that say what a row is about: the case, and its item; or its own name."""
        if self.catalogue is not None:
            return (self.catalogue.name,)
        return (self.key,) if self.item is None else (self.key, self.item.name)

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the columns that must be there, the keys first."""
        return (*self.keys, *(name for f in self.fields if not f.optional for name in columns_of(f)))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all columns, the keys first."""
        return (*self.keys, *(name for f in self.fields for name in columns_of(f)))
