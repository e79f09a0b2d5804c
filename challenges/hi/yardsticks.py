"""Catalogues made with the truth in hand: what no finder is needed for, and what one with known errors would reach."""

from __future__ import annotations

import numpy as np

from blindsky.challenges.hi.columns import SDC2
from blindsky.scoring.measurements import Table

DETECTABLE = 5.0  # signal to noise from which on a source counts as one that can be found
CONSTANT: dict[
    str, dict[str, float]
] = {  # rung -> what is the same for all sources; each has that of those before it
    "perfect": {},
    "angles": {"pa": 0.0, "i": 60.0},
    "size": {"hi_size": 8.5},
    "width": {"w20": 220.0},
    "flux": {"line_flux_integral": 5.6},
}


def null(truth: Table) -> Table:
    """The catalogue without rows."""
    return {name: truth[name][:0] for name in SDC2}


def ladder(truth: Table) -> dict[str, Table]:
    """All true places and frequencies, with ever more properties the same for all, by rung."""
    rungs: dict[str, Table] = {}
    table = {name: truth[name] for name in SDC2}
    for rung, same in CONSTANT.items():
        table = table | {name: np.full(len(truth["id"]), value) for name, value in same.items()}
        rungs[rung] = table
    return rungs


def perturbed(truth: Table, rng: np.random.Generator) -> Table:
    """Every source with S/N 5 and more, measured with errors in proportion to 5/(S/N).

    At S/N 5, one sigma: flux 20 %, place 1.2" in each direction, w20 15 %, frequency 8 % of the width, position angle
    20 deg, inclination 12 deg; size 20 % at any.
    """
    seen = {name: column[truth["snr"] >= DETECTABLE] for name, column in truth.items()}
    n = len(seen["id"])
    error = DETECTABLE / seen["snr"]
    g = rng.standard_normal((8, n))
    width = seen["w20"] / 299_792.458 * seen["central_freq"]
    off = 1.2 / 3600 * error
    tilt = np.abs(seen["i"] + 12 * error * g[6])
    return {
        "id": seen["id"],
        "ra": (seen["ra"] + off * g[0] / np.cos(np.radians(seen["dec"]))) % 360,
        "dec": seen["dec"] + off * g[1],
        "hi_size": seen["hi_size"] * np.exp(0.2 * g[2]),
        "line_flux_integral": seen["line_flux_integral"] * np.exp(0.2 * error * g[3]),
        "central_freq": seen["central_freq"] + 0.08 * error * width * g[4],
        "pa": (seen["pa"] + 20 * error * g[5]) % 360,
        "i": np.where(tilt > 90, 180 - tilt, tilt),
        "w20": seen["w20"] * np.exp(0.15 * error * g[7]),
    }
