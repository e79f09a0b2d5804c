"""Pairs in the format of the COIN study (Boucaud et al. 2020), as candels-blender writes them, become a release.

blindsky import deblending/coin FOLDER     {train,test}_blends.npy, _ogg_masks.npy, _flux.npy, _catalogue.csv
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blindsky.challenges.deblending.bands import SPACE
from blindsky.challenges.deblending.labels import both_types
from blindsky.challenges.errors import InputFault
from blindsky.challenges.importing import Imported, Rows
from blindsky.challenges.progress import progress
from blindsky.challenges.skies import Block, Ragged
from blindsky.scoring import segmentation
from blindsky.scoring.measurements import Array, FloatArray, Table

ZERO_POINT = 25.96  # of the paper's fluxes; a README of the code says 25.5, its plots and defaults this
SIDE, CENTRE = 128, 64
FWHM = 0.18  # arcsec, of F160W
CHUNK = 256  # blends at a time
CLIP, ROUNDS = 3.0, 5
AGREE = 1e-4  # relative, between fluxes and magnitudes
NEARLY_ALL = 0.95  # of the fluxes, from which on another zero-point explains them

Shuffle = Callable[[int], NDArray[np.int64]]


def columns(path: Path, wanted: Sequence[str]) -> dict[str, list[str]]:
    """Columns of a CSV file as text; InputFault for those it lacks, and for rows that are cut short or too long."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except (UnicodeDecodeError, csv.Error) as error:
        message = f"{path.name} can't be read as CSV ({error}). Give the catalogue that candels-blender wrote"
        raise InputFault(message) from error
    lacks = [name for name in wanted if not rows or name not in rows[0]]
    if lacks:
        found = ", ".join(rows[0]) if rows else "no rows"
        message = f"{path.name} lacks the columns {', '.join(lacks)}; found {found}"
        raise InputFault(message)
    for number, row in enumerate(rows, 1):
        if (
            None in row or None in row.values()
        ):  # what the reader calls the cells beyond the header, and those it lacks
            message = f"{path.name}, row {number}: found more or fewer cells than the header has. Copy the file again"
            raise InputFault(message)
    return {name: [row[name] for row in rows] for name in wanted}


def numbers(path: Path, text: dict[str, list[str]], names: Sequence[str], empty: bool = False) -> Table:
    """Columns of text as numbers; InputFault that names the row of one that is none.

    empty : whether a cell may be empty or NaN.
    """
    found: Table = {}
    for name in names:
        values = np.full(len(text[name]), np.nan)
        for row, cell in enumerate(text[name]):
            try:
                values[row] = float(cell) if cell or not empty else np.nan
            except ValueError:
                values[row] = np.inf
            if not (np.isfinite(values[row]) or (empty and np.isnan(values[row]))):
                message = f"{path.name}, row {row + 1}, column {name}: found {cell!r}, expected a number"
                raise InputFault(message)
        found[name] = values
    return found


def _array(path: Path, shape: tuple[int, ...], kinds: str) -> Array:
    """A NumPy file of (n, *shape), mapped; nothing in it is run. InputFault for anything else."""
    try:
        found: Array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        message = f"{path.name} can't be read as a NumPy array ({error})"
        raise InputFault(message) from error
    if found.ndim != len(shape) + 1 or found.shape[1:] != shape or found.dtype.kind not in kinds:
        wanted = ", ".join(map(str, shape))
        message = f"{path.name}: found {found.dtype} {found.shape}, expected numbers of shape (n, {wanted})"
        raise InputFault(message)
    return found


@dataclass(frozen=True)
class Pairs:
    """One split of the COIN format, its images on disk."""

    split: str
    blends: Array
    masks: Array
    single: Array | None
    flux: FloatArray
    catalogue: Table
    types: NDArray[np.str_]
    sources: Array


def _pairs(folder: Path, split: str, zeropoint: float) -> Pairs | None:
    names = {
        "blends": (f"{split}_blends.npy", f"{split}_images.npy"),
        "masks": (f"{split}_ogg_masks.npy", f"{split}_masks.npy"),
        "flux": (f"{split}_flux.npy",),
        "catalogue": (f"{split}_catalogue.csv",),
    }
    found = {
        key: next((folder / n for n in these if (folder / n).is_file()), None) for key, these in names.items()
    }
    if not any(found.values()):
        return None
    lacks = [names[key][0] for key, path in found.items() if path is None]
    if lacks:
        message = (
            f"{folder} lacks {', '.join(lacks)} of the {split} split. Make it with candels-blender, or add it"
        )
        raise InputFault(message)
    paths = {key: path for key, path in found.items() if path is not None}
    galaxies = [f"g{k}_{name}" for k in (1, 2) for name in ("mag", "rad")]
    redshifts = ["g1_z", "g2_z"]
    text = [f"g{k}_{name}" for k in (1, 2) for name in ("id", "type")]
    where = ["distance", "shift_x", "shift_y"]
    raw = columns(paths["catalogue"], [*where, *galaxies, *redshifts, *text])
    catalogue = numbers(paths["catalogue"], raw, [*where, *galaxies])
    catalogue |= numbers(paths["catalogue"], raw, redshifts, empty=True)
    blends = _array(paths["blends"], (SIDE, SIDE), "f")
    masks = _array(paths["masks"], (SIDE, SIDE, 3), "biu")
    flux = _array(paths["flux"], (2,), "f").astype(np.float64)
    single = folder / f"{split}_single_images.npy"
    images = _array(single, (SIDE, SIDE, 2), "f") if single.is_file() else None
    lengths = {"blends": len(blends), "masks": len(masks), "flux": len(flux), "catalogue": len(raw["g1_id"])}
    lengths |= {} if images is None else {"single_images": len(images)}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{n:,} {what}" for what, n in lengths.items())
        message = f"the files of the {split} split hold different numbers: {told}"
        raise InputFault(message)
    pairs = Pairs(
        split,
        blends,
        masks,
        images,
        flux,
        catalogue,
        np.array([raw["g1_type"], raw["g2_type"]]).T,
        np.array([raw["g1_id"], raw["g2_id"]]).T,
    )
    _check(pairs, zeropoint)
    return pairs


def _check(pairs: Pairs, zeropoint: float) -> None:
    """InputFault where fluxes, magnitudes, shifts and distances of a split contradict each other."""
    c = pairs.catalogue
    check_fluxes(
        pairs.split, pairs.flux, np.stack([c["g1_mag"], c["g2_mag"]], axis=1), zeropoint, "--zeropoint"
    )
    apart = np.flatnonzero(np.abs(np.hypot(c["shift_x"], c["shift_y"]) - c["distance"]) > AGREE * SIDE)
    if len(apart):
        k = int(apart[0])
        message = (
            f"{pairs.split} row {k + 1}: the shift ({c['shift_x'][k]:g}, {c['shift_y'][k]:g}) is not the distance "
            f"{c['distance'][k]:g} long"
        )
        raise InputFault(message)
    row, column = CENTRE + c["shift_x"], CENTRE + c["shift_y"]
    off = np.flatnonzero((row < 0) | (row >= SIDE) | (column < 0) | (column >= SIDE))
    if len(off):
        k = int(off[0])
        message = (
            f"{pairs.split} row {k + 1}: the companion is at row {row[k]:g}, column {column[k]:g}, expected both from "
            f"0 to {SIDE - 1}"
        )
        raise InputFault(message)


def check_fluxes(
    where: str, flux: FloatArray, magnitude: FloatArray, zeropoint: float, option: str = ""
) -> None:
    """InputFault where fluxes (n, 2) don't follow from magnitudes (n, 2).

    option : with which another zero-point can be given; it is named where nearly all fluxes follow from one.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        ratio = flux / 10 ** (-0.4 * (magnitude - zeropoint))
        follows = np.abs(ratio - 1) < AGREE
        wrong = np.flatnonzero(~follows.all(axis=1))
        if not len(wrong):
            return
        usual = float(np.nanmedian(np.where(ratio > 0, ratio, np.nan))) if (ratio > 0).any() else np.nan
        same = np.mean(np.abs(ratio / usual - 1) < AGREE) >= NEARLY_ALL and abs(usual - 1) >= AGREE
    row = int(wrong[0])
    slot = int(np.argmin(follows[row]))
    message = (
        f"{where} row {row + 1} ({len(wrong):,} in all): the flux {flux[row, slot]:g} of galaxy {slot + 1} doesn't "
        f"follow from its magnitude {magnitude[row, slot]:g} with the zero-point {zeropoint:g}"
    )
    if same:
        better = zeropoint + 2.5 * np.log10(usual)
        message += f"; {better:.2f} would" + (f". Give it as {option}" if option else "")
    raise InputFault(message)


def border_sigma(images: Array) -> FloatArray:
    """Rms (n,) of the outermost pixels of images (n, N, N), values beyond three of it left out until none is."""
    edge = np.ones(images.shape[1:], dtype=bool)
    edge[2:-2, 2:-2] = False
    pixels = np.asarray(images[:, edge], dtype=np.float64)
    kept = np.ones(pixels.shape, dtype=bool)
    for _ in range(ROUNDS):
        with np.errstate(invalid="ignore"):
            centre = np.nanmedian(np.where(kept, pixels, np.nan), axis=1, keepdims=True)
            sigma = np.nanstd(np.where(kept, pixels, np.nan), axis=1, keepdims=True)
        kept = np.abs(pixels - centre) <= CLIP * sigma
    return np.asarray(sigma[:, 0])


def _blocks(pairs: Pairs, notes: list[str]) -> Iterator[Rows]:
    """The blends of a split, a chunk at a time."""
    n, band = len(pairs.blends), SPACE.reference
    with progress(f"reading {pairs.split} blends", n, "blends") as report:
        for first in range(0, n, CHUNK):
            rows = slice(first, min(first + CHUNK, n))
            image = np.asarray(pairs.blends[rows], dtype=np.float32)
            if not np.isfinite(image).all():
                message = (
                    f"{pairs.split} blends: an image among {rows.start + 1} to {rows.stop} is not finite"
                )
                raise InputFault(message)
            overlap, *both = (np.asarray(pairs.masks[rows][..., k]) > 0 for k in range(3))
            _check_masks(pairs.split, first, overlap, *both)
            c = {name: column[rows] for name, column in pairs.catalogue.items()}
            k = len(image)
            objects = _objects(pairs, rows, c, np.stack(both, axis=1))
            sigma = border_sigma(image).astype(np.float32)[:, None]
            public: Table = {
                "image": image[:, None],
                "sigma": sigma,
                "psf_fwhm": np.full((k, 1), FWHM, np.float32),
            }
            lists = Ragged(np.full(k, 2), objects)
            if pairs.split == "train":
                yield Rows(Block(public, {}, long={"objects": lists}))
            else:
                truth: Table = {
                    "n_objects": np.full(k, 2, np.int16),
                    "separation": c["distance"],
                    "sep_fwhm": c["distance"] * SPACE.pixel / FWHM,
                    "dm": c["g1_mag"] - c["g2_mag"],
                    "overlap": _share(overlap, both),
                    "types": both_types(pairs.types[rows]),
                }
                asked = Ragged(lists.counts, {"obj": objects["obj"]})
                hidden = {"truth_objects": lists}
                sources = {"test_source": {"g1_id": pairs.sources[rows, 0], "g2_id": pairs.sources[rows, 1]}}
                yield Rows(Block(public, {"truth": truth, **sources}, long={"objects": asked}, hidden=hidden))
            report.advance(k)
    notes.append(f"{pairs.split} split: {n:,} pairs, {band} zero-point of fluxes kept")


def _share(overlap: NDArray[np.bool_], both: Sequence[NDArray[np.bool_]]) -> FloatArray:
    """Share of the pixels of both masks that lie in both, (n,); 0 where there are none."""
    either = np.count_nonzero(both[0] | both[1], axis=(1, 2))
    shared = np.count_nonzero(overlap, axis=(1, 2))
    return np.asarray(np.divide(shared, either, out=np.zeros(len(either)), where=either > 0))


def _check_masks(split: str, first: int, overlap: Array, central: Array, companion: Array) -> None:
    odd = np.flatnonzero((overlap != (central & companion)).any(axis=(1, 2)))
    if len(odd):
        message = (
            f"{split} masks, row {first + odd[0] + 1}: the first plane is not the overlap of the other two"
        )
        raise InputFault(message)
    off = np.flatnonzero(~central[:, CENTRE, CENTRE])
    if len(off):
        message = (
            f"{split} masks, row {first + off[0] + 1}: pixel ({CENTRE}, {CENTRE}) is not in the mask of the central "
            "galaxy. The planes may be in another order: expected overlap, central, companion"
        )
        raise InputFault(message)


def _objects(pairs: Pairs, rows: slice, c: Table, masks: NDArray[np.bool_]) -> Table:
    """Both galaxies of some pairs, (2 n,) rows. The catalogue calls the shift along rows x and that along columns y."""
    n = len(masks)
    zeros = np.zeros(n)
    table: Table = {
        "obj": np.tile(np.arange(2, dtype=np.int16), n),
        "x": both_of(CENTRE + zeros, CENTRE + c["shift_y"]),
        "y": both_of(CENTRE + zeros, CENTRE + c["shift_x"]),
        "flux_f160w": pairs.flux[rows].ravel(),
        "mag_f160w": both_of(c["g1_mag"], c["g2_mag"]),
        "type": pairs.types[rows].ravel(),
        "r_half": both_of(c["g1_rad"], c["g2_rad"]) * SPACE.pixel,
        "z": both_of(c["g1_z"], c["g2_z"]),
        "scored": np.ones(2 * n, dtype=bool),
        "mask": masks.reshape(2 * n, SIDE, SIDE).astype(np.uint8),
    }
    if pairs.single is not None:
        alone = np.moveaxis(np.asarray(pairs.single[rows], dtype=np.float64), -1, 1)
        total = np.repeat(alone.sum(axis=1), 2, axis=0)
        table["blendedness"] = segmentation.blendedness(alone.reshape(2 * n, SIDE, SIDE), total)
    return table


def both_of(first: Array, second: Array) -> Array:
    """Numbers of central galaxies and of companions as rows of objects, (2 n,)."""
    return np.stack([first, second], axis=1).ravel()


def coin(files: Sequence[Path], shuffle: Shuffle, *, zeropoint: float = ZERO_POINT) -> Imported:
    """The output folder of candels-blender as a release of the track ``pair``.

    zeropoint : of the fluxes.   InputFault where the folder is not such a one, or contradicts itself.
    """
    del shuffle  # blends are in random order
    if len(files) != 1 or not files[0].is_dir():
        message = "expected one folder, the output of candels-blender"
        raise InputFault(message)
    splits = {split: _pairs(files[0], split, zeropoint) for split in ("train", "test")}
    if not any(splits.values()):
        message = (
            f"{files[0]} holds neither train_blends.npy nor test_blends.npy. Run: candels-blender concatenate"
        )
        raise InputFault(message)
    notes = [f"zero-point {zeropoint:g}"]
    train, test = splits["train"], splits["test"]
    if train is not None and test is not None:
        shared = np.intersect1d(train.sources, test.sources)
        notes.append(
            f"{len(shared):,} galaxies are in both splits" if len(shared) else "no galaxy is in both splits"
        )
    if not any(p is not None and p.single is not None for p in (train, test)):
        notes.append("no single_images.npy: blendedness is not known")
    notes.append("every galaxy counts; sigma is the clipped rms at the border of each image")
    return Imported(
        _blocks(train, notes) if train else (),
        _blocks(test, notes) if test else (),
        {"cameras": camera(zeropoint)},
        notes,
        "pair",
    )


def camera(zeropoint: float) -> dict[str, Any]:
    """What ``cameras.json`` says of these images."""
    one = {
        "image": "image",
        "bands": list(SPACE.names),
        "size": SIDE,
        "pixel_arcsec": SPACE.pixel,
        "zero_points": [zeropoint],
        "unit": "electron/s",
    }
    return {"cameras": [one], "reference": SPACE.reference}
