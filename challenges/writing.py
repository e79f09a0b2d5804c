"""Writing a release: rows stream in, tables, commitments, cards of references and the manifest come out.

Generated skies and imported catalogues are written by the same hand.
"""

from __future__ import annotations

import math
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
from blindsky.challenges.randomness import keyed_uniform
from blindsky.challenges.release import (
    PARTS,
    SECRET,
    Release,
    case_ids,
    open_release,
    salt_of,
    scorer_digest,
    table_path,
    write_key,
)
from blindsky.challenges.skies import Block
from blindsky.scoring.measurements import Array, Collector, Table

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

PUBLIC_SHARE = 0.30  # share of the test cases whose scores are shown before the reveal
ROW_GROUP = 1 << 17
SHARD_BYTES = 512 * 1000 * 1000
COMMITMENTS = "commitments"


class TableWriter:
    """One table, rows appended in order, in row groups of at most 131,072 rows and about 16 MiB.

    A table with images becomes a folder of files of at most 512 MB each.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows = 0
        self.dtypes: dict[str, str] = {}
        self._waiting: list[Table] = []
        self._waiting_rows = 0
        self._group = ROW_GROUP
        self._folder: Path | None = None
        self._shards = 0
        self._sink: pa.NativeFile | None = None
        self._file: pq.ParquetWriter | None = None

    @property
    def pattern(self) -> str:
        """The name of its file or files."""
        return f"{self._folder.name}/part-*.parquet" if self._folder else self.path.name

    @property
    def files(self) -> list[Path]:
        """What was written."""
        return tables.parts(self._folder or self.path)

    def add(self, table: Table) -> None:
        """More rows."""
        if not self.dtypes:
            self._begin(table)
        self._waiting.append(table)
        self._waiting_rows += rows(table)
        self.rows += rows(table)
        if self._waiting_rows >= self._group:
            self._flush(self._waiting_rows // self._group * self._group)

    def _begin(self, table: Table) -> None:
        self.dtypes = {name: _dtype(column) for name, column in table.items()}
        width = sum(column.dtype.itemsize * math.prod(column.shape[1:]) for column in table.values())
        self._group = max(1, min(ROW_GROUP, tables.GROUP_BYTES // width))
        if any(column.ndim > 2 for column in table.values()):
            self._folder = self.path.with_suffix("")
            self._folder.mkdir()

    def _flush(self, n: int) -> None:
        """Write the first ``n`` of the rows that wait."""
        merged = {name: np.concatenate([t[name] for t in self._waiting]) for name in self._waiting[0]}
        self._waiting_rows -= n
        self._waiting = [{name: column[n:] for name, column in merged.items()}] if self._waiting_rows else []
        for first in range(0, max(n, 1), self._group):  # a table without rows has a file too
            last = min(first + self._group, n)
            self._write({name: column[first:last] for name, column in merged.items()})

    def _write(self, table: Table) -> None:
        """One row group, in the next file where it would not fit into this one."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        arrow = tables.to_arrow(table)
        if self._sink is not None and self._folder and self._sink.tell() + arrow.nbytes > SHARD_BYTES:
            self._end()
        if self._file is None:
            path = self._folder / f"part-{self._shards:05d}.parquet" if self._folder else self.path
            self._sink = pa.OSFile(str(path), "wb")
            self._file = pq.ParquetWriter(
                self._sink,
                arrow.schema,
                compression="zstd",
                compression_level=1,
                use_dictionary=False,
                write_statistics=not self._folder,
            )
        self._file.write_table(arrow, row_group_size=max(len(arrow), 1))

    def _end(self) -> None:
        if self._file is not None and self._sink is not None:
            self._file.close()
            self._sink.close()
            self._file = self._sink = None
            self._shards += 1

    def close(self) -> None:
        """Write what waits, and the footer."""
        if self._waiting_rows or (self._waiting and self._file is None):
            self._flush(self._waiting_rows)
        self._end()


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
        self._long: set[str] = set()  # hidden tables of several rows a case
        self._json: dict[str, dict[str, Any]] = {}

    def __exit__(self, *details: object) -> None:
        """Close what is open."""
        self._open.close()

    def ids(self, split: str, first: int, n: int) -> Array:
        """Ids of ``n`` rows of a split from row ``first`` on."""
        return case_ids(self.challenge, self.key, self.id, split, first, n)

    def part(self, ids: Array) -> Array:
        """Board part of each id: ``public`` (30 %) or ``private``, by keyed hash."""
        inside = keyed_uniform(self.key, f"{self.id}/part", ids.astype(np.int64)) < PUBLIC_SHARE
        return np.where(inside, *PARTS)

    def add(self, split: str, block: Block, ids: Array | None = None) -> None:
        """Rows of a split, in order; every table gets the ids, the truth of the test rows also the part.

        ids : (n,) where the rows bear their own.
        """
        key = self.challenge.prediction.key
        if ids is None:
            ids = self.ids(split, self.rows(split), rows(block.public))
        for name, table in {split: block.public, **block.beside}.items():
            self._table(self.public, name).add({key: ids, **table})
        for name, ragged in block.long.items():
            own = {key: np.repeat(ids, ragged.counts), **ragged.columns}
            self._table(self.public, f"{split}_{name}").add(own)
        for name, table in block.private.items():
            part = {"part": self.part(ids)} if split == "test" and name == "truth" else {}
            self._hide(split, name, {key: ids, **table, **part})
        for name, ragged in block.hidden.items():
            self._hide(split, name, {key: np.repeat(ids, ragged.counts), **ragged.columns})
            self._long.add(name)

    def _hide(self, split: str, name: str, rows: Table) -> None:
        """Rows of a hidden table, and a commitment to each of them."""
        if name not in self._committed:
            path = self.public / COMMITMENTS / f"{name}.bin"
            self._committed[name] = self._open.enter_context(path.open("wb"))
            self._split[name] = split
        hidden = self._table(self.private, name)
        self._committed[name].write(commit(rows, name, self.salt, hidden.rows))
        hidden.add(rows)

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
                "long": name in self._long,
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
        columns = {t.pattern: t.dtypes for path, t in self._tables.items() if path.parent == self.public}
        card = datacard.render(self.challenge, manifest, columns, tuple(self._json))
        (self.public / "README.md").write_text(card, encoding="utf-8")
        manifest["files"] = self._files()
        write_json(self.public / MANIFEST, manifest)
        release = open_release(self.folder)
        for name, collector in collectors.items():
            references.store(references.folder_of(release, name), collector)
            references.score(release, name)
        return release

    def _derive(self) -> None:
        assert self.challenge.derive is not None
        train = partial(tables.read, table_path(self.public, "train"))
        columns = self.challenge.derive(self.challenge.tracks[0], train, self._json)
        key = self.challenge.prediction.key
        derived = self._table(self.public, "derived")
        for batch in tables.batches(table_path(self.public, "test")):
            derived.add({key: batch[key], **columns(batch)})
        self._open.close()

    def _files(self) -> list[dict[str, Any]]:
        """Every public file with its role, length and digest, those of tables with split, rows and columns."""
        written = {file: (name.stem, table) for name, table in self._tables.items() for file in table.files}
        entries = []
        for path in sorted(p for p in self.public.rglob("*") if p.is_file()):
            name = path.relative_to(self.public).as_posix()
            entry: dict[str, Any] = {
                "path": name,
                "role": "commitments" if name.startswith(COMMITMENTS) else "description",
                "bytes": path.stat().st_size,
                "sha256": sha256(path),
            }
            if path in written or path.suffix == ".fits":
                stem = written[path][0] if path in written else Path(name).parts[0]
                split = {"derived": "test"}.get(stem, stem.partition("_")[0])
                inside = split in ("train", "test")
                entry |= {"role": "data", "split": split} if inside else {"role": "auxiliary"}
            if path in written:
                table = written[path][1]
                entry |= {"rows": tables.rows(path), "columns": table.dtypes}
            entries.append(entry)
        return entries
