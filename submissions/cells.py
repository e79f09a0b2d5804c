"""From Arrow cells to numbers: what parses, what does not, and why; wherever the cells come from."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from blindsky.challenges.prediction import Pixels
from blindsky.scoring.measurements import Array, FloatArray
from blindsky.submissions.faults import shown

if TYPE_CHECKING:
    import pyarrow as pa

_NUMBER = re.compile(
    r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(nan|inf|infinity)", re.ASCII | re.IGNORECASE
)
_WHOLE = re.compile(r"[+-]?\d+", re.ASCII)
_EMPTY = {"", "na", "n/a", "<na>", "null", "none", "--", "-"}
_INT64 = (-(2**63), 2**63 - 1)
THRESHOLD = 0.5  # from which a number in a mask says that a pixel belongs
MIN_MASS = 1e-12  # a density whose integral is not above this can't be normalised


@dataclass(frozen=True)
class Problem:
    """Cells that break one rule: ``index`` (m,) are their places, ``got(i)`` describes the i-th."""

    code: str
    index: NDArray[np.int64]
    got: Callable[[int], str]


def looks_like_number(text: str) -> bool:
    """Whether a cell of text is a number as the readers take it."""
    return _NUMBER.fullmatch(text.strip()) is not None


def whole_numbers(array: pa.Array) -> tuple[NDArray[np.int64], list[Problem]]:
    """Ids, exactly: (n,) int64, 0 where there is a problem. Text never goes through a float."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_string(array.type):
        plain = pc.match_substring_regex(array, r"^-?[0-9]{1,18}$")
        if array.null_count == 0 and pc.all(plain, min_count=0).as_py():
            return np.asarray(pc.cast(array, pa.int64()), dtype=np.int64), []
        whole, problems = _each(array, _whole, np.dtype(np.int64))
        return whole.astype(np.int64), problems
    missing = _nulls(array)
    if pa.types.is_uint64(array.type):
        values = np.asarray(array.fill_null(0)).astype(np.uint64)
        large = np.flatnonzero(values > _INT64[1])
        problems = [*missing, *_problem("bad_id", large, lambda i: str(values[large[i]]))]
        return np.where(values > _INT64[1], 0, values).astype(np.int64), problems
    return np.asarray(array.fill_null(0)).astype(np.int64), missing


def numbers(array: pa.Array) -> tuple[FloatArray, list[Problem]]:
    """Numbers (n,) float64, NaN where there is a problem."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_string(array.type):
        values = np.asarray(pc.cast(array, pa.float64(), safe=False).fill_null(np.nan))
        problems = _nulls(array)
    else:
        try:
            values, problems = np.asarray(pc.cast(array, pa.float64())), []
        except pa.ArrowInvalid:  # one by one: blanks about a number do no harm, anything else is told
            values, problems = _each(array, _number, np.dtype(np.float64))
    told = np.zeros(len(values), dtype=bool)
    for problem in problems:
        told[problem.index] = True
    odd = np.flatnonzero(~np.isfinite(values) & ~told)
    problems += _problem("not_finite", odd, lambda i: str(values[odd[i]]))
    return values, problems


def densities(
    array: pa.Array, nodes: int, step: float
) -> tuple[NDArray[np.float32], FloatArray, list[Problem]]:
    """Densities (n, nodes) float32 and their trapezoid integrals (n,); rows with a problem are zero."""
    import pyarrow.compute as pc

    lengths = np.asarray(pc.list_value_length(array).fill_null(-1), dtype=np.int64)
    null, wrong = np.flatnonzero(lengths < 0), np.flatnonzero((lengths >= 0) & (lengths != nodes))
    problems = [
        *_problem("missing_value", null, lambda i: "no density"),
        *_problem("density_length", wrong, lambda i: f"{lengths[wrong[i]]:,} values"),
    ]
    index = np.flatnonzero(lengths == nodes)
    flat = (array if len(index) == len(array) else array.take(index)).flatten()
    empty = np.asarray(flat.is_null()).reshape(-1, nodes) if flat.null_count else None
    raw = np.asarray(flat.fill_null(0) if flat.null_count else flat).reshape(-1, nodes)
    with np.errstate(over="ignore"):  # too large for float32: infinite, and told below
        values = raw.astype(np.float32, copy=False)
    bad = np.zeros(len(index), dtype=bool)

    def rule(code: str, mask: NDArray[np.bool_] | None, say: Callable[[int, int], str]) -> None:
        if mask is None or not mask.any():
            return
        rows = np.flatnonzero(mask.any(axis=1) & ~bad)
        first = mask[rows].argmax(axis=1)
        bad[rows] = True
        at = [f" at node {k} (counted from 0)" for k in first]
        problems.extend(_problem(code, index[rows], lambda i: say(int(rows[i]), int(first[i])) + at[i]))

    rule("missing_value", empty, lambda row, k: "an empty value (null; pandas writes NaN so)")
    if not np.isfinite(values).all():
        rule("not_finite", ~np.isfinite(values), lambda row, k: f"{raw[row, k]}")
    below = raw < 0
    if below.any():
        rule("negative_density", below, lambda row, k: f"{raw[row, k]}")
    with np.errstate(invalid="ignore"):  # rows with infinities were told above
        ends = values[:, 0].astype(np.float64) + values[:, -1]
        mass = step * (values.sum(axis=1, dtype=np.float64) - 0.5 * ends)
    light = np.flatnonzero(~(mass > MIN_MASS) & ~bad)
    bad[light] = True
    problems += _problem("zero_mass", index[light], lambda i: f"an integral of {mass[light[i]]:.3g}")
    if len(index) == len(array) and not bad.any():
        return values, mass, problems
    full, masses = np.zeros((len(array), nodes), np.float32), np.zeros(len(array))
    full[index[~bad]], masses[index[~bad]] = values[~bad], mass[~bad]
    return full, masses, problems


def blank(array: pa.Array) -> NDArray[np.bool_]:
    """Which cells (n,) are empty: null, NaN, or a word for it."""
    import pyarrow as pa

    if pa.types.is_string(array.type):
        cells = array.to_pylist()
        return np.array(
            [cell is None or cell.strip().lower() in {*_EMPTY, "nan"} for cell in cells], dtype=bool
        )
    if pa.types.is_floating(array.type):
        return np.isnan(np.asarray(array.fill_null(np.nan), dtype=np.float64))
    return np.asarray(array.is_null(), dtype=bool)


def pixels(array: pa.Array, field: Pixels) -> tuple[Array, int, list[Problem]]:
    """Images (n, *shape), uint8 of masks and else float32; pixels of masks that were neither 0 nor 1; problems.

    Rows with a problem are zero.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    dtype = np.uint8 if field.mask else np.float32
    lengths = np.asarray(pc.list_value_length(array).fill_null(-1), dtype=np.int64)
    planes, kept = field.planes or (1, 0)
    if not (lengths == planes * field.size).any():
        planes, kept = 1, 0
    width = planes * field.size
    null, wrong = np.flatnonzero(lengths < 0), np.flatnonzero((lengths >= 0) & (lengths != width))
    problems = [
        *_problem("missing_value", null, lambda i: "no image"),
        *_problem("pixels_shape", wrong, lambda i: f"{lengths[wrong[i]]:,} values"),
    ]
    index = np.flatnonzero(lengths == width)
    flat = (array if len(index) == len(array) else array.take(index)).flatten()
    if pa.types.is_boolean(flat.type):
        flat = pc.cast(flat, pa.uint8())

    def plane(values: pa.Array) -> Array:
        return np.asarray(values).reshape(-1, planes, field.size)[:, kept]

    empty = plane(flat.is_null()) if flat.null_count else None
    raw = sent = plane(flat.fill_null(0) if flat.null_count else flat)
    if not field.mask:
        with np.errstate(over="ignore"):  # too large for float32: infinite, and told below
            raw = sent.astype(np.float32, copy=False)
    bad = np.zeros(len(index), dtype=bool)
    fractions = field.mask and raw.dtype.kind == "f"

    def rule(code: str, wrong: NDArray[np.bool_] | None, got: Callable[[int, int], str]) -> None:
        if wrong is None or not wrong.any():
            return
        found = np.flatnonzero(wrong.any(axis=1) & ~bad)
        first = wrong[found].argmax(axis=1)
        bad[found] = True
        at = [f" at {tuple(map(int, np.unravel_index(k, field.shape)))}" for k in first]
        problems.extend(_problem(code, index[found], lambda i: got(int(found[i]), int(first[i])) + at[i]))

    rule("missing_value", empty, lambda row, k: "an empty value")
    if raw.dtype.kind == "f":
        rule("not_finite", ~np.isfinite(raw), lambda row, k: f"{sent[row, k]}")
    if field.mask:
        rule("out_of_range", (raw < 0) | (raw > 1), lambda row, k: f"{raw[row, k]}")
    between = int(np.count_nonzero((raw > 0) & (raw < 1))) if fractions else 0
    values = np.zeros((len(array), field.size), dtype)
    values[index[~bad]] = raw[~bad] >= THRESHOLD if fractions else raw[~bad]
    return values.reshape(-1, *field.shape), between, problems


def _problem(code: str, index: NDArray[Any], got: Callable[[int], str]) -> list[Problem]:
    return [Problem(code, index.astype(np.int64), got)] if len(index) else []


def _nulls(array: pa.Array) -> list[Problem]:
    index = np.flatnonzero(np.asarray(array.is_null())) if array.null_count else np.empty(0, np.int64)
    return _problem("missing_value", index, lambda i: "an empty cell (null; pandas writes NaN so)")


def _each(
    array: pa.Array, parse: Callable[[str], float | int | str], dtype: np.dtype[Any]
) -> tuple[Array, list[Problem]]:
    """Cell by cell: ``parse`` returns the number, or the code of the rule that the cell breaks."""
    cells = [cell or "" for cell in array.to_pylist()]
    parsed = [parse(cell.strip()) for cell in cells]
    blank = 0 if dtype.kind == "i" else np.nan
    values = np.array([blank if isinstance(p, str) else p for p in parsed], dtype=dtype)
    problems = []
    for code in dict.fromkeys(p for p in parsed if isinstance(p, str)):
        index = np.array([i for i, p in enumerate(parsed) if p == code], dtype=np.int64)
        got = [shown(cells[i]) if cells[i].strip() else "an empty cell" for i in index]
        problems.append(Problem(code, index, got.__getitem__))
    return values, problems


def _whole(cell: str) -> int | str:
    if cell.lower() in _EMPTY:
        return "missing_value"
    # a longer row of digits is no int64, and int() is slow on it
    number = int(cell) if _WHOLE.fullmatch(cell) and len(cell) <= 20 else None
    return number if number is not None and _INT64[0] <= number <= _INT64[1] else "bad_id"


def _number(cell: str) -> float | str:
    if cell.lower() in _EMPTY:
        return "missing_value"
    return float(cell) if _NUMBER.fullmatch(cell) else "not_a_number"
