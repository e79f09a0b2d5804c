"""The figures of a catalogue: numbers made at judging, ready for JSON, for the templates of the leaderboard.

Each function takes (measurements, columns), both by measured row, and gives the data of one figure, or None where it
has nothing to show. A bin with sources or claims of fewer than ``FEWEST`` blocks is not shown. ``one`` is what one of
them adds to a value. Intervals are 95 %.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from blindsky.challenges.challenge import Figure
from blindsky.challenges.curves import (
    FEWEST,
    NORMAL,
    Curve,
    Point,
    curve,
    hidden,
    plain,
    reliability,
    reliability_figure,
)
from blindsky.challenges.hi.measure import CLAIM, SOURCE
from blindsky.scoring.card import wilson
from blindsky.scoring.measurements import FloatArray, Measurements, Table

Data = dict[str, Any] | None

SNR = np.array([1, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 50, 100.0])
LOG_FLUX = np.round(np.arange(0.25, 2.26, 0.25), 2)  # of Jy Hz
LOG_SIZE = np.round(np.arange(0.2, 1.81, 0.2), 1)  # of arcsec
LOG_W20 = np.round(np.arange(1.4, 3.01, 0.2), 1)  # of km/s
FEW_SOURCES = 2_000  # below this, cells of the planes are twice as wide
CONFIDENCES = 10
CUTS = np.linspace(0, 1, 21)
RESIDUALS = (
    ("off_position", "position [arcsec]"),
    ("off_central_freq", "velocity [km/s]"),
    ("off_line_flux_integral", "flux ratio - 1"),
    ("off_hi_size", "size ratio - 1"),
    ("off_pa", "pa [deg]"),
    ("off_w20", "w20 ratio - 1"),
    ("off_i", "i [deg]"),
)
QUANTILES = (0.5, 0.16, 0.84)


class Chosen(NamedTuple):
    """Rows that a figure is about: where they lie (n,), the block of each, and whether it is a yes, 1 or 0."""

    x: FloatArray
    case: NDArray[np.int64]
    yes: FloatArray

    @property
    def blocks(self) -> int:
        """Number of blocks with such rows."""
        return len(np.unique(self.case))

    def take(self, rows: NDArray[np.bool_]) -> Chosen:
        """Some of the rows."""
        return Chosen(self.x[rows], self.case[rows], self.yes[rows])


def _secret(columns: Table) -> bool:
    """Whether these are sources whose truth is still to be hidden; that of the training field never is."""
    return hidden(columns) and not np.any(columns["part"] == "train")


def _cases(measurements: Measurements) -> NDArray[np.int64]:
    return np.arange(len(measurements)) if measurements.case is None else measurements.case


def _chosen(measurements: Measurements, kind: int, x: str, yes: str) -> Chosen | None:
    """Rows of a kind that have an x; None where the measurements don't tell."""
    if x not in measurements or yes not in measurements:
        return None
    everything = Chosen(measurements.floats(x), _cases(measurements), measurements.floats(yes))
    return everything.take((measurements["kind"] == kind) & ~np.isnan(everything.x))


def _share(rows: Chosen) -> tuple[float, float, float, float]:
    """Share of the yes with an interval that the blocks make as wide as they are alike within, and what one row adds.

    Wilson's, of as many rows as would by themselves scatter like the blocks (Kish 1965: the design effect).
    """
    n, value = len(rows.yes), float(rows.yes.mean())
    _, block = np.unique(rows.case, return_inverse=True)
    off = np.bincount(block, rows.yes - value)
    alone = n * value * (1 - value)
    effect = max(1.0, float(off @ off) / alone) if alone > 0 else 1.0
    low, high = wilson(value, max(round(n / effect), 1))
    return value, float(low), float(high), 1 / n


def _against_snr(
    kind: int, x: str, yes: str, x_label: str, y_label: str
) -> Callable[[Measurements, Table], Data]:
    """A share in bins of S/N."""

    def data(measurements: Measurements, columns: Table) -> Data:
        rows = _chosen(measurements, kind, x, yes)
        if rows is None:
            return None
        points: list[Point] = []
        for low, high in pairwise(SNR):
            inside = rows.take((rows.x >= low) & (rows.x < high))
            if inside.blocks >= FEWEST:
                points.append((float(np.sqrt(low * high)), *_share(inside)))
        if not points:
            return None
        panel = {"key": "share", "y_label": y_label, "y_range": [0.0, 1.0], "guides": []}
        return {
            "x_label": x_label,
            "x_range": plain(SNR[[0, -1]]),
            "x_log": True,
            "panels": [panel | {"series": [curve(points) | {"dots": True}]}],
        }

    return data


def _names(edges: FloatArray) -> list[str]:
    """Bins by the numbers between which they are."""
    ends = [f"{end:.0f}" if end >= 10 else f"{end:.2g}" for end in 10**edges]
    return [f"{low} to {high}" for low, high in pairwise(ends)]


def _plane(column: str, edges: FloatArray, y_label: str) -> Callable[[Measurements, Table], Data]:
    """Completeness in the plane of flux and another property."""

    def data(measurements: Measurements, columns: Table) -> Data:
        sources = _chosen(measurements, SOURCE, "line_flux_integral", "found")
        if sources is None:
            return None
        step = 2 if len(sources.x) < FEW_SOURCES else 1
        across, up = LOG_FLUX[::step], edges[::step]
        i = np.digitize(np.log10(sources.x), across) - 1
        j = np.digitize(np.log10(measurements.floats(column)[measurements["kind"] == SOURCE]), up) - 1
        values: list[list[float | None]] = []
        counts: list[list[int]] = []
        one: list[float | None] = []
        for row in range(len(up) - 1)[::-1]:
            cells = [sources.take((i == k) & (j == row)) for k in range(len(across) - 1)]
            shown = [cell.blocks >= FEWEST for cell in cells]
            values.append([float(c.yes.mean()) if s else None for c, s in zip(cells, shown, strict=True)])
            counts.append([len(c.yes) for c in cells])
            # of the emptiest cell shown, so that none is told more sharply than its sources allow
            fewest = min((len(c.yes) for c, s in zip(cells, shown, strict=True) if s), default=0)
            one.append(1 / fewest if fewest else None)
        if not any(one):
            return None
        return {
            "x_label": "flux [Jy Hz]",
            "y_label": y_label,
            "rows": _names(up)[::-1],
            "columns": _names(across),
            "values": values,
            "one": one,
            "counts": [] if _secret(columns) else counts,
        }

    return data


def residuals(measurements: Measurements, columns: Table) -> Data:
    """Median errors of the seven properties against S/N, with the range of two thirds of them; of open truth alone."""
    if _secret(columns) or "snr" not in measurements:
        return None
    panels = []
    for column, y_label in RESIDUALS:
        found = _running(measurements, column)
        if found is not None:
            ends = [0.0, *found["low"], *found["high"]]
            zero = {"label": "none", "x": plain(SNR[[0, -1]]), "y": [0.0, 0.0]}
            panels.append(
                {
                    "key": column,
                    "y_label": y_label,
                    "y_range": [min(ends), max(ends)],
                    "guides": [zero],
                    "series": [found],
                }
            )
    if not panels:
        return None
    return {"x_label": "S/N of the source", "x_range": plain(SNR[[0, -1]]), "x_log": True, "panels": panels}


def _running(measurements: Measurements, column: str) -> Curve | None:
    """Median and 16 and 84 % of a column in bins of S/N."""
    rows = _chosen(measurements, CLAIM, "snr", column)
    if rows is None:
        return None
    rows = rows.take(~np.isnan(rows.yes))
    points: list[Point] = []
    for low, high in pairwise(SNR):
        inside = rows.take((rows.x >= low) & (rows.x < high))
        if inside.blocks >= FEWEST:
            middle, lower, upper = np.quantile(inside.yes, QUANTILES)
            points.append((float(np.sqrt(low * high)), float(middle), float(lower), float(upper), 0.0))
    return curve(points) if points else None


def trusted(measurements: Measurements, columns: Table) -> Data:
    """How often a claim of some confidence is a source."""
    claims = _chosen(measurements, CLAIM, "conf", "hit")
    if claims is None:
        return None
    found = reliability(claims.yes > 0, claims.x, CONFIDENCES)
    return None if found is None else reliability_figure(found, "confidence", "share of matches")


def cuts(measurements: Measurements, columns: Table) -> Data:
    """Score of the claims above each confidence, the others left out; of open truth alone.

    Sources that lose a duplicate are not divided anew.
    """
    claims = _chosen(measurements, CLAIM, "conf", "gain")
    if _secret(columns) or claims is None or not len(claims.x):
        return None
    points: list[Point] = []
    for cut in CUTS:
        gains = np.where(claims.x >= cut, claims.yes, 0.0)
        score, half = (
            float(gains.sum()),
            NORMAL * float(np.sqrt(np.sum(np.bincount(claims.case, gains) ** 2))),
        )
        points.append((float(cut), score, score - half, score + half, 1.0))
    line = curve(points)
    ends = [0.0, *line["low"], *line["high"]]
    panel = {"key": "score", "y_label": "SDC2 score", "y_range": [min(ends), max(ends)]}
    return {
        "x_label": "least confidence",
        "x_range": [0.0, 1.0],
        "x_log": False,
        "panels": [panel | {"guides": [], "series": [line]}],
    }


FIGURES = (
    Figure(
        "completeness_snr",
        "Completeness by S/N",
        "curves",
        _against_snr(SOURCE, "snr", "found", "S/N of the source", "completeness"),
        needs=("part",),
        caption="Sources that were found.",
        together=True,
    ),
    Figure(
        "purity_snr",
        "Purity by S/N",
        "curves",
        _against_snr(CLAIM, "snr_claimed", "hit", "S/N by the detection's own numbers", "purity"),
        needs=("part",),
        caption="Detections that are sources.",
        together=True,
    ),
    Figure(
        "completeness_flux_size",
        "Completeness by flux and size",
        "matrix",
        _plane("hi_size", LOG_SIZE, "size [arcsec]"),
        needs=("part",),
        caption="Shares of the sources of each cell that were found.",
    ),
    Figure(
        "completeness_flux_w20",
        "Completeness by flux and width",
        "matrix",
        _plane("w20", LOG_W20, "w20 [km/s]"),
        needs=("part",),
        caption="Shares of the sources of each cell that were found.",
    ),
    Figure(
        "residuals",
        "Errors of the properties",
        "curves",
        residuals,
        needs=("part",),
        caption="Claimed minus true, or claimed over true minus 1: median, and 16 to 84 % of the matches.",
        training=True,
    ),
    Figure(
        "reliability", "Confidence", "curves", trusted, caption="Detections that gave one.", training=True
    ),
    Figure(
        "cuts",
        "Score by confidence",
        "curves",
        cuts,
        needs=("part",),
        caption="Detections below the confidence left out.",
        training=True,
    ),
)
"""What the measurements don't hold makes a figure absent."""
