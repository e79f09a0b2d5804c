"""Planes as FITS: what we write, astropy reads; what astropy writes, we read; what is damaged is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from blindsky.challenges.errors import InputFault
from blindsky.challenges.lens import fits
from blindsky.scoring.measurements import Array

library = pytest.importorskip("astropy.io.fits")


@pytest.fixture
def image() -> Array:
    """Not square and not symmetric, so that nothing can be turned by chance; zeros of both signs."""
    pixels = np.random.default_rng(1).normal(0, 1e-12, (7, 5)).astype(np.float32)
    pixels[0, :3] = 0.0, -0.0, 100.0
    return pixels


def test_astropy_reads_what_we_write(image: Array, tmp_path: Path) -> None:
    path = tmp_path / "a.fits"
    path.write_bytes(fits.encode(image, 0.2))
    assert path.stat().st_size % 2880 == 0
    with library.open(path) as file:
        file.verify("exception")
        assert file[0].data.dtype == np.dtype(">f4")
        assert file[0].data.astype(np.float32).tobytes() == image.tobytes()
        header = file[0].header
    assert header["CDELT2"] * 3600 == pytest.approx(0.2, rel=1e-12)
    assert header["CDELT1"] == -header["CDELT2"]
    assert (header["CRPIX1"], header["CRPIX2"]) == (3, 4)  # the centre, counted from 1


@pytest.mark.parametrize(
    "shape", [(101, 101), (66, 66), (1, 1), (27, 27)]
)  # 27 x 27 leaves 36 bytes of a block
def test_round_trip(shape: tuple[int, int], tmp_path: Path) -> None:
    image = np.random.default_rng(2).normal(size=shape).astype(np.float32)
    (tmp_path / "a.fits").write_bytes(fits.encode(image, 0.3))
    found, pixel = fits.read(tmp_path / "a.fits")
    assert found.dtype == np.float32 and found.dtype.isnative
    assert found.tobytes() == image.tobytes()
    assert pixel == pytest.approx(0.3, rel=1e-12)


def test_a_long_header(image: Array, tmp_path: Path) -> None:
    """The header of the original files is one block; this one has three."""
    hdu = library.PrimaryHDU(image)
    for k in range(80):
        hdu.header[f"HIERARCH a long key {k}"] = k
    hdu.header["CDELT2"] = (0.1 / 3600, "with a / in the comment")
    hdu.writeto(tmp_path / "a.fits")
    found, pixel = fits.read(tmp_path / "a.fits")
    assert found.tobytes() == image.tobytes()
    assert pixel == pytest.approx(0.1)


@pytest.mark.parametrize("kind", ["double", "scaled", "extension", "integer"])
def test_what_is_not_plain(kind: str, image: Array, tmp_path: Path) -> None:
    whole = np.arange(35, dtype=np.int16).reshape(7, 5)
    if kind == "double":
        hdu, expected = library.PrimaryHDU(image.astype(np.float64)), image
    elif kind == "extension":
        hdu, expected = library.HDUList([library.PrimaryHDU(), library.ImageHDU(image)]), image
    elif kind == "scaled":
        hdu = library.PrimaryHDU(image.copy())
        hdu.scale("int16", bscale=0.5, bzero=3.0)
        hdu.data = whole.astype(np.float32)
        hdu, expected = library.PrimaryHDU(whole), whole * 0.5 + 3
        hdu.header["BSCALE"], hdu.header["BZERO"] = 0.5, 3.0
    else:
        hdu, expected = library.PrimaryHDU(whole), whole
    hdu.writeto(tmp_path / "a.fits", output_verify="ignore")
    if kind == "scaled":  # astropy drops the cards of data it holds unscaled
        content = (tmp_path / "a.fits").read_bytes()
        cards = b"BSCALE  =                  0.5".ljust(80) + b"BZERO   =                  3.0".ljust(80)
        end = content.index(b"END" + b" " * 77)
        (tmp_path / "a.fits").write_bytes(content[:end] + cards + content[end : 2880 - 160] + content[2880:])
    found, pixel = fits.read(tmp_path / "a.fits")
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == np.float32 and pixel is None


def test_no_image(tmp_path: Path, image: Array) -> None:
    path = tmp_path / "a.fits"
    for content in (b"", b"<html>", b"SIMPLE  =                    T", fits.encode(image, 0.1)[:2900]):
        path.write_bytes(content)
        with pytest.raises(InputFault, match=r"a\.fits is not readable as a FITS image \(.*fetch it again"):
            fits.read(path)
    library.PrimaryHDU(np.zeros((2, 3, 4), np.float32)).writeto(path, overwrite=True)
    with pytest.raises(InputFault, match="it holds no image of two axes"):
        fits.read(path)


def test_damaged_files_are_faults(tmp_path: Path) -> None:
    """Cut or with other bytes in the header: an image, or a fault with its name, and nothing else."""
    rng = np.random.default_rng(3)
    whole = fits.encode(rng.normal(size=(5, 5)).astype(np.float32), 0.1)
    path = tmp_path / "a.fits"
    faults = 0
    for _ in range(300):
        content = bytearray(whole[: rng.integers(1, len(whole))] if rng.random() < 0.3 else whole)
        for at in rng.integers(0, min(len(content), 1360), 3):
            content[at] = rng.integers(0, 256)
        path.write_bytes(content)
        try:
            assert fits.read(path).image.ndim == 2
        except InputFault:
            faults += 1
    assert 50 < faults < 300
