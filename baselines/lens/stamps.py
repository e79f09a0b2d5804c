"""Stamps as the classical finders see them: in units of the noise, with bad pixels told apart, smoothed, in chunks.

Nothing here knows a track: what a release's public ``cameras`` say decides, so a camera more is a stack more.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from blindsky.baselines.baseline import Settings
from blindsky.challenges.challenge import rows
from blindsky.challenges.errors import InputFault
from blindsky.challenges.release import Public
from blindsky.scoring.measurements import Table

Pixels = NDArray[np.float32]
Good = NDArray[np.bool_]
Describe = Callable[[Table], NDArray[np.floating]]

WIDEST = 101  # pixels about the centre that are looked at: 5" in VIS, where every natural lens lies
CHUNK = 32  # stamps at once: 1.3 MB a band, so that a step's arrays stay in the cache
REACH = 5.0  # a smoothing kernel ends there, in units of its width


@dataclass(frozen=True)
class Camera:
    """image : column of the stamps.    bands : in the order on disk.    first : its first column in sigma."""

    image: str
    bands: tuple[str, ...]
    first: int


def cameras(public: Public) -> tuple[Camera, ...]:
    """The cameras of a release, in the order of their bands in ``sigma``."""
    found: list[Camera] = []
    first = 0
    for camera in public.json("cameras")["cameras"]:
        found.append(Camera(camera["image"], tuple(camera["bands"]), first))
        first += len(camera["bands"])
    return tuple(found)


def one_band(public: Public, *wanted: str) -> tuple[Camera, int]:
    """The camera of the first of the wanted bands that there is, or of the reference band; and its place there."""
    seen = cameras(public)
    for name in (*wanted, public.json("cameras")["reference"]):
        for camera in seen:
            if name in camera.bands:
                return camera, camera.bands.index(name)
    message = f"release {public.release_id} names a reference band that none of its cameras has"
    raise InputFault(message)


def stamps(table: Table, camera: Camera, band: int | None = None) -> tuple[Pixels, Good]:
    """The middle of the stamps in units of the noise rms, and which pixels are good; both (n, bands, s, s).

    band : only this one, as an axis of length 1. Bad pixels are 0, whatever the file holds there.
    """
    bands = slice(None) if band is None else slice(band, band + 1)
    image = table[camera.image]
    size = image.shape[-1]
    edge = max((size - WIDEST + 1) // 2, 0)
    middle = slice(edge, size - edge)
    sigma = table["sigma"][:, camera.first : camera.first + len(camera.bands)][:, bands]
    values = (image[:, bands, middle, middle] / sigma[:, :, None, None]).astype(np.float32, copy=False)
    mask = table.get("mask")
    if mask is None:
        return values, np.ones(values.shape, bool)
    good = mask[:, bands, middle, middle] == 0
    return np.where(good, values, np.float32(0)), good


@cache
def _kernel(size: int, width: float) -> Pixels:
    """Smoothing of a line of pixels as a matrix (size, size); what would fall off an edge is shared out."""
    step = np.subtract.outer(np.arange(size), np.arange(size)) / width
    kernel = np.where(np.abs(step) <= REACH, np.exp(-(step**2) / 2), 0)
    return np.asarray(kernel / kernel.sum(axis=1, keepdims=True), dtype=np.float32)


def smooth(values: Pixels, good: Good, width: float) -> tuple[Pixels, Good]:
    """Gaussian mean of the good pixels (``width`` in pixels), and where at least half of the kernel was good.

    values : (..., s, s), 0 in bad pixels. Beyond the stamp nothing is assumed. Two products a plane are faster
    than a filter at these sizes, and do not depend on how many stamps come together.
    """
    kernel = _kernel(values.shape[-1], width)
    mean = np.asarray(kernel @ values @ kernel.T, dtype=np.float32)
    enough = np.ones(good.shape, bool)
    spoilt = ~good.all(axis=(-2, -1))
    if spoilt.any():
        share = kernel @ np.asarray(good[spoilt], dtype=np.float32) @ kernel.T
        enough[spoilt] = share >= 0.5
        mean[spoilt] = np.where(enough[spoilt], mean[spoilt] / np.maximum(share, 0.5), np.float32(0))
    return mean, enough


def labels(public: Public) -> Good:
    """Which training stamps the track scores as lenses, (n,); InputFault where all are of one kind."""
    found = public.table("train_labels", ["label"])["label"].astype(bool)
    if found.all() or not found.any():
        message = (
            f"all {len(found)} training stamps of release {public.release_id} have the same label: "
            "a method that learns needs both. Choose `arc` or `flux`, which don't learn"
        )
        raise InputFault(message)
    return found


def described(describe: Describe, table: Table, workers: int) -> NDArray[np.floating]:
    """``describe`` on chunks of a table's rows, in threads: (n, ...). A row's answer is its own."""
    from threadpoolctl import threadpool_limits

    n = rows(table)
    chunks = [{name: c[i : i + CHUNK] for name, c in table.items()} for i in range(0, max(n, 1), CHUNK)]
    # Threads of BLAS inside ours would only wait for each other
    with threadpool_limits(1), ThreadPoolExecutor(workers) as pool:
        return np.concatenate(list(pool.map(describe, chunks)))


def train_described(
    public: Public, describe: Describe, settings: Settings, name: str, most: int | None = None
) -> NDArray[np.floating]:
    """``describe`` on the train split, of which one batch is in memory at a time: (n, ...).

    most : of so many stamps only, the first; None for all. Rows are in random order already.
    """
    wanted = public.rows("train") if most is None else min(most, public.rows("train"))
    found: list[NDArray[np.floating]] = []
    with settings.progress(f"describing stamps for {name}", wanted, "stamps") as bar:
        done = 0
        for batch in public.batches("train", None):
            part = {column: values[: wanted - done] for column, values in batch.items()}
            found.append(described(describe, part, settings.workers))
            done += rows(part)
            bar.advance(rows(part))
            if done == wanted:
                break
    return np.concatenate(found)
