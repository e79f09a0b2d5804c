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


def _columns(d: Deflectors) -> tuple[FloatArray, ...]:
    return tuple(c[:, None] for c in (d.theta_e, d.q, d.phi, d.g1, d.g2))


def critical_radius(d: Deflectors, angle: FloatArray) -> FloatArray:
    """Tangential critical curve r_c in arcsec of SIE with shear, shape (n, angles)."""
    theta_e, q, phi, g1, g2 = _columns(d)
    b = theta_e / np.sqrt(q * np.cos(angle - phi) ** 2 + np.sin(angle - phi) ** 2 / q)
    return np.asarray(b * (1 - g1 * np.cos(2 * angle) - g2 * np.sin(2 * angle)) / (1 - g1**2 - g2**2))


def caustic(d: Deflectors, angles: int = ANGLES) -> tuple[FloatArray, FloatArray]:
    """Tangential caustic of SIE with shear about the deflector's centre, x and y (n, angles) in arcsec."""
    angle = np.linspace(0, 2 * np.pi, angles, endpoint=False)
    r = critical_radius(d, angle)
    x, y = r * np.cos(angle), r * np.sin(angle)
    theta_e, q, phi, g1, g2 = _columns(d)
    ax, ay = ellipsoid_and_shear(x, y, theta_e, q, phi, g1, g2)
    return x - ax, y - ay


def caustic_radius(d: Deflectors) -> FloatArray:
    """r_ca (n,): largest distance of the caustic of ellipsoid and shear from the centre, arcsec."""
    return np.asarray(np.hypot(*caustic(d)).max(axis=1))


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
    """From the area of 1 - kappa - |gamma| < 0 that is connected to the deflector, boundary cells by their share."""
    from scipy.ndimage import binary_dilation, label

    reach, step = _REACH * guess, guess / _FINENESS
    nodes = np.arange(-reach, reach, step) + 0.5 * step
    kappa, g1, g2 = convergence_and_shear(d, i, *np.meshgrid(d.x[i] + nodes, d.y[i] + nodes))
    eigenvalue = 1 - kappa - np.hypot(g1, g2)
    regions = label(eigenvalue < 0)[0]
    middle = regions[len(nodes) // 2, len(nodes) // 2]
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
    """Images counted as the triangles of a fine image-plane mesh whose map to the source plane holds the point."""
    reach = 1.6 * d.theta_e[i] + np.hypot(x - d.x[i], y - d.y[i]) + 0.2
    nodes = np.arange(-reach, reach, d.theta_e[i] / 40) + 0.00123 * d.theta_e[i]
    gx, gy = np.meshgrid(d.x[i] + nodes, d.y[i] + nodes)
    bx, by = source_plane(d, i, gx, gy)
    bx, by = bx - x, by - y

    def cross(a: tuple[slice, slice], b: tuple[slice, slice]) -> FloatArray:
        return np.asarray(bx[a] * by[b] - by[a] * bx[b])

    here, ahead = slice(None, -1), slice(1, None)
    p00, p10, p01, p11 = (here, here), (here, ahead), (ahead, here), (ahead, ahead)
    count = 0
    # Cells about the centre of a mass map over its cut and would add images of no light
    step, p = nodes[1] - nodes[0], d.perturbers
    own = np.flatnonzero(p.stamp == i)
    middle_x, middle_y = gx[p00] + 0.5 * step, gy[p00] + 0.5 * step
    centre = np.zeros(middle_x.shape, dtype=bool)
    for cx, cy in ((d.x[i], d.y[i]), *zip(p.x[own], p.y[own], strict=True)):
        centre |= (np.abs(middle_x - cx) < step) & (np.abs(middle_y - cy) < step)
    for a, b, c in ((p00, p10, p11), (p00, p11, p01)):
        u, v, w = cross(a, b), cross(b, c), cross(c, a)
        holds = ((u > 0) & (v > 0) & (w > 0)) | ((u < 0) & (v < 0) & (w < 0))
        count += int((holds & ~centre).sum())
    return count
