"""Critical curves, caustics and image counts: the truth of a deflector that needs no pixels.

For an isothermal ellipsoid with shear all is analytic, because its deflection depends on the polar angle alone.
Power laws and perturbed deflectors are solved on grids and triangulations.
"""

from __future__ import annotations

import numpy as np

from blindsky.challenges.lens.mass import (
    Deflectors,
    convergence_and_shear,
    ellipsoid_and_shear,
    source_plane,
)
from blindsky.scoring.measurements import Array, FloatArray

ANGLES = 3600  # nodes of a caustic; its largest radius is then exact to 1e-6
_REACH = 2.8  # Einstein radii: half the side of the grid of a perturbed deflector
_FINENESS = 30  # its cells per Einstein radius; boundary cells count by their share
_COARSE = 4  # cells a side that are looked at together where nothing changes
_MESH = 40  # nodes per Einstein radius of the mesh that counts images


def _columns(d: Deflectors) -> tuple[FloatArray, ...]:
    return tuple(c[:, None] for c in (d.theta_e, d.q, d.phi, d.g1, d.g2))


def critical_radius(d: Deflectors, angle: FloatArray) -> FloatArray:
    """Tangential critical curve r_c in arcsec of SIE with shear, shape (n, angles)."""
    theta_e, q, phi, g1, g2 = _columns(d)
    b = theta_e / np.sqrt(q * np.cos(angle - phi) ** 2 + np.sin(angle - phi) ** 2 / q)
    return np.asarray(b * (1 - g1 * np.cos(2 * angle) - g2 * np.sin(2 * angle)) / (1 - g1**2 - g2**2))


def caustic(d: Deflectors, angles: int = ANGLES) -> tuple[FloatArray, FloatArray]:
    """Tangential caustic of SIE with shear about the deflector's centre, x and y (n, angles) in arcsec."""
    return _caustic_at(d, np.linspace(0, 2 * np.pi, angles, endpoint=False))


def _caustic_at(d: Deflectors, angle: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The caustic's points that lie behind the critical curve at the given angles (angles,)."""
    r = critical_radius(d, angle)
    x, y = r * np.cos(angle), r * np.sin(angle)
    theta_e, q, phi, g1, g2 = _columns(d)
    ax, ay = ellipsoid_and_shear(x, y, theta_e, q, phi, g1, g2)
    return x - ax, y - ay


def caustic_radius(d: Deflectors) -> FloatArray:
    """r_ca (n,): largest distance of the caustic of ellipsoid and shear from the centre, arcsec."""
    # The curve repeats itself after half a turn
    angle = np.linspace(0, np.pi, ANGLES // 2, endpoint=False)
    return np.asarray(np.hypot(*_caustic_at(d, angle)).max(axis=1))


def einstein_radius(d: Deflectors) -> FloatArray:
    """r_ein = sqrt(area within the tangential critical curve / pi), shape (n,), arcsec."""
    angle = np.linspace(
        0, 2 * np.pi, 360, endpoint=False
    )  # periodic and smooth: the mean converges exponentially
    r_ein = np.asarray(np.sqrt(np.mean(critical_radius(d, angle) ** 2, axis=1)), dtype=np.float64)
    perturbed = d.slope != 2
    perturbed[d.perturbers.stamp] = True
    for i in np.flatnonzero(perturbed):
        r_ein[i] = _perturbed_einstein_radius(d, int(i), float(r_ein[i]))
    return r_ein


def _perturbed_einstein_radius(d: Deflectors, i: int, guess: float) -> float:
    """From the area of 1 - kappa - |gamma| < 0 that is connected to the deflector, boundary cells by their share.

    The sign is found on coarse cells first; only those near a change of it are looked at closely.
    """
    from scipy.ndimage import binary_dilation, label, maximum_filter, minimum_filter

    def eigenvalue_at(x: FloatArray, y: FloatArray) -> FloatArray:
        kappa, g1, g2 = convergence_and_shear(d, i, d.x[i] + x, d.y[i] + y)
        return np.asarray(1 - kappa - np.hypot(g1, g2))

    step = guess / _FINENESS
    number = int(2 * _REACH * _FINENESS / _COARSE)
    coarse = (np.arange(number) - 0.5 * (number - 1)) * _COARSE * step
    within = (np.arange(_COARSE) - 0.5 * (_COARSE - 1)) * step
    rough = eigenvalue_at(*np.meshgrid(coarse, coarse))
    changes = minimum_filter(rough, 3) * maximum_filter(rough, 3) < 0
    row, column = np.nonzero(binary_dilation(changes))
    near_x = np.repeat(coarse[column][:, None] + within, _COARSE, axis=0).reshape(-1, _COARSE, _COARSE)
    near_y = np.repeat(coarse[row][:, None] + within, _COARSE).reshape(-1, _COARSE, _COARSE)
    blocks = np.repeat(rough, _COARSE**2).reshape(number, number, _COARSE, _COARSE)
    blocks[row, column] = eigenvalue_at(near_x, near_y)
    eigenvalue = blocks.swapaxes(1, 2).reshape(number * _COARSE, number * _COARSE)

    regions = label(eigenvalue < 0)[0]
    middle = regions[len(regions) // 2, len(regions) // 2]
    steepness = np.hypot(*np.gradient(eigenvalue))
    share = np.clip(0.5 - eigenvalue / np.maximum(steepness, 1e-12), 0, 1)
    inside = binary_dilation(regions == middle)
    return float(np.sqrt(share[inside].sum() * step**2 / np.pi))


def count_images(d: Deflectors, x: FloatArray, y: FloatArray) -> Array:
    """Images (n,) int8 of the points (x, y) (n,) of the source plane; the empty central image is not counted."""
    perturbed = d.slope != 2
    perturbed[d.perturbers.stamp] = True
    number = np.zeros(len(x), dtype=np.int8)
    simple = np.flatnonzero(~perturbed)
    if simple.size:
        number[simple] = _isothermal_images(d.take(simple), x[simple], y[simple])[0]
    for i in np.flatnonzero(perturbed):
        number[i] = _triangulated_images(d, int(i), float(x[i]), float(y[i]))
    return number


def _isothermal_images(
    d: Deflectors, x: FloatArray, y: FloatArray, steps: int = 720
) -> tuple[Array, FloatArray]:
    """Count (n,), and total |mu| (n,), of the images of points behind SIE with shear."""
    bx, by = (x - d.x)[:, None], (y - d.y)[:, None]
    theta_e, q, phi, g1, g2 = _columns(d)

    def image(angle: FloatArray) -> tuple[FloatArray, FloatArray]:
        c, s = np.cos(angle), np.sin(angle)
        ax, ay = ellipsoid_and_shear(c, s, theta_e, q, phi, 0.0, 0.0)
        px, py = bx + ax, by + ay
        det = 1 - g1**2 - g2**2  # x = (1 - G)^-1 (beta + alpha), G = (g1, g2; g2, -g1)
        ix, iy = ((1 + g1) * px + g2 * py) / det, (g2 * px + (1 - g1) * py) / det
        return ix * s - iy * c, ix * c + iy * s  # across and along the direction

    # A start off the axes, where an aligned source has its images exactly
    grid = np.broadcast_to(0.0123 + np.arange(steps) * (2 * np.pi / steps), (len(x), steps))
    across = image(grid)[0]
    row, column = np.nonzero(across * np.roll(across, -1, axis=1) < 0)
    bx, by, theta_e, q, phi, g1, g2 = (c[row] for c in (bx, by, theta_e, q, phi, g1, g2))
    low = grid[row, column][:, None]
    high, sign = low + 2 * np.pi / steps, np.sign(across[row, column])[:, None]
    for _ in range(40):
        middle = 0.5 * (low + high)
        same = np.sign(image(middle)[0]) == sign
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    radius = image(low)[1][:, 0]
    found = radius > 0
    number = np.bincount(row[found], minlength=len(x))

    # |mu| = 1/|det A|; for SIE with shear det A = (1-g^2) (1 - r_c/r)
    angle, at = low[:, 0][found], row[found]
    critical = np.take_along_axis(
        critical_radius(d.take(at), angle[:, None]), np.zeros((at.size, 1), int), 1
    )[:, 0]
    det = (1 - d.g1[at] ** 2 - d.g2[at] ** 2) * (1 - critical / radius[found])
    total = np.bincount(at, 1 / np.abs(det), minlength=len(x)).astype(np.float64)
    return number.astype(np.int8), total


def _triangulated_images(d: Deflectors, i: int, x: float, y: float) -> int:
    """Images counted as the triangles of a fine image-plane mesh whose map to the source plane holds the point.

    Coarse cells that map far from the point hold none of it, and are not divided.
    """
    step = d.theta_e[i] / _MESH
    reach = 1.6 * d.theta_e[i] + np.hypot(x - d.x[i], y - d.y[i]) + 0.2
    coarse = np.arange(-reach, reach + _COARSE * step, _COARSE * step) + 0.00123 * d.theta_e[i]
    cx, cy = np.meshgrid(d.x[i] + coarse, d.y[i] + coarse)
    bx, by = source_plane(d, i, cx, cy)
    corners = [(a, b) for a in (slice(None, -1), slice(1, None)) for b in (slice(None, -1), slice(1, None))]
    closest = np.min([np.hypot(bx[c] - x, by[c] - y) for c in corners], axis=0)
    first, last = corners[0], corners[-1]
    size = np.hypot(bx[last] - bx[first], by[last] - by[first])
    size = np.maximum(size, np.hypot(*(b[corners[1]] - b[corners[2]] for b in (bx, by))))

    # About the centre of a mass the map is torn: always looked at
    p = d.perturbers
    own = np.flatnonzero(p.stamp == i)
    masses = [(d.x[i], d.y[i]), *zip(p.x[own], p.y[own], strict=True)]
    near = closest < 1.5 * size
    for mx, my in masses:
        near |= np.hypot(cx[first] - mx, cy[first] - my) < 3 * _COARSE * step
    row, column = np.nonzero(near)
    nodes = np.arange(_COARSE + 1) * step
    gx = cx[first][row, column][:, None, None] + nodes[None, None, :]
    gy = cy[first][row, column][:, None, None] + nodes[None, :, None]
    gx, gy = np.broadcast_arrays(gx, gy)
    return _triangles_about(*source_plane(d, i, gx, gy), (x, y), ~_torn(gx, gy, masses, step))


def _torn(gx: FloatArray, gy: FloatArray, masses: list[tuple[float, float]], step: float) -> Array:
    """Cells (m, k, k) of a mesh that touch a mass's centre: they map over its cut and would add images of no light."""
    middle_x, middle_y = gx[:, :-1, :-1] + 0.5 * step, gy[:, :-1, :-1] + 0.5 * step
    torn = np.zeros(middle_x.shape, dtype=bool)
    for x, y in masses:
        torn |= (np.abs(middle_x - x) < step) & (np.abs(middle_y - y) < step)
    return torn


def _triangles_about(bx: FloatArray, by: FloatArray, point: tuple[float, float], whole: Array) -> int:
    """How many triangles hold a point; two a cell of the meshes (m, k + 1, k + 1), cells (m, k, k) where ``whole``."""
    bx, by = bx - point[0], by - point[1]
    here, ahead = slice(None, -1), slice(1, None)
    p00, p10, p01, p11 = (..., here, here), (..., here, ahead), (..., ahead, here), (..., ahead, ahead)
    count = 0
    for a, b, c in ((p00, p10, p11), (p00, p11, p01)):
        u, v, w = (bx[j] * by[k] - by[j] * bx[k] for j, k in ((a, b), (b, c), (c, a)))
        holds = ((u > 0) & (v > 0) & (w > 0)) | ((u < 0) & (v < 0) & (w < 0))
        count += int((holds & whole).sum())
    return count
