"""What is known before any flux: counts n(m), class shares p(class | m) and redshifts p(z | class, m).

The forms are those of Benitez 2000, on nodes in magnitude and redshift that drawing and the oracle share.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from blindsky.scoring.measurements import FloatArray

M_LOW, M_STEP = 16.0, 0.05
M_NODES: FloatArray = M_LOW + M_STEP * np.arange(221.0)  # true i magnitude, 16 ... 27
Z_NODES: FloatArray = np.arange(601.0) / 200  # 0 ... 3
COUNT_SLOPE = 0.3  # dex a magnitude, LSST Science Book, section 3.7


class RedshiftShape(NamedTuple):
    """p(z) ~ z^a exp(-(z/z_m)^a), z_m = z0 + k (m - 20); Eq. 23 of Benitez 2000."""

    a: float
    z0: float
    k: float


SHAPES = (
    RedshiftShape(2.465, 0.431, 0.0913),  # E and Sp: the HDF-N prior of Benitez 2000
    RedshiftShape(1.806, 0.390, 0.0636),
    RedshiftShape(1.500, 0.300, 0.123),  # Irr: fitted so that N(z) matches the LSST Science Book
)


def magnitude_node(m: NDArray[np.float64]) -> NDArray[np.intp]:
    """Index of the nearest magnitude node, same shape."""
    return np.clip(np.rint((m - M_LOW) / M_STEP), 0, len(M_NODES) - 1).astype(np.intp)


def class_shares(m: NDArray[np.float64]) -> FloatArray:
    """p(E), p(Sp), p(Irr) at i magnitudes (n,) -> (n, 3); ellipticals vanish faster at faint magnitudes."""
    M = np.maximum(m, 20)
    elliptical, spiral = 0.35 * np.exp(-0.450 * (M - 20)), 0.50 * np.exp(-0.147 * (M - 20))
    return np.stack([elliptical, spiral, 1 - elliptical - spiral], axis=-1)


@cache
def log_redshift_density() -> FloatArray:
    """The log of p(z | class, m) on the nodes, (221, 3, 601); the trapezoid integral of p is one."""
    a, z0, k = (np.array(column)[:, None] for column in zip(*SHAPES, strict=True))
    z_m = np.maximum(z0 + k * (M_NODES[:, None, None] - 20), 0.05)
    with np.errstate(divide="ignore"):  # ln 0 at z = 0 is meant
        log_p = a * np.log(Z_NODES) - (Z_NODES / z_m) ** a
    return np.asarray(log_p - np.log(np.trapezoid(np.exp(log_p), Z_NODES, axis=-1))[..., None])


@cache
def log_joint() -> FloatArray:
    """The log of p(class, z | m) on the nodes, shape (221, 3, 601)."""
    return np.asarray(log_redshift_density() + np.log(class_shares(M_NODES))[..., None])


def _cumulative(p: NDArray[np.float64]) -> FloatArray:
    """Cumulative trapezoid on equal steps along the last axis, from 0 to 1."""
    steps = np.cumsum((p[..., 1:] + p[..., :-1]) / 2, axis=-1)
    return np.concatenate([np.zeros((*p.shape[:-1], 1)), steps / steps[..., -1:]], axis=-1)


@cache
def _magnitude_cumulative() -> FloatArray:
    return _cumulative(10 ** (COUNT_SLOPE * (M_NODES - 25)))


@cache
def _stacked_redshift_cumulative() -> FloatArray:
    """The 663 cumulative curves end to end, the r-th from r to r + 1, so that one search serves all rows."""
    curves = _cumulative(np.exp(log_redshift_density())).reshape(-1, len(Z_NODES))
    return np.asarray((curves + np.arange(len(curves))[:, None]).ravel())


def draw_magnitude(u: NDArray[np.float64]) -> FloatArray:
    """True i magnitudes from uniform numbers in [0, 1), same shape."""
    return np.interp(u, _magnitude_cumulative(), M_NODES)


def draw_class(u: NDArray[np.float64], node: NDArray[np.intp]) -> NDArray[np.int8]:
    """Class (0 E, 1 Sp, 2 Irr) at magnitude nodes (n,) from uniform numbers (n,)."""
    bounds = np.cumsum(class_shares(M_NODES)[:, :2], axis=1)[node]
    return np.asarray((u[:, None] >= bounds).sum(axis=1, dtype=np.int8))


def draw_redshift(u: NDArray[np.float64], node: NDArray[np.intp], type_class: NDArray[np.int8]) -> FloatArray:
    """Redshift at magnitude nodes and classes (n,) from uniform numbers (n,); linear in the nodes' cell."""
    curves, n = _stacked_redshift_cumulative(), len(Z_NODES)
    row = node * len(SHAPES) + type_class
    target = row + u
    cell = np.searchsorted(curves, target, side="right") - 1
    cell = np.clip(cell, row * n, row * n + n - 2)
    low, high = curves[cell], curves[cell + 1]
    share = np.divide(target - low, high - low, out=np.zeros_like(u), where=high > low)
    return np.asarray((cell - row * n + np.clip(share, 0, 1)) * (Z_NODES[1] - Z_NODES[0]))
