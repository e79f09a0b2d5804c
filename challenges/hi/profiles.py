"""The disc of a galaxy: its face-on profile, its rotation, and the points that stand for it.

x is the radius in units of R, half of hi_size, where the surface density is 1 Msun/pc^2. The stamps are sums over the
points of ``nodes``; the widths take the same profile and rotation.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from blindsky.challenges.hi.field import BEAM_SIGMA, PIXEL, Field
from blindsky.scoring.measurements import Array, FloatArray, Table

SCALE = 0.2  # of the exponential beyond the plateau, in units of R
MU = (1.5, 11.8)  # Msun/pc^2, the mean densities M / (pi R^2) that the profile reaches
RISE = 0.2  # of the rotation curve, in units of R
REACH = 8  # scales of the tail that are kept
WARP = 0.7  # radius where a warp begins
SHIFT = 0.6180339887  # golden ratio: no two rings have their points on a line
_BISECTIONS = 60


class Profile(NamedTuple):
    """Surface density: ``centre`` (n,) Msun/pc^2 to radius ``edge`` (n,), an exponential of scale 0.2 beyond."""

    centre: FloatArray
    edge: FloatArray

    def __call__(self, x: FloatArray) -> FloatArray:
        """Msun/pc^2 at radii (n, ...) of each disc."""
        shape = (-1, *(1,) * (x.ndim - 1))
        return np.asarray(
            self.centre.reshape(shape) * np.exp(-np.maximum(x - self.edge.reshape(shape), 0) / SCALE)
        )


def profile(mu: Array) -> Profile:
    """The profile with a density of exactly 1 at x = 1 and a mean density M / (pi R^2) of mu (n,) Msun/pc^2.

    mu = centre ((edge + h)^2 + h^2) and edge = 1 - h ln centre; mu rises with ln centre, which is bisected.
    """
    mu = np.asarray(mu, dtype=np.float64)
    low, high = np.zeros_like(mu), np.full_like(mu, 1 / SCALE)
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        above = np.exp(middle) * ((1 - SCALE * middle + SCALE) ** 2 + SCALE**2) > mu
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    level = (low + high) / 2
    return Profile(np.exp(level), 1 - SCALE * level)


def rotation(x: Array) -> FloatArray:
    """Rotation at radii x in units of the flat velocity."""
    return np.asarray(np.tanh(np.asarray(x) / RISE))


@cache
def legendre(largest: int = 64) -> tuple[FloatArray, FloatArray]:
    """Gauss-Legendre points and weights on [0, 1]: row n holds those of n points, (largest + 1, largest) each."""
    points, weights = np.zeros((largest + 1, largest)), np.zeros((largest + 1, largest))
    for n in range(1, largest + 1):
        at, weight = np.polynomial.legendre.leggauss(n)
        points[n, :n], weights[n, :n] = (1 + at) / 2, weight / 2
    return points, weights


class Nodes(NamedTuple):
    """Points of n discs, one disc after another: those of disc k lie in ``[start[k], start[k + 1])``.

    source : int64, which disc.   x : radius, R.   theta : rad, azimuth in the plane of the disc from its receding
    major axis.   weight : share of the flux, sum 1 in each disc.   velocity : km/s along the line of sight in the
    rest frame, positive = receding.   east, north : arcsec from the centre.
    """

    start: Array
    source: Array
    x: FloatArray
    theta: FloatArray
    weight: FloatArray
    velocity: FloatArray
    east: FloatArray
    north: FloatArray


def numbers(sources: Table) -> tuple[Array, Array, Array]:
    """Rings on the plateau, rings of the tail, azimuths of each disc, int64 (n,): errors <= 0.4 % of the peak."""
    wide = sources["hi_size"] / 2 / PIXEL / BEAM_SIGMA
    fast = sources["v_flat"] * np.sin(np.radians(sources["i"])) / sources["sigma_v"]
    return (
        np.clip(np.ceil(5 + np.maximum(wide, 0.45 * fast)), 6, 64).astype(np.int64),
        np.clip(np.ceil(8 + 1.5 * wide), 8, 64).astype(np.int64),
        np.clip(np.ceil(2 * np.pi * np.maximum(1.4 * wide, fast)), 24, 768).astype(np.int64),
    )


def nodes(sources: Table) -> Nodes:
    """The points of discs; ``sources`` has the columns of a truth table (angles in deg), n rows.

    Gauss-Legendre in x on the plateau and on 8 scales of the tail, even azimuths turned from ring to ring.
    """
    plateau, tail, azimuths = numbers(sources)
    density = profile(sources["mu"])
    points, weights = legendre()

    disc = np.repeat(np.arange(len(plateau)), plateau + tail)  # one element a ring from here
    ring = _count(plateau + tail)
    inner = ring < plateau[disc]
    many = np.where(inner, plateau[disc], tail[disc])
    place = np.where(inner, ring, ring - plateau[disc])
    length = np.where(inner, density.edge[disc], REACH * SCALE)
    x = np.where(inner, 0, density.edge[disc]) + length * points[many, place]
    mass = density.centre[disc] * np.exp(-np.maximum(x - density.edge[disc], 0) / SCALE)
    mass *= x * length * weights[many, place] / azimuths[disc]

    each = azimuths[disc]
    of = np.repeat(np.arange(len(disc)), each)  # one element a point from here
    turn = (_count(each) + (SHIFT * ring % 1)[of]) / each[of]
    source, x, theta = disc[of], x[of], 2 * np.pi * turn
    along_axis = np.cos(theta)
    lop, phase = sources["lop"][source], np.radians(sources["lop_phase"])[source]
    weight = mass[of] * (1 + lop * np.cos(theta - phase))
    start = np.concatenate([[0], np.cumsum((plateau + tail) * azimuths)])
    weight /= np.add.reduceat(weight, start[:-1])[source]

    tilt = np.radians(sources["i"])
    speed = (sources["v_flat"] * np.sin(tilt))[source]
    radius = (sources["hi_size"] / 2)[source] * x
    along, across = radius * along_axis, radius * np.sin(theta) * np.cos(tilt)[source]
    angle = np.radians(sources["pa"][source] + sources["warp"][source] * np.maximum(0, x - WARP))
    sine, cosine = np.sin(angle), np.cos(angle)
    return Nodes(
        start=start,
        source=source,
        x=x,
        theta=theta,
        weight=weight,
        velocity=speed * rotation(x) * along_axis,
        east=along * sine + across * cosine,
        north=along * cosine - across * sine,
    )


def _count(lengths: Array) -> Array:
    """0 ... length - 1 for each length, one after another."""
    return np.asarray(np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths))


def steps(field: Field, x: Array, y: Array) -> FloatArray:
    """Pixels that one arcsec on the sky takes at pixels x, y (n,): [[dx/dEast, dx/dNorth], [dy/dEast, dy/dNorth]].

    (n, 2, 2). Away from the field's centre North is not quite up: by 1.4 deg in the lower corners of the full field.
    """
    ra, dec = field.world(x, y)
    arcsec = 1 / 3600
    east = field.pixel(ra + arcsec / np.cos(np.radians(dec)), dec)
    north = field.pixel(ra, dec + arcsec)
    return np.stack(
        [np.stack([east[k] - at, north[k] - at], axis=-1) for k, at in enumerate((x, y))], axis=-2
    )


def pixels(found: Nodes, jacobian: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Columns and rows of the points from the centre of their disc; ``jacobian`` is that of ``steps``."""
    column, row = np.einsum("nij,jn->in", jacobian[found.source], np.stack([found.east, found.north]))
    return column, row
