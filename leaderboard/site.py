"""The static site: plain data in, a folder of pages out, written whole or not at all.

Every page carries its style and script and asks no other host for anything; it reads from ``file://``.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from blindsky.challenges.errors import InputFault
from blindsky.challenges.files import PARTIAL, machine_faults, sync_file, sync_folder
from blindsky.leaderboard import about, boards, compare, exports, feed, pages, question
from blindsky.leaderboard.boards import BoardTable, EntryView, ReleaseView

__all__ = ["MARKER", "EntryView", "ReleaseView", "build", "render"]

MARKER = ".blindsky-site"  # says that a folder is a site of ours and may be replaced


Files = dict[str, str | bytes]  # by path in a folder


class Section(NamedTuple):
    """One release of the site: what it asks, the boards of the part that ranks, its files, how many entries wait.

    undrawn : of entries by id, why their pictures can't be drawn.
    """

    release: ReleaseView
    tables: tuple[BoardTable, ...]
    files: Mapping[str, str | bytes]
    entries: int
    waiting: int
    undrawn: Mapping[str, str]


def build(out: Path, releases: Sequence[ReleaseView]) -> None:
    """Write the site to ``out``, replacing an older one as a whole.

    InputFault where ``out`` is something else than a site of ours or an empty folder, or where ids come
    twice; MachineFault where the disk refuses.
    """
    check_replaceable(out)
    write(out, render(releases))


def render(releases: Sequence[ReleaseView]) -> Files:
    """Every file of the site by its path in the folder. The same data give the same bytes."""
    home = homes(releases)
    return assemble([section(r, home[r.question.name]) for r in releases])


def homes(releases: Iterable[ReleaseView]) -> dict[str, str]:
    """The folder of each challenge by its name."""
    return pages.file_names({r.question.name for r in releases})


def assemble(sections: Sequence[Section]) -> Files:
    """Every file of the site from those of each release; entries are read no more."""
    _check_distinct([s.release.release_id for s in sections], "releases")
    ordered = sorted(sections, key=lambda s: _order(s.release))
    releases = [(s.release, s.tables) for s in ordered]
    home = homes(release for release, _ in releases)
    folders = pages.file_names((r.release_id for r, _ in releases), taken=home.values())
    files: Files = {MARKER: json.dumps({"blindsky": "site", "schema": 1}) + "\n"}
    for one in ordered:
        files |= {f"{folders[one.release.release_id]}/{name}": content for name, content in one.files.items()}
    files |= question.pages_above(releases, home, folders)
    files |= {"about.html": about.about_page(), "feed.xml": feed.feed(releases, folders)}
    return files


def section(release: ReleaseView, home: str) -> Section:
    """The files of one release. ``home`` is the folder of its challenge."""
    entries = boards.current(release)
    _check_distinct([boards.entry_id(e) for e in release.entries], f"entries of release {release.release_id}")
    taken = [pages.whole_stem(board.name) for board in release.challenge.boards]
    names = pages.file_names((boards.entry_id(e) for e in entries), taken)
    tables = {part: boards.board_tables(release, part) for part in pages.BOARD_PARTS[release.status]}
    aside = boards.asides(release)
    files = exports.files(release, [table for part in tables.values() for table in part], aside)
    files["index.html"] = pages.release_page(
        release, tables, aside, names, home=home, commands=question.commands(release), downloads=tuple(files)
    )
    files |= pages.more_pages(release, tables, names, home)
    if release.data_card:
        files["card.html"] = question.card_page(release, home)
    files |= compare.files(release, tables[release.parts[0]], names, home)
    for entry in entries:
        files[f"{names[boards.entry_id(entry)]}.html"] = pages.entry_page(release, entry, tables, names, home)
    waiting = sum(a.state in ("waiting", "outdated") for a in aside)
    return Section(release, tables[release.parts[0]], files, len(release.entries), waiting, release.undrawn)


def write(out: Path, files: Mapping[str, str | bytes]) -> None:
    """Put the files in the place of ``out``; those that stay as they were are linked, not written again."""
    out = out.resolve()
    check_replaceable(out)
    partial = _beside(out)
    with machine_faults("writing the site", out.parent):
        try:
            for name, content in files.items():
                _write(partial / name, content.encode() if isinstance(content, str) else content, out / name)
            _replace(out, partial)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


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


def check_replaceable(out: Path) -> None:
    """InputFault where ``out`` is neither a site of ours, nor empty, nor free."""
    out = out.resolve()
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


def _write(path: Path, content: bytes, old: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(OSError):  # no such file, or a disk without links
        if old.stat().st_size == len(content) and old.read_bytes() == content:
            os.link(old, path)
            return
    path.write_bytes(content)
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
