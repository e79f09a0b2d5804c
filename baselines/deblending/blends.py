"""Blends as the methods here see them: what is asked, which galaxies are listed, and answers of several rows a blend.

Every method answers blend by blend, so that memory holds the pixels of a few of them at any size.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from blindsky.challenges.challenge import rows
from blindsky.challenges.prediction import ITEMS, NOTHING
from blindsky.challenges.release import Public
from blindsky.challenges.skies import Ragged
from blindsky.challenges.tables import Groups, column_names
from blindsky.scoring.measurements import Array, Table

Image = NDArray[np.float32]

KEY = "blend_id"
BETA = 3.0  # index of the Moffat profile where a camera doesn't say
MASK = {
    True: 1.0,
    False: 3.0,
}  # rms from which on pixels are a galaxy's, where a camera doesn't say; one band, many
REACH = 4.0  # a smoothing kernel ends there, in units of its width


@dataclass(frozen=True)
class Camera:
    """One camera.

    bands : in the order on disk.   reference : place of the reference band.   pixel : arcsec.   beta : index of the
    PSF, a Moffat profile.   mask : rms from which on pixels are a galaxy's.
    """

    bands: tuple[str, ...]
    reference: int
    pixel: float
    beta: float
    mask: float


def camera(public: Public) -> Camera:
    """The camera of a release's blends."""
    told = public.json("cameras")
    one = told["cameras"][0]
    bands = tuple(one["bands"])
    return Camera(
        bands,
        bands.index(told["reference"]),
        float(one["pixel_arcsec"]),
        float(one.get("psf", {}).get("beta", BETA)),
        float(one.get("mask_sigma", MASK[len(bands) == 1])),
    )


class Listed:
    """The galaxies that a release lists for its test blends, found by blend; one part of the file is in memory."""

    def __init__(self, public: Public) -> None:
        path = public.path(ITEMS)
        self._groups, self._names = Groups.of(path), column_names(path)
        self._low, self._high = self._groups.ends(KEY)

    @property
    def placed(self) -> bool:
        """Whether their places are told."""
        return {"x", "y"} <= set(self._names)

    def of(self, ids: Array) -> Ragged:
        """Those of some blends (n,), in that order, each blend's in the order of the file."""
        near = np.flatnonzero((self._high >= ids.min()) & (self._low <= ids.max()))
        parts = [self._groups.read(int(k)) for k in near] or [self._groups.read(0)]
        table = {name: np.concatenate([part[name] for part in parts]) for name in self._names}
        order = np.argsort(ids)
        place = np.minimum(np.searchsorted(ids, table[KEY], sorter=order), len(ids) - 1)
        blend = order[place]
        mine = np.flatnonzero(ids[blend] == table[KEY])
        rows = mine[np.argsort(blend[mine], kind="stable")]
        counts = np.bincount(blend[rows], minlength=len(ids)).astype(np.int64)
        return Ragged(counts, {name: column[rows] for name, column in table.items()})


@cache
def _kernel(size: int, width: float) -> Image:
    """Smoothing of a line of pixels as a matrix (size, size); beyond the stamp there is no light."""
    step = np.subtract.outer(np.arange(size), np.arange(size)) / width
    kernel = np.where(np.abs(step) <= REACH, np.exp(-(step**2) / 2), 0)
    middle = kernel[size // 2].sum()
    return np.asarray(kernel / middle, dtype=np.float32)


def smooth(light: Image, width: float) -> Image:
    """Light (N, N) convolved with a Gaussian, ``width`` in pixels."""
    kernel = _kernel(len(light), width)
    return np.asarray(kernel @ light @ kernel, dtype=np.float32)


@dataclass(frozen=True)
class Task:
    """What a track asks of a blend.

    fluxes : columns of the prediction, by band.   listed : its galaxies, where the release lists them; None where they
    are to be found, at most ``most`` of them.   fields : further columns that the prediction may have.
    """

    camera: Camera
    fluxes: tuple[str, ...]
    fields: tuple[str, ...]
    item: str
    listed: Listed | None
    most: int


def task(public: Public) -> Task:
    """What a release asks."""
    asked, seen = public.challenge.prediction, camera(public)
    item = asked.item
    if item is None:
        message = "expected a prediction of several rows a blend"
        raise ValueError(message)
    one = "flux" in asked.names
    fluxes = ("flux",) if one else tuple(f"flux_{band}" for band in seen.bands)
    fields = tuple(name for name in asked.names if name not in (*asked.keys, *fluxes))
    listed = Listed(public) if item.most is None else None
    return Task(seen, fluxes, fields, item.name, listed, item.most or 0)


Galaxies = Callable[[Table, Table], Table]


def each(found: Galaxies, test: Table, listed: Ragged | None, workers: int) -> list[Table]:
    """``found`` for blend after blend, in threads: of the columns of a blend and what is told of its galaxies."""
    from threadpoolctl import threadpool_limits

    n = rows(test)
    ends = np.zeros(n, np.int64) if listed is None else np.cumsum(listed.counts)
    starts = ends if listed is None else ends - listed.counts

    def one(k: int) -> Table:
        told = {} if listed is None else {c: v[starts[k] : ends[k]] for c, v in listed.columns.items()}
        return found({name: column[k] for name, column in test.items()}, told)

    # Threads of BLAS inside ours would only wait for each other
    with threadpool_limits(1), ThreadPoolExecutor(workers) as pool:
        return list(pool.map(one, range(n)))


def answer(task: Task, test: Table, found: Galaxies, workers: int = 1) -> Table:
    """The rows of the prediction for some test blends.

    found : (columns of a blend, what is told of its galaxies) -> ``flux`` (m, bands), 0 where nothing was seen, and
    what else of ``task.fields`` it knows, (m, ...), a row for each galaxy told or found. Of those that were to be found
    the ones without light in the reference band are left out; a blend without any has one row, numbered -1 and empty.
    """
    ids = test[KEY]
    listed = None if task.listed is None else task.listed.of(ids)
    galaxies = each(found, test, listed, workers)
    if listed is not None:
        keys = {KEY: np.repeat(ids, listed.counts), task.item: listed.columns[task.item].astype(np.int64)}
        return keys | _columns(task, galaxies)
    seen = [g["flux"][:, task.camera.reference] > 0 for g in galaxies]
    kept = [{name: column[s] for name, column in g.items()} for g, s in zip(galaxies, seen, strict=True)]
    counts = np.array([s.sum() for s in seen])
    number = [np.arange(c) if c else np.array([NOTHING]) for c in counts]
    keys = {KEY: np.repeat(ids, np.maximum(counts, 1)), task.item: np.concatenate(number)}
    return keys | _columns(task, [g if c else _empty(g) for g, c in zip(kept, counts, strict=True)])


def nothing(image: Image) -> Table:
    """No galaxy on an image (bands, N, N)."""
    none, alone = np.zeros((0, len(image))), np.zeros((0, *image.shape[1:]), dtype=np.float32)
    return {"x": none[:, 0], "y": none[:, 0], "flux": none, "mask": alone.astype(np.uint8), "image": alone}


def _empty(galaxies: Table) -> Table:
    """The row of a blend without galaxies: numbers are missing, images dark."""
    numbers = {c: np.full((1, *v.shape[1:]), np.nan) for c, v in galaxies.items() if v.ndim < 3}
    return numbers | {c: np.zeros((1, *v.shape[1:]), v.dtype) for c, v in galaxies.items() if v.ndim == 3}


def _columns(task: Task, galaxies: list[Table]) -> Table:
    flux = np.concatenate([g["flux"] for g in galaxies]).astype(np.float64)
    fluxes = {name: flux[:, band] for band, name in enumerate(task.fluxes)}
    further = (name for name in task.fields if name in galaxies[0])
    return fluxes | {name: np.concatenate([g[name] for g in galaxies]) for name in further}
