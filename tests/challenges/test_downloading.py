"""Fetching a release from a folder and over http: resumed to the byte, checked to the bit, whole or not at all."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from blindsky.challenges import downloading
from blindsky.challenges.downloading import download
from blindsky.challenges.errors import BlindskyError, InputFault, MachineFault
from blindsky.challenges.files import PARTIAL
from blindsky.challenges.release import Release
from blindsky.challenges.trust import reveal, verify

BIG = "commitments/truth.bin"  # 150 x 32 bytes


@dataclass
class Server:
    """A mirror that counts what it serves, and misbehaves when told to."""

    address: str
    ranges: bool = True
    served: dict[str, int] = field(default_factory=dict)
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    cut: dict[str, int] = field(default_factory=dict)  # bodies that break off after so many bytes
    tail: dict[str, bytes] = field(default_factory=dict)  # bodies that go on after their end
    status: dict[str, int] = field(default_factory=dict)

    def total(self) -> int:
        return sum(self.served.values())


class Handler(SimpleHTTPRequestHandler):
    def log_message(self, *details: Any) -> None:
        """Nothing."""

    def do_GET(self) -> None:
        mirror: Server = self.server.mirror  # type: ignore[attr-defined]
        name = self.path.lstrip("/").removeprefix("public/")
        mirror.asked.append((name, self.headers.get("Range")))
        path = Path(self.translate_path(self.path))
        if name in mirror.status or not path.is_file():
            self.send_error(mirror.status.get(name, 404))
            return
        body = path.read_bytes() + mirror.tail.get(name, b"")
        start = 0
        if mirror.ranges and (wanted := self.headers.get("Range")):
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            if start >= len(body):
                self.send_error(416)
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        else:
            self.send_response(200)
        body = body[start:]
        if name not in mirror.tail:  # else it ends when the connection does
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        body = body[: mirror.cut.get(name, len(body))]
        mirror.served[name] = mirror.served.get(name, 0) + len(body)
        self.wfile.write(body)


@pytest.fixture
def serve() -> Iterator[Callable[[Path], Server]]:
    servers = []

    def start(folder: Path) -> Server:
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
        server.mirror = Server(f"http://127.0.0.1:{server.server_port}")  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        servers.append((server, thread))
        return server.mirror  # type: ignore[attr-defined,no-any-return]

    yield start
    for server, thread in servers:
        server.shutdown()
        server.server_close()
        thread.join()


def same(found: Path, release: Release) -> None:
    """Every public file and nothing else, byte by byte."""
    files = {p.relative_to(found): p.read_bytes() for p in found.rglob("*") if p.is_file()}
    root = release.public.root
    assert files == {p.relative_to(root): p.read_bytes() for p in root.rglob("*") if p.is_file()}


@pytest.mark.parametrize("part", ["", "public"])
def test_from_a_folder(toy_original: Release, tmp_path: Path, part: str) -> None:
    public = download(str(toy_original.root / part), tmp_path)
    assert public.root == tmp_path / "toy-original" / "public"
    assert [p.name for p in public.root.parent.iterdir()] == ["public"]
    same(public.root, toy_original)
    assert verify(public).ok


@pytest.mark.parametrize("part", ["", "public"])
@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("slash", ["", "/"])
def test_over_http(
    toy_original: Release,
    tmp_path: Path,
    serve: Callable[[Path], Server],
    part: str,
    ranges: bool,
    slash: str,
) -> None:
    mirror = serve(toy_original.root / part)
    mirror.ranges = ranges
    public = download(mirror.address + slash, tmp_path)
    same(public.root, toy_original)
    assert mirror.total() == sum(p.stat().st_size for p in public.root.rglob("*") if p.is_file())
    assert mirror.asked[-1][0] == "revealed/reveal.json"


def test_what_is_there_and_whole_is_kept(
    toy_original: Release, tmp_path: Path, serve: Callable[[Path], Server]
) -> None:
    public = download(str(toy_original.root), tmp_path)
    (public.root / "train.parquet").write_bytes(b"damaged")
    (public.root / "README.md").unlink()
    mirror = serve(toy_original.root)
    same(download(mirror.address, tmp_path).root, toy_original)
    assert set(mirror.served) == {"release.json", "train.parquet", "README.md"}


@pytest.mark.parametrize("ranges", [True, False])
def test_a_connection_that_breaks_off_is_gone_on_with(
    toy_original: Release,
    tmp_path: Path,
    serve: Callable[[Path], Server],
    ranges: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(downloading, "_CHUNK", 100)
    mirror = serve(toy_original.root)
    mirror.ranges, mirror.cut = ranges, {BIG: 1000}
    with pytest.raises(
        MachineFault,
        match=r"could not fetch http.*truth\.bin: the connection broke off\. Run the same command again to go on",
    ):
        download(mirror.address, tmp_path)
    root = tmp_path / "toy-original" / "public"
    assert not (root / BIG).exists() and not (root / "release.json").exists()
    assert (root / "commitments" / f"{PARTIAL}truth.bin").stat().st_size == 1000

    before = dict(mirror.served)
    mirror.cut = {}
    same(download(mirror.address, tmp_path).root, toy_original)
    assert (BIG, "bytes=1000-") in mirror.asked
    assert mirror.served[BIG] - before[BIG] == (3800 if ranges else 4800)
    fetched_again = {n for n in before if mirror.served[n] != before[n]}
    assert fetched_again == {"release.json", BIG}


@pytest.mark.parametrize("have", [0, 1, 4799, 4800, 5000])
@pytest.mark.parametrize("right", [True, False])
def test_what_an_earlier_run_left(
    toy_original: Release, tmp_path: Path, serve: Callable[[Path], Server], have: int, right: bool
) -> None:
    """However much was left, a right beginning is used to the byte, and a wrong one costs one more call."""
    mirror = serve(toy_original.root)
    content = (toy_original.public.root / BIG).read_bytes()
    left = tmp_path / "toy-original" / "public" / "commitments" / f"{PARTIAL}truth.bin"
    left.parent.mkdir(parents=True)
    left.write_bytes((content + bytes(200))[:have] if right else b"x" * have)
    if right or have in (0, 5000):
        same(download(mirror.address, tmp_path).root, toy_original)
        assert mirror.served.get(BIG, 0) == (4800 if have == 5000 else 4800 - have)
        return
    with pytest.raises(InputFault, match="is not the file that the manifest promises"):
        download(mirror.address, tmp_path)
    assert not left.exists()
    same(download(mirror.address, tmp_path).root, toy_original)


def test_a_mirror_that_is_shorter_than_what_is_here(
    toy_release: Release, tmp_path: Path, serve: Callable[[Path], Server]
) -> None:
    """It can't go on from there (416), so the file is fetched from its beginning."""
    whole = (toy_release.public.root / BIG).read_bytes()
    left = tmp_path / "here" / "toy-original" / "public" / "commitments" / f"{PARTIAL}truth.bin"
    left.parent.mkdir(parents=True)
    left.write_bytes(whole[:3000])
    (toy_release.public.root / BIG).write_bytes(whole[:2000])
    mirror = serve(toy_release.root)
    with pytest.raises(MachineFault, match=r"it ended after 2,000 of 4,800 bytes"):
        download(mirror.address, tmp_path / "here")
    assert [wanted for name, wanted in mirror.asked if name == BIG] == ["bytes=3000-", None]


def test_a_body_without_a_length_that_ends_early(
    toy_original: Release, tmp_path: Path, serve: Callable[[Path], Server]
) -> None:
    mirror = serve(toy_original.root)
    mirror.tail, mirror.cut = {BIG: b""}, {BIG: 4799}
    with pytest.raises(
        MachineFault, match=r"truth.bin: it ended after 4,799 of 4,800 bytes\. Run the same command"
    ):
        download(mirror.address, tmp_path)
    mirror.tail, mirror.cut = {}, {}
    same(download(mirror.address, tmp_path).root, toy_original)


def test_an_over_long_body_is_cut(
    toy_original: Release, tmp_path: Path, serve: Callable[[Path], Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloading, "_CHUNK", 1024)
    mirror = serve(toy_original.root)
    mirror.tail = {BIG: bytes(200_000_000 // 1000)}
    same(download(mirror.address, tmp_path).root, toy_original)


@pytest.mark.parametrize("http", [True, False])
def test_a_corrupted_file_is_refused_and_not_kept(
    toy_release: Release, tmp_path: Path, serve: Callable[[Path], Server], http: bool
) -> None:
    path = toy_release.public.root / BIG
    path.write_bytes(b"x" + path.read_bytes()[1:])
    source = serve(toy_release.root).address if http else str(toy_release.root)
    message = r"truth\.bin is not the file that the manifest promises \(sha256 differs\), and was not kept\. Try again"
    with pytest.raises(InputFault, match=message):
        download(source, tmp_path / "here")
    root = tmp_path / "here" / "toy-original" / "public"
    assert not [p for p in root.rglob("*truth.bin") if "train" not in p.name]
    assert not (root / "release.json").exists()


def test_a_copy_that_lacks_a_file(
    toy_release: Release, tmp_path: Path, serve: Callable[[Path], Server]
) -> None:
    (toy_release.public.root / "test.parquet").unlink()
    with pytest.raises(InputFault, match=r"lacks test\.parquet, which its manifest names\. Use another copy"):
        download(str(toy_release.root), tmp_path / "here")
    with pytest.raises(
        MachineFault, match=r"could not fetch .*test\.parquet: the server answered 404 Not Found\. Run"
    ):
        download(serve(toy_release.root).address, tmp_path / "here")


def test_a_server_that_fails(toy_original: Release, tmp_path: Path, serve: Callable[[Path], Server]) -> None:
    mirror = serve(toy_original.root)
    mirror.status = {"release.json": 500}
    with pytest.raises(MachineFault, match=r"could not fetch .*/release\.json: the server answered 500"):
        download(mirror.address, tmp_path)
    mirror.status = {"revealed/reveal.json": 403}
    with pytest.raises(MachineFault, match=r"reveal\.json: the server answered 403 Forbidden"):
        download(mirror.address, tmp_path)


def test_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(
        MachineFault,
        match=r"could not fetch http://127\.0\.0\.1:9/public/release\.json: the server can't be reached",
    ):
        download("http://127.0.0.1:9", tmp_path)
    with pytest.raises(
        InputFault, match=r"no release at .*: release\.json was found neither there nor in its folder"
    ):
        download(str(tmp_path / "nowhere"), tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["../secret", "/etc/hosts", "a/../../b", "..", "", ".", "a\\..\\b", "a\0b"])
def test_a_manifest_that_leads_outside_is_refused(toy_release: Release, tmp_path: Path, name: str) -> None:
    _change(toy_release, lambda manifest: manifest["files"][0].__setitem__("path", name))
    with pytest.raises(
        InputFault, match=r"the manifest names a file outside its folder: .* Don't use this copy"
    ):
        download(str(toy_release.root), tmp_path / "here")
    assert not (tmp_path / "here").exists()


@pytest.mark.parametrize("identity", ["../up", "a/b", "/tmp/x", "..", ".hidden", ""])
def test_an_id_that_leads_outside_is_refused(toy_release: Release, tmp_path: Path, identity: str) -> None:
    _change(toy_release, lambda manifest: manifest.__setitem__("id", identity))
    with pytest.raises(InputFault, match="can't be the id of a release"):
        download(str(toy_release.root), tmp_path / "here")
    assert not (tmp_path / "here").exists()


@pytest.mark.parametrize("content", [b"", b"[]", b"5", b"<html>", b'{"id": "x"}', b"\xff", b"[" * 100_000])
def test_a_manifest_that_is_none(toy_release: Release, tmp_path: Path, content: bytes) -> None:
    (toy_release.public.root / "release.json").write_bytes(content)
    with pytest.raises(InputFault, match="Check the address"):
        download(str(toy_release.root), tmp_path / "here")


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"path": "a"},
        {"path": "a", "bytes": -1, "sha256": "0" * 64},
        {"path": "a", "bytes": 1, "sha256": "x"},
        5,
    ],
)
def test_a_list_of_files_that_is_none(toy_release: Release, tmp_path: Path, entry: Any) -> None:
    _change(toy_release, lambda manifest: manifest["files"].append(entry))
    with pytest.raises(InputFault, match="lists a file without path, bytes and sha256"):
        download(str(toy_release.root), tmp_path / "here")


def _change(release: Release, change: Callable[[dict[str, Any]], Any]) -> None:
    path = release.public.root / "release.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))


def test_a_manifest_without_end_is_not_read(
    toy_original: Release, tmp_path: Path, serve: Callable[[Path], Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloading, "_SMALL_BYTES", 1000)
    with pytest.raises(InputFault, match=r"release\.json is longer than 1,000 bytes"):
        download(serve(toy_original.root).address, tmp_path)


def test_another_release_of_that_id_is_left_alone(toy_release: Release, tmp_path: Path) -> None:
    public = download(str(toy_release.root), tmp_path / "here")
    _change(toy_release, lambda manifest: manifest.__setitem__("created", "2031-01-01T00:00:00Z"))
    with pytest.raises(
        InputFault, match=r"another release toy-original lies in .* already\. Download into another"
    ):
        download(str(toy_release.root), tmp_path / "here")
    assert public.manifest["created"] != "2031-01-01T00:00:00Z" and verify(public).ok


@pytest.mark.parametrize("http", [True, False])
def test_the_truth_is_fetched_once_it_is_revealed(
    toy_release: Release, tmp_path: Path, serve: Callable[[Path], Server], http: bool
) -> None:
    source = serve(toy_release.root).address if http else str(toy_release.root)
    public = download(source, tmp_path / "here")
    assert not public.revealed
    reveal(toy_release)
    again = download(source, tmp_path / "here")
    assert again.revealed
    same(again.root, toy_release)
    verdict = verify(again)
    assert verdict.ok and verdict.hidden_rows == 400


def test_a_hostile_reveal(toy_release: Release, tmp_path: Path) -> None:
    path = reveal(toy_release) / "reveal.json"
    opened = json.loads(path.read_text())
    opened["files"][0]["path"] = "../../../stolen"
    path.write_text(json.dumps(opened))
    with pytest.raises(InputFault, match="the manifest names a file outside its folder"):
        download(str(toy_release.root), tmp_path / "here")
    path.write_text("[1]")
    with pytest.raises(InputFault, match=r"reveal\.json is not readable as a JSON object"):
        download(str(toy_release.root), tmp_path / "here")


def test_nothing_half_written_is_visible(
    toy_original: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever file the download stops at, there is no manifest, and the next call completes."""
    fetch = downloading._fetch
    n = len(toy_original.public.manifest["files"])
    for stop in range(n):
        calls = iter(range(n))

        def stopping(*details: Any, stop: int = stop, calls: Iterator[int] = calls) -> None:
            if next(calls) == stop:
                raise MachineFault("stopped")
            fetch(*details)

        with monkeypatch.context() as patch:
            patch.setattr(downloading, "_fetch", stopping)
            with pytest.raises(BlindskyError, match="stopped"):
                download(str(toy_original.root), tmp_path / str(stop))
        assert not (tmp_path / str(stop) / "toy-original" / "public" / "release.json").exists()
        same(download(str(toy_original.root), tmp_path / str(stop)).root, toy_original)
        shutil.rmtree(tmp_path / str(stop))
