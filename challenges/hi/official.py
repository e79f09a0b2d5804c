"""The official files of SDC2 become a release; cube and truth are checked against each other, the cube is not copied.

A folder holds sky_<size>_v2.fits, cont_<size>.fits and sky_<size>_truthcat_v2.txt of one size or of several; of the
smaller field the release has its training split. Nothing assumes where a cube's axes begin: headers say that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from blindsky.challenges.errors import InputFault
from blindsky.challenges.hi.columns import EXTRAS, SDC2
from blindsky.challenges.hi.cosmology import distances, mass, redshift
from blindsky.challenges.hi.cube import MAP_STEP, Cube, open_cube
from blindsky.challenges.hi.field import CENTRE, CHANNEL, DEV, FIRST, FULL, LDEV, Field
from blindsky.challenges.hi.interference import channels
from blindsky.challenges.hi.population import snr
from blindsky.challenges.importing import Imported, Rows, Shuffle
from blindsky.challenges.registry import nearest
from blindsky.challenges.skies import Block, Ragged
from blindsky.scoring.measurements import Array, FloatArray, Table

SIZES: dict[str, Field] = {"dev": DEV, "ldev": LDEV, "full": FULL}  # the largest last
SMALLER = {"ldev": "dev", "full": "ldev"}  # size of the test -> of the training field
TRACK = "survey"  # interference, flags and continuum are in the data
BRIGHT = 50.0  # Jy Hz, of the sources that are stacked
MOST = 2000  # of them
FEW = 10  # fewer show nothing
REACH, LINE = 100, 40  # channels on either side that are stacked, and that may hold the line
SMOOTH = 21  # channels, the width of most lines
OFF, LEAST = 2.0, 10.0  # channels and sigma: how far from 0 and how faint the stacked line may be


@dataclass(frozen=True)
class Files:
    """Cube, continuum (None where there is none) and truth of one field."""

    cube: Path
    continuum: Path | None
    truth: Path


def sdc2(
    files: Sequence[Path],
    shuffle: Shuffle,
    *,
    size: str | None = None,
    cube: Path | None = None,
    cont: Path | None = None,
    truth: Path | None = None,
) -> Imported:
    """A folder with the official files of a field whose truth is published as a release of the track ``survey``.

    size : dev, ldev or full, of the test field; the largest that is there where None.   cube, cont, truth : its files,
    where they have other names.   InputFault where one is missing, is something else, or does not fit to the others.
    """
    del shuffle  # blocks have the order of their places
    if len(files) != 1 or not files[0].is_dir():
        message = "hi/sdc2 wants one folder, that of the official files. Name single files with --cube, --cont, --truth"
        raise InputFault(message)
    folder = files[0]
    if size is not None and size not in SIZES:
        message = f"there is no size {size!r}: {nearest(size, tuple(SIZES))}Known are: {', '.join(SIZES)}"
        raise InputFault(message)
    chosen = size or _size(folder, cube)
    usual = _usual(folder, chosen)
    asked = Files(cube or usual.cube, cont or usual.continuum, truth or usual.truth)
    found = {"test": (chosen, asked)}
    if chosen in SMALLER:
        smaller = _usual(folder, SMALLER[chosen])
        if smaller.cube.exists() and smaller.truth.exists():
            found = {"train": (SMALLER[chosen], smaller)} | found
    notes: list[str] = []
    if "train" not in found:
        notes.append("no smaller field is there: the release has no training split")
    splits = {split: Split.read(split, SIZES[name], own, notes) for split, (name, own) in found.items()}
    public: dict[str, Table | dict[str, Any]] = {
        "fields": {name: s.field.to_dict() for name, s in splits.items()}
    }
    return Imported(
        [splits["train"].rows()] if "train" in splits else (),
        [splits["test"].rows()],
        public | {f"{name}_channels": split.channels for name, split in splits.items()},
        notes,
        TRACK,
        {name: path for split in splits.values() for name, path in split.links()},
        chosen,
    )


def _usual(folder: Path, size: str) -> Files:
    continuum = folder / f"cont_{size}.fits"
    return Files(
        folder / f"sky_{size}_v2.fits",
        continuum if continuum.exists() else None,
        folder / f"sky_{size}_truthcat_v2.txt",
    )


def _size(folder: Path, cube: Path | None) -> str:
    """The size of a cube, or the largest whose cube is in the folder."""
    if cube is not None:
        shape = open_cube(cube).shape
        known = [name for name, field in SIZES.items() if field.shape == shape]
        what = f"{cube} has {shape[2]} x {shape[1]} x {shape[0]} voxels"
    else:
        known = [name for name in SIZES if _usual(folder, name).cube.exists()]
        what = f"{folder} holds no {', '.join(_usual(folder, name).cube.name for name in SIZES)}"
    if not known:
        sizes = ", ".join(f"{f.nx} x {f.ny} x {f.nchan} ({name})" for name, f in SIZES.items())
        message = f"{what}. The official cubes with a published truth have {sizes}. Name another with --cube"
        raise InputFault(message)
    return known[-1]


@dataclass(frozen=True)
class Split:
    """A field that was read and found to be in order. truth : SDC2 and EXTRAS, NaN where nobody knows."""

    name: str
    field: Field
    files: Files
    channels: Table
    truth: Table

    @classmethod
    def read(cls, name: str, field: Field, files: Files, notes: list[str]) -> Split:
        """Cube, continuum and truth of one field; InputFault where they don't fit to each other."""
        for path in (files.cube, files.truth, *([files.continuum] if files.continuum else [])):
            if not path.exists():
                message = (
                    f"{path} is not there. Name it with --cube, --cont or --truth, or choose another --size"
                )
                raise InputFault(message)
        cube = open_cube(files.cube)
        if cube.shape != field.shape:
            message = (
                f"{files.cube} has {cube.shape[2]} x {cube.shape[1]} x {cube.shape[0]} voxels; "
                f"expected {field.nx} x {field.ny} x {field.nchan}. Choose the --size that it has"
            )
            raise InputFault(message)
        for z in (0, field.nchan - 1):
            if not np.isfinite(cube.planes(z, z + 1)).all():
                message = f"{files.cube}: plane {z} has values that are no numbers. Fetch it again"
                raise InputFault(message)
        shift = _shift(files.cube, cube, field)
        if np.abs(shift).max() > 0.01:
            notes.append(
                f"{name}: the header's reference pixel is ({shift[0]:+.2f}, {shift[1]:+.2f}) pixels off ours"
            )
        first = (cube.frequencies[0] - FIRST) / CHANNEL
        field = replace(field, k0=round(first))
        if abs(first - field.k0) > 1e-6:
            notes.append(f"{name}: channels lie {first - field.k0:+.4f} of a channel off 950 MHz + 30 kHz k")
        if files.continuum is None:
            notes.append(f"{name}: no continuum map")
        else:
            maps = open_cube(files.continuum, step=MAP_STEP)
            if maps.shape[1:] != cube.shape[1:]:
                message = f"{files.continuum} has planes of {maps.shape[2]} x {maps.shape[1]} pixels, its cube others"
                raise InputFault(message)
        known = {**channels(field, TRACK), "freq_hz": cube.frequencies}
        truth = completed(read_truth(files.truth), field, cube.frequencies, shift, known)
        notes.append(
            f"{name}: {len(truth['id']):,} sources in {files.truth.name}; {_stacked(cube, truth, field, files)}"
        )
        return cls(name, field, files, known, truth)

    def rows(self) -> Rows:
        """The blocks of the field with the sources in them."""
        own = self.field.block_of(*(self.truth[name] for name in ("x", "y", "chan")))
        order = np.argsort(own, kind="stable")
        counts = np.bincount(own, minlength=self.field.blocks)
        sources = Ragged(counts, {name: column[order] for name, column in self.truth.items()})
        public = self.field.block_table()
        if self.name == "train":
            return Rows(Block(public, {}, long={"sources": sources}))
        return Rows(Block(public, {"truth": {"sources": counts}}, hidden={"truth_sources": sources}))

    def links(self) -> Iterator[tuple[str, Path]]:
        """Public files that are the official ones."""
        yield f"{self.name}_cube.fits", self.files.cube
        if self.files.continuum is not None:
            yield f"{self.name}_cont.fits", self.files.continuum
        if self.name == "train":
            yield "train_truth.txt", self.files.truth


def _shift(path: Path, cube: Cube, field: Field) -> FloatArray:
    """Pixels (x, y) from our reference pixel to the header's."""
    names = (("CRVAL1", CENTRE[0]), ("CRVAL2", CENTRE[1]))
    off = [abs(float(cube.header.get(name, np.nan)) - value) for name, value in names]
    shift = [float(cube.header.get(f"CRPIX{k + 1}", np.nan)) - 1 - field.centre[k] for k in (0, 1)]
    if not (max(off) < 1e-6 and max(map(abs, shift)) <= 1):
        message = (
            f"{path} is centred elsewhere: its reference pixel is {shift[0]:+.2f}, {shift[1]:+.2f} pixels from the "
            f"field's centre at right ascension {CENTRE[0]:g}, declination {CENTRE[1]:g} deg"
        )
        raise InputFault(message)
    return np.array(shift)


def read_truth(path: Path) -> Table:
    """A table of truth in SDC2's text form; InputFault where it is none."""
    with path.open(encoding="utf-8", errors="replace") as file:
        names = tuple(file.readline(1 << 16).split())
        if names != SDC2:
            message = f"{path} begins with the columns {' '.join(names)[:120]!r}; expected {' '.join(SDC2)}"
            raise InputFault(message)
        try:
            values = np.loadtxt(file, ndmin=2)
        except ValueError as error:
            message = f"{path} is not a table of numbers ({error}). Fetch it again"
            raise InputFault(message) from error
    if values.shape[1] != len(SDC2) or not np.isfinite(values).all():
        message = f"{path}: expected {len(SDC2)} finite numbers in each row. Fetch it again"
        raise InputFault(message)
    table: Table = dict(zip(SDC2, values.T.copy(), strict=True))
    table["id"] = table["id"].astype(np.int64)
    positive = ("hi_size", "line_flux_integral", "central_freq", "w20")
    odd = [name for name in positive if not (table[name] > 0).all()]
    if odd or len(np.unique(table["id"])) < len(values):
        message = (
            f"{path} has {f'values of {odd[0]} that are not above 0' if odd else 'ids that occur twice'}"
        )
        raise InputFault(message)
    return table


def completed(truth: Table, field: Field, frequencies: Array, shift: Array, known: Table) -> Table:
    """The truth with what follows from it: z, log_mhi, places in the cube and snr; the other extras are NaN."""
    x, y = field.pixel(truth["ra"], truth["dec"])
    z = redshift(truth["central_freq"])
    extras: Mapping[str, Array] = {
        "z": z,
        "log_mhi": np.log10(mass(truth["line_flux_integral"], distances(z).luminosity)),
        "x": x + shift[0],
        "y": y + shift[1],
        "chan": field.k0 + (truth["central_freq"] - frequencies[0]) / CHANNEL,
        "snr": snr(field, truth, known),
    }
    unknown = np.full(len(z), np.nan)
    return {**truth, **{name: extras.get(name, unknown) for name in EXTRAS}}


def stack(cube: Cube, x: Array, y: Array, z: Array) -> FloatArray:
    """Mean spectrum (2 REACH + 1,) Jy/beam at places in pixels and local channels, each shifted so that ``z`` is 0."""
    total = np.zeros(2 * REACH + 1)
    for column, row, middle in zip(*(np.rint(place).astype(int) for place in (x, y, z)), strict=True):
        total += cube.tile(middle - REACH, middle + REACH + 1, row, row + 1, column, column + 1)[:, 0, 0]
    return np.asarray(total / max(len(x), 1))


def _stacked(cube: Cube, truth: Table, field: Field, files: Files) -> str:
    """What the mean spectrum of bright sources says; InputFault where it says that the truth is of another cube."""
    x, y, z = truth["x"], truth["y"], truth["chan"] - field.k0
    within = (np.abs(2 * x - field.nx + 1) < field.nx) & (np.abs(2 * y - field.ny + 1) < field.ny)
    within &= (z >= REACH) & (z <= field.nchan - REACH - 2) & (truth["line_flux_integral"] > BRIGHT)
    rows = np.flatnonzero(within)
    rows = rows[np.argsort(-truth["line_flux_integral"][rows], kind="stable")][:MOST]
    if len(rows) < FEW:
        return f"{len(rows)} above {BRIGHT:g} Jy Hz are too few to see whether the cube shows them"
    mean = stack(cube, x[rows], y[rows], z[rows])
    place = np.arange(-REACH, REACH + 1)
    empty = np.abs(place) > LINE + SMOOTH // 2
    mean -= np.median(mean[empty])
    peak = np.convolve(mean, np.ones(SMOOTH) / SMOOTH, "same")[np.abs(place) <= LINE].max()
    strength = peak / (mean[empty].std() / np.sqrt(SMOOTH))
    light = np.where(np.abs(place) <= LINE, mean, 0.0)
    # lines are wide and flat: their middle is certain where their highest channel is not
    middle = float((light * place).sum() / light.sum())
    found = (
        f"the {len(rows):,} above {BRIGHT:g} Jy Hz stack to {strength:.0f} sigma at {middle:+.1f} channels"
    )
    if not (strength > LEAST and abs(middle) <= OFF):
        message = (
            f"{files.cube} does not show the sources of {files.truth}: {found}; expected more than {LEAST:g} sigma "
            f"within {OFF:g} channels of 0. They are of different fields or versions"
        )
        raise InputFault(message)
    return found
