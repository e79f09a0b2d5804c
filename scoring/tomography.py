"""Bias and width of the redshift distributions of tomographic bins, which weak lensing asks for.

Five bins of equal weight, cut at the quantiles 0.2 to 0.8 of the point estimate; a value equal to a cut is in
the lower bin. Where a bin is empty, as for a constant guess, every tomographic score is undefined.
"""

from __future__ import annotations

from functools import partial
from typing import Literal

import numpy as np

from blindsky.scoring.measurements import Array, FloatArray, Measurements, Sample, Table
from blindsky.scoring.metric import Statistic, block
from blindsky.scoring.quantiles import SLACK, quantiles
from blindsky.scoring.sums import latest, ratio, segment_sums

BINS = 5
_LEVELS = tuple(k / BINS for k in range(1, BINS))
Estimate = Literal["z_point", "pdf_mean"]


class Tomography:
    """The bins of one table of measurements, cut anew under every set of weights.

    Reads z_point and z_true, and pdf_mean and pdf_m2 where they are there.
    """

    def __init__(self, measurements: Measurements) -> None:
        self.sample: Sample = measurements.sample("z_point")
        z_true = measurements.floats("z_true")
        columns = {"weight": np.ones(len(z_true)), "z_true": z_true, "z_true^2": z_true**2}
        for name in ("z_point", "pdf_mean", "pdf_m2"):
            if name in measurements:
                columns[name] = measurements.floats(name)
        self._names = tuple(columns)
        self._columns: FloatArray = np.stack([c[self.sample.order] for c in columns.values()], axis=1)
        self.means = latest(self._means)
        self.bias = {name: latest(partial(self._bias, name)) for name in ("z_point", "pdf_mean")}
        self.width = latest(self._width)

    def _means(self, weights: Array) -> dict[str, FloatArray]:
        """Mean of each column in each bin, (B, 5); NaN in all bins where one is empty."""
        n = len(self.sample.values)
        edges = quantiles(self.sample, weights, *_LEVELS)  # (B, 4)
        cuts = np.zeros((len(weights), BINS + 1), dtype=np.intp)
        cuts[:, 1:-1] = np.searchsorted(self.sample.values, edges, side="right")
        cuts[:, -1] = n
        sums = segment_sums(self.sample.sorted(weights), self._columns, cuts)  # (B, 5, c)
        weight = sums[:, :, 0]
        filled = np.all(weight > SLACK * weight.sum(axis=1, keepdims=True), axis=1, keepdims=True)
        weight = np.where(filled, weight, 0.0)
        return {name: ratio(sums[:, :, i], weight) for i, name in enumerate(self._names)}

    def _bias(self, estimate: str, weights: Array) -> FloatArray:
        m = self.means(weights)
        return (m[estimate] - m["z_true"]) / (1 + m["z_true"])

    def _width(self, weights: Array) -> FloatArray:
        m = self.means(weights)
        stacked = np.sqrt(np.maximum(m["pdf_m2"] - m["pdf_mean"] ** 2, 0))
        truth = np.sqrt(np.maximum(m["z_true^2"] - m["z_true"] ** 2, 0))
        return (stacked - truth) / (1 + m["z_true"])


def _of(measurements: Measurements) -> Tomography:
    return measurements.shared("tomography", lambda: Tomography(measurements))


def prepare_tomo_bias(measurements: Measurements, bin_: int, estimate: Estimate = "z_point") -> Statistic:
    """Statistic of d_k, ``bin_`` = k from 1 to 5."""
    bias = _of(measurements).bias[estimate]
    return lambda weights: bias(weights)[:, bin_ - 1]


def prepare_tomo_bias_max(measurements: Measurements, estimate: Estimate = "z_point") -> Statistic:
    """Statistic of max |d_k|."""
    bias = _of(measurements).bias[estimate]
    return lambda weights: largest(bias(weights))


def prepare_tomo_bias_rms(measurements: Measurements, estimate: Estimate = "z_point") -> Statistic:
    """Statistic of sqrt(mean d_k^2)."""
    bias = _of(measurements).bias[estimate]
    return lambda weights: root_mean_square(bias(weights))


def prepare_tomo_width(measurements: Measurements, bin_: int) -> Statistic:
    """Statistic of the width error of bin ``bin_``, from 1 to 5."""
    width = _of(measurements).width
    return lambda weights: width(weights)[:, bin_ - 1]


def largest(bias: FloatArray) -> FloatArray:
    """Largest |d_k| over the bins: (B, 5) -> (B,)."""
    worst: FloatArray = np.max(np.abs(bias), axis=1)
    return worst


def root_mean_square(bias: FloatArray) -> FloatArray:
    """sqrt(mean d_k^2) over the bins: (B, 5) -> (B,)."""
    rms: FloatArray = np.sqrt(np.mean(bias**2, axis=1))
    return rms


def _recentred(replicates: FloatArray) -> FloatArray:
    """Replicates (R, 5) moved to mean 0, where a perfect entry's would be; undefined ones are dropped."""
    defined = replicates[np.all(np.isfinite(replicates), axis=1)]
    return defined - defined.mean(axis=0) if len(defined) else defined


def null_max(_: Measurements, generator: np.random.Generator, replicates: FloatArray) -> FloatArray:
    """Draws of max |d_k| of an unbiased entry with this one's scatter; replicates : (R, 5) of d_k."""
    return largest(_recentred(replicates))


def null_rms(_: Measurements, generator: np.random.Generator, replicates: FloatArray) -> FloatArray:
    """Draws of the rms of d_k of an unbiased entry with this one's scatter; replicates : (R, 5) of d_k."""
    return root_mean_square(_recentred(replicates))


def _table(z_point: Array, **columns: Array) -> Measurements:
    point = np.asarray(z_point, dtype=np.float64)
    rows: Table = {"z_point": point}
    for name, given in columns.items():
        column = np.asarray(given, dtype=np.float64)
        if column.ndim != 1 or column.shape != point.shape:
            message = f"expected {name} and z_point of one shape (n,), got {column.shape} and {point.shape}"
            raise ValueError(message)
        rows[name] = column
    return Measurements(rows)


def tomo_bias(
    z_true: Array, z_point: Array, *, pdf_mean: Array | None = None, weights: Array | None = None
) -> FloatArray:
    """Mean offset of each bin, d_k = (<est>_k - <z_true>_k) / (1 + <z_true>_k), (5,), best 0.

    z_true, z_point : (n,).   pdf_mean : (n,) takes the place of z_point as the estimate, not in the cuts.
    weights : (n,) >= 0.   All NaN where a bin is empty.   ValueError for shapes that differ.
    """
    if pdf_mean is None:
        estimate, measurements = "z_point", _table(z_point, z_true=z_true)
    else:
        estimate, measurements = "pdf_mean", _table(z_point, z_true=z_true, pdf_mean=pdf_mean)
    found: FloatArray = _of(measurements).bias[estimate](block(len(measurements), weights))[0]
    return found


def tomo_width(
    z_true: Array, z_point: Array, pdf_mean: Array, pdf_m2: Array, *, weights: Array | None = None
) -> FloatArray:
    """Width error of each bin, (sd of stacked p - sd of z_true)_k / (1 + <z_true>_k), (5,), best 0.

    z_true, z_point, pdf_mean, pdf_m2 : (n,), the last two Int z p dz and Int z^2 p dz.   Else: ``tomo_bias``.
    """
    measurements = _table(z_point, z_true=z_true, pdf_mean=pdf_mean, pdf_m2=pdf_m2)
    found: FloatArray = _of(measurements).width(block(len(measurements), weights))[0]
    return found
