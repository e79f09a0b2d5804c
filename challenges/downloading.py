"""Fetching the public part of a release from a folder or a web address: progress, resume, sha256 of every file."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from blindsky.challenges.errors import InputFault, MachineFault
from blindsky.challenges.files import PARTIAL, machine_faults, new_file, sha256, sync_file, sync_folder
from blindsky.challenges.manifest import MANIFEST, check_files, check_manifest
from blindsky.challenges.progress import Progress, progress
from blindsky.challenges.release import REVEAL, REVEALED, Public, open_public

_CHUNK = 1 << 16  # what is lost at most of a connection that breaks off
_SMALL_BYTES = 1 << 26  # longest manifest that is read
_SECONDS = 30.0
_NOT_FOUND = 404
_PARTIAL_CONTENT = 206
_RANGE_NOT_SATISFIABLE = 416
_SCHEMES = ("http://", "https://")
_AS_IT_IS = {"Accept-Encoding": "identity"}  # a compressed body could not be gone on with


def download(source: str, folder: Path) -> Public:
    """Fetch a release into ``folder/<id>/public``; files that are there already and whole are kept.

    source : folder, or http(s) address, of the release or of its public part.
    InputFault where there is no release, where another one bears its id here, or where a file is not the promised
    one after it was fetched. MachineFault where the network or the disk gives up; the same call goes on.
    """
    with machine_faults("downloading", folder):
        base, content = _manifest(source)
        manifest = check_manifest(_parsed(content, f"{base}/{MANIFEST}"), f"{base}/{MANIFEST}")
        root = folder / manifest["id"] / "public"
        if (root / MANIFEST).is_file() and (root / MANIFEST).read_bytes() != content:
            message = (
                f"another release {manifest['id']} lies in {folder} already. Download into another folder"
            )
            raise InputFault(message)
        _fetch_all(base, root, manifest["files"], f"download {manifest['id']}")
        opened = _small(base, f"{REVEALED}/{REVEAL}")
        if opened is not None:
            where = f"{base}/{REVEALED}/{REVEAL}"
            listed = _parsed(opened, where).get("files", [])
            check_files(listed, where)
            _fetch_all(f"{base}/{REVEALED}", root / REVEALED, listed, "download the truth")
            _store(root / REVEALED / REVEAL, opened)
        _store(root / MANIFEST, content)  # last, so that a folder with a manifest is complete
    return open_public(root)


def _store(path: Path, content: bytes) -> None:
    with new_file(path) as partial:
        partial.write_bytes(content)


def _manifest(source: str) -> tuple[str, bytes]:
    if "://" in source and not source.startswith(_SCHEMES):
        message = f"{source} is neither a folder nor an http(s) address. Fetch it by other means, then give the folder"
        raise InputFault(message)
    for base in (source.rstrip("/") + "/public", source.rstrip("/")):
        content = _small(base, MANIFEST)
        if content is not None:
            return base, content
    message = f"no release at {source}: {MANIFEST} was found neither there nor in its folder public/"
    raise InputFault(message)


def _parsed(content: bytes, where: str) -> dict[str, Any]:
    try:
        return dict(json.loads(content))
    except (ValueError, TypeError, RecursionError) as error:
        message = f"{where} is not readable as a JSON object. Check the address"
        raise InputFault(message) from error


def _small(base: str, name: str) -> bytes | None:
    """A small file, or None where there is none."""
    if not base.startswith(_SCHEMES):
        path = Path(base) / name
        return path.read_bytes() if path.is_file() else None
    import requests

    content = bytearray()
    try:
        with requests.get(f"{base}/{name}", timeout=_SECONDS, stream=True) as answer:
            if answer.status_code == _NOT_FOUND:
                return None
            answer.raise_for_status()
            for chunk in answer.iter_content(_CHUNK):
                content += chunk
                if len(content) > _SMALL_BYTES:
                    message = f"{base}/{name} is longer than {_SMALL_BYTES:,} bytes. Check the address"
                    raise InputFault(message)
    except requests.RequestException as error:
        raise _network(f"{base}/{name}", error) from error
    return bytes(content)


def _network(url: str, error: Exception) -> MachineFault:
    """What went wrong between here and there, in words."""
    import requests

    why = str(error)
    if isinstance(error, requests.HTTPError) and error.response is not None:
        why = f"the server answered {error.response.status_code} {error.response.reason}"
    elif isinstance(error, requests.Timeout):
        why = f"no answer for {_SECONDS:.0f} s"
    elif isinstance(error, requests.exceptions.ChunkedEncodingError):
        why = "the connection broke off"
    elif isinstance(error, requests.ConnectionError):
        why = "the server can't be reached"
    return MachineFault(f"could not fetch {url}: {why}. Run the same command again to go on")


def _fetch_all(base: str, root: Path, listed: list[dict[str, Any]], title: str) -> None:
    with progress(title, sum(int(entry["bytes"]) for entry in listed), "bytes") as report:
        for entry in listed:
            report.note(entry["path"])
            _fetch(base, entry["path"], int(entry["bytes"]), entry["sha256"], root, report)


def _fetch(base: str, name: str, size: int, digest: str, root: Path, report: Progress) -> None:
    """One file; it bears its name only once it is the promised one."""
    path = root / name
    if path.is_file() and path.stat().st_size == size and sha256(path) == digest:
        report.advance(size)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(PARTIAL + path.name)
    if base.startswith(_SCHEMES):
        _resume(f"{base}/{name}", partial, size, report)
    else:
        if not (Path(base) / name).is_file():
            message = f"{base} lacks {name}, which its manifest names. Use another copy"
            raise InputFault(message)
        shutil.copyfile(Path(base) / name, partial)
        report.advance(size)
    if sha256(partial) != digest:
        partial.unlink()
        message = (
            f"{base}/{name} is not the file that the manifest promises (sha256 differs), and was not kept. "
            "Try again, or use another copy"
        )
        raise InputFault(message)
    sync_file(partial)
    partial.replace(path)
    sync_folder(path.parent)


def _resume(url: str, partial: Path, size: int, report: Progress) -> None:
    """Append to what an earlier run has fetched; never more bytes than the manifest promises."""
    import requests

    have = partial.stat().st_size if partial.exists() else 0
    if have == size > 0:
        report.advance(size)
        return
    have = have if have < size else 0
    headers = _AS_IT_IS | ({"Range": f"bytes={have}-"} if have else {})
    try:
        with requests.get(url, timeout=_SECONDS, stream=True, headers=headers) as answer:
            if have and answer.status_code == _RANGE_NOT_SATISFIABLE:
                partial.unlink()
                _resume(url, partial, size, report)
                return
            answer.raise_for_status()
            done = have if answer.status_code == _PARTIAL_CONTENT else 0
            report.advance(done)
            with partial.open("ab" if done else "wb") as file:
                for chunk in answer.iter_content(_CHUNK):
                    file.write(chunk[: size - done])
                    report.advance(min(len(chunk), size - done))
                    done = min(done + len(chunk), size)
                    if done == size:
                        break
    except requests.RequestException as error:
        raise _network(url, error) from error
    if done < size:
        raise _network(url, EOFError(f"it ended after {done:,} of {size:,} bytes"))
