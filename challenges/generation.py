"""Generating a release: blocks of sky drawn in parallel, staged, and written in order.

A run that was killed goes on where it stopped: finished blocks lie in the staging folder ``.partial-<id>``.
"""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from blindsky.challenges.cards import software
from blindsky.challenges.challenge import Block, Challenge, Sky, rows
from blindsky.challenges.errors import InputFault, MissingExtra
from blindsky.challenges.files import (
    PARTIAL,
    lock,
    machine_faults,
    publish_folder,
    read_json,
    write_json,
)
from blindsky.challenges.progress import Progress, progress
from blindsky.challenges.randomness import (
    KEY_BYTES,
    TEST_ROWS,
    derive,
    keyed_uniform,
    new_key,
    object_ids,
    stream,
)
from blindsky.challenges.release import PARTS, SECRET, Release, open_release
from blindsky.challenges.writing import PUBLIC_SHARE, ReleaseWriter
from blindsky.scoring.measurements import Array, Collector, Measured, Moments, Table

WAVE = 4  # blocks in flight per worker, which bounds the memory


@dataclass(frozen=True)
class Plan:
    """What a release is made of; equal plans with equal keys give equal bytes."""

    release_id: str
    challenge: Challenge
    track: str
    size: str
    options: Mapping[str, str]
    key: bytes

    @property
    def path(self) -> str:
        """Where the release's streams begin."""
        return f"{self.release_id}/{self.challenge.name}/{self.track}/{self.size}"


@dataclass(frozen=True)
class Job:
    """One block to draw."""

    split: str
    block: int
    rows: int

    @property
    def name(self) -> str:
        """Its file in the staging folder."""
        return f"{self.split}-{self.block:07d}.npz"


def draw(plan: Plan, sky: Sky, job: Job) -> dict[str, Array]:
    """One block as flat arrays, references measured: a pure function of plan and job, run in a worker."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):  # the same sums in the same order, whatever the machine
        generator = stream(plan.key, f"{plan.path}/{job.split}/{job.block}")
        block = sky.draw(job.split, job.block, job.rows, generator)
        flat = {f"public/{name}": column for name, column in block.public.items()}
        for table, columns in block.private.items():
            flat |= {f"private/{table}/{name}": column for name, column in columns.items()}
        if block.references:
            flat |= _measure(plan, sky, job, block)
    return flat


def _measure(plan: Plan, sky: Sky, job: Job, block: Block) -> dict[str, Array]:
    first = TEST_ROWS + job.block * sky.block_rows
    ids = object_ids(plan.key, plan.release_id, np.arange(first, first + job.rows, dtype=np.int64))
    public = keyed_uniform(plan.key, f"{plan.release_id}/part", ids) < PUBLIC_SHARE
    truth: Table = {plan.challenge.prediction.key: ids}
    for columns in block.private.values():
        truth |= {name: column for name, column in columns.items() if column.ndim == 1}
    flat: dict[str, Array] = {}
    for name, prediction in block.references.items():
        measured = plan.challenge.measure(truth, prediction)
        flat |= {f"reference/{name}/rows/{key}": column for key, column in measured.rows.items()}
        for key, wide in measured.wide.items():
            for part, inside in zip(PARTS, (public, ~public), strict=True):
                moments = Moments.of(wide[inside])
                flat[f"reference/{name}/moments/{part}/{key}/n"] = np.array(moments.n)
                flat[f"reference/{name}/moments/{part}/{key}/total"] = moments.total
                flat[f"reference/{name}/moments/{part}/{key}/gram"] = moments.gram
    return flat


def _tables(flat: Mapping[str, Array], prefix: str) -> dict[str, Table]:
    found: dict[str, Table] = {}
    for path, column in flat.items():
        if path.startswith(prefix):
            table, name = path.removeprefix(prefix).split("/", 1)
            found.setdefault(table, {})[name] = column
    return found


def as_block(flat: Mapping[str, Array]) -> Block:
    """The public and private tables of a staged block."""
    public = {
        path.removeprefix("public/"): column for path, column in flat.items() if path.startswith("public/")
    }
    return Block(public, _tables(flat, "private/"))


def _collect(flat: Mapping[str, Array], part: Array, collectors: Mapping[str, Collector]) -> None:
    for name, stored in _tables(flat, "reference/").items():
        rows = {
            key.removeprefix("rows/"): column for key, column in stored.items() if key.startswith("rows/")
        }
        collectors[name].add(Measured(rows), part)
        for path in stored:
            if path.startswith("moments/") and path.endswith("/n"):
                _, label, key, _ = path.split("/")
                base = f"moments/{label}/{key}"
                moments = Moments(int(stored[path]), stored[f"{base}/total"], stored[f"{base}/gram"])
                collectors[name].fold(label, key, moments)


class Staging:
    """Finished blocks of an unfinished release."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def load(self, job: Job) -> dict[str, Array] | None:
        """A finished block, or None where it is missing or damaged."""
        try:
            with np.load(self.folder / job.name, allow_pickle=False) as stored:
                return {name: stored[name] for name in stored.files}
        except (FileNotFoundError, zipfile.BadZipFile, ValueError, EOFError, OSError):
            return None

    def store(self, job: Job, flat: Mapping[str, Array]) -> None:
        """Keep a finished block; a kill leaves all of it or nothing."""
        partial = self.folder / f"{PARTIAL}{job.name}"
        with partial.open("wb") as file:
            np.savez(file, **dict(flat))  # type: ignore[arg-type]
        partial.replace(self.folder / job.name)


def cluster_backend(address: str | None) -> AbstractContextManager[Any]:
    """Joblib's processes, or its dask backend where a scheduler's address is given."""
    if address is None:
        return nullcontext()
    try:
        from distributed import Client
    except ImportError as error:
        raise MissingExtra("distributed", "cluster", "drawing on a Dask cluster") from error
    from joblib import parallel_config

    client: Any = Client(address)  # type: ignore[no-untyped-call]

    class _Cluster(AbstractContextManager[None]):
        def __enter__(self) -> None:
            self.config = parallel_config(backend="dask")
            self.config.__enter__()

        def __exit__(self, *details: Any) -> None:
            self.config.__exit__(*details)
            client.close()

    return _Cluster()


def drawn(
    plan: Plan, sky: Sky, jobs: Iterator[Job], staging: Staging, workers: int, report: Progress
) -> Iterator[dict[str, Array]]:
    """Blocks in order, from the staging folder or drawn in waves, so that memory stays bounded."""
    from joblib import Parallel, delayed

    parallel = Parallel(n_jobs=workers)

    def wave() -> dict[Job, dict[str, Array] | None]:
        """The next blocks; None for those that lie in the staging folder already."""
        found: dict[Job, dict[str, Array] | None] = {
            job: None for _, job in zip(range(WAVE * workers), jobs, strict=False)
        }
        todo = [job for job in found if not (staging.folder / job.name).exists()]
        found.update(zip(todo, parallel(delayed(draw)(plan, sky, job) for job in todo), strict=True))
        return found

    with parallel, ThreadPoolExecutor(1) as ahead:  # the next wave is drawn while this one is written
        coming = ahead.submit(wave)
        while found := coming.result():
            coming = ahead.submit(wave)
            for job, fresh in found.items():
                if fresh is not None:
                    staging.store(job, fresh)
                report.advance(job.rows)
                yield fresh or staging.load(job) or draw(plan, sky, job)


def _jobs(split: str, total: int, block_rows: int) -> Iterator[Job]:
    for block in range(-(-total // block_rows)):
        yield Job(split, block, min(block_rows, total - block * block_rows))


def _endless(split: str, block_rows: int) -> Iterator[Job]:
    block = 0
    while True:
        yield Job(split, block, block_rows)
        block += 1


def default_id(challenge: str, track: str, size: str, key: bytes) -> str:
    """A name that tells what the release is and is its own."""
    return f"{challenge}-{track}-{size}-{derive(key, 'name').hex()[:8]}"


def generate(
    challenge: Challenge,
    track: str,
    size: str,
    folder: Path,
    *,
    release_id: str | None = None,
    key: bytes | None = None,
    options: Mapping[str, str] | None = None,
    workers: int = 1,
    cluster: str | None = None,
    device: str = "cpu",
    announce: Callable[[str], None] = lambda text: None,
) -> Release:
    """Draw a release into ``folder/<id>``; the folder appears whole.

    key : 32 secret bytes; drawn fresh where None.   workers : processes.   cluster : address of a Dask scheduler.
    device : where pixels and the references are computed.   announce : told the id before the work starts.
    A run that was killed is resumed by the same call with the same id.
    InputFault for an id that exists already or whose unfinished run was planned otherwise.
    """
    asked = challenge.on(track)
    options = {o.name: (options or {}).get(o.name, o.default) for o in challenge.options}
    if key is not None and len(key) != KEY_BYTES:
        message = f"a release key has {KEY_BYTES} bytes, got {len(key)}"
        raise InputFault(message)
    fresh = key or new_key()
    name = release_id or default_id(challenge.name, track, size, fresh)
    final, partial = folder / name, folder / f"{PARTIAL}{name}"
    if final.exists():
        message = f"release {name} exists already in {folder}. Choose another --id"
        raise InputFault(message)
    wanted: dict[str, Any] = {"id": name, "challenge": challenge.name, "track": track, "size": size}
    wanted |= {"options": options, "device": device, "blindsky": software()}
    with machine_faults(f"generating {name}", folder), lock(folder / f".{name}.lock", f"release {name}"):
        secret = _plan(partial, wanted, fresh, key is not None)
        announce(name)
        plan = Plan(name, asked, track, size, options, bytes.fromhex(secret["key"]))
        _write(plan, asked, partial, bytes.fromhex(secret["salt"]), workers, cluster, device)
        shutil.rmtree(partial / "blocks")
        (partial / "plan.json").unlink()
        publish_folder(partial, final)
    (folder / f".{name}.lock").unlink(missing_ok=True)
    return open_release(final)


def _plan(partial: Path, wanted: dict[str, Any], key: bytes, given: bool) -> dict[str, str]:
    """The secrets of a release: of its unfinished run where there is one, else fresh ones."""
    secret_file = partial / "private" / SECRET
    if (partial / "plan.json").exists() and secret_file.exists():
        found = read_json(partial / "plan.json")
        secret: dict[str, str] = read_json(secret_file)
        if found != wanted or (given and secret["key"] != key.hex()):
            message = (
                f"an unfinished run of {wanted['id']} was planned otherwise ({found}). "
                f"Repeat its command, or remove {partial}"
            )
            raise InputFault(message)
        return secret
    shutil.rmtree(partial, ignore_errors=True)
    (partial / "private").mkdir(parents=True)
    secret = {"key": key.hex(), "salt": derive(key, f"{wanted['id']}/salt").hex()}
    write_json(secret_file, secret, mode=0o600)
    write_json(partial / "plan.json", wanted)
    return secret


def _write(
    plan: Plan,
    challenge: Challenge,
    partial: Path,
    salt: bytes,
    workers: int,
    cluster: str | None,
    device: str,
) -> Release:
    track, size = challenge.tracks[0], challenge.sizes[plan.size]
    sky = challenge.sky(track, size, plan.options)
    sky.device = device
    staging = Staging(partial / "blocks")
    for leftover in ("public", "private/references"):
        shutil.rmtree(partial / leftover, ignore_errors=True)
    writer = ReleaseWriter(partial, challenge, plan.release_id, plan.key, salt)
    writer.extra(sky.files())
    collectors = {reference.name: Collector(PARTS) for reference in challenge.references}
    with cluster_backend(cluster):
        for split, total in (("train", size.train), ("test", size.test)):
            with progress(f"{plan.release_id} {split}", total, "rows") as report:
                _split(plan, sky, split, total, staging, writer, collectors, workers, report)
    return writer.finish(
        size=plan.size,
        track=track,
        options=plan.options,
        device=device,
        source={"kind": "generated"},
        collectors=collectors,
    )


def _split(
    plan: Plan,
    sky: Sky,
    split: str,
    total: int,
    staging: Staging,
    writer: ReleaseWriter,
    collectors: Mapping[str, Collector],
    workers: int,
    report: Progress,
) -> None:
    selection = sky.selection(split, total)
    if selection is not None:
        for flat in drawn(plan, sky, _endless(split, sky.block_rows), staging, workers, report):
            chosen = selection.take(as_block(flat))
            if rows(chosen.public):
                writer.add(split, chosen.public, chosen.private)
            if selection.complete():
                return
    done = 0
    for flat in drawn(plan, sky, _jobs(split, total, sky.block_rows), staging, workers, report):
        block = as_block(flat)
        n = rows(block.public)
        if split == "test":
            _collect(flat, writer.part(writer.ids(split, done, n)), collectors)
        writer.add(split, block.public, block.private)
        done += n
