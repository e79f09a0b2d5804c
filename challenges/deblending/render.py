"""From galaxies to pixels through Fourier space: every profile, the point spread and the pixel are factors there.

What is computed is the exact image, integrated over pixels, but for frequencies beyond that of the pixels, where the
PSF has left 2e-3 or less. Each galaxy has a box of its own, which holds what can be seen of it and the PSF: boxes are
computed by size, and cut at the edges of the stamp. Torch, float32, CPU or GPU.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from blindsky.challenges.deblending import transforms
from blindsky.challenges.deblending.bands import Setting
from blindsky.challenges.deblending.galaxies import Galaxies
from blindsky.challenges.deblending.transforms import BULGE, DISC, POINT, Nodes
from blindsky.challenges.sersic import sersic_b, sersic_centre
from blindsky.scoring.measurements import Array, FloatArray

if TYPE_CHECKING:
    import torch


BOXES = (64, 128, 256, 512)  # pixels
LOST = 1e-3  # of the light, which a box folds back into itself
COPIES = (
    0.33  # of the light beyond its reach: what a box of whole stamps folds back into one, measured at most
)
FAINTEST = 0.03  # rms per pixel: what may end at the edge of a box


class Plane(NamedTuple):
    """Angular frequencies per pixel of a frame: kx (half, 1), of real images half suffices, and ky (1, frame)."""

    kx: torch.Tensor
    ky: torch.Tensor

    @property
    def frame(self) -> int:
        """Pixels of a side."""
        return int(self.ky.shape[1])


@cache
def plane(frame: int, device: str) -> Plane:
    """The frequencies of a frame."""
    import torch

    kx, ky = 2 * np.pi * np.fft.rfftfreq(frame)[:, None], 2 * np.pi * np.fft.fftfreq(frame)[None]
    return Plane(*(torch.as_tensor(k, dtype=torch.float32, device=device) for k in (kx, ky)))


def isolated(galaxies: Galaxies, fwhm: FloatArray, setting: Setting, device: str) -> Array:
    """Noiseless image of every galaxy alone, in every band, (m, bands, size, size) float32; 0 outside of its box.

    fwhm : of the PSF in each blend, (n, bands) arcsec.
    """
    size = setting.size
    images = np.zeros((len(galaxies), fwhm.shape[1], size, size), dtype=np.float32)
    alpha = transforms.moffat_scale(fwhm, setting.beta) / setting.bands.pixel
    sides = boxes(galaxies, setting)
    for side in np.unique(sides):
        rows = np.flatnonzero(sides == side)
        group = galaxies.select(rows)
        # large boxes hold a stamp wherever their galaxy is in it, so that they begin where it does
        whole = side >= 2 * size
        x0, y0 = (
            np.zeros(len(rows), dtype=np.int64) if whole else np.floor(at + 0.5).astype(np.int64) - side // 2
            for at in (group.x, group.y)
        )
        pixels = _rendered(
            group, x0, y0, alpha[group.blend], setting.beta, int(side), size if whole else int(side), device
        )
        for row, box, x, y in zip(rows, pixels, x0.tolist(), y0.tolist(), strict=True):
            left, right, low, high = max(x, 0), min(x + side, size), max(y, 0), min(y + side, size)
            if left < right and low < high:
                images[row, :, low:high, left:right] = box[:, low - y : high - y, left - x : right - x]
    return images


def boxes(galaxies: Galaxies, setting: Setting) -> Array:
    """Sides (m,) of the boxes in pixels: less than ``LOST`` of the light folds back, and nothing to be seen is cut.

    Boxes of two stamps and more cut nothing, and only the stamp is kept of them: what folds back into it comes from
    beyond the nearest copy of the stamp, which covers a part of that. A few in 100,000 galaxies, whose bulge is wider
    than the largest box, fold back up to twice ``LOST``.
    """
    from scipy.special import gammaincc

    g, r = galaxies, setting.reference
    sides = np.full(len(g), BOXES[-1])
    share = g.bulge_flux[:, r] / g.flux[:, r]
    radius, b = np.maximum(g.bulge_radius, 1e-3), sersic_b(g.bulge_n)
    sigma = np.array(setting.sigma)
    centre = (g.bulge_flux / sigma).max(axis=1) * sersic_centre(g.bulge_n) / radius**2
    disc_centre = (g.disc_flux / sigma).max(axis=1) / (2 * np.pi * g.disc_radius**2 * g.disc_q)
    for side in BOXES[-2::-1]:
        whole = side >= 2 * setting.size
        reach = (
            side - np.abs([g.x, g.y, setting.size - g.x, setting.size - g.y]).max(0)
            if whole
            else side / 2 - 1
        )
        out, root = reach / g.disc_radius, (reach * np.sqrt(g.bulge_q) / radius) ** (1 / g.bulge_n)
        lost = share * gammaincc(2 * g.bulge_n, b * root) + (1 - share) * (1 + out) * np.exp(-out)
        seen = centre * np.exp(-b * root) + disc_centre * np.exp(-out)
        enough = COPIES * lost < LOST if whole else (lost < LOST) & (seen < FAINTEST)
        sides[enough] = side
    return sides


def _rendered(
    g: Galaxies, x0: Array, y0: Array, alpha: FloatArray, beta: float, side: int, size: int, device: str
) -> Array:
    """The first ``size`` pixels of boxes that begin at pixel x0, y0 (m,): (m, bands, size, size).

    alpha : scales of the PSF (m, bands), pixels.
    """
    import torch

    grid = plane(side, device)
    m, bands = alpha.shape
    images = torch.empty((m, bands, size, size), dtype=torch.float32, device=device)
    bulge, disc, place = _bulges(g, grid), _discs(g, grid), _places(g.x - x0, g.y - y0, grid)
    knotty = np.flatnonzero(g.knot_share)
    rows = torch.as_tensor(knotty, device=device)
    knots = _knots(g.select(knotty), grid).mul_(place[rows])
    of_knots = g.disc_flux * g.knot_share[:, None]
    smooth = g.disc_flux - of_knots
    light, spectrum = torch.empty_like(bulge), torch.empty_like(place)
    for band in range(bands):
        torch.mul(bulge, _column(g.bulge_flux[:, band], bulge), out=light)
        light.addcmul_(disc, _column(smooth[:, band], disc))
        widths, which = np.unique(alpha[:, band], return_inverse=True)  # blends may share one PSF
        points = _points(widths, beta, grid)
        of_row = torch.as_tensor(which, device=device)
        light.mul_(points if len(points) == 1 else points[of_row])
        torch.mul(place, light, out=spectrum)
        if knotty.size:
            spectrum[rows] += knots * (points[of_row[rows]] * _column(of_knots[knotty, band], light))
        images[:, band] = _pixels(spectrum, size)
    return np.asarray(images.cpu().numpy())


def _pixels(spectrum: torch.Tensor, size: int) -> torch.Tensor:
    """The first pixels (m, size, size), by row and column, of what has the spectrum (m, kx, ky)."""
    from torch.fft import ifft, irfft

    frame = spectrum.shape[-1]
    rows = ifft(spectrum)[..., :size]  # along y
    pixels: torch.Tensor = irfft(rows.mT, n=frame)[..., :size]
    return pixels


def _column(numbers: Array, like: torch.Tensor) -> torch.Tensor:
    """(m,) as (m, 1, 1), of the precision and device of ``like``."""
    import torch

    return torch.as_tensor(numbers, dtype=like.dtype, device=like.device)[:, None, None]


def _form(scale_x: FloatArray, scale_y: FloatArray, angle: FloatArray, grid: Plane) -> torch.Tensor:
    """(scale_x k_along)^2 + (scale_y k_across)^2, axes turned by ``angle`` (m,): (m, kx, ky)."""
    c, s = np.cos(angle), np.sin(angle)
    A, C = (scale_x * c) ** 2 + (scale_y * s) ** 2, (scale_x * s) ** 2 + (scale_y * c) ** 2
    B = 2 * (scale_x**2 - scale_y**2) * c * s
    form = _column(A, grid.kx) * grid.kx**2 + _column(C, grid.ky) * grid.ky**2
    form.addcmul_(_column(B, grid.kx) * grid.kx, grid.ky)
    return form.clamp_(min=0)


def _interpolated(
    tables: tuple[torch.Tensor, ...], form: torch.Tensor, nodes: Nodes
) -> tuple[torch.Tensor, ...]:
    """Tables (m or 1, nodes) at squared frequencies ``form`` (m, kx, ky), linear between nodes."""
    import torch

    place = torch.log1p(form * nodes.stretch**2).mul_(0.5 / nodes.step).clamp_(max=nodes.number - 1.001)
    index = place.to(torch.int32)
    place.frac_()
    if len(tables[0]) > 1:
        index += (nodes.number * torch.arange(len(form), dtype=torch.int32, device=form.device))[
            :, None, None
        ]
    flat = index.view(-1)
    found = []
    for table in tables:
        slope = torch.diff(table, append=table[:, -1:]).reshape(-1)
        value = slope.index_select(0, flat).view_as(form).mul_(place)
        found.append(value.add_(table.reshape(-1).index_select(0, flat).view_as(form)))
    return tuple(found)


def _points(alpha: FloatArray, beta: float, grid: Plane) -> torch.Tensor:
    """Transforms of Moffat profiles, (m, kx, ky)."""
    import torch

    table = torch.as_tensor(transforms.moffat(beta), device=grid.kx.device)[None]
    form = (grid.kx**2 + grid.ky**2) * _column(alpha**2, grid.kx)
    return _interpolated((table,), form, POINT)[0]


def _bulges(g: Galaxies, grid: Plane) -> torch.Tensor:
    import torch

    root = np.sqrt(g.bulge_q)
    form = _form(g.bulge_radius / root, g.bulge_radius * root, g.angle, grid)
    tables = torch.as_tensor(transforms.sersics(g.bulge_n), device=form.device)
    return _interpolated((tables,), form, BULGE)[0]


def _discs(g: Galaxies, grid: Plane) -> torch.Tensor:
    """Exponential discs, with arms where they have some."""
    import torch

    form = _form(g.disc_radius, g.disc_radius * g.disc_q, g.angle, grid)
    disc = torch.rsqrt(1 + form) ** 3
    some = np.flatnonzero(g.amplitude)
    if not some.size:
        return disc
    s = g.select(some)
    rows = torch.as_tensor(some, device=form.device)
    tables = transforms.spirals(s.arms, s.pitch, s.phase, s.amplitude)
    own = form[rows]
    P, Q = _interpolated(tuple(torch.as_tensor(t, device=form.device) for t in tables), own, DISC)
    c, sine = _column(np.cos(s.angle), form), _column(np.sin(s.angle), form)
    across = (grid.ky * c - grid.kx * sine) * _column(s.disc_radius * s.disc_q, form)
    along = (grid.kx * c + grid.ky * sine) * _column(s.disc_radius, form)
    # cos 2t, sin 2t of the angle t of k in the plane of the disc; four arms need their doubles
    own.clamp_(min=1e-12).reciprocal_()
    sine2 = 2 * along * across * own
    cosine2 = (along * along - across * across) * own
    four = _column(s.arms == 4, form)
    cosine = cosine2 + four * (2 * cosine2 * cosine2 - 1 - cosine2)
    sine = sine2 + four * (2 * sine2 * cosine2 - sine2)
    disc[rows] += P * cosine - Q * sine
    return disc


def _places(x: FloatArray, y: FloatArray, grid: Plane) -> torch.Tensor:
    """What puts galaxies at (x, y) (m,) and integrates over pixels, (m, kx, ky) complex."""

    def along(position: FloatArray, frequency: Array) -> Array:
        return np.asarray(np.sinc(frequency) * np.exp(-2j * np.pi * position[:, None] * frequency))

    columns = _complex(along(x, np.fft.rfftfreq(grid.frame)), grid)
    lines = _complex(along(y, np.fft.fftfreq(grid.frame)), grid)
    return columns[:, :, None] * lines[:, None, :]


def _knots(g: Galaxies, grid: Plane) -> torch.Tensor:
    """Transforms of the knots about their galaxy's centre, (m, kx, ky) complex; Gaussians, so a product per knot."""
    import torch

    def along(offset: FloatArray, frequency: Array) -> Array:
        k = 2 * np.pi * frequency
        return np.asarray(np.exp(-0.5 * (g.knot_sigma[..., None] * k) ** 2 - 1j * offset[..., None] * k))

    columns = along(g.knot_x, np.fft.rfftfreq(grid.frame)) * g.knot_weight[..., None]
    lines = along(g.knot_y, np.fft.fftfreq(grid.frame))
    return torch.bmm(_complex(columns, grid).mT, _complex(lines, grid))


def _complex(array: Array, grid: Plane) -> torch.Tensor:
    import torch

    return torch.as_tensor(array.astype(np.complex64), device=grid.kx.device)
