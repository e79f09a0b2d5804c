"""Stamps worth a look, and how they look: an asinh stretch at twice the noise, i, r and g as red, green and blue."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blindsky.challenges.challenge import Pictures, Sample
from blindsky.challenges.lens.curves import passing
from blindsky.scoring.measurements import FloatArray, Measurements, Table

Rows = NDArray[np.intp]
Choose = Callable[[Measurements, Table], Rows]

MOST = 8  # stamps of a gallery
MISSED_RATE = 1e-2  # false-positive rate of the threshold that a missed lens lies below
SAMPLES = 16  # of each class of the training data
BRIGHT = 0.75  # quantile of the arcs' signal to noise from which on a lens is hard to miss
STRETCH = 2.0  # noise rms at which the stretch turns from linear to logarithmic
BLACK = -0.7  # asinh units: what is darker is black, 1.5 rms below the sky
LEAST_WHITE = 3.0  # asinh units, about 20 rms: fainter stamps are not stretched further
BRIGHTEST = 99.8  # percentile of the pixels that is white
COLOURS = ("i", "r", "g")
CAPTION = (
    f"Brightness is asinh of the signal: in proportion up to about {STRETCH:g} sigma, logarithmic beyond."
)
WIDEST = 128  # pixels of a picture; larger stamps are averaged over two by two


def _first(order: FloatArray, among: NDArray[np.bool_]) -> Rows:
    """The rows with the smallest ``order`` (n,) among some, the first of equals first."""
    rows = np.flatnonzero(among)
    return rows[np.argsort(order[rows], kind="stable")[:MOST]]


def top_false(measurements: Measurements, columns: Table) -> Rows:
    """Non-lenses with the highest scores."""
    del columns
    return _first(-measurements.floats("score"), ~measurements["label"].astype(bool))


def best(measurements: Measurements, columns: Table) -> Rows:
    """Lenses with the highest scores."""
    del columns
    return _first(-measurements.floats("score"), measurements["label"].astype(bool))


def missed(measurements: Measurements, columns: Table) -> Rows:
    """The lowest scores among the lenses with the brightest arcs; none passes at one false positive in a hundred."""
    lens = measurements["label"].astype(bool)
    signal = np.nan_to_num(np.asarray(columns["snr_arc"], dtype=np.float64))
    if not lens.any():
        return np.flatnonzero(lens)
    bright = signal >= np.quantile(signal[lens], BRIGHT)
    return _first(measurements.floats("score"), lens & bright & ~passing(measurements, MISSED_RATE))


def note(score: float | None, columns: Table, row: int) -> str:
    """A few words on a stamp: its score, and what it is."""
    signal = float(columns["snr_arc"][row])
    said = [] if score is None else [f"score {score:.3g}"]
    if np.isfinite(signal):
        said += [f"r_ein {columns['r_ein'][row]:.2f} arcsec", f"arc S/N {signal:.0f}"]
    elif columns["impostor"][row]:
        said.append(str(columns["impostor"][row]))
    return ", ".join(said) or "nothing behind it"


def samples(labels: Table) -> tuple[Sample, ...]:
    """The first lenses, impostors and other non-lenses of the training data, whose order carries no information.

    Imported data tell less of themselves: no stamp is known as an impostor, and none has a note.
    """
    lens = labels["label"].astype(bool)
    imitates = labels["impostor"] != "" if "impostor" in labels else np.zeros(len(lens), bool)
    told = {"snr_arc", "r_ein", "impostor"} <= labels.keys()
    kinds = (
        ("Lenses", lens, SAMPLES),
        ("Impostors", ~lens & imitates, MOST),
        ("Other non-lenses", ~lens & ~imitates, MOST),
    )
    chosen = [(title, np.flatnonzero(mask)[:most]) for title, mask, most in kinds]
    return tuple(
        Sample(
            title, tuple(map(int, rows)), tuple(note(None, labels, k) if told else "" for k in rows), CAPTION
        )
        for title, rows in chosen
        if len(rows)
    )


def render(table: Table, read: Callable[[str], dict[str, Any]]) -> NDArray[np.uint8]:
    """Stamps as RGB (n, height, width, 3).

    table : ``image`` or ``image_vis`` (n, bands, height, width) and ``sigma`` (n, bands), same unit.
    read : the public JSON file of a name; ``cameras`` names the bands.
    """
    camera = read("cameras")["cameras"][0]
    images = np.asarray(table[camera["image"]], dtype=np.float32)
    bands = [camera["bands"].index(band) for band in COLOURS if band in camera["bands"]] or [0]
    sigma = np.asarray(table["sigma"], dtype=np.float32)[:, bands, None, None]
    signal = images[:, bands] / sigma
    if signal.shape[-1] > WIDEST:
        n, c, height, width = signal.shape
        pairs = signal[..., : height // 2 * 2, : width // 2 * 2]
        signal = 2 * pairs.reshape(n, c, height // 2, 2, width // 2, 2).mean(axis=(3, 5))
    shown = np.arcsinh(signal / STRETCH)
    white = np.percentile(shown, BRIGHTEST, axis=(1, 2, 3), keepdims=True).clip(min=LEAST_WHITE)
    levels = np.clip((shown - BLACK) / (white - BLACK), 0, 1) * 255
    rgb = np.broadcast_to(levels, (len(levels), 3, *levels.shape[2:])) if len(bands) == 1 else levels
    return np.ascontiguousarray(np.round(rgb).astype(np.uint8).transpose(0, 2, 3, 1))


PICTURES = Pictures(columns=("image", "image_vis", "sigma"), render=render, samples=samples)
