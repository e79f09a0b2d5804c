"""Point-spread functions and the convolution that turns a fine canvas into a stamp of pixels.

A canvas holds light integrated over cells. Convolved with the bare PSF and summed over the cells of a pixel it
is the light integrated over that pixel, exactly but for aliasing.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from blindsky.challenges.lens.painting import FINE, MARGIN, Camera
from blindsky.scoring.measurements import Array, FloatArray

if TYPE_CHECKING:
    import torch

GUARD = 22  # empty cells at least, so that what wraps around comes from afar


def frame(camera: Camera) -> int:
    """Side in cells of the zero-padded canvas, whole pixels; its factors suit the FFT."""
    from scipy.fft import next_fast_len

    return FINE * int(next_fast_len(-(-(camera.cells + GUARD) // FINE), real=True))


def _gaussian(camera: Camera, fwhm: FloatArray) -> FloatArray:
    sigma = fwhm / np.sqrt(8 * np.log(2))
    n = frame(camera)
    kx = 2 * np.pi * np.fft.rfftfreq(n, camera.cell)
    ky = 2 * np.pi * np.fft.fftfreq(n, camera.cell)
    return np.asarray(np.exp(-0.5 * sigma[..., None, None] ** 2 * (ky[:, None] ** 2 + kx**2)))


def _moffat(camera: Camera, fwhm: FloatArray, beta: FloatArray) -> FloatArray:
    from scipy.fft import dctn

    n = frame(camera)
    x = np.arange(n // 2 + 1) * camera.cell
    r2 = x[:, None] ** 2 + x**2
    scale2 = (0.25 * fwhm**2 / (2 ** (1 / beta) - 1))[..., None, None]
    beta = beta[..., None, None]
    profile = (beta - 1) / (np.pi * scale2) * (1 + r2 / scale2) ** -beta
    # Even along both axes: a quarter of the frame holds all, and its cosine transform is the whole's Fourier one
    quarter = dctn(profile, type=1, axes=(-2, -1)) * camera.cell**2
    return np.concatenate([quarter, quarter[..., -2:0:-1, :]], axis=-2)


def transfer(camera: Camera, fwhm: FloatArray, beta: FloatArray | None) -> Array:
    """Fourier transform (..., frame, frame//2 + 1) float32 of PSFs of the given FWHM (arcsec).

    beta : Moffat index, shape of ``fwhm``; None for a Gaussian.
    """
    found = _gaussian(camera, fwhm) if beta is None else _moffat(camera, fwhm, beta)
    return found.astype(np.float32)


@cache
def _pixel(camera: Camera, device: str) -> torch.Tensor:
    """Fourier transform of the sum over the cells of a pixel, taken from its first cell on."""
    import torch

    n = frame(camera)

    def along(frequency: Array) -> Array:
        return np.asarray(np.exp(2j * np.pi * frequency[:, None] * np.arange(FINE)).sum(axis=1) / FINE)

    found = along(np.fft.fftfreq(n))[:, None] * along(np.fft.rfftfreq(n))
    return torch.as_tensor(found.astype(np.complex64), device=device)


def observe(canvas: torch.Tensor, kernel: torch.Tensor, camera: Camera) -> torch.Tensor:
    """Pixels (..., size, size) of canvases (..., cells, cells) seen through a PSF (``kernel`` from transfer).

    Only every second cell is wanted of what was summed over pixels, so frequencies that alias are added up before
    the way back, which is then four times shorter.
    """
    from torch.fft import irfft2, rfft2

    n = frame(camera)
    half, edge = n // FINE, slice(MARGIN, MARGIN + camera.size)
    light = rfft2(canvas, s=(n, n)) * kernel
    light *= _pixel(camera, str(canvas.device))
    light = light[..., :half, :] + light[..., half:, :]  # FINE is 2
    # The upper half of the other axis is not stored: it is the conjugate at the opposite frequency
    opposite = light[..., half - half // 2 :].flip((-2, -1)).roll(1, -2).conj()
    seen: torch.Tensor = irfft2(light[..., : half // 2 + 1] + opposite, s=(half, half))
    return seen[..., edge, edge]
