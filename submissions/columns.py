"""What a file's header says against the declaration: names, near misses, types. No row is read here."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from blindsky.challenges.prediction import Column, Density, Field, Pixels, Prediction, columns_of
from blindsky.scoring.measurements import FloatArray
from blindsky.submissions.faults import Fault, shown
from blindsky.submissions.formats.common import ColumnInfo, PredictionFile
from blindsky.submissions.qp import float_ids

WHAT: dict[str, tuple[str, str]] = {  # code -> (message, mend)
    "missing_value": ("empty cells", "give every row a value, or leave an optional column out altogether"),
    "not_a_number": (
        "text where a number belongs",
        "write plain numbers with a decimal point, such as 0.531 or 5.31e-1",
    ),
    "not_finite": (
        "NaN or infinite values",
        "replace them by your best guess: a row without a value can't be scored",
    ),
    "bad_id": (
        "ids that are not whole numbers",
        "copy the ids from the test table as whole numbers (int64), not as floats",
    ),
    "density_length": (
        "densities that are not on the grid",
        "evaluate every density on the nodes of the grid",
    ),
    "negative_density": ("negative densities", "set negative values to 0: clip the density at zero"),
    "out_of_range": ("values outside the allowed range", "check the unit, and clip to the range"),
    "bad_sum": (
        "rows whose probabilities can't be divided by their sum",
        "give every row a probability above 0, the prior if nothing else",
    ),
    "zero_mass": (
        "densities without area",
        "give every row a density with some area, the prior if nothing else",
    ),
    "pixels_shape": (
        "images that have another shape",
        "give every row an image of the shape asked for",
    ),
    "not_empty": (
        "values in rows that say that nothing was found",
        "leave all other cells of such a row empty",
    ),
}
_INDEX = re.compile(r"|Unnamed: \d+|__index_level_\d+__|index")  # names of a row index that was written along
PROBABILITY = "a number not below 0"
OWN_IDS = "number the rows with whole numbers (int64)"  # of a catalogue, where they stand in no test table
SCALED = "divide a mask of 0 and 255 by 255, or send booleans"


def what(code: str, prediction: Prediction) -> tuple[str, str]:
    """Message and mend of cells that break a rule."""
    message, mend = WHAT[code]
    return message, OWN_IDS if code == "bad_id" and prediction.catalogue is not None else mend


def range_text(f: Column) -> str:
    """What a column may hold, in words."""
    unit = f" {f.unit}" if f.unit else ""
    match math.isfinite(f.low), math.isfinite(f.above), math.isfinite(f.high):
        case _, True, True:
            return f"a number above {f.above:g} and not above {f.high:g}{unit}"
        case _, True, False:
            return f"a number above {f.above:g}{unit}"
        case True, _, True:
            return f"a number from {f.low:g} to {f.high:g}{unit}"
        case True, _, False:
            return f"a number not below {f.low:g}{unit}"
        case False, _, True:
            return f"a number not above {f.high:g}{unit}"
    return f"a finite number{unit}"


def outside(f: Column, values: FloatArray) -> NDArray[np.int64]:
    """Places of the finite values (n,) that a column may not hold."""
    wrong = (values < f.low) | (values <= f.above) | (values > f.high)
    return np.flatnonzero(wrong & np.isfinite(values))


def grid_text(f: Density) -> str:
    """What a density must hold, in words."""
    low, high, n = f.grid.low, f.grid.high, f.grid.n
    return f"{n} values, finite and not negative, at the nodes {low:g}, {low + f.grid.step:g}, ..., {high:g}"


def pixels_text(f: Pixels) -> str:
    """What an image must hold, in words."""
    shape = " or ".join(" x ".join(map(str, s)) for s in f.shapes)
    return f"{shape} {'booleans, or numbers from 0 to 1' if f.mask else 'finite numbers (float32)'}"


def check_columns(file: PredictionFile, prediction: Prediction) -> list[str]:
    """Note what is wrong with the header; the declared columns that can be read, the key first."""
    names = [column.name for column in file.columns]
    kinds = {column.name: column for column in file.columns}
    fields = {name: f for f in prediction.fields for name in columns_of(f)}
    spread = {
        d.name: re.compile(rf"{re.escape(d.name)}[_\[.\s]?\d+\]?", re.IGNORECASE)
        for d in prediction.densities
    }
    for name in dict.fromkeys(name for name in names if names.count(name) > 1):
        file.log.add(
            Fault("duplicate_column", "the column occurs more than once", name, mend="keep one of them")
        )
    in_columns: dict[str, list[str]] = {}
    foreign = [name for name in kinds if name not in prediction.names]
    unknown = []
    for name in foreign:
        density = next((d for d, pattern in spread.items() if pattern.fullmatch(name)), None)
        if density is not None and density not in kinds:
            in_columns.setdefault(density, []).append(name)
        else:
            unknown.append(name)
    missing = [name for name in prediction.required if name not in kinds and name not in in_columns]
    for name in unknown:
        file.log.add(_unknown(name, prediction, kinds, missing))
    for name, parts in in_columns.items():
        got = f"{len(parts)} columns {shown(parts[0])}, {shown(parts[-1])}, ..."
        file.log.add(_density_form(name, got, "the density is spread over several columns"))
    for name in missing:
        file.log.add(
            Fault(
                "missing_column",
                "a required column is missing",
                name,
                got="columns "
                + ", ".join(shown(other) for other in names[:8])
                + (", ..." if len(names) > 8 else ""),
                expected=_expected(prediction),
                mend=_to_have(name, foreign, [other for other in unknown if not _INDEX.fullmatch(other)]),
            )
        )
    for group in prediction.together:
        here = [name for name in group if name in kinds]
        for name in group:
            if here and name not in kinds:
                file.log.add(_lone(name, here, group, _nearest(name, foreign)))
    readable = [name for name in prediction.names if names.count(name) == 1]
    own = prediction.catalogue is not None
    return [name for name in readable if _check_type(file, kinds[name], fields.get(name), own)]


def _expected(prediction: Prediction) -> str:
    """The columns asked for, and which of them may be left out."""
    return ", ".join(
        name if name in prediction.required else f"{name} (optional)" for name in prediction.names
    )


def _to_have(name: str, foreign: Sequence[str], unknown: Sequence[str]) -> str:
    """How to come by a missing column: it may be there under a name that is not like its own."""
    near = _nearest(name, foreign)
    if near is not None:
        return f"rename {shown(near)} to {name}"
    if unknown:
        listed = " or ".join(shown(other) for other in unknown[:3])
        return f"rename the column that holds it to {name}, perhaps {listed}, or add it"
    return f"add the column {name}"


def _lone(name: str, here: Sequence[str], group: Sequence[str], near: str | None) -> Fault:
    mend = f"rename {shown(near)} to {name}" if near else f"add the column {name}"
    return Fault(
        "lone_column",
        "optional columns that belong together are not all there",
        name,
        got=f"{', '.join(here)} without {name}",
        expected=f"all of {', '.join(group)}, or none",
        mend=f"{mend}, or leave out {', '.join(here)}",
    )


def _unknown(name: str, prediction: Prediction, present: Collection[str], missing: Sequence[str]) -> Fault:
    absent = [other for other in prediction.names if other not in present]
    near = _nearest(name, absent) or _nearest(name, prediction.names)
    if _INDEX.fullmatch(name):
        mend = "this looks like the row index of pandas: write the table with index=False"
    elif near is not None:
        case = " (names are case-sensitive)" if near.lower() == name.lower() else ""
        mend = f"did you mean {near}?{case}"
    elif missing:  # to leave it out may lose what was asked for
        mend = f"if it holds {' or '.join(missing[:3])}, rename it, else leave it out"
    else:
        mend = "leave it out"
    return Fault(
        "unknown_column",
        "a column that is not part of the prediction",
        shown(name),
        expected=_expected(prediction),
        mend=mend,
    )


def _nearest(name: str, candidates: Sequence[str]) -> str | None:
    lower = {other.strip().lower(): other for other in candidates}
    near = difflib.get_close_matches(
        name.strip().lower()[:80], [other[:80] for other in lower], n=1, cutoff=0.6
    )
    return lower.get(near[0]) if near else None


def _density_form(name: str, got: str, message: str) -> Fault:
    return Fault(
        "density_form",
        message,
        name,
        got=got,
        expected="one list of numbers per row",
        mend="send it as a list column in Parquet (fixed_size_list of float32), as a vector column in FITS, "
        "or as a qp ensemble; or leave it out where it is optional",
    )


def _check_pixels(file: PredictionFile, column: ColumnInfo, f: Pixels) -> bool:
    """Whether a column may hold these images; the shape of lists of any length shows row by row."""
    if column.kind == "list" and column.boolean and not f.mask:
        code, got = "pixels_form", f"type {column.detail}"
        message, mend = "an image can't be of booleans", "send the light of the object, as float32"
    elif column.kind == "list":
        if column.shape in f.shapes or (
            column.shape is None and column.width in (None, *map(math.prod, f.shapes))
        ):
            return True
        got = " x ".join(map(str, column.shape or (f"{column.width} values",)))
        code, (message, mend) = "pixels_shape", WHAT["pixels_shape"]
    else:
        code, got = "pixels_form", f"type {column.detail}"
        message = (
            f"an image can't be read from {file.format}" if file.text else "the image is no list of numbers"
        )
        mend = "send it as a tensor column in Parquet (pyarrow.fixed_shape_tensor), or leave it out if it is optional"
    file.log.add(Fault(code, message, column.name, got=got, expected=pixels_text(f), mend=mend))
    return False


def _check_type(file: PredictionFile, column: ColumnInfo, f: Field | None, own: bool) -> bool:
    """Whether a column holds what its field asks, None for the key; a fault is noted where it doesn't.

    own : whether the key is the participant's own.
    """
    if isinstance(f, Pixels):
        return _check_pixels(file, column, f)
    if isinstance(f, Density):
        if column.kind != "list":
            message = (
                f"a density can't be read from {file.format}"
                if file.text
                else "the density is no list of numbers"
            )
            file.log.add(_density_form(column.name, f"type {column.detail}", message))
            return False
        if column.width not in (None, f.grid.n):
            message, mend = WHAT["density_length"]
            file.log.add(
                Fault(
                    "density_length",
                    message,
                    column.name,
                    got=f"{column.width} values a row",
                    expected=grid_text(f),
                    mend=mend,
                )
            )
            return False
        return True
    if file.text and column.kind == "text":
        return True
    if f is None and column.kind == "number":
        fault = float_ids(column.name, column.detail)
        file.log.add(replace(fault, mend=OWN_IDS) if own else fault)
        return False
    if column.kind in (("integer",) if f is None else ("integer", "number")):
        return True
    number = "whole numbers (int64)" if f is None else "plain numbers (float64)"
    kind = "int64" if f is None else "float64"
    file.log.add(
        Fault(
            "column_type",
            "the column does not hold plain numbers",
            column.name,
            got=column.detail,
            expected=number,
            mend=f'convert it first: table["{column.name}"] = table["{column.name}"].astype("{kind}")',
        )
    )
    return False
