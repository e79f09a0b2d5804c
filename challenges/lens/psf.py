"""Point-spread functions and the convolution that turns a fine canvas into a stamp of pixels.

A canvas holds light integrated over cells. Convolved with the bare PSF and summed over the cells of a pixel it
is the light integrated over that pixel, exactly but for aliasing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from blindsky.challenges.lens.painting import FINE, MARGIN, Camera
from blindsky.scoring.measurements import Array, FloatArray

if TYPE_CHECKING:
    import torch

GUARD = 22  # empty cells at least, so that what wraps around comes from afar


def frame(camera: Camera) -> int:
    """Side in cells of the zero-padded canvas; its factors suit the FFT."""
    from scipy.fft import next_fast_len

    return int(next_fast_len(camera.cells + GUARD, real=True))


def _gaussian(camera: Camera, fwhm: FloatArray) -> FloatArray:
    sigma = fwhm / np.sqrt(8 * np.log(2))
    n = frame(camera)
    kx = 2 * np.pi * np.fft.rfftfreq(n, camera.cell)
    ky = 2 * np.pi * np.fft.fftfreq(n, camera.cell)
    return np.asarray(np.exp(-0.5 * sigma[..., None, None] ** 2 * (ky[:, None] ** 2 + kx**2)))


def _moffat(camera: Camera, fwhm: FloatArray, beta: FloatArray) -> Array:
    n = frame(camera)
    x = np.fft.fftfreq(n, 1 / (n * camera.cell))
    r2 = x[:, None] ** 2 + x**2
    scale2 = (0.25 * fwhm**2 / (2 ** (1 / beta) - 1))[..., None, None]
    beta = beta[..., None, None]
    profile = (beta - 1) / (np.pi * scale2) * (1 + r2 / scale2) ** -beta
    return np.asarray(np.fft.rfft2(profile).real) * camera.cell**2  # even, so its transform is real


def transfer(camera: Camera, fwhm: FloatArray, beta: FloatArray | None) -> Array:
    """Fourier transform (..., frame, frame//2 + 1) float32 of PSFs of the given FWHM (arcsec).

    beta : Moffat index, shape of ``fwhm``; None for a Gaussian.
    """
    found = _gaussian(camera, fwhm) if beta is None else _moffat(camera, fwhm, beta)
    return found.astype(np.float32)


def observe(canvas: torch.Tensor, kernel: torch.Tensor, camera: Camera) -> torch.Tensor:
    """Pixels (..., size, size) of canvases (..., cells, cells) seen through a PSF (``kernel`` from transfer)."""
    from torch.fft import irfft2, rfft2

    n, edge = frame(camera), FINE * MARGIN
    seen: torch.Tensor = irfft2(rfft2(canvas, s=(n, n)) * kernel, s=(n, n))
    seen = seen[..., edge : edge + FINE * camera.size, edge : edge + FINE * camera.size]
    rows = seen[..., 0::FINE, :] + seen[..., 1::FINE, :]
    return rows[..., 0::FINE] + rows[..., 1::FINE]
