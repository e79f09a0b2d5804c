"""Simulations by SNANA become a test with its truth.

A table about the objects (HEAD) points into one of their visits (PHOT), of which some objects' are read at a time.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from blindsky.challenges.challenge import rows
from blindsky.challenges.errors import InputFault
from blindsky.challenges.importing import Imported, Rows, Shuffle
from blindsky.challenges.progress import progress
from blindsky.challenges.skies import Block, Ragged
from blindsky.challenges.transients import positions
from blindsky.challenges.transients.bands import BANDS
from blindsky.challenges.transients.classes import NUMBERS, OTHER
from blindsky.challenges.transients.cosmology import distance_modulus
from blindsky.challenges.transients.official import TRACK, detections, public_files
from blindsky.scoring.measurements import Array, FloatArray, Table

UNKNOWN = -9.0  # how SNANA writes what is not known
NO_MAGNITUDE = 99.0
SEPARATOR = -777.0  # MJD of the rows between two objects
DETECTION = 4096  # bit of PHOTFLAG
ROWS = 500_000  # visits at a time
_DEEP = "DDF"  # in SUBSURVEY
_HEAD = (
    *("SNID", "RA", "DEC", "PTROBS_MIN", "PTROBS_MAX", "MWEBV", "REDSHIFT_HELIO", "HOSTGAL_PHOTOZ"),
    *("SIM_TYPE_INDEX", "SIM_REDSHIFT_CMB", "SIM_PEAKMJD"),
)
_PHOT = ("MJD", "BAND", "FLUXCAL", "FLUXCALERR", "PHOTFLAG")
_OLD = {"DECL": "DEC", "FLT": "BAND"}  # names in older files


def snana(files: Sequence[Path], shuffle: Shuffle) -> Imported:
    """A HEAD and a PHOT file, gzipped or not."""
    if len(files) != 2:
        message = f"transients/snana wants two files, HEAD.FITS and PHOT.FITS; got {len(files)}"
        raise InputFault(message)
    head, visits = _Table.read(files[0], _HEAD), _Table.read(files[1], _PHOT)
    notes: list[str] = []
    objects = _objects(head, rows(visits.columns), notes)
    notes.append(
        f"{len(objects.target):,} objects with {int(objects.counts.sum()):,} observations, a test alone"
    )
    return Imported((), _rows(objects, visits), public_files(), notes, TRACK)


class _Table(NamedTuple):
    """The first binary table of a FITS file: columns by SNANA's newer names, read when asked for; primary header."""

    path: Path
    columns: dict[str, Any]
    header: dict[str, Any]

    @classmethod
    def read(cls, path: Path, wanted: Sequence[str]) -> _Table:
        """InputFault where a wanted column lacks."""
        from astropy.io import fits

        with _readable(path), fits.open(path, memmap=True) as file:
            data: Any = next((hdu.data for hdu in file if isinstance(hdu, fits.BinTableHDU)), None)
            header = dict(file[0].header)
            names = [] if data is None else list(data.names)
        known = {_OLD.get(name, name): name for name in names}
        lacking = [name for name in wanted if name not in known]
        if lacking:
            there = ", ".join(names[:40]) or "no table: it may be cut short"
            message = (
                f"{path} has no column {', '.join(lacking)}. It has: {there}. Give HEAD.FITS first, then PHOT.FITS of "
                "the same simulation"
            )
            raise InputFault(message)
        return cls(path, {ours: data[theirs] for ours, theirs in known.items()}, header)

    def numbers(self, name: str) -> FloatArray:
        """A column as float64, (n,)."""
        return np.asarray(self.columns[name]).astype(np.float64)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what matters of a damaged file is told below
            yield
    except Exception as error:  # a damaged file makes the library raise nearly anything
        if isinstance(error, OSError) and error.errno is not None:
            raise
        reason = " ".join(str(error).split())[:200]
        message = f"{path} is not readable as FITS ({reason}). Fetch it again"
        raise InputFault(message) from error


class _Objects(NamedTuple):
    """Objects (n,), by id where they have one.

    first, counts : their visits.   ebv : of the dust that is to be corrected for, mag.
    """

    ids: Array | None
    names: Array
    public: Table
    target: Array
    truth: Table
    first: NDArray[np.int64]
    counts: NDArray[np.int64]
    ebv: FloatArray


def _objects(head: _Table, visits: int, notes: list[str]) -> _Objects:
    first, last = (np.asarray(head.columns[name]).astype(np.int64) for name in ("PTROBS_MIN", "PTROBS_MAX"))
    odd = np.flatnonzero((first < 1) | (last < first) | (last > visits))
    if len(odd):
        message = (
            f"{head.path}: PTROBS_MIN and PTROBS_MAX of row {odd[0] + 1:,} are {first[odd[0]]} and {last[odd[0]]}, "
            f"expected 1 to {visits:,}. Give the PHOT.FITS of the same simulation"
        )
        raise InputFault(message)
    target = np.asarray(head.columns["SIM_TYPE_INDEX"]).astype(np.int16)
    strange = np.unique(target[~(np.isin(target, NUMBERS) | (target > OTHER))])
    if len(strange):
        message = (
            f"{head.path}: SIM_TYPE_INDEX is {', '.join(map(str, strange[:5]))} for some objects, expected a class of "
            f"PLAsTiCC: {', '.join(map(str, NUMBERS))} or above"
        )
        raise InputFault(message)
    names = np.char.strip(np.asarray(head.columns["SNID"]).astype(np.str_))
    ids = None
    order = np.arange(len(names))
    if all(re.fullmatch(r"\d{1,18}", name) for name in names.tolist()):
        ids = names.astype(np.int64)
        order = np.argsort(ids, kind="stable")
        ids = ids[order]
        if (np.diff(ids) == 0).any():
            message = (
                f"{head.path}: SNID {ids[1:][np.diff(ids) == 0][0]} stands twice. Import the files one by one"
            )
            raise InputFault(message)
    else:
        notes.append("SNIDs are no whole numbers: objects have new ids")
    public, truth = _public(head, notes), _truth(head, target)
    applied = bool(head.header.get("MWEBV_APPLYFLAG", 0))
    ebv = np.zeros(len(names)) if applied else head.numbers("MWEBV")
    if (ebv > 0).any():
        notes.append("fluxes were corrected for the dust of the Milky Way by MWEBV")
    return _Objects(
        ids,
        names[order],
        {name: column[order] for name, column in public.items()},
        target[order],
        {name: column[order] for name, column in truth.items()},
        first[order] - 1,
        (last - first + 1)[order],
        ebv[order],
    )


def _known(column: FloatArray, *unknown: float) -> FloatArray:
    """The column, NaN where it is not known."""
    return np.where(np.isin(column, (UNKNOWN, *unknown)), np.nan, column)


def _public(head: _Table, notes: list[str]) -> Table:
    ra, dec = head.numbers("RA"), head.numbers("DEC")
    l, b = positions.galactic(ra, dec)  # noqa: E741
    photo = _known(head.numbers("HOSTGAL_PHOTOZ"))
    error = (
        head.numbers("HOSTGAL_PHOTOZ_ERR")
        if "HOSTGAL_PHOTOZ_ERR" in head.columns
        else np.full(len(ra), UNKNOWN)
    )
    survey = np.asarray(head.columns.get("SUBSURVEY", np.full(len(ra), ""))).astype(np.str_)
    deep = np.char.find(np.char.upper(survey), _DEEP) >= 0
    if not np.char.str_len(np.char.strip(survey)).any():
        notes.append("the files don't tell deep fields from the wide survey: ddf is 0")
    if (lacking := int(np.isnan(photo).sum())) > 0:
        notes.append(f"hostgal_photoz is not known, and NaN, for {lacking:,} of {len(photo):,} objects")
    modulus = np.full(len(photo), np.nan)
    modulus[photo > 0] = distance_modulus(photo[photo > 0])
    columns = {
        "ra": ra,
        "decl": dec,
        "gal_l": l,
        "gal_b": b,
        "ddf": deep,
        "hostgal_specz": _known(head.numbers("REDSHIFT_HELIO")),
        "hostgal_photoz": photo,
        "hostgal_photoz_err": _known(error),
        "distmod": modulus,
        "mwebv": head.numbers("MWEBV"),
    }
    return {name: column.astype(np.int8 if name == "ddf" else np.float32) for name, column in columns.items()}


def _truth(head: _Table, target: Array) -> Table:
    truth: Table = {"true_target": target}
    for name, theirs in (
        ("true_z", "SIM_REDSHIFT_CMB"),
        ("true_peakmjd", "SIM_PEAKMJD"),
        ("true_av", "SIM_AV"),
        ("true_rv", "SIM_RV"),
        ("peak_mag_i", "SIM_PEAKMAG_i"),
    ):
        if theirs in head.columns:
            truth[name] = _known(head.numbers(theirs), NO_MAGNITUDE)
    return truth


def _rows(objects: _Objects, visits: _Table) -> Iterator[Rows]:
    n = len(objects.target)
    edges = [0, *(np.flatnonzero(np.diff(np.cumsum(objects.counts) // ROWS)) + 1).tolist(), n]
    with progress("reading light curves", n, "objects") as report:
        for start, end in pairwise(edges):
            some = slice(start, end)
            curves = _curves(objects, some, visits)
            public = {name: column[some] for name, column in objects.public.items()}
            truth = {name: column[some] for name, column in objects.truth.items()}
            private: dict[str, Table] = {"truth": {**truth, **detections(curves)}}
            if objects.ids is None:
                private["test_source"] = {"source_id": objects.names[some]}
            ids = None if objects.ids is None else objects.ids[some]
            yield Rows(Block(public, private, long={"lightcurves": curves}), ids)
            report.advance(end - start)


def _curves(objects: _Objects, some: slice, visits: _Table) -> Ragged:
    """The visits of some objects, each in order of time."""
    counts = objects.counts[some]
    owner = np.repeat(np.arange(len(counts)), counts)
    row = np.arange(len(owner)) + np.repeat(objects.first[some] - (np.cumsum(counts) - counts), counts)
    mjd = np.asarray(visits.columns["MJD"][row]).astype(np.float64)
    order = np.lexsort((mjd, owner))
    owner, row, mjd = owner[order], row[order], mjd[order]
    letters = np.char.lower(np.char.strip(np.asarray(visits.columns["BAND"][row]).astype(np.str_)))
    names, which = np.unique(letters, return_inverse=True)
    flux, error = (np.asarray(visits.columns[c][row]).astype(np.float64) for c in ("FLUXCAL", "FLUXCALERR"))
    strange = [name for name in names.tolist() if name[-1:] not in BANDS]
    if strange or (mjd == SEPARATOR).any() or not np.isfinite(flux + error + mjd).all():
        found = (
            f"bands {', '.join(strange)}"
            if strange
            else "rows between objects, or values that are not finite,"
        )
        message = (
            f"{visits.path}: {found} among the visits of objects. Give the HEAD.FITS of the same simulation"
        )
        raise InputFault(message)
    band = np.array([BANDS.index(name[-1:]) for name in names.tolist()], dtype=np.int8)[which]
    dust = positions.extinction(objects.ebv[some])[owner, band]
    columns: Table = {
        "mjd": mjd,
        "passband": band,
        "flux": (flux * dust).astype(np.float32),
        "flux_err": (error * dust).astype(np.float32),
        "detected": ((np.asarray(visits.columns["PHOTFLAG"][row]) & DETECTION) > 0).astype(np.int8),
    }
    return Ragged(counts, columns)
