"""Crowded scenes of a deep survey: two to six galaxies, their colours, and where they lie."""

from __future__ import annotations

import numpy as np

from blindsky.challenges import colours
from blindsky.challenges.deblending.bands import Setting
from blindsky.challenges.deblending.galaxies import (
    HALF_LIGHT,
    Galaxies,
    draw_arms,
    draw_inclination,
    draw_knots,
)
from blindsky.challenges.draws import choose, power_law_magnitude
from blindsky.scoring.measurements import Array, FloatArray

FEWEST, MOST = 2, 6
COUNTS = 0.3  # dN/dm ~ 10^(0.3 m)
BRIGHTEST, FAINTEST, FIRST_FAINTEST = 20.0, 27.0, 24.5
LATE = 0.7
TEMPLATES = {"E": 0.06, "Sbc": 0.16, "Scd": 0.28, "Im": 0.50}
MEMBERS = 0.2  # share of blends whose galaxies are at one redshift, with one template
KNOTTY = 0.3  # share of late types with knots
KNOT_SHARE = (0.1, 0.4)
COLOUR_SCATTER = 0.07  # magnitudes, of each band
REDDER = {"u": 0.5, "g": 0.3}  # magnitudes: bulges of late types
CENTRED, NEAREST, FARTHEST, INSIDE = 1.0, 0.6, 4.0, 9.0  # arcsec, see _places


def radii(stream: np.random.Generator, magnitude: FloatArray) -> FloatArray:
    """Half-light radii (m,) in arcsec: slope and zero-point of COSMOS galaxies, scatter widened for fainter ones."""
    return np.asarray(10 ** (-0.502 - 0.105 * (magnitude - 23) + stream.normal(0, 0.2, len(magnitude))))


def _templates(stream: np.random.Generator, late: Array) -> Array:
    """Names (m,); early types alone may be E, in such a share that E has its own among all."""
    spirals = {name: share / (1 - TEMPLATES["E"]) for name, share in TEMPLATES.items() if name != "E"}
    elliptical = ~late & (stream.random(len(late)) < TEMPLATES["E"] / (1 - LATE))
    return np.where(elliptical, "E", choose(stream, spirals, len(late)))


def _places(stream: np.random.Generator, first: Array, blend: Array) -> tuple[FloatArray, FloatArray]:
    """Offsets (m,) from the centre in arcsec: each galaxy by an earlier one of its blend, chosen at random."""
    m = len(blend)
    x, y = stream.uniform(-CENTRED, CENTRED, (2, m))
    earlier, distance = stream.random(m), stream.uniform(NEAREST, FARTHEST, m)
    angle = stream.uniform(0, 2 * np.pi, m)
    start = np.flatnonzero(first)[blend]
    for k in np.flatnonzero(~first):
        by = start[k] + int(earlier[k] * (k - start[k]))
        x[k] = np.clip(x[by] + distance[k] * np.cos(angle[k]), -INSIDE, INSIDE)
        y[k] = np.clip(y[by] + distance[k] * np.sin(angle[k]), -INSIDE, INSIDE)
    return x, y


def scenes(stream: np.random.Generator, setting: Setting, n: int) -> Galaxies:
    """The galaxies of ``n`` blends, in order of decreasing reference flux."""
    pixel, bands, r = setting.bands.pixel, setting.bands.names, setting.reference
    number = stream.integers(FEWEST, MOST + 1, n)
    blend = np.repeat(np.arange(n), number)
    m = len(blend)
    first = np.concatenate([[True], blend[1:] > blend[:-1]])
    magnitude = np.where(
        first,
        power_law_magnitude(stream, COUNTS, BRIGHTEST, FIRST_FAINTEST, m),
        power_law_magnitude(stream, COUNTS, BRIGHTEST, FAINTEST, m),
    )
    half = radii(stream, magnitude)
    late = stream.random(m) < LATE
    template, z = _templates(stream, late), np.clip(stream.gamma(2.2, 0.55, m), 0.05, 4)
    member, leader = (stream.random(n) < MEMBERS)[blend], np.flatnonzero(first)[blend]
    template, z = np.where(member, template[leader], template), np.where(member, z[leader], z)
    late &= template != "E"  # in a group of ellipticals all are early types

    early_share, late_share = stream.uniform(0.4, 1, m), stream.beta(1.2, 5, m)
    share = np.where(late, late_share, early_share)
    colour = colours.colours(template, z, bands) + stream.normal(0, COLOUR_SCATTER, (m, len(bands)))
    colour[:, r] = 0
    redder = np.array([REDDER.get(band, 0.0) for band in bands]) * late[:, None]
    zero = np.array(setting.zero_points)

    def flux(of: FloatArray, shift: FloatArray) -> FloatArray:
        return np.asarray(of[:, None] * 10 ** (-0.4 * (magnitude[:, None] + colour + shift - zero)))

    x, y = _places(stream, first, blend)
    inclination, bulge_q = draw_inclination(stream, m), stream.uniform(0.5, 1, m)
    knotty = late & (stream.random(m) < KNOTTY)
    knots, arms = draw_knots(stream, half / pixel, knotty), draw_arms(stream, np.zeros(m, dtype=bool))
    galaxies = Galaxies(
        blend=blend,
        listed=np.ones(m, dtype=bool),
        kind=np.where(late, "late", "early"),
        magnitude=magnitude,
        radius=half / pixel,
        z=z,
        x=0.5 * (setting.size - 1) + x / pixel,
        y=0.5 * (setting.size - 1) + y / pixel,
        angle=stream.uniform(0, np.pi, m),
        bulge_flux=flux(share, redder),
        bulge_radius=np.where(late, 0.5, 0.8) * half / pixel,
        bulge_n=np.where(late, 2.0, stream.uniform(2, 4.5, m)),
        bulge_q=bulge_q,
        disc_flux=flux(1 - share, np.zeros_like(redder)),
        disc_radius=1.1 * half / pixel / HALF_LIGHT,
        disc_q=inclination,
        amplitude=arms.amplitude,
        arms=arms.number,
        pitch=arms.pitch,
        phase=arms.phase,
        knot_share=np.where(knotty, stream.uniform(*KNOT_SHARE, m), 0.0),
        knot_x=knots.x,
        knot_y=knots.y,
        knot_sigma=knots.sigma,
        knot_weight=knots.weight,
    )
    return galaxies.select(np.lexsort((magnitude, blend)))
