"""Galaxies near the lens: satellites at its redshift, and the field before and behind it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from blindsky.challenges import colours
from blindsky.challenges.draws import choose, power_law_magnitude
from blindsky.challenges.lens.light import Sersics
from blindsky.challenges.lens.mass import Deflectors, Perturbers
from blindsky.challenges.lens.population import GROUP, Geometry
from blindsky.challenges.lens.settings import Setting
from blindsky.scoring.measurements import Array, FloatArray

MEAN = 4.0  # companions of a lens of small Einstein radius
MOST = 14
COUNTS_SLOPE = 0.3  # dN/dm ~ 10^(0.3 m)
SATELLITES = {"E": 0.45, "Sbc": 0.30, "Scd": 0.25}
FIELD = {"E": 0.10, "Sbc": 0.30, "Scd": 0.30, "Im": 0.30}


class Companions(NamedTuple):
    """Light of the companions, and which of them lie at the redshift of the lens."""

    light: Sersics
    satellite: Array


def companions(
    stream: np.random.Generator, setting: Setting, g: Geometry, d: Deflectors, lens_magnitude: FloatArray
) -> Companions:
    """Companions of all stamps, the same for lenses and non-lenses."""
    n, half = len(g.sigma), setting.half
    number = np.minimum(stream.poisson(MEAN * (1 + 0.5 * np.log10(np.maximum(g.theta_e, 0.3) / 0.3))), MOST)
    stamp = np.repeat(np.arange(n), number)
    m = len(stamp)
    satellite = stream.random(m) < 0.5
    u, angle = stream.random(m), stream.uniform(0, 2 * np.pi, m)
    distance = 1.2 * half * np.where(satellite, u, np.sqrt(u))
    magnitude = power_law_magnitude(stream, COUNTS_SLOPE, *setting.companions, m)

    grouped = np.repeat(np.arange(n), np.where(g.sigma > GROUP, stream.poisson(3, n), 0))
    k = len(grouped)
    near = np.minimum(1.6 * g.theta_e[grouped], half) * np.sqrt(stream.random(k))
    member = lens_magnitude[grouped] + stream.uniform(0.3, 3.5, k)

    stamp = np.concatenate([stamp, grouped])
    satellite = np.concatenate([satellite, np.ones(k, dtype=bool)])
    distance = np.concatenate([distance, near])
    angle = np.concatenate([angle, stream.uniform(0, 2 * np.pi, k)])
    magnitude = np.concatenate([magnitude, member])
    total = len(stamp)
    z = np.where(satellite, g.z_lens[stamp], np.clip(stream.gamma(2, 0.35, total), 0.05, 3))
    template = np.where(satellite, choose(stream, SATELLITES, total), choose(stream, FIELD, total))
    light = Sersics(
        stamp=stamp,
        x=d.x[stamp] + distance * np.cos(angle),
        y=d.y[stamp] + distance * np.sin(angle),
        flux=colours.fluxes(magnitude, setting.reference, template, z, setting.bands),
        radius=_radius(stream, magnitude),
        n=np.where(stream.random(total) < 0.3, 3.5, 1.0),
        q=stream.uniform(0.3, 1, total),
        angle=stream.uniform(0, np.pi, total),
    )
    order = np.argsort(stamp, kind="stable")
    return Companions(light.select(order), satellite[order])


def _radius(stream: np.random.Generator, magnitude: FloatArray) -> FloatArray:
    """Half-light radius in arcsec."""
    scatter = stream.normal(0, 0.18, len(magnitude))
    return np.asarray(np.clip(0.35 * 10 ** (-0.12 * (magnitude - 23.5) + scatter), 0.05, 2))


def members(setting: Setting, c: Companions, d: Deflectors, lens_magnitude: FloatArray) -> Perturbers:
    """Satellites as mass: theta_p = theta_E sqrt(L/L_lens), at most theta_E, truncated at 0.5 arcsec."""
    s = c.light.select(c.satellite)
    luminosity = s.flux[:, setting.bands.index(setting.reference)] * 10 ** (0.4 * lens_magnitude[s.stamp])
    # A stamp is centred on its main deflector: no satellite outweighs it, however bright its draw
    theta_p = d.theta_e[s.stamp] * np.sqrt(np.minimum(luminosity, 1))
    return Perturbers(s.stamp, s.x, s.y, theta_p, np.full(len(s), 0.5))
