"""Voxels that stand out become sources: components of neighbours, owned by one region, divided where peaks part."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, pairwise

import numpy as np
from numpy.typing import NDArray

from blindsky.baselines.hi.regions import Region
from blindsky.scoring.measurements import Array

Floats = NDArray[np.float32]
Box = tuple[slice, slice, slice]

STEP = 1.2  # from one level to the next, where a component is looked at for parts that no longer touch
PROMINENCE = 1.2  # of a part: its top over the level at which it parts
FEWEST = 10  # voxels of a part
CHANNELS = 4.0  # that count as far as a pixel, where the voxels between parts are shared out


@dataclass(frozen=True)
class Clip:
    """What a source is: voxels above ``floor`` that touch, at least so many, and one of them above ``peak``."""

    floor: float
    peak: float
    voxels: int


@dataclass(frozen=True)
class Component:
    """Voxels of one source.   box : where they lie.   mask : which of the box.   peak : the largest value."""

    box: Box
    mask: Array
    peak: float

    @property
    def voxels(self) -> int:
        """How many."""
        return int(np.count_nonzero(self.mask))


def components(score: Floats, region: Region, clip: Clip) -> Iterator[Component]:
    """The sources in an outer box (nz, ny, nx) whose top the region owns; voxels touch by faces, edges or corners."""
    labels = _label(score > clip.floor)
    at = np.flatnonzero(labels)
    label, height = labels.reshape(-1)[at], score.reshape(-1)[at]
    tall = np.zeros(int(labels.max(initial=0)) + 1, dtype=bool)
    tall[label[height >= clip.peak]] = True
    tall &= np.bincount(label, minlength=len(tall)) >= clip.voxels
    kept = tall[label]
    at, label = at[kept], label[kept]
    order = np.argsort(label, kind="stable")
    at, label = at[order], label[order]
    ends = [0, *(np.flatnonzero(np.diff(label)) + 1).tolist(), len(label)]
    places = np.stack(np.unravel_index(at, score.shape))
    for start, end in pairwise(ends):
        of = places[:, start:end]
        if start == end:  # nothing at all
            continue
        corner = of.min(axis=1)
        z, y, x = (
            slice(first, last + 1)
            for first, last in zip(corner.tolist(), of.max(axis=1).tolist(), strict=True)
        )
        here, mask = score[z, y, x], labels[z, y, x] == label[start]
        for part in parted(here, mask, clip):
            top = np.unravel_index(np.argmax(np.where(part, here, 0)), here.shape)
            if region.owns(tuple((corner + top).tolist())):
                yield Component((z, y, x), part, float(here[top]))


def parted(score: Floats, mask: Array, clip: Clip) -> list[Array]:
    """A component (nz, ny, nx) as the sources in it, masks of the same shape that share out its voxels.

    It is cut at ever higher levels; where two or more parts have each a top of their own, voxels go to the nearest.
    """
    seeds = np.zeros(score.shape, dtype=np.int32)
    numbers = count(1)
    _seed(seeds, score, mask, clip.floor, clip.peak, numbers)
    many = next(numbers) - 1
    if many == 1:
        return [mask]
    from scipy.ndimage import distance_transform_edt

    nearest = distance_transform_edt(
        seeds == 0, sampling=(1 / CHANNELS, 1, 1), return_distances=False, return_indices=True
    )
    of = np.where(mask, seeds[tuple(nearest)], 0)
    return [of == number for number in range(1, many + 1)]


def _seed(
    seeds: Array, score: Floats, mask: Array, level: float, peak: float, numbers: Iterator[int]
) -> None:
    """Number the parts of a component that have a top of their own; all of it where there is one."""
    from scipy.ndimage import find_objects

    highest = float(score[mask].max())
    while (level := level * STEP) < highest:
        labels = _label((score > level) & mask)
        tall = np.unique(labels[mask & (score >= max(peak, PROMINENCE * level))])
        parts = tall[np.bincount(labels[mask], minlength=1)[tall] >= FEWEST]
        if len(parts) > 1:
            boxes = find_objects(labels)
            for number in parts.tolist():
                box = boxes[number - 1]
                _seed(seeds[box], score[box], labels[box] == number, level, peak, numbers)
            return
    seeds[mask] = next(numbers)


def _label(mask: Array) -> Array:
    from scipy import ndimage

    labels, _ = ndimage.label(mask, structure=np.ones((3, 3, 3), dtype=bool))
    return np.asarray(labels)
