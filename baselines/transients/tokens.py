"""Light curves as networks read them: a token an observation, a vector an object, padded to batches of one length.

A token is flux and error over the object's own scale, the time since the trigger, the wavelength in the frame of
the host, the band, and whether there was a detection. Fluxes span six decades and S/N three, so both are compressed
by arcsinh: linear in the noise, logarithmic beyond. What is padded is zero and lies behind the end of an object;
the lengths say where that is.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from blindsky.baselines.training import Rows
from blindsky.baselines.transients.lightcurves import LightCurves
from blindsky.challenges.transients.bands import NODES, ZERO_POINT
from blindsky.challenges.transients.cosmology import distance_modulus
from blindsky.scoring.measurements import Array, FloatArray, Table

Numbers = NDArray[np.float32]

SURE = 5.0  # S/N below which a flux hardly sets the scale: half of what is brighter is detected
SOON, LONG = 10.0, 300.0  # days: of the logarithmic time, and of the linear one
MIDDLE = 5000.0  # Angstrom
WINDOW = 8  # batches that are sorted by length together

TOKEN = ("flux", "signal", "error", "log_time", "time", "wavelength", "detected")
OBJECT = (
    "photoz",
    "photoz_err",
    "specz",
    "has_specz",
    "dust",
    "ddf",
    "galactic",
    "scale",
    "absolute",
    "observations",
    "detections",
)
TIME, GALACTIC = TOKEN.index("time"), OBJECT.index("galactic")
WAVELENGTHS: FloatArray = NODES.mean(axis=0)  # Angstrom, ugrizy


class Batch(NamedTuple):
    """Objects as tensors on a device.

    tokens : (B, L, TOKEN).    band : (B, L), 0 to 5.    length : (B,), of which at least 1.
    objects : (B, OBJECT).
    """

    tokens: Tensor
    band: Tensor
    length: Tensor
    objects: Tensor


def scales(curves: LightCurves) -> FloatArray:
    """Flux that is 1 for each object, (n,) FLUXCAL: the largest |flux|, shrunk where its S/N is low.

    1 where an object has no flux.
    """
    signal = (curves.flux / curves.flux_err) ** 2
    sure = np.abs(curves.flux) * signal / (signal + SURE**2)
    found = np.zeros(len(curves))
    np.maximum.at(found, curves.owner, sure)
    return np.where(found > 0, found, 1.0)


def tokens(curves: LightCurves, scale: FloatArray, photoz: Array) -> Numbers:
    """Numbers of each observation, (rows, TOKEN), all of order 1.

    scale, photoz : of each object, (n,).
    """
    owner = curves.owner
    dt = curves.mjd - curves.trigger()[owner]
    found = np.empty((len(dt), len(TOKEN)), np.float32)
    found[:, 0] = np.arcsinh(curves.flux / scale[owner])
    found[:, 1] = np.arcsinh(curves.flux / curves.flux_err)
    found[:, 2] = np.log(curves.flux_err / scale[owner])
    found[:, 3] = np.arcsinh(dt / SOON)
    found[:, 4] = dt / LONG
    found[:, 5] = np.log(WAVELENGTHS / MIDDLE)[curves.passband] - np.log1p(photoz)[owner]
    found[:, 6] = curves.detected
    return found


def objects(table: Table, curves: LightCurves, scale: FloatArray) -> Numbers:
    """Numbers of each object, (n, OBJECT), all of order 1; an unknown spectroscopic redshift is 0 and said to be."""
    photoz = table["hostgal_photoz"].astype(np.float64)
    specz = table["hostgal_specz"].astype(np.float64)
    galactic = photoz == 0
    known = np.isfinite(specz) & ~galactic
    magnitude = ZERO_POINT - 2.5 * np.log10(scale)
    absolute = magnitude - distance_modulus(np.where(galactic, 1.0, photoz))
    columns = (
        2 * np.log1p(photoz),
        np.where(galactic, 0.0, np.log((table["hostgal_photoz_err"].astype(np.float64) + 0.01) / 0.05)),
        np.where(known, 2 * np.log1p(np.where(known, specz, 0.0)), 0.0),
        known,
        np.log((table["mwebv"].astype(np.float64) + 0.01) / 0.05),
        table["ddf"],
        galactic,
        (np.log(scale) - 5) / 2,
        np.where(galactic, 0.0, (absolute + 18) / 3),
        np.log((curves.counts + 1) / 100),
        np.log1p(np.bincount(curves.owner, curves.detected, len(curves))) / 2 - 1,
    )
    return np.stack(columns, axis=1).astype(np.float32)


def padded(values: Array, starts: NDArray[np.int64]) -> Array:
    """Rows of objects (rows, ...) side by side: (n, L, ...), zeros behind the end of each; L is at least 1."""
    counts = np.diff(starts)
    owner = np.repeat(np.arange(len(counts)), counts)
    found = np.zeros((len(counts), max(1, counts.max(initial=0)), *values.shape[1:]), values.dtype)
    found[owner, np.arange(len(values)) - starts[owner]] = values
    return found


def batch(table: Table, curves: LightCurves, device: torch.device) -> Batch:
    """Objects with their light curves (n each). One without observations has a single token, of zeros."""
    scale = scales(curves)
    numbers = tokens(curves, scale, table["hostgal_photoz"].astype(np.float64))
    arrays = (
        padded(numbers, curves.starts),
        padded(curves.passband, curves.starts),
        np.maximum(curves.counts, 1),
        objects(table, curves, scale),
    )
    return Batch(*(torch.from_numpy(array).to(device) for array in arrays))


def bucketed(lengths: Array, size: int, generator: np.random.Generator) -> Rows:
    """A permutation of n rows in which those of a batch of ``size`` have nearly one length (n,).

    Rows are shuffled, sorted by length within a few batches, and these batches shuffled; the last may be smaller
    and stays the last.
    """
    shuffled = generator.permutation(len(lengths))
    window = np.arange(len(lengths)) // (WINDOW * size)
    ordered = shuffled[np.lexsort((lengths[shuffled], window))]
    whole = len(lengths) // size * size
    batches = ordered[:whole].reshape(-1, size)
    return np.concatenate([batches[generator.permutation(len(batches))].reshape(-1), ordered[whole:]])
