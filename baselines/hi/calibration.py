"""What the training field teaches: how flux and width are biased, from which height on to claim, and how sure to be."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from blindsky.baselines.hi.measuring import FLUXES, SIZES, WIDTHS, derived, rest_width
from blindsky.challenges.hi.columns import SDC2
from blindsky.challenges.hi.cube import Voxels
from blindsky.challenges.hi.field import CHANNEL, Field
from blindsky.challenges.hi.sofia import merged
from blindsky.scoring.catalogue import match
from blindsky.scoring.measurements import Array, FloatArray, Table

Line = tuple[float, float]  # slope and zero
FEWEST = 10  # matches that a line is fitted to
STEEPEST = 0.5  # slope of a correction, so that none runs away outside what it was fitted to
FAR = 2.0  # ln(true / measured) that no bias reaches: another source
_NEWTON = 30  # steps of the fit of the odds
_RIDGE = 1e-2  # keeps the odds finite where true and false claims don't overlap


@dataclass(frozen=True)
class Calibration:
    """How candidates of a finder become claims.

    flux, width : ln(true / measured) as a line in ln(measured).   threshold : peak from which on to claim.
    odds : ln(p / (1 - p)) of a candidate to be a source, as a line in ln(peak).
    """

    flux: Line = (0.0, 0.0)
    width: Line = (0.0, 0.0)
    threshold: float = 0.0
    odds: Line = (0.0, 0.0)

    def claims(self, found: Table, cube: Voxels, field: Field) -> Table:
        """Candidates as rows of a catalogue with ``conf`` and ``peak``; of one source seen twice only the brighter.

        At least one row, since a catalogue without any is none: where nothing was found, the centre of the field.
        """
        if not len(found["x"]):
            found = _nothing(cube)
        chosen = found["peak"] >= self.threshold
        chosen[np.argmax(found["peak"])] = True
        found = {name: column[chosen] for name, column in found.items()}
        frequency = cube.frequencies[0] + CHANNEL * found["z"]
        flux = np.clip(_corrected(found["flux"], self.flux), *FLUXES)
        w20 = np.clip(_corrected(rest_width(found["width"], frequency), self.width), *WIDTHS)
        ra, dec = field.world(found["x"], found["y"])
        slope, zero = self.odds
        table = {
            "id": np.zeros(len(ra), np.int64),
            "ra": ra,
            "dec": dec,
            "line_flux_integral": flux,
            "central_freq": frequency,
            "pa": found["pa"],
            "w20": w20,
            **derived(flux, frequency, w20),
            "conf": 1 / (1 + np.exp(-slope * np.log(found["peak"]) - zero)),
            "peak": found["peak"],
        }
        rows = merged(table, np.arange(len(ra)))
        return {name: column[rows] for name, column in table.items()} | {"id": np.arange(1, 1 + len(rows))}


def catalogue(claims: Table) -> Table:
    """The columns of a prediction."""
    return {name: claims[name] for name in (*SDC2, "conf")}


def nothing(cube: Voxels, field: Field) -> Table:
    """The one row of a catalogue where nothing was found, as ``Calibration.claims`` returns it."""
    return Calibration().claims(_nothing(cube), cube, field)


def clipped(claims: Table) -> Table:
    """Claims that others made, within the ranges that a prediction may have."""
    limits = {"line_flux_integral": FLUXES, "w20": WIDTHS, "hi_size": SIZES, "i": (0.0, 90.0)}
    return claims | {name: np.clip(claims[name], *ends) for name, ends in limits.items()}


def _corrected(measured: FloatArray, line: Line) -> FloatArray:
    slope, zero = line
    return np.asarray(measured * np.exp(slope * np.log(measured) + zero))


def _nothing(cube: Voxels) -> Table:
    nz, ny, nx = cube.shape
    one = {
        "x": nx / 2,
        "y": ny / 2,
        "z": nz / 2,
        "flux": 1.0,
        "width": 1e6,
        "pa": 0.0,
        "peak": 1e-3,
        "voxels": 0,
    }
    return {name: np.array([number], dtype=np.float64) for name, number in one.items()}


def calibrate(found: Table, truth: Table, cube: Voxels, field: Field) -> Calibration:
    """Fit to the candidates and the sources of the training field; the threshold is that of the best training score.

    found : as ``search`` returns it.   truth : columns of SDC2.
    """
    plain = Calibration()
    claims = plain.claims(found, cube, field)
    seen = match(truth, claims)
    fitted = replace(
        plain,
        flux=_line(claims["line_flux_integral"][seen.claim], truth["line_flux_integral"][seen.truth]),
        width=_line(claims["w20"][seen.claim], truth["w20"][seen.truth]),
    )
    claims = fitted.claims(found, cube, field)
    gains = match(truth, claims).gains
    return replace(
        fitted,
        threshold=best_threshold(claims["peak"], gains),
        odds=_odds(np.log(claims["peak"]), gains > -1),
    )


def best_threshold(peak: Array, gains: FloatArray) -> float:
    """The peak (n,) from which on what claims add to the score (n,) has the largest sum."""
    order = np.argsort(-peak, kind="stable")
    return float(peak[order[np.argmax(np.cumsum(gains[order]))]])


def _line(measured: FloatArray, true: FloatArray) -> Line:
    x, y = np.log(measured), np.log(true / measured)
    near = np.abs(y) < FAR
    if near.sum() < FEWEST:
        return 0.0, 0.0
    slope, _ = np.polyfit(x[near], y[near], 1)
    slope = float(np.clip(slope, -STEEPEST, STEEPEST))
    return slope, float(np.mean(y[near] - slope * x[near]))


def _odds(x: FloatArray, real: Array) -> Line:
    """Logistic regression on one variable, by Newton's method."""
    middle = x.mean()
    design = np.stack([x - middle, np.ones_like(x)], axis=1)
    at: FloatArray = np.zeros(2)
    for _ in range(_NEWTON):
        p = 1 / (1 + np.exp(-np.clip(design @ at, -30, 30)))
        slope = design.T @ (real - p) - _RIDGE * at
        bend = (design * (p * (1 - p))[:, None]).T @ design + _RIDGE * np.eye(2)
        at = at + np.linalg.solve(bend, slope)
    return float(at[0]), float(at[1] - at[0] * middle)
