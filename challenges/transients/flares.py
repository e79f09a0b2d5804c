"""Flares of M dwarfs: short brightenings in the blue, with the shape of Davenport et al. 2014."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from blindsky.challenges.transients.blackbody import planck
from blindsky.challenges.transients.draws import Normal
from blindsky.challenges.transients.variables import WAVELENGTH, fluxes, single
from blindsky.scoring.measurements import Array, FloatArray, Table

COLOURS = (2.6, 1.45, 1.30, 0.60, 0.30)  # u-g g-r r-i i-z z-y
TEMPERATURE = 10_000.0  # K, of the flare
NIGHT = 0.4  # days in which flares of a night begin
MOST = 20.0  # flares a night, mean
FAINTEST, BRIGHTEST, SLOPE = 0.03, 3000.0, -1 / 0.7  # peak in quiescent u flux
WIDTH, WIDTH_SCATTER = 6.0, 0.6  # minutes at the quiescent u flux, of ln
MINUTES = 1440.0  # in a day
RISE, END = -1.0, 60.0  # beginning and end, in widths
OBJECTS = 2048  # taken at a time: pairs of flare and visit are many


def shape(x: Array) -> Array:
    """Brightness (m,) of a flare of peak 1, ``x`` full widths at half maximum after it; 0 outside (-1, 60)."""
    rise = 1 + x * (1.94053 + x * (-0.175084 + x * (-2.24588 - 1.12498 * x)))
    decay = np.maximum(x, 0)
    decay = 0.689008 * np.exp(-1.60053 * decay) + 0.302963 * np.exp(-0.278318 * decay)
    return np.where((x > RISE) & (x < END), np.where(x <= 0, rise, decay), 0).astype(x.dtype)


def hotness() -> FloatArray:
    """Flare flux in ugrizy relative to u: B_nu of 10,000 K, shape (6,)."""
    b = 1 / (WAVELENGTH**3 * np.array([planck(l, np.array(TEMPERATURE)) for l in WAVELENGTH]))  # noqa: E741
    return np.asarray(b / b[0])


@dataclass(frozen=True)
class FlareStar:
    """M dwarfs; their flux is that of the flares alone."""

    name: str = "Mdwarf"
    target: int = 65

    def draw(self, stream: np.random.Generator, n: int) -> Table:
        """Parameters (n,): ``rate`` in flares a day. Stream: r, rate."""
        r = 16 + 9 * np.sqrt(stream.random(n))
        rate = 2.5 * np.exp(Normal(0, 1.2).draw(stream, n))
        return {"r": r, "mag_i": r - COLOURS[2], "rate": rate}

    def flux(
        self, parameters: Table, index: Array, t: FloatArray, band: Array, stream: np.random.Generator
    ) -> Array:
        """Noiseless flux (m,) of visits ordered by object and time.

        Stream, for every 2,048 objects: flares of each observed night, their times, peaks and widths. An object's
        flares so depend on which visits are asked for: ask once.
        """
        shine = np.zeros(len(t), dtype=np.float32)
        bounds = np.searchsorted(index, np.arange(0, len(parameters["r"]) + OBJECTS, OBJECTS))
        for begin, end in pairwise(bounds):
            rows = slice(begin, end)
            shine[rows] = _flaring(parameters["rate"], index[rows], t[rows], stream)
        quiescent = fluxes(parameters["r"], 2, COLOURS)[:, 0]
        return np.asarray(shine * single(quiescent, index) * single(hotness(), band))


def _flaring(rate: FloatArray, index: Array, t: FloatArray, stream: np.random.Generator) -> Array:
    """Flare brightness (m,) in quiescent u fluxes."""
    night = np.floor(t)
    new = (np.diff(index, prepend=-1) != 0) | (np.diff(night, prepend=-1) != 0)
    group = np.cumsum(new) - 1  # of a night of an object
    number = stream.poisson(np.minimum(NIGHT * rate[index[new]], MOST))
    flares = int(number.sum())
    begin = stream.random(flares, dtype=np.float32) * np.float32(NIGHT * MINUTES)
    peak = np.minimum(FAINTEST * (1 - stream.random(flares)) ** SLOPE, BRIGHTEST).astype(np.float32)
    scatter = WIDTH_SCATTER * stream.standard_normal(flares, dtype=np.float32)
    width = WIDTH * np.exp(scatter) * np.sqrt(np.sqrt(peak))

    minute = ((t - night) * MINUTES).astype(np.float32)
    return together(minute, group, number, begin, peak, width)


def together(minute: Array, group: Array, number: Array, begin: Array, peak: Array, width: Array) -> Array:
    """Brightness (m,) at visits of the flares of their night.

    minute, group : (m,) time in the night, and which night.   number : (nights,) of flares, listed night by night in
    begin, peak, width : (flares,).
    """
    # Every visit meets every flare of its night
    meets = number[group]
    first_flare, first_pair = (np.cumsum(number) - number)[group], np.cumsum(meets) - meets
    visit = np.repeat(np.arange(len(minute)), meets)
    flare = np.arange(len(visit)) + np.repeat(first_flare - first_pair, meets)
    x = (minute[visit] - begin[flare]) / width[flare]
    on = (x > RISE) & (x < END)
    light = peak[flare[on]] * shape(x[on])
    return np.bincount(visit[on], weights=light, minlength=len(minute)).astype(np.float32)


M_DWARF = FlareStar()
