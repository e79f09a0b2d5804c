"""What the detector adds: its noise, sometimes louder and correlated, the sharpness of the night, and bad pixels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from blindsky.challenges import detector
from blindsky.challenges.lens.painting import Camera
from blindsky.challenges.lens.settings import Setting
from blindsky.scoring.measurements import Array, FloatArray

SCATTER = 0.012  # dex, of the noise from stamp to stamp
MASKED = 0.25  # share of stamps with a bad region, as in the sample stamps
LARGE = 0.25  # share of those where it is large
CORE = 30  # pixels: of a square about the centre ...
CORE_LOST = 0.40  # ... at most this share may be bad


class Conditions(NamedTuple):
    """How stamps were observed: (n, bands). ``sigma`` maggies per pixel, ``fwhm`` arcsec, ``beta`` Moffat index.

    ``kernel`` (n,) is the width in pixels of the Gaussian that correlates the noise, 0 for white noise.
    """

    sigma: FloatArray
    fwhm: FloatArray
    beta: FloatArray | None
    kernel: FloatArray


def conditions(stream: np.random.Generator, setting: Setting, bright: Array, shifted: bool) -> Conditions:
    """Conditions of every stamp; those in ``bright`` (n,) and of a shifted sky have the noise of a real survey."""
    n, bands = len(bright), len(setting.bands)
    sigma = setting.sigma * 10 ** stream.normal(0, SCATTER, (n, bands))
    louder, correlated = 10 ** stream.uniform(0, 0.55, n), stream.random(n) < 0.6
    width = stream.uniform(0.42, 0.50, n)  # lag-1 correlation 0.11 to 0.26
    real = bright | shifted
    sigma = sigma * np.where(real, louder, 1.0)[:, None]
    kernel = np.where(real & correlated, width, 0.0)
    fwhm = np.broadcast_to(np.array(setting.fwhm), (n, bands))
    beta = None if setting.beta is None else np.full((n, bands), setting.beta)
    if shifted:
        fwhm = fwhm * 10 ** stream.normal(0, 0.08, (n, bands))
        beta = None if beta is None else stream.uniform(2.5, 4.5, (n, bands))
    return Conditions(sigma, fwhm, beta, kernel)


def noise(stream: np.random.Generator, camera: Camera, sigma: FloatArray, kernel: float) -> Array:
    """Noise of one stamp, (bands, size, size) float32 of rms ``sigma`` (bands,)."""
    unit = detector.noise(stream, (len(sigma), camera.size, camera.size), kernel)
    return np.asarray(unit * sigma[:, None, None].astype(np.float32))


def mask(stream: np.random.Generator, camera: Camera) -> Array:
    """Bad pixels of one stamp, (bands, size, size) uint8: mostly none."""
    found = np.zeros((len(camera.bands), camera.size, camera.size), dtype=np.uint8)
    if stream.random() >= MASKED:
        return found
    low = (camera.size - CORE) // 2
    core = (slice(low, low + CORE), slice(low, low + CORE))
    large = stream.random() < LARGE
    bad = np.zeros((camera.size, camera.size), dtype=bool)
    while not bad.any() or bad[core].mean() > CORE_LOST:
        bad = _large(stream, camera.size) if large else _small(stream, camera.size)
    everywhere = large and stream.random() < 0.5
    found[slice(None) if everywhere else int(stream.integers(len(camera.bands)))] |= bad
    return found


def _disc(size: int, x: float, y: float, radius: float) -> Array:
    rows, columns = np.ogrid[:size, :size]
    return np.asarray((columns - x) ** 2 + (rows - y) ** 2 <= radius**2)


def _small(stream: np.random.Generator, size: int) -> Array:
    """One to three specks."""
    bad = np.zeros((size, size), dtype=bool)
    for _ in range(int(stream.integers(1, 4))):
        x, y = stream.uniform(0, size, 2)
        bad |= _disc(size, x, y, stream.uniform(1, 5))
    return bad


def _large(stream: np.random.Generator, size: int) -> Array:
    """The halo of a star, centred up to 30 pixels outside, or a strip across."""
    if stream.random() < 0.5:
        x, y = stream.uniform(-30, size + 30, 2)
        return _disc(size, x, y, stream.uniform(15, 60))
    rows, columns = np.ogrid[:size, :size]
    angle, width = stream.uniform(0, np.pi), stream.uniform(3, 8)
    middle = stream.uniform(-0.5, 0.5) * size
    half = 0.5 * (size - 1)
    away = (columns - half) * np.cos(angle) + (rows - half) * np.sin(angle) - middle
    return np.asarray(np.abs(away) <= 0.5 * width)
