"""Real images of galaxies as sources: read from a directory that the user names, freed of noise, and measured.

FITS files (every two-dimensional image in them) and NumPy files (an image or a stack), in the order of their names.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from blindsky.challenges.errors import InputFault
from blindsky.scoring.measurements import Array, FloatArray

ENDINGS = (".fits", ".fits.gz", ".fit", ".npy")
POINT_SPREADS = (
    "_PSF_"  # in the name of a file: galaxy samples in GalSim's layout keep point spreads beside images
)
MOST = 2000  # images, which every worker holds
SIDES = (8, 512)  # pixels
EDGE = 3  # pixels: the frame that tells the noise
ABOVE = 2.5  # times the noise of the smoothed image: what belongs to the galaxy
SMOOTHED = 1.5  # pixels


@dataclass(frozen=True)
class Picture:
    """One galaxy: ``light`` (rows, columns) float32 sums to one and is 0 along its edge; pixels of its own.

    x, y : column and row of the centroid.   radius : half-light radius.
    """

    light: Array
    x: float
    y: float
    radius: float

    @property
    def reach(self) -> float:
        """Distance from the centroid beyond which there is no light."""
        rows, columns = self.light.shape
        return float(np.hypot(max(self.x, columns - 1 - self.x), max(self.y, rows - 1 - self.y)))


@dataclass(frozen=True)
class Gallery:
    """Pictures, and the files they are from: ``name``, ``sha256`` and ``images`` (how many are used)."""

    pictures: tuple[Picture, ...] = ()
    files: tuple[dict[str, Any], ...] = ()


NO_GALLERY = Gallery()


def read_gallery(folder: Path) -> Gallery:
    """All galaxies of a directory that rise above the noise; InputFault where there are none, or for other files."""
    if not folder.is_dir():
        message = f"cosmos={folder} is no directory. Name one that holds galaxy images: {', '.join(ENDINGS)}"
        raise InputFault(message)
    pictures: list[Picture] = []
    files: list[dict[str, Any]] = []
    for path in sorted(p for p in folder.iterdir() if p.name.lower().endswith(ENDINGS)):
        if POINT_SPREADS in path.name:
            continue
        content = path.read_bytes()
        shown = [_picture(image, f"image {k} of {path}") for k, image in enumerate(_images(path, content))]
        found = [picture for picture in shown if picture is not None]
        if found:
            digest = hashlib.sha256(content).hexdigest()
            files.append({"name": path.name, "sha256": digest, "images": len(found)})
        pictures += found
        if len(pictures) > MOST:
            message = f"cosmos={folder} holds more than {MOST} images. Name a directory with fewer"
            raise InputFault(message)
    if not pictures:
        message = (
            f"cosmos={folder} holds no image of a galaxy. Put two-dimensional images there, as FITS or .npy"
        )
        raise InputFault(message)
    return Gallery(tuple(pictures), tuple(files))


def _images(path: Path, content: bytes) -> Iterator[FloatArray]:
    """Two-dimensional images of a file, float64; whatever else it holds is passed over."""
    try:
        if path.name.lower().endswith(".npy"):
            stack = np.asarray(np.load(io.BytesIO(content), allow_pickle=False), dtype=np.float64)
            yield from stack.reshape(-1, *stack.shape[-2:]) if stack.ndim > 1 else ()
            return
        from astropy.io import fits

        with fits.open(io.BytesIO(content), memmap=False) as units:
            for unit in units:
                if unit.is_image and unit.data is not None and unit.data.ndim == 2:
                    yield unit.data.astype(np.float64)
    except (OSError, EOFError, ValueError, TypeError) as error:
        message = f"{path} can't be read as images ({error}). Mend it or take it away"
        raise InputFault(message) from error


def _picture(image: FloatArray, name: str) -> Picture | None:
    """The galaxy in the middle of an image: the connected light above the noise, None where nothing is above it."""
    from scipy.ndimage import gaussian_filter, label

    low, high = SIDES
    if min(image.shape) < low or max(image.shape) > high or not np.isfinite(image).all():
        message = f"{name} has shape {image.shape}; expected finite values, {low} to {high} pixels a side. Take it away"
        raise InputFault(message)
    frame = np.ones(image.shape, dtype=bool)
    frame[EDGE:-EDGE, EDGE:-EDGE] = False
    image = image - np.median(image[frame])
    smooth = gaussian_filter(image, SMOOTHED)
    noise = 1.4826 * float(np.median(np.abs(smooth[frame])))  # as smoothed, for neighbours may be correlated
    regions = label(smooth > ABOVE * noise)[0]
    middle = tuple(slice(side // 3, side - side // 3) for side in image.shape)
    peak = np.unravel_index(np.argmax(smooth[middle]), smooth[middle].shape)
    owner = regions[middle][peak]
    light = np.where((regions == owner) & (owner > 0), image, 0.0).clip(min=0)
    total = light.sum()
    if not total > 0:
        return None
    light = np.pad(light / total, 1)
    rows, columns = np.indices(light.shape)
    x, y = float((light * columns).sum()), float((light * rows).sum())
    return Picture(light.astype(np.float32), x, y, _half_light_radius(light, np.hypot(columns - x, rows - y)))


def _half_light_radius(light: FloatArray, distance: FloatArray) -> float:
    """Radius of the circle about the centroid that holds half of the light; at least half a pixel."""
    order = np.argsort(distance, axis=None)
    grown = np.cumsum(light.ravel()[order])
    return max(float(distance.ravel()[order][np.searchsorted(grown, 0.5)]), 0.5)
