"""Generating a release: blocks of sky drawn in parallel, staged, and written in order.

A run that was killed goes on where it stopped: finished blocks lie in the staging folder ``.partial-<id>``.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from blindsky.challenges import registry
from blindsky.challenges.blocks import merge, tables_of, unflatten
from blindsky.challenges.cards import software
from blindsky.challenges.challenge import Challenge, Option, rows
from blindsky.challenges.drawing import AnySky, Job, Plan, backend, draw, drawn, paint
from blindsky.challenges.errors import InputFault
from blindsky.challenges.files import (
    PARTIAL,
    hand_over,
    lock,
    machine_faults,
    publish_folder,
    read_json,
    write_json,
)
from blindsky.challenges.manifest import check_id
from blindsky.challenges.progress import Progress, progress
from blindsky.challenges.randomness import (
    KEY_BYTES,
    Streams,
    derive,
    new_key,
    stream,
)
from blindsky.challenges.release import PARTS, SECRET, TRUTH, Release, open_release, read_key, write_key
from blindsky.challenges.skies import FieldSky, Sky, StratifiedSky
from blindsky.challenges.sorting import Sorter
from blindsky.challenges.staging import PLAN, Staging
from blindsky.challenges.strata import fillings
from blindsky.challenges.writing import ReleaseWriter
from blindsky.scoring.measurements import Array, Collector, Measured, Moments, Table

DRAFT = "release"  # folder that becomes the release; beside it lie plan, key and finished blocks
FILES = "files"  # folder of the files of a field, painted piece by piece
PIECE = "piece"
SORTING = "sorting"  # folder of rows that wait to be sorted


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
    plan, secret = work / PLAN, work / SECRET
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
                elif isinstance(sky, FieldSky):
                    _cases(plan, sky, split, total, staging, writer, collectors, workers)
                else:
                    with progress(f"{plan.release_id} {split}", total, "rows") as report:
                        _split(plan, sky, split, total, staging, writer, collectors, workers, report)
            if isinstance(sky, FieldSky):
                writer.extra(sky.painted(_painted(plan, sky, work / FILES, staging, workers)))
                hand_over(work / FILES, writer.public)
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
    for _, flat in drawn(partial(draw, plan, sky), jobs, staging, workers):
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


def _cases(
    plan: Plan,
    sky: FieldSky,
    split: str,
    total: int,
    staging: Staging,
    writer: ReleaseWriter,
    collectors: Mapping[str, Collector],
    workers: int,
) -> None:
    """The tables of a field, and what the references make of it, which see it whole."""
    jobs = _jobs(split, total, sky.block_rows)
    found = [unflatten(flat) for _, flat in drawn(partial(draw, plan, sky), jobs, staging, workers)]
    block = merge(found)
    ids = writer.ids(split, 0, total)
    writer.add(split, block)
    if split != "test":
        return
    challenge, part = plan.challenge, writer.part(ids)
    key = challenge.prediction.key
    public = {split: {key: ids, **block.public}, **sky.files()}
    known: dict[str, Table] = {name: {key: ids, **table} for name, table in block.private.items()}
    known[TRUTH]["part"] = part
    known |= {n: {key: np.repeat(ids, r.counts), **r.columns} for n, r in block.hidden.items()}
    known |= {name: dict(public[name]) for name in challenge.beside if name in public}
    streams = Streams(plan.key, f"{plan.path}/{split}")
    for name, prediction in sky.references(known, streams).items():
        collectors[name].add(challenge.measure(known, prediction), part)


def _painted(
    plan: Plan, sky: FieldSky, folder: Path, staging: Staging, workers: int
) -> dict[str, list[Table]]:
    """Paint the files of both splits; what each piece left."""
    found: dict[str, list[Table]] = {}
    for split in ("train", "test"):
        here = folder / split
        if not here.exists():  # pieces of files that are gone are painted again
            staging.drop(f"{split}-{PIECE}-")
        here.mkdir(parents=True, exist_ok=True)
        sizes = sky.lay(here, split)
        jobs = (Job(split, piece, size, PIECE) for piece, size in enumerate(sizes))
        with progress(f"{plan.release_id} {split}", sum(sizes), "bytes") as report:
            found[split] = []
            for job, flat in drawn(partial(paint, plan, sky, here), jobs, staging, workers):
                found[split].append(flat)
                report.advance(job.rows)
    return found


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
            for job, flat in drawn(partial(draw, plan, sky), iter(jobs), staging, workers):
                first, block = strata[str(job.stratum)].take(unflatten(flat))
                n = rows(block.public)
                sorter.add(writer.ids(split, first, n), block)
                report.advance(n)
    with progress(f"{plan.release_id} {split} sorted", total, "rows") as report:
        for ids, block in sorter.drain():
            writer.add(split, block, ids)
            report.advance(len(ids))
