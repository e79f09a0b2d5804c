"""The stored form and its digest depend on the numbers alone, and appear whole or not at all."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from blindsky.challenges import tables
from blindsky.challenges.errors import InputFault, MachineFault
from blindsky.challenges.prediction import Column, Density, Grid, Prediction
from blindsky.submissions import canonical
from blindsky.submissions.canonical import ContentDigest, sample_submission, write_canonical
from blindsky.submissions.checking import check
from blindsky.submissions.faults import PredictionRefused


def test_what_is_stored(
    public: Any, table: dict[str, Any], density: Any, parquet: Callable[..., Path], tmp_path: Path
) -> None:
    order = np.random.default_rng(2).permutation(50)
    sent = {"pdf": density.astype(np.float64), "z_point": table["z_point"].astype(np.float32)}
    sent = {k: v[order] for k, v in {**sent, "object_id": table["object_id"]}.items()}
    out = tmp_path / "stored" / "prediction.parquet"
    write_canonical(parquet(sent), public, out)
    stored = tables.read(out)
    assert list(stored) == ["object_id", "z_point", "pdf"]
    assert [stored[name].dtype for name in stored] == [np.int64, np.float64, np.float32]
    np.testing.assert_array_equal(stored["object_id"], public.ids)
    np.testing.assert_array_equal(stored["z_point"], table["z_point"].astype(np.float32))
    np.testing.assert_array_equal(stored["pdf"], density)
    assert str(pq.read_schema(out).field("pdf").type) == "fixed_size_list<element: float>[31]"
    assert [p.name for p in out.parent.iterdir()] == ["prediction.parquet"]
    assert check(out, public).in_order


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_order_and_format_give_the_same_bytes_and_digest(
    data: st.DataObject,
    make_public: Callable[..., Any],
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: Any,
) -> None:
    # small enough that a table of 40 rows takes several buckets and row groups
    monkeypatch.setattr(canonical, "BUCKET_BYTES", 1000)
    monkeypatch.setattr(canonical, "ROW_GROUP", 7)
    n = data.draw(st.integers(1, 40))
    ids = np.array(data.draw(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=n, max_size=n, unique=True)))
    z = data.draw(hnp.arrays(np.float64, n, elements=st.floats(0, 3)))
    pdf = data.draw(hnp.arrays(np.float32, (n, 5), elements=st.floats(0.0009765625, 100, width=32)))
    prediction = Prediction((Column("z_point", low=0, high=3), Density("pdf", Grid(0, 1, 5), optional=True)))
    public = make_public(ids, prediction)
    folder = tmp_path_factory.mktemp("order")
    order = np.array(data.draw(st.permutations(range(n))))
    found = set()
    for name, rows in (("straight", np.arange(n)), ("mixed", order)):
        columns = {"object_id": ids[rows], "z_point": z[rows], "pdf": pdf[rows]}
        pq.write_table(tables.to_arrow(columns), folder / f"{name}.parquet")
        digest = write_canonical(folder / f"{name}.parquet", public, folder / f"{name}.out")
        found.add((digest, hashlib.sha256((folder / f"{name}.out").read_bytes()).hexdigest()))
    assert len(found) == 1
    # without the density, as text: Python writes the shortest decimals that give the same number
    for name, rows in (("straight", np.arange(n)), ("mixed", order)):
        lines = [f"{i},{x!r}" for i, x in zip(ids[rows].tolist(), z[rows].tolist(), strict=True)]
        (folder / f"{name}.csv").write_text("object_id,z_point\n" + "\n".join(lines))
        found.add((write_canonical(folder / f"{name}.csv", public, folder / f"{name}.text"), "text"))
    assert len(found) == 2


@pytest.mark.parametrize("change", ["value", "density", "name", "order of the test table", "fewer columns"])
def test_any_other_content_gives_another_digest(
    change: str, public: Any, make_public: Callable[..., Any], table: dict[str, Any], density: Any,
    parquet: Callable[..., Path], tmp_path: Path,
) -> None:  # fmt: skip
    columns: dict[str, Any] = {**table, "pdf": density}
    before = write_canonical(parquet(columns), public, tmp_path / "before")
    if change == "value":
        columns["z_point"][31] = np.nextafter(columns["z_point"][31], 1)
    elif change == "density":
        columns["pdf"][31, 3] = np.nextafter(columns["pdf"][31, 3], np.float32(1))
    elif change == "name":
        columns = {"spread" if k == "z_point" else k: v for k, v in columns.items()}
        public = make_public(public.ids, Prediction((Column("spread"), Density("pdf", Grid(0, 3, 31)))))
    elif change == "fewer columns":
        del columns["pdf"]
    else:
        public = make_public(public.ids[::-1].copy())
    assert write_canonical(parquet(columns), public, tmp_path / "after") != before


def test_the_digest_is_of_content_not_of_chunks_or_byte_order() -> None:
    table = {"a": np.arange(10), "b": np.linspace(0, 1, 20).reshape(10, 2)}
    whole, parts = ContentDigest(), ContentDigest()
    whole.add(table)
    for rows in (slice(0, 3), slice(3, 4), slice(4, 10)):
        parts.add({"a": table["a"][rows].astype(">i8"), "b": np.asfortranarray(table["b"])[rows]})
    assert whole.hexdigest() == parts.hexdigest()
    # the definition, written out: sha256 of the schema with the sha256 of every column's little-endian bytes
    a, b = (hashlib.sha256(table[name].tobytes()).hexdigest() for name in "ab")
    text = f'{{"rows": 10, "columns": [["a", "<i8", [], "{a}"], ["b", "<f8", [2], "{b}"]]}}'
    assert whole.hexdigest() == hashlib.sha256(text.encode()).hexdigest()


def test_columns_that_trade_places_and_rows_that_trade_columns_differ() -> None:
    digests = []
    for table in (
        {"a": np.ones(2), "b": np.zeros(2)},
        {"b": np.ones(2), "a": np.zeros(2)},
        {"a": np.zeros(2), "b": np.ones(2)},
    ):
        digest = ContentDigest()
        digest.add(table)
        digests.append(digest.hexdigest())
    assert len(set(digests)) == 3


@pytest.mark.parametrize("fault", ["extra", "missing", "value at the end"])
def test_nothing_is_left_of_an_invalid_prediction(
    fault: str, public: Any, table: dict[str, Any], text: Callable[..., Path], tmp_path: Path
) -> None:
    if fault == "extra":
        table["object_id"][3] = 1
    elif fault == "missing":
        table = {k: np.delete(v, 7) for k, v in table.items()}
    else:
        table["z_point"][-1] = 4
    path = text(table)
    with pytest.raises(PredictionRefused) as caught:
        write_canonical(path, public, tmp_path / "out" / "stored.parquet")
    assert caught.value.report == check(path, public).report
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("ordered", [True, False])
def test_a_full_disk(
    ordered: bool,
    public: Any,
    table: dict[str, Any],
    text: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: Any,
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(*((pq.ParquetWriter, "write_table") if ordered else (canonical, "_write_all")), full)
    path = text(table if ordered else {k: v[::-1] for k, v in table.items()})
    out = tmp_path / "out" / "stored.parquet"
    with pytest.raises(
        MachineFault, match=r"no space left while .*stored\.parquet, which needs up to .*iB, in "
    ) as caught:
        write_canonical(path, public, out)
    assert caught.value.exit_code == 3
    assert str(out.parent) in str(caught.value)
    assert list(out.parent.iterdir()) == []


def test_a_folder_that_may_not_be_written(
    public: Any, table: dict[str, Any], text: Callable[..., Path], tmp_path: Path, monkeypatch: Any
) -> None:
    path = text(table)

    def forbidden(self: Path, *_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    monkeypatch.setattr(Path, "mkdir", forbidden)
    with pytest.raises(MachineFault, match=r"not allowed while .*Check the permissions"):
        write_canonical(path, public, tmp_path / "out" / "stored.parquet")


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_the_sample_is_valid(ending: str, public: Any, tmp_path: Path) -> None:
    path = tmp_path / f"sample.{ending}"
    sample_submission(public, path)
    result = check(path, public)
    assert result.ok, str(result)
    assert result.in_order
    assert {(note.code, note.column) for note in result.notes} == {
        ("few_values", "z_point"),
        ("few_values", "spread"),
    }
    assert result.fields == (("z_point", "spread", "pdf") if ending == "parquet" else ("z_point", "spread"))
    write_canonical(path, public, tmp_path / "stored")
    assert set(tables.read(tmp_path / "stored")["z_point"]) == {1.5}


def test_a_sample_that_its_format_cannot_hold(
    public: Any, make_public: Callable[..., Any], tmp_path: Path
) -> None:
    required = make_public(public.ids, Prediction((Density("pdf", Grid(0, 3, 31)),)))
    with pytest.raises(InputFault, match=r"the required pdf\. Ask for a \.parquet file"):
        sample_submission(required, tmp_path / "sample.csv")
    with pytest.raises(InputFault, match=r"is a \.parquet or \.csv file, not sample\.fits"):
        sample_submission(public, tmp_path / "sample.fits")
    assert list(tmp_path.iterdir()) == []
