"""Scores of probability densities given on a grid, exact for the piecewise-linear density through the nodes.

``measure`` meets truth and density once and leaves a few numbers per row; every metric below is a weighted
mean of those. Densities need not be normalised: each row is divided by its own integral.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from blindsky.scoring.measurements import Array, FloatArray, Measurements, Table
from blindsky.scoring.metric import Prepare, Statistic, value
from blindsky.scoring.sums import mean, mean_of

FLOOR = 1e-6  # smallest density that enters a logarithm: none at the truth costs 14 nats, not all
EXTREME = 1e-4  # PIT below it, or above one minus it, counts as an outlier
NARROW, WIDE = 0.05, 0.15  # half-widths of f05 and f15, in units of 1 + z
_ROWS = 1024  # rows worked on at once: 301 float64 nodes of each fit in the second-level cache of a core


def check(z_true: Array, pdf: Array, low: float, high: float) -> tuple[FloatArray, Array]:
    """The two arrays, once their shapes and ranges are known to fit.

    ValueError where they don't.
    """
    z, v = np.asarray(z_true, dtype=np.float64), np.asarray(pdf)
    if z.ndim != 1 or v.ndim != 2 or len(z) != len(v) or v.shape[1] < 2:
        message = f"expected z_true (n,) and pdf (n, k) with k >= 2, got shapes {z.shape} and {v.shape}"
        raise ValueError(message)
    if not np.all((z >= low) & (z <= high)):
        row = int(np.flatnonzero(~((z >= low) & (z <= high)))[0])
        message = f"z_true must lie in the grid's range {low} to {high}, got {z[row]} in row {row}"
        raise ValueError(message)
    return z, v


def _cumulative(p: FloatArray) -> FloatArray:
    """Trapezoid integral up to each node, in half grid steps, (n, k)."""
    C = np.empty_like(p)
    C[:, 0] = 0
    np.add(p[:, 1:], p[:, :-1], out=C[:, 1:])
    return np.cumsum(C, axis=1, out=C)


def _integral(C: FloatArray, first: int) -> FloatArray:
    """The whole integral of each row, (n, 1); ValueError where there is none to divide by."""
    total = C[:, -1:]
    if not np.all(np.isfinite(total) & (total > 0)):
        row = int(np.flatnonzero(~(np.isfinite(total[:, 0]) & (total[:, 0] > 0)))[0])
        message = f"a density needs a finite positive integral, row {first + row} has none"
        raise ValueError(message)
    return total.copy()


def _moment_weights(nodes: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Node weights that give Int z p dz and Int z^2 p dz of a piecewise-linear p, each (k,)."""
    a, b, step = nodes[:-1], nodes[1:], nodes[1] - nodes[0]
    first, second = np.zeros_like(nodes), np.zeros_like(nodes)
    first[:-1] += (2 * a + b) * step / 6
    first[1:] += (a + 2 * b) * step / 6
    second[:-1] += (3 * a**2 + 2 * a * b + b**2) * step / 12
    second[1:] += (a**2 + 2 * a * b + 3 * b**2) * step / 12
    return first, second


class _Curves:
    """Density and CDF of a block of rows, to be read at any z."""

    def __init__(self, p: FloatArray, C: FloatArray, low: float, high: float) -> None:
        self.p, self.C = p, C
        self.low, self.high = low, high
        self.step = (high - low) / (p.shape[1] - 1)
        self.start = np.arange(len(p)) * p.shape[1]  # of each row in the flat arrays

    def cell(self, z: FloatArray) -> tuple[NDArray[np.intp], FloatArray, FloatArray, FloatArray]:
        """The cell that holds z (n,): flat index of its left node, distance from it, p there and slope."""
        k = np.minimum(((z - self.low) / self.step).astype(np.intp), self.p.shape[1] - 2)
        left = self.start + k
        p = self.p.ravel()
        a = p[left]
        return left, z - (self.low + k * self.step), a, (p[left + 1] - a) / self.step

    def cdf(self, z: FloatArray) -> FloatArray:
        """CDF at z (n,), clipped to the grid."""
        left, f, a, slope = self.cell(np.clip(z, self.low, self.high))
        return np.clip(self.C.ravel()[left] + a * f + slope * f**2 / 2, 0.0, 1.0)


def _block(z: FloatArray, v: Array, low: float, high: float, first: int) -> Table:
    """``measure`` of a few rows that fit in the cache; ``first`` is the row number of the first."""
    nodes = np.linspace(low, high, v.shape[1])
    step = (high - low) / (v.shape[1] - 1)
    p = v.astype(np.float64)  # (n, k)
    C = _cumulative(p)  # (n, k)
    total = _integral(C, first)
    mass = total * step / 2
    p /= mass
    C /= total

    curves = _Curves(p, C, low, high)
    left, f, a, slope = curves.cell(z)
    p_true = a + slope * f

    ends = (p[:, 0] ** 2 + p[:, -1] ** 2) / 2
    square = np.vecdot(p, p) - ends
    product = np.vecdot(p[:, 1:], p[:, :-1])
    first_moment, second_moment = _moment_weights(nodes)
    pdf_mean = np.vecdot(p, first_moment)

    # CRPS = Int F^2 + Int_z^high (1 - 2F), by the Euler-Maclaurin formula, which has no remainder here:
    # F is quadratic and F^2 quartic in every cell, and the terms of odd derivatives telescope over the cells.
    area_square = step * (
        np.vecdot(C, C) - 0.5 - step * p[:, -1] / 6 + step**2 * np.maximum(square - product, 0) / 60
    )
    below = np.stack([curves.start, left], axis=1).ravel()
    nodes_below = np.add.reduceat(C.ravel(), below)[::2]  # sum of C over the nodes left of the cell; C_0 = 0
    area = step * (nodes_below + C.ravel()[left] / 2 - step * (a - p[:, 0]) / 12)
    area += C.ravel()[left] * f + a * f**2 / 2 + slope * f**3 / 6  # Int_low^z F
    crps = area_square - high - z + 2 * pdf_mean + 2 * area

    return {
        "log_p": np.log(np.maximum(p_true, FLOOR)),
        "p_true": p_true,
        "int_p2": step * (2 * square + product) / 3,
        "pit": curves.cdf(z),
        "crps": np.maximum(crps, 0.0),
        "f05": curves.cdf(z + NARROW * (1 + z)) - curves.cdf(z - NARROW * (1 + z)),
        "f15": curves.cdf(z + WIDE * (1 + z)) - curves.cdf(z - WIDE * (1 + z)),
        "pdf_mean": pdf_mean,
        "pdf_m2": np.vecdot(p, second_moment),
        "mass": mass[:, 0],
    }


def measure(z_true: Array, pdf: Array, low: float, high: float) -> Table:
    """What truth and density leave of each row; the same to the last bit however the rows are chunked.

    z_true : (n,), within the grid.   pdf : (n, k), values >= 0 at k equally spaced nodes from low to high.

    Returns float64 columns (n,): ``log_p`` ln max(p(z_true), 1e-6); ``p_true``; ``int_p2`` Int p^2 dz;
    ``pit`` CDF(z_true); ``crps`` (Gneiting & Raftery 2007, Sec. 4.2); ``f05``, ``f15`` probability within
    0.05 and 0.15 (1+z) of the truth; ``pdf_mean``; ``pdf_m2`` Int z^2 p dz; ``mass`` Int pdf dz as given.
    ValueError where shapes or ranges don't fit, or a row has no finite positive integral.
    """
    z, v = check(z_true, pdf, low, high)
    starts = range(0, max(len(z), 1), _ROWS)
    blocks = [_block(z[i : i + _ROWS], v[i : i + _ROWS], low, high, i) for i in starts]
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}


def cdf_excess(z_true: Array, pdf: Array, low: float, high: float) -> NDArray[np.float32]:
    """CDF_i(z_k) - 1[z_true_i <= z_k] at the nodes, (n, k); its mean compares stacked density and truth."""
    z, v = check(z_true, pdf, low, high)
    nodes = np.linspace(low, high, v.shape[1])
    excess = np.empty(v.shape, dtype=np.float32)
    for i in range(0, len(z), _ROWS):
        C = _cumulative(v[i : i + _ROWS].astype(np.float64))
        part = excess[i : i + _ROWS]
        np.divide(C, _integral(C, i), out=part, casting="same_kind")
        part -= z[i : i + _ROWS, None] <= nodes
    return excess


def mode(pdf: Array, low: float, high: float) -> FloatArray:
    """The node of highest density, the lowest of equals, (n,)."""
    v = np.asarray(pdf)
    nodes: FloatArray = np.linspace(low, high, v.shape[1])
    peak: NDArray[np.intp] = np.argmax(v, axis=1)
    return nodes[peak]


def median(pdf: Array, low: float, high: float) -> FloatArray:
    """The z where the CDF is one half, (n,); ValueError where a row has no finite positive integral."""
    v = np.asarray(pdf)
    nodes, step = np.linspace(low, high, v.shape[1]), (high - low) / (v.shape[1] - 1)
    found: FloatArray = np.empty(len(v))
    for i in range(0, len(v), _ROWS):
        p = v[i : i + _ROWS].astype(np.float64)
        C = _cumulative(p)
        half = _integral(C, i)[:, 0] / 2
        k = np.sum(half[:, None] > C, axis=1) - 1  # C_k < 1/2 <= C_{k+1}
        row = np.arange(len(p))
        a, b, rest = p[row, k], p[row, k + 1], (half - C[row, k]) / 2  # lengths in grid steps
        root = np.sqrt(np.maximum(a**2 + 2 * (b - a) * rest, 0))
        found[i : i + _ROWS] = nodes[k] + step * np.clip(2 * rest / (a + root), 0, 1)
    return found


def prepare_cde_loss(measurements: Measurements) -> Statistic:
    """Statistic of ``cde_loss``; reads int_p2 and p_true."""
    return mean_of(measurements, "cde_loss", lambda m: m.floats("int_p2") - 2 * m.floats("p_true"))


def prepare_excess_nats(measurements: Measurements) -> Statistic:
    """Statistic of <oracle_log_p - log_p>: nats lost against the best possible answer."""
    return mean_of(measurements, "excess_nats", lambda m: m.floats("oracle_log_p") - m.floats("log_p"))


def _score(
    prepare: Prepare, z_true: Array, pdf: Array, low: float, high: float, weights: Array | None
) -> float:
    measurements = Measurements(measure(z_true, pdf, low, high))
    return value(prepare(measurements), len(measurements), weights)


def cde_loss(z_true: Array, pdf: Array, *, low: float, high: float, weights: Array | None = None) -> float:
    """Conditional density estimate loss <Int p^2 dz - 2 p(z_true)> (Izbicki & Lee 2017), 1/z, low is good.

    z_true : (n,).   pdf : (n, k) on k nodes from low to high.   weights : (n,) >= 0; NaN where they sum to 0.
    ValueError as in ``measure``.
    """
    return _score(prepare_cde_loss, z_true, pdf, low, high, weights)


def mean_log_p(z_true: Array, pdf: Array, *, low: float, high: float, weights: Array | None = None) -> float:
    """Mean log density <ln max(p(z_true), 1e-6)> (Good 1952), nat, high is good. Arguments: ``cde_loss``."""
    return _score(partial(mean, column="log_p"), z_true, pdf, low, high, weights)


def crps(z_true: Array, pdf: Array, *, low: float, high: float, weights: Array | None = None) -> float:
    """Mean continuous ranked probability score (Matheson & Winkler 1976), z, low is good.

    <Int_low^z CDF^2 + Int_z^high (1 - CDF)^2>. Arguments: ``cde_loss``.
    """
    return _score(partial(mean, column="crps"), z_true, pdf, low, high, weights)


def f05(z_true: Array, pdf: Array, *, low: float, high: float, weights: Array | None = None) -> float:
    """Mean probability within 0.05 (1+z) of the truth (Cavuoti+2017), high is good. Else: ``cde_loss``."""
    return _score(partial(mean, column="f05"), z_true, pdf, low, high, weights)


def f15(z_true: Array, pdf: Array, *, low: float, high: float, weights: Array | None = None) -> float:
    """Mean probability within 0.15 (1+z) of the truth (Cavuoti+2017), high is good. Else: ``cde_loss``."""
    return _score(partial(mean, column="f15"), z_true, pdf, low, high, weights)
