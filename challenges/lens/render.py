"""From scenes to pixels: paint, bend, convolve. Batched torch in float32, on a CPU or a GPU."""

from __future__ import annotations

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
from blindsky.challenges.threads import one_thread
from blindsky.scoring.measurements import Array, FloatArray

if TYPE_CHECKING:
    import torch

BATCH = {"cpu": 4, "cuda": 128}  # stamps at a time; a CPU's batch must fit its cache


class Rendered(NamedTuple):
    """Noiseless stamps.

    images : per camera (n, bands, size, size) float32, maggies per pixel.   lensed : what the source gives to them,
    where it was asked for.   arcs, foreground : (n, size, size) in the reference band, lensed source and the rest.
    magnification : (n,) flux in the stamp over the unlensed flux.
    """

    images: tuple[Array, ...]
    lensed: tuple[Array, ...]
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


def render(
    scene: Scene, setting: Setting, c: Conditions, n: int, shifted: bool, device: str, *, apart: bool = False
) -> Rendered:
    """The first ``n`` stamps of a scene; ``apart`` for the source alone in every band."""
    step = BATCH[device.split(":", maxsplit=1)[0]]
    parts = []
    with one_thread():
        for start in range(0, n, step):
            stamps = slice(start, min(start + step, n))
            beta = None if c.beta is None else c.beta[stamps]
            here = Conditions(c.sigma[stamps], c.fwhm[stamps], beta, c.kernel[stamps])
            parts.append(_render_batch(scene.of(stamps), setting, here, shifted, device, apart))
    images, lensed = (
        tuple(np.concatenate(cameras) for cameras in zip(*column, strict=True))
        for column in ([p.images for p in parts], [p.lensed for p in parts])
    )
    return Rendered(images, lensed, *(np.concatenate(c) for c in zip(*(p[2:] for p in parts), strict=True)))


def _render_batch(
    scene: Scene, setting: Setting, c: Conditions, shifted: bool, device: str, apart: bool
) -> Rendered:
    import torch

    images, alone = [], []
    arcs = foreground = magnification = np.zeros(0)
    for number, camera in enumerate(setting.cameras):
        bands = _bands(setting, number)
        if shifted:
            beta = None if c.beta is None else c.beta[:, bands]
            kernel = torch.as_tensor(psf.transfer(camera, c.fwhm[:, bands], beta), device=device)
        else:
            kernel = _fixed_transfer(setting, number, device)[None]
        canvas, arc = _canvases(scene, camera, bands, c.sigma[:, bands], device)
        if number and not apart:
            images.append(psf.observe(canvas.add_(arc), kernel, camera).cpu().numpy())
            continue
        # Where the source is seen by itself: in the reference band for the truth, in all bands where asked for
        at = 0 if number else camera.bands.index(setting.reference)
        own = slice(None) if apart else slice(at, at + 1)
        lone = arc[:, own].clone()
        arc[:, own] = 0
        seen, source = (
            psf.observe(canvas.add_(arc), kernel, camera),
            psf.observe(lone, kernel[:, own], camera),
        )
        if not number:
            of_reference = at if apart else 0
            foreground = seen[:, at].cpu().numpy().copy()
            arcs = source[:, of_reference].cpu().numpy().copy()
            edge = FINE * MARGIN
            inside = lone[:, of_reference, edge:-edge, edge:-edge].sum(dim=(1, 2)).cpu().numpy()
            magnification = np.full(len(inside), np.nan)
            behind = scene.sources.stamp
            magnification[behind] = inside[behind] / scene.sources.flux[:, at]
        seen[:, own] += source
        images.append(seen.cpu().numpy())
        if apart:
            alone.append(source.cpu().numpy())
    return Rendered(tuple(images), tuple(alone), arcs, foreground, magnification)


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
