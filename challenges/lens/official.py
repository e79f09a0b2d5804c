"""The original strong-lens challenge becomes a release: FITS stamps and a catalogue, of either edition.

Planes are read stamp by stamp and written as they come: the 1.0 test of the ground branch is 16 GB.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from blindsky.challenges.errors import InputFault
from blindsky.challenges.importing import Imported, Rows, Shuffle
from blindsky.challenges.lens import catalogues, fits
from blindsky.challenges.lens.editions import EDITIONS, MASKED, Edition
from blindsky.challenges.lens.painting import Camera
from blindsky.challenges.lens.sky import LensSky
from blindsky.challenges.progress import progress
from blindsky.challenges.registry import nearest
from blindsky.challenges.skies import Block
from blindsky.scoring.measurements import Array, FloatArray, Table

CHUNK = 64  # stamps, 10 MB of the ground branch
CORNER = 5  # noise is measured in the four corners, of a fifth of the stamp's side each: 20 of 101 pixels
CLIPS = 3  # rounds of clipping at 3 sigma
GAUSS = np.float32(1.482602)  # sigma of a normal distribution over its median absolute deviation
SAME_PIXEL = 0.05  # relative difference of two pixel scales that are the same
NAMED = 8  # ids that a message names
_FILE = re.compile(r"(image[A-Z]+_[A-Z]+)-(\d{1,18})\.fits")


def bologna(
    files: Sequence[Path],
    shuffle: Shuffle,
    *,
    edition: str,
    labels: Sequence[Path],
    allow_missing: bool = False,
) -> Imported:
    """A training folder with its catalogue and, where the truth is at hand, a test folder with its own.

    files : the folders.   labels : their catalogues, in the same order.   allow_missing : leave out what is missing
    or damaged rather than refuse the whole.
    """
    if edition not in EDITIONS:
        hint = nearest(edition, tuple(EDITIONS))
        message = f"there is no edition {edition!r}: {hint}Known are: {', '.join(EDITIONS)}"
        raise InputFault(message)
    if not 1 <= len(files) <= 2 or len(labels) != len(files):
        message = (
            "lens/bologna wants a training folder with one --labels, or a training and a test folder with two; "
            f"got {len(files)} folders and {len(labels)} catalogues. Without its truth, leave the test folder out"
        )
        raise InputFault(message)
    for folder in files:
        if not folder.is_dir():
            message = f"{folder} is not a folder. Give the folder into which the data were unpacked"
            raise InputFault(message)
    chosen = EDITIONS[edition]
    faults = Faults(allow_missing)
    splits = [
        Split.read(name, folder, catalogue, chosen, faults)
        for name, folder, catalogue in zip(("train", "test"), files, labels, strict=False)
    ]
    notes = [*(note for split in splits for note in split.notes), *_assumed(chosen)]
    faults.settle(notes)
    train, test = [split.rows(faults, notes) for split in splits] + [()] * (2 - len(splits))
    return Imported(train, test, LensSky(chosen.setting).files(), notes, chosen.track)


def _assumed(edition: Edition) -> Iterator[str]:
    setting = edition.setting
    widths = ", ".join(f"{b} {w:g}" for b, w in zip(setting.bands, setting.fwhm, strict=True))
    yield f"psf_fwhm is nominal, not measured: {widths} arcsec"
    yield f"sigma is measured in the four corners of each plane (1/{CORNER} of its side, clipped at 3 sigma)"


class Faults:
    """What is wrong with which stamps, to be refused together or, where that is allowed, left out with a note."""

    def __init__(self, allowed: bool) -> None:
        self.allowed = allowed
        self._found: dict[tuple[str, str], list[int]] = {}

    def add(self, split: str, what: str, ids: Sequence[int] | Array) -> None:
        """``what`` is wrong with the stamps of these ids."""
        if len(ids):
            self._found.setdefault((split, what), []).extend(map(int, ids))

    def settle(self, notes: list[str]) -> None:
        """Into the notes, and forgotten; InputFault where nothing may be left out."""
        lines = []
        for (split, what), ids in self._found.items():
            named = ", ".join(map(str, ids[:NAMED])) + (", ..." if len(ids) > NAMED else "")
            lines.append(f"{split} split, {len(ids):,} stamp{'s' * (len(ids) > 1)}: {what} ({named})")
        self._found.clear()
        if lines and not self.allowed:
            message = f"{'; '.join(lines)}. Fetch the data again, or leave these out with --allow-missing"
            raise InputFault(message)
        notes.extend(f"{line}; left out" for line in lines)


@dataclass(frozen=True)
class Planes:
    """The files of one band: ids (n,) ascending, index of the folder that each lies in, digits of its id."""

    stem: str
    ids: NDArray[np.int64]
    folder: NDArray[np.int64]
    digits: NDArray[np.int64]

    def path(self, stamp: int, folders: Sequence[Path]) -> Path:
        """The file of one stamp."""
        k = np.searchsorted(self.ids, stamp)
        return folders[int(self.folder[k])] / f"{self.stem}-{stamp:0{self.digits[k]}d}.fits"


def scan(folder: Path, edition: Edition) -> tuple[dict[str, Planes], tuple[Path, ...]]:
    """The planes of each band under a folder, wherever they lie, and the folders; InputFault for none or two."""
    stems = {plane.rpartition("/")[2]: band for band, plane in edition.planes.items()}
    found: dict[str, list[tuple[int, int, int]]] = {band: [] for band in edition.planes}
    folders: list[Path] = []
    for root, _, names in os.walk(folder):
        for name in names:
            match = _FILE.fullmatch(name)
            if match and match[1] in stems:
                found[stems[match[1]]].append((int(match[2]), len(folders), len(match[2])))
        folders.append(Path(root))
    if not any(found.values()):
        wanted = " or ".join(f"{stem}-<ID>.fits" for stem in stems)
        message = f"{folder} and its folders hold no file {wanted}. Check the folder and the --edition"
        raise InputFault(message)
    planes = {}
    for stem, band in stems.items():
        table = np.array(sorted(found[band]), np.int64).reshape(-1, 3)
        planes[band] = Planes(stem, *table.T)
        twice = np.flatnonzero(np.diff(planes[band].ids) == 0)
        if len(twice):
            first, second = (folders[k] for k in planes[band].folder[twice[0] : twice[0] + 2])
            message = (
                f"{len(twice):,} planes in {band} stand twice under {folder}, for instance of id "
                f"{planes[band].ids[twice[0]]} in {first} and {second}. Give training and test folder apart"
            )
            raise InputFault(message)
    return planes, tuple(folders)


@dataclass(frozen=True)
class Split:
    """The stamps of a folder that have a label and all planes: ``ids`` (n,) ascending, ``labels`` columns (n,)."""

    name: str
    edition: Edition
    ids: NDArray[np.int64]
    labels: Table
    planes: Mapping[str, Planes]
    folders: tuple[Path, ...]
    notes: tuple[str, ...]

    @classmethod
    def read(cls, name: str, folder: Path, catalogue: Path, edition: Edition, faults: Faults) -> Split:
        """What a folder and its catalogue hold; stamps that lack something go to ``faults``."""
        ids, labels = catalogues.read(catalogue, edition)
        notes = []
        good = np.ones(len(ids), bool)
        if "r_ein" in labels and np.isfinite(labels["r_ein"]).any():
            notes.append(f"{name} split: {catalogues.check_radii(labels, catalogue)}")
            good = ~labels["label"] | (labels["r_ein"] > 0)
            faults.add(name, "lenses without an Einstein area", ids[~good])
        elif labels.pop("r_ein", None) is not None:
            notes.append(f"{name} split: no Einstein area is above 0, so there is no r_ein")
        planes, folders = scan(folder, edition)
        here = reduce(np.union1d, [p.ids for p in planes.values()])
        faults.add(name, f"in {catalogue.name}, but no plane is there", np.setdiff1d(ids, here))
        faults.add(name, f"not in {catalogue.name}", np.setdiff1d(here, ids))
        for band, p in planes.items():
            faults.add(name, f"no plane in {band}", np.setdiff1d(here, p.ids))
            good &= np.isin(ids, p.ids)
        table = {column: values[good] for column, values in labels.items()}
        return cls(name, edition, ids[good], table, planes, folders, tuple(notes))

    def rows(self, faults: Faults, notes: list[str]) -> Iterator[Rows]:
        """The stamps as they are read; at the end ``faults`` are settled, and InputFault where no stamp is left."""
        masked, left = 0, 0
        with progress(f"reading {self.name} stamps", len(self.ids), "stamps") as report:
            for first in range(0, len(self.ids), CHUNK):
                here = slice(first, first + CHUNK)
                images, whole = self._read(self.ids[here], faults)
                if whole.any():
                    public, bad = self._public(images)
                    masked, left = masked + int((bad > 0).sum()), left + len(bad)
                    labels = {name: values[here][whole] for name, values in self.labels.items()}
                    yield Rows(self._block(public, labels, bad), self.ids[here][whole])
                report.advance(len(whole))
        faults.settle(notes)
        if not left:
            message = f"no stamp of the {self.name} split is whole. Fetch the data again"
            raise InputFault(message)
        if masked and not self.edition.setting.masks:
            notes.append(
                f"{self.name} split: bad pixels in {masked:,} stamps, which are 0 and have no mask here"
            )

    def _block(self, public: Table, labels: Table, bad: FloatArray) -> Block:
        if self.name == "train":
            return Block(public, {}, beside={"train_labels": labels})
        share = {"masked": bad} if "mask" in public else {}
        return Block(public, {"truth": {**labels, **share}})

    def _read(self, ids: NDArray[np.int64], faults: Faults) -> tuple[list[Array], NDArray[np.bool_]]:
        """The whole stamps among these, (n, bands, size, size) for each camera, and which they are."""
        cameras = self.edition.setting.cameras
        images = [np.empty((len(ids), len(c.bands), c.size, c.size), np.float32) for c in cameras]
        whole = np.ones(len(ids), bool)
        for k, stamp in enumerate(ids.tolist()):
            fault = ""
            for camera, image in zip(cameras, images, strict=True):
                for plane, band in zip(image[k], camera.bands, strict=True):
                    fault = fault or self._plane(stamp, band, camera, plane)
                fault = fault or _copies(image[k], camera.bands)
            if fault:
                whole[k] = False
                faults.add(self.name, fault, [stamp])
        return [image[whole] for image in images], whole

    def _plane(self, stamp: int, band: str, camera: Camera, plane: Array) -> str:
        """Read one plane into its place; returns what is wrong with it."""
        try:
            image, pixel = fits.read(self.planes[band].path(stamp, self.folders))
        except InputFault:
            return f"the plane in {band} is not readable as a FITS image"
        if image.shape != plane.shape:
            rows, columns = image.shape
            return (
                f"the plane in {band} has {rows} x {columns} pixels, expected {camera.size} x {camera.size}"
            )
        if pixel is not None and abs(pixel / camera.pixel - 1) > SAME_PIXEL:
            return f"pixels in {band} have a side of {pixel:.2g} arcsec, expected {camera.pixel:g}"
        if not np.isfinite(image).all():
            return f"the plane in {band} has values that are not finite"
        plane[:] = image
        return ""

    def _public(self, images: list[Array]) -> tuple[Table, FloatArray]:
        """Public columns of whole stamps, and the share of bad pixels in each (n,)."""
        setting = self.edition.setting
        masks = [image == MASKED for image in images]
        sigma = np.concatenate([noise(*pair) for pair in zip(images, masks, strict=True)], axis=1)
        for image, mask in zip(images, masks, strict=True):
            image[mask] = 0
        public: Table = dict(zip(LensSky(setting).image_names, images, strict=True))
        if setting.masks:
            public["mask"] = masks[0].astype(np.uint8)
        unknown = ~np.isfinite(sigma)  # of a plane whose corners are bad
        public["sigma"] = np.where(unknown, setting.sigma, sigma).astype(np.float32)
        public["psf_fwhm"] = np.broadcast_to(np.array(setting.fwhm, np.float32), sigma.shape)
        return public, masks[0].mean(axis=(1, 2, 3))


def _copies(planes: Array, bands: Sequence[str]) -> str:
    """Which planes (bands, size, size) of a stamp are the same to the last bit; a plane of one value is no copy."""
    first: dict[bytes, str] = {}
    same = []
    for plane, band in zip(planes, bands, strict=True):
        other = first.setdefault(plane.tobytes(), band)
        if other != band and (plane != plane[0, 0]).any():
            same.append(f"{band} of {other}")
    return f"planes are copies: {', '.join(same)}" if same else ""


def noise(image: Array, mask: NDArray[np.bool_]) -> FloatArray:
    """Noise rms (n, bands) from the median absolute deviation in the corners, clipped at 3 sigma; NaN for none."""
    side = image.shape[-1] // CORNER
    ends = slice(0, side), slice(-side, None)
    values = np.where(mask, np.float32(np.inf), image)
    corners = [values[:, :, y, x].reshape(*image.shape[:2], -1) for y in ends for x in ends]
    values = np.concatenate(corners, axis=2)
    for _ in range(CLIPS):
        offset = np.abs(values - _median(values))
        values[offset > 3 * GAUSS * _median(offset)] = np.inf
    return np.asarray(GAUSS * _median(np.abs(values - _median(values)))[..., 0], np.float64)


def _median(values: Array) -> Array:
    """Median of the finite values along the last axis, which stays; NaN for none."""
    ordered = np.sort(values, axis=-1)
    n = np.isfinite(ordered).sum(axis=-1, keepdims=True)
    middle = [np.take_along_axis(ordered, np.maximum(k, 0), axis=-1) for k in ((n - 1) // 2, n // 2)]
    return np.where(n > 0, (middle[0] + middle[1]) / 2, np.float32(np.nan))
