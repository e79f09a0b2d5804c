"""Are densities calibrated? PIT tests against the uniform distribution, stacked density against the truth.

PIT tests are distances between the weighted step CDF F_w of the PIT and the diagonal. They are norms whose
best is 0, so they come with the band that a perfect entry of that size would reach, and they are never
primary: p = N(z) for every object wins them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

import numpy as np

from blindsky.scoring.density import EXTREME, cdf_excess
from blindsky.scoring.measurements import Array, FloatArray, Measurements, Moments
from blindsky.scoring.metric import Prepare, Statistic, block, value
from blindsky.scoring.sums import mean_of, ratio

AD_RANGE = (0.01, 0.99)  # the tails of A^2 are left out: one PIT of 0 would make it infinite
DRAWS = 1000
_SIMULATED = 1000  # n times CvM and AD have the distribution of large n long before this

Distance = Callable[[FloatArray, FloatArray], FloatArray]
"""Sorted u (..., n) and heights (..., n + 1) of the step CDF before, between and after them -> (...)."""


def _steps(u: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Left and right ends of the n + 1 steps of the CDF, (..., n + 1)."""
    edge = (*u.shape[:-1], 1)
    return np.concatenate([np.zeros(edge), u], axis=-1), np.concatenate([u, np.ones(edge)], axis=-1)


def _ks(u: FloatArray, height: FloatArray) -> FloatArray:
    """Largest |F - u| on both sides of each step."""
    found: FloatArray = np.maximum(np.abs(height[..., 1:] - u), np.abs(height[..., :-1] - u)).max(axis=-1)
    return found


def _cvm(u: FloatArray, height: FloatArray) -> FloatArray:
    """Int_0^1 (F - u)^2 du."""
    a, b = (height - end for end in _steps(u))
    found: FloatArray = np.sum(a * a * a - b * b * b, axis=-1) / 3
    return found


def _ad(u: FloatArray, height: FloatArray) -> FloatArray:
    """Int_.01^.99 (F - u)^2 / (u (1-u)) du; antiderivative c^2 ln u - (1-c)^2 ln(1-u) - u at height c."""
    a, b = (np.clip(end, *AD_RANGE) for end in _steps(u))
    rising, falling = np.log(b / a), np.log((1 - b) / (1 - a))
    found: FloatArray = np.sum(height**2 * rising - (1 - height) ** 2 * falling, axis=-1)
    return found - (AD_RANGE[1] - AD_RANGE[0])


def _prepare(measurements: Measurements, distance: Distance) -> Statistic:
    pit = measurements.sample("pit")

    def statistic(weights: Array) -> FloatArray:
        found: FloatArray = np.full(len(weights), np.nan)
        if len(pit.values):
            cumulative = pit.cumulative(weights)
            for b, row in enumerate(cumulative):  # one replicate at a time: heights are float64
                if row[-1] > 0:
                    found[b] = distance(pit.values, np.concatenate([[0.0], row / row[-1]]))
        return found

    return statistic


prepare_pit_ks = partial(_prepare, distance=_ks)
prepare_pit_cvm = partial(_prepare, distance=_cvm)
prepare_pit_ad = partial(_prepare, distance=_ad)


def prepare_pit_outlier(measurements: Measurements) -> Statistic:
    """Statistic of ``pit_outlier``."""
    return mean_of(
        measurements,
        "pit_outlier",
        lambda m: ((m.floats("pit") < EXTREME) | (m.floats("pit") > 1 - EXTREME)).astype(np.float64),
    )


def null_ks(measurements: Measurements, generator: np.random.Generator, _: FloatArray) -> FloatArray:
    """Values of pit_ks for n uniform PITs, at evenly spaced probabilities.

    Kolmogorov's limit with the correction for small n of Vrbik 2018; 1 % from exact at n = 10, 0.1 % at 50.
    """
    from scipy.special import kolmogi

    n = len(measurements)
    survival = (np.arange(DRAWS) + 0.5) / DRAWS  # no scatter in a band that need not have any
    scaled = (kolmogi(survival) - 1 / (6 * np.sqrt(n)) + 1 / (4 * n)) / (1 + 1 / (4 * n))  # sqrt(n) D
    draws: FloatArray = np.clip(scaled / np.sqrt(n), 0.5 / n, 1.0)
    return draws


@cache
def _simulated(distance: Distance, n: int) -> FloatArray:
    """Distances of n uniform PITs, times n: many draws, the same for every entry."""
    gaps = np.random.default_rng(n).standard_exponential((DRAWS, n + 1))
    u = np.cumsum(gaps, axis=1)  # sums of exponentials over their total are sorted uniform numbers
    return distance(u[:, :-1] / u[:, -1:], np.arange(n + 1) / n) * n


def _simulate(
    measurements: Measurements, _generator: np.random.Generator, _: FloatArray, distance: Distance
) -> FloatArray:
    n = len(measurements)
    return _simulated(distance, min(n, _SIMULATED)) / n


null_cvm = partial(_simulate, distance=_cvm)
null_ad = partial(_simulate, distance=_ad)


def _trapezoid(values: FloatArray, low: float, high: float) -> FloatArray:
    """Integral over equally spaced nodes from low to high on the last axis."""
    step = (high - low) / (values.shape[-1] - 1)
    area: FloatArray = step * (values.sum(axis=-1) - (values[..., 0] + values[..., -1]) / 2)
    return area


def prepare_nz_w1(measurements: Measurements, low: float, high: float) -> Statistic:
    """Statistic of ``nz_w1`` from the moments of cdf_excess, which were folded under weights of one.

    Its statistic raises ValueError for unequal weights.
    """
    moments = measurements.moments["cdf_excess"]

    def statistic(weights: Array) -> FloatArray:
        if np.any(weights != weights[:, :1]):
            message = "nz_w1 was folded under weights of one and can't be evaluated under unequal weights"
            raise ValueError(message)
        if moments.n == 0:
            return np.full(len(weights), np.nan)
        distance = _trapezoid(np.abs(moments.total / moments.n), low, high)
        return np.where(weights[:, 0].astype(bool), distance, np.nan)

    return statistic


def null_nz_w1(
    measurements: Measurements, generator: np.random.Generator, _: FloatArray, low: float, high: float
) -> FloatArray:
    """Values of nz_w1 if the mean of cdf_excess were normal about 0 with the covariance that it has here."""
    moments: Moments = measurements.moments["cdf_excess"]
    centre = moments.total / moments.n
    covariance = (moments.gram / moments.n - np.outer(centre, centre)) / moments.n
    variance, axes = np.linalg.eigh(covariance)
    root = axes * np.sqrt(np.maximum(variance, 0))  # rounding leaves tiny negative eigenvalues
    draws = generator.standard_normal((DRAWS, len(centre))) @ root.T
    return _trapezoid(np.abs(draws), low, high)


def _score(prepare: Prepare, pit: Array, weights: Array | None) -> float:
    u = np.asarray(pit, dtype=np.float64)
    if u.ndim != 1 or not np.all((u >= 0) & (u <= 1)):
        message = f"expected PIT values (n,) between 0 and 1, got shape {u.shape} or values outside"
        raise ValueError(message)
    return value(prepare(Measurements({"pit": u})), len(u), weights)


def pit_ks(pit: Array, *, weights: Array | None = None) -> float:
    """Kolmogorov-Smirnov distance max |F_w(u) - u| of the PIT from uniform, best 0.

    pit : (n,), CDF of each density at its truth.   weights : (n,) >= 0; NaN where they sum to 0.
    ValueError for values outside 0..1.
    """
    return _score(prepare_pit_ks, pit, weights)


def pit_cvm(pit: Array, *, weights: Array | None = None) -> float:
    """Cramer-von Mises distance Int_0^1 (F_w - u)^2 du, best 0; times n it is W^2. Arguments: ``pit_ks``."""
    return _score(prepare_pit_cvm, pit, weights)


def pit_ad(pit: Array, *, weights: Array | None = None) -> float:
    """Anderson-Darling distance Int_.01^.99 (F_w - u)^2 / (u (1-u)) du, best 0. Arguments: ``pit_ks``."""
    return _score(prepare_pit_ad, pit, weights)


def pit_outlier(pit: Array, *, weights: Array | None = None) -> float:
    """Share of PIT below 1e-4 or above 0.9999, ideally 2e-4 (Schmidt+2020). Arguments: ``pit_ks``."""
    return _score(prepare_pit_outlier, pit, weights)


def nz_w1(z_true: Array, pdf: Array, *, low: float, high: float, weights: Array | None = None) -> float:
    """Wasserstein-1 distance Int |stacked CDF - F_w(z_true)| dz, trapezoid on the nodes, z, best 0.

    z_true : (n,).   pdf : (n, k) on k nodes from low to high.   weights : (n,) >= 0; NaN where they sum to 0.
    """
    w = block(len(z_true), weights).astype(np.float64)
    total = w @ cdf_excess(z_true, pdf, low, high).astype(np.float64)
    return float(_trapezoid(np.abs(ratio(total, np.broadcast_to(w.sum(), total.shape))), low, high)[0])
