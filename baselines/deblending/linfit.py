"""Sersic templates of known form, their fluxes by non-negative least squares on the whole stamp.

blindsky baseline deblending/linfit --release ID

A galaxy is a sum of profiles n = 1 and n = 4 of five sizes, round and flat along its major axis, all at its place and
convolved with the PSF. Which of them it is made of is fitted in the reference band; in the others its form is kept and
its flux is fitted. What is reported are total fluxes, so nothing is calibrated: the training set gives the sizes alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from blindsky.baselines.baseline import Settings
from blindsky.baselines.deblending.blends import Camera, Image, Task, answer, nothing, task
from blindsky.baselines.deblending.leastsquares import weights
from blindsky.baselines.deblending.places import places, significance
from blindsky.baselines.deblending.symmetric import templates
from blindsky.challenges.deblending import transforms
from blindsky.challenges.deblending.transforms import BULGE, POINT, Nodes
from blindsky.challenges.release import Public
from blindsky.scoring.measurements import Array, FloatArray, Table

Spectra = NDArray[np.float32]

INDICES = np.array([1.0, 4.0])  # Sersic n
AXES = (1.0, 0.4)  # ratios: what lies between is a sum of both
SIZES = 5  # half-light radii, from quantile to quantile of the training set
QUANTILES = (0.02, 0.98)
PADDING = 1.25  # side of the frame in stamps: what leaves the stamp must not come back on its other side
SMALL = 1e-9  # light: less is none


class Frame(NamedTuple):
    """Angular frequencies per pixel of a frame of ``side`` pixels: kx (side // 2 + 1,) and ky (side, 1)."""

    side: int
    kx: Spectra
    ky: Spectra


@cache
def frame(size: int) -> Frame:
    """The frame for stamps of ``size`` pixels."""
    from scipy.fft import next_fast_len

    side = int(next_fast_len(int(PADDING * size), real=True))
    kx, ky = 2 * np.pi * np.fft.rfftfreq(side), 2 * np.pi * np.fft.fftfreq(side)[:, None]
    return Frame(side, kx.astype(np.float32), ky.astype(np.float32))


def _radial(table: Array, squared: Spectra, nodes: Nodes) -> Spectra:
    """A transform at squared frequencies in its unit, linear between the nodes of its table."""
    place = np.log1p(squared * np.float32(nodes.stretch**2)) * np.float32(0.5 / nodes.step)
    place = np.minimum(place, np.float32(nodes.number - 1.001))
    index = place.astype(np.int32)
    return np.asarray(table[index] + (place - index) * np.diff(table, append=table[-1:])[index])


@cache
def _profiles() -> Array:
    return transforms.sersics(INDICES)


def profiles(angle: float, sizes: FloatArray, grid: Frame) -> Spectra:
    """Transforms of the templates of a galaxy with its major axis at ``angle``, (templates, ky, kx), unit flux.

    sizes : half-light radii, pixels, of circles of the same area.   angle : from x to y.
    """
    along = grid.kx * np.float32(np.cos(angle)) + grid.ky * np.float32(np.sin(angle))
    across = grid.ky * np.float32(np.cos(angle)) - grid.kx * np.float32(np.sin(angle))
    found = []
    for ratio in AXES:
        form = along**2 / np.float32(ratio) + across**2 * np.float32(ratio)
        for size in sizes:
            squared = np.asarray(form * size**2, dtype=np.float32)
            found += [_radial(table, squared, BULGE) for table in _profiles()]
    return np.stack(found)


def point(fwhm: float, beta: float, grid: Frame) -> Spectra:
    """Transform of the PSF and of a pixel, (ky, kx).   fwhm : pixels."""
    alpha = float(transforms.moffat_scale(np.array(fwhm), beta))
    psf = _radial(transforms.moffat(beta), (grid.kx**2 + grid.ky**2) * np.float32(alpha**2), POINT)
    return np.asarray(psf * np.sinc(grid.kx / (2 * np.pi)) * np.sinc(grid.ky / (2 * np.pi)))


def drawn(spectra: Spectra, x: float, y: float, size: int, grid: Frame) -> Image:
    """The stamps (..., size, size) of what has transforms (..., ky, kx) and its centre at pixel (x, y)."""
    from scipy.fft import irfft2

    place = np.exp(-1j * (grid.kx * x + grid.ky * y)).astype(np.complex64)
    pixels = irfft2(spectra * place, s=(grid.side, grid.side), overwrite_x=True)
    return np.asarray(pixels[..., :size, :size], dtype=np.float32)


def orientation(light: Image, x: float, y: float) -> float:
    """Angle of the major axis of light (N, N) >= 0 about (x, y), from x to y, by its second moments.

    They are weighted by a Gaussian as wide as the light is, so that its rim counts less.
    """
    side = np.arange(len(light), dtype=np.float64)
    dx, dy = side - x, (side - y)[:, None]
    squared = dx**2 + dy**2
    width = max(float((light * squared).sum()) / (2 * max(float(light.sum()), SMALL)), 1.0)
    inner = light * np.exp(-0.5 * squared / width)
    return 0.5 * float(np.arctan2(2 * (inner * dx * dy).sum(), (inner * (dx**2 - dy**2)).sum()))


class Fit(NamedTuple):
    """flux : (m, bands).   model : in the reference band (m, N, N)."""

    flux: FloatArray
    model: Image


def fit(
    image: Image, where: FloatArray, angles: FloatArray, fwhm: FloatArray, sizes: FloatArray, camera: Camera
) -> Fit:
    """Galaxies at places (m, 2) of an image (bands, N, N).   fwhm : (bands,) pixels.   sizes : pixels."""
    m, size, bands = len(where), image.shape[-1], len(image)
    grid = frame(size)
    psf = [point(float(width), camera.beta, grid) for width in fwhm]
    seen, forms = [], []
    for (x, y), angle in zip(where, angles, strict=True):
        spectra = profiles(float(angle), sizes, grid)
        seen.append(drawn(spectra * psf[camera.reference], x, y, size, grid))
        forms.append(spectra)
    weight = weights(image[camera.reference], np.concatenate(seen)).reshape(m, -1)
    flux = np.zeros((m, bands))
    flux[:, camera.reference] = weight.sum(axis=1)
    model = np.stack([np.tensordot(w, s, axes=1) for w, s in zip(weight, seen, strict=True)])
    dark = flux[:, camera.reference] == 0
    share = np.where(dark[:, None], 1 / weight.shape[1], weight)
    share /= share.sum(axis=1, keepdims=True)
    own = [np.tensordot(s.astype(np.float32), f, axes=1) for s, f in zip(share, forms, strict=True)]
    for band in range(bands):
        if band != camera.reference:
            shapes = [drawn(o * psf[band], x, y, size, grid) for o, (x, y) in zip(own, where, strict=True)]
            flux[:, band] = weights(image[band], np.stack(shapes))
    return Fit(flux, model.astype(np.float32))


@dataclass(frozen=True)
class LinearFit:
    """sizes : half-light radii, pixels."""

    task: Task
    sizes: FloatArray
    workers: int

    def predict(self, test: Table) -> Table:
        """Places, fluxes, masks and the light of each galaxy in the reference band, as far as the track asks them."""
        return answer(self.task, test, self.found, self.workers)

    def found(self, blend: Table, told: Table) -> Table:
        """The galaxies of one blend."""
        camera, image = self.task.camera, blend["image"]
        light = significance(image, blend["sigma"])
        where = places(light, self.task, told)
        if not len(where):
            return nothing(image)
        halves = templates(light, where)
        angles = np.array([orientation(h, x, y) for h, (x, y) in zip(halves, where, strict=True)])
        best = fit(image, where, angles, blend["psf_fwhm"] / camera.pixel, self.sizes, camera)
        mask = best.model > camera.mask * blend["sigma"][camera.reference]
        x, y = np.clip(where.T, 0, image.shape[-1] - 1)
        return {"x": x, "y": y, "flux": best.flux, "mask": mask.astype(np.uint8), "image": best.model}


def train(public: Public, settings: Settings) -> LinearFit:
    """The range of sizes, from those that the training galaxies were drawn with; it need not be exact."""
    asked = task(public)
    radius = public.table("train_objects", ["r_half"])["r_half"] / asked.camera.pixel
    smallest, largest = np.quantile(radius, QUANTILES)
    return LinearFit(asked, np.geomspace(smallest, largest, SIZES), settings.workers)
