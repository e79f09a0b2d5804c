"""The galaxies of a field: how many, where, how massive, and what their discs are like.

The mass function is ALFALFA's (Jones et al. 2018) at every redshift.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from blindsky.challenges.hi.clustering import clustered
from blindsky.challenges.hi.cosmology import distances, flux, mass, redshift, volume
from blindsky.challenges.hi.field import ARCSEC, BAND, BEAM, BEAM_SIGMA, C_KMS, CHANNEL, F0, FIRST, Field
from blindsky.challenges.hi.profiles import MU, nodes, pixels, steps
from blindsky.challenges.hi.widths import widths
from blindsky.challenges.randomness import Streams
from blindsky.scoring.measurements import Array, FloatArray, Table

SLOPE, KNEE, DENSITY = -1.25, 9.94, 4.5e-3  # of the mass function: alpha, log10 Msun, Mpc^-3 per ln M
SIZE = (0.506, -3.293, 0.06)  # log10 D/kpc in log10 M, and its scatter (Wang et al. 2016)
TURN = (0.221, 0.10, 0.17)  # log10 v_flat/(km/s) in log10 M, and its scatter: from the widths of SDC2
FLAT = (20.0, 400.0)  # km/s
DISPERSION = (8.0, 12.0)  # km/s
LOP = (0.1, 0.4)  # scatter, and the largest
WARP = (15.0, 30.0)  # deg per R: scatter, and the largest
PARSECS = 500.0  # of radius in a kiloparsec of diameter
CHUNK = 4096  # rows completed at once
_MASSES = np.linspace(6, 12, 6001)  # log10 Msun
_REDSHIFTS = 2049  # knots


@dataclass(frozen=True)
class Abundance:
    """Sources along the line of sight, on knots of redshift.

    z, comoving : of the knots, the latter in Mpc.   least : log10 Msun, the limit there.
    per_volume : sources above it per Mpc^3.   below : per steradian, below each knot.
    """

    z: FloatArray
    comoving: FloatArray
    least: FloatArray
    per_volume: FloatArray
    below: FloatArray

    @property
    def per_square_degree(self) -> float:
        """Sources of the whole band."""
        return float(self.below[-1] * math.radians(1) ** 2)


@lru_cache(maxsize=1)
def _tail() -> FloatArray:
    """Galaxies per Mpc^3 above each of ``_MASSES``."""
    x = 10 ** (_MASSES - KNEE)
    each = math.log(10) * DENSITY * x ** (SLOPE + 1) * np.exp(-x)  # Eq. 1 of Jones+2018
    pieces = (each[1:] + each[:-1]) / 2 * np.diff(_MASSES)
    return np.append(np.cumsum(pieces[::-1])[::-1], 0)


def band(field: Field) -> tuple[float, float]:
    """Lowest and highest frequency in Hz of the field's channels, cut to what is scored."""
    low = FIRST + CHANNEL * (field.k0 - 0.5)
    return max(low, BAND[0]), min(low + CHANNEL * field.nchan, BAND[1])


def abundance(frequencies: tuple[float, float], flux_min: float) -> Abundance:
    """Sources brighter than ``flux_min`` Jy Hz between two frequencies in Hz."""
    far, near = redshift(np.array(frequencies))
    z = np.linspace(near, far, _REDSHIFTS)
    away = distances(z)
    least = np.log10(mass(flux_min, away.luminosity))
    many = np.interp(least, _MASSES, _tail())
    slope = many * volume(z)
    below = np.concatenate([[0], np.cumsum((slope[1:] + slope[:-1]) / 2 * np.diff(z))])
    return Abundance(z, away.comoving, least, many, below)


def expected(field: Field) -> float:
    """Sources in a field on average."""
    return abundance(band(field), field.flux_min).per_square_degree * field.area * field.density


def draw(field: Field, track: str, streams: Streams) -> Table:
    """The sources of a field but for id, w20, snr and f_in, in order of frequency (ties: x); angles in deg.

    track : ``survey`` clusters the sources and warps their discs.
    """
    rng = streams("catalogue/0")
    known = abundance(band(field), field.flux_min)
    if track == "survey":
        x, y, z = clustered(field, known, streams("clustering/0"))
    else:
        n = rng.poisson(known.per_square_degree * field.area * field.density)
        z = np.interp(rng.random(n) * known.below[-1], known.below, known.z)
        x, y = (rng.random(n) * side - 0.5 for side in (field.nx, field.ny))
    table = _galaxies(known, z, x, y, rng)
    table["ra"], table["dec"] = field.world(x, y)
    table["warp"] = (
        np.clip(WARP[0] * rng.standard_normal(len(z)), -WARP[1], WARP[1])
        if track == "survey"
        else np.zeros(len(z))
    )
    order = np.lexsort((table["x"], table["central_freq"]))
    return {name: column[order] for name, column in table.items()}


def _galaxies(
    known: Abundance, z: FloatArray, x: FloatArray, y: FloatArray, rng: np.random.Generator
) -> Table:
    """Masses and discs at given places."""
    n = len(z)
    tail = _tail()
    share = np.interp(np.interp(z, known.z, known.least), _MASSES, tail) * (1 - rng.random(n))
    log_mass = np.interp(-share, -tail, _MASSES)
    away = distances(z)
    size = 10 ** (SIZE[0] * log_mass + SIZE[1] + SIZE[2] * np.clip(rng.standard_normal(n), -3, 3))
    mu = np.clip(10**log_mass / (np.pi * (PARSECS * size) ** 2), *MU)
    size = np.sqrt(10**log_mass / (np.pi * mu)) / PARSECS
    speed = 10 ** (TURN[0] * log_mass + TURN[1] + TURN[2] * rng.standard_normal(n))
    frequency = F0 / (1 + z)
    return {
        "hi_size": size * 1e-3 / away.angular * ARCSEC,
        "line_flux_integral": flux(10**log_mass, away.luminosity),
        "central_freq": frequency,
        "i": np.degrees(np.arccos(rng.random(n))),
        "pa": 360 * rng.random(n),
        "z": z,
        "log_mhi": log_mass,
        "v_flat": np.clip(speed, *FLAT),
        "sigma_v": rng.uniform(*DISPERSION, n),
        "mu": mu,
        "lop": np.clip(LOP[0] * rng.standard_normal(n), -LOP[1], LOP[1]),
        "lop_phase": 360 * rng.random(n),
        "x": x,
        "y": y,
        "chan": (frequency - FIRST) / CHANNEL,
    }


def complete(field: Field, sources: Table, channels: Table) -> Table:
    """The sources with w20, snr and f_in; ``channels`` is the field's table of nominal noise."""
    n = len(sources["z"])
    parts = [
        _completed(field, {name: column[first : first + CHUNK] for name, column in sources.items()}, channels)
        for first in range(0, max(n, 1), CHUNK)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _completed(field: Field, sources: Table, channels: Table) -> Table:
    w20 = widths(sources)
    known = {**sources, "w20": w20}
    return {**known, "snr": snr(field, known, channels), "f_in": inside(field, sources)}


def snr(field: Field, sources: Table, channels: Table) -> FloatArray:
    """Signal to noise (n,) of rows of a catalogue, from their flux, w20, size and the nominal noise of their channel.

    Understates that of a matched filter by about 1.3 where the light is concentrated. NaN where the width is not > 0.
    """
    near = np.rint(field.channel(sources["central_freq"])) - field.k0
    sigma = channels["rms_jy_beam"][np.clip(near, 0, field.nchan - 1).astype(np.int64)]
    width = sources["w20"] * sources["central_freq"] / C_KMS  # Hz
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = np.sqrt(width * CHANNEL) * np.sqrt(1 + (sources["hi_size"] / BEAM) ** 2)
        return np.where(width > 0, sources["line_flux_integral"] / (sigma * spread), np.nan)


def inside(field: Field, sources: Table) -> FloatArray:
    """Share of the rendered flux of each source that falls on pixels and channels of the cube, (n,)."""
    found = np.ones(len(sources["z"]))
    reach = 2 * sources["hi_size"] + 8 * BEAM_SIGMA * BEAM  # arcsec, more than any stamp; pixels are smaller
    fast = (sources["v_flat"] + 8 * sources["sigma_v"]) * sources["central_freq"] / C_KMS / CHANNEL
    local = sources["chan"] - field.k0
    edge = np.minimum.reduce(
        [sources["x"], field.nx - 1 - sources["x"], sources["y"], field.ny - 1 - sources["y"]]
    )
    rows = np.flatnonzero((edge < reach) | (local < fast + 1) | (field.nchan - 1 - local < fast + 1))
    for part in (rows[first : first + 64] for first in range(0, len(rows), 64)):
        found[part] = _inside(field, {name: column[part] for name, column in sources.items()})
    return found


def _inside(field: Field, sources: Table) -> FloatArray:
    from scipy.special import ndtr

    points = nodes(sources)
    dx, dy = pixels(points, steps(field, sources["x"], sources["y"]))
    of = points.source
    share = points.weight.copy()
    for place, side in ((sources["x"][of] + dx, field.nx), (sources["y"][of] + dy, field.ny)):
        share *= _kept(place) + _kept(side - 1 - place) - 1
    frequency = sources["central_freq"][of] * (1 - points.velocity / C_KMS)
    spread = (sources["sigma_v"] * sources["central_freq"] / C_KMS)[of]
    first = FIRST + CHANNEL * (field.k0 - 0.5)
    share *= ndtr((first + CHANNEL * field.nchan - frequency) / spread) - ndtr((first - frequency) / spread)
    return np.clip(np.add.reduceat(share, points.start[:-1]), 0, 1)


@lru_cache(maxsize=1)
def _beyond() -> tuple[FloatArray, FloatArray]:
    """Share of a beam sampled at pixels 0, 1, ... by the place of its centre, from far outside to far inside."""
    at = np.linspace(-12, 12, 3073)
    pixel = np.arange(32)
    beam = np.exp(-((pixel - at[:, None]) ** 2) / (2 * BEAM_SIGMA**2)) / (BEAM_SIGMA * math.sqrt(2 * np.pi))
    return at, beam.sum(axis=1)


def _kept(place: Array) -> FloatArray:
    """Share of the beam that pixels from 0 on hold, by the place of its centre."""
    return np.asarray(np.interp(place, *_beyond()))
