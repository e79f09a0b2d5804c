"""Mass that bends light: isothermal and power-law ellipsoids, external shear, truncated perturbers.

Functions work on NumPy arrays (float64: truth) and torch tensors (float32: pixels) alike. Angles and
deflections in arcsec, major axes along x before rotation by ``phi`` (radian, counter-clockwise).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from blindsky.scoring.measurements import Array, FloatArray

ROUNDEST = 0.9999  # the ellipsoid's formulas are 0/0 at q = 1
TINY = 1e-12  # arcsec


def namespace(x: Any) -> Any:
    """NumPy for arrays and numbers, torch for tensors; both know the functions used here by one name."""
    if isinstance(x, np.ndarray | np.generic | float | int):
        return np
    import torch

    return torch


def rotate(x: Any, y: Any, phi: Any) -> tuple[Any, Any]:
    """Components along axes turned by ``phi``."""
    xp = namespace(phi)
    c, s = xp.cos(phi), xp.sin(phi)
    return c * x + s * y, c * y - s * x


def sie(x: Any, y: Any, theta_e: Any, q: Any) -> tuple[Any, Any]:
    """Deflection of a singular isothermal ellipsoid, kappa = theta_e / (2 sqrt(q x^2 + y^2/q)).

    Kormann, Schneider & Bartelmann 1994; Keeton 2001.
    """
    xp = namespace(x)
    q = q.clip(max=ROUNDEST) if hasattr(q, "clip") else min(q, ROUNDEST)
    f = xp.sqrt(1 - q * q)
    psi = xp.sqrt(q * q * x * x + y * y).clip(min=TINY)
    scale = theta_e * xp.sqrt(q) / f
    return scale * xp.atan(f * x / psi), scale * xp.atanh(f * y / psi)


def epl(x: Any, y: Any, theta_e: Any, q: Any, slope: Any, terms: int = 30) -> tuple[Any, Any]:
    """Deflection of an elliptical power law, kappa = (3-slope)/2 (theta_e/sqrt(q x^2 + y^2/q))^(slope-1).

    The angular series of Tessore & Metcalf 2015. 30 terms: 3e-16 at q = 0.5.
    """
    xp = namespace(x)
    t, b, f = slope - 1, theta_e * xp.sqrt(q), (1 - q) / (1 + q)
    R = xp.sqrt(q * q * x * x + y * y).clip(min=TINY)
    u, v = q * x / R, y / R  # cos and sin of the elliptical angle w
    c2, s2 = u * u - v * v, 2 * u * v
    factors = [1 + 0 * f]
    for n in range(1, terms):
        factors.append(-f * (2 * n - (2 - t)) / (2 * n + (2 - t)) * factors[-1])
    # sum of factors_n exp(2inw), by Clenshaw's recurrence
    twice = 2 * c2
    ahead, after = factors[-1] + 0 * c2, 0 * c2
    for factor in reversed(factors[1:-1]):
        ahead, after = twice * ahead - after + factor, ahead
    real, imag = factors[0] + c2 * ahead - after, s2 * ahead
    scale = 2 * b / (1 + q) * (b / R) ** (t - 1)
    return scale * (u * real - v * imag), scale * (v * real + u * imag)


def epl_terms(q: float, tolerance: float) -> int:
    """Terms of the series after which the rest is below ``tolerance``, for axis ratios down to ``q``."""
    f = (1 - q) / (1 + q)
    return 30 if f <= 0 else int(np.clip(np.ceil(np.log(tolerance) / np.log(f)), 3, 40))


def pseudo_jaffe(x: Any, y: Any, theta_p: Any, a: Any) -> tuple[Any, Any]:
    """Deflection of a truncated isothermal sphere, theta_p (R + a - sqrt(R^2 + a^2))/R; ``a`` in arcsec."""
    xp = namespace(x)
    R2 = (x * x + y * y).clip(min=TINY)
    R = xp.sqrt(R2)
    scale = theta_p * (R + a - xp.sqrt(R2 + a * a)) / R2
    return scale * x, scale * y


@dataclass(frozen=True)
class Perturbers:
    """Truncated isothermal spheres: ``stamp`` (m,) the row each belongs to, positions in arcsec."""

    stamp: np.ndarray
    x: FloatArray
    y: FloatArray
    theta_p: FloatArray
    a: FloatArray

    @classmethod
    def none(cls) -> Perturbers:
        """No perturber at all."""
        return cls(np.zeros(0, dtype=np.int64), *(np.zeros(0) for _ in range(4)))

    def of(self, stamps: np.ndarray) -> Perturbers:
        """Those of the given rows, renumbered."""
        if not self.stamp.size:
            return self
        place = {int(s): k for k, s in enumerate(stamps)}
        keep = np.isin(self.stamp, stamps)
        moved = np.array([place[int(s)] for s in self.stamp[keep]], dtype=np.int64)
        return Perturbers(moved, self.x[keep], self.y[keep], self.theta_p[keep], self.a[keep])


@dataclass(frozen=True)
class Deflectors:
    """One deflector per stamp, all columns (n,): arcsec, radian, dimensionless.

    slope : density slope gamma', exactly 2 for the isothermal ellipsoid. g1, g2 : external shear about the centre.
    """

    x: FloatArray
    y: FloatArray
    theta_e: FloatArray
    q: FloatArray
    phi: FloatArray
    g1: FloatArray
    g2: FloatArray
    slope: FloatArray
    perturbers: Perturbers

    def take(self, stamps: np.ndarray) -> Deflectors:
        """The deflectors of some stamps, in that order."""
        columns = {f.name: getattr(self, f.name)[stamps] for f in fields(self)[:-1]}
        return Deflectors(**columns, perturbers=self.perturbers.of(stamps))


def ellipsoid_and_shear(
    x: Any,
    y: Any,
    theta_e: Any,
    q: Any,
    phi: Any,
    g1: Any,
    g2: Any,
    slope: Any | None = None,
    terms: int = 30,
) -> tuple[Any, Any]:
    """Deflection about the deflector's centre; ``slope`` None for the isothermal ellipsoid."""
    along, across = rotate(x, y, phi)
    if slope is None:
        ax, ay = sie(along, across, theta_e, q)
    else:
        ax, ay = epl(along, across, theta_e, q, slope, terms)
    ax, ay = rotate(ax, ay, -phi)
    return ax + g1 * x + g2 * y, ay + g2 * x - g1 * y


def _masses_of(p: Perturbers, i: int | Array) -> Iterator[tuple[Any, Any, Any, Any]]:
    """Position, strength and truncation of the first, second, ... perturber of deflector(s) ``i``; 0 strong if none."""
    order = np.argsort(p.stamp, kind="stable")
    first, last = (np.searchsorted(p.stamp, i, side, sorter=order) for side in ("left", "right"))
    for k in range(np.max(last - first, initial=0)):
        own = order[np.minimum(first + k, len(order) - 1)]
        yield p.x[own], p.y[own], np.where(first + k < last, p.theta_p[own], 0.0), p.a[own]


def source_plane(
    d: Deflectors, i: int | Array, x: FloatArray, y: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Source position beta of image positions (x, y) in arcsec behind deflector ``i``, or one each; float64."""
    dx, dy = x - d.x[i], y - d.y[i]
    slope = None if np.all(d.slope[i] == 2) else d.slope[i]
    terms = epl_terms(float(np.min(d.q[i], initial=1)), 1e-12)
    ax, ay = ellipsoid_and_shear(dx, dy, d.theta_e[i], d.q[i], d.phi[i], d.g1[i], d.g2[i], slope, terms)
    for x_p, y_p, theta_p, a in _masses_of(d.perturbers, i):
        px, py = pseudo_jaffe(x - x_p, y - y_p, theta_p, a)
        ax, ay = ax + px, ay + py
    return x - ax, y - ay


def convergence_and_shear(
    d: Deflectors, i: int | Array, x: FloatArray, y: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Convergence kappa and shear gamma1, gamma2 of ``i`` (as in ``source_plane``) at image positions, to 1e-8.

    A power law's deflection is homogeneous of degree 2 - slope, so its Hessian along the radius is that multiple
    of alpha/r, and kappa gives the rest.
    """
    dx, dy = x - d.x[i], y - d.y[i]
    theta_e, q, slope = d.theta_e[i], d.q[i], d.slope[i]
    u, v = rotate(dx, dy, d.phi[i])
    elliptical = np.sqrt(q * u * u + v * v / q).clip(min=TINY)
    kappa = 0.5 * (3 - slope) * (theta_e / elliptical) ** (slope - 1)
    ax, ay = rotate(*epl(u, v, theta_e, q, slope, epl_terms(float(np.min(q, initial=1)), 1e-8)), -d.phi[i])
    r2 = (dx * dx + dy * dy).clip(min=TINY)
    radial = (2 - slope) * (ax * dx + ay * dy) / r2
    mixed = (2 - slope) * (ay * dx - ax * dy) / r2
    along = radial - kappa  # half the difference of the Hessian along and across the radius
    c2, s2 = (dx * dx - dy * dy) / r2, 2 * dx * dy / r2
    g1, g2 = along * c2 - mixed * s2 + d.g1[i], along * s2 + mixed * c2 + d.g2[i]
    for x_p, y_p, theta_p, a in _masses_of(d.perturbers, i):
        px, py = x - x_p, y - y_p
        r2 = (px * px + py * py).clip(min=TINY)
        r, far = np.sqrt(r2), np.sqrt(r2 + a * a)
        own = 0.5 * theta_p * (1 / r - 1 / far)
        mean = theta_p * (r + a - far) / r2
        stretch = (own - mean) / r2
        kappa = kappa + own
        g1 = g1 + stretch * (px * px - py * py)
        g2 = g2 + stretch * (2 * px * py)
    return kappa, g1, g2
