"""Active galactic nuclei: magnitudes that walk at random about their mean, and are pulled back to it.

The damped random walk has a structure function SF sqrt(1 - exp(-dt/tau)) with SF and tau from Suberlak et al. 2021 and
wavelength slopes from MacLeod et al. 2010. All bands of an object follow one walk, without lags.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from blindsky.challenges.transients.bands import BANDS
from blindsky.challenges.transients.cosmology import distance_modulus
from blindsky.challenges.transients.variables import (
    LN_FLUX,
    TEMPLATE_EPOCHS,
    WAVELENGTH,
    fluxes,
    single,
    template_columns,
    template_epochs,
    template_of,
)
from blindsky.scoring.measurements import Array, FloatArray, Table

COLOURS = (0.25, 0.20, 0.15, 0.10, 0.10)  # u-g g-r r-i i-z z-y
FAINTEST, BRIGHTEST, COUNTS = 24.6, 16.0, 0.40  # i magnitude; dex of their number a magnitude
REDSHIFTS = (0.05, 3.4)
LUMINOSITIES = (-29.5, -19.0)  # M_i
MASSES = (6.0, 10.5)  # log10 of the black hole's in suns
ANCHOR = 4000.0  # Angstrom, of the relations below
SF_SLOPE, TAU_SLOPE = -0.479, 0.17
R_BAND, I_BAND = 2, 3


def structure(M_i: FloatArray, mass: FloatArray) -> tuple[FloatArray, FloatArray]:
    """SF at infinity in mag and rest-frame tau in days at 4000 A, each (n,); ``mass`` is log10 M_BH/M_sun.

    Eq. 7 and Table 1 of MacLeod et al. 2010 with the coefficients of Suberlak et al. 2021.
    """
    light, heavy = M_i + 23, mass - 9
    return 10 ** (-0.476 + 0.118 * light + 0.118 * heavy), 10 ** (2.597 + 0.035 * light + 0.141 * heavy)


def walk(
    stream: np.random.Generator, index: Array, s: FloatArray, start: FloatArray, s_start: FloatArray
) -> FloatArray:
    """A damped random walk of mean 0 and variance 1 at the visits (m,) of n objects, in its own time s = t/tau.

    index : (m,) object, not falling.   s : (m,), not falling within an object, at most 20 beyond its start.
    start : (n,) value at ``s_start`` (n,).   Stream: normals (m,).
    """
    # x(s) = exp(-s) W(exp(2 s)) with W a Brownian motion (Doob 1942): steps of W are independent, so one sum serves all
    new = np.diff(index, prepend=-1) != 0
    first = np.flatnonzero(new)
    age = s - s_start[index]
    clock = np.exp(2 * age)
    step = np.diff(clock, prepend=1.0)
    step[first] = clock[first] - 1
    path = np.sqrt(step) * stream.standard_normal(len(s))
    np.cumsum(path, out=path)
    before = np.where(first > 0, path[first - 1], 0.0)
    path += np.repeat(start[index[first]] - before, np.diff(first, append=len(s)))
    path /= np.sqrt(clock)
    return path


@dataclass(frozen=True)
class ActiveNucleus:
    """Quasars and their fainter kin."""

    name: str = "AGN"
    target: int = 88

    def draw(self, stream: np.random.Generator, n: int) -> Table:
        """Parameters (n,), with the template and where the walk stands at the last epoch of it.

        Stream: i, z and again for those too bright or faint, mass likewise, template epochs, walk.
        """
        i = np.maximum(FAINTEST + np.log10(1 - stream.random(n)) / COUNTS, BRIGHTEST)
        z, M_i = _redshift(stream, i)
        mass = _mass(stream, M_i)
        sf, tau = structure(M_i, mass)
        rest_r = WAVELENGTH[R_BAND] / (1 + z) / ANCHOR
        parameters = {
            "mag_i": i,
            "z": z,
            "log_mass": mass,
            "sf": sf,
            "tau": tau * rest_r**TAU_SLOPE * (1 + z),  # days of ours
        }
        t = template_epochs(stream, n)
        who = np.repeat(np.arange(n), TEMPLATE_EPOCHS)
        s = t / parameters["tau"][:, None]
        x = walk(stream, who, s.ravel(), stream.standard_normal(n), s[:, 0]).reshape(t.shape)
        mean = np.exp(LN_FLUX * _amplitudes(parameters)[:, None, :] * x[:, :, None]).mean(axis=1)
        parameters["walk_mjd"], parameters["walk"] = t[:, -1], x[:, -1]
        return parameters | template_columns(fluxes(i, I_BAND, COLOURS) * mean)

    def flux(
        self, parameters: Table, index: Array, t: FloatArray, band: Array, stream: np.random.Generator
    ) -> Array:
        """Noiseless difference flux (m,) of visits ordered by object and time. Stream: normals (m,).

        An object's walk so depends on which visits are asked for: ask once.
        """
        speed = 1 / parameters["tau"]
        x = walk(stream, index, t * speed[index], parameters["walk"], parameters["walk_mjd"] * speed).astype(
            np.float32
        )
        place = len(BANDS) * index + band
        bright = np.exp(single(LN_FLUX * _amplitudes(parameters), place) * x)
        bright *= single(fluxes(parameters["mag_i"], I_BAND, COLOURS), place)
        return np.asarray(bright - single(template_of(parameters), place))


def _redshift(stream: np.random.Generator, i: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Redshifts and absolute magnitudes (n,); redshifts that make an impossible luminosity are drawn again."""
    z, M_i = np.zeros((2, len(i)))
    todo = np.arange(len(i))
    while todo.size:
        z[todo] = np.clip(stream.gamma(2.6, 0.50, todo.size), *REDSHIFTS)
        M_i[todo] = i[todo] - distance_modulus(z[todo]) + 1.25 * np.log10(1 + z[todo])
        todo = todo[(M_i[todo] <= LUMINOSITIES[0]) | (M_i[todo] >= LUMINOSITIES[1])]
    return z, M_i


def _mass(stream: np.random.Generator, M_i: FloatArray) -> FloatArray:
    """Log masses (n,) of black holes that shine with M_i (n,); those out of bounds are drawn again."""
    mass = np.zeros(len(M_i))
    todo = np.arange(len(M_i))
    while todo.size:
        M = M_i[todo]
        mass[todo] = 2.0 - 0.27 * M + (0.58 + 0.011 * M) * stream.standard_normal(todo.size)
        todo = todo[(mass[todo] < MASSES[0]) | (mass[todo] > MASSES[1])]
    return mass


def _amplitudes(parameters: Table) -> FloatArray:
    """Rms of the magnitudes (n, 6) in ugrizy."""
    rest = WAVELENGTH / (1 + parameters["z"])[:, None]
    return np.asarray(parameters["sf"][:, None] / np.sqrt(2) * (rest / ANCHOR) ** SF_SLOPE)


AGN = ActiveNucleus()
