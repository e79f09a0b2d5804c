"""Writing a release: rows stream in, tables, commitments, cards of references and the manifest come out.

Generated skies and imported catalogues are written by the same hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from blindsky.challenges import cards, datacard, references, tables
from blindsky.challenges.challenge import Challenge, Track, rows
from blindsky.challenges.commitments import commit, root
from blindsky.challenges.files import sha256, write_json
from blindsky.challenges.randomness import TEST_ROWS, keyed_uniform, object_ids
from blindsky.challenges.release import MANIFEST, PARTS, Release, open_release, scorer_digest
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


class ReleaseWriter:
    """Fills the folder of one release, whose ``private/secret.json`` is already there."""

    def __init__(self, folder: Path, challenge: Challenge, release_id: str, key: bytes, salt: bytes) -> None:
        self.folder, self.challenge, self.id = folder, challenge, release_id
        self.key, self.salt = key, salt
        self.public, self.private = folder / "public", folder / "private"
        (self.public / COMMITMENTS).mkdir(parents=True, exist_ok=True)
        self.private.mkdir(parents=True, exist_ok=True)
        self._writers: dict[str, TableWriter] = {}
        self._committed: dict[str, Any] = {}
        self._split: dict[str, str] = {}
        self._json: dict[str, dict[str, Any]] = {}

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
        ids = self.ids(split, self._rows(split), rows(public))
        self._writer(self.public, split).add({key: ids, **public})
        for name, table in private.items():
            part = {"part": self.part(ids)} if split == "test" and name == "truth" else {}
            row = {key: ids, **table, **part}
            writer = self._writer(self.private, name)
            if name not in self._committed:
                self._committed[name] = (self.public / COMMITMENTS / f"{name}.bin").open("wb")
                self._split[name] = split
            self._committed[name].write(commit(row, name, self.salt, writer.rows))
            writer.add(row)

    def _rows(self, split: str) -> int:
        return self._writers[split].rows if split in self._writers else 0

    def _writer(self, folder: Path, name: str) -> TableWriter:
        if name not in self._writers:
            self._writers[name] = TableWriter(folder / f"{name}.parquet")
        return self._writers[name]

    def extra(self, files: Mapping[str, Table | dict[str, Any]]) -> None:
        """Public files that go with the data: tables as Parquet, dictionaries as JSON."""
        for name, content in files.items():
            if all(isinstance(column, np.ndarray) for column in content.values()):
                writer = self._writer(self.public, name)
                writer.add(dict(content))
            else:
                write_json(self.public / f"{name}.json", content)
                self._json[name] = dict(content)

    def finish(
        self,
        *,
        size: str,
        track: Track,
        options: Mapping[str, str],
        device: str,
        source: Mapping[str, Any],
        collectors: Mapping[str, Collector],
    ) -> Release:
        """Close the tables, derive columns, write commitments, manifest, data card and the references' cards."""
        for writer in self._writers.values():
            writer.close()
        for file in self._committed.values():
            file.close()
        if self.challenge.derive is not None:
            self._derive(track)
        hidden: dict[str, dict[str, Any]] = {
            name: {
                "split": self._split[name],
                "rows": self._writers[name].rows,
                "columns": self._writers[name].dtypes,
                "sha256": sha256(self.public / COMMITMENTS / f"{name}.bin"),
            }
            for name in self._committed
        }
        manifest: dict[str, Any] = {
            "schema": 1,
            "id": self.id,
            "challenge": self.challenge.name,
            "track": track.name,
            "size": size,
            "options": dict(options),
            "created": cards.now(),
            "device": device,
            "source": dict(source),
            "splits": {split: {"rows": self._rows(split)} for split in ("train", "test")},
            "scorer": {"blindsky": cards.software(), "digest": scorer_digest(self.challenge)},
            "commitments": {
                "root": root({name: table["sha256"] for name, table in hidden.items()}),
                "tables": hidden,
            },
            "references": sorted(collectors),
        }
        (self.public / "README.md").write_text(datacard.render(self.challenge, manifest))
        manifest["files"] = [self._file(path) for path in sorted(self.public.rglob("*")) if path.is_file()]
        write_json(self.public / MANIFEST, manifest)
        release = open_release(self.folder)
        for name, collector in collectors.items():
            references.store(references.folder_of(release, name), collector)
            references.score(release, name)
        return release

    def _derive(self, track: Track) -> None:
        assert self.challenge.derive is not None
        columns = self.challenge.derive(
            track, partial(tables.read, self.public / "train.parquet"), self._json
        )
        key = self.challenge.prediction.key
        writer = self._writer(self.public, "derived")
        for batch in tables.batches(self.public / "test.parquet", ROW_GROUP):
            writer.add({key: batch[key], **columns(batch)})
        writer.close()

    def _file(self, path: Path) -> dict[str, Any]:
        name = path.relative_to(self.public).as_posix()
        stem = name.removesuffix(".parquet")
        entry: dict[str, Any] = {
            "path": name,
            "role": "description",
            "bytes": path.stat().st_size,
            "sha256": sha256(path),
        }
        if name.startswith(COMMITMENTS):
            entry["role"] = "commitments"
        elif stem in self._writers:
            split = {"derived": "test"}.get(stem, stem)
            entry |= {
                "role": "data" if split in ("train", "test") else "auxiliary",
                "rows": self._writers[stem].rows,
            }
            if split in ("train", "test"):
                entry["split"] = split
        return entry
