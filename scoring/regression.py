"""Scores of point estimates of redshift, from the scaled error e = (z_point - z_true) / (1 + z_true).

Each metric stands here twice with one arithmetic: ``prepare_x`` makes the statistic from measurements that
hold ``e``, ``x`` applies it to arrays. Quantiles share one sorted sample, and one cumulative sum per block of
weights.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from blindsky.scoring.measurements import Array, FloatArray, Measurements
from blindsky.scoring.metric import Prepare, Statistic, value
from blindsky.scoring.quantiles import absolute_deviation, quantiles
from blindsky.scoring.sums import mean, mean_of, ratio

NORMAL_MAD = 1.4826  # standard deviation over median absolute deviation of a normal distribution
NORMAL_IQR = 1.349  # interquartile range over standard deviation of a normal distribution
ONE_SIGMA = (0.15865, 0.84135)
TWO_SIGMA = (0.02275, 0.97725)
OUTLIER = 0.15  # Hildebrandt+2010
DC1_FLOOR, DC1_SIGMAS = 0.06, 3.0  # outlier rule of Schmidt+2020, with |e|


def scaled_error(z_true: Array, z_point: Array) -> FloatArray:
    """Error e = (z_point - z_true)/(1 + z_true), (n,); ValueError for other shapes, NaN, or z_true <= -1."""
    truth, point = np.asarray(z_true, dtype=np.float64), np.asarray(z_point, dtype=np.float64)
    if truth.ndim != 1 or truth.shape != point.shape:
        message = f"expected z_true and z_point of one shape (n,), got {truth.shape} and {point.shape}"
        raise ValueError(message)
    if not (np.all(np.isfinite(truth)) and np.all(np.isfinite(point)) and np.all(truth > -1)):
        message = "expected finite redshifts, z_true above -1; got NaN, infinity or less"
        raise ValueError(message)
    return (point - truth) / (1 + truth)


def prepare_mu(measurements: Measurements) -> Statistic:
    """Statistic of ``mu``."""
    e = measurements.sample("e")
    return lambda weights: quantiles(e, weights, 0.5)[:, 0]


def prepare_sigma_nmad(measurements: Measurements) -> Statistic:
    """Statistic of ``sigma_nmad``."""
    e = measurements.sample("e")
    return lambda weights: NORMAL_MAD * absolute_deviation(e, weights)


def _prepare_range(measurements: Measurements, levels: tuple[float, float], width: float) -> Statistic:
    e = measurements.sample("e")
    return lambda weights: np.diff(quantiles(e, weights, *levels), axis=1)[:, 0] / width


prepare_sigma_iqr = partial(_prepare_range, levels=(0.25, 0.75), width=NORMAL_IQR)
prepare_sigma68 = partial(_prepare_range, levels=ONE_SIGMA, width=2.0)
prepare_sigma95 = partial(_prepare_range, levels=TWO_SIGMA, width=2.0)


def prepare_sigma(measurements: Measurements) -> Statistic:
    """Statistic of ``sigma``; moments are taken about the plain mean, where they don't cancel."""
    e = measurements.floats("e")
    deviation = e - e.mean() if len(e) else e
    first = mean_of(measurements, "e - mean", lambda _: deviation)
    second = mean_of(measurements, "(e - mean)^2", lambda _: deviation**2)
    return lambda weights: np.sqrt(np.maximum(second(weights) - first(weights) ** 2, 0))


def _share_beyond(measurements: Measurements, weights: Array, limit: FloatArray) -> FloatArray:
    """Share of the weight with |e| > limit, (B,), each replicate with its own limit (B,)."""
    e = measurements.sample("e")
    if not len(e.values):
        return np.full(len(weights), np.nan)
    cumulative, replicates = e.cumulative(weights), np.arange(len(weights))
    below = np.searchsorted(e.values, -limit, side="left")
    upto = np.searchsorted(e.values, limit, side="right")
    left = np.where(below > 0, cumulative[replicates, np.maximum(below - 1, 0)], 0)
    right = np.where(upto > 0, cumulative[replicates, np.maximum(upto - 1, 0)], 0)
    total = cumulative[:, -1].astype(np.float64)
    return ratio(total - (right - left), total)


def prepare_out15(measurements: Measurements) -> Statistic:
    """Statistic of ``out15``."""
    measurements.sample("e")
    return lambda weights: _share_beyond(measurements, weights, np.full(len(weights), OUTLIER))


def prepare_out3(measurements: Measurements) -> Statistic:
    """Statistic of ``out3``; the limit follows the replicate's own sigma_iqr."""
    sigma_iqr = prepare_sigma_iqr(measurements)

    def statistic(weights: Array) -> FloatArray:
        limit = np.maximum(DC1_FLOOR, DC1_SIGMAS * sigma_iqr(weights))
        return _share_beyond(measurements, weights, limit)

    return statistic


def prepare_hsc_loss(measurements: Measurements) -> Statistic:
    """Statistic of ``hsc_loss``."""
    return mean_of(measurements, "hsc_loss", lambda m: 1 - 1 / (1 + (m.floats("e") / OUTLIER) ** 2))


prepare_mean_bias = partial(mean, column="e")


def _score(prepare: Prepare, z_true: Array, z_point: Array, weights: Array | None) -> float:
    measurements = Measurements({"e": scaled_error(z_true, z_point)})
    return value(prepare(measurements), len(measurements), weights)


def mu(z_true: Array, z_point: Array, *, weights: Array | None = None) -> float:
    """Median of e, best 0; estimate minus truth (Hoyle+2016 use the opposite sign).

    z_true, z_point : (n,).   weights : (n,) >= 0; NaN where they sum to 0.   ValueError: ``scaled_error``.
    """
    return _score(prepare_mu, z_true, z_point, weights)


def mean_bias(z_true: Array, z_point: Array, *, weights: Array | None = None) -> float:
    """Mean of e, best 0. Arguments: ``mu``."""
    return _score(prepare_mean_bias, z_true, z_point, weights)


def sigma_nmad(z_true: Array, z_point: Array, *, weights: Array | None = None) -> float:
    """1.4826 times the median of |e - median(e)| (Hoaglin, Mosteller & Tukey 1983). Arguments: ``mu``."""
    return _score(prepare_sigma_nmad, z_true, z_point, weights)


def sigma_iqr(z_true: Array, z_point: Array, *, weights: Array | None = None) -> float:
    """Interquartile range of e over 1.349 (Schmidt+2020). Arguments: ``mu``."""
    return _score(prepare_sigma_iqr, z_true, z_point, weights)


def sigma68(z_true: Array, z_point: Array, *, weights: Array | None = None) -> float:
    """Half the range of e that holds its central 68.27 %. Arguments: ``mu``."""
    return _score(prepare_sigma68, z_true, z_point, weights)


def sigma95(z_true: Array, z_point: Array, *, weights: Array | None = None) -> float:
    """Half the range of e that holds its central 95.45 %. Arguments: ``mu``."""
    return _score(prepare_sigma95, z_true, z_point, weights)


def sigma(z_true: Array, z_point: Array, *, weights: Array | None = None) -> float:
    """Standard deviation of e about its mean, outliers and all. Arguments: ``mu``."""
    return _score(prepare_sigma, z_true, z_point, weights)


def out15(z_true: Array, z_point: Array, *, weights: Array | None = None) -> float:
    """Share of |e| > 0.15 (Hildebrandt+2010). Arguments: ``mu``."""
    return _score(prepare_out15, z_true, z_point, weights)


def out3(z_true: Array, z_point: Array, *, weights: Array | None = None) -> float:
    """Share of |e| > max(0.06, 3 sigma_iqr): the rule of Schmidt+2020, two-sided. Arguments: ``mu``."""
    return _score(prepare_out3, z_true, z_point, weights)


def hsc_loss(z_true: Array, z_point: Array, *, weights: Array | None = None) -> float:
    """Mean of 1 - 1/(1 + (e/0.15)^2) (Tanaka+2018). Arguments: ``mu``."""
    return _score(prepare_hsc_loss, z_true, z_point, weights)
