"""Numbers that describe a light curve: what trees read, many objects at a time.

They are the features that entries to PLAsTiCC lived on (Malz et al. 2019; Boone 2019): moments, extremes and
detections of each band, the course after the first detection and about the maximum, colours, and how luminous the
object would be at the redshift of its host. All come from sums and extremes over rows, never from a loop over objects.
What cannot be known is NaN, such as the skewness of one observation.

Fluxes are in units of the peak, so that the fainter test set looks as the training set does. The spectroscopic
redshift is left out: every training object has one and few test objects do, so trees would lean on what is not there.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from blindsky.baselines.transients.lightcurves import BANDS, LightCurves
from blindsky.scoring.measurements import Array, FloatArray, Table

LETTERS = "ugrizy"
WINDOWS = (-30, 0, 15, 40, 90, 200)  # days after the first detection
# Days after the maximum, in the frame of the host, between which colours are taken
PHASES = {"maximum": (-6, 6), "month": (24, 40)}
PAIRS = ("ug", "gr", "ri", "iz", "zy", "gi")
SIGNIFICANT = 3.0  # sigma
MONTH = 30.0  # days beyond the detections where nothing of a transient should be left
LARGEST = 1e12  # far from the end of float32

_OF_BAND = (
    "mean", "max", "min", "skewness", "chi2", "time_of_maximum", "span", "detections", "luminosity",
)  # fmt: skip
_OF_OBJECT = ("time_of_maximum", "span", "width", "rise", "fall", "negative", "outside")
METADATA = ("hostgal_photoz", "hostgal_photoz_err", "mwebv", "ddf", "galactic", "epoch_cut")
NAMES = (
    *(f"{name}_{band}" for name in _OF_BAND for band in LETTERS),
    *(f"flux_after_{start}_{band}" for start in WINDOWS[:-1] for band in LETTERS),
    *(f"colour_at_{phase}_{pair}" for phase in PHASES for pair in PAIRS),
    *_OF_OBJECT,
    *METADATA,
)


@dataclass(frozen=True)
class _Cells:
    """Rows told apart: ``of`` (rows,) is the cell of each, 0 to n - 1. What an empty cell has is NaN."""

    of: NDArray[np.int64]
    n: int

    def only(self, chosen: Array) -> _Cells:
        return _Cells(self.of[chosen], self.n)

    def count(self) -> FloatArray:
        return np.bincount(self.of, minlength=self.n).astype(np.float64)

    def sum(self, values: Array) -> FloatArray:
        return np.bincount(self.of, values, self.n).astype(np.float64)  # whole numbers where there is no row

    def mean(self, values: Array, weights: Array | None = None) -> FloatArray:
        if weights is None:
            return _ratio(self.sum(values), self.count())
        return _ratio(self.sum(values * weights), self.sum(weights))

    def largest(self, values: Array) -> FloatArray:
        found = np.full(self.n, -np.inf)
        np.maximum.at(found, self.of, values)
        return np.where(np.isfinite(found), found, np.nan)

    def smallest(self, values: Array) -> FloatArray:
        return -self.largest(-values)

    def time_of_largest(self, values: Array, time: FloatArray) -> FloatArray:
        """The first time at which the largest value is reached."""
        at = values == self.largest(values)[self.of]
        return self.only(at).smallest(time[at])


def _ratio(above: FloatArray, below: FloatArray) -> FloatArray:
    """NaN where nothing is below."""
    out = np.full(np.shape(below), np.nan)
    np.divide(above, below, out=out, where=below > 0)
    return out


@dataclass(frozen=True)
class _Scene:
    """What several groups of features are made of.

    objects, bands : rows by object and by band of an object (n * 6).   signal : flux over its error (rows,).
    first : MJD of the first detection (n,).   maximum : MJD of the highest signal (n,).
    peak : largest |flux| of a detection (n,).   stretch : 1 + z (n,).
    """

    curves: LightCurves
    objects: _Cells
    bands: _Cells
    signal: FloatArray
    first: FloatArray
    maximum: FloatArray
    peak: FloatArray
    stretch: FloatArray

    @classmethod
    def of(cls, curves: LightCurves, table: Table) -> _Scene:
        n, owner = len(curves), curves.owner
        objects = _Cells(owner, n)
        signal = curves.flux / curves.flux_err
        # without a detection the strongest observation stands for it
        strongest = np.abs(signal) == objects.largest(np.abs(signal))[owner]
        found = curves.detected | (strongest & (objects.only(curves.detected).count() == 0)[owner])
        return cls(
            curves,
            objects,
            _Cells(owner * BANDS + curves.passband, n * BANDS),
            signal,
            objects.only(found).smallest(curves.mjd[found]),
            objects.time_of_largest(signal, curves.mjd),
            objects.only(found).largest(np.abs(curves.flux[found])),
            1 + np.asarray(table["hostgal_photoz"], dtype=np.float64),
        )

    def within(self, time: FloatArray, start: float, end: float) -> tuple[FloatArray, FloatArray]:
        """Mean flux, weighted by 1/error^2, of each band where start <= time < end, and its error, (n, 6) each."""
        inside = (time >= start) & (time < end)
        cells, weights = self.bands.only(inside), self.curves.flux_err[inside] ** -2
        mean = cells.mean(self.curves.flux[inside], weights)
        return mean.reshape(-1, BANDS), _ratio(np.ones(cells.n), cells.sum(weights)).reshape(-1, BANDS) ** 0.5


def features(curves: LightCurves, table: Table) -> NDArray[np.float32]:
    """Features (n, len(NAMES)) of the objects of ``table`` (n,), whose light curves these are; 0.1 ms an object."""
    scene = _Scene.of(curves, table)
    groups = (_of_bands(scene, table), _of_windows(scene), _of_objects(scene), _metadata(table))
    return np.clip(np.concatenate(groups, axis=1), -LARGEST, LARGEST).astype(np.float32)


def _of_bands(scene: _Scene, table: Table) -> FloatArray:
    """(n, 9 * 6)"""
    curves, cells = scene.curves, scene.bands
    flux, mjd, peak = curves.flux, curves.mjd, np.repeat(scene.peak, BANDS)
    mean, highest = cells.mean(flux), cells.largest(flux)
    off = flux - mean[cells.of]
    variance = cells.mean(off**2)
    weights = curves.flux_err**-2
    chi2 = cells.sum((flux - cells.mean(flux, weights)[cells.of]) ** 2 * weights)
    time = cells.time_of_largest(flux, mjd)
    detected = cells.only(curves.detected)
    span = detected.largest(mjd[curves.detected]) - detected.smallest(mjd[curves.detected])
    # square of the luminosity distance in units of 10 Gpc
    distance2 = np.repeat(10 ** (0.4 * (np.asarray(table["distmod"], dtype=np.float64) - 45)), BANDS)
    found = (
        _ratio(mean, peak),
        _ratio(highest, peak),
        _ratio(cells.smallest(flux), peak),
        _ratio(cells.mean(off**3), variance**1.5),
        _ratio(chi2, cells.count() - 1),
        time - np.repeat(scene.first, BANDS),
        span,
        detected.count(),
        highest * distance2,
    )
    return np.concatenate([values.reshape(-1, BANDS) for values in found], axis=1)


def _of_windows(scene: _Scene) -> FloatArray:
    """Flux after the first detection over the peak, then colours, (n, 5 * 6 + 2 * 6)."""
    owner, mjd = scene.objects.of, scene.curves.mjd
    after = mjd - scene.first[owner]
    phase = (mjd - scene.maximum[owner]) / scene.stretch[owner]
    peak = np.tile(scene.peak[:, None], BANDS)
    course = [_ratio(scene.within(after, *window)[0], peak) for window in pairwise(WINDOWS)]
    first, second = ([LETTERS.index(pair[k]) for pair in PAIRS] for k in (0, 1))
    magnitudes = [_magnitude(*scene.within(phase, *window)) for window in PHASES.values()]
    return np.concatenate([*course, *(m[:, first] - m[:, second] for m in magnitudes)], axis=1)


def _magnitude(flux: FloatArray, error: FloatArray) -> FloatArray:
    """Asinh magnitudes, which noise cannot make infinite (Lupton et al. 1999), softened at the error."""
    return np.asarray(-2.5 / np.log(10) * (np.arcsinh(flux / (2 * error)) + np.log(error)))


def _of_objects(scene: _Scene) -> FloatArray:
    """(n, 7)"""
    curves, objects, stretch = scene.curves, scene.objects, scene.stretch
    mjd, signal = curves.mjd, scene.signal
    detected = objects.only(curves.detected)
    start, end = detected.smallest(mjd[curves.detected]), detected.largest(mjd[curves.detected])
    away = (mjd < start[objects.of] - MONTH) | (mjd > end[objects.of] + MONTH)
    high = signal > SIGNIFICANT
    bright, weights = objects.only(high), curves.flux[high]
    centre = bright.mean(mjd[high], weights)
    width = bright.mean((mjd[high] - centre[bright.of]) ** 2, weights) ** 0.5
    half = high & (curves.flux > scene.bands.largest(curves.flux)[scene.bands.of] / 2)
    near = objects.only(half)
    found = (
        (scene.maximum - scene.first) / stretch,
        (end - start) / stretch,
        width / stretch,
        (scene.maximum - near.smallest(mjd[half])) / stretch,
        (near.largest(mjd[half]) - scene.maximum) / stretch,
        objects.mean((signal < -SIGNIFICANT).astype(np.float64)),
        objects.only(away).mean((np.abs(signal[away]) > SIGNIFICANT).astype(np.float64)),
    )
    return np.stack(found, axis=1)


def _metadata(table: Table) -> FloatArray:
    """(n, len(METADATA))"""
    z = np.asarray(table["hostgal_photoz"])
    known = {"galactic": z == 0, "epoch_cut": np.full(len(z), np.nan), **table}
    return np.stack([np.asarray(known[name], dtype=np.float64) for name in METADATA], axis=1)
