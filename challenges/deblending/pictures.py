"""Blends as pictures: the image, the truth, what an entry says of it, and what its answer leaves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blindsky.challenges.challenge import Pictures, Sample
from blindsky.challenges.skies import Ragged
from blindsky.scoring.matching import cases
from blindsky.scoring.measurements import Array, FloatArray, Table

COLOURS = ("z", "r", "g")  # red, green, blue; another camera's reference band in grey
STRETCH = 3.0  # sigma, at which asinh leaves the straight line
BRIGHTEST = 99.7  # percentile of the pixels that is white
LEAST_WHITE = 3.0  # of a picture of noise
FARTHEST = 5.0  # sigma of a residual that is black or white
SEAM = 2  # pixels between the panels of a picture
LINE = np.array(  # of the objects of a blend, which differ in hue and in lightness
    [(255, 190, 60), (90, 200, 255), (255, 110, 150), (150, 240, 130), (200, 160, 255), (255, 255, 255)],
    np.uint8,
)
SHOWN = 12  # training blends

Read = Callable[[str], dict[str, Any]]


def _bands(camera: Mapping[str, Any], reference: str) -> list[int]:
    names = list(camera["bands"])
    return (
        [names.index(band) for band in COLOURS]
        if set(COLOURS) <= set(names)
        else [names.index(reference)] * 3
    )


def _stretched(signal: Array, white: Array | None = None) -> tuple[NDArray[np.uint8], Array]:
    """Signal to noise (n, 3, N, N) as RGB (n, N, N, 3), and the white levels that were used."""
    shown = np.arcsinh(signal / STRETCH)
    if white is None:
        white = np.percentile(shown, BRIGHTEST, axis=(1, 2, 3), keepdims=True).clip(min=LEAST_WHITE)
    levels = np.round(np.clip(shown / white, 0, 1) * 255).astype(np.uint8)
    return np.ascontiguousarray(levels.transpose(0, 2, 3, 1)), white


def _signal(table: Table, read: Read) -> Array:
    cameras = read("cameras")
    bands = _bands(cameras["cameras"][0], cameras["reference"])
    sigma = np.asarray(table["sigma"], dtype=np.float32)[:, bands, None, None]
    return np.asarray(table["image"], dtype=np.float32)[:, bands] / sigma


def render(table: Table, read: Read) -> NDArray[np.uint8]:
    """Blends (n, bands, N, N) as RGB (n, N, N, 3): g, r, z where they have these bands, else one of them in grey."""
    return _stretched(_signal(table, read))[0]


def _outlined(rgb: NDArray[np.uint8], objects: Ragged) -> NDArray[np.uint8]:
    """The pictures with the borders of the masks of their objects."""
    drawn = rgb.copy()
    if "mask" not in objects.columns or not len(objects.columns["mask"]):
        return drawn
    mask = np.asarray(objects.columns["mask"], dtype=bool)
    inner = mask.copy()
    for axis in (1, 2):
        for step in (-1, 1):
            inner &= np.roll(mask, step, axis=axis)
    owner = cases(objects.counts)
    number = np.arange(len(owner)) - (np.cumsum(objects.counts) - objects.counts)[owner]
    for k, edge in enumerate(mask & ~inner):
        drawn[owner[k]][edge] = LINE[number[k] % len(LINE)]
    return drawn


def _left(table: Table, found: Ragged, read: Read, shape: tuple[int, ...]) -> FloatArray:
    """What an answer leaves of the reference band, in sigma (n, N, N): of its images or, without, outside its masks."""
    cameras = read("cameras")
    band = list(cameras["cameras"][0]["bands"]).index(cameras["reference"])
    image = np.asarray(table["image"], dtype=np.float64)[:, band]
    owner = cases(found.counts)
    if "image" in found.columns:
        for case, one in zip(owner, found.columns["image"], strict=True):
            image[case] -= one.reshape(shape)
    elif "mask" in found.columns:
        covered = np.zeros(image.shape, dtype=bool)
        for case, one in zip(owner, found.columns["mask"], strict=True):
            covered[case] |= one.astype(bool)
        image[covered] = 0
    return np.asarray(image / np.asarray(table["sigma"], np.float64)[:, band, None, None])


def answer(table: Table, hidden: Mapping[str, Ragged], found: Ragged, read: Read) -> NDArray[np.uint8]:
    """Four panels a blend, (n, 2 N + seam, 2 N + seam, 3): blend, truth; answer, and what it leaves.

    Truth: its own noiseless light in the reference band, with the borders of the true masks.
    """
    signal = _signal(table, read)
    blend, white = _stretched(signal)
    n, side = len(blend), blend.shape[1]
    cameras = read("cameras")
    band = list(cameras["cameras"][0]["bands"]).index(cameras["reference"])
    truth = blend
    if "truth_isolated" in hidden:
        alone = hidden["truth_isolated"]
        light = np.zeros((n, side, side))
        for case, one in zip(cases(alone.counts), alone.columns["isolated"], strict=True):
            light[case] += one
        light /= np.asarray(table["sigma"], np.float64)[:, band, None, None]
        truth = np.repeat(_stretched(light[:, None], white)[0], 3, axis=3)
    left = _left(table, found, read, (side, side))
    grey = np.round(np.clip(0.5 + left / (2 * FARTHEST), 0, 1) * 255).astype(np.uint8)
    panels = (
        blend,
        _outlined(truth, hidden["truth_objects"]),
        _outlined(blend, found),
        np.repeat(grey[..., None], 3, axis=3),
    )
    whole = np.full((n, 2 * side + SEAM, 2 * side + SEAM, 3), 255, dtype=np.uint8)
    for k, panel in enumerate(panels):
        top, beside = (side + SEAM) * (k // 2), (side + SEAM) * (k % 2)
        whole[:, top : top + side, beside : beside + side] = panel
    return whole


def samples(labels: Table) -> tuple[Sample, ...]:
    """The first blends of the training data, whose order carries no information."""
    rows = tuple(range(min(SHOWN, len(labels["blend_id"]))))
    caption = (
        f"Brightness is asinh of the signal: in proportion up to about {STRETCH:g} sigma, logarithmic beyond."
    )
    return (Sample("Training blends", rows, ("",) * len(rows), caption),)


def worst_first(error: Array) -> NDArray[np.intp]:
    """Cases (n,) from the largest error to the smallest; those without one left out."""
    order = np.argsort(-np.nan_to_num(error, nan=-np.inf), kind="stable")
    return np.asarray(order[np.isfinite(error)[order]])


PICTURES = Pictures(
    columns=("image", "sigma"),
    render=render,
    samples=samples,
    labels=("train", ("blend_id",)),
    answer=answer,
)
