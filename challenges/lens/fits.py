"""One plane of a stamp as a FITS file of the original challenge: 32-bit floats of the primary image, big-endian.

A plain file is read by its header cards, which takes a thirtieth of the time that a FITS library needs; whatever is
not plain is left to astropy.
"""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np

from blindsky.challenges.errors import InputFault
from blindsky.scoring.measurements import Array

_BLOCK, _CARD = 2880, 80
_SCALED = (b"BSCALE", b"BZERO", b"BLANK")


class Plane(NamedTuple):
    """An image (rows, columns) float32 and the side of its pixels in arcsec, None where the header has none."""

    image: Array
    pixel: float | None


def read(path: Path) -> Plane:
    """The image of a FITS file; InputFault where there is none, or only a part of it."""
    content = path.read_bytes()
    try:
        return _plain(content) or _by_astropy(content)
    except Exception as error:  # what a library makes of damaged bytes may be nearly anything
        message = f"{path} is not readable as a FITS image ({error}). It may be damaged: fetch it again"
        raise InputFault(message) from error


def _plain(content: bytes) -> Plane | None:
    """A primary image of plain 32-bit floats; None for anything else."""
    if not content.startswith(b"SIMPLE  =                    T"):
        return None
    cards: dict[bytes, bytes] = {}
    for start in range(0, len(content), _CARD):
        card = content[start : start + _CARD]
        if card[:8] == b"END     ":
            break
        if card[8:10] == b"= ":
            cards[card[:8].rstrip()] = card[10:].partition(b"/")[0].strip()
    else:
        return None
    if (
        cards.get(b"BITPIX") != b"-32"
        or cards.get(b"NAXIS") != b"2"
        or any(name in cards for name in _SCALED)
    ):
        return None
    columns, rows = int(cards[b"NAXIS1"]), int(cards[b"NAXIS2"])
    first = (start // _BLOCK + 1) * _BLOCK
    if min(columns, rows) < 1 or len(content) < first + 4 * columns * rows:
        message = f"{rows} x {columns} pixels are declared, and {max(len(content) - first, 0):,} bytes follow"
        raise ValueError(message)
    image = np.frombuffer(content, ">f4", columns * rows, first).reshape(rows, columns).astype(np.float32)
    step = cards.get(b"CDELT2")
    return Plane(image, None if step is None else 3600 * abs(float(step)))


def _by_astropy(content: bytes) -> Plane:
    """The first image of two axes, whatever its type."""
    from astropy.io import fits

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is wrong enough to matter fails below
        with fits.open(io.BytesIO(content)) as file:
            for hdu in file:
                if hdu.is_image and hdu.data is not None and hdu.data.ndim == 2:
                    step = hdu.header.get("CDELT2")
                    return Plane(
                        hdu.data.astype(np.float32), None if step is None else 3600 * abs(float(step))
                    )
    message = "it holds no image of two axes"
    raise ValueError(message)


def encode(image: Array, pixel: float) -> bytes:
    """A file with this image (rows, columns); ``pixel`` is the side of its pixels in arcsec."""
    rows, columns = image.shape
    step = pixel / 3600
    cards = [
        _card("SIMPLE", "T"),
        _card("BITPIX", "-32"),
        _card("NAXIS", "2"),
        _card("NAXIS1", str(columns)),
        _card("NAXIS2", str(rows)),
        _card("EXTEND", "T"),
        _card("CRPIX1", repr((columns + 1) / 2)),
        _card("CRPIX2", repr((rows + 1) / 2)),
        _card("CRVAL1", "0."),
        _card("CRVAL2", "0."),
        "CTYPE1  = 'RA---TAN'",
        "CTYPE2  = 'DEC--TAN'",
        "CUNIT1  = 'deg     '",
        "CUNIT2  = 'deg     '",
        _card("CDELT1", f"{-step:.14E}"),
        _card("CDELT2", f"{step:.14E}"),
        "END",
    ]
    header = "".join(card.ljust(_CARD) for card in cards).encode()
    data = image.astype(">f4").tobytes()
    return header.ljust(_whole(len(header))) + data.ljust(_whole(len(data)), b"\0")


def _card(name: str, value: str) -> str:
    return f"{name:8}= {value:>20}"


def _whole(n: int) -> int:
    return -(-n // _BLOCK) * _BLOCK
