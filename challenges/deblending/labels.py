"""What is true of the objects of a blend: measured on their own noiseless images, each within its stamp."""

from __future__ import annotations

import numpy as np

from blindsky.challenges.deblending import apertures
from blindsky.challenges.deblending.bands import Setting
from blindsky.challenges.deblending.galaxies import Galaxies
from blindsky.challenges.deblending.measure import weight_width
from blindsky.scoring import segmentation
from blindsky.scoring.measurements import Array, FloatArray, Table

SCORED = 5.0  # signal to noise from which an object counts


def objects(galaxies: Galaxies, images: Array, total: Array, setting: Setting) -> Table:
    """Columns of the objects table but ``obj``, of all galaxies given.

    images : of each alone, (m, bands, size, size).   total : of all light of its blend, (m, size, size).
    """
    names, r, pixel = setting.bands.names, setting.reference, setting.bands.pixel
    own, sigma = images[:, r], setting.sigma[r]
    aperture = apertures.fluxes(images, galaxies.x, galaxies.y, setting.aperture / pixel)
    e1, e2 = segmentation.ellipticity(own, galaxies.x, galaxies.y, weight_width(galaxies.radius))
    signal = np.sqrt(np.einsum("nij,nij->n", own, own, dtype=np.float64)) / sigma
    found: Table = {"x": galaxies.x, "y": galaxies.y}
    found |= {f"flux_{name}": galaxies.flux[:, k] for k, name in enumerate(names)}
    found |= {f"flux_ap_{name}": aperture[:, k] for k, name in enumerate(names)}
    if not np.isnan(galaxies.z).all():  # the images of pairs know no redshift
        found["z"] = galaxies.z
    return found | {
        f"mag_{setting.bands.reference}": galaxies.magnitude,
        "type": galaxies.kind,
        "r_half": galaxies.radius * pixel,
        "bulge_frac": galaxies.bulge_flux[:, r] / galaxies.flux[:, r],
        "blendedness": segmentation.blendedness(own, total),
        "snr": signal,
        "scored": signal >= SCORED,
        "mask": (own > setting.mask * sigma).astype(np.uint8),
        "e1": e1,
        "e2": e2,
    }


def pairs(columns: Table, fwhm: FloatArray, setting: Setting) -> Table:
    """What is true of pairs: separation (pixels, PSF widths), difference of magnitudes, overlap of masks, types; (n,).

    columns : of the objects, central before companion.   fwhm : of the PSF (n,), arcsec.
    """
    x, y, magnitude = (columns[name].reshape(-1, 2) for name in ("x", "y", f"mag_{setting.bands.reference}"))
    separation = np.hypot(np.diff(x)[:, 0], np.diff(y)[:, 0])
    return {
        "separation": separation,
        "sep_fwhm": separation * setting.bands.pixel / fwhm,
        "dm": magnitude[:, 0] - magnitude[:, 1],
        "overlap": segmentation.iou(columns["mask"][::2], columns["mask"][1::2]),
        "types": both_types(columns["type"].reshape(-1, 2)),
    }


def both_types(types: Array) -> Array:
    """The types of two galaxies (n, 2) as one word, whichever is the central one."""
    first, second = np.sort(types, axis=1).T
    return np.char.add(np.char.add(first, " + "), second)
