"""FITS: the declared shape against the file and the expectation, odd columns by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from blindsky.submissions.checking import check
from blindsky.submissions.faults import Fault


def fits(table: dict[str, Any], path: Path) -> bytes:
    from astropy.table import Table

    Table(table).write(path, overwrite=True)
    return path.read_bytes()


def test_a_fits_header_of_a_trillion_rows(
    refused: Callable[..., Fault], table: dict[str, Any], tmp_path: Path
) -> None:
    content = fits(table, tmp_path / "p.fits")
    card = b"NAXIS2  =                   50"
    assert content.count(card) == 1
    fault = refused(content.replace(card, b"NAXIS2  =        1000000000000"), "p.fits")
    assert (fault.code, fault.got) == ("too_many_rows", "1,000,000,000,000 rows")
    fault = refused(content.replace(card, b"NAXIS2  =                  900"), "p.fits")
    assert fault.code == "truncated"
    assert "as its header declares" in str(fault.expected)


def test_fits_rows_wider_than_their_columns(
    refused: Callable[..., Fault], table: dict[str, Any], tmp_path: Path
) -> None:
    content = fits(table, tmp_path / "p.fits")
    fault = refused(
        content.replace(b"NAXIS1  =                   16", b"NAXIS1  =                   32"), "p.fits"
    )
    assert fault.code == "unreadable"
    assert "columns of 16 bytes in rows of 32" in str(fault.got)


def test_fits_without_a_table_or_with_odd_columns(
    public: Any, refused: Callable[..., Fault], table: dict[str, Any], tmp_path: Path
) -> None:
    from astropy.io import fits as library

    library.PrimaryHDU(np.zeros((4, 4))).writeto(tmp_path / "image.fits")
    fault = refused(tmp_path / "image.fits")
    assert (fault.code, fault.message) == ("column_type", "the FITS file holds no binary table")
    columns = [
        library.Column("object_id", "K", array=table["object_id"]),
        library.Column("z_point", "L", array=np.ones(50, bool)),
        library.Column("pdf", "PE()", array=np.array([np.zeros(3, np.float32)] * 50, dtype=object)),
    ]
    library.BinTableHDU.from_columns(columns).writeto(tmp_path / "odd.fits")
    result = check(tmp_path / "odd.fits", public)
    assert [(f.code, f.column) for f in result.faults] == [
        ("column_type", "z_point"),
        ("density_form", "pdf"),
    ]
