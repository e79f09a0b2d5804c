"""From scenes to pixels: paint, bend, convolve. Batched torch in float32, on a CPU or a GPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from blindsky.challenges.lens import psf
from blindsky.challenges.lens.light import Light
from blindsky.challenges.lens.noise import Conditions
from blindsky.challenges.lens.painting import FINE, MARGIN, Camera, paint
from blindsky.challenges.lens.rays import lensed
from blindsky.challenges.lens.scene import Scene
from blindsky.challenges.lens.settings import Setting
from blindsky.scoring.measurements import Array, FloatArray

if TYPE_CHECKING:
    import torch

BATCH = {"cpu": 4, "cuda": 128}  # stamps at a time; a CPU's batch must fit its cache


class Rendered(NamedTuple):
    """Noiseless stamps.

    images : per camera (n, bands, size, size) float32, maggies per pixel.   arcs, foreground : (n, size, size) in
    the reference band, lensed source and the rest.   magnification : (n,) flux in the stamp over the unlensed flux.
    """

    images: tuple[Array, ...]
    arcs: Array
    foreground: Array
    magnification: FloatArray


@cache
def _fixed_transfer(setting: Setting, number: int, device: str) -> torch.Tensor:
    import torch

    camera, bands = setting.cameras[number], _bands(setting, number)
    fwhm = np.array(setting.fwhm)[bands]
    beta = None if setting.beta is None else np.full(len(fwhm), setting.beta)
    return torch.as_tensor(psf.transfer(camera, fwhm, beta), device=device)


def _bands(setting: Setting, number: int) -> slice:
    """Where a camera's bands are among all bands."""
    first = sum(len(camera.bands) for camera in setting.cameras[:number])
    return slice(first, first + len(setting.cameras[number].bands))


@contextmanager
def _one_thread() -> Iterator[None]:
    """The same sums in the same order, whatever the machine."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def render(scene: Scene, setting: Setting, c: Conditions, n: int, shifted: bool, device: str) -> Rendered:
    """The first ``n`` stamps of a scene."""
    step = BATCH[device.split(":", maxsplit=1)[0]]
    parts = []
    with _one_thread():
        for start in range(0, n, step):
            stamps = slice(start, min(start + step, n))
            beta = None if c.beta is None else c.beta[stamps]
            here = Conditions(c.sigma[stamps], c.fwhm[stamps], beta, c.kernel[stamps])
            parts.append(_render_batch(scene.of(stamps), setting, here, shifted, device))
    images = tuple(np.concatenate(cameras) for cameras in zip(*(p.images for p in parts), strict=True))
    return Rendered(images, *(np.concatenate(column) for column in zip(*(p[1:] for p in parts), strict=True)))


def _render_batch(scene: Scene, setting: Setting, c: Conditions, shifted: bool, device: str) -> Rendered:
    import torch

    images = []
    arcs = foreground = magnification = np.zeros(0)
    for number, camera in enumerate(setting.cameras):
        bands = _bands(setting, number)
        if shifted:
            beta = None if c.beta is None else c.beta[:, bands]
            kernel = torch.as_tensor(psf.transfer(camera, c.fwhm[:, bands], beta), device=device)
        else:
            kernel = _fixed_transfer(setting, number, device)[None]
        canvas, arc = _canvases(scene, camera, bands, c.sigma[:, bands], device)
        if number:
            canvas += arc
            images.append(psf.observe(canvas, kernel, camera).cpu().numpy())
            continue
        at = camera.bands.index(setting.reference)
        lone = arc[:, at].clone()
        arc[:, at] = 0
        canvas += arc
        seen = psf.observe(canvas, kernel, camera)
        lens_only = psf.observe(lone, kernel[:, at], camera)
        foreground = seen[:, at].clone().cpu().numpy()
        seen[:, at] += lens_only
        images.append(seen.cpu().numpy())
        arcs = lens_only.cpu().numpy()
        edge = FINE * MARGIN
        inside = lone[:, edge:-edge, edge:-edge].sum(dim=(1, 2)).cpu().numpy().astype(np.float64)
        magnification = np.full(len(inside), np.nan)
        magnification[scene.sources.stamp] = inside[scene.sources.stamp] / scene.sources.flux[:, at]
    return Rendered(tuple(images), arcs, foreground, magnification)


def _canvases(
    scene: Scene, camera: Camera, bands: slice, sigma: FloatArray, device: str
) -> tuple[torch.Tensor, torch.Tensor]:
    """Unlensed and lensed light, each (n, bands, cells, cells) in maggies per cell."""
    import torch

    shape = (len(scene.has_source), len(camera.bands), camera.cells, camera.cells)
    canvas = torch.zeros(shape, dtype=torch.float32, device=device)
    kinds: tuple[Light, ...] = (scene.sersics, scene.discs, scene.ridges)
    for objects in kinds:
        paint(canvas, camera, replace(objects, flux=objects.flux[:, bands]), sigma)
    arc = torch.zeros_like(canvas)
    s = scene.sources
    if len(s.stamp):
        flux = s.flux[:, bands]
        relative = (sigma[s.stamp] / flux).min(axis=1)
        shape_of = lensed(scene.deflectors.take(s.stamp), s, camera, relative, device)
        scale = torch.as_tensor(flux, dtype=torch.float32, device=device)
        arc[torch.as_tensor(s.stamp, device=device)] = shape_of[:, None] * scale[:, :, None, None]
    return canvas, arc
