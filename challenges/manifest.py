"""The manifest of a release: what it must say before anything else reads it, for it may come from anywhere."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Any

from blindsky.challenges.errors import InputFault

MANIFEST = "release.json"
_WANTED: dict[str, type] = {
    **dict.fromkeys(("id", "challenge", "track", "size", "created", "device"), str),
    **dict.fromkeys(("source", "splits", "commitments"), dict),
    "files": list,
}
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def check_id(name: str) -> str:
    """The id of a release, which is a folder's name; InputFault for anything else."""
    if not _ID.fullmatch(name):
        message = (
            f"{name!r} can't be the id of a release: expected up to 100 letters, digits, dots, dashes and "
            "underscores, a letter or digit first"
        )
        raise InputFault(message)
    return name


def safe_path(name: str) -> str:
    """A path within its folder; InputFault where it leads out of it."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts or "\\" in name or "\0" in name:
        message = f"the manifest names a file outside its folder: {name!r}. Don't use this copy"
        raise InputFault(message)
    return name


def check_files(found: Any, where: str) -> None:
    """InputFault unless each file that a manifest lists has a path within its folder, a length and a digest."""
    for entry in found:
        try:
            safe_path(entry["path"])
            whole = int(entry["bytes"]) >= 0 and _SHA256.fullmatch(entry["sha256"]) is not None
        except (TypeError, KeyError, ValueError):
            whole = False
        if not whole:
            message = (
                f"{where} lists a file without path, bytes and sha256: {entry!r:.200}. Download it again"
            )
            raise InputFault(message)


def check_manifest(found: Any, where: str) -> dict[str, Any]:
    """A manifest that holds what it must; InputFault that says what it lacks."""
    if not isinstance(found, dict):
        lacks = "it is not an object"
    else:
        lacks = ", ".join(
            f"no {name}" for name, kind in _WANTED.items() if not isinstance(found.get(name), kind)
        )
    if lacks:
        message = f"{where} is not the manifest of a blindsky release ({lacks}). Check the address"
        raise InputFault(message)
    check_id(found["id"])
    check_files(found["files"], where)
    promised = found["commitments"]
    tables = promised.get("tables")
    if not isinstance(promised.get("root"), str) or not isinstance(tables, dict):
        message = f"{where} holds no commitments to the hidden rows. Download it again"
        raise InputFault(message)
    for name, table in tables.items():
        check_id(name)
        if not isinstance(table, dict) or not {"split", "rows", "columns", "sha256"} <= table.keys():
            message = f"{where} does not say what is committed in the table {name!r}. Download it again"
            raise InputFault(message)
    return dict(found)
