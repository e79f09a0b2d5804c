"""Speed of light-curve features beside the field's Rust library, ``light-curve`` (Malanchev et al. 2021), on one core.

The library takes one light curve of one band at a time: it gets them cut into bands beforehand, and a set of features
of the kind and number that ours has for each band. It is not needed otherwise: ``pip install light-curve``.
"""

from __future__ import annotations

import json
import sys
from importlib.util import find_spec

import numpy as np

from blindsky.challenges.progress import Progress
from tests.benchmarks.measuring import apart, best, row

OBJECTS = 10_000
OBSERVATIONS = 130  # of an object, as in the test set of PLAsTiCC
SECONDS = 2.0  # for so many objects
PEER = "light_curve"


def curves():  # type: ignore[no-untyped-def]
    """Bumps of some weeks in noise, with their metadata."""
    from blindsky.baselines.transients.lightcurves import LightCurves
    from blindsky.challenges.transients.cosmology import distance_modulus

    rng = np.random.default_rng(0)
    counts = rng.poisson(OBSERVATIONS, OBJECTS)
    starts = np.concatenate([[0], np.cumsum(counts)])
    owner = np.repeat(np.arange(OBJECTS), counts)
    mjd = rng.uniform(59_580, 60_675, starts[-1])
    mjd = mjd[np.lexsort((mjd, owner))]
    error = np.exp(rng.normal(1.5, 0.5, starts[-1]))
    true = 60 * np.exp(-(((mjd - rng.uniform(59_600, 60_600, OBJECTS)[owner]) / 25) ** 2))
    flux = true + error * rng.standard_normal(starts[-1])
    z = rng.uniform(0.05, 1, OBJECTS)
    table = {
        "hostgal_photoz": z,
        "hostgal_photoz_err": 0.05 * z,
        "distmod": distance_modulus(z),
        "mwebv": np.full(OBJECTS, 0.05),
        "ddf": np.zeros(OBJECTS),
    }
    band = rng.integers(0, 6, starts[-1])
    return LightCurves(starts, mjd, band, flux, error, true > 5 * error), table


def ours() -> dict[str, float]:
    """Seconds for all features of all objects, and how many features that is."""
    from blindsky.baselines.transients.features import NAMES, features

    observed, table = curves()
    return {"seconds": best(lambda: features(observed, table)), "features": len(NAMES)}


def theirs() -> dict[str, float]:
    """The same for the library, a core at a time."""
    import light_curve as lc  # type: ignore[import-not-found, unused-ignore]

    extractor = lc.Extractor(
        lc.Mean(), lc.WeightedMean(), lc.ReducedChi2(), lc.Skew(), lc.Kurtosis(), lc.Amplitude(), lc.MaximumSlope(),
        lc.Eta(), lc.BeyondNStd(1.0), lc.InterPercentileRange(0.25), lc.Median(), lc.StetsonK(), lc.LinearTrend(),
    )  # fmt: skip
    observed, _ = curves()
    cell = observed.owner * 6 + observed.passband
    order = np.argsort(cell, kind="stable")
    ends = np.flatnonzero(np.diff(cell[order])) + 1
    columns = (observed.mjd, observed.flux, observed.flux_err)
    # copies: it checks views of one array against each other, which would take a hundred times as long
    split = [[part.copy() for part in np.split(column[order], ends)] for column in columns]
    bands = [one for one in zip(*split, strict=True) if len(one[0]) > 4]  # fewer have no kurtosis
    seconds = best(lambda: extractor.many(bands, sorted=True, check=False, n_jobs=1, fill_value=np.nan))
    return {"seconds": seconds, "features": 6 * len(extractor.names)}


def rows(report: Progress) -> list[dict[str, object]]:
    """The rate of ours, and of the library where it is installed."""
    report.note("features")
    own = apart("transients_features", "ours")
    rate = OBJECTS / own["seconds"]
    name = f"features of light curves, {OBSERVATIONS} observations, {own['features']:.0f} features an object"
    target = f">= {OBJECTS / SECONDS:,.0f} objects/s"
    if find_spec(PEER) is None:
        peer, ratio = "light-curve is not installed: pip install light-curve", None
    else:
        found = apart("transients_features", "theirs")
        ratio = found["seconds"] / own["seconds"]
        peer = f"light-curve {OBJECTS / found['seconds']:,.0f} objects/s, {found['features']:.0f} features"
    return [row(name, rate, "objects/s", target, rate >= OBJECTS / SECONDS, peer, ratio)]


if __name__ == "__main__":
    print(json.dumps({"ours": ours, "theirs": theirs}[sys.argv[1]]()))
