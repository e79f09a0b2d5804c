"""Fetching the public part of a release from a folder or a web address: progress, resume, sha256 of every file."""

from __future__ import annotations

import shutil
from pathlib import Path, PurePosixPath
from typing import Any

from blindsky.challenges.errors import InputFault, MachineFault
from blindsky.challenges.files import PARTIAL, machine_faults, read_json, sha256, sync_file, sync_folder
from blindsky.challenges.progress import Progress, progress
from blindsky.challenges.release import MANIFEST, REVEALED, Public, open_public

_CHUNK = 1 << 20
_MANIFEST_BYTES = 1 << 26
_SECONDS = 30.0
_NOT_FOUND = 404
_PARTIAL_CONTENT = 206
_RANGE_NOT_SATISFIABLE = 416
_SCHEMES = ("http://", "https://")


def download(source: str, folder: Path) -> Public:
    """Fetch a release into ``folder/<id>/public``; files that are there already and whole are kept.

    source : folder, or http(s) address, of the release or of its public part.
    InputFault where there is no release, or where a file is not the promised one after it was fetched.
    MachineFault where the network or the disk gives up; the same call goes on where it stopped.
    """
    with machine_faults("downloading", folder):
        base, manifest = _manifest(source)
        root = folder / _safe(str(manifest["id"])) / "public"
        files = [(_safe(str(f["path"])), int(f["bytes"]), str(f["sha256"])) for f in manifest["files"]]
        with progress(f"download {manifest['id']}", sum(size for _, size, _ in files), "bytes") as report:
            for name, size, digest in files:
                _fetch(base, name, size, digest, root, report)
        _revealed(base, root)
        _store_manifest(base, root)
    return open_public(root)


def _safe(name: str) -> str:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts or "\\" in name:
        message = f"the manifest names a file outside its folder: {name!r}. Don't use this mirror"
        raise InputFault(message)
    return name


def _manifest(source: str) -> tuple[str, dict[str, Any]]:
    bases = [source.rstrip("/") + "/public", source.rstrip("/")]
    for base in bases:
        content = _small(base, MANIFEST)
        if content is not None:
            return base, _parsed(content, base)
    message = f"no release at {source}: {MANIFEST} was found neither there nor in its folder public/"
    raise InputFault(message)


def _parsed(content: bytes, base: str) -> dict[str, Any]:
    import json

    try:
        manifest = json.loads(content)
        complete = {"id", "files", "challenge", "track"} <= manifest.keys()
    except (ValueError, AttributeError):
        complete = False
    if not complete:
        message = f"{base}/{MANIFEST} is not the manifest of a release. Check the address"
        raise InputFault(message)
    return dict(manifest)


def _small(base: str, name: str) -> bytes | None:
    """A small file, or None where there is none."""
    if not base.startswith(_SCHEMES):
        path = Path(base) / name
        return path.read_bytes() if path.is_file() else None
    import requests

    try:
        with requests.get(f"{base}/{name}", timeout=_SECONDS, stream=True) as answer:
            if answer.status_code == _NOT_FOUND:
                return None
            answer.raise_for_status()
            return bytes(answer.raw.read(_MANIFEST_BYTES, decode_content=True))
    except requests.RequestException as error:
        raise _network(base, name, error) from error


def _network(base: str, name: str, error: Exception) -> MachineFault:
    return MachineFault(f"could not fetch {base}/{name}: {error}. Run the same command again to go on")


def _fetch(base: str, name: str, size: int, digest: str, root: Path, report: Progress) -> None:
    path = root / name
    report.note(name)
    if path.is_file() and path.stat().st_size == size and sha256(path) == digest:
        report.advance(size)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(PARTIAL + path.name)
    if base.startswith(_SCHEMES):
        _pooch(f"{base}/{name}", path, partial, size, digest, report)
    else:
        if not (Path(base) / name).is_file():
            message = f"{base} lacks {name}, which its manifest names. Use another copy"
            raise InputFault(message)
        shutil.copyfile(Path(base) / name, partial)
        report.advance(size)
        if sha256(partial) != digest:
            partial.unlink()
            message = (
                f"{base}/{name} is not the file that the manifest promises (sha256 differs). Use another copy"
            )
            raise InputFault(message)
        partial.replace(path)
    sync_file(path)
    sync_folder(path.parent)


def _pooch(url: str, path: Path, partial: Path, size: int, digest: str, report: Progress) -> None:
    import logging

    import pooch
    import requests

    pooch.get_logger().setLevel(logging.WARNING)

    def resume(url: str, output: str, _: object) -> None:
        _resume(url, partial, size, report)
        partial.replace(output)

    try:
        pooch.retrieve(url, f"sha256:{digest}", fname=path.name, path=path.parent, downloader=resume)
    except ValueError as error:
        message = (
            f"{url} is not the file that the manifest promises (sha256 differs). Try again, or another mirror"
        )
        raise InputFault(message) from error
    except requests.RequestException as error:
        raise _network(url.rsplit("/", 1)[0], path.name, error) from error


def _resume(url: str, partial: Path, size: int, report: Progress) -> None:
    """Append to what an earlier run has fetched; never more bytes than the manifest promises."""
    import requests

    have = partial.stat().st_size if partial.exists() else 0
    if have > size:
        partial.unlink()
        have = 0
    if have == size and size > 0:
        report.advance(size)
        return
    headers = (
        {"Range": f"bytes={have}-", "Accept-Encoding": "identity"}
        if have
        else {"Accept-Encoding": "identity"}
    )
    with requests.get(url, timeout=_SECONDS, stream=True, headers=headers) as answer:
        if answer.status_code == _RANGE_NOT_SATISFIABLE:
            have = 0
        answer.raise_for_status()
        going_on = answer.status_code == _PARTIAL_CONTENT
        done = have if going_on else 0
        report.advance(done)
        with partial.open("ab" if going_on else "wb") as file:
            for chunk in answer.iter_content(_CHUNK):
                file.write(chunk[: max(size - done, 0)])
                done += len(chunk)
                report.advance(len(chunk))
                if done > size:
                    break


def _revealed(base: str, root: Path) -> None:
    """The truth, where it has been published."""
    content = _small(base, f"{REVEALED}/reveal.json")
    if content is None:
        return
    import json

    with progress("download the truth", None, "bytes") as report:
        for file in json.loads(content)["files"]:
            name = _safe(str(file["path"]))
            _fetch(
                f"{base}/{REVEALED}", name, int(file["bytes"]), str(file["sha256"]), root / REVEALED, report
            )
    (root / REVEALED / "reveal.json").write_bytes(content)


def _store_manifest(base: str, root: Path) -> None:
    """Last, so that a folder with a manifest is complete."""
    content = _small(base, MANIFEST)
    if content is None:
        message = f"{base}/{MANIFEST} vanished while the release was being fetched. Try again"
        raise InputFault(message)
    partial = root / f"{PARTIAL}{MANIFEST}"
    partial.write_bytes(content)
    sync_file(partial)
    partial.replace(root / MANIFEST)
    sync_folder(root)
    read_json(root / MANIFEST)
