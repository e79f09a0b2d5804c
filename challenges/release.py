"""A release on disk: the public part that participants download, the private part that the organiser keeps."""

from __future__ import annotations

import functools
import hashlib
import inspect
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from blindsky.challenges import registry, tables
from blindsky.challenges.challenge import Challenge, Track
from blindsky.challenges.errors import InputFault
from blindsky.challenges.files import read_json, write_json
from blindsky.challenges.manifest import MANIFEST, check_manifest
from blindsky.challenges.randomness import KEY_BYTES, TEST_ROWS, derive, object_ids
from blindsky.scoring.measurements import Array, Table
from blindsky.scoring.weights import Replicates

SECRET = "secret.json"
REVEALED = "revealed"
TRUTH = "truth"  # the hidden table that predictions are measured against
UNSCORED = "holds no truth: predictions are checked, not scored"
REVEAL = "reveal.json"
PARTS = ("public", "private")

_EMPTY = {
    "train": "its data are a test alone. Train on another release",
    "test": (
        "its data came without a truth, so that nothing can be predicted or scored. Use it for training"
    ),
}


@dataclass(frozen=True)
class Public:
    """The public part of a release; everything a participant has."""

    root: Path
    manifest: Mapping[str, Any]

    @property
    def release_id(self) -> str:
        """The id of the release."""
        return str(self.manifest["id"])

    @functools.cached_property
    def challenge(self) -> Challenge:
        """The declaration, as this release asks it."""
        asked = registry.get(self.manifest["challenge"])
        return released(asked.on(registry.track(asked, self.manifest["track"]).name), self.manifest["source"])

    @property
    def track(self) -> Track:
        """The track of the release."""
        return self.challenge.tracks[0]

    @property
    def size(self) -> str:
        """The size of the release."""
        return str(self.manifest["size"])

    @property
    def held(self) -> bool:
        """Whether the private part lies beside it, as in its organiser's arena."""
        return (self.root.parent / "private" / SECRET).is_file()

    @property
    def revealed(self) -> bool:
        """Whether the truth has been published."""
        return (self.root / REVEALED / REVEAL).exists()

    @property
    def has_truth(self) -> bool:
        """Whether there is a truth of the test split, published or not; without, nothing can be scored."""
        return TRUTH in self.manifest["commitments"]["tables"]

    def path(self, name: str) -> Path:
        """The file of a public table, or the folder of its files where it holds images."""
        path = table_path(self.root, name)
        if not path.exists():
            split = name.partition("_")[0]  # of which it is the table, or one of them
            empty = self.manifest["splits"].get(split, {}).get("rows") == 0
            message = (
                f"release {self.release_id} has no {split} split: {_EMPTY[split]}"
                if empty
                else f"release {self.release_id} has no table {name!r}: {self._instead(name, path)}"
            )
            raise InputFault(message)
        return path

    def _instead(self, name: str, path: Path) -> str:
        """What to do where a table is not there: only one that the manifest names has been lost."""
        listed = (entry["path"] for entry in self.manifest["files"] if entry["path"].endswith(".parquet"))
        known = dict.fromkeys(path.removesuffix(".parquet").partition("/")[0] for path in listed)
        if name in known:
            return f"{path} is not there. Download the release again"
        return f"{registry.nearest(name, tuple(known))}Known are: {', '.join(known)}"

    def has(self, name: str) -> bool:
        """Whether the release has that public table."""
        return table_path(self.root, name).exists()

    def table(self, name: str, columns: Sequence[str] | None = None) -> Table:
        """A whole public table."""
        return tables.read(self.path(name), columns)

    def batches(
        self, name: str, n: int | None = None, columns: Sequence[str] | None = None
    ) -> Iterator[Table]:
        """A public table in batches of at most ``n`` rows, in file order.

        n : where None, 16,384, or as many as hold 16 MiB, if that is fewer.
        """
        return tables.batches(self.path(name), n, columns)

    def groups(self, name: str) -> tables.Groups:
        """A public table to be read one row group at a time, in any order."""
        return tables.Groups.of(self.path(name))

    def rows(self, name: str) -> int:
        """Number of rows of a public table."""
        return tables.rows(self.path(name))

    def json(self, name: str) -> dict[str, Any]:
        """A public JSON file."""
        return dict(read_json(self.root / f"{name}.json"))


def table_path(folder: Path, name: str) -> Path:
    """Where a table lies: a file, or a folder of files where it holds images."""
    files = folder / name
    return files if files.is_dir() else folder / f"{name}.parquet"


def case_ids(challenge: Challenge, key: bytes, release_id: str, split: str, first: int, n: int) -> Array:
    """Ids (n,) of the rows of a split from number ``first`` on, as the challenge gives them."""
    if challenge.first_id is not None:
        start = challenge.first_id[split] + first
        return np.arange(start, start + n, dtype=np.int64)
    start = first + (TEST_ROWS if split == "test" else 0)
    return object_ids(key, release_id, np.arange(start, start + n, dtype=np.int64))


def bootstrap_key(salt: bytes, release_id: str) -> bytes:
    """The key of the paired replicates. It follows from the salt, so the commitments bind it too."""
    return derive(salt, f"{release_id}/bootstrap")


def released(challenge: Challenge, source: Mapping[str, Any]) -> Challenge:
    """A challenge on one track, as a release of this source asks it: imported data speak for themselves.

    source : of the manifest; ``kind`` is ``generated`` or ``imported``.
    """
    if source["kind"] != "imported":
        return challenge
    origin = f"Real data, read as {source['format']} from {', '.join(source['files'])}."
    track = replace(challenge.tracks[0], title="Imported data", description=origin, published=None)
    notes = "\n".join(["## What was assumed", "", *(f"- {note}" for note in source["notes"])])
    return replace(challenge, tracks=(track,), about=lambda: notes, citations=())


@dataclass(frozen=True)
class Release:
    """A whole release, as its organiser holds it."""

    root: Path
    public: Public
    key: bytes

    @property
    def salt(self) -> bytes:
        """The salt of the commitments; published at the reveal."""
        return salt_of(self.key, self.public.release_id)

    @property
    def private(self) -> Path:
        """The folder that is never published."""
        return self.root / "private"

    @property
    def bootstrap_key(self) -> bytes:
        """The key of the paired replicates; published at the reveal."""
        return bootstrap_key(self.salt, self.public.release_id)

    def hidden(self) -> tuple[str, ...]:
        """Names of the hidden tables."""
        return tuple(self.public.manifest["commitments"]["tables"])

    def truth_columns(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Hidden tables of one row a test case, with the columns (numbers and text, no densities) they hold."""
        found = self.public.manifest["commitments"]["tables"]
        return tuple(
            (name, tuple(c for c, dtype in table["columns"].items() if "[" not in dtype))
            for name, table in found.items()
            if table["split"] == "test" and not table.get("long")
        )

    def truth_lists(self) -> dict[str, tables.Lists]:
        """Hidden tables of several rows a test case by name, to be followed case by case."""
        found = self.public.manifest["commitments"]["tables"]
        key = self.public.challenge.prediction.key
        return {
            name: tables.Lists(table_path(self.private, name), key)
            for name, table in found.items()
            if table["split"] == "test" and table.get("long")
        }

    def truth(self, n: int = 65536) -> Iterator[Table]:
        """The hidden columns of the test rows, all tables joined, in the order of the public test table."""
        parts = [
            tables.batches(self.private / f"{name}.parquet", n, columns)
            for name, columns in self.truth_columns()
        ]
        for batch in zip(*parts, strict=True):
            joined: Table = {}
            for table in batch:
                joined.update(table)
            yield joined

    def replicates(self, ids: np.ndarray[Any, np.dtype[np.int64]]) -> Replicates:
        """The paired bootstrap replicates of these cases."""
        return Replicates(self.bootstrap_key, ids)


def open_public(path: Path) -> Public:
    """The public part of a release, from the release folder or from ``public/`` itself.

    InputFault where there is none.
    """
    for root in (path / "public", path):
        if (root / MANIFEST).is_file():
            return Public(root, check_manifest(read_json(root / MANIFEST), str(root / MANIFEST)))
    message = f"no release at {path}: {MANIFEST} was found neither there nor in its folder public/"
    raise InputFault(message)


def open_release(path: Path) -> Release:
    """A whole release with its secrets, from its folder or its ``public/``; InputFault without the private part."""
    public = open_public(path)
    root = public.root.parent
    secret = root / "private" / SECRET
    if not secret.is_file():
        message = (
            f"the private part of release {public.release_id} is not here: {secret} is missing. Only its organiser can "
            "do this: send them predictions, and read the boards on their site"
        )
        raise InputFault(message)
    return Release(root, public, read_key(secret))


def salt_of(key: bytes, release_id: str) -> bytes:
    """The salt of a release's commitments, 32 bytes; it says nothing about the key."""
    return derive(key, f"{release_id}/salt")


def read_key(path: Path) -> bytes:
    """The release key of a ``secret.json``; InputFault where it holds none."""
    try:
        key = bytes.fromhex(read_json(path)["key"])
    except (TypeError, KeyError, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        message = f"{path} holds no release key ({KEY_BYTES} bytes in hexadecimal). Restore it from a backup"
        raise InputFault(message)
    return key


def write_key(path: Path, key: bytes) -> None:
    """Keep a release key where only its owner reads it."""
    path.parent.mkdir(parents=True, mode=0o700)
    write_json(path, {"key": key.hex()}, mode=0o600)


def scorer_digest(challenge: Challenge) -> str:
    """sha256 over what turns a prediction into a card: scoring/, where the challenge's parts live, what it declares."""
    sources = {
        f"scoring/{f.name}": f.read_bytes()
        for f in files("blindsky.scoring").iterdir()
        if f.name.endswith(".py")
    }
    for part in (
        challenge.measure,
        *(part for m in challenge.metrics for part in (m.prepare, m.sparse) if part is not None),
        *(s.mask for s in challenge.slices),
    ):
        code: Any = getattr(part, "func", part)
        code = code if inspect.isroutine(code) or inspect.isclass(code) else type(code)
        path = Path(inspect.getfile(code))
        sources[f"{code.__module__}.py"] = path.read_bytes()
    sources["declaration"] = _declared(challenge)
    digest = hashlib.sha256()
    for name in sorted(sources):
        digest.update(f"{name}\0{hashlib.sha256(sources[name]).hexdigest()}\n".encode())
    return digest.hexdigest()


def _declared(challenge: Challenge) -> bytes:
    """What no source of a part holds: arguments and kinds of the metrics, what each board ranks by, the slices."""
    metrics = [
        (
            m.key,
            m.direction,
            m.interval,
            m.target,
            m.needs,
            m.null_from,
            *map(_called, (m.prepare, m.replicate, m.null, m.sparse)),
        )
        for m in challenge.metrics
    ]
    boards = [(b.name, b.requires, b.primary) for b in challenge.boards]
    slices = [(s.name, s.needs, s.metrics) for s in challenge.slices]
    return json.dumps([metrics, boards, slices], default=_called).encode()


def _called(code: Any) -> list[Any]:
    """A function by its name, with the arguments that are bound to it; nothing that differs between processes."""
    function = getattr(code, "func", code)
    name = getattr(function, "__qualname__", type(function).__qualname__)
    return [name, list(getattr(code, "args", ())), getattr(code, "keywords", {})]
