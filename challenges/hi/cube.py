"""Cubes as files: the FITS header, files that processes fill with planes in any order, a reader for cubes of any size.

A cube is one file, or a folder of shards ``cube_0000.fits`` ... with neighbouring planes. Nothing is allocated before
the size that a header declares is held against the size of its file.
"""

from __future__ import annotations

import hashlib
import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blindsky.challenges.errors import InputFault
from blindsky.challenges.files import machine_faults, sync_file
from blindsky.challenges.hi.field import BEAM, CENTRE, CHANNEL, F0, FIRST, PIXEL, Field
from blindsky.scoring.measurements import FloatArray

Floats = NDArray[np.float32]
Cards = dict[str, Any]

RECORD = 2880  # bytes, of which FITS files are multiples
STORED = np.dtype(">f4")  # of a voxel in a file
UNITS = ("jy/beam", "beam-1 jy")  # lower case
MAP_STEP = 10e6  # Hz between the planes of a continuum map
MAP_PLANES = 21
LONGEST = 4 * 2**20  # bytes of a header; a real one has a few thousand


def cards(field: Field, title: str, first: int = 0, planes: int | None = None) -> Cards:
    """The header of ``planes`` planes from the local plane ``first`` on; ``title`` names track, size and split."""
    planes = field.nchan - first if planes is None else planes
    return _cards(field, f"blindsky hi {title}", planes, CHANNEL, FIRST + CHANNEL * (field.k0 + first))


def header(field: Field, title: str, first: int = 0, planes: int | None = None) -> bytes:
    """The same as the bytes that open a file, a multiple of 2880."""
    return _bytes(cards(field, title, first, planes))


def _cards(field: Field, title: str, planes: int, step: float, first: float) -> Cards:
    return {
        "SIMPLE": True, "BITPIX": -32, "NAXIS": 3, "NAXIS1": field.nx, "NAXIS2": field.ny, "NAXIS3": planes,
        "BUNIT": "JY/BEAM", "BMAJ": BEAM / 3600, "BMIN": BEAM / 3600, "BPA": 0.0,
        "CTYPE1": "RA---SIN", "CRPIX1": field.centre[0] + 1.0, "CDELT1": -PIXEL / 3600, "CRVAL1": CENTRE[0],
        "CTYPE2": "DEC--SIN", "CRPIX2": field.centre[1] + 1.0, "CDELT2": PIXEL / 3600, "CRVAL2": CENTRE[1],
        "CUNIT1": "deg", "CUNIT2": "deg",
        "CTYPE3": "FREQ", "CRPIX3": 1.0, "CDELT3": step, "CRVAL3": first, "CUNIT3": "Hz",
        "RESTFRQ": F0, "RADESYS": "FK5", "EQUINOX": 2000.0, "SPECSYS": "BARYCENT", "OBJECT": title,
    }  # fmt: skip


def _bytes(given: Mapping[str, Any]) -> bytes:
    def text(value: Any) -> str:
        if isinstance(value, str):
            quoted = value.replace("'", "''")
            return f"'{quoted:<8}'"
        if isinstance(value, bool):
            return f"{'T' if value else 'F':>20}"
        return f"{str(value).upper():>20}"  # the shortest digits that give the number back

    lines = [f"{name:<8}= {text(value)}" for name, value in given.items()] + ["END"]
    joined = "".join(f"{line:<80}" for line in lines).encode("ascii")
    return joined.ljust(_padded(len(joined)))


def _padded(size: int) -> int:
    return -(-size // RECORD) * RECORD


@dataclass(frozen=True)
class Canvas:
    """A cube that is being written. Any process may write any planes, in any order, each of them once.

    plane : rows and columns.   files : first local plane, number of planes and path of each file, ascending.
    """

    plane: tuple[int, int]
    files: tuple[tuple[int, int, Path], ...]

    def write(self, z: int, planes: Floats) -> list[str]:
        """Planes (n, ny, nx) in Jy/beam from the local plane ``z`` on; SHA-256 of the stored bytes of each."""
        side = 4 * math.prod(self.plane)
        digests = []
        for number, plane in enumerate(planes, start=z):
            first, _, path = next(file for file in reversed(self.files) if file[0] <= number)
            stored = np.ascontiguousarray(plane, STORED)
            with machine_faults(f"writing plane {number}", path), path.open("r+b") as file:
                file.seek(RECORD + side * (number - first))
                file.write(stored.data)
            digests.append(hashlib.sha256(stored.data).hexdigest())
        return digests

    def close(self, first: int = 0, last: int | None = None) -> None:
        """Make the planes first <= z < last durable, all unless told otherwise."""
        for start, planes, path in self.files:
            if start + planes > first and (last is None or start < last):
                sync_file(path)


def canvas(path: Path, field: Field, *, shard: int | None = None) -> Canvas:
    """The files of a cube that was created: one, or a folder of files of ``shard`` planes each."""
    if shard is None:
        return Canvas((field.ny, field.nx), ((0, field.nchan, path),))
    starts = enumerate(range(0, field.nchan, shard))
    files = ((first, min(shard, field.nchan - first), path / f"cube_{i:04d}.fits") for i, first in starts)
    return Canvas((field.ny, field.nx), tuple(files))


def create(path: Path, field: Field, title: str, *, shard: int | None = None) -> Canvas:
    """New files of their full size with nothing but headers; those that are there in full stay as they are."""
    made = canvas(path, field, shard=shard)
    for first, planes, file in made.files:
        opening = header(field, title, first, planes)
        size = len(opening) + _padded(4 * planes * field.ny * field.nx)
        with machine_faults("making a cube", file):
            file.parent.mkdir(parents=True, exist_ok=True)
            if file.exists() and file.stat().st_size == size:
                continue
            with file.open("wb") as new:
                new.write(opening)
                new.truncate(size)
    return made


def digest(planes: Sequence[str]) -> str:
    """SHA-256 of the digests of all planes in order, however the planes are spread over files."""
    return hashlib.sha256(b"".join(map(bytes.fromhex, planes))).hexdigest()


def write_continuum(path: Path, field: Field, maps: Iterable[Floats], title: str) -> None:
    """The 21 continuum maps (ny, nx) in Jy/beam at 950, 960 ... 1150 MHz."""
    opening = _bytes(_cards(field, f"blindsky hi {title} continuum", MAP_PLANES, MAP_STEP, FIRST))
    with machine_faults("writing the continuum", path), path.open("xb") as file:
        file.write(opening)
        for plane in maps:
            file.write(np.ascontiguousarray(plane, STORED).data)
        file.truncate(len(opening) + _padded(4 * MAP_PLANES * field.ny * field.nx))


class Voxels(ABC):
    """A cube, wherever its planes come from.

    shape : planes, rows, columns.   frequencies : Hz, centres of the planes, ascending.   header : the cards.
    """

    shape: tuple[int, int, int]
    frequencies: FloatArray
    header: Cards

    @abstractmethod
    def _planes(self, z0: int, z1: int) -> Floats: ...

    def _tile(self, z0: int, z1: int, rows: slice, columns: slice) -> Floats:
        return self._planes(z0, z1)[:, rows, columns].copy()

    def planes(self, z0: int, z1: int) -> Floats:
        """Planes z0 <= z < z1, (z1 - z0, ny, nx) float32 in Jy/beam. InputFault where the cube has no such planes."""
        self._check("planes", z0, z1, self.shape[0])
        return self._planes(z0, z1)

    def tile(self, z0: int, z1: int, y0: int, y1: int, x0: int, x1: int) -> Floats:
        """A part of some planes, (z1 - z0, y1 - y0, x1 - x0), equal to that slice of the whole planes."""
        ends = (("planes", z0, z1), ("rows", y0, y1), ("columns", x0, x1))
        for (name, first, last), size in zip(ends, self.shape, strict=True):
            self._check(name, first, last, size)
        return self._tile(z0, z1, slice(y0, y1), slice(x0, x1))

    def slabs(self, height: int, halo: int = 0) -> Iterator[tuple[int, int, Floats, int, int]]:
        """The cube in ascending slabs of ``height`` planes: z0, z1, the planes lo <= z < hi around them, lo, hi.

        The halo reaches up to ``halo`` planes further on either side, as far as the cube goes; no plane is read twice.
        """
        last, kept = 0, np.empty((0, *self.shape[1:]), np.float32)
        for z0 in range(0, self.shape[0], height):
            z1 = min(z0 + height, self.shape[0])
            lo, hi = max(z0 - halo, 0), min(z1 + halo, self.shape[0])
            kept = kept[len(kept) - max(last - lo, 0) :]
            kept = (
                np.concatenate((kept, self._planes(max(last, lo), hi))) if len(kept) else self._planes(lo, hi)
            )
            last = hi
            yield z0, z1, kept, lo, hi

    def _check(self, name: str, first: int, last: int, size: int) -> None:
        if not 0 <= first <= last <= size:
            message = f"{name} {first} to {last} were asked for; the cube has {name} 0 to {size}. Ask for some of these"
            raise InputFault(message)


@dataclass(frozen=True)
class _File:
    path: Path
    offset: int  # bytes
    shape: tuple[int, int, int]
    first: float  # Hz
    step: float  # Hz
    header: Cards


class Cube(Voxels):
    """A cube on disk, read as it is asked for; nothing stays open."""

    def __init__(self, files: Sequence[_File]) -> None:
        self._files = tuple(files)
        self._starts = np.cumsum([0, *(file.shape[0] for file in files)])
        self.shape = (int(self._starts[-1]), *files[0].shape[1:])
        self.header = files[0].header | {"NAXIS3": self.shape[0]}
        self.frequencies = np.concatenate(
            [file.first + file.step * np.arange(file.shape[0]) for file in files]
        )

    def _pieces(self, z0: int, z1: int) -> Iterator[tuple[_File, int, int, int]]:
        """Files with some of the planes: first and last of them in the file, and where they go."""
        for file, start in zip(self._files, self._starts, strict=False):
            lo, hi = max(z0 - int(start), 0), min(z1 - int(start), file.shape[0])
            if lo < hi:
                yield file, lo, hi, lo + int(start) - z0

    def _planes(self, z0: int, z1: int) -> Floats:
        found = np.empty((z1 - z0, *self.shape[1:]), np.float32)
        side = 4 * math.prod(self.shape[1:])
        for file, lo, hi, at in self._pieces(z0, z1):
            part = found[at : at + hi - lo]
            with file.path.open("rb") as opened:
                opened.seek(file.offset + side * lo)
                if opened.readinto(part.data.cast("B")) != part.nbytes:
                    message = f"{file.path} became shorter while it was read. Fetch it again"
                    raise InputFault(message)
            np.copyto(part, part.view(STORED))
        return found

    def _tile(self, z0: int, z1: int, rows: slice, columns: slice) -> Floats:
        found = []
        for file, lo, hi, _ in self._pieces(z0, z1):
            mapped = np.memmap(file.path, STORED, "r", file.offset, file.shape)
            found.append(np.asarray(mapped[lo:hi, rows, columns]).astype(np.float32))
        return (
            np.concatenate(found) if found else np.empty((0, *self.shape[1:]), np.float32)[:, rows, columns]
        )


def open_cube(path: Path, *, step: float = CHANNEL) -> Cube:
    """A cube, in a file or in a folder of shards; ``step`` is the width of a channel in Hz, MAP_STEP for the continuum.

    InputFault, before anything is allocated, where it is not a cube of this challenge or not whole: no FREQ axis, other
    channels, pixels, beam or unit, a file shorter than its header says, shards that don't adjoin.
    """
    if path.is_dir():
        paths = sorted(path.glob("cube_*.fits"))
        if not paths:
            message = f"{path} is a folder without shards cube_0000.fits ... Name the cube itself"
            raise InputFault(message)
    else:
        paths = [path]
    files = sorted((_open(each, step) for each in paths), key=lambda file: file.first)
    for below, above in pairwise(files):
        expected = below.first + below.step * below.shape[0]
        if below.shape[1:] != above.shape[1:] or abs(above.first - expected) > step / 100:
            message = (
                f"{above.path} begins at {above.first:.0f} Hz, planes {above.shape[2]} x {above.shape[1]}; "
                f"after {below.path.name} comes {expected:.0f} Hz, planes {below.shape[2]} x {below.shape[1]}. "
                "A shard is missing or from another cube: fetch it again"
            )
            raise InputFault(message)
    return Cube(files)


def _open(path: Path, step: float) -> _File:
    known, offset = _read_header(path)
    axes = _axes(path, known)
    shape = (axes["FREQ"][1], axes["DEC-"][1], axes["RA--"][1])
    declared, there = offset + 4 * math.prod(shape), path.stat().st_size
    if declared > there:
        message = (
            f"{path} is cut short: its header declares {shape[2]} x {shape[1]} x {shape[0]} voxels, "
            f"{declared:,} bytes, the file has {there:,}. Fetch it again"
        )
        raise InputFault(message)
    number = axes["FREQ"][0]
    width = _expect(path, known, f"CDELT{number}", step, 1.0, "Hz")
    for axis, sign in (("RA--", -1), ("DEC-", 1)):
        _expect(path, known, f"CDELT{axes[axis][0]}", sign * PIXEL / 3600, PIXEL / 3.6e6, "deg")
    for name in ("BMAJ", "BMIN"):
        _expect(path, known, name, BEAM / 3600, BEAM / 3.6e5, "deg")
    unit = str(known.get("BUNIT", "")).strip()
    if unit.lower() not in UNITS:
        message = f"{path} has BUNIT {unit!r}; expected JY/BEAM. Convert the cube to Jy/beam"
        raise InputFault(message)
    reference = _number(path, known, f"CRVAL{number}")
    first = reference + width * (1 - _number(path, known, f"CRPIX{number}"))
    return _File(path, offset, shape, first, width, known)


def _read_header(path: Path) -> tuple[Cards, int]:
    """The cards of the primary header and how many bytes it takes."""
    from astropy.io import fits

    try:
        with path.open("rb") as file:
            text = file.read(RECORD)
            if not text.startswith(b"SIMPLE  ="):
                message = f"{path} is not a FITS file: it begins with {text[:9]!r}. Name a cube"
                raise InputFault(message)
            while not _ends(text[-RECORD:]):
                more = file.read(RECORD)
                if len(more) < RECORD or len(text) > LONGEST:
                    message = f"the header of {path} has no END in its first {len(text):,} bytes. Fetch the file again"
                    raise InputFault(message)
                text += more
    except OSError as error:
        message = f"{path} cannot be read ({error.strerror}). Name a cube, or a folder of its shards"
        raise InputFault(message) from error
    found: Cards = {}
    for at in range(0, len(text), 80):
        line = text[at : at + 80].decode("latin-1")
        if line.rstrip() == "END":
            break
        if line[8:10] != "= " or line[:8].strip() in found:
            continue
        try:
            found[line[:8].strip()] = fits.Card.fromstring(line).value
        except (fits.VerifyError, ValueError) as error:
            message = f"the header of {path} has a line that cannot be read: {line.rstrip()!r}. Fetch the file again"
            raise InputFault(message) from error
    return found, len(text)


def _ends(record: bytes) -> bool:
    return any(record[at : at + 80].rstrip() == b"END" for at in range(0, RECORD, 80))


def _axes(path: Path, known: Cards) -> dict[str, tuple[int, int]]:
    """Number and length of the axes RA--, DEC- and FREQ, in this order; a degenerate Stokes axis is dropped."""
    layout = {"BITPIX": -32, "BSCALE": 1, "BZERO": 0}
    for name, expected in layout.items():
        if known.get(name, expected) != expected:
            message = f"{path} has {name} {known[name]!r}; expected {expected}: plain 32-bit floats. Convert the cube"
            raise InputFault(message)
    count = known.get("NAXIS")
    if not isinstance(count, int) or not 3 <= count <= 9:
        message = f"{path} has {count!r} axes; a cube has 3: right ascension, declination and frequency"
        raise InputFault(message)
    found: dict[str, tuple[int, int]] = {}
    kinds: list[str] = []
    for number in range(1, count + 1):
        kind, length = str(known.get(f"CTYPE{number}", "")).strip(), known.get(f"NAXIS{number}")
        if not isinstance(length, int) or isinstance(length, bool) or length < 1:
            message = f"{path} has NAXIS{number} {length!r}; expected a number of pixels from 1 on"
            raise InputFault(message)
        if kind != "STOKES" or length != 1:
            kinds.append(kind)
            found[kind[:4]] = (number, length)
    if kinds != ["RA---SIN", "DEC--SIN", "FREQ"]:
        message = (
            f"{path} has the axes {', '.join(kinds)}; expected RA---SIN, DEC--SIN, FREQ. "
            "Bring the cube to a frequency axis and this projection first; velocities are not converted here"
        )
        raise InputFault(message)
    return found


def _number(path: Path, known: Cards, name: str) -> float:
    value = known.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        message = (
            f"{path} has {name} {value!r}; expected a number. Fetch the file again, or correct its header"
        )
        raise InputFault(message)
    return float(value)


def _expect(path: Path, known: Cards, name: str, expected: float, tolerance: float, unit: str) -> float:
    value = _number(path, known, name)
    if abs(value - expected) > tolerance:
        message = (
            f"{path} has {name} {value:.10g} {unit}; the cubes of this challenge have {expected:.10g} {unit}"
        )
        raise InputFault(message)
    return value
