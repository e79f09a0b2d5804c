"""Finished blocks of an unfinished release on disk, so that a run that was killed goes on where it stopped."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from blindsky.challenges.commitments import DIGEST_BYTES
from blindsky.challenges.files import PARTIAL
from blindsky.scoring.measurements import Array

PLAN = "plan.json"  # what an unfinished run was asked for


class Staging:
    """Finished blocks of an unfinished release, each behind the sha256 of its bytes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def has(self, name: str) -> bool:
        """Whether there is something to load."""
        return (self.folder / name).exists()

    def drop(self, prefix: str) -> None:
        """Forget the blocks whose names begin so."""
        for path in self.folder.glob(f"{prefix}*"):
            path.unlink()

    def load(self, name: str) -> dict[str, Array] | None:
        """A finished block, or None where it is missing or damaged."""
        try:
            content = (self.folder / name).read_bytes()
        except FileNotFoundError:
            return None
        stored = content[DIGEST_BYTES:]
        if hashlib.sha256(stored).digest() != content[:DIGEST_BYTES]:
            return None
        with np.load(io.BytesIO(stored), allow_pickle=False) as found:
            return {name: found[name] for name in found.files}

    def store(self, name: str, flat: Mapping[str, Array]) -> None:
        """Keep a finished block; a kill leaves all of it or nothing."""
        stored = io.BytesIO()
        np.savez(stored, **dict(flat))  # type: ignore[arg-type]
        partial = self.folder / f"{PARTIAL}{name}"
        with partial.open("wb") as file:
            file.write(hashlib.sha256(stored.getbuffer()).digest())
            file.write(stored.getbuffer())
        partial.replace(self.folder / name)
