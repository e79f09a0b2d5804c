"""Real photometry with redshifts becomes a photo-z release: DC2 files, or anybody's catalogue described by a TOML."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blindsky.challenges.challenge import rows
from blindsky.challenges.errors import InputFault, MissingExtra
from blindsky.challenges.importing import Imported, Shuffle
from blindsky.challenges.photoz import filters, templates
from blindsky.challenges.photoz.oracle import GRID
from blindsky.challenges.photoz.photometry import ZERO_POINT
from blindsky.scoring.measurements import Array, FloatArray, Table

SENTINEL = 99.0  # magnitude of a galaxy that was not detected
FAINTEST = 0.10  # share of the detections whose errors stand for the error of a non-detection
Z_MAX = GRID.high
_HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
_HDF5_GROUP = "photometry"


@dataclass(frozen=True)
class Columns:
    """How a catalogue names things. ``{band}`` in flux and error stands for each band.

    id : row name.   redshift : label; rows without one are unlabelled photometry.   units : ``mag`` or ``nJy``.
    test_fraction : share of the labelled rows that is hidden.
    """

    id: str
    flux: str
    error: str
    units: str
    bands: tuple[str, ...]
    redshift: str = "redshift"
    test_fraction: float = 0.5
    group: str = ""
    names: Mapping[str, str] = field(default_factory=dict)

    def of(self, band: str) -> tuple[str, str]:
        """The columns of flux and error of a band."""
        name = self.names.get(band, band)
        return self.flux.replace("{band}", name), self.error.replace("{band}", name)

    def wanted(self) -> tuple[str, ...]:
        """The id and the photometric columns."""
        return (self.id, *(column for band in self.bands for column in self.of(band)))


DC2 = Columns(
    id="id",
    flux="mag_{band}_lsst",
    error="mag_err_{band}_lsst",
    units="mag",
    bands=filters.LSST,
    group=_HDF5_GROUP,
)


def read_columns(path: Path) -> Columns:
    """The TOML that describes a catalogue; InputFault with every fault of it."""
    try:
        found = tomllib.loads(path.read_bytes().decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        message = f"{path} is not readable as TOML ({error}). The README shows an example"
        raise InputFault(message) from error
    faults = list(_faults(found))
    if faults:
        message = f"{path} does not describe a catalogue: {'; '.join(faults)}. The README shows an example"
        raise InputFault(message)
    return Columns(**{**found, "bands": tuple(found["bands"])})


def _faults(found: Mapping[str, Any]) -> Iterator[str]:
    known = Columns.__dataclass_fields__
    for name in found:
        if name not in known:
            yield f"{name} is not known (known are: {', '.join(known)})"
    for name in ("id", "flux", "error", "units", "bands"):
        if name not in found:
            yield f"{name} is missing"
    for name in ("id", "flux", "error", "redshift", "group"):
        if not isinstance(found.get(name, ""), str):
            yield f"{name} is {found[name]!r}, expected a text"
        elif name in ("flux", "error") and "{band}" not in found.get(name, "{band}"):
            yield f"{name} is {found[name]!r}, expected a column name that contains {{band}}"
    if found.get("units", "mag") not in ("mag", "nJy"):
        yield f"units is {found['units']!r}, expected mag or nJy"
    fraction = found.get("test_fraction", 0.5)
    if isinstance(fraction, bool) or not isinstance(fraction, float | int) or not 0 < fraction < 1:
        yield f"test_fraction is {fraction!r}, expected a number between 0 and 1"
    bands = found.get("bands", ["u"])
    short = isinstance(bands, list) and all(isinstance(b, str) and b.isidentifier() for b in bands)
    if not short or not bands or len(set(bands)) < len(bands):
        yield f'bands is {bands!r}, expected a list of different short names such as ["g", "r", "i"]'
    names = found.get("names", {})
    if not isinstance(names, dict) or not all(isinstance(name, str) for name in names.values()):
        yield f'names is {names!r}, expected a table such as {{ g = "G" }} of what replaces {{band}}'


def read_table(path: Path, wanted: Sequence[str], optional: Sequence[str], group: str = "") -> Table:
    """Columns of a FITS, Parquet, CSV or HDF5 catalogue, chosen by content; InputFault for absent ones."""
    with path.open("rb") as file:
        head = file.read(80)
    if head.startswith(_HDF5_MAGIC):
        available, column = _hdf5(path, group)
    elif head.startswith(b"PAR1"):
        available, column = _parquet(path)
    elif head.startswith(b"SIMPLE"):
        available, column = _fits(path)
    else:
        available, column = _csv(path)
    missing = [name for name in wanted if name not in available]
    if missing:
        message = (
            f"{path} has no column {', '.join(missing)}. It has: {', '.join(available[:40])}. "
            "Mend the names in the column description"
        )
        raise InputFault(message)
    found = {name: column(name) for name in (*wanted, *(n for n in optional if n in available))}
    n = len(found[wanted[0]])
    odd = [f"{name} has shape {c.shape}" for name, c in found.items() if c.shape != (n,)]
    if odd:
        message = f"{path}: {', '.join(odd)}, expected one value for each of {n:,} rows. Choose other columns"
        raise InputFault(message)
    return found


Reader = tuple[list[str], Callable[[str], Array]]


def _hdf5(path: Path, group: str) -> Reader:
    try:
        import h5py
    except ImportError as error:
        raise MissingExtra("h5py", "hdf5", f"reading {path.name}") from error
    try:
        file = h5py.File(path)
    except OSError as error:
        raise _unreadable(path, "HDF5", error) from error
    with file:
        place = file.get(group) if group else file
        if not isinstance(place, h5py.Group):
            message = f"{path} has no group {group!r}. It has: {', '.join(file) or 'nothing'}"
            raise InputFault(message)
        loaded = {name: np.asarray(item) for name, item in place.items() if isinstance(item, h5py.Dataset)}
    return list(loaded), loaded.__getitem__


def _unreadable(path: Path, form: str, error: Exception) -> InputFault:
    return InputFault(f"{path} is not readable as {form} ({error}). It may be truncated: fetch it again")


def _parquet(path: Path) -> Reader:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        names = list(pq.read_schema(path).names)
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, "Parquet", error) from error
    return names, lambda name: np.asarray(pq.read_table(path, columns=[name])[name].to_numpy())


def _fits(path: Path) -> Reader:
    from astropy.io import fits

    try:
        with fits.open(path, memmap=False) as file:
            tables = [hdu for hdu in file if isinstance(hdu, fits.BinTableHDU)]
            data = (
                {name: np.asarray(tables[0].data[name]) for name in tables[0].columns.names} if tables else {}
            )
    except (OSError, ValueError, TypeError) as error:
        raise _unreadable(path, "FITS", error) from error
    if not data:
        message = f"{path} holds no FITS table"
        raise InputFault(message)
    native = {name: column.astype(column.dtype.newbyteorder("=")) for name, column in data.items()}
    return list(native), native.__getitem__


def _csv(path: Path) -> Reader:
    import pandas as pd

    try:
        frame = pd.read_csv(path, comment="#")
    except (ValueError, UnicodeDecodeError) as error:
        raise _unreadable(path, "FITS, Parquet, HDF5 or CSV", error) from error
    return list(frame.columns), lambda name: frame[name].to_numpy()


def _number(table: Table, name: str, path: Path) -> FloatArray:
    try:
        return table[name].astype(np.float64)
    except (ValueError, TypeError) as error:
        message = f"{path}: column {name} holds something that is not a number ({error})"
        raise InputFault(message) from error


def photometry(table: Table, columns: Columns, path: Path) -> tuple[Table, NDArray[np.bool_]]:
    """Fluxes and errors in nJy as float32 columns, and which rows have a usable value in some band.

    A magnitude of 99, -99 or NaN is a non-detection: flux 0, error NaN until ``_fill``.
    """
    found: Table = {}
    usable = np.zeros(rows(table), bool)
    for band in columns.bands:
        value, error = (_number(table, name, path) for name in columns.of(band))
        good = np.isfinite(value) & np.isfinite(error) & (error > 0)
        if columns.units == "mag":
            good &= np.abs(value) < SENTINEL
            flux = 10 ** (-0.4 * (np.where(good, value, 0.0) - ZERO_POINT))
            error = flux * np.log(10) / 2.5 * error
        else:
            flux = value
        usable |= good
        found[f"flux_{band}"] = np.where(good, flux, 0.0)
        found[f"flux_err_{band}"] = np.where(good, error, np.nan)
    return found, usable


def faint_error(flux: Array, error: Array) -> float:
    """The median error of the faintest 10 % of the detections of a band, nJy."""
    detected = np.isfinite(error)
    faintest = np.argsort(flux[detected])[: max(int(FAINTEST * detected.sum()), 1)]
    return float(np.median(error[detected][faintest]))


def _fill(tables: Sequence[Table], bands: Sequence[str]) -> dict[str, float]:
    """Give non-detections the faint error of their band, the same in every table; float32. Returns those errors."""
    chosen = {}
    for band in bands:
        flux = np.concatenate([t[f"flux_{band}"] for t in tables])
        error = np.concatenate([t[f"flux_err_{band}"] for t in tables])
        if not np.isfinite(error).any():
            message = f"no galaxy is detected in band {band}. Leave that band out of the column description"
            raise InputFault(message)
        chosen[band] = faint_error(flux, error)
        for table in tables:
            filled = np.where(np.isfinite(table[f"flux_err_{band}"]), table[f"flux_err_{band}"], chosen[band])
            table[f"flux_err_{band}"] = filled.astype(np.float32)
            table[f"flux_{band}"] = table[f"flux_{band}"].astype(np.float32)
    return chosen


def _ordered(table: Table, bands: Sequence[str]) -> Table:
    return {f"{kind}_{band}": table[f"{kind}_{band}"] for kind in ("flux", "flux_err") for band in bands}


def _files(bands: Sequence[str], softening: Mapping[str, float]) -> dict[str, Table | dict[str, Any]]:
    known = tuple(b for b in bands if b in (*filters.LSST, *filters.NISP))
    return {
        "filters": filters.table(known),
        "templates": templates.public_table(),
        "grid": {"z_min": GRID.low, "z_max": GRID.high, "n": GRID.n},
        "bands": {"bands": list(bands), "softening_njy": dict(softening)},
    }


def _in_range(z: FloatArray) -> NDArray[np.bool_]:
    with np.errstate(invalid="ignore"):
        return np.asarray((z >= 0) & (z <= Z_MAX))


def _with_labels(table: Table, z: FloatArray) -> Table:
    return {**table, "redshift": z.astype(np.float32), "survey": np.full(len(z), "all")}


def dc2(files: Sequence[Path], shuffle: Shuffle) -> Imported:
    """The DC2 test files of RAIL: a training and a test file, group ``photometry``, magnitudes."""
    if len(files) != 2:
        message = f"photoz/dc2 wants two files, TRAIN and TEST; got {len(files)}"
        raise InputFault(message)
    loaded, redshifts, ids, notes = [], [], [], []
    for path in files:
        table = read_table(path, (*DC2.wanted(), DC2.redshift), (), DC2.group)
        fluxes, _ = photometry(table, DC2, path)
        z = _number(table, DC2.redshift, path)
        keep = _in_range(z)
        if not keep.all():
            notes.append(
                f"{path.name}: dropped {int((~keep).sum())} rows with a redshift outside [0, {Z_MAX:g}]"
            )
        order = shuffle(int(keep.sum()))
        loaded.append({name: column[keep][order] for name, column in fluxes.items()})
        redshifts.append(z[keep][order])
        ids.append(_text(table[DC2.id][keep][order]))
    shared = np.intersect1d(ids[0], ids[1])
    if len(shared):
        message = (
            f"{len(shared):,} ids stand in both files, the first is {shared[0]}: their labels would be public"
        )
        raise InputFault(message)
    softening = _fill(loaded, DC2.bands)
    return Imported.renamed(
        _with_labels(_ordered(loaded[0], DC2.bands), redshifts[0]),
        _ordered(loaded[1], DC2.bands),
        {"z_true": redshifts[1]},
        {"train": ids[0], "test": ids[1]},
        _files(DC2.bands, softening),
        (*notes, *_note(loaded, softening)),
    )


def _text(ids: Array) -> Array:
    return np.asarray(ids).astype(np.str_)


def _note(tables: Sequence[Table], softening: Mapping[str, float]) -> tuple[str, ...]:
    """What non-detections were given, where there are any."""
    filled = [b for b in softening if any((t[f"flux_{b}"] == 0).any() for t in tables)]
    shown = ", ".join(f"{band} {softening[band]:.3g}" for band in filled)
    return (
        (f"non-detections have flux 0 and the error of the faintest detections, nJy: {shown}",)
        if shown
        else ()
    )


def _once(labelled: NDArray[np.int64], source: Array, notes: list[str]) -> NDArray[np.int64]:
    """The first labelled row of each source id: of a galaxy that stood in both splits the label would be public."""
    _, first = np.unique(source[labelled], return_index=True)
    twice = len(labelled) - len(first)
    if twice:
        notes.append(f"dropped {twice:,} labelled rows whose id stands further up too")
    return labelled[np.sort(first)]


def catalogue(files: Sequence[Path], shuffle: Shuffle, *, columns: Path | None = None) -> Imported:
    """Anybody's catalogues, described by a TOML; labelled rows are split, rows without a redshift are unlabelled."""
    if columns is None:
        message = (
            "photoz/catalogue wants --columns FILE.toml, which names columns and units. The README shows one"
        )
        raise InputFault(message)
    named = read_columns(columns)
    tables, redshifts, ids, notes = [], [], [], []
    named_redshift = False
    for path in files:
        table = read_table(path, named.wanted(), (named.redshift,), named.group)
        named_redshift |= named.redshift in table
        fluxes, usable = photometry(table, named, path)
        z = _number(table, named.redshift, path) if named.redshift in table else np.full(rows(table), np.nan)
        keep = usable & (np.isnan(z) | _in_range(z))
        if not keep.all():
            notes.append(
                f"{path.name}: dropped {int((~keep).sum())} rows without flux or with a redshift outside "
                f"[0, {Z_MAX:g}]"
            )
        tables.append({name: column[keep] for name, column in fluxes.items()})
        redshifts.append(z[keep])
        ids.append(_text(table[named.id][keep]))
    softening = _fill(tables, named.bands)
    merged = {name: np.concatenate([t[name] for t in tables]) for name in _ordered(tables[0], named.bands)}
    z, source = np.concatenate(redshifts), np.concatenate(ids)
    labelled = _once(np.flatnonzero(np.isfinite(z)), source, notes)
    n_test = round(named.test_fraction * len(labelled))
    if not named_redshift:
        message = (
            f"no file has a column {named.redshift!r}. Mend redshift in {columns}, or give a file that has it"
        )
        raise InputFault(message)
    if not 0 < n_test < len(labelled):
        message = (
            f"{len(labelled)} rows have a redshift within [0, {Z_MAX:g}] in a column {named.redshift!r}: too few to "
            f"hide {named.test_fraction:.0%} of them and train on the rest. Give a file with redshifts too"
        )
        raise InputFault(message)
    order = labelled[shuffle(len(labelled))]
    test, train = order[:n_test], order[n_test:]
    extra = np.flatnonzero(~np.isfinite(z))
    files_out = _files(named.bands, softening)
    if len(extra):
        files_out["unlabelled"] = {name: column[extra] for name, column in merged.items()}
        notes.append(f"{len(extra):,} rows without a redshift are public as unlabelled photometry")
    return Imported.renamed(
        _with_labels({name: column[train] for name, column in merged.items()}, z[train]),
        {name: column[test] for name, column in merged.items()},
        {"z_true": z[test]},
        {"train": source[train], "test": source[test]},
        files_out,
        (*notes, *_note(tables, softening)),
    )
