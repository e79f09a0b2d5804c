"""The promise of a release: verify the data, reveal the truth, prove that it is the committed one."""

from __future__ import annotations

import mmap
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blindsky.challenges import cards, tables
from blindsky.challenges.commitments import DIGEST_BYTES, Bytes, first_difference, root
from blindsky.challenges.errors import InputFault
from blindsky.challenges.files import PARTIAL, machine_faults, new_folder, read_json, sha256, write_json
from blindsky.challenges.manifest import MANIFEST, check_files
from blindsky.challenges.release import (
    REVEAL,
    REVEALED,
    UNSCORED,
    Public,
    Release,
    bootstrap_key,
    table_path,
)
from blindsky.challenges.writing import COMMITMENTS


@dataclass(frozen=True)
class Problem:
    """Something that is not as promised: which file, what was found, what was promised."""

    file: str
    found: str
    expected: str

    def __str__(self) -> str:
        """One line for a person."""
        return f"{self.file}: found {self.found}, expected {self.expected}"


@dataclass(frozen=True)
class Verdict:
    """What ``verify`` found: the problems, and what was looked at."""

    release_id: str
    files: int
    hidden_rows: int
    revealed: bool
    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        """Whether everything is as promised."""
        return not self.problems

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "release": self.release_id,
            "ok": self.ok,
            "files": self.files,
            "hidden_rows": self.hidden_rows,
            "revealed": self.revealed,
            "problems": [vars(p) for p in self.problems],
        }


def verify(public: Public, release: Release | None = None) -> Verdict:
    """Check every public file against the manifest and, where the truth is at hand, every hidden row.

    public : the public part.   release : the whole release, where its organiser asks.
    """
    problems = [*_files(public), *_root(public)]
    folders: list[tuple[Path, bytes]] = []
    if public.revealed:
        folder = public.root / REVEALED
        opened = opening(folder / REVEAL)
        problems += _listed(folder, opened["files"], f"{REVEALED}/")
        salt = bytes.fromhex(opened["salt"])
        folders.append((folder, salt))
        made = bootstrap_key(salt, public.release_id).hex()
        if opened.get("bootstrap_key") != made:
            found = f"bootstrap key {opened.get('bootstrap_key')}"
            problems.append(Problem(f"{REVEALED}/{REVEAL}", found, f"{made}, which follows from the salt"))
    if release is not None:
        folders.append((release.private, release.salt))
    promised = public.manifest["commitments"]["tables"]
    for name, table in promised.items():
        commitments = _commitments(public, name, table)
        if isinstance(commitments, Problem):
            problems.append(commitments)
            continue
        for folder, salt in folders:
            problems += _hidden(public, folder, name, table, salt, commitments)
    hidden = sum(int(table["rows"]) for table in promised.values()) if folders else 0
    unique = tuple(dict.fromkeys(problems))
    return Verdict(public.release_id, len(public.manifest["files"]), hidden, public.revealed, unique)


def confirm(release: Release) -> None:
    """InputFault unless the hidden rows of the test split are the committed ones; asked before anything is scored."""
    public = release.public
    if not public.has_truth:
        message = f"release {public.release_id} {UNSCORED}. To check one: blindsky check"
        raise InputFault(message)
    for name, table in public.manifest["commitments"]["tables"].items():
        if table["split"] != "test":
            continue
        commitments = _commitments(public, name, table)
        problem: Problem | None
        if isinstance(commitments, Problem):
            problem = commitments
        else:
            problem = next(_hidden(public, release.private, name, table, release.salt, commitments), None)
        if problem is not None:
            message = f"release {public.release_id} can't be scored: {problem}. Restore it from a backup"
            raise InputFault(message)


def opening(path: Path) -> dict[str, Any]:
    """What ``reveal`` wrote beside the truth; InputFault where it isn't that."""
    found = read_json(path)
    try:
        bytes.fromhex(found["salt"])
        check_files(found["files"], str(path))
    except (TypeError, KeyError, ValueError) as error:
        message = f"{path} does not open the commitments of a release ({error}). Download it again"
        raise InputFault(message) from error
    return dict(found)


def _listed(folder: Path, listed: list[dict[str, Any]], prefix: str = "") -> Iterator[Problem]:
    for entry in listed:
        path = folder / entry["path"]
        if not path.is_file():
            yield Problem(prefix + entry["path"], "no such file", f"{entry['bytes']:,} bytes")
        elif path.stat().st_size != entry["bytes"]:
            size = f"{path.stat().st_size:,} bytes"
            yield Problem(prefix + entry["path"], size, f"{entry['bytes']:,} bytes")
        elif (digest := sha256(path)) != entry["sha256"]:
            yield Problem(prefix + entry["path"], f"sha256 {digest}", f"sha256 {entry['sha256']}")


def _files(public: Public) -> Iterator[Problem]:
    yield from _listed(public.root, public.manifest["files"])
    known = {entry["path"] for entry in public.manifest["files"]} | {MANIFEST}
    if public.revealed:
        folder = public.root / REVEALED
        names = (REVEAL, *(entry["path"] for entry in opening(folder / REVEAL)["files"]))
        known |= {f"{REVEALED}/{name}" for name in names}
    for path in sorted(public.root.rglob("*")):
        name = path.relative_to(public.root).as_posix()
        if path.is_file() and name not in known and not name.startswith(PARTIAL):
            yield Problem(name, "a file", "nothing: neither the manifest nor a reveal names it")


def _root(public: Public) -> Iterator[Problem]:
    promised = public.manifest["commitments"]
    made = root({name: table["sha256"] for name, table in promised["tables"].items()})
    if made != promised["root"]:
        yield Problem(MANIFEST, f"commitment root {promised['root']}", f"the root of its tables, {made}")


def _commitments(public: Public, name: str, table: Mapping[str, Any]) -> Bytes | Problem:
    """The commitments of one hidden table, once they are known to be those under the root."""
    path = public.root / COMMITMENTS / f"{name}.bin"
    shown = f"{COMMITMENTS}/{name}.bin"
    if not path.is_file():
        return Problem(shown, "no such file", f"{DIGEST_BYTES * table['rows']:,} bytes")
    digest = sha256(path)
    if digest != table["sha256"]:
        return Problem(shown, f"sha256 {digest}", f"sha256 {table['sha256']}")
    if path.stat().st_size == 0:
        return b""
    with path.open("rb") as file:  # mapped, because a billion rows have 32 GB of commitments
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _hidden(
    public: Public, folder: Path, name: str, table: Mapping[str, Any], salt: bytes, commitments: Bytes
) -> Iterator[Problem]:
    path = table_path(folder, name)
    shown = f"{folder.name}/{path.name}"
    promised = f"the {table['rows']:,} committed rows"
    if not path.exists():
        yield Problem(shown, "no such file", promised)
        return
    try:
        batches = tables.batches(path, columns=list(table["columns"]))
        found = first_difference(batches, name, salt, commitments)
    except (InputFault, OSError, TypeError, ValueError) as error:
        yield Problem(shown, f"a table that can't be read as ours ({error})", promised)
        return
    if found is not None:
        row, content = found
        key = public.challenge.prediction.key
        who = f"row {row + 1}" + (f" ({key} {content[key][0]})" if key in content else "")
        yield Problem(shown, f"{who} differs from what was committed", f"exactly {promised}")


def reveal(release: Release) -> Path:
    """Publish truth, salt and bootstrap key under ``public/revealed/``; returns that folder.

    InputFault where it was done before, where a test came without its truth, or where the private part is not what was
    committed.
    """
    public = release.public
    folder = public.root / REVEALED
    if public.revealed:
        message = f"release {public.release_id} is revealed already: its truth lies in {folder}"
        raise InputFault(message)
    if public.has("test") and not public.has_truth:
        message = f"release {public.release_id} {UNSCORED}, and there is nothing to reveal"
        raise InputFault(message)
    verdict = verify(public, release)
    if not verdict.ok:
        message = (
            f"release {public.release_id} can't be revealed: {verdict.problems[0]}. Restore it from a backup"
        )
        raise InputFault(message)
    with machine_faults("revealing", folder), new_folder(folder) as partial:
        listed = []
        for part in (p for name in release.hidden() for p in tables.parts(table_path(release.private, name))):
            shown = part.relative_to(release.private).as_posix()
            path = partial / shown
            path.parent.mkdir(exist_ok=True)
            shutil.copyfile(part, path)
            listed.append({"path": shown, "bytes": path.stat().st_size, "sha256": sha256(path)})
        opened = {
            "release": public.release_id,
            "revealed": cards.now(),
            "salt": release.salt.hex(),
            "bootstrap_key": release.bootstrap_key.hex(),
            "files": listed,
        }
        write_json(partial / REVEAL, opened)
    return folder
