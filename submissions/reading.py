"""Opens a prediction: says what a file is from its first bytes, and hands it to the reader of that format.

The name's ending is never believed. What isn't a table that can be read safely is named as what it is and
refused: nothing here runs, unpickles or evaluates anything.
"""

from __future__ import annotations

import gzip
import re
import stat
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from blindsky.challenges.errors import InputFault
from blindsky.challenges.prediction import Prediction
from blindsky.submissions import cells
from blindsky.submissions.faults import Fault, FaultLog, Note, shown
from blindsky.submissions.formats.common import SLACK_BYTES, Limits, PredictionFile, reading
from blindsky.submissions.formats.fits import FitsFile
from blindsky.submissions.formats.parquet import ParquetFile
from blindsky.submissions.formats.spread import gathered
from blindsky.submissions.formats.text import TextFile
from blindsky.submissions.formats.votable import VOTableFile
from blindsky.submissions.qp import QpFile

_HEAD = 4096
_ID_ROW = 1024  # bytes a row of a table that only gives ids, such as the test table

_SUFFIXES = {
    "Parquet": (".parquet", ".pq"),
    "FITS": (".fits", ".fit"),
    "HDF5": (".hdf5", ".h5", ".hdf"),
    "VOTable": (".vot", ".xml", ".votable"),
    "ECSV": (".ecsv",),
    "CSV": (".csv", ".txt", ".dat"),
    "CSV (gzip)": (".gz",),
}
READ = {b"PAR1": "Parquet", b"SIMPLE  =": "FITS", b"\x89HDF\r\n\x1a\n": "HDF5", b"# %ECSV": "ECSV"}
REFUSED = {
    b"PK\x03\x04": "a zip archive (.xlsx and .npz files are such archives too)",
    b"\x93NUMPY": "a NumPy array file (.npy)",
    b"ARROW1": "an Arrow or Feather file",
    b"PARE": "an encrypted Parquet file",
    b"ORC": "an ORC file",
    b"SQLite format 3": "an SQLite database",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"\x28\xb5\x2f\xfd": "a Zstandard archive",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"Rar!": "a RAR archive",
    b"\xff\xfe": "UTF-16 text (as some spreadsheets save it)",
    b"\xfe\xff": "UTF-16 text (as some spreadsheets save it)",
    b"%PDF": "a PDF document",
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"\x7fELF": "a program",
}
_PICKLE = re.compile(rb"\x80[\x02-\x05].|\(lp0|\(dp0|c[\w.]+\n\w+\n", re.DOTALL)
_HTML = re.compile(rb"\s*(<!--.*?-->\s*)?<(!doctype\s+html|html|head|body)", re.IGNORECASE | re.DOTALL)
_VOTABLE = re.compile(rb"<(\w+:)?VOTABLE\b", re.IGNORECASE)


def identify(head: bytes) -> tuple[str, bool]:
    """What a file is from its first bytes: (format, whether it is read)."""
    for magic, name in READ.items():
        if head.startswith(magic):
            return name, True
    for magic, name in REFUSED.items():
        if head.startswith(magic):
            return name, False
    if _PICKLE.match(head):
        return "a Python pickle, which could run code when opened", False
    if head.startswith(b"\x1f\x8b"):
        return "gzip", True
    text = head.removeprefix(b"\xef\xbb\xbf")
    if _HTML.match(text):
        return "an HTML page (perhaps a login or error page saved in place of the file)", False
    if text.lstrip().startswith(b"<"):
        return ("VOTable", True) if _VOTABLE.search(text) else ("an XML document, but no VOTable", False)
    if text.lstrip()[:1] in (b"{", b"[") and b"\0" not in text:
        return "JSON text", False
    if text[257:262] == b"ustar":
        return "a tar archive", False
    # zeros alone may be an empty download; a table of text holds neither
    return ("binary data of an unknown kind", False) if b"\0" in text else ("CSV", True)


def open_prediction(
    path: Path, prediction: Prediction, expected_rows: int, *, ids: Path | None = None
) -> PredictionFile:
    """A prediction opened for reading, its header checked; use it in a ``with`` block.

    expected_rows : rows of the test split, from which all limits follow.
    ids : a table with the key column, for a qp ensemble that has no ids of its own.
    InputFault where there is no such file, PredictionRefused where its content isn't a readable table,
    MachineFault where it may not be read, MissingExtra where a package is missing.
    """
    log = FaultLog(path.name)
    size = _regular(path)
    limits = Limits.of(prediction, expected_rows)
    if size == 0:
        log.refuse(
            Fault(
                "empty_file",
                "the file is empty",
                got="0 bytes",
                expected=f"a table of {expected_rows:,} rows",
                mend="write it again",
            )
        )
    if ids is not None:
        _regular(ids)
    file = gathered(_open(path, prediction, limits, log, ids), prediction)
    if ids is not None and not isinstance(file, QpFile):
        log.note(
            Note(
                "ids_not_needed",
                f"the file has its own column {prediction.keys[0]}; the file of ids was not used",
            )
        )
    return file


def _regular(path: Path) -> int:
    """Size of a file in bytes; InputFault where it is none."""
    with reading(path.name):
        try:
            found = path.stat()
        except (FileNotFoundError, NotADirectoryError):
            message = f"there is no file {path}. Check the name and the folder"
            raise InputFault(message) from None
    if stat.S_ISDIR(found.st_mode):
        message = f"{path} is a folder. Give the file itself, for instance {path / 'predictions.parquet'}"
        raise InputFault(message)
    if not stat.S_ISREG(found.st_mode):
        message = f"{path} is not a regular file. Save the prediction to a file and give its name"
        raise InputFault(message)
    return found.st_size


def _open(
    path: Path, prediction: Prediction, limits: Limits, log: FaultLog, ids: Path | None
) -> PredictionFile:
    with reading(log.name), path.open("rb") as raw:
        head = raw.read(_HEAD)
    name, read = identify(head)
    packed = name == "gzip"
    if packed:
        name, read = identify(_unpacked(head))
        if name not in ("CSV", "ECSV"):
            name, read = f"gzip-compressed data ({name})", False
    if not read:
        _refuse(path, name, log)
    _note_suffix(path, f"{name} (gzip)" if packed else name, log)
    size = path.stat().st_size
    match name:
        case "Parquet":
            limits.check_size(size, limits.binary, log)
            return ParquetFile(path, limits, log)
        case "FITS":
            return FitsFile(path, limits, log)
        case "HDF5":
            reader = None if ids is None else lambda: read_ids(ids, prediction.key, limits.expected)
            return QpFile(path, prediction, limits, log, reader)
        case "VOTable":
            return VOTableFile(path, limits, log)
        case _:
            limits.check_size(size, limits.text, log)
            ecsv = name == "ECSV"
            names = prediction.required if prediction.headerless and not ecsv else ()
            order = prediction.names if prediction.blanks and not ecsv else ()
            return TextFile(path, limits, log, ecsv=ecsv, packed=packed, names=names, order=order)


def _unpacked(head: bytes) -> bytes:
    """The beginning of what a gzip stream holds; empty where it is damaged."""
    try:
        return zlib.decompressobj(wbits=31).decompress(head, _HEAD)
    except (zlib.error, gzip.BadGzipFile):
        return b""


def _refuse(path: Path, name: str, log: FaultLog) -> None:
    suits = not path.suffix or path.suffix.lower() in name  # as in "a NumPy array file (.npy)"
    ending = "" if suits else f", although its name ends in {path.suffix}"
    log.refuse(
        Fault(
            "unknown_format",
            f"the content is {name}{ending}; it was not opened",
            expected="Parquet, CSV (or .csv.gz), FITS, VOTable, ECSV, or a qp ensemble in HDF5",
            mend='write it with pandas, for instance table.to_parquet("predictions.parquet", index=False)',
        )
    )


def _note_suffix(path: Path, name: str, log: FaultLog) -> None:
    claimed = next((f for f, suffixes in _SUFFIXES.items() if path.suffix.lower() in suffixes), None)
    if claimed is not None and claimed != name and not (claimed == "CSV" and name == "ECSV"):
        log.note(
            Note(
                "suffix",
                f"the name ends in {shown(path.suffix)}, but the content is {name}; it was read as that",
            )
        )


def read_ids(path: Path, key: str, expected_rows: int) -> NDArray[np.int64]:
    """The key column of a table, such as the public test table: shape (n,), in file order.

    PredictionRefused, which names that table, where it has no such column or an id is no whole number.
    """
    log = FaultLog(path.name)
    size = _ID_ROW * expected_rows + SLACK_BYTES
    limits = Limits(expected_rows, 2 * expected_rows + 1000, 1, size, size)
    parts: list[NDArray[np.int64]] = []
    with _open(path, Prediction((), key), limits, log, None) as file:
        names = [column.name for column in file.columns]
        kinds = {column.name: column.kind for column in file.columns}
        if names.count(key) != 1 or kinds[key] not in ("integer", "text"):
            found = ", ".join(shown(name) for name in names[:8])
            log.refuse(
                Fault(
                    "missing_column",
                    "the file of ids must have this column once, of whole numbers",
                    key,
                    got=f"columns {found}",
                )
            )
        for chunk in file.batches(65536, [key]):
            values, problems = cells.whole_numbers(chunk.columns[key])
            for problem in problems:
                fault = Fault(problem.code, "an id is not a whole number", key, expected="a whole number")
                log.add_rows(fault, chunk.rows[problem.index], got=problem.got)
            parts.append(values)
    if log:
        log.refuse(Fault("no_ids", "the file of ids can't be used"))
    return np.concatenate(parts) if parts else np.empty(0, np.int64)
