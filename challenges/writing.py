"""Writing a release: rows stream in, tables, commitments, cards of references and the manifest come out.

Generated skies and imported catalogues are written by the same hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from blindsky.challenges import cards, datacard, references, tables
from blindsky.challenges.challenge import Challenge, rows
from blindsky.challenges.commitments import commit, root
from blindsky.challenges.files import sha256, write_json
from blindsky.challenges.manifest import MANIFEST
from blindsky.challenges.randomness import TEST_ROWS, keyed_uniform, object_ids
from blindsky.challenges.release import (
    PARTS,
    SECRET,
    Release,
    open_release,
    salt_of,
    scorer_digest,
    write_key,
)
from blindsky.scoring.measurements import Array, Collector, Table

if TYPE_CHECKING:
    import pyarrow.parquet as pq

PUBLIC_SHARE = 0.30  # share of the test cases whose scores are shown before the reveal
ROW_GROUP = 1 << 17
COMMITMENTS = "commitments"


class TableWriter:
    """One Parquet file, rows appended in order, in row groups of about 131,072 rows."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows = 0
        self.dtypes: dict[str, str] = {}
        self._waiting: list[Table] = []
        self._waiting_rows = 0
        self._file: pq.ParquetWriter | None = None

    def add(self, table: Table) -> None:
        """More rows."""
        self.dtypes = self.dtypes or {name: _dtype(column) for name, column in table.items()}
        self._waiting.append(table)
        self._waiting_rows += rows(table)
        self.rows += rows(table)
        if self._waiting_rows >= ROW_GROUP:
            self._flush()

    def _flush(self) -> None:
        import pyarrow.parquet as pq

        merged = {name: np.concatenate([t[name] for t in self._waiting]) for name in self._waiting[0]}
        arrow = tables.to_arrow(merged)
        if self._file is None:
            self._file = pq.ParquetWriter(
                self.path, arrow.schema, compression="zstd", compression_level=1, use_dictionary=False
            )
        self._file.write_table(arrow, row_group_size=ROW_GROUP)
        self._waiting, self._waiting_rows = [], 0

    def close(self) -> None:
        """Write what waits, and the footer."""
        if self._waiting:
            self._flush()
        if self._file is not None:
            self._file.close()


def _dtype(column: Array) -> str:
    shape = "".join(f"[{k}]" for k in column.shape[1:])
    return ("text" if column.dtype.kind == "U" else column.dtype.name) + shape


class ReleaseWriter(AbstractContextManager["ReleaseWriter"]):
    """Fills a new folder with one release, its key included; what is open is closed with the block."""

    def __init__(self, folder: Path, challenge: Challenge, release_id: str, key: bytes) -> None:
        self.folder, self.challenge, self.id = folder, challenge, release_id
        self.key, self.salt = key, salt_of(key, release_id)
        self.public, self.private = folder / "public", folder / "private"
        (self.public / COMMITMENTS).mkdir(parents=True)
        write_key(self.private / SECRET, key)
        self._open = ExitStack()
        self._tables: dict[Path, TableWriter] = {}
        self._committed: dict[str, BinaryIO] = {}
        self._split: dict[str, str] = {}
        self._json: dict[str, dict[str, Any]] = {}

    def __exit__(self, *details: object) -> None:
        """Close what is open."""
        self._open.close()

    def ids(self, split: str, first: int, n: int) -> Array:
        """Ids of ``n`` rows of a split from row ``first`` on."""
        start = first + (TEST_ROWS if split == "test" else 0)
        return object_ids(self.key, self.id, np.arange(start, start + n, dtype=np.int64))

    def part(self, ids: Array) -> Array:
        """Board part of each id: ``public`` (30 %) or ``private``, by keyed hash."""
        inside = keyed_uniform(self.key, f"{self.id}/part", ids.astype(np.int64)) < PUBLIC_SHARE
        return np.where(inside, *PARTS)

    def add(self, split: str, public: Table, private: Mapping[str, Table]) -> None:
        """Rows of a split, in order; every table gets the ids, the truth of the test rows also the part."""
        key = self.challenge.prediction.key
        ids = self.ids(split, self.rows(split), rows(public))
        self._table(self.public, split).add({key: ids, **public})
        for name, table in private.items():
            part = {"part": self.part(ids)} if split == "test" and name == "truth" else {}
            row = {key: ids, **table, **part}
            if name not in self._committed:
                path = self.public / COMMITMENTS / f"{name}.bin"
                self._committed[name] = self._open.enter_context(path.open("wb"))
                self._split[name] = split
            hidden = self._table(self.private, name)
            self._committed[name].write(commit(row, name, self.salt, hidden.rows))
            hidden.add(row)

    def rows(self, split: str) -> int:
        """Rows that a split has so far."""
        return self._table(self.public, split).rows

    def _table(self, folder: Path, name: str) -> TableWriter:
        path = folder / f"{name}.parquet"
        if path not in self._tables:
            self._tables[path] = TableWriter(path)
            self._open.callback(self._tables[path].close)
        return self._tables[path]

    def extra(self, files: Mapping[str, Table | dict[str, Any]]) -> None:
        """Public files that go with the data: tables as Parquet, dictionaries as JSON."""
        for name, content in files.items():
            if all(isinstance(column, np.ndarray) for column in content.values()):
                self._table(self.public, name).add(dict(content))
            else:
                write_json(self.public / f"{name}.json", content)
                self._json[name] = dict(content)

    def finish(
        self,
        *,
        size: str,
        options: Mapping[str, str],
        device: str,
        source: Mapping[str, Any],
        collectors: Mapping[str, Collector],
    ) -> Release:
        """Close the tables, derive columns, write commitments, manifest, data card and the references' cards."""
        self._open.close()
        if self.challenge.derive is not None:
            self._derive()
        hidden: dict[str, dict[str, Any]] = {
            name: {
                "split": self._split[name],
                "rows": self._table(self.private, name).rows,
                "columns": self._table(self.private, name).dtypes,
                "sha256": sha256(self.public / COMMITMENTS / f"{name}.bin"),
            }
            for name in self._committed
        }
        manifest: dict[str, Any] = {
            "schema": 1,
            "id": self.id,
            "challenge": self.challenge.name,
            "track": self.challenge.tracks[0].name,
            "size": size,
            "options": dict(options),
            "created": cards.now(),
            "device": device,
            "source": dict(source),
            "splits": {split: {"rows": self.rows(split)} for split in ("train", "test")},
            "scorer": {"blindsky": cards.software(), "digest": scorer_digest(self.challenge)},
            "commitments": {
                "root": root({name: table["sha256"] for name, table in hidden.items()}),
                "tables": hidden,
            },
            "references": sorted(collectors),
        }
        columns = {path.stem: t.dtypes for path, t in self._tables.items() if path.parent == self.public}
        card = datacard.render(self.challenge, manifest, columns, tuple(self._json))
        (self.public / "README.md").write_text(card, encoding="utf-8")
        manifest["files"] = [self._file(path) for path in sorted(self.public.rglob("*")) if path.is_file()]
        write_json(self.public / MANIFEST, manifest)
        release = open_release(self.folder)
        for name, collector in collectors.items():
            references.store(references.folder_of(release, name), collector)
            references.score(release, name)
        return release

    def _derive(self) -> None:
        assert self.challenge.derive is not None
        train = partial(tables.read, self.public / "train.parquet")
        columns = self.challenge.derive(self.challenge.tracks[0], train, self._json)
        key = self.challenge.prediction.key
        derived = self._table(self.public, "derived")
        for batch in tables.batches(self.public / "test.parquet", ROW_GROUP):
            derived.add({key: batch[key], **columns(batch)})
        self._open.close()

    def _file(self, path: Path) -> dict[str, Any]:
        name = path.relative_to(self.public).as_posix()
        entry: dict[str, Any] = {
            "path": name,
            "role": "commitments" if name.startswith(COMMITMENTS) else "description",
            "bytes": path.stat().st_size,
            "sha256": sha256(path),
        }
        if path in self._tables:
            split = {"derived": "test"}.get(path.stem, path.stem)
            inside = split in ("train", "test")
            entry |= {"role": "data", "split": split} if inside else {"role": "auxiliary"}
            entry |= {"rows": self._tables[path].rows, "columns": self._tables[path].dtypes}
        return entry
