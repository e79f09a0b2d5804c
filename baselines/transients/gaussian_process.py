"""Gaussian processes in time and wavelength, for many light curves at once.

The kernel is Boone's (2019): A^2 (1 + r) exp(-r) with r^2 = 3 (dt^2/l^2 + dw^2/(6000 A)^2), Matern with nu = 3/2.
A and l are those of the largest marginal likelihood, found on a grid and then three times on a parabola through
nine points about the best one, so that every object of a batch takes the same steps.

Objects of a batch have nearly the same number of observations, and are padded to one. A padded observation has an
infinite variance: its row and column of the covariance are those of the unit matrix, its flux is 0, and nothing
else changes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from blindsky.baselines.baseline import Settings
from blindsky.baselines.training import choose, threads
from blindsky.baselines.transients.lightcurves import LightCurves
from blindsky.challenges.transients.bands import NODES
from blindsky.scoring.measurements import FloatArray

WAVELENGTH = 6000.0  # Angstrom, Boone 2019 section 3.1
# The grid: times from a day and a half to half a year, amplitudes in units of the brightest flux
LENGTHS = tuple(1.5 * 2.6**k for k in range(6))
AMPLITUDES = (0.15, 0.4, 1.0, 2.7)
STENCILS = (0.5, 0.5, 0.25)  # half widths of the nine points, in ln l and ln A
BOUNDS = ((0.5, 500.0), (0.02, 20.0))  # of l and A

BANDS = NODES.mean(axis=0)  # wavelength of each passband, Angstrom
NEAR = 300.0  # days from the brightest observation, beyond which there is another season: nothing to learn of this one
# Of the brightest flux, added to every error. With it A and l in float32 are those in float64 to .7 % on every
# training object of the tiny release; with a third of it some differ by 20 %
FLOOR = 1e-3
LARGEST = 1e30  # variance of an observation; that of a padded one is infinite
# Elements of the covariances of a batch: they stay in the cache of a processor core, or keep a graphics card busy
ELEMENTS = {"cpu": 1 << 18, "cuda": 1 << 24}
SHORTEST = 32  # observations that an object counts for at least, when batches are filled

Found = TypeVar("Found")


@dataclass(frozen=True)
class Sample:
    """What the processes of n objects are fitted to: observations near the brightest one, in units of its flux.

    curves : those observations.   centre : MJD of the brightest.   scale : its flux, without sign.   (n,) both.
    """

    curves: LightCurves
    centre: FloatArray
    scale: FloatArray

    @classmethod
    def of(cls, curves: LightCurves, near: float = NEAR) -> Sample:
        """Observations that are numbers, within ``near`` days of the one of the highest signal to noise.

        Where an error is far below the flux, a hundredth of the highest flux stands for it (Boone 2019).
        """
        known = np.isfinite(curves.flux) & np.isfinite(curves.flux_err) & np.isfinite(curves.mjd)
        curves = where(curves, known)
        n, owner, flux = len(curves), curves.owner, np.abs(curves.flux)
        top = np.zeros(n)
        np.maximum.at(top, owner, flux)
        tiny = np.finfo(np.float64).tiny
        signal = flux / np.maximum(np.hypot(curves.flux_err, 0.01 * top[owner]), tiny)
        order = np.lexsort((-signal, owner))
        present = curves.counts > 0
        brightest = order[curves.starts[:-1][present]]
        centre, scale = np.zeros(n), np.ones(n)
        centre[present] = curves.mjd[brightest]
        scale[present] = np.maximum(flux[brightest], curves.flux_err[brightest])
        scale[scale <= tiny] = 1.0
        return cls(where(curves, np.abs(curves.mjd - centre[owner]) <= near), centre, scale)

    def batches(self, elements: int) -> list[NDArray[np.int64]]:
        """Objects of about as many observations as each other, so many that their covariances fill ``elements``."""
        counts = self.curves.counts
        order = np.argsort(counts, kind="stable")[::-1]
        found: list[NDArray[np.int64]] = []
        first = 0
        while first < len(order):
            size = max(1, elements // max(int(counts[order[first]]), SHORTEST) ** 2)
            found.append(order[first : first + size])
            first += size
        return found

    def take(self, objects: NDArray[np.int64]) -> Sample:
        """Those of some objects; an object may stand there more than once."""
        return Sample(self.curves.take(objects), self.centre[objects], self.scale[objects])

    def points(self, objects: NDArray[np.int64], device: torch.device) -> Points:
        """Their observations, padded to the longest."""
        curves = self.curves.take(objects)
        scale = self.scale[objects][curves.owner]
        variance = np.minimum((curves.flux_err / scale) ** 2 + FLOOR**2, LARGEST)
        columns = (
            (curves.mjd - self.centre[objects][curves.owner], 0.0),
            (BANDS[curves.passband], 0.0),
            (curves.flux / scale, 0.0),
            (variance, np.inf),
        )
        return Points(*(padded(curves.counts, values, empty, device) for values, empty in columns))


def padded(counts: NDArray[np.int64], values: FloatArray, empty: float, device: torch.device) -> Tensor:
    """Values of B objects, one after the other, as float32 (B, N), filled up with ``empty``."""
    present = np.arange(max(1, counts.max(initial=0))) < counts[:, None]
    table = np.full(present.shape, empty, np.float32)
    table[present] = values
    return torch.as_tensor(table, device=device)


def where(curves: LightCurves, kept: NDArray[np.bool_]) -> LightCurves:
    """Some of the observations (rows,), all objects staying."""
    running = np.concatenate([[0], np.cumsum(kept)])
    names = ("mjd", "passband", "flux", "flux_err", "detected")
    return LightCurves(running[curves.starts], *(getattr(curves, name)[kept] for name in names))


@dataclass(frozen=True)
class Points:
    """Observations of B objects, padded to N. Fluxes of about 1, or float32 and the bounds of A would not do.

    time : days.   wavelength : Angstrom.   flux.   variance : of the flux; infinite where padded.   All (B, N).
    """

    time: Tensor
    wavelength: Tensor
    flux: Tensor
    variance: Tensor

    def __post_init__(self) -> None:
        """Padded fluxes are 0, whatever they were."""
        object.__setattr__(self, "flux", torch.where(self.padded, 0.0, self.flux))

    @property
    def padded(self) -> Tensor:
        """Where there is no observation, (B, N)."""
        return torch.isinf(self.variance)

    @property
    def counts(self) -> Tensor:
        """Number of observations, (B,)."""
        return (~self.padded).sum(dim=1, dtype=self.flux.dtype)

    @property
    def normalisation(self) -> Tensor:
        """What every ln p begins with, (B,)."""
        return -0.5 * math.log(2 * math.pi) * self.counts


@dataclass(frozen=True)
class Posterior:
    """Gaussian processes given observations.

    amplitude, length : (B,).   factor : Cholesky factor of the covariance of the observations, (B, N, N).
    weights : its inverse on the fluxes, (B, N).
    """

    points: Points
    amplitude: Tensor
    length: Tensor
    factor: Tensor
    weights: Tensor

    @property
    def log_likelihood(self) -> Tensor:
        """Logarithm of p(flux | A, l), (B,)."""
        fit = (self.points.flux * self.weights).sum(dim=1)
        return self.points.normalisation - 0.5 * fit - self.factor.diagonal(dim1=1, dim2=2).log().sum(dim=1)

    @property
    def chi2(self) -> Tensor:
        """Sum over observations of the squared distance from the mean in units of the error, (B,)."""
        variance = torch.where(self.points.padded, 0.0, self.points.variance)
        return (variance * self.weights**2).sum(dim=1)

    def mean(self, time: Tensor, wavelength: Tensor) -> Tensor:
        """Expected flux at times and wavelengths (B, M)."""
        return (self._cross(time, wavelength) @ self.weights[:, :, None])[:, :, 0]

    def variance(self, time: Tensor, wavelength: Tensor) -> Tensor:
        """Variance of that flux, (B, M), without noise of an observation."""
        cross = self._cross(time, wavelength).transpose(1, 2)
        white: Tensor = torch.linalg.solve_triangular(self.factor, cross, upper=False)
        return (self.amplitude[:, None] ** 2 - white.square_().sum(dim=1)).clamp_(min=0)

    def _cross(self, time: Tensor, wavelength: Tensor) -> Tensor:
        points = self.points
        squares = _squares(time, points.time), _squares(wavelength, points.wavelength) / WAVELENGTH**2
        unit = matern(*squares, self.length).masked_fill_(points.padded[:, None, :], 0)
        return unit.mul_((self.amplitude**2)[:, None, None])


def _squares(a: Tensor, b: Tensor) -> Tensor:
    return (a[:, :, None] - b[:, None, :]).square_()


def matern(time: Tensor, wavelength: Tensor, length: Tensor) -> Tensor:
    """Unit kernel of squared differences: time (B, N, M) in days^2, wavelength in units of its length, length (B,)."""
    r = torch.addcmul(wavelength, time, (length**-2)[:, None, None]).mul_(3).sqrt_()
    falling = torch.neg(r).exp_()
    return falling.addcmul_(r, falling)


class _Likelihood:
    """Marginal likelihood of a batch, with what does not depend on A and l computed once."""

    def __init__(self, points: Points) -> None:
        self.time = _squares(points.time, points.time)
        self.wavelength = _squares(points.wavelength, points.wavelength).div_(WAVELENGTH**2)
        padded = points.padded
        self.outside = padded[:, :, None] | padded[:, None, :]
        self.noise = torch.where(padded, 1.0, points.variance)
        self.flux = points.flux
        self.normalisation = points.normalisation

    def unit(self, length: Tensor) -> Tensor:
        """Kernel of the observations for A = 1, (B, N, N)."""
        return matern(self.time, self.wavelength, length).masked_fill_(self.outside, 0)

    def factor(self, unit: Tensor, amplitude: Tensor) -> tuple[Tensor, Tensor]:
        """Cholesky factor, and where there is none (B,)."""
        covariance = unit * (amplitude**2)[:, None, None]
        covariance.diagonal(dim1=1, dim2=2).add_(self.noise)
        found, failed = torch.linalg.cholesky_ex(covariance)
        return found, failed > 0

    def __call__(self, unit: Tensor, amplitude: Tensor) -> Tensor:
        """Logarithm of p(flux | A, l), (B,); -inf where the covariance is singular."""
        factor, failed = self.factor(unit, amplitude)
        white: Tensor = torch.linalg.solve_triangular(factor, self.flux[:, :, None], upper=False)
        half_determinant = factor.diagonal(dim1=1, dim2=2).log().sum(dim=1)
        value = self.normalisation - 0.5 * white.square_().sum(dim=(1, 2)) - half_determinant
        return value.masked_fill_(failed | ~torch.isfinite(value), -math.inf)


def log_likelihood(points: Points, amplitude: Tensor, length: Tensor) -> Tensor:
    """Logarithm of p(flux | A, l) of each object, (B,)."""
    likelihood = _Likelihood(points)
    return likelihood(likelihood.unit(length), amplitude)


def condition(points: Points, amplitude: Tensor, length: Tensor) -> Posterior:
    """The processes of given A and l, (B,) each."""
    likelihood = _Likelihood(points)
    factor, _ = likelihood.factor(likelihood.unit(length), amplitude)
    return Posterior(
        points, amplitude, length, factor, torch.cholesky_solve(points.flux[:, :, None], factor)[:, :, 0]
    )


def fit(points: Points) -> tuple[Tensor, Tensor]:
    """A and l of the largest marginal likelihood, (B,) each: the best of all that were tried."""
    likelihood = _Likelihood(points)
    log_l = torch.log(points.flux.new_tensor(LENGTHS))
    log_a = torch.log(points.flux.new_tensor(AMPLITUDES))
    n = len(points.flux)
    _, _, x, y = _best(log_l.expand(n, -1), log_a.expand(n, -1), likelihood)
    for half in STENCILS:
        steps = half * torch.arange(-1, 2, dtype=x.dtype, device=x.device)
        values, highest, *place = _best(
            _bounded(x[:, None] + steps, 0), _bounded(y[:, None] + steps, 1), likelihood
        )
        dx, dy = _summit(values)
        summit = _bounded(x + half * dx, 0), _bounded(y + half * dy, 1)
        lower = likelihood(likelihood.unit(summit[0].exp()), summit[1].exp()) < highest
        x, y = (torch.where(lower, tried, top) for tried, top in zip(place, summit, strict=True))
    return y.exp(), x.exp()


def _bounded(log: Tensor, which: int) -> Tensor:
    """Logarithms of l (0) or A (1) within their bounds."""
    low, high = BOUNDS[which]
    return log.clamp(math.log(low), math.log(high))


def _best(log_l: Tensor, log_a: Tensor, likelihood: _Likelihood) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The likelihood at every pair of (B, n) and (B, m), its maximum, and where that is, (B,) each."""
    values = _table(likelihood, log_l, log_a)
    highest, where = values.flatten(1).max(dim=1)
    m = log_a.shape[1]
    x = log_l.gather(1, where.div(m, rounding_mode="floor")[:, None])[:, 0]
    return values, highest, x, log_a.gather(1, (where % m)[:, None])[:, 0]


def _table(likelihood: _Likelihood, log_l: Tensor, log_a: Tensor) -> Tensor:
    """(B, n), (B, m) -> likelihood at every pair, (B, n, m)."""
    lines = []
    for k in range(log_l.shape[1]):
        unit = likelihood.unit(log_l[:, k].exp())
        lines.append(torch.stack([likelihood(unit, a.exp()) for a in log_a.unbind(dim=1)], dim=1))
    return torch.stack(lines, dim=1)


def _summit(f: Tensor) -> tuple[Tensor, Tensor]:
    """Where a parabola through values at (-1, 0, 1)^2 is highest, at most 1.5 away; the best point if it is nowhere.

    f : (B, 3, 3).
    """
    x, y = (f[:, 2, 1] - f[:, 0, 1]) / 2, (f[:, 1, 2] - f[:, 1, 0]) / 2
    xx, yy = (f[:, 2, 1] - 2 * f[:, 1, 1] + f[:, 0, 1]), (f[:, 1, 2] - 2 * f[:, 1, 1] + f[:, 1, 0])
    xy = (f[:, 2, 2] - f[:, 2, 0] - f[:, 0, 2] + f[:, 0, 0]) / 4
    determinant = xx * yy - xy**2
    found = (xx < 0) & (determinant > 0)  # false for NaN, which infinities leave
    dx, dy = (xy * y - yy * x) / determinant, (xy * x - xx * y) / determinant
    best = f.flatten(1).argmax(dim=1)
    dx = torch.where(found, dx.clamp(-1.5, 1.5), best.div(3, rounding_mode="floor") - 1.0)
    dy = torch.where(found, dy.clamp(-1.5, 1.5), best % 3 - 1.0)
    return dx, dy


def hyperparameters(sample: Sample, settings: Settings) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A in units of ``scale`` and l in days of every object, (n,) each."""
    amplitude, length = np.ones((2, len(sample.curves)), np.float32)

    def of(objects: NDArray[np.int64], device: torch.device) -> list[NDArray[np.float32]]:
        return [found.cpu().numpy() for found in fit(sample.points(objects, device))]

    for objects, found in in_batches(sample, of, settings, "fitting Gaussian processes"):
        amplitude[objects], length[objects] = found
    return amplitude, length


def in_batches(
    sample: Sample,
    work: Callable[[NDArray[np.int64], torch.device], Found],
    settings: Settings,
    title: str,
) -> Iterator[tuple[NDArray[np.int64], Found]]:
    """Batches of objects and what ``work`` finds for them: on CUDA one after the other, else in threads."""
    device = choose(settings.device)
    workers = settings.workers if device.type == "cpu" else 1
    batches = sample.batches(ELEMENTS[device.type])
    # One thread a batch: LAPACK has nothing to share out in matrices this small
    with (
        threads(1),
        ThreadPoolExecutor(workers) as pool,
        settings.progress(title, len(sample.curves), "objects") as bar,
    ):
        results = pool.map(lambda objects: work(objects, device), batches)
        for objects, result in zip(batches, results, strict=True):
            yield objects, result
            bar.advance(len(objects))
