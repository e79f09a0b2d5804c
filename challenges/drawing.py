"""Blocks of sky and pieces of files made by workers: what a job is, how it is drawn, and jobs in parallel.

Each is a pure function of the plan and the job, so that the bytes are the same for any number of workers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from blindsky.challenges.blocks import flatten
from blindsky.challenges.challenge import Challenge
from blindsky.challenges.errors import MachineFault, MissingExtra
from blindsky.challenges.randomness import Streams, keyed_uniform, stream
from blindsky.challenges.release import PARTS, case_ids
from blindsky.challenges.skies import Block, FieldSky, Ragged, Sky, StratifiedSky
from blindsky.challenges.staging import Staging
from blindsky.challenges.writing import PUBLIC_SHARE
from blindsky.scoring.measurements import Array, Moments, Table

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


AnySky = Sky | StratifiedSky | FieldSky


def draw(plan: Plan, sky: AnySky, job: Job) -> dict[str, Array]:
    """One block as flat arrays, references measured: a pure function of plan and job, run in a worker."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):  # the same sums in the same order, whatever the machine
        if isinstance(sky, FieldSky):
            streams = Streams(plan.key, f"{plan.path}/{job.split}")
            return flatten(sky.draw(job.split, job.block, job.rows, streams))
        generator = stream(plan.key, "/".join([plan.path, *job.path, str(job.block)]))
        if isinstance(sky, StratifiedSky):
            return flatten(sky.draw(job.split, str(job.stratum), job.block, generator))
        block = sky.draw(job.split, job.block, job.rows, generator)
        flat = flatten(block)
        if block.references:
            flat |= _measure(plan, sky, job, block)
    return flat


def paint(plan: Plan, sky: FieldSky, folder: Path, job: Job) -> dict[str, Array]:
    """One piece of the files of a field, written where it belongs: run in a worker."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        return sky.paint(folder, job.split, job.block, Streams(plan.key, f"{plan.path}/{job.split}"))


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
    make: Callable[[Job], dict[str, Array]], jobs: Iterator[Job], staging: Staging, workers: int
) -> Iterator[tuple[Job, dict[str, Array]]]:
    """Blocks in the order of their jobs, from the staging folder or made in waves, so that memory stays bounded."""
    from joblib import Parallel, delayed, effective_n_jobs

    parallel = Parallel(n_jobs=workers)
    in_flight = WAVE * effective_n_jobs(workers)

    def wave() -> dict[Job, dict[str, Array] | None]:
        """The next blocks; None for those that lie in the staging folder already."""
        found: dict[Job, dict[str, Array] | None] = dict.fromkeys(islice(jobs, in_flight))
        todo = [job for job in found if not staging.has(job.name)]
        found.update(zip(todo, parallel(delayed(make)(job) for job in todo), strict=True))
        return found

    with parallel, ThreadPoolExecutor(1) as ahead:  # the next wave is drawn while this one is written
        coming = ahead.submit(wave)
        while found := coming.result():
            coming = ahead.submit(wave)
            for job, fresh in found.items():
                if fresh is not None:
                    staging.store(job.name, fresh)
                yield job, fresh or staging.load(job.name) or make(job)
