"""Painting unlensed light on fine canvases: point samples made cell averages, centres integrated exactly.

A canvas has two cells per pixel and side, and a margin from which the PSF brings light into the stamp.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from blindsky.challenges.lens.light import Light
from blindsky.scoring.measurements import Array, FloatArray

if TYPE_CHECKING:
    import torch

FINE = 2  # cells per pixel and side: PSF errors stay below 1e-3 of the peak
MARGIN = 4  # pixels around the stamp
BOXES = (16, 32, 64, 128)  # cells; larger objects take the whole canvas
PATCH = 8  # cells about a centre that are integrated rather than sampled
NODES = 7  # Gauss-Legendre nodes per cell of a patch
GRADING = 4  # nodes are dense about the cusp: offset = u^4, so an n = 4 profile is smooth in u
POINTS = 1 << 18  # samples evaluated at a time, which keeps them in the cache


@dataclass(frozen=True)
class Camera:
    """A detector: ``size`` pixels of ``pixel`` arcsec per side, its bands by name."""

    size: int
    pixel: float
    bands: tuple[str, ...]

    @property
    def cell(self) -> float:
        """Side of a canvas cell, arcsec."""
        return self.pixel / FINE

    @property
    def cells(self) -> int:
        """Cells per side of the canvas, margin included."""
        return FINE * (self.size + 2 * MARGIN)

    @property
    def half(self) -> float:
        """Half the canvas, arcsec: the coordinate of its edge."""
        return 0.5 * self.cells * self.cell


def paint(
    canvas: torch.Tensor, camera: Camera, objects: Light, sigma: FloatArray, faintest: float = 0.03
) -> None:
    """Add objects to ``canvas`` (stamps, bands, cells, cells), in maggies per cell.

    sigma : noise per pixel (stamps, bands); an object ends where it is below ``faintest`` sigma per pixel.
    """
    if not len(objects.stamp):
        return
    level = faintest * sigma[objects.stamp] / camera.pixel**2
    with np.errstate(divide="ignore"):
        reach = objects.reach((level / objects.flux).min(axis=1))
    need = 2 * np.ceil(reach / camera.cell + 0.5 * PATCH)
    for low, side in zip((0, *BOXES), (*BOXES, camera.cells), strict=True):
        whole = side == camera.cells
        rows = np.flatnonzero((need > low) & ((need <= side) | whole))
        step = max(1, POINTS // side**2)
        for start in range(0, rows.size, step):
            _paint_boxes(canvas, camera, objects, rows[start : start + step], side, whole)
    step = max(1, POINTS // ((PATCH + 1) * NODES) ** 2)
    for start in range(0, len(objects.stamp), step):
        _paint_patches(canvas, camera, objects, np.arange(start, min(start + step, len(objects.stamp))))


def laplacian(image: torch.Tensor) -> torch.Tensor:
    """Sum of the four neighbours minus four times a cell, without the outermost cells: (m, n, n) -> (m, n-2, n-2)."""
    around = image[:, 1:-1, :-2] + image[:, 1:-1, 2:]
    around += image[:, :-2, 1:-1]
    around += image[:, 2:, 1:-1]
    return around.sub_(image[:, 1:-1, 1:-1], alpha=4)


def _corner(camera: Camera, position: FloatArray, side: int) -> Array:
    """First cell (m,) of a box of ``side`` cells about a position."""
    return np.floor((position + camera.half) / camera.cell).astype(np.int64) - side // 2


def _paint_boxes(
    canvas: torch.Tensor, camera: Camera, objects: Light, rows: Array, side: int, whole: bool
) -> None:
    x, y = objects.x[rows], objects.y[rows]
    zero = np.zeros(rows.size, dtype=np.int64)
    x0, y0 = (zero, zero) if whole else (_corner(camera, x, side), _corner(camera, y, side))

    def offsets(corner: Array, position: FloatArray) -> torch.Tensor:  # one cell more on each side
        cells = corner[:, None] + np.arange(-1, side + 1) + 0.5
        return _tensor(cells * camera.cell - camera.half - position[:, None], canvas)

    dx, dy = offsets(x0, x)[:, None, :], offsets(y0, y)[:, :, None]
    sampled = objects.brightness(rows, dx, dy)
    # A cell's mean is its midpoint value plus 1/24 of the discrete Laplacian, to fourth order
    cells = laplacian(sampled).mul_(camera.cell**2 / 24)
    cells.add_(sampled[:, 1:-1, 1:-1], alpha=camera.cell**2)

    # What lies about the centre is integrated by _paint_patches
    for k, (left, low) in enumerate(
        zip(_corner(camera, x, PATCH) - x0, _corner(camera, y, PATCH) - y0, strict=True)
    ):
        cells[k, max(low, 0) : max(low + PATCH, 0), max(left, 0) : max(left + PATCH, 0)] = 0
    _add(canvas, objects.stamp[rows], objects.flux[rows], cells, x0, y0)


def _deposits(position: FloatArray, weight: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Which cells get the light at ``position`` (m, nodes): three (m, PATCH + 4, nodes) arrays, two cells to spare.

    Light given whole to its cell aliases where a profile is steep. So near the centre (a cosine taper) it is shared
    among five cells with the first five moments of a cell centred on the light itself. plain: everything to its
    cell. near: the tapered part of that, to be taken away. fine: the tapered part as shared.
    position : in cells, counted from the lower edge of cell PATCH/2.
    """
    cell = np.floor(position)
    t = position - cell - 0.5
    moments = np.stack([np.ones_like(t), t, t**2 + 1 / 12, t**3 + t / 4, t**4 + t**2 / 2 + 1 / 80])
    shares = np.einsum("km,m...->...k", _UNMIX, moments)  # of the cells -2 ... 2 about the light's own
    steps = np.arange(PATCH + 4) - (cell[..., None].astype(np.int64) + PATCH // 2)  # 2 for its own cell
    inside = (steps >= 0) & (steps < 5)
    shares = np.where(inside, np.take_along_axis(shares, np.clip(steps, 0, 4), axis=-1), 0.0)
    plain = (steps == 2) * weight[..., None]
    taper = np.cos(0.5 * np.pi * (position - 0.5) / (0.5 * PATCH + 0.5))[..., None] ** 2
    stacked = (plain, plain * taper, shares * weight[..., None] * taper)
    return tuple(np.moveaxis(a, -1, 1) for a in stacked)


_UNMIX = np.linalg.inv(np.arange(-2.0, 3.0) ** np.arange(5)[:, None])  # moments -> shares


_NODES = 0.5 * (np.array([[1.0], [0.0]]) + np.polynomial.legendre.leggauss(NODES))  # of the unit interval


def graded_nodes(fraction: FloatArray, cell: float) -> tuple[FloatArray, FloatArray]:
    """Offsets from the centre and weights (m, (PATCH + 1) NODES) along one axis of a patch.

    fraction : where in its cell the centre lies, (m,) in [0, 1). That cell is split there.
    """
    nodes, weights = _NODES
    whole = np.arange(-(PATCH // 2), PATCH // 2 + 1) - fraction[:, None]
    edges = np.concatenate(
        [whole[:, : PATCH // 2 + 1], np.zeros((len(fraction), 1)), whole[:, PATCH // 2 + 1 :]], axis=1
    )
    u = np.sign(edges) * np.abs(edges) ** (1 / GRADING)
    width = np.diff(u, axis=1)
    at = u[:, :-1, None] + width[:, :, None] * nodes
    offsets = np.sign(at) * np.abs(at) ** GRADING
    measure = width[:, :, None] * weights * GRADING * np.abs(at) ** (GRADING - 1)
    return offsets.reshape(len(fraction), -1) * cell, measure.reshape(len(fraction), -1) * cell


def _paint_patches(canvas: torch.Tensor, camera: Camera, objects: Light, rows: Array) -> None:
    import torch

    x, y = objects.x[rows], objects.y[rows]
    x0, y0 = _corner(camera, x, PATCH), _corner(camera, y, PATCH)
    cell = camera.cell
    fraction_x = (x + camera.half) / cell - (x0 + PATCH // 2)
    fraction_y = (y + camera.half) / cell - (y0 + PATCH // 2)
    (dx, wx), (dy, wy) = graded_nodes(fraction_x, cell), graded_nodes(fraction_y, cell)
    sampled = objects.brightness(rows, _tensor(dx, canvas)[:, None, :], _tensor(dy, canvas)[:, :, None])
    values = sampled.expand(rows.size, dy.shape[1], dx.shape[1])
    (plain_x, near_x, fine_x), (plain_y, near_y, fine_y) = (
        [_tensor(share, canvas) for share in _deposits(d / cell + f[:, None], w)]
        for d, f, w in ((dx, fraction_x, wx), (dy, fraction_y, wy))
    )

    # Every way of depositing is (along y) values (along x)^T; two products do for all three
    along = torch.bmm(torch.cat([plain_y, near_y, fine_y], dim=1), values)
    along = along.reshape(rows.size, 3, PATCH + 4, -1).transpose(1, 2).flatten(2)  # (m, PATCH + 4, 3 nodes)
    cells = torch.bmm(along, torch.cat([plain_x, -near_x, fine_x], dim=2).mT)
    _add(canvas, objects.stamp[rows], objects.flux[rows], cells, x0 - 2, y0 - 2)


def _add(
    canvas: torch.Tensor, stamp: Array, flux: FloatArray, cells: torch.Tensor, x0: Array, y0: Array
) -> None:
    """Add boxes one after the other, always in the same order, cut at the canvas's edge."""
    size, side = canvas.shape[-1], cells.shape[-1]
    columns = (stamp.tolist(), x0.tolist(), y0.tolist(), flux.tolist())
    for k, (s, x, y, bands) in enumerate(zip(*columns, strict=True)):
        left, right, low, high = max(x, 0), min(x + side, size), max(y, 0), min(y + side, size)
        if left < right and low < high:
            part = cells[k, low - y : high - y, left - x : right - x]
            for plane, scale in zip(canvas[s, :, low:high, left:right], bands, strict=True):
                plane.add_(part, alpha=scale)


def _tensor(array: Array, canvas: torch.Tensor) -> torch.Tensor:
    import torch

    return torch.as_tensor(array, dtype=canvas.dtype, device=canvas.device)
