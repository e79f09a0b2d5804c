"""Ray shooting: sources seen through their deflectors, finer where the light needs it.

Only rays that can reach a source are followed. One ray per canvas cell finds the light; cells where it curves
too much, or where a ray came near a cusp, are integrated with Gauss-Legendre nodes, in one list for all stamps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np

from blindsky.challenges.lens.light import sersic_b, sersic_centre
from blindsky.challenges.lens.mass import Deflectors, ellipsoid_and_shear, epl_terms, pseudo_jaffe, rotate
from blindsky.challenges.lens.painting import Camera, laplacian
from blindsky.scoring.measurements import Array, FloatArray

if TYPE_CHECKING:
    import torch

FAINTEST = 0.02  # sigma per pixel: a source ends there
CURVED = 0.1  # sigma: cells whose discrete Laplacian is larger are integrated
FINER = 4  # nodes per side of such a cell
CUSP = 0.1  # half-light radii from the centre within which a steep body needs more
STEEP = 1.2  # Sersic index of a steep body
FINEST = 12
RAYS = 1 << 17  # nodes followed at a time


@dataclass(frozen=True)
class Sources:
    """Lensed galaxies, at most one a stamp: a Sersic body and Gaussian knots of the same colour.

    Columns (m,), ``flux`` (m, bands) in maggies, ``stamp`` ascending; knots padded to (m, knots) with share 0.
    ``clumps`` is the share of the light that is in knots; knot positions are relative to (x, y), arcsec.
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

    def select(self, keep: Array) -> Sources:
        """Rows by mask or index."""
        return Sources(*(getattr(self, f.name)[keep] for f in fields(self)))

    def of(self, stamps: slice) -> Sources:
        """Sources of a run of stamps, numbered from its start."""
        inside = self.select((self.stamp >= stamps.start) & (self.stamp < stamps.stop))
        return replace(inside, stamp=inside.stamp - stamps.start)

    def reach(self, level: FloatArray) -> FloatArray:
        """Radius (m,) in arcsec beyond which a source is fainter than ``level`` (m,) per unit flux, arcsec^-2."""
        excess = np.log(np.maximum(sersic_centre(self.n) / self.radius**2 / level, 1 + 1e-9))
        body = self.radius * (excess / sersic_b(self.n)) ** self.n / np.sqrt(self.q)
        knots = (np.hypot(self.knot_x, self.knot_y) + 5 * self.knot_sigma) * (self.knot_share > 0)
        return np.asarray(np.maximum(np.maximum(body, knots.max(axis=1, initial=0)), 2 * self.radius))


class Tracer:
    """Deflectors and sources of a batch as tensors; follows rays and reads off surface brightness."""

    def __init__(self, d: Deflectors, s: Sources, device: str) -> None:
        """``d`` holds one deflector per source."""
        import torch

        def column(values: FloatArray) -> torch.Tensor:
            return torch.as_tensor(values, dtype=torch.float32, device=device)

        self.lens = [column(c) for c in (d.theta_e, d.q, d.phi, d.g1, d.g2)]
        self.x, self.y = column(d.x), column(d.y)
        self.slope = None if (d.slope == 2).all() else column(d.slope)
        self.terms = epl_terms(float(d.q.min()), 1e-7)
        self.perturbers = self._slots(d, column)
        self.source_x, self.source_y = column(s.x), column(s.y)
        centre = sersic_centre(s.n) / s.radius**2 * (1 - s.clumps)
        self.angle, self.q = column(s.angle), column(s.q)
        self.body = [column(c) for c in (1 / s.radius**2, 0.5 / s.n, -sersic_b(s.n), centre)]
        used = int((s.knot_share > 0).sum(axis=1).max(initial=0))
        amplitude = s.clumps[:, None] * s.knot_share / (2 * np.pi * s.knot_sigma**2)
        knots = (s.knot_x, s.knot_y, -0.5 / s.knot_sigma**2, amplitude)
        self.knots = [[column(c[:, k]) for c in knots] for k in range(used)]

    @staticmethod
    def _slots(d: Deflectors, column: Callable[[FloatArray], torch.Tensor]) -> list[list[torch.Tensor]]:
        """Perturbers as columns over the batch, one slot after the other; an empty slot has no mass."""
        p = d.perturbers
        place = np.array([(p.stamp[:k] == s).sum() for k, s in enumerate(p.stamp)], dtype=np.int64)
        slots = []
        for slot in range(int(place.max(initial=-1)) + 1):
            rows = np.flatnonzero(place == slot)
            table = np.zeros((4, len(d.x)))
            table[3] = 1.0
            table[:, p.stamp[rows]] = p.x[rows], p.y[rows], p.theta_p[rows], p.a[rows]
            slots.append([column(c) for c in table])
        return slots

    def __call__(
        self, row: torch.Tensor, x: torch.Tensor, y: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Surface brightness per unit flux (arcsec^-2), and distance from the source's centre in half-light radii.

        row : source of each ray (r,).   x, y : image positions (r, nodes), arcsec.
        """
        import torch

        def at(c: torch.Tensor) -> torch.Tensor:
            return c[row][:, None]

        dx, dy = x - at(self.x), y - at(self.y)
        theta_e, q, phi, g1, g2 = (at(c) for c in self.lens)
        slope = None if self.slope is None else at(self.slope)
        ax, ay = ellipsoid_and_shear(dx, dy, theta_e, q, phi, g1, g2, slope, self.terms)
        for px, py, theta_p, a in self.perturbers:
            bx, by = pseudo_jaffe(x - at(px), y - at(py), at(theta_p), at(a))
            ax, ay = ax + bx, ay + by
        u, v = x - ax - at(self.source_x), y - ay - at(self.source_y)
        along, across = rotate(u, v, at(self.angle))
        inner, half_inverse_n, minus_b, centre = (at(c) for c in self.body)
        q = at(self.q)
        R2 = ((q * along * along + across * across / q) * inner).clip(min=1e-20)
        bright = centre * torch.exp(minus_b * R2**half_inverse_n)
        for kx, ky, k, amplitude in self.knots:
            bright = bright + at(amplitude) * torch.exp(at(k) * ((u - at(kx)) ** 2 + (v - at(ky)) ** 2))
        return bright, R2


def farthest_ray(d: Deflectors, s: Sources, reach: FloatArray) -> FloatArray:
    """Radius about the deflector (m,) beyond which no image of the source lies, arcsec."""
    bend = d.theta_e / np.sqrt(d.q) * np.where(d.slope == 2, 1.0, 1.35)
    bend = bend + np.bincount(d.perturbers.stamp, d.perturbers.theta_p, minlength=len(bend))
    shear = np.hypot(d.g1, d.g2)
    return np.asarray((np.hypot(s.x - d.x, s.y - d.y) + bend + reach) / (1 - shear))


def lensed(d: Deflectors, s: Sources, camera: Camera, sigma: FloatArray, device: str) -> torch.Tensor:
    """Lensed light per unit source flux and cell, (m, cells, cells) float32.

    d : one deflector per source.   sigma : noise per pixel in units of the source's flux, brightest band, (m,).
    """
    import torch
    from torch.nn.functional import max_pool2d, pad

    cells, cell, m = camera.cells, camera.cell, len(s.stamp)
    image = torch.zeros(m, cells, cells, dtype=torch.float32, device=device)
    if not m:
        return image
    trace = Tracer(d, s, device)
    axis = (torch.arange(cells, dtype=torch.float32, device=device) + 0.5) * cell - camera.half
    far = farthest_ray(d, s, s.reach(FAINTEST * sigma / camera.pixel**2))
    r2 = (axis - trace.x[:, None])[:, None, :] ** 2 + (axis - trace.y[:, None])[:, :, None] ** 2
    index = torch.nonzero(
        (r2 < torch.as_tensor(far**2, dtype=torch.float32, device=device)[:, None, None]).flatten()
    )[:, 0]

    def follow(index: torch.Tensor, nodes: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean brightness of cells, and the smallest source radius squared of their rays."""
        at, weight = np.polynomial.legendre.leggauss(nodes)
        offset = torch.as_tensor(0.5 * cell * at, dtype=torch.float32, device=device)
        share = torch.as_tensor(np.outer(weight, weight).ravel() / 4, dtype=torch.float32, device=device)
        ox, oy = offset.repeat(nodes), offset.repeat_interleave(nodes)
        means, nearest = [], []
        for part in torch.split(index, max(1, RAYS // nodes**2)):
            row, place = part // cells**2, part % cells**2
            x, y = axis[place % cells][:, None] + ox, axis[place // cells][:, None] + oy
            bright, R2 = trace(row, x, y)
            means.append((bright * share).sum(dim=1))
            nearest.append(R2.amin(dim=1))
        return torch.cat(means), torch.cat(nearest)

    flat = image.view(-1)
    if index.numel():
        flat[index] = follow(index, 1)[0]
    curved = pad(laplacian(image).abs_(), (1, 1, 1, 1))
    curved = max_pool2d(curved[:, None], 3, 1, 1)[:, 0]
    limit = torch.as_tensor(CURVED * sigma / cell**2, dtype=torch.float32, device=device)
    index = torch.nonzero((curved > limit[:, None, None]).flatten())[:, 0]
    if index.numel():
        flat[index], nearest = follow(index, FINER)
        steep = torch.as_tensor(s.n > STEEP, device=device)[index // cells**2]
        index = index[steep & (nearest < CUSP**2)]
    if index.numel():
        flat[index] = follow(index, FINEST)[0]
    return image * cell**2
