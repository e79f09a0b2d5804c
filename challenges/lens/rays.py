"""Ray shooting: sources seen through their deflectors, finer where the light needs it.

Only rays that can reach a source are followed. One ray per canvas cell and its neighbours' give the cell's mean;
cells where the light curves too much for that, or where a ray came near a cusp, are integrated with Gauss-Legendre
nodes, in one list for all stamps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from blindsky.challenges.lens.light import ellipse
from blindsky.challenges.lens.mass import Deflectors, ellipsoid_and_shear, epl_terms, pseudo_jaffe, rotate
from blindsky.challenges.lens.painting import Camera, laplacian
from blindsky.challenges.lens.pictures import Picture
from blindsky.challenges.sersic import sersic_b, sersic_centre
from blindsky.scoring.measurements import Array, FloatArray

if TYPE_CHECKING:
    import torch

FAINTEST = 0.02  # sigma per pixel: a source ends there
CURVED = 0.3  # sigma: cells whose discrete Laplacian is larger are integrated
FINER = 4  # nodes per side of such a cell
CUSP = 0.1  # half-light radii from the centre within which a steep body needs more
STEEP = 1.2  # Sersic index of a steep body
FINEST = 12
RAYS = 1 << 15  # nodes followed at a time
TOGETHER = {"cpu": 1, "cuda": 128}  # sources at a time; a CPU is fastest where all rays share their numbers


@dataclass(frozen=True)
class Sources:
    """Lensed galaxies, at most one a stamp: a Sersic body and Gaussian knots of the same colour, or a picture.

    Columns (m,), ``flux`` (m, bands) in maggies, ``stamp`` ascending; knots padded to (m, knots) with share 0.
    ``clumps`` is the share of the light that is in knots; knot positions are relative to (x, y), arcsec.
    picture : of a real galaxy that takes the place of body and knots, scaled to ``radius``; None for all or for none.
    """

    stamp: Array
    x: FloatArray
    y: FloatArray
    flux: FloatArray
    radius: FloatArray
    n: FloatArray
    q: FloatArray
    angle: FloatArray
    clumps: FloatArray
    knot_x: FloatArray
    knot_y: FloatArray
    knot_sigma: FloatArray
    knot_share: FloatArray
    picture: Array

    def select(self, keep: Array) -> Sources:
        """Rows by mask or index."""
        return Sources(*(getattr(self, f.name)[keep] for f in fields(self)))

    def of(self, stamps: slice) -> Sources:
        """Sources of a run of stamps, numbered from its start."""
        inside = self.select((self.stamp >= stamps.start) & (self.stamp < stamps.stop))
        return replace(inside, stamp=inside.stamp - stamps.start)

    def reach(self, level: FloatArray) -> FloatArray:
        """Radius (m,) in arcsec beyond which a source is fainter than ``level`` (m,) per unit flux, arcsec^-2."""
        if self.picture.any():
            return np.asarray(self.radius * [picture.reach / picture.radius for picture in self.picture])
        excess = np.log(np.maximum(sersic_centre(self.n) / self.radius**2 / level, 1 + 1e-9))
        body = self.radius * (excess / sersic_b(self.n)) ** self.n / np.sqrt(self.q)
        knots = (np.hypot(self.knot_x, self.knot_y) + 5 * self.knot_sigma) * (self.knot_share > 0)
        return np.asarray(np.maximum(np.maximum(body, knots.max(axis=1, initial=0)), 2 * self.radius))


def _columns(values: Sequence[Array] | FloatArray, device: str) -> list[torch.Tensor]:
    """Columns (m,) as float32 tensors (m, 1), taken over together."""
    import torch

    return list(torch.as_tensor(np.asarray(values, dtype=np.float32)[:, :, None], device=device).unbind())


class _Pictures:
    """Pictures of a batch as tensors, read off between their pixels."""

    def __init__(self, pictures: Sequence[Picture], radius: FloatArray, device: str) -> None:
        import torch

        self.rows, self.columns = np.max([p.light.shape for p in pictures], axis=0).tolist()
        light = np.zeros((len(pictures), self.rows, self.columns), dtype=np.float32)
        for row, p in zip(light, pictures, strict=True):
            row[: p.light.shape[0], : p.light.shape[1]] = p.light
        per_arcsec = np.array([p.radius for p in pictures]) / radius  # pixels
        light *= per_arcsec[:, None, None].astype(np.float32) ** 2
        self.light = torch.as_tensor(light.ravel(), device=device)
        centre = np.array([(p.x, p.y) for p in pictures])
        self.scale = _columns([per_arcsec, *centre.T], device)

    def __call__(self, row: torch.Tensor, along: torch.Tensor, across: torch.Tensor) -> torch.Tensor:
        """Brightness per unit flux (arcsec^-2) at offsets from the centroid; 0 beyond the edge. ``row`` broadcasts."""
        per_arcsec, x, y = (c[row, 0] for c in self.scale)
        x = (along * per_arcsec + x).clip(0, self.columns - 1.001)
        y = (across * per_arcsec + y).clip(0, self.rows - 1.001)
        column, line = x.floor(), y.floor()
        x, y = x - column, y - line
        place = (row * self.rows + line.long()) * self.columns + column.long()
        low = self.light[place] * (1 - x) + self.light[place + 1] * x
        place += self.columns
        return low * (1 - y) + (self.light[place] * (1 - x) + self.light[place + 1] * x) * y


class Tracer:
    """Deflectors and sources of a batch as tensors; follows rays and reads off surface brightness."""

    def __init__(self, d: Deflectors, s: Sources, device: str) -> None:
        """``d`` holds one deflector per source."""
        self.alone = len(s.stamp) == 1
        self.terms = epl_terms(float(d.q.min()), 1e-7)
        lens = [d.x, d.y, d.theta_e, d.q, d.phi, d.g1, d.g2]
        if not (d.slope == 2).all():
            lens.append(d.slope)
        self.lens = _columns(lens, device)
        self.perturbers = [_columns(slot, device) for slot in self._slots(d)]
        self.source = _columns([s.x, s.y, s.angle], device)
        self.pictures = _Pictures(s.picture.tolist(), s.radius, device) if s.picture.any() else None
        A, B, C = ellipse(s.q, s.angle, 1 / s.radius**2)
        centre = sersic_centre(s.n) / s.radius**2 * (1 - s.clumps)
        self.body = _columns([A, 2 * B, C, 0.5 / s.n, -sersic_b(s.n), centre], device)
        used = int((s.knot_share > 0).sum(axis=1).max(initial=0))
        amplitude = s.clumps[:, None] * s.knot_share / (2 * np.pi * s.knot_sigma**2)
        knots = (s.knot_x, s.knot_y, -0.5 / s.knot_sigma**2, amplitude)
        self.knots = [_columns([c[:, k] for c in knots], device) for k in range(used)]

    @staticmethod
    def _slots(d: Deflectors) -> list[FloatArray]:
        """Perturbers as columns over the batch, one slot after the other; an empty slot has no mass."""
        p = d.perturbers
        place = np.array([(p.stamp[:k] == s).sum() for k, s in enumerate(p.stamp)], dtype=np.int64)
        slots = []
        for slot in range(int(place.max(initial=-1)) + 1):
            rows = np.flatnonzero(place == slot)
            table = np.zeros((4, len(d.x)))
            table[3] = 1.0
            table[:, p.stamp[rows]] = p.x[rows], p.y[rows], p.theta_p[rows], p.a[rows]
            slots.append(table)
        return slots

    def __call__(
        self, row: torch.Tensor | None, x: torch.Tensor, y: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Surface brightness per unit flux (arcsec^-2), and squared distance from the source's centre over R_e^2.

        row : source of each ray (r,); image positions x and y are (r, nodes), arcsec.   None : every source (m,)
        is seen at the positions that x (1, w) and y (h, 1) span, (m, h, w).
        """
        import torch

        def at(columns: list[torch.Tensor]) -> list[torch.Tensor]:
            if self.alone:
                return columns
            return [c[:, None] for c in columns] if row is None else [c[row] for c in columns]

        lens_x, lens_y, theta_e, q, phi, g1, g2, *slope = at(self.lens)
        dx, dy = x - lens_x, y - lens_y
        ax, ay = ellipsoid_and_shear(dx, dy, theta_e, q, phi, g1, g2, slope[0] if slope else None, self.terms)
        for slot in self.perturbers:
            px, py, theta_p, a = at(slot)
            bx, by = pseudo_jaffe(x - px, y - py, theta_p, a)
            ax += bx
            ay += by
        source_x, source_y, angle = at(self.source)
        u, v = x - source_x - ax, y - source_y - ay
        A, B, C, power, minus_b, centre = at(self.body)
        R2 = (A * u).addcmul_(B, v).mul_(u).addcmul_(C * v, v).clip_(min=1e-20)
        if self.pictures is not None:
            every = torch.arange(len(centre), device=u.device).view(-1, *[1] * (u.ndim - 1))
            owner = every if row is None or self.alone else row[:, None]
            return self.pictures(owner, *rotate(u, v, angle)), R2
        # Powers as exponentials of logarithms, which are faster
        bright = R2.log().mul_(power).exp_().mul_(minus_b).exp_().mul_(centre)
        for knot in self.knots:
            knot_x, knot_y, k, amplitude = at(knot)
            du, dv = u - knot_x, v - knot_y
            bright.addcmul_(amplitude, du.mul_(du).addcmul_(dv, dv).mul_(k).exp_())
        return bright, R2


def farthest_ray(d: Deflectors, s: Sources, reach: FloatArray) -> FloatArray:
    """Radius about the deflector (m,) beyond which no image of the source lies, arcsec."""
    bend = d.theta_e / np.sqrt(d.q) * np.where(d.slope == 2, 1.0, 1.35)
    bend = bend + np.bincount(d.perturbers.stamp, d.perturbers.theta_p, minlength=len(bend))
    shear = np.hypot(d.g1, d.g2)
    return np.asarray((np.hypot(s.x - d.x, s.y - d.y) + bend + reach) / (1 - shear))


@cache
def _nodes(number: int, device: str) -> list[torch.Tensor]:
    """Gauss-Legendre nodes of the unit square about its centre, and their shares: x, y, share (number^2,)."""
    import torch

    at, weight = (0.5 * values for values in np.polynomial.legendre.leggauss(number))
    columns = (np.tile(at, number), np.repeat(at, number), np.outer(weight, weight).ravel())
    return [torch.as_tensor(c, dtype=torch.float32, device=device) for c in columns]


def lensed(d: Deflectors, s: Sources, camera: Camera, sigma: FloatArray, device: str) -> torch.Tensor:
    """Lensed light per unit source flux and cell, (m, cells, cells) float32.

    d : one deflector per source.   sigma : noise per pixel in units of the source's flux, brightest band, (m,).
    """
    import torch

    image = torch.zeros(len(s.stamp), camera.cells, camera.cells, dtype=torch.float32, device=device)
    step = TOGETHER[device.split(":", maxsplit=1)[0]]
    for start in range(0, len(s.stamp), step):
        rows = np.arange(start, min(start + step, len(s.stamp)))
        _trace(image[start : start + step], d.take(rows), s.select(rows), camera, sigma[rows])
    return image.mul_(camera.cell**2)


def _trace(image: torch.Tensor, d: Deflectors, s: Sources, camera: Camera, sigma: FloatArray) -> None:
    """Write mean surface brightness per unit flux (arcsec^-2) into ``image`` (m, cells, cells)."""
    import torch

    def tensor(values: Array) -> torch.Tensor:
        return torch.as_tensor(values, dtype=torch.float32, device=image.device)

    cell, device = camera.cell, str(image.device)
    trace = Tracer(d, s, device)
    centres = (np.arange(camera.cells) + 0.5) * cell - camera.half
    axis = tensor(centres)
    far = farthest_ray(d, s, s.reach(FAINTEST * sigma / camera.pixel**2))
    (left, right), (low, high) = (
        np.searchsorted(centres, [(at - far).min(), (at + far).max()]).tolist() for at in (d.x, d.y)
    )
    image[:, low:high, left:right] = trace(None, axis[None, left:right], axis[low:high, None])[0]

    def integrate(cells: torch.Tensor, number: int) -> torch.Tensor:
        """Mean brightness of the cells (k, 3); returns the smallest source radius squared of their rays."""
        ox, oy, share = _nodes(number, device)
        nearest = []
        for part in torch.split(cells, max(1, RAYS // number**2)):
            row, line, column = part.unbind(dim=1)
            x, y = axis[column][:, None] + cell * ox, axis[line][:, None] + cell * oy
            bright, R2 = trace(row, x, y)
            image[row, line, column] = bright @ share
            nearest.append(R2.amin(dim=1))
        return torch.cat(nearest)

    box = image[:, low:high, left:right]
    curvature = laplacian(box)
    inner = box[:, 1:-1, 1:-1]
    curved = curvature.abs() > tensor(CURVED * sigma / cell**2)[:, None, None]
    inner.add_(curvature, alpha=1 / 24).clip_(min=0)  # a midpoint made a mean, to fourth order
    fine = torch.zeros(box.shape, dtype=torch.bool, device=device)
    height, width = curvature.shape[1:]
    for down in range(3):
        for right in range(3):
            fine[:, down : down + height, right : right + width] |= curved
    cells = torch.nonzero(fine)
    cells += torch.as_tensor([0, low, left], device=device)
    if len(cells):
        nearest = integrate(cells, FINER)
        steep = torch.as_tensor((s.n > STEEP) & ~s.picture.astype(bool), device=device)[cells[:, 0]]
        cells = cells[steep & (nearest < CUSP**2)]
    if len(cells):
        integrate(cells, FINEST)
