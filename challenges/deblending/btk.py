"""A batch of BlendingToolKit, saved as npz, becomes a test of scenes.

blindsky import deblending/btk batch.npz
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from blindsky.challenges.deblending.coin import Shuffle
from blindsky.challenges.deblending.measure import LSST
from blindsky.challenges.errors import InputFault
from blindsky.challenges.importing import Imported, Rows
from blindsky.challenges.skies import Block, Ragged
from blindsky.scoring import segmentation
from blindsky.scoring.measurements import Array, FloatArray, Table


def btk(files: Sequence[Path], shuffle: Shuffle) -> Imported:
    """A batch of BlendingToolKit as a release of the track ``scene``: a test alone.

    files : one npz with blend_images (B, bands, N, N), isolated_images (B, most, bands, N, N), sigma and psf_fwhm
    (bands,), and where the catalogue is known x, y (B, most) and flux (B, most, bands).
    """
    del shuffle
    names = {"blend_images": 4, "isolated_images": 5, "sigma": 1, "psf_fwhm": 1}
    try:
        with files[0].open("rb") as file, np.load(file, allow_pickle=False) as stored:
            found = {name: stored[name] for name in (*names, "x", "y", "flux") if name in stored.files}
    except (OSError, ValueError, EOFError, TypeError, BadZipFile) as error:
        message = f"{files[0].name} can't be read as npz without pickles ({error})"
        raise InputFault(message) from error
    odd = [name for name, ndim in names.items() if name not in found or found[name].ndim != ndim]
    if odd:
        told = ", ".join(f"{name} {a.shape}" for name, a in found.items())
        message = (
            f"{files[0].name}: expected {', '.join(odd)} with {[names[o] for o in odd]} axes, found {told}"
        )
        raise InputFault(message)
    blends, alone = found["blend_images"], found["isolated_images"]
    bands, reference = len(LSST.names), LSST.names.index(LSST.reference)
    if blends.shape[1] != bands or alone.shape[:1] + alone.shape[2:] != blends.shape:
        message = f"expected {bands} bands and images alike, found {blends.shape} and {alone.shape}"
        raise InputFault(message)
    there = np.abs(alone).max(axis=(2, 3, 4)) > 0  # padding is dark
    counts = there.sum(axis=1)
    images = alone[there]
    notes = [f"{len(blends):,} scenes of {counts.sum():,} galaxies"]
    if "flux" in found:
        flux = found["flux"][there]
    else:
        flux = images.sum(axis=(2, 3), dtype=np.float64)
        notes.append("flux_is_stamp_sum: the catalogue has no fluxes, those of the images stand for them")
    if "x" in found and "y" in found:
        x, y = found["x"][there], found["y"][there]
    else:
        x, y = _centres(images[:, reference])
        notes.append("places are the centres of light of the isolated images")
    sigma = np.asarray(found["sigma"], dtype=np.float32)
    light = images[:, reference].astype(np.float64)
    total = np.repeat(alone[:, :, reference].sum(axis=1, dtype=np.float64), counts, axis=0)
    snr = np.sqrt((light**2).sum(axis=(1, 2))) / sigma[reference]
    objects: Table = {
        "obj": np.concatenate([np.arange(c) for c in counts]).astype(np.int16),
        "x": x.astype(np.float64),
        "y": y.astype(np.float64),
        **{f"flux_{band}": flux[:, k].astype(np.float64) for k, band in enumerate(LSST.names)},
        "blendedness": segmentation.blendedness(light, total),
        "snr": snr,
        "scored": snr >= 5,
        "mask": (light > 3 * sigma[reference]).astype(np.uint8),
    }
    n = len(blends)
    public: Table = {
        "image": blends.astype(np.float32),
        "sigma": np.repeat(sigma[None], n, axis=0),
        "psf_fwhm": np.repeat(np.asarray(found["psf_fwhm"], np.float32)[None], n, axis=0),
    }
    lists = Ragged(counts.astype(np.int64), objects)
    block = Block(public, {"truth": {"n_objects": counts.astype(np.int16)}}, hidden={"truth_objects": lists})
    camera = {"image": "image", "bands": list(LSST.names), "size": int(blends.shape[-1]), "unit": "electron"}
    cameras = {"cameras": [camera | {"pixel_arcsec": LSST.pixel}], "reference": LSST.reference}
    return Imported((), [Rows(block)], {"cameras": cameras}, notes, "scene")


def _centres(images: Array) -> tuple[FloatArray, FloatArray]:
    """Centres of light (m,) of images (m, N, N), columns and rows."""
    light = np.maximum(images.astype(np.float64), 0)
    total = light.sum(axis=(1, 2))
    at = np.arange(images.shape[-1])
    return (light.sum(axis=1) @ at) / total, (light.sum(axis=2) @ at) / total
