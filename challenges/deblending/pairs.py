"""Pairs of galaxies: the types, magnitudes and radii of CANDELS galaxies, and the rule by which two are blended.

The populations are fitted to the 1,050 distinct test galaxies of Boucaud et al. 2020, whose rule of pairs this is.
Every galaxy is drawn for its pair alone: there is no pool of parents that train and test could share.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from blindsky.challenges.deblending.bands import Setting
from blindsky.challenges.deblending.galaxies import (
    HALF_LIGHT,
    Galaxies,
    draw_arms,
    draw_inclination,
    draw_knots,
)
from blindsky.challenges.draws import choose
from blindsky.scoring.measurements import Array, FloatArray

CENTRE = 64  # row and column of the central galaxy
SHARES = {"sph": 0.192, "sphd": 0.377, "disk": 0.211, "irr": 0.220}
_BELOW = (0.0, 0.05, 0.25, 0.50, 0.75, 0.95, 1.0)
_MAGNITUDES = {  # quantiles
    "sph": (18.85, 19.61, 20.78, 21.45, 21.97, 22.65, 22.82),
    "sphd": (18.02, 18.96, 20.07, 20.86, 21.61, 22.46, 22.99),
    "disk": (18.15, 20.83, 21.59, 22.10, 22.54, 22.84, 22.99),
    "irr": (19.27, 20.56, 21.54, 22.06, 22.51, 22.83, 22.99),
}
_RADII = {  # log10 of pixels at magnitude 21, its slope and scatter
    "sph": (0.466, -0.162, 0.148),
    "sphd": (0.773, -0.104, 0.171),
    "disk": (1.035, -0.089, 0.136),
    "irr": (0.988, -0.082, 0.184),
}
CONTRAST = 2.0  # magnitudes: the two differ by less
TRIES = 25  # shifts of a companion before a pair is given up
KNOT_SHARE = (0.1, 0.4)  # of the light of irregular galaxies
STAR = "star"
STAR_RADIUS = 1.5  # pixels, for the rule of pairs


class Draw(NamedTuple):
    """Type, magnitude and half-light radius (pixels), each (n,)."""

    kind: Array
    magnitude: FloatArray
    radius: FloatArray

    def take(self, rows: Array) -> Draw:
        """Rows by mask or index."""
        return Draw(*(column[rows] for column in self))


class Pairs(NamedTuple):
    """Central galaxies, their companions, and integer shifts (dx, dy) of those in pixels, each (n,)."""

    central: Draw
    companion: Draw
    dx: Array
    dy: Array


def radii(stream: np.random.Generator, kind: Array, magnitude: FloatArray) -> FloatArray:
    """Half-light radii (n,) of galaxies, pixels."""
    a, b, s = np.array([_RADII[k] for k in kind]).reshape(-1, 3).T
    return np.asarray(np.clip(10 ** (a + b * (magnitude - 21) + stream.normal(0, 1, len(kind)) * s), 1, 30))


def population(stream: np.random.Generator, shares: Mapping[str, float], n: int) -> Draw:
    """Galaxies with the given shares of types."""
    kind = choose(stream, dict(shares), n)
    u, magnitude = stream.random(n), np.zeros(n)
    for name, quantiles in _MAGNITUDES.items():
        rows = kind == name
        magnitude[rows] = np.interp(u[rows], _BELOW, quantiles)
    return Draw(kind, magnitude, radii(stream, kind, magnitude))


def _companions(stream: np.random.Generator, shares: Mapping[str, float], star: Array) -> Draw:
    """Companions, those marked in ``star`` (n,) points of light."""
    found = population(stream, shares, len(star))
    magnitude = np.where(star, stream.uniform(18, 22, len(star)), found.magnitude)
    return Draw(np.where(star, STAR, found.kind), magnitude, np.where(star, STAR_RADIUS, found.radius))


def draw_pairs(stream: np.random.Generator, shares: Mapping[str, float], n: int, stars: float = 0.0) -> Pairs:
    """Pairs by the published rule; ``stars`` is the share of companions that are stars."""
    found: list[Pairs] = []
    while sum(len(pairs.dx) for pairs in found) < n:
        central, star = population(stream, shares, n), stream.random(n) < stars
        companion = _companions(stream, shares, star)
        while (far := np.abs(central.magnitude - companion.magnitude) >= CONTRAST).any():
            again = _companions(stream, shares, star[far])
            for column, fresh in zip(companion, again, strict=True):
                column[far] = fresh
        small = np.minimum(central.radius, companion.radius)
        high = np.minimum(4 * small, 64)
        low = np.maximum(central.radius, companion.radius)
        low = np.where(low >= high, 0.8 * high, low)
        most = high.astype(np.int64)[:, None, None]
        shift = stream.integers(-most, most, (n, TRIES, 2))
        distance = np.hypot(shift[..., 0], shift[..., 1])
        good = (distance >= low[:, None]) & (distance <= high[:, None])
        kept = np.flatnonzero(good.any(axis=1))
        dx, dy = shift[kept, good[kept].argmax(axis=1)].T
        found.append(Pairs(central.take(kept), companion.take(kept), dx, dy))
    central, companion = (
        Draw(*(np.concatenate(columns)[:n] for columns in zip(*draws, strict=True)))
        for draws in ([p.central for p in found], [p.companion for p in found])
    )
    return Pairs(
        central, companion, *(np.concatenate(d)[:n] for d in ([p.dx for p in found], [p.dy for p in found]))
    )


def build(
    stream: np.random.Generator,
    setting: Setting,
    draw: Draw,
    blend: Array,
    x: FloatArray,
    y: FloatArray,
    listed: Array,
    knot_share: tuple[float, float] = KNOT_SHARE,
) -> Galaxies:
    """Galaxies of the given types, magnitudes, radii and places (m,), with all else that makes them up."""
    kind, m, rad = draw.kind, len(draw.kind), draw.radius
    sph, sphd, disk, irr, star = (kind == name for name in ("sph", "sphd", "disk", "irr", STAR))
    bulge = np.select(
        [sph | star, sphd, disk], [np.ones(m), stream.uniform(0.15, 0.85, m), stream.uniform(0, 0.15, m)], 0.0
    )
    index = np.select([sph, sphd], [stream.uniform(2, 5, m), stream.uniform(1.5, 4.5, m)], 2.0)
    bulge_radius = np.where(star, 0.0, np.where(sph, rad, np.maximum(0.5 * rad, 0.6)))
    bulge_q, disc_q = stream.uniform(0.5, 1, m), draw_inclination(stream, m)
    angle = stream.uniform(0, np.pi, m)
    arms, knots = draw_arms(stream, sphd | disk), draw_knots(stream, rad, irr)
    flux = setting.flux(draw.magnitude, 0)
    return Galaxies(
        blend=blend,
        listed=listed,
        kind=kind,
        magnitude=draw.magnitude,
        radius=np.where(star, 0.0, rad),
        z=np.full(m, np.nan),
        x=x,
        y=y,
        angle=angle,
        bulge_flux=(flux * bulge)[:, None],
        bulge_radius=bulge_radius,
        bulge_n=index,
        bulge_q=bulge_q,
        disc_flux=(flux * (1 - bulge))[:, None],
        disc_radius=rad / HALF_LIGHT * np.where(sphd, 1.2, 1.0),
        disc_q=disc_q,
        amplitude=arms.amplitude,
        arms=arms.number,
        pitch=arms.pitch,
        phase=arms.phase,
        knot_share=np.where(irr, stream.uniform(*knot_share, m), 0.0),
        knot_x=knots.x,
        knot_y=knots.y,
        knot_sigma=knots.sigma,
        knot_weight=knots.weight,
    )


def pairs(stream: np.random.Generator, setting: Setting, n: int) -> Galaxies:
    """The galaxies of ``n`` pairs, each central before its companion."""
    drawn = draw_pairs(stream, SHARES, n)
    both = Draw(*(np.stack(c, axis=1).ravel() for c in zip(drawn.central, drawn.companion, strict=True)))
    blend = np.repeat(np.arange(n), 2)
    x, y = (CENTRE + np.stack([np.zeros(n), d], axis=1).ravel() for d in (drawn.dx, drawn.dy))
    return build(stream, setting, both, blend, x, y, np.ones(2 * n, dtype=bool))
