"""The static site: plain data in, a folder of pages out, written whole or not at all.

Every page carries its style and script and asks no other host for anything; it reads from ``file://``.
"""

from __future__ import annotations

import json
import secrets
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from blindsky.challenges.errors import InputFault
from blindsky.challenges.files import PARTIAL, machine_faults, sync_file, sync_folder
from blindsky.leaderboard import boards, exports, pages
from blindsky.leaderboard.boards import EntryView, ReleaseView

__all__ = ["MARKER", "EntryView", "ReleaseView", "build", "render"]

MARKER = ".blindsky-site"  # says that a folder is a site of ours and may be replaced


def build(out: Path, releases: Sequence[ReleaseView]) -> None:
    """Write the site to ``out``, replacing an older one as a whole.

    InputFault where ``out`` is something else than a site of ours or an empty folder, or where ids come
    twice; MachineFault where the disk refuses.
    """
    out = out.resolve()
    _check_replaceable(out)
    files = render(releases)
    partial = _beside(out)
    with machine_faults("writing the site", out.parent):
        try:
            for name, text in files.items():
                _write(partial / name, text)
            _replace(out, partial)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def render(releases: Sequence[ReleaseView]) -> dict[str, str]:
    """Every file of the site by its path in the folder. The same data give the same bytes."""
    _check_distinct([r.release_id for r in releases], "releases")
    ordered = sorted(releases, key=_order)
    folders = pages.file_names(r.release_id for r in ordered)
    files = {MARKER: json.dumps({"blindsky": "site", "schema": 1}) + "\n"}
    files["index.html"] = pages.index_page(ordered, folders)
    for release in ordered:
        for name, text in _release_files(release).items():
            files[f"{folders[release.release_id]}/{name}"] = text
    return files


def _release_files(release: ReleaseView) -> dict[str, str]:
    entries = boards.current(release)
    _check_distinct([boards.entry_id(e) for e in release.entries], f"entries of release {release.release_id}")
    names = pages.file_names(boards.entry_id(e) for e in entries)
    tables = {part: boards.board_tables(release, part) for part in pages.BOARD_PARTS[release.status]}
    aside = boards.asides(release)
    in_a_row = [table for part in tables.values() for table in part]
    files = {
        "index.html": pages.release_page(release, tables, aside, names),
        "board.json": exports.board_json(release, in_a_row, aside),
        "board.csv": exports.board_csv(release, in_a_row),
    }
    for entry in entries:
        files[f"{names[boards.entry_id(entry)]}.html"] = pages.entry_page(release, entry, tables)
    return files


def _order(release: ReleaseView) -> tuple[str, str, int, str]:
    """Challenge, track, size from small to large, id."""
    sizes = list(release.challenge.sizes)
    size = sizes.index(release.size) if release.size in sizes else len(sizes)
    return release.challenge.title, release.track, size, release.release_id


def _check_distinct(ids: Sequence[str], what: str) -> None:
    twice = sorted(i for i, times in Counter(ids).items() if times > 1)
    if twice:
        message = (
            f"{what} must have distinct ids, but these come twice: {', '.join(twice)}. Remove the copies."
        )
        raise InputFault(message)


def _check_replaceable(out: Path) -> None:
    above = next(p for p in out.parents if p.exists())
    if not above.is_dir():
        message = f"{above} is a file, so no site can be written to {out}. Choose another folder with --out."
        raise InputFault(message)
    if not out.exists() or (out.is_dir() and ((out / MARKER).is_file() or not any(out.iterdir()))):
        return
    what = (
        f"is a folder, but no site of blindsky (it lacks the file {MARKER})" if out.is_dir() else "is a file"
    )
    message = f"{out} {what}, so it is left as it is. Choose an empty or a new folder with --out."
    raise InputFault(message)


def _beside(out: Path) -> Path:
    """A free name in the same folder, of the kind that is never read."""
    return out.with_name(f"{PARTIAL}{secrets.token_hex(4)}-{out.name}")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")
    sync_file(path)


def _replace(out: Path, new: Path) -> None:
    """Put ``new`` in the place of ``out``; if that fails, ``out`` is as before."""
    old = _beside(out)
    replaced = out.exists()
    if replaced:
        out.rename(old)
    try:
        new.rename(out)
    except OSError:
        if replaced:
            old.rename(out)
        raise
    sync_folder(out.parent)
    shutil.rmtree(old, ignore_errors=True)
