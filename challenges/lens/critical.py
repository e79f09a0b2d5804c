"""Critical curves, caustics and image counts: the truth of a deflector that needs no pixels.

For an isothermal ellipsoid with shear all is analytic, because its deflection depends on the polar angle alone.
Power laws and perturbed deflectors are solved on grids and triangulations, images then by Newton's method.
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
_REACH = 2.8  # Einstein radii: half the side of the grid of a perturbed deflector, doubled until it is enough
_FINENESS = 30  # its cells per Einstein radius; boundary cells count by their share
_COARSE = 4  # cells a side that are looked at together where nothing changes
_MESH = 40  # nodes per Einstein radius of the mesh that finds images
FAINTEST = 0.01  # |mu| from which an image counts: those fainter are the centres of singular masses
_SPOKES, _RINGS = 24, 16  # of the mesh about a mass, whose radii grow by equal factors
_INNER = 0.001  # its innermost radius in strengths of the mass: any image within is fainter
_ROUNDS = 12  # of Newton's method
_SAME = 1e-5  # Einstein radii within which two solutions are one image


def _columns(d: Deflectors) -> tuple[FloatArray, ...]:
    return tuple(c[:, None] for c in (d.theta_e, d.q, d.phi, d.g1, d.g2))


def critical_radius(d: Deflectors, angle: FloatArray) -> FloatArray:
    """Tangential critical curve r_c in arcsec of SIE with shear, shape (n, angles)."""
    theta_e, q, phi, g1, g2 = _columns(d)
    b = theta_e / np.sqrt(q * np.cos(angle - phi) ** 2 + np.sin(angle - phi) ** 2 / q)
    return np.asarray(b * (1 - g1 * np.cos(2 * angle) - g2 * np.sin(2 * angle)) / (1 - g1**2 - g2**2))


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

    Masses near the lens merge with it, so the window grows until it holds the region.
    """
    from scipy.ndimage import binary_dilation, label

    step, reach = guess / _FINENESS, _REACH
    while True:
        eigenvalue = _tangential_eigenvalue(d, i, step, int(2 * reach * _FINENESS / _COARSE))
        regions = label(eigenvalue < 0)[0]
        own = regions == regions[len(regions) // 2, len(regions) // 2]
        if not (own[[0, -1]].any() or own[:, [0, -1]].any()):
            break
        reach *= 2
    row, column = (np.flatnonzero(own.any(axis=axis)) for axis in (1, 0))
    box = tuple(slice(max(at[0] - 2, 0), at[-1] + 3) for at in (row, column))
    own, eigenvalue = own[box], eigenvalue[box]
    steepness = np.hypot(*np.gradient(eigenvalue))
    share = np.clip(0.5 - eigenvalue / np.maximum(steepness, 1e-12), 0, 1)
    return float(np.sqrt(share[binary_dilation(own)].sum() * step**2 / np.pi))


def _tangential_eigenvalue(d: Deflectors, i: int, step: float, number: int) -> FloatArray:
    """1 - kappa - |gamma| about a deflector on ``number`` x ``number`` coarse cells of _COARSE x _COARSE values.

    Coarse cells far from a change of its sign hold one value.
    """
    from scipy.ndimage import binary_dilation, maximum_filter, minimum_filter

    def eigenvalue_at(x: FloatArray, y: FloatArray) -> FloatArray:
        kappa, g1, g2 = convergence_and_shear(d, i, d.x[i] + x, d.y[i] + y)
        return np.asarray(1 - kappa - np.hypot(g1, g2))

    coarse = (np.arange(number) - 0.5 * (number - 1)) * _COARSE * step
    within = (np.arange(_COARSE) - 0.5 * (_COARSE - 1)) * step
    rough = eigenvalue_at(*np.meshgrid(coarse, coarse))
    changes = minimum_filter(rough, 3) * maximum_filter(rough, 3) < 0
    row, column = np.nonzero(binary_dilation(changes))
    near_x = np.repeat(coarse[column][:, None] + within, _COARSE, axis=0).reshape(-1, _COARSE, _COARSE)
    near_y = np.repeat(coarse[row][:, None] + within, _COARSE).reshape(-1, _COARSE, _COARSE)
    blocks = np.repeat(rough, _COARSE**2).reshape(number, number, _COARSE, _COARSE)
    blocks[row, column] = eigenvalue_at(near_x, near_y)
    return np.asarray(blocks.swapaxes(1, 2).reshape(number * _COARSE, number * _COARSE))


def count_images(d: Deflectors, x: FloatArray, y: FloatArray) -> Array:
    """Images (n,) int8 of the points (x, y) (n,) of the source plane, of |mu| >= FAINTEST behind perturbed lenses.

    What is fainter lies at the centre of a singular mass; that of SIE with shear has no light and never counts.
    """
    perturbed = d.slope != 2
    perturbed[d.perturbers.stamp] = True
    number = np.zeros(len(x), dtype=np.int8)
    simple, rest = np.flatnonzero(~perturbed), np.flatnonzero(perturbed)
    if simple.size:
        number[simple] = _isothermal_images(d.take(simple), x[simple], y[simple])
    if rest.size:
        row, mu = perturbed_images(d.take(rest), x[rest], y[rest])
        number[rest] = np.bincount(row[np.abs(mu) >= FAINTEST], minlength=rest.size)
    return number


def _isothermal_images(d: Deflectors, x: FloatArray, y: FloatArray, steps: int = 720) -> Array:
    """Number (n,) of the images of points behind SIE with shear; the central one has no light."""
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
    return np.bincount(row[radius > 0], minlength=len(x)).astype(np.int8)


def perturbed_images(
    d: Deflectors, x: FloatArray, y: FloatArray, mesh: int = _MESH
) -> tuple[Array, FloatArray]:
    """All images of points (x, y) (n,) of the source plane: row (m,) each belongs to, and its magnification mu.

    Triangles of meshes whose map to the source plane holds the point are refined by Newton's method.
    """
    starts = [_starts(d, i, float(x[i]), float(y[i]), mesh) for i in range(len(x))]
    row = np.repeat(np.arange(len(x)), [len(s) for s in starts])
    at_x, at_y, size = np.concatenate(starts).T
    for _ in range(_ROUNDS):
        bx, by = source_plane(d, row, at_x, at_y)
        kappa, g1, g2 = convergence_and_shear(d, row, at_x, at_y)
        miss_x, miss_y = bx - x[row], by - y[row]
        det = (1 - kappa) ** 2 - g1**2 - g2**2
        move_x = -((1 - kappa + g1) * miss_x + g2 * miss_y) / det
        move_y = -(g2 * miss_x + (1 - kappa - g1) * miss_y) / det
        # No farther at once than the triangle that was its start
        short = np.minimum(1, size / np.maximum(np.hypot(move_x, move_y), 1e-300))
        at_x, at_y = at_x + short * move_x, at_y + short * move_y
    bx, by = source_plane(d, row, at_x, at_y)
    found = np.hypot(bx - x[row], by - y[row]) < 1e-8 * d.theta_e[row]
    row, mu, unit = row[found], 1 / det[found], _SAME * d.theta_e[row[found]]
    cells = np.stack([row, np.rint(at_x[found] / unit), np.rint(at_y[found] / unit)])
    once = np.unique(cells, axis=1, return_index=True)[1]
    return row[once], mu[once]


def _starts(d: Deflectors, i: int, x: float, y: float, mesh: int) -> FloatArray:
    """Triangles (m, 3) of the image plane whose map holds a point: where they are, and their size, arcsec.

    A square mesh over all that can bend light to the point, with a polar one about every mass, where it is torn.
    Coarse cells that map far from the point hold none of it, and are not divided.
    """
    step = d.theta_e[i] / mesh
    p = d.perturbers
    own = p.stamp == i
    reach = _farthest_image(d, i, x, y)
    coarse = np.arange(-reach, reach + _COARSE * step, _COARSE * step) + 0.00123 * d.theta_e[i]
    cx, cy = np.meshgrid(d.x[i] + coarse, d.y[i] + coarse)
    bx, by = source_plane(d, i, cx, cy)
    corners = [(a, b) for a in (slice(None, -1), slice(1, None)) for b in (slice(None, -1), slice(1, None))]
    closest = np.min([np.hypot(bx[c] - x, by[c] - y) for c in corners], axis=0)
    first, last = corners[0], corners[-1]
    size = np.hypot(bx[last] - bx[first], by[last] - by[first])
    size = np.maximum(size, np.hypot(*(b[corners[1]] - b[corners[2]] for b in (bx, by))))
    row, column = np.nonzero(closest < 1.5 * size)
    nodes = np.arange(_COARSE + 1) * step
    gx = cx[first][row, column][:, None, None] + nodes[None, None, :]
    gy = cy[first][row, column][:, None, None] + nodes[None, :, None]
    gx, gy = np.broadcast_arrays(gx, gy)
    square = _triangles_about(d, i, gx, gy, (x, y))

    mx, my = np.append(p.x[own], d.x[i]), np.append(p.y[own], d.y[i])
    strength = np.append(p.theta_p[own], d.theta_e[i])
    outer = 4 * step
    turn = np.linspace(0, 2 * np.pi, _SPOKES + 1)
    bx, by = source_plane(d, i, mx[:, None] + outer * np.cos(turn), my[:, None] + outer * np.sin(turn))
    middle_x, middle_y = bx[:, :-1].mean(axis=1), by[:, :-1].mean(axis=1)
    extent = np.hypot(bx - middle_x[:, None], by - middle_y[:, None]).max(axis=1)
    near = np.hypot(middle_x - x, middle_y - y) < extent + 2 * strength
    mx, my, inner = mx[near], my[near], _INNER * strength[near]
    radius = inner[:, None] * (outer / inner[:, None]) ** np.linspace(0, 1, _RINGS)
    gx = mx[:, None, None] + radius[:, :, None] * np.cos(turn)
    gy = my[:, None, None] + radius[:, :, None] * np.sin(turn)
    return np.concatenate([square, _triangles_about(d, i, gx, gy, (x, y))])


def _farthest_image(d: Deflectors, i: int, x: float, y: float) -> float:
    """Radius in arcsec that no image of a point exceeds: a perturber bends by theta_p min(1, a/R) at most."""
    p = d.perturbers
    own = p.stamp == i
    push = 1 - np.hypot(d.g1[i], d.g2[i])
    near = 1.6 * d.theta_e[i] + np.hypot(x - d.x[i], y - d.y[i]) + 0.2
    step = 0.1 * d.theta_e[i]
    radius = (near + np.arange(0, p.theta_p[own].sum() + step, step)) / push
    apart = np.abs(radius[:, None] - np.hypot(p.x[own] - d.x[i], p.y[own] - d.y[i])) - step / push
    bend = p.theta_p[own] * np.minimum(1, p.a[own] / np.maximum(apart, 1e-12))
    return float(radius[push * radius - step <= near + bend.sum(axis=1)][-1])


def _triangles_about(
    d: Deflectors, i: int, gx: FloatArray, gy: FloatArray, point: tuple[float, float]
) -> FloatArray:
    """Middle and size (m, 3) of the triangles that hold a point; two a cell of meshes (k, rows, columns)."""
    bx, by = source_plane(d, i, gx, gy)
    bx, by = bx - point[0], by - point[1]
    here, ahead = slice(None, -1), slice(1, None)
    p00, p10, p01, p11 = (..., here, here), (..., here, ahead), (..., ahead, here), (..., ahead, ahead)
    found = []
    for a, b, c in ((p00, p10, p11), (p00, p11, p01)):
        u, v, w = (bx[j] * by[k] - by[j] * bx[k] for j, k in ((a, b), (b, c), (c, a)))
        holds = ((u > 0) & (v > 0) & (w > 0)) | ((u < 0) & (v < 0) & (w < 0))
        x, y = (sum(g[j][holds] for j in (a, b, c)) / 3 for g in (gx, gy))
        found.append(
            np.stack([x, y, np.hypot(gx[p11][holds] - gx[p00][holds], gy[p11][holds] - gy[p00][holds])], 1)
        )
    return np.concatenate(found)
