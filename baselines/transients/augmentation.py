"""Training objects as the test set has them: farther, fainter, seen by the wide survey, with fewer points.

The training set is bright and a quarter of it deep; the test set is faint and wide. As in Boone 2019 an object is
moved to a higher redshift, where its flux is dimmed by the luminosity distance, its times are stretched and its
bands see bluer light of its rest frame, and noise is added until the errors are those of the wide survey. His
Gaussian process is replaced by the object's own mean colours, which a single draw can afford. An object of our Galaxy
is dimmed alone. What fewer than two detections would be left of stays where it was.

Every draw is a hash of (seed, epoch, row, what for), so that no generator is kept, and a row's draws do not depend on
which rows it comes with.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from blindsky.baselines.training import Rows
from blindsky.baselines.transients.lightcurves import BANDS, LightCurves
from blindsky.baselines.transients.tokens import WAVELENGTHS
from blindsky.challenges.randomness import splitmix64
from blindsky.challenges.transients.classes import DAYS
from blindsky.challenges.transients.cosmology import distance_modulus
from blindsky.challenges.transients.positions import R_BAND
from blindsky.scoring.measurements import Array, FloatArray, Table

MOVED = 0.75  # share of the rows that are moved
DROPPED = 0.3  # share of the observations that are left out
JITTER = 2 / 3  # sigma, of fluxes and photometric redshifts
FARTHER, DIMMER = 3.0, 1.0  # magnitudes at most, beyond our Galaxy and in it
STRETCH, TIMES = 1.5, 5.0  # (1 + z) and z grow by no more than these, Boone 2019
DETECTED, DETECTED_WIDTH = 5.5, 2.0  # S/N: (1 + erf((S - 5.5) / 2)) / 2 of the visits are flagged
FAINT = 5.0  # S/N below which the error of a visit is that of the sky
NEAR = 30.0  # days about the trigger from which colours are taken
REDDEST = 2.0  # of ln flux between bands: no colour correction is larger
FARTHEST = 3.0  # photometric redshift
TRIES = 4  # draws of a photometric redshift between 0 and the farthest

_Z = np.geomspace(1e-4, 20, 2048)
_MU = distance_modulus(_Z)
_LN_BAND = np.log(WAVELENGTHS)


class Draws:
    """Random numbers of rows in an epoch, a new set with every call."""

    def __init__(self, seed: int, epoch: int, rows: Rows) -> None:
        word = splitmix64(splitmix64(np.array([seed % 2**64], np.uint64)) ^ np.uint64(epoch))
        self._keys = splitmix64(splitmix64(rows.astype(np.uint64)) ^ word)
        self._calls = 0

    def uniform(self, owner: Array | None = None, place: Array | None = None) -> FloatArray:
        """In [0, 1): one a row, or one for each ``place`` of its ``owner``, (n,)."""
        self._calls += 1
        keys = splitmix64(self._keys ^ np.uint64(self._calls))
        if owner is not None and place is not None:
            keys = splitmix64(keys[owner] ^ place.astype(np.uint64))
        return np.asarray((keys >> np.uint64(11)).astype(np.float64) * 2.0**-53)

    def normal(self, owner: Array | None = None, place: Array | None = None) -> FloatArray:
        """Standard normal, as ``uniform``."""
        from scipy.special import ndtri

        return np.asarray(ndtri(self.uniform(owner, place) + 2.0**-54))


def _dust(dust: Array, band: Array) -> FloatArray:
    """How much the correction for E(B-V) multiplies an error in a band."""
    return np.asarray(10 ** (0.4 * R_BAND[band] * dust))


@dataclass(frozen=True)
class Augmentation:
    """What is drawn from, learned from n training objects and the public columns of the test set.

    sky : mean and sd of ln error of a faint visit of the wide survey, without dust, (2, BANDS).
    counts : observations of the wide training objects.
    scatter : (photo-z - z) / (1 + z) and its stated error over (1 + z) of the training hosts, (m, 2).
    spectra : share of the wide and of the deep test hosts with a spectroscopic redshift, (2,).
    room : magnitudes by which each training object can be dimmed, (n,).
    colours : mean ln flux of each around the trigger, (n, BANDS).
    cut : whether light curves end some days after the trigger, as those of the test set do.
    """

    sky: FloatArray
    counts: NDArray[np.int64]
    scatter: FloatArray
    spectra: FloatArray
    room: FloatArray
    colours: FloatArray
    cut: bool

    @classmethod
    def of(cls, table: Table, curves: LightCurves, test: Table) -> Augmentation:
        """Learn from training objects; of ``test`` ddf, hostgal_photoz, hostgal_specz and, maybe, epoch_cut."""
        wide = table["ddf"] == 0
        beyond = table["hostgal_photoz"] > 0
        sky = _sky(curves, table["mwebv"], wide if wide.any() else ~wide)
        z = _redshift(table)[beyond]
        offset = table["hostgal_photoz"][beyond] - z
        hosts = test["hostgal_photoz"] > 0
        known = np.isfinite(test["hostgal_specz"])
        deep = test["ddf"] == 1
        return cls(
            sky,
            curves.counts[wide],
            np.stack([offset, table["hostgal_photoz_err"][beyond]], axis=1) / (1 + z)[:, None],
            np.array([(known & hosts & at).sum() / max(1, (hosts & at).sum()) for at in (~deep, deep)]),
            _room(table, curves, sky),
            _colours(curves),
            "epoch_cut" in test,
        )

    def __call__(
        self, table: Table, curves: LightCurves, rows: Rows, draws: Draws
    ) -> tuple[Table, LightCurves]:
        """Some training objects, as ``rows`` names them, moved and thinned: their table and light curves."""
        owner = curves.owner
        place = np.arange(len(owner)) - curves.starts[owner]
        beyond, deep = table["hostgal_photoz"] > 0, table["ddf"] == 1

        z, far, added = self._farther(table, curves, rows, draws, place)
        visits = self._visits(draws) / np.maximum(curves.counts, 1)
        u = draws.uniform(owner, place) / (1 - DROPPED)
        first, last = (curves.mjd[edge[owner]] for edge in (curves.starts[:-1], curves.starts[1:] - 1))
        seen = (u < np.where(deep, visits, 1)[owner]) & (far.mjd >= first) & (far.mjd <= last)
        enough = _count(owner, far.detected & seen, len(rows)) >= 2
        moved = (draws.uniform() < MOVED) & enough

        few = _count(owner, curves.detected & (u < 1), len(rows)) < 2
        at = moved[owner]
        kept = np.where(at, seen, (u < 1) | few[owner])
        found = _either(at, far, curves)
        sigma = np.sqrt(np.where(at, added, 0) + (JITTER * found.flux_err) ** 2)
        noisy = replace(found, flux=found.flux + sigma * draws.normal(owner, place))
        noisy = _only(noisy, kept)
        days = np.array(DAYS)[(len(DAYS) * draws.uniform()).astype(np.int64)]
        if self.cut:
            noisy = noisy.until(noisy.trigger() + days)
        where = np.where(moved, z, _redshift(table))
        return self._host(table, where, moved & beyond, moved & deep, draws), noisy

    def _farther(
        self, table: Table, curves: LightCurves, rows: Rows, draws: Draws, place: Array
    ) -> tuple[FloatArray, LightCurves, FloatArray]:
        """Redshifts (n,), what the wide survey sees of the objects there, and the variance (rows,) still to add.

        Detections are some of those that were: noise alone, of which the flux has its share already, makes none.
        """
        owner, band = curves.owner, curves.passband
        dimmer = self.room[rows] * draws.uniform()
        z = _redshift(table)
        beyond = table["hostgal_photoz"] > 0
        farther = np.where(beyond, np.interp(distance_modulus(np.where(beyond, z, 1)) + dimmer, _MU, _Z), z)
        stretch = (1 + farther) / (1 + z)
        factor = (10 ** (-0.4 * dimmer) * stretch)[:, None] * np.exp(reddening(self.colours[rows], stretch))
        factor = factor[owner, band]
        start = curves.trigger()[owner]
        mean, sd = self.sky
        sky = np.exp(mean[band] + sd[band] * draws.normal(owner, place)) * _dust(table["mwebv"][owner], band)
        flux, own = curves.flux * factor, curves.flux_err * factor
        error = np.maximum(sky, own)
        still = flagged(np.abs(flux) / error) / flagged(np.abs(curves.flux) / curves.flux_err)
        detected = curves.detected & (draws.uniform(owner, place) < still)
        mjd = start + (curves.mjd - start) * stretch[owner]
        return farther, LightCurves(curves.starts, mjd, band, flux, error, detected), error**2 - own**2

    def _visits(self, draws: Draws) -> FloatArray:
        """Observations that the wide survey would have made of each row; without end where there is no wide survey."""
        u = draws.uniform()
        if not len(self.counts):
            return np.full(len(u), np.inf)
        return self.counts[(len(self.counts) * u).astype(np.int64)].astype(np.float64)

    def _host(self, table: Table, z: FloatArray, moved: Array, shallow: Array, draws: Draws) -> Table:
        """The columns of the hosts at redshifts z (n,), of which some were moved and some are no longer deep."""
        photoz, err = (table[name].astype(np.float64) for name in ("hostgal_photoz", "hostgal_photoz_err"))
        beyond = photoz > 0
        waiting = moved.copy()
        for _ in range(TRIES if len(self.scatter) else 0):
            host = (len(self.scatter) * draws.uniform()).astype(np.int64)
            offset, stated = (self.scatter[host] * (1 + z)[:, None]).T
            good = waiting & (z + offset > 0) & (z + offset < FARTHEST)
            photoz, err = np.where(good, z + offset, photoz), np.where(good, stated, err)
            waiting &= ~good
        photoz = np.where(waiting, np.minimum(z, FARTHEST), photoz)
        jittered = photoz + JITTER * err * draws.normal()
        photoz = np.where(beyond & (jittered > 0) & (jittered < FARTHEST), jittered, photoz)
        ddf = np.where(shallow, 0, table["ddf"])
        known = draws.uniform() < self.spectra[ddf.astype(np.int64)]
        return table | {
            "hostgal_photoz": photoz,
            "hostgal_photoz_err": err,
            "hostgal_specz": np.where(known | ~beyond, z, np.nan),
            "ddf": ddf,
        }


def reddening(colours: FloatArray, stretch: FloatArray) -> FloatArray:
    """Change of ln flux (n, BANDS) where each band sees light bluer by ``stretch`` (n,).

    colours : ln flux of each band, (n, BANDS), between which it is linear in ln wavelength, and continued below u.
    """
    at = _LN_BAND - np.log(stretch)[:, None]
    k = np.clip(np.searchsorted(_LN_BAND, at) - 1, 0, BANDS - 2)
    share = (at - _LN_BAND[k]) / (_LN_BAND[k + 1] - _LN_BAND[k])
    left, right = (np.take_along_axis(colours, j, axis=1) for j in (k, k + 1))
    return np.asarray(np.clip(left + share * (right - left) - colours, -REDDEST, REDDEST))


def flagged(signal: Array) -> FloatArray:
    """Probability that a visit of S/N ``signal`` (n,) is flagged as a detection."""
    from scipy.special import erf

    return np.asarray((1 + erf((signal - DETECTED) / DETECTED_WIDTH)) / 2 + 1e-12)


def _redshift(table: Table) -> FloatArray:
    """The best that is known of each host, (n,); 0 in our Galaxy."""
    spec = table["hostgal_specz"].astype(np.float64)
    found = np.where(np.isfinite(spec), spec, table["hostgal_photoz"])
    return np.where(table["hostgal_photoz"] > 0, np.maximum(found, _Z[0]), 0.0)


def _either(at: Array, one: LightCurves, other: LightCurves) -> LightCurves:
    """Observations of the one where ``at`` (rows,), else of the other, whose objects have as many."""
    columns = ("mjd", "passband", "flux", "flux_err", "detected")
    return LightCurves(one.starts, *(np.where(at, getattr(one, c), getattr(other, c)) for c in columns))


def _only(curves: LightCurves, kept: NDArray[np.bool_]) -> LightCurves:
    """Some of the observations (rows,)."""
    running = np.concatenate([[0], np.cumsum(kept)])
    return LightCurves(
        running[curves.starts],
        curves.mjd[kept],
        curves.passband[kept],
        curves.flux[kept],
        curves.flux_err[kept],
        curves.detected[kept],
    )


def _count(owner: Array, chosen: Array, n: int) -> Array:
    return np.bincount(owner[chosen], minlength=n)


def _sky(curves: LightCurves, dust: Array, chosen: Array) -> FloatArray:
    """Mean and sd of ln error of the faint visits of the chosen objects (n,), without dust: (2, BANDS)."""
    owner = curves.owner
    faint = chosen[owner] & (np.abs(curves.flux) < FAINT * curves.flux_err)
    band = curves.passband[faint]
    ln = np.log(curves.flux_err[faint] / _dust(dust[owner[faint]], band))
    n = np.maximum(np.bincount(band, minlength=BANDS), 1)
    mean = np.bincount(band, ln, BANDS) / n
    return np.stack([mean, np.sqrt(np.bincount(band, (ln - mean[band]) ** 2, BANDS) / n)])


def _room(table: Table, curves: LightCurves, sky: FloatArray) -> FloatArray:
    """By how many magnitudes an object can be dimmed until nothing of it is detected in the wide survey, (n,)."""
    owner = curves.owner
    noise = np.exp(sky[0])[curves.passband] * _dust(table["mwebv"][owner], curves.passband)
    signal = np.full(len(curves), DETECTED)
    seen = curves.detected
    np.maximum.at(signal, owner[seen], (np.abs(curves.flux) / noise)[seen])
    z = _redshift(table)
    beyond = z > 0
    safe = np.where(beyond, z, 1.0)
    farthest = np.minimum(TIMES * safe, STRETCH * (1 + safe) - 1)
    distance = np.minimum(distance_modulus(farthest) - distance_modulus(safe), FARTHER)
    return np.minimum(2.5 * np.log10(signal / DETECTED), np.where(beyond, distance, DIMMER))


def _colours(curves: LightCurves) -> FloatArray:
    """Ln of the rms flux of each band beyond its noise, near the trigger where it was seen there: (n, BANDS)."""
    cell = curves.owner * BANDS + curves.passband
    n = len(curves) * BANDS
    dt = (curves.mjd - curves.trigger()[curves.owner]) / NEAR
    weight = np.exp(-0.5 * dt**2) + 1e-6
    total = np.bincount(cell, weight, n)
    square = np.bincount(cell, weight * (curves.flux**2 - curves.flux_err**2), n)
    power = (square / np.where(total > 0, total, 1)).reshape(-1, BANDS)
    strongest = power.max(axis=1, keepdims=True, initial=1e-6)
    return np.asarray(0.5 * np.log(np.maximum(power, np.exp(-2 * REDDEST) * strongest)))
