"""Deflectors, sources and lens galaxies: who bends the light, who is bent, and what the lens itself looks like."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from blindsky.challenges import colours
from blindsky.challenges.draws import choose, truncated_normal
from blindsky.challenges.lens import cosmology
from blindsky.challenges.lens.light import Discs, Sersics
from blindsky.challenges.lens.mass import Deflectors, Perturbers
from blindsky.challenges.lens.pictures import Picture
from blindsky.challenges.lens.rays import Sources
from blindsky.challenges.lens.settings import Setting
from blindsky.scoring.measurements import Array, FloatArray

# Published distributions of Einstein radii (Metcalf et al. 2019): fraction of lenses above, arcsec.
# The figures' axis is sqrt(area); the values here are divided by sqrt(pi).
_ABOVE = (1, 0.99, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0)
_EINSTEIN_RADII = {
    "space": (
        *(0.151, 0.155, 0.173, 0.198, 0.261, 0.349, 0.469, 0.648, 0.928),
        *(1.377, 2.123, 3.256, 4.064, 4.693, 4.897, 4.973, 5.232),
    ),
    "ground": (
        *(0.302, 0.319, 0.389, 0.496, 0.741, 1.016, 1.373, 1.867, 2.498),
        *(3.118, 4.130, 5.421, 6.161, 7.887, 8.536, 8.954, 10.45),
    ),
}
FARTHEST = 5.5  # redshift of a source
GROUP = 300.0  # km/s, from which a deflector is a group
KNOTS = 6  # at most


class Geometry(NamedTuple):
    """Einstein radius (arcsec), redshifts and velocity dispersion (km/s), each (n,)."""

    theta_e: FloatArray
    z_lens: FloatArray
    z_source: FloatArray
    sigma: FloatArray


def geometry(stream: np.random.Generator, population: str, n: int) -> Geometry:
    """Deflectors of a population: ``space`` or ``ground`` (published radii), or ``natural``."""
    if population == "natural":
        return _natural(stream, n)
    above, radius = np.array(_ABOVE), np.log(_EINSTEIN_RADII[population])
    theta = np.exp(np.interp(1 - stream.random(n), above[::-1], radius[::-1]))
    z_lens, z_source, sigma = np.zeros((3, n))
    todo = np.arange(n)
    while todo.size:
        zl = truncated_normal(stream, 0.80, 0.25, 0.25, 1.6, todo.size)
        zs = stream.gamma(3, 0.60, todo.size)
        apart = (zs > zl + 0.4) & (zs < FARTHEST)
        s = np.zeros(todo.size)
        s[apart] = cosmology.dispersion(theta[todo[apart]], zl[apart], zs[apart])
        good = (s > 80) & (s < np.where(theta[todo] < 2, 420, 1100))
        z_lens[todo[good]], z_source[todo[good]], sigma[todo[good]] = zl[good], zs[good], s[good]
        todo = todo[~good]
    return Geometry(theta, z_lens, z_source, sigma)


@cache
def _natural_tables() -> tuple[FloatArray, ...]:
    """Nodes and cumulative weights of sigma (times sigma^4) and of z_lens (comoving volume)."""
    sigma = np.linspace(120, 420, 2001)
    # Choi, Park & Vogeley 2007, as used in Collett 2015; theta_E^2 brings sigma^4
    density = (sigma / 161) ** 2.32 * np.exp(-((sigma / 161) ** 2.67)) / sigma * sigma**4
    z = np.linspace(0.05, 2, 2001)
    volume = cosmology.comoving(z) ** 2 / np.sqrt(cosmology.OMEGA_M * (1 + z) ** 3 + 1 - cosmology.OMEGA_M)
    return sigma, _cumulative(density), z, _cumulative(volume)


def _cumulative(density: FloatArray) -> FloatArray:
    total = np.concatenate([[0.0], np.cumsum(0.5 * (density[1:] + density[:-1]))])
    return np.asarray(total / total[-1])


def _natural(stream: np.random.Generator, n: int) -> Geometry:
    """Draws from p ~ n(sigma) dV/dz_l p(z_s) theta_E^2 with theta_E > 0.2", by rejection on (D_ls/D_s)^2."""
    sigma_nodes, sigma_below, z_nodes, z_below = _natural_tables()
    found: list[FloatArray] = []
    count = 0
    while count < n:
        m = 8 * n + 64
        sigma = np.interp(stream.random(m), sigma_below, sigma_nodes)
        zl = np.interp(stream.random(m), z_below, z_nodes)
        zs = stream.gamma(3, 0.60, m)
        u = stream.random(m)
        ratio = np.where(zs > zl + 0.1, cosmology.lensing_ratio(zl, np.maximum(zs, zl)), 0.0)
        theta = 4 * np.pi * (sigma / cosmology.C) ** 2 * ratio * cosmology.ARCSEC
        good = (u < ratio**2) & (theta >= 0.2) & (zs < FARTHEST)
        found.append(np.stack([theta, zl, zs, sigma])[:, good])
        count += int(good.sum())
    return Geometry(*np.concatenate(found, axis=1)[:, :n])


def deflectors(
    stream: np.random.Generator, g: Geometry, pixel: float, generous: bool, axis_ratio: float = 0.90
) -> Deflectors:
    """Mass of the deflectors; ``generous`` for elongated power laws in strong shear, else SIE of mean ``axis_ratio``.

    The near-round mass stands for the original's spherical haloes, whose images are often full rings.
    """
    n = len(g.theta_e)
    if generous:
        q = truncated_normal(stream, 0.75, 0.15, 0.35, 0.985, n)
        shear = stream.normal(0, 0.05, (2, n))
        slope = truncated_normal(stream, 2.0, 0.1, 1.8, 2.2, n)
    else:
        q = truncated_normal(stream, axis_ratio, 0.07, 0.35, 0.995, n)
        shear, slope = stream.normal(0, 0.02, (2, n)), np.full(n, 2.0)
    phi = stream.uniform(0, np.pi, n)
    x, y = stream.normal(0, 0.3 * pixel, (2, n))
    return Deflectors(x, y, g.theta_e, q, phi, shear[0], shear[1], slope, Perturbers.none())


def subhaloes(stream: np.random.Generator, d: Deflectors) -> Perturbers:
    """Poisson(3) dark perturbers a deflector, within 1.5 theta_E."""
    stamp = np.repeat(np.arange(len(d.x)), stream.poisson(3, len(d.x)))
    m = len(stamp)
    radius, angle = 1.5 * d.theta_e[stamp] * np.sqrt(stream.random(m)), stream.uniform(0, 2 * np.pi, m)
    theta_p = 10 ** stream.uniform(-2.5, -1, m)
    x, y = d.x[stamp] + radius * np.cos(angle), d.y[stamp] + radius * np.sin(angle)
    return Perturbers(stamp, x, y, theta_p, np.full(m, 0.2))


def sources(
    stream: np.random.Generator,
    setting: Setting,
    d: Deflectors,
    r_ca: FloatArray,
    z: FloatArray,
    shifted: bool,
    pictures: Sequence[Picture] = (),
) -> Sources:
    """A source for every deflector, uniform in a disc of three caustic radii about it; one of the pictures if any."""
    n = len(z)
    radius, angle = 3 * r_ca * np.sqrt(stream.random(n)), stream.uniform(0, 2 * np.pi, n)
    magnitude = truncated_normal(stream, setting.source_magnitude, 1.4, 20.5, 28, n)
    size = setting.source_radius * 10 ** (-0.08 * (magnitude - 25) + stream.normal(0, 0.2, n))
    index, q, turn = stream.uniform(0.6, 2, n), stream.uniform(0.3, 1, n), stream.uniform(0, np.pi, n)
    template = choose(stream, {"Im": 0.6, "Scd": 0.4}, n)
    flux = colours.fluxes(magnitude, setting.reference, template, z, setting.bands)

    clumpy, clumps = stream.random(n) < 0.6, stream.uniform(0.1, 0.5, n)
    if shifted:
        more, larger = stream.random(n) < 0.5, stream.uniform(0.4, 0.9, n)
        clumpy, clumps = clumpy | more, np.where(more, larger, clumps)
    number = np.where(clumpy, stream.integers(2, KNOTS + 1, n), 0)
    far = size[:, None] * np.abs(stream.normal(0, 0.9, (n, KNOTS)))
    where = stream.uniform(0, 2 * np.pi, (n, KNOTS))
    width = size[:, None] * stream.uniform(0.1, 0.25, (n, KNOTS))
    share = stream.exponential(1, (n, KNOTS)) * (np.arange(KNOTS) < number[:, None])
    share /= np.maximum(share.sum(axis=1, keepdims=True), 1e-300)
    shown = np.full(n, None, dtype=object)
    if pictures:
        shown[:] = [pictures[k] for k in stream.integers(len(pictures), size=n)]
    return Sources(
        stamp=np.arange(n),
        x=d.x + radius * np.cos(angle),
        y=d.y + radius * np.sin(angle),
        flux=flux,
        radius=size,
        n=index,
        q=q,
        angle=turn,
        clumps=np.where(clumpy, clumps, 0.0),
        knot_x=far * np.cos(where),
        knot_y=far * np.sin(where),
        knot_sigma=width,
        knot_share=share,
        picture=shown,
    )


class LensGalaxy(NamedTuple):
    """Light of the deflecting galaxies: one bulge and one disc a stamp; columns (n,)."""

    bulge: Sersics
    disc: Discs
    magnitude: FloatArray
    radius: FloatArray
    early: Array
    bright: Array


_BULGE_OFFSET = {"u": 0.35, "g": 0.20, "i": -0.10}  # magnitudes; late types have redder bulges


def lens_galaxies(
    stream: np.random.Generator, setting: Setting, g: Geometry, d: Deflectors, spiral: Array, shifted: bool
) -> LensGalaxy:
    """What the deflectors look like. ``spiral`` marks face-on impostors with strong arms, (n,) bool."""
    n, bands = len(g.sigma), setting.bands
    sigma = stream.permutation(g.sigma) if shifted else g.sigma  # a shifted sky ties no light to mass
    optical = np.where(sigma <= 220, sigma, 220 * (sigma / 220) ** 0.35)
    # In the manner of Bernardi et al. 2003
    M = np.clip(-21.15 - (np.log10(optical) - 2.203) / 0.102 + stream.normal(0, 0.4, n), -23.4, -17.5)
    early = stream.random(n) < np.clip(0.45 + 0.15 * (-M - 21.5), 0.15, 0.9)
    early &= ~spiral
    template = np.where(early, "E", choose(stream, {"Sbc": 0.6, "Scd": 0.4}, n))
    share = np.where(early, stream.uniform(0.6, 1, n), stream.beta(1.2, 4, n))
    # Radii in the manner of Shen et al. 2003
    kpc = 10 ** np.where(early, -0.26 * M - 5.06, 0.7 + 0.15 * (-M - 21))
    kpc *= 10 ** stream.normal(0, 0.13, n) * (1 + g.z_lens) ** -0.7
    radius = np.clip(kpc * cosmology.arcsec_per_kpc(g.z_lens), 0.08, 6)

    k = colours.k_correction(template, g.z_lens)
    m_r = M + cosmology.distance_modulus(g.z_lens) + k - 0.8 * g.z_lens + setting.dimming
    bright = (stream.random(n) < setting.bright_share) & (not shifted)
    m_r = m_r - np.where(bright, 2 + stream.normal(0, 0.7, n), 0.0) - float(shifted)
    magnitude = m_r[:, None] + colours.colours(template, g.z_lens, bands)
    offset = np.array([_BULGE_OFFSET.get(b, 0.0) for b in bands]) * ~early[:, None]
    of_bulge = 10 ** (-0.4 * (magnitude + offset)) * share[:, None]
    of_disc = 10 ** (-0.4 * (magnitude - 0.5 * offset)) * (1 - share[:, None])

    angle = d.phi + np.deg2rad(stream.normal(0, 10, n))
    n_bulge = 4 * np.maximum(share, 0.03) ** 0.4 * 10 ** (0.1 * stream.uniform(-1, 1, n))
    bulge = Sersics(
        stamp=np.arange(n),
        x=d.x,
        y=d.y,
        flux=of_bulge,
        radius=radius * np.where(early, 0.9, 0.35),
        n=np.clip(n_bulge, 0.6, 6),
        q=stream.uniform(0.5, 1, n),
        angle=angle,
    )
    inclination = np.deg2rad(np.where(spiral, stream.uniform(0, 40, n), stream.uniform(0, 80, n)))
    arms, strong = stream.uniform(0.01, 0.4, n), stream.uniform(0.5, 0.95, n)
    disc = Discs(
        stamp=np.arange(n),
        x=d.x,
        y=d.y,
        flux=of_disc,
        radius=radius / 1.678 * np.where(early, 1.2, 1.0),
        q=np.cos(inclination),
        angle=angle,
        amplitude=np.where(early, 0.0, np.where(spiral, strong, arms)),
        arms=np.where(stream.random(n) < 0.8, 2.0, 4.0),
        pitch=np.deg2rad(stream.uniform(11, 31, n)),
        phase=stream.uniform(0, 2 * np.pi, n),
    )
    total = (of_bulge + of_disc)[:, bands.index(setting.reference)]
    return LensGalaxy(bulge, disc, -2.5 * np.log10(total), radius, early, bright)
