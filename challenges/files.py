"""Writing that is whole or not at all: temporary name in the same folder, fsync, rename; and locks and digests."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from blindsky.challenges.errors import InputFault, MachineFault

PARTIAL = ".partial-"  # names that begin so are never read: leftovers of a run that was killed
MANY = 1000  # files from which on syncing the whole disk once is faster than syncing each of them


@contextmanager
def machine_faults(what: str, where: Path) -> Iterator[None]:
    """Turn what the operating system refuses into an error that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            free = shutil.disk_usage(_existing(where)).free / 2**20
            message = (
                f"no space left while {what} in {where} ({free:,.0f} MiB free). Free some space and try again"
            )
        elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            message = (
                f"not allowed while {what}: {error.filename or where}. Check the permissions of that folder"
            )
        else:
            raise
        raise MachineFault(message) from error


def _existing(path: Path) -> Path:
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


def sync_folder(folder: Path) -> None:
    """Make renames in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_file(path: Path) -> None:
    """Make the bytes of a closed file durable."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


@contextmanager
def new_file(path: Path, mode: int | None = None) -> Iterator[Path]:
    """A temporary path to write; it becomes ``path`` when the block ends well, and vanishes otherwise."""
    partial = path.with_name(f"{PARTIAL}{secrets.token_hex(4)}-{path.name}")
    with machine_faults(f"writing {path.name}", path.parent):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            yield partial
            if mode is not None:
                partial.chmod(mode)
            sync_file(partial)
            partial.replace(path)
            sync_folder(path.parent)
        finally:
            partial.unlink(missing_ok=True)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A temporary folder to fill; it appears as ``path`` when the block ends well, and vanishes otherwise."""
    partial = path.with_name(f"{PARTIAL}{secrets.token_hex(4)}-{path.name}")
    with machine_faults(f"writing {path.name}", path.parent):
        try:
            partial.mkdir(parents=True)
            yield partial
            publish_folder(partial, path)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def publish_folder(partial: Path, path: Path) -> None:
    """Fsync everything under a finished folder and give it its name; the name must be free."""
    written = [*partial.rglob("*"), partial]
    if len(written) > MANY:
        os.sync()
    else:
        for inside in written:
            (sync_folder if inside.is_dir() else sync_file)(inside)
    if path.exists():
        message = f"{path} already exists. Choose another name, or remove it first"
        raise InputFault(message)
    partial.rename(path)
    sync_folder(path.parent)


def hand_over(source: Path, target: Path) -> None:
    """Give the files in the folders of ``source`` to ``target`` too, by links, or moved where there are none."""
    for folder in source.iterdir():
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            place = target / path.relative_to(folder)
            place.parent.mkdir(exist_ok=True)
            try:
                os.link(path, place)
            except OSError:
                path.rename(place)


def write_json(path: Path, content: Any, mode: int | None = None) -> None:
    """A JSON file, atomically."""
    with new_file(path, mode) as partial:
        text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
        partial.write_text(text + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """A JSON file; InputFault where it is not there, or is not JSON."""
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError as error:
        message = f"{path} is missing. Fetch it again, or restore it from a backup"
        raise InputFault(message) from error
    except (ValueError, RecursionError) as error:
        message = f"{path} is not readable as JSON ({error}). It may be truncated: fetch it again"
        raise InputFault(message) from error


def sha256(path: Path) -> str:
    """Digest of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def lock(path: Path, what: str, seconds: float = 60.0) -> Iterator[None]:
    """Hold a lock file, which vanishes with the block; however the process ends, the lock ends with it.

    MachineFault where another process holds it for longer than ``seconds``.
    """
    deadline = time.monotonic() + seconds
    with machine_faults(f"locking {what}", path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        while (handle := _locked(path)) is None:
            if time.monotonic() > deadline:
                message = (
                    f"{what} has been locked by another process for {seconds:.0f} s ({path}). "
                    "Wait for it to end and try again"
                )
                raise MachineFault(message)
            time.sleep(0.05)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(handle)


def _locked(path: Path) -> int | None:
    """A handle that holds the lock; None while another process does, or where it took the file away with it."""
    import fcntl

    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(handle), path.stat()):
            return handle
    except (BlockingIOError, FileNotFoundError):
        pass
    os.close(handle)
    return None
