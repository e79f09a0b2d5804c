"""A batch of BlendingToolKit, saved as npz, becomes a test of scenes.

blindsky import deblending/btk batch.npz
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn
from zipfile import BadZipFile

import numpy as np

from blindsky.challenges.deblending.bands import LSST, SCENE
from blindsky.challenges.deblending.coin import Shuffle
from blindsky.challenges.deblending.labels import SCORED
from blindsky.challenges.deblending.measure import weight_width
from blindsky.challenges.errors import InputFault
from blindsky.challenges.importing import Imported, Rows
from blindsky.challenges.skies import Block, Ragged
from blindsky.scoring import segmentation
from blindsky.scoring.measurements import Array, FloatArray, Table

NEEDED = {
    "blend_images": "(B, bands, N, N)",
    "isolated_images": "(B, most, bands, N, N)",
    "sigma": "(bands,)",
    "psf_fwhm": "(bands,)",
}
KNOWN = {"x": "(B, most)", "y": "(B, most)", "flux": "(B, most, bands)"}
WANTED = (
    f"expected {', '.join(f'{name} {shape}' for name, shape in NEEDED.items())}, and where they are known "
    f"{', '.join(f'{name} {shape}' for name, shape in KNOWN.items())}, with {len(LSST.names)} bands "
    f"{''.join(LSST.names)} and N = {SCENE.size}"
)
HALF_LIGHT = float(np.sqrt(2 * np.log(2)))  # of a round Gaussian, in its widths


def btk(files: Sequence[Path], shuffle: Shuffle) -> Imported:
    """A batch of BlendingToolKit as a release of the track ``scene``: a test alone.

    files : one npz with the arrays of ``NEEDED`` and, where the catalogue is known, of ``KNOWN``; sigma of the unit of
    the images, psf_fwhm in arcsec.   InputFault for anything else.
    """
    del shuffle
    if len(files) != 1:
        message = f"expected one npz file, found {len(files)}. Import batches one by one"
        raise InputFault(message)
    name, found = files[0].name, _arrays(files[0])
    blends, alone, sigma = found["blend_images"], found["isolated_images"], found["sigma"]
    reference = LSST.names.index(LSST.reference)
    there = np.abs(alone).max(axis=(2, 3, 4), initial=0) > 0  # padding is dark
    counts = there.sum(axis=1)
    if not counts.sum():
        _refuse(name, "holds no galaxy: all isolated_images are 0")
    notes = [f"{len(blends):,} scenes of {counts.sum():,} galaxies"]
    images = alone[there]
    if "flux" in found:
        flux = found["flux"][there].astype(np.float64)
    else:
        flux = images.sum(axis=(2, 3), dtype=np.float64)
        notes.append("flux_is_stamp_sum: the catalogue has no fluxes, those of the images stand for them")
    if not np.all(flux > 0):
        _refuse(name, f"holds a flux of {flux.min():g}: expected all of galaxies above 0")
    if "x" in found:
        x, y = (found[axis][there].astype(np.float64) for axis in "xy")
    else:
        x, y = _centres(images[:, reference])
        notes.append("places are the centres of light of the isolated images")
    if not np.all((np.minimum(x, y) >= 0) & (np.maximum(x, y) <= SCENE.size - 1)):
        _refuse(name, f"holds a galaxy beside its image: expected x and y from 0 to {SCENE.size - 1}")
    blend = np.repeat(np.arange(len(counts)), counts)
    order = np.lexsort((-flux[:, reference], blend))  # within a blend the brightest first
    objects, light = _objects(images[order], x[order], y[order], flux[order], blend, sigma)
    numbers = np.concatenate([np.arange(c) for c in counts]).astype(np.int16)
    notes.append("r_half, e1 and e2 are moments of the isolated images, PSF included")
    n = len(blends)
    public: Table = {
        "image": blends.astype(np.float32),
        "sigma": np.repeat(sigma.astype(np.float32)[None], n, axis=0),
        "psf_fwhm": np.repeat(found["psf_fwhm"].astype(np.float32)[None], n, axis=0),
    }
    hidden = {
        "truth_objects": Ragged(counts.astype(np.int64), {"obj": numbers, **objects}),
        "truth_isolated": Ragged(counts.astype(np.int64), {"obj": numbers, "isolated": light}),
    }
    block = Block(public, {"truth": {"n_objects": counts.astype(np.int16)}}, hidden=hidden)
    camera = {"image": "image", "bands": list(LSST.names), "size": SCENE.size, "unit": "electron"}
    cameras = {"cameras": [camera | {"pixel_arcsec": LSST.pixel}], "reference": LSST.reference}
    return Imported((), [Rows(block)], {"cameras": cameras}, notes, "scene")


def _refuse(name: str, what: str) -> NoReturn:
    message = f"{name} {what}. Export the batch again"
    raise InputFault(message)


def _arrays(path: Path) -> Table:
    """The arrays of a batch; InputFault unless they fit each other and the track, and are finite."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            found = {name: stored[name] for name in (*NEEDED, *KNOWN) if name in stored.files}
    except (OSError, ValueError, EOFError, TypeError, AttributeError, BadZipFile) as error:
        message = f"{path.name} can't be read as npz without pickles ({error}); {WANTED}"
        raise InputFault(message) from error
    bands, images = len(LSST.names), found.get("isolated_images", np.zeros(0))
    number, most = images.shape[:2] if images.ndim == 5 else (0, 0)
    side = (SCENE.size, SCENE.size)
    shapes: dict[str, tuple[int, ...]] = {
        "blend_images": (number, bands, *side),
        "isolated_images": (number, most, bands, *side),
        "sigma": (bands,),
        "psf_fwhm": (bands,),
        "x": (number, most),
        "y": (number, most),
        "flux": (number, most, bands),
    }
    odd = [name for name in NEEDED if name not in found]
    odd += ["x" if name == "y" else "y" for name in "xy" if (name in found) and not {"x", "y"} <= set(found)]
    odd += [name for name, a in found.items() if a.shape != shapes[name] or a.dtype.kind not in "fiu"]
    if odd:
        told = ", ".join(f"{name} {a.dtype} {a.shape}" for name, a in found.items()) or "none of them"
        message = (
            f"{path.name}: {', '.join(dict.fromkeys(odd))} is not as it should be; {WANTED}; found {told}"
        )
        raise InputFault(message)
    used = np.abs(images).max(axis=(2, 3, 4), initial=0) > 0
    for name, array in found.items():
        if not np.isfinite(array if name in NEEDED else array[used]).all():
            _refuse(path.name, f"has NaN or infinite values in {name}")
    for name in ("sigma", "psf_fwhm"):
        if not np.all(found[name] > 0):
            _refuse(path.name, f"has a {name} of {found[name].min():g}: expected all above 0")
    return found


def _objects(
    images: Array, x: FloatArray, y: FloatArray, flux: FloatArray, blend: Array, sigma: Array
) -> tuple[Table, Array]:
    """What is true of galaxies (m,), and their light in the reference band (m, N, N) float32.

    images : of each alone, (m, bands, N, N).   blend : its blend (m,).   sigma : of the noise, (bands,).
    """
    reference = LSST.names.index(LSST.reference)
    light = np.ascontiguousarray(images[:, reference], dtype=np.float32)
    rms = float(sigma[reference])
    radius = _half_light(light, x, y)
    e1, e2 = segmentation.ellipticity(light, x, y, weight_width(radius))
    total = segmentation.sums_by_case(light, np.bincount(blend, minlength=int(blend.max()) + 1))
    snr = np.sqrt(np.einsum("nij,nij->n", light, light, dtype=np.float64)) / rms
    table: Table = {
        "x": x,
        "y": y,
        **{f"flux_{band}": flux[:, k] for k, band in enumerate(LSST.names)},
        "r_half": radius * LSST.pixel,
        "blendedness": segmentation.blendedness(light, total[blend]),
        "snr": snr,
        "scored": snr >= SCORED,
        "mask": (light > SCENE.mask * rms).astype(np.uint8),
        "e1": e1,
        "e2": e2,
    }
    return table, light


def _centres(images: Array) -> tuple[FloatArray, FloatArray]:
    """Centres of light (m,) of images (m, N, N), columns and rows."""
    light = np.maximum(images.astype(np.float64), 0)
    total = light.sum(axis=(1, 2))
    at = np.arange(images.shape[-1])
    return (light.sum(axis=1) @ at) / total, (light.sum(axis=2) @ at) / total


def _half_light(images: Array, x: FloatArray, y: FloatArray) -> FloatArray:
    """Half-light radii (m,), pixels, of Gaussians with the second moments of images (m, N, N) about (x, y) (m,)."""
    at = np.arange(images.shape[-1])
    light = np.maximum(images.astype(np.float64), 0)
    squares = (light.sum(axis=1) * (at - x[:, None]) ** 2 + light.sum(axis=2) * (at - y[:, None]) ** 2).sum(
        axis=1
    )
    return np.asarray(HALF_LIGHT * np.sqrt(0.5 * squares / light.sum(axis=(1, 2))))
