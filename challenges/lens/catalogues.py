"""Labels of the original challenge: its catalogues, by edition, become our columns, and ours become its catalogues."""

from __future__ import annotations

import csv
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blindsky.challenges.errors import InputFault
from blindsky.challenges.lens.editions import Edition
from blindsky.challenges.lens.labels import is_lens
from blindsky.scoring.measurements import Array, FloatArray, Table

RULE = {  # what says whether a stamp is a lens, by whether the edition is the second
    False: ("is_lens or no_source",),
    True: ("n_sources", "n_source_im", "mag_eff", "n_pix_source"),
}
AREA = {False: "Einstein_area", True: "ein_area"}
COLUMNS = {  # ours -> what the catalogues of the two editions call it
    False: {"npix": "numb_pix_lensed_image", "flux_sigma": "flux_lensed_image_in_sigma"},
    True: {
        "z_source": "z_source",
        "z_lens": "z_lens",
        "mag_source": "mag_source",
        "npix": "n_pix_source",
        "n_images": "n_source_im",
        "mu_eff": "mag_eff",
        "mag_lens": "mag_lens",
    },
}
_WHOLE: dict[str, Any] = {"npix": np.int32, "n_images": np.int8}
_OF_SOURCES = ("flux_sigma", "mu_eff", "z_source", "mag_source")
RADII = (0.05, 20.0)  # arcsec: a median outside means that the area is in another unit


def read(path: Path, edition: Edition) -> tuple[NDArray[np.int64], Table]:
    """Ids (n,), ascending, and our columns (n,) as far as the catalogue has them; ``label`` by the edition's rule.

    InputFault for what can't be read: ids that are no whole numbers or stand twice, columns or labels that lack.
    """
    frame = _frame(path)
    names = {re.sub(r"\W+", "_", str(name).strip()).lower(): name for name in frame.columns}

    def column(name: str) -> FloatArray:
        return _numbers(frame[names[name.lower()]].to_numpy(dtype=np.str_), name, path)

    def has(name: str) -> bool:
        return name.lower() in names

    lacking = [name for name in ("ID", *RULE[edition.second]) if not any(map(has, name.split(" or ")))]
    if lacking:
        message = (
            f"{path} has no column {', '.join(lacking)}. It has: {', '.join(map(str, frame.columns[:40]))}. "
            "Give the catalogue of this --edition, as it was published"
        )
        raise InputFault(message)
    ids = _ids(frame[names["id"]].to_numpy(dtype=np.str_), path)
    found = {ours: column(theirs) for ours, theirs in COLUMNS[edition.second].items() if has(theirs)}
    if edition.second:
        source = column("n_sources") > 0
        lens = is_lens(source & (found["n_images"] > 0), found["mu_eff"], found["npix"])
        labels: Table = {"label": lens, "has_source": source, "is_lens": lens}
    else:
        source = _flags(column("is_lens"), "is_lens", path) if has("is_lens") else column("no_source") == 0
        labels = {"label": source, "has_source": source}
    if has(AREA[edition.second]):
        area = column(AREA[edition.second])
        labels["r_ein"] = np.sqrt(np.where(area > 0, area, np.nan) / np.pi)
    for name, values in found.items():
        if name in _WHOLE:
            top = np.iinfo(_WHOLE[name]).max
            labels[name] = np.clip(np.where(source, np.nan_to_num(values), 0), 0, top).astype(_WHOLE[name])
        else:
            labels[name] = np.where(source, values, np.nan) if name in _OF_SOURCES else values
    order = np.argsort(ids, kind="stable")
    return ids[order], {name: values[order] for name, values in labels.items()}


def _frame(path: Path):  # type: ignore[no-untyped-def]  # pandas stays out of what is loaded by default
    """Every cell as text; lines that begin with # are comments, an unnamed column is the row number."""
    import pandas as pd

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # cells that the header has no name for
            return pd.read_csv(
                path, comment="#", skipinitialspace=True, dtype=str, index_col=False, keep_default_na=False
            )
    except (ValueError, UnicodeDecodeError, pd.errors.ParserWarning) as error:
        reason = " ".join(str(error).split())
        message = f"{path} is not readable as CSV ({reason}). Give the catalogue as it was published"
        raise InputFault(message) from error


def _numbers(cells: Array, name: str, path: Path) -> FloatArray:
    cells = np.char.strip(cells)
    empty = cells == ""
    try:
        return np.where(empty, "nan", cells).astype(np.float64)
    except ValueError as error:
        message = f"{path}: column {name} holds something that is not a number ({error}). Mend that row"
        raise InputFault(message) from error


def _flags(values: FloatArray, name: str, path: Path) -> NDArray[np.bool_]:
    odd = np.flatnonzero(~np.isin(values, (0, 1)))
    if len(odd):
        message = f"{path}: column {name} is {values[odd[0]]:g} in row {odd[0] + 1:,}, expected 0 or 1. Mend that row"
        raise InputFault(message)
    return np.asarray(values == 1)


def _ids(cells: Array, path: Path) -> NDArray[np.int64]:
    cells = np.char.strip(cells)
    odd = [(k, cell) for k, cell in enumerate(cells.tolist(), 1) if not re.fullmatch(r"\d{1,18}", cell)]
    if odd:
        row, cell = odd[0]
        message = f"{path}: the ID in row {row:,} is {cell[:40]!r}, expected a whole number. Mend that row"
        raise InputFault(message)
    ids = cells.astype(np.int64)
    unique, count = np.unique(ids, return_counts=True)
    if len(unique) < len(ids):
        twice = unique[count > 1]
        message = f"{path}: {len(twice):,} ids stand twice, the first is {twice[0]}. Keep one row of each"
        raise InputFault(message)
    return ids


def check_radii(labels: Table, path: Path) -> str:
    """The range of the Einstein radii in words; InputFault where their median is no angle in arcsec."""
    radii = labels["r_ein"][labels["r_ein"] > 0]
    low, median, high = np.quantile(radii, (0, 0.5, 1))
    words = f"{low:.3g} to {high:.3g}, median {median:.3g}"
    if not RADII[0] <= median <= RADII[1]:
        message = (
            f"{path}: sqrt(Einstein area / pi) is {words}, and the median of an angle in arcsec lies between "
            f"{RADII[0]:g} and {RADII[1]:g}. Convert the area to square arcsec"
        )
        raise InputFault(message)
    return f"r_ein = sqrt(area / pi), the area taken in square arcsec: {words} arcsec"


def write(path: Path, edition: Edition, split: str, ids: Array, labels: Table) -> None:
    """The catalogue of a split in the edition's form; ``labels`` (n,) are our columns."""
    source = labels["has_source"].astype(int)
    columns: dict[str, Array] = {"ID": ids}
    if edition.second:
        columns = {"": np.arange(len(ids)), "ID": ids}
        comment = "# Written by blindsky in the form of the second edition; what it can't know is left out.\n"
    elif split == "train":
        columns["is_lens"], comment = source, ""
    else:
        columns["no_source"], comment = (
            1 - source,
            "# Written by blindsky in the form of the first edition.\n",
        )
    if "r_ein" in labels:
        columns[AREA[edition.second]] = np.pi * np.nan_to_num(labels["r_ein"]) ** 2
    columns |= {
        theirs: np.nan_to_num(labels[ours])
        for ours, theirs in COLUMNS[edition.second].items()
        if ours in labels
    }
    if edition.second:
        columns["n_sources"] = source
    with path.open("w", newline="", encoding="utf-8") as file:
        file.write(comment)
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*(column.tolist() for column in columns.values()), strict=True))
