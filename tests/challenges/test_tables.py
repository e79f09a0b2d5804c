"""Tables between NumPy and Parquet: what is read is what was written, in whichever way it is read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blindsky.challenges import tables, writing
from blindsky.challenges.errors import InputFault
from blindsky.challenges.tables import Groups
from blindsky.challenges.writing import TableWriter
from blindsky.scoring.measurements import Table


def images(n: int, shape: tuple[int, ...] = (2, 5, 4)) -> Table:
    draw = np.random.default_rng(1)
    return {
        "id": np.arange(n),
        "image": draw.standard_normal((n, *shape), dtype=np.float32),
        "mask": draw.integers(0, 2, (n, *shape), dtype=np.uint8),
        "sigma": draw.random((n, 2), dtype=np.float32),
        "name": np.array([f"stamp {k}" for k in range(n)]),
    }


def same(found: Table, expected: Table) -> None:
    assert list(found) == list(expected)
    for name, column in expected.items():
        assert found[name].dtype == column.dtype or column.dtype.kind == "U"
        np.testing.assert_array_equal(found[name], column)


def joined(parts: list[Table]) -> Table:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def write(path: Path, table: Table, step: int) -> TableWriter:
    writer = TableWriter(path)
    n = len(table["id"])
    for first in range(0, n, step):
        writer.add({name: column[first : first + step] for name, column in table.items()})
    writer.close()
    return writer


@settings(deadline=None, max_examples=25)
@given(n=st.integers(1, 40), step=st.integers(1, 17), group=st.integers(1, 12), shard=st.integers(1, 5))
def test_images_come_back_however_they_were_cut(
    tmp_path_factory: pytest.TempPathFactory, n: int, step: int, group: int, shard: int
) -> None:
    table, path = images(n), tmp_path_factory.mktemp("t") / "train.parquet"
    width = sum(column[:1].nbytes for column in table.values())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "GROUP_BYTES", group * width)
        patch.setattr(writing, "SHARD_BYTES", shard * group * width)
        writer = write(path, table, step)
    folder = path.with_suffix("")
    assert writer.files == sorted(folder.iterdir()) and not path.exists()
    same(tables.read(folder), table)
    same(joined(list(tables.batches(folder, 3))), table)
    groups = Groups.of(folder)
    assert len(groups) == n == tables.rows(folder)
    lengths = np.diff(groups.starts)
    assert lengths.max() <= max(group, 1)
    same(joined([groups.read(k) for k in range(len(groups.places))]), table)
    for name in ("image", "sigma"):
        last = len(groups.places) - 1
        same(groups.read(last, [name]), {name: table[name][groups.starts[last] :]})


def test_files_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = images(200, (1, 16, 16))
    monkeypatch.setattr(tables, "GROUP_BYTES", 20_000)
    monkeypatch.setattr(writing, "SHARD_BYTES", 60_000)
    writer = write(tmp_path / "train.parquet", table, 7)
    sizes = [path.stat().st_size for path in writer.files]
    footer = 4_000
    assert len(sizes) > 3 and max(sizes) < 60_000 + footer
    assert [path.name for path in writer.files][:2] == ["part-00000.parquet", "part-00001.parquet"]


def test_a_narrow_table_is_one_file(tmp_path: Path) -> None:
    table: Table = {"id": np.arange(300_000), "pair": np.zeros((300_000, 2), np.float32)}
    writer = write(tmp_path / "t.parquet", table, 7_000)
    assert writer.files == [tmp_path / "t.parquet"]
    groups = pq.read_metadata(tmp_path / "t.parquet")
    assert [groups.row_group(k).num_rows for k in range(groups.num_row_groups)] == [131_072, 131_072, 37_856]


@pytest.mark.parametrize("name", ["id", "image"])
def test_a_table_without_rows_has_its_columns(tmp_path: Path, name: str) -> None:
    table = {name: images(3)[name][:0]}
    writer = TableWriter(tmp_path / "t.parquet")
    writer.add(table)
    writer.close()
    path = writer.files[0]
    assert tables.rows(path) == 0
    same(tables.read(path), table)


def test_a_batch_without_a_length_is_bounded_in_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "GROUP_BYTES", 50_000)
    write(tmp_path / "train.parquet", images(300, (1, 16, 16)), 50)
    found = list(tables.batches(tmp_path / "train"))
    assert len(found) > 5
    assert all(sum(column.nbytes for column in batch.values()) < 100_000 for batch in found)


def test_a_damaged_file_of_many_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "GROUP_BYTES", 20_000)
    monkeypatch.setattr(writing, "SHARD_BYTES", 60_000)
    writer = write(tmp_path / "train.parquet", images(200, (1, 16, 16)), 50)
    writer.files[1].write_bytes(b"PAR1 and no more")
    with pytest.raises(InputFault, match=r"part-00001\.parquet is damaged"):
        list(tables.batches(tmp_path / "train"))
    with pytest.raises(InputFault, match=r"part-00001\.parquet is damaged"):
        Groups.of(tmp_path / "train")


def test_a_column_that_a_table_lacks_is_named(tmp_path: Path) -> None:
    write(tmp_path / "t.parquet", {"id": np.arange(5)}, 5)
    with pytest.raises(InputFault, match=r"t\.parquet is damaged .*\"colour\""):
        tables.read(tmp_path / "t.parquet", ["id", "colour"])
