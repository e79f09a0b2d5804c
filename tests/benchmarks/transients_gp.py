"""Gaussian processes fitted to light curves of the wide survey, one thread, beside a library that takes one at a time.

    python -m tests.benchmarks --challenge transients --only gp

The peer is george where it is installed, which Boone (2019) fitted PLAsTiCC's light curves with, else scikit-learn.
Both find amplitude and time scale by maximum likelihood, and the mean in six bands on the same grid of times.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
import torch
from scipy.optimize import minimize

from blindsky.baselines.transients import gaussian_process as gp
from blindsky.baselines.transients.gaussian_process import BANDS, WAVELENGTH, Sample
from blindsky.baselines.transients.gp import GRID
from blindsky.baselines.transients.lightcurves import LightCurves
from blindsky.challenges.progress import Progress
from tests.benchmarks.measuring import apart, best, peak_mib, row

OBJECTS, PEER_OBJECTS = 2000, 60
FIRST_LENGTH = 20.0  # days, where the peer's search begins, as in Boone's code

Values = np.ndarray


def light_curves(n: int) -> LightCurves:
    """Bumps of weeks, 40 to 70 visits in a season, of the noise and depth of the wide survey."""
    draw = np.random.default_rng(0)
    counts = draw.integers(40, 71, n)
    owner, rows = np.repeat(np.arange(n), counts), counts.sum()
    mjd = 59_600 + draw.uniform(0, 190, rows)
    passband = draw.integers(0, 6, rows)
    error = np.exp(draw.normal([2.34, 0.94, 1.30, 1.82, 2.56, 3.33], 0.4, (rows, 6)))[
        np.arange(rows), passband
    ]
    peak, width = np.exp(draw.normal(4, 1, n)), np.exp(draw.normal(3, 0.4, n))
    colour = draw.normal(0, 0.3, n)[owner] * (passband - 2.5)
    flux = (peak[owner] * np.exp(colour)) * np.exp(-0.5 * ((mjd - 59_695) / width[owner]) ** 2)
    order = np.lexsort((mjd, owner))
    columns = (mjd, passband, flux + error * draw.standard_normal(rows), error, flux > 5 * error)
    return LightCurves(np.concatenate([[0], np.cumsum(counts)]), *(column[order] for column in columns))


def _grid() -> tuple[Values, Values]:
    time, wavelength = np.meshgrid(GRID, BANDS, indexing="ij")
    return time.ravel(), wavelength.ravel()


def ours() -> dict[str, float]:
    """Light curves a second, likelihood of the first ones, peak memory."""
    torch.set_num_threads(1)
    sample = Sample.of(light_curves(OBJECTS))
    device = torch.device("cpu")
    asked = [torch.tensor(a, dtype=torch.float32) for a in _grid()]
    found = np.zeros(OBJECTS)
    before = peak_mib()

    def run() -> None:
        for objects in sample.batches(gp.ELEMENTS["cpu"]):
            points = sample.points(objects, device)
            posterior = gp.condition(points, *gp.fit(points))
            posterior.mean(*(a.expand(len(objects), -1) for a in asked))
            # The peer's fluxes have another unit
            found[objects] = posterior.log_likelihood - points.counts * np.log(sample.scale[objects])

    seconds = best(run)
    return {
        "rate": OBJECTS / seconds,
        "likelihood": float(found[:PEER_OBJECTS].mean()),
        "memory": peak_mib() - before,
    }


def peer() -> dict[str, float]:
    """The same of george or scikit-learn, one light curve after the other; ``george`` is 1 where it is george."""
    from threadpoolctl import threadpool_limits

    sample = Sample.of(light_curves(OBJECTS)).take(np.arange(PEER_OBJECTS))
    curves, present = sample.curves, find_spec("george") is not None
    fit = _george if present else _scikit_learn
    likelihood = []

    def run() -> None:
        likelihood.clear()
        for k in range(PEER_OBJECTS):
            one = slice(curves.starts[k], curves.starts[k + 1])
            x = np.stack([curves.mjd[one] - sample.centre[k], BANDS[curves.passband[one]]], axis=1)
            error = np.hypot(curves.flux_err[one], gp.FLOOR * sample.scale[k])
            likelihood.append(fit(x, curves.flux[one], error, sample.scale[k]))

    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of scikit-learn, about bounds
        seconds = best(run, 2)
    return {
        "rate": PEER_OBJECTS / seconds,
        "likelihood": float(np.mean(likelihood)),
        "george": float(present),
    }


def _george(x: Values, flux: Values, error: Values, scale: float) -> float:
    """As Boone's code does it: the gradient of the likelihood, from half the brightest flux and 20 days."""
    import george
    from george import kernels

    kernel = (0.5 * scale) ** 2 * kernels.Matern32Kernel([FIRST_LENGTH**2, WAVELENGTH**2], ndim=2)
    kernel.freeze_parameter("k2:metric:log_M_1_1")
    process = george.GP(kernel)
    process.compute(x, error)

    def loss(p: Values) -> float:
        process.set_parameter_vector(p)
        return float(-process.log_likelihood(flux))

    def slope(p: Values) -> Values:
        process.set_parameter_vector(p)
        return np.asarray(-process.grad_log_likelihood(flux))

    start = process.get_parameter_vector()
    bounds = [(start[0] - 10, start[0] + 10), (0, np.log(1000.0**2))]
    found = minimize(loss, start, jac=slope, bounds=bounds)
    process.set_parameter_vector(found.x)
    process.predict(flux, np.stack(_grid(), axis=1), return_cov=False)
    return -float(found.fun)


def _scikit_learn(x: Values, flux: Values, error: Values, scale: float) -> float:
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern

    # Its lengths are all free or all fixed, so that of the wavelength gets bounds without room
    lengths = [(0.5, 1000.0), (WAVELENGTH, WAVELENGTH * (1 + 1e-9))]
    kernel = ConstantKernel((0.5 * scale) ** 2, (scale**2 * 1e-4, scale**2 * 1e4)) * Matern(
        [FIRST_LENGTH, WAVELENGTH], lengths, nu=1.5
    )
    process = GaussianProcessRegressor(kernel, alpha=error**2).fit(x, flux)
    process.predict(np.stack(_grid(), axis=1))
    return float(process.log_marginal_likelihood_value_)


def rows(report: Progress) -> list[dict[str, object]]:
    """Half a minute."""
    report.note("light curves one by one")
    theirs = apart("transients_gp", "peer")
    report.note("light curves in batches")
    own = apart("transients_gp", "ours")
    name = "george" if theirs["george"] else "scikit-learn"
    ratio = own["rate"] / theirs["rate"]
    what = "transients: Gaussian processes of light curves, one thread"
    loss = theirs["likelihood"] - own["likelihood"]
    return [
        row(
            f"{what}: fit of two parameters and {len(GRID) * 6} predictions",
            own["rate"],
            "light curves/s",
            ">= 2 x the peer",
            ratio >= 2,
            f"{name} {theirs['rate']:.0f} a second",
            ratio,
        ),
        row(f"{what}: ln likelihood below that of {name}, mean", loss, "", "<= 0.2", loss <= 0.2),
        row(
            f"{what}: memory on top of the light curves", own["memory"], "MiB", "<= 300", own["memory"] <= 300
        ),
    ]


_PARTS: dict[str, Callable[[], dict[str, float]]] = {"ours": ours, "peer": peer}

if __name__ == "__main__":
    print(json.dumps(_PARTS[sys.argv[1]]()))
