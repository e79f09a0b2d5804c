"""What a build of the site keeps for the next one: results, each under the digest of everything it is made from.

A key covers the code (ours, that of the packages which bring challenges, versions of what both are built on) and all
arguments, so what is found under it is what would be made again; nothing is ever out of date, it is only no longer
asked for, and then swept. Each file begins with the digest of its content: a damaged one counts as absent.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import json
import platform
import re
import secrets
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import numpy as np

from blindsky.challenges import registry
from blindsky.challenges.files import PARTIAL

_NOT_CODE = ("__pycache__", ".pyc")
_OPEN: ContextVar[Store | None] = ContextVar("store", default=None)


class Store:
    """A folder of results by key; ``used`` are the keys that this build asked for."""

    def __init__(self, folder: Path, code: str) -> None:
        self.folder = folder
        self.code = code
        self.used: set[str] = set()

    def key(self, *inputs: Any) -> str:
        """The digest of the code and of ``inputs``, plain data or arrays; TypeError for anything else."""
        text = json.dumps([self.code, inputs], sort_keys=True, default=_plain)
        return hashlib.sha256(text.encode()).hexdigest()

    def get(self, key: str) -> bytes | None:
        """What is kept under a key; None where nothing is, or where it is damaged."""
        self.used.add(key)
        with suppress(FileNotFoundError):
            content = (self.folder / key).read_bytes()
            if hashlib.sha256(content[32:]).digest() == content[:32]:
                return content[32:]
        return None

    def put(self, key: str, content: bytes) -> None:
        """Keep a result under its key."""
        self.used.add(key)
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        partial = self.folder / f"{PARTIAL}{secrets.token_hex(4)}"
        partial.write_bytes(hashlib.sha256(content).digest() + content)
        partial.replace(self.folder / key)

    def sweep(self) -> None:
        """Remove what this build did not ask for."""
        for path in self.folder.iterdir() if self.folder.is_dir() else ():
            if path.name not in self.used:
                path.unlink(missing_ok=True)

    @contextmanager
    def open(self) -> Iterator[None]:
        """Let ``remembered`` use this store."""
        token = _OPEN.set(self)
        try:
            yield
        finally:
            _OPEN.reset(token)


def remembered(inputs: Any, make: Callable[[], Any]) -> Any:
    """What ``make`` gives, which follows from ``inputs`` alone; from the open store where it is known.

    Inputs that have no digest, and results that JSON does not give back as they were, are not remembered.
    """
    store = _OPEN.get()
    if store is None:
        return make()
    try:
        key = store.key(inputs)
    except TypeError:
        return make()
    kept = store.get(key)
    if kept is not None:
        return json.loads(kept)
    made = make()
    with suppress(TypeError):
        text = json.dumps(made)
        if json.loads(text) == made:
            store.put(key, text.encode())
    return made


def code_digest() -> str:
    """Digest of every file of blindsky and of the packages that bring challenges, and of what they build on."""
    digest = hashlib.sha256(f"{sys.implementation.name} {platform.python_version()}\n".encode())
    for name in sorted({"markupsafe", *_requirements()}):
        digest.update(f"{name} {importlib.metadata.version(name)}\n".encode())
    for top in sorted({"blindsky", *registry.packages()}):
        for path, content in sorted(_sources(top)):
            digest.update(f"{top}/{path} {hashlib.sha256(content).hexdigest()}\n".encode())
    return digest.hexdigest()


def _requirements() -> list[str]:
    """What blindsky needs without extras."""
    lines = importlib.metadata.requires("blindsky") or []
    return [re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in lines if "extra ==" not in line]


def _sources(top: str) -> list[tuple[str, bytes]]:
    spec = importlib.util.find_spec(top)
    if spec is not None and spec.submodule_search_locations is None and spec.origin:
        return [(top, Path(spec.origin).read_bytes())]
    return list(_below(files(top), ""))


def _below(folder: Traversable, path: str) -> Iterator[tuple[str, bytes]]:
    for inside in folder.iterdir():
        if inside.name.endswith(_NOT_CODE) or inside.name.startswith("."):
            continue
        if inside.is_dir():
            yield from _below(inside, f"{path}{inside.name}/")
        else:
            yield f"{path}{inside.name}", inside.read_bytes()


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return {"dtype": value.dtype.str, "shape": value.shape, "values": value.tolist()}
    if isinstance(value, np.generic):
        return value.item()
    message = f"{type(value).__name__} has no digest"
    raise TypeError(message)
