"""Generating a release: blocks of sky drawn in parallel, staged, and written in order.

A run that was killed goes on where it stopped: finished blocks lie in the staging folder ``.partial-<id>``.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import Any

import numpy as np

from blindsky.challenges import registry
from blindsky.challenges.blocks import flatten, tables_of, unflatten
from blindsky.challenges.cards import software
from blindsky.challenges.challenge import Challenge, Option, rows
from blindsky.challenges.errors import InputFault, MachineFault, MissingExtra
from blindsky.challenges.files import PARTIAL, lock, machine_faults, publish_folder, read_json, write_json
from blindsky.challenges.manifest import check_id
from blindsky.challenges.progress import Progress, progress
from blindsky.challenges.randomness import (
    KEY_BYTES,
    derive,
    keyed_uniform,
    new_key,
    stream,
)
from blindsky.challenges.release import PARTS, SECRET, Release, case_ids, open_release, read_key, write_key
from blindsky.challenges.skies import Block, Ragged, Sky, StratifiedSky
from blindsky.challenges.sorting import Sorter
from blindsky.challenges.staging import Staging
from blindsky.challenges.strata import fillings
from blindsky.challenges.writing import PUBLIC_SHARE, ReleaseWriter
from blindsky.scoring.measurements import Array, Collector, Measured, Moments, Table

DRAFT = "release"  # folder that becomes the release; beside it lie plan, key and finished blocks
SORTING = "sorting"  # folder of rows that wait to be sorted
WAVE = 4  # blocks in flight per worker, which bounds the memory


@dataclass(frozen=True)
class Plan:
    """What a release is made of, ``challenge`` as its track asks it; equal plans give equal bytes."""

    release_id: str
    challenge: Challenge
    size: str
    options: Mapping[str, str]
    key: bytes

    @property
    def path(self) -> str:
        """Where the release's streams begin."""
        return f"{self.release_id}/{self.challenge.name}/{self.challenge.tracks[0].name}/{self.size}"


@dataclass(frozen=True)
class Job:
    """One block to draw; how many rows a ``stratum`` finds in it shows when it is drawn."""

    split: str
    block: int
    rows: int
    stratum: str | None = None

    @property
    def path(self) -> tuple[str, ...]:
        """Split and stratum."""
        return (self.split,) if self.stratum is None else (self.split, self.stratum)

    @property
    def name(self) -> str:
        """Its file in the staging folder."""
        return f"{'-'.join(self.path)}-{self.block:07d}"


AnySky = Sky | StratifiedSky


def draw(plan: Plan, sky: AnySky, job: Job) -> dict[str, Array]:
    """One block as flat arrays, references measured: a pure function of plan and job, run in a worker."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):  # the same sums in the same order, whatever the machine
        generator = stream(plan.key, "/".join([plan.path, *job.path, str(job.block)]))
        if isinstance(sky, StratifiedSky):
            return flatten(sky.draw(job.split, str(job.stratum), job.block, generator))
        block = sky.draw(job.split, job.block, job.rows, generator)
        flat = flatten(block)
        if block.references:
            flat |= _measure(plan, sky, job, block)
    return flat


def _measure(plan: Plan, sky: Sky, job: Job, block: Block) -> dict[str, Array]:
    first = job.block * sky.block_rows
    ids = case_ids(plan.challenge, plan.key, plan.release_id, job.split, first, job.rows)
    public = keyed_uniform(plan.key, f"{plan.release_id}/part", ids) < PUBLIC_SHARE
    truth: Table = {plan.challenge.prediction.key: ids}
    for columns in block.private.values():
        truth |= {name: column for name, column in columns.items() if column.ndim == 1}
    flat: dict[str, Array] = {}
    for name, prediction in block.references.items():
        if isinstance(prediction, Ragged):
            beside = {name: block.public[name] for name in plan.challenge.beside}
            measured = plan.challenge.measure(beside | truth, block.hidden, prediction)
            flat[f"reference/{name}/case"] = np.asarray(measured.case)
        else:
            measured = plan.challenge.measure(truth, prediction)
        flat |= {f"reference/{name}/rows/{key}": column for key, column in measured.rows.items()}
        for key, wide in measured.wide.items():
            for part, inside in zip(PARTS, (public, ~public), strict=True):
                moments = Moments.of(wide[inside])
                flat[f"reference/{name}/moments/{part}/{key}/n"] = np.array(moments.n)
                flat[f"reference/{name}/moments/{part}/{key}/total"] = moments.total
                flat[f"reference/{name}/moments/{part}/{key}/gram"] = moments.gram
    return flat


def _collect(flat: Mapping[str, Array], part: Array, collectors: Mapping[str, Collector]) -> None:
    for name, stored in tables_of(flat, "reference/").items():
        measured = {
            key.removeprefix("rows/"): column for key, column in stored.items() if key.startswith("rows/")
        }
        collectors[name].add(Measured(measured, case=stored.get("case")), part)
        for path in stored:
            if path.startswith("moments/") and path.endswith("/n"):
                _, label, key, _ = path.split("/")
                base = f"moments/{label}/{key}"
                moments = Moments(int(stored[path]), stored[f"{base}/total"], stored[f"{base}/gram"])
                collectors[name].fold(label, key, moments)


@contextmanager
def backend(address: str | None) -> Iterator[None]:
    """Joblib's processes, or its dask backend where a scheduler's address is given."""
    if address is None:
        yield
        return
    try:
        from distributed import Client
    except ImportError as error:
        raise MissingExtra("distributed", "cluster", "drawing on a Dask cluster") from error
    from joblib import parallel_config

    try:
        client: Any = Client(address)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        message = f"no Dask scheduler answers at {address} ({error}). Check the address, and that it runs"
        raise MachineFault(message) from error
    with client, parallel_config(backend="dask"):
        yield


def drawn(
    plan: Plan, sky: AnySky, jobs: Iterator[Job], staging: Staging, workers: int
) -> Iterator[tuple[Job, dict[str, Array]]]:
    """Blocks in the order of their jobs, from the staging folder or drawn in waves, so that memory stays bounded."""
    from joblib import Parallel, delayed, effective_n_jobs

    parallel = Parallel(n_jobs=workers)
    in_flight = WAVE * effective_n_jobs(workers)

    def wave() -> dict[Job, dict[str, Array] | None]:
        """The next blocks; None for those that lie in the staging folder already."""
        found: dict[Job, dict[str, Array] | None] = dict.fromkeys(islice(jobs, in_flight))
        todo = [job for job in found if not staging.has(job.name)]
        found.update(zip(todo, parallel(delayed(draw)(plan, sky, job) for job in todo), strict=True))
        return found

    with parallel, ThreadPoolExecutor(1) as ahead:  # the next wave is drawn while this one is written
        coming = ahead.submit(wave)
        while found := coming.result():
            coming = ahead.submit(wave)
            for job, fresh in found.items():
                if fresh is not None:
                    staging.store(job.name, fresh)
                yield job, fresh or staging.load(job.name) or draw(plan, sky, job)


def _jobs(split: str, total: int, block_rows: int) -> Iterator[Job]:
    for block in range(-(-total // block_rows)):
        yield Job(split, block, min(block_rows, total - block * block_rows))


def _endless(split: str, block_rows: int) -> Iterator[Job]:
    return (Job(split, block, block_rows) for block in count())


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
    InputFault for a track, size or option that there is none of, for an id that exists already, or one whose
    unfinished run was planned otherwise.
    """
    asked = challenge.on(registry.track(challenge, track).name)
    chosen = _choices(asked, size, options or {})
    if key is not None and len(key) != KEY_BYTES:
        message = f"a release key has {KEY_BYTES} bytes, got {len(key)}"
        raise InputFault(message)
    sky = asked.sky(asked.tracks[0], asked.sizes[size], chosen)
    sky.device = device
    fresh = new_key() if key is None else key
    name = check_id(release_id or default_id(challenge.name, track, size, fresh))
    final, work = folder / name, folder / f"{PARTIAL}{name}"
    wanted: dict[str, Any] = {"id": name, "challenge": challenge.name, "track": track, "size": size}
    wanted |= {"options": chosen, "device": device, "blindsky": software()}
    with machine_faults(f"generating {name}", folder), lock(folder / f".{name}.lock", f"release {name}"):
        if final.exists():
            shutil.rmtree(work, ignore_errors=True)  # of a run that was killed at the very end
            message = f"release {name} exists already in {folder}. Choose another --id"
            raise InputFault(message)
        plan = Plan(name, asked, size, chosen, _planned(work, wanted, fresh, key is not None))
        announce(name)
        _write(plan, sky, work, workers, cluster)
        publish_folder(work / DRAFT, final)
        shutil.rmtree(work)
    return open_release(final)


def _choices(challenge: Challenge, size: str, given: Mapping[str, str]) -> dict[str, str]:
    """Every option of the generator with its value; InputFault for what there is none of."""
    if size not in challenge.sizes:
        hint = registry.nearest(size, tuple(challenge.sizes))
        message = f"{challenge.name} has no size {size!r}: {hint}Known are: {', '.join(challenge.sizes)}"
        raise InputFault(message)
    values = {o.name: o.values for o in challenge.options}
    for name, value in given.items():
        if name not in values or (values[name] and value not in values[name]):
            known = "; ".join(f"{n}={'|'.join(v) or 'TEXT'}" for n, v in values.items()) or "none"
            message = f"{challenge.name} has no option {name}={value}. Known are: {known}"
            raise InputFault(message)
    return {o.name: given.get(o.name, o.default) for o in challenge.options}


def _published(option: Option, value: str) -> str:
    """What a release says of an option; free text, such as a path of the organiser's machine, is not for everybody."""
    return value if option.values or not value else "given"


def _planned(work: Path, wanted: dict[str, Any], key: bytes, given: bool) -> bytes:
    """The key of a release: that of its unfinished run where there is one, else the one at hand."""
    plan, secret = work / "plan.json", work / SECRET
    if plan.exists():
        found, known = read_json(plan), read_key(secret)
        if found != wanted or (given and known != key):
            differs = [name for name in wanted if found.get(name) != wanted[name]] or ["key"]
            message = (
                f"an unfinished run of {wanted['id']} was planned with another {', '.join(differs)}. "
                f"Repeat its command, choose another --id, or remove {work}"
            )
            raise InputFault(message)
        return known
    shutil.rmtree(work, ignore_errors=True)
    write_key(secret, key)
    write_json(plan, wanted)
    return key


def _write(plan: Plan, sky: AnySky, work: Path, workers: int, cluster: str | None) -> None:
    from threadpoolctl import threadpool_limits

    challenge, size = plan.challenge, plan.challenge.sizes[plan.size]
    staging = Staging(work / "blocks")
    shutil.rmtree(work / DRAFT, ignore_errors=True)
    collectors = {reference.name: Collector(PARTS) for reference in challenge.references}
    # Here too: a limit set in the thread that draws ahead may not hold where this one has set its own
    with threadpool_limits(1), ReleaseWriter(work / DRAFT, challenge, plan.release_id, plan.key) as writer:
        if isinstance(sky, StratifiedSky):
            sky.prepare(stream(plan.key, f"{plan.path}/sky"))
        writer.extra(sky.files())
        with backend(cluster):
            for split, total in (("train", size.train), ("test", size.test)):
                if isinstance(sky, StratifiedSky):
                    _stratified(plan, sky, split, total, work / SORTING, staging, writer, workers)
                    continue
                with progress(f"{plan.release_id} {split}", total, "rows") as report:
                    _split(plan, sky, split, total, staging, writer, collectors, workers, report)
        writer.finish(
            size=plan.size,
            options={o.name: _published(o, plan.options[o.name]) for o in challenge.options},
            device=sky.device,
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
    jobs = _endless(split, sky.block_rows) if selection else _jobs(split, total, sky.block_rows)
    for _, flat in drawn(plan, sky, jobs, staging, workers):
        block = unflatten(flat)
        if selection:
            block = selection.take(block)
        elif split == "test":
            ids = writer.ids(split, writer.rows(split), rows(block.public))
            _collect(flat, writer.part(ids), collectors)
        writer.add(split, block)
        report.advance(rows(block.public))
        if selection and selection.complete():
            return


def _stratified(
    plan: Plan,
    sky: StratifiedSky,
    split: str,
    total: int,
    folder: Path,
    staging: Staging,
    writer: ReleaseWriter,
    workers: int,
) -> None:
    """Draw the strata of a split in rounds until each has its rows, then write them in the order of their ids."""
    if plan.challenge.first_id is not None:
        message = (
            f"{plan.challenge.name} is drawn by strata: ids that count from first_id would tell them apart"
        )
        raise ValueError(message)
    strata = fillings(sky.strata(split), total)
    sorter = Sorter(folder, total)
    with progress(f"{plan.release_id} {split}", total, "rows") as report:
        while jobs := [Job(split, block, 0, name) for name, f in strata.items() for block in f.ask()]:
            for job, flat in drawn(plan, sky, iter(jobs), staging, workers):
                first, block = strata[str(job.stratum)].take(unflatten(flat))
                n = rows(block.public)
                sorter.add(writer.ids(split, first, n), block)
                report.advance(n)
    with progress(f"{plan.release_id} {split} sorted", total, "rows") as report:
        for ids, block in sorter.drain():
            writer.add(split, block, ids)
            report.advance(len(ids))
