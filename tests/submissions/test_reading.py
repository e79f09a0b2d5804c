"""Every format gives the same rows, in chunks no longer than asked; content, not the name, says what a file is."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blindsky.challenges.errors import InputFault
from blindsky.submissions.faults import PredictionRefused
from blindsky.submissions.formats.common import PredictionFile
from blindsky.submissions.reading import REFUSED, identify, open_prediction, read_ids

FORMATS = ("csv", "csv.gz", "quoted.csv", "ecsv", "comma.ecsv", "vot", "fits", "parquet", "list.parquet")


def write(path: Path, columns: dict[str, Any]) -> None:
    """The columns in the format that the name asks for, by the usual tools of the field."""
    import pandas as pd
    from astropy.table import Table

    frame = pd.DataFrame({name: list(column) for name, column in columns.items()})
    match path.name.split(".", 1)[1]:
        case "csv":
            frame.to_csv(path, index=False)
        case "csv.gz":
            path.write_bytes(gzip.compress(frame.to_csv(index=False).encode()))
        case "quoted.csv":
            frame.to_csv(path, index=False, quoting=1)
        case "ecsv":
            Table(columns).write(path)
        case "comma.ecsv":
            Table(columns).write(path, delimiter=",")
        case "vot":
            Table(columns).write(path, format="votable")
        case "fits":
            Table(columns).write(path)
        case "list.parquet":
            frame.to_parquet(path, index=False, row_group_size=7)
        case "parquet":
            import pyarrow.parquet as pq

            from blindsky.challenges.tables import to_arrow

            pq.write_table(to_arrow(columns), path)


def chunks(file: PredictionFile, n: int, names: list[str]) -> Iterator[dict[str, list[Any]]]:
    for chunk in file.batches(n, names):
        assert 0 < len(chunk.rows) <= n
        yield {"rows": chunk.rows.tolist(), **{name: chunk.columns[name].to_pylist() for name in names}}


@pytest.mark.parametrize("ending", FORMATS)
def test_round_trip_to_the_last_bit(ending: str, tmp_path: Path, public: Any, table: dict[str, Any]) -> None:
    path = tmp_path / f"prediction.{ending}"
    write(path, table)
    with open_prediction(path, public.prediction, 50) as file:
        assert [column.name for column in file.columns] == ["object_id", "z_point"]
        found = list(chunks(file, 16, ["object_id", "z_point"]))
    assert [row for part in found for row in part["rows"]] == list(range(1, 51))
    assert [int(cell) for part in found for cell in part["object_id"]] == table["object_id"].tolist()
    assert [float(cell) for part in found for cell in part["z_point"]] == table["z_point"].tolist()


@pytest.mark.parametrize("ending", ["fits", "parquet", "list.parquet"])
def test_densities_as_lists(
    ending: str, tmp_path: Path, public: Any, table: dict[str, Any], density: Any
) -> None:
    path = tmp_path / f"prediction.{ending}"
    write(path, {**table, "pdf": density})
    with open_prediction(path, public.prediction, 50) as file:
        found = [row for part in chunks(file, 16, ["pdf"]) for row in part["pdf"]]
    np.testing.assert_array_equal(np.array(found, np.float32), density)


def test_fits_integers_stored_with_an_offset(tmp_path: Path, public: Any, table: dict[str, Any]) -> None:
    path = tmp_path / "unsigned.fits"
    write(path, {**table, "object_id": table["object_id"].astype(np.uint64)})
    with open_prediction(path, public.prediction, 50) as file:
        assert file.columns[0].kind == "integer"
        assert next(chunks(file, 50, ["object_id"]))["object_id"] == table["object_id"].tolist()


def test_blocks_with_and_without_quotes_parse_alike(tmp_path: Path, public: Any) -> None:
    cells = ["0.5", " 1e-3 ", "", "nan", "+2", "x y"]
    plain = "object_id,z_point\n" + "".join(f"{i},{cell}\n" for i, cell in enumerate(cells))
    found = []
    for name, content in (("plain.csv", plain), ("quoted.csv", plain.replace("0,0.5", '"0",0.5'))):
        (tmp_path / name).write_text(content)
        with open_prediction(tmp_path / name, public.prediction, 50) as file:
            found.append(list(chunks(file, 50, ["object_id", "z_point"])))
    assert found[0] == found[1]


def test_lines_that_straddle_the_blocks_are_whole(tmp_path: Path, make_public: Callable[..., Any]) -> None:
    n = 150_000  # about 3 MiB, three blocks
    ids = np.arange(n) * 7919
    lines = "\n".join(f"{i},{i % 3}.25" for i in ids.tolist())
    (tmp_path / "long.csv").write_text(f"object_id,z_point\n{lines}")  # no newline at the end
    with open_prediction(tmp_path / "long.csv", make_public(ids).prediction, n) as file:
        found = [int(cell) for part in chunks(file, 40_000, ["object_id"]) for cell in part["object_id"]]
    assert found == ids.tolist()


@pytest.mark.parametrize("magic", REFUSED)
def test_known_foreign_content_is_named(magic: bytes, tmp_path: Path, public: Any) -> None:
    path = tmp_path / "prediction.parquet"
    path.write_bytes(magic + bytes(range(256)))
    with pytest.raises(PredictionRefused, match=r"although its name ends in \.parquet") as caught:
        open_prediction(path, public.prediction, 50)
    assert REFUSED[magic] in str(caught.value)


def test_an_ending_that_suits_is_no_surprise(tmp_path: Path, public: Any) -> None:
    np.save(tmp_path / "flux.npy", np.zeros((50, 2)))
    with pytest.raises(PredictionRefused, match=r"a NumPy array file \(.npy\); it was not opened"):
        open_prediction(tmp_path / "flux.npy", public.prediction, 50)


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"<!DOCTYPE html><html>", "an HTML page"),
        (b"\xef\xbb\xbf\n <HTML>", "an HTML page"),
        (b'<?xml version="1.0"?><feed/>', "an XML document, but no VOTable"),
        (b'{"object_id": [1]}', "JSON text"),
        (b"[\x00\x93\xf1junk", "binary data of an unknown kind"),
        (b"\x80\x04\x95abc", "a Python pickle"),
        (b"cbuiltins\neval\n(S'1'\ntR.", "a Python pickle"),
        (b"\0" * 300, "binary data of an unknown kind"),
    ],
)
def test_what_is_never_opened(head: bytes, name: str) -> None:
    found, read = identify(head)
    assert found.startswith(name)
    assert not read


@pytest.mark.parametrize("name", ["data.parquet", "data.fits", "data.xml", "data"])
def test_the_name_is_not_believed(name: str, tmp_path: Path, public: Any, table: dict[str, Any]) -> None:
    write(tmp_path / "a.csv", table)
    path = (tmp_path / "a.csv").rename(tmp_path / name)
    with open_prediction(path, public.prediction, 50) as file:
        assert file.format == "CSV"
        assert [note.code for note in file.log.notes] == (["suffix"] if "." in name else [])


def test_gzip_of_something_else_is_named(tmp_path: Path, public: Any) -> None:
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"PAR1" + bytes(100)))
    with pytest.raises(PredictionRefused, match=r"gzip-compressed data \(Parquet\)"):
        open_prediction(tmp_path / "a.csv.gz", public.prediction, 50)


def test_no_file_and_no_regular_file(tmp_path: Path, public: Any) -> None:
    with pytest.raises(InputFault, match=r"there is no file .*Check the name"):
        open_prediction(tmp_path / "nothing.csv", public.prediction, 50)
    with pytest.raises(InputFault, match=r"is a folder\. Give the file itself"):
        open_prediction(tmp_path, public.prediction, 50)
    with pytest.raises(InputFault, match="not a regular file"):
        open_prediction(Path("/dev/zero"), public.prediction, 50)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_ids_from_a_table_with_other_columns(ending: str, tmp_path: Path, table: dict[str, Any]) -> None:
    write(tmp_path / f"test.{ending}", {"flux_u": table["z_point"], "object_id": table["object_id"]})
    np.testing.assert_array_equal(read_ids(tmp_path / f"test.{ending}", "object_id", 50), table["object_id"])


def test_ids_from_a_table_without_them(tmp_path: Path, table: dict[str, Any]) -> None:
    write(tmp_path / "test.csv", {"flux_u": table["z_point"]})
    with pytest.raises(PredictionRefused, match=r"test\.csv.*\n.*missing_column: object_id"):
        read_ids(tmp_path / "test.csv", "object_id", 50)


def test_ids_that_are_no_numbers(tmp_path: Path) -> None:
    write(tmp_path / "test.csv", {"object_id": ["1", "two"]})
    with pytest.raises(PredictionRefused, match="row 2: got 'two'"):
        read_ids(tmp_path / "test.csv", "object_id", 50)
