"""The figures of a deblending entry: numbers made at judging, ready for JSON, for the templates of the leaderboard.

Each function takes (measurements, columns), both by measured row, and gives the data of one figure, or None where it
has nothing to show. A bin that fewer than ``FEWEST`` blends fall into is not shown. ``one`` is what one blend adds to a
value. Intervals are 95 %.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from blindsky.challenges.challenge import Figure
from blindsky.challenges.curves import FEWEST, NORMAL, Curve, Point, curve, fewest, hidden, plain, share
from blindsky.challenges.deblending.measure import OBJECT
from blindsky.challenges.deblending.pictures import worst_first
from blindsky.challenges.deblending.slices import DIFFERENCES, SEPARATIONS
from blindsky.challenges.deblending.statistics import OUTLIER, offsets
from blindsky.scoring.measurements import Array, FloatArray, Measurements, Table

Data = dict[str, Any] | None
Rows = NDArray[np.bool_]

SLOTS = {0: "central", 1: "companion"}
MAGNITUDES = np.arange(17.0, 25.01, 0.25)
FEW_PAIRS = 1_000  # below this, cells are twice as wide
BLENDEDNESS = np.array([1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.2, 0.4, 0.7, 1.0])
SNR = np.array([5, 10, 20, 50, 100, 200, 500, 1000, 3000, 10_000.0])
RESIDUALS = np.linspace(-1.0, 1.0, 41)
OVERLAPS = np.linspace(0.0, 1.0, 21)
PICTURED = 8  # blends of a gallery
TRUE_NUMBERS, MOST_FOUND = range(2, 7), 8
Summary = Callable[[FloatArray], tuple[float, float, float, float]]


class Bins(NamedTuple):
    """Edges of bins (k + 1,), and where their values are drawn (k,)."""

    edges: FloatArray
    middles: FloatArray

    @classmethod
    def of(cls, edges: Array, log: bool = False) -> Bins:
        """Middles on the axis."""
        ends = np.asarray(edges, dtype=np.float64)
        middles = np.sqrt(ends[1:] * ends[:-1]) if log else (ends[1:] + ends[:-1]) / 2
        return cls(ends, middles)

    def curve(self, x: FloatArray, y: FloatArray, case: Array, summary: Summary) -> Curve | None:
        """A summary of y (n,) in each bin of x (n,) that holds enough blends; None where none does."""
        where = np.digitize(x, self.edges) - 1
        known = np.isfinite(y) & np.isfinite(x)
        points: list[Point] = []
        for k, middle in enumerate(self.middles):
            inside = known & (where == k)
            if len(np.unique(case[inside])) >= FEWEST:
                points.append((float(middle), *summary(y[inside])))
        return curve(points) | {"dots": True} if points else None


def mean(values: FloatArray) -> tuple[float, float, float, float]:
    """Mean and its normal interval, not below 0."""
    value, n = float(values.mean()), len(values)
    half = NORMAL * float(values.std(ddof=1)) / np.sqrt(n)
    return value, max(value - half, 0.0), value + half, 1 / n


def median(values: FloatArray) -> tuple[float, float, float, float]:
    """Median and the order statistics that hold it (David & Nagaraja 2003)."""
    ordered, n = np.sort(values), len(values)
    half = NORMAL * np.sqrt(n) / 2
    low, high = max(int(n / 2 - half), 0), min(int(np.ceil(n / 2 + half)), n - 1)
    return float(np.median(ordered)), float(ordered[low]), float(ordered[high]), 0.0


def scatter(values: FloatArray) -> tuple[float, float, float, float]:
    """NMAD, with the interval that it has for normal errors: 1.17 times as wide as of a standard deviation."""
    value, n = 1.4826 * float(np.median(np.abs(values - np.median(values)))), len(values)
    half = NORMAL * 1.17 * value / np.sqrt(n)
    return value, max(value - half, 0.0), value + half, 0.0


def found_share(values: FloatArray) -> tuple[float, float, float, float]:
    """A share with Wilson's interval."""
    return share(values > 0) or (np.nan, np.nan, np.nan, 0.0)


def _panel(key: str, y_label: str, series: Curve, **more: Any) -> dict[str, Any]:
    ends = [0.0, *series["low"], *series["high"], *(v for one in more.get("guides", ()) for v in one["y"])]
    return {
        "key": key,
        "y_label": y_label,
        "y_range": [min(ends), max(ends)],
        "guides": [],
        "series": [series],
        **more,
    }


def _panels(x_label: str, bins: Bins, log: bool, panels: list[dict[str, Any] | None]) -> Data:
    shown = [panel for panel in panels if panel is not None]
    if not shown:
        return None
    return {"x_label": x_label, "x_range": plain(bins.edges[[0, -1]]), "x_log": log, "panels": shown}


def _error(measurements: Measurements, band: str = "") -> FloatArray:
    """|f/f_true - 1|, a missed galaxy counting as 1."""
    return np.asarray(np.abs(measurements.floats(f"ratio{band}") - 1))


def _cases(measurements: Measurements) -> Array:
    return np.arange(len(measurements)) if measurements.case is None else measurements.case


def magnitudes(measurements: Measurements, columns: Table) -> Data:
    """Predicted against true magnitude, counts (ny, nx)."""
    if "mag" not in measurements or "ratio" not in measurements:
        return None
    true = measurements.floats("mag")
    claimed = true + offsets(measurements.floats("ratio"))
    edges = MAGNITUDES[::2] if len(true) < 2 * FEW_PAIRS else MAGNITUDES
    known = np.isfinite(claimed)
    counts, _, _ = np.histogram2d(claimed[known], true[known], bins=(edges, edges))
    least = max(2 * fewest(columns), 1)  # two galaxies of a pair may share a cell
    if not np.any(counts >= least):
        return None
    ends = edges[[0, -1]]
    lines = (("equal", 0.0), ("0.75 mag fainter", OUTLIER), ("0.75 mag brighter", -OUTLIER))
    return {
        "x_label": "true magnitude",
        "y_label": "predicted magnitude",
        "x_edges": plain(edges),
        "y_edges": plain(edges),
        "counts": [[int(c) if c >= least else None for c in row] for row in counts],
        "lines": [{"label": label, "x": plain(ends), "y": plain(ends + shift)} for label, shift in lines],
    }


def residuals(measurements: Measurements, columns: Table) -> Data:
    """Magnitude errors of both galaxies of pairs."""
    if "ratio" not in measurements:
        return None
    dm = offsets(measurements.floats("ratio"))
    counts, _ = np.histogram(dm[np.isfinite(dm)], bins=RESIDUALS)
    return _histogram(counts, len(dm), columns, RESIDUALS, "predicted - true magnitude", "share of galaxies")


def _histogram(counts: Array, n: int, columns: Table, edges: FloatArray, x_label: str, y_label: str) -> Data:
    if n < 2 * FEWEST:
        return None
    return {
        "x_label": x_label,
        "y_label": y_label,
        "edges": plain(edges),
        "values": [float(c) / n if c >= 2 * fewest(columns) else None for c in counts],
        "one": 2 / n,
    }


def by_difference(measurements: Measurements, columns: Table) -> Data:
    """Median magnitude error against the difference of the two magnitudes."""
    bins, dm, slot = (
        Bins.of(np.array(DIFFERENCES)),
        offsets(measurements.floats("ratio")),
        measurements["obj"],
    )
    panels = []
    for number, name in SLOTS.items():
        chosen = slot == number
        found = bins.curve(
            np.asarray(columns["dm"], np.float64)[chosen], dm[chosen], _cases(measurements)[chosen], median
        )
        zero = {"label": "none", "x": plain(bins.edges[[0, -1]]), "y": [0.0, 0.0]}
        panels.append(None if found is None else _panel(name, f"{name} [mag]", found, guides=[zero]))
    return _panels("magnitude of the central galaxy - of its companion", bins, False, panels)


def by_separation(measurements: Measurements, columns: Table) -> Data:
    """Mean error of both galaxies, and the share of pairs in which both were found, against their separation."""
    bins, slot, case = Bins.of(np.array(SEPARATIONS)), measurements["obj"], _cases(measurements)
    separation = np.asarray(columns["separation"], dtype=np.float64)
    error = 100 * _error(measurements)
    panels = []
    for number, name in SLOTS.items():
        chosen = slot == number
        found = bins.curve(separation[chosen], error[chosen], case[chosen], _percent)
        panels.append(None if found is None else _panel(name, f"{name} [%]", found))
    ratio = measurements.floats("ratio").reshape(-1, 2)
    both = np.all(ratio > 0, axis=1).astype(np.float64)
    found = bins.curve(separation[::2], both, case[::2], found_share)
    panels.append(None if found is None else _panel("found", "both found", found, y_range=[0.0, 1.0]))
    return _panels("separation [pixel]", bins, False, panels)


def _percent(values: FloatArray) -> tuple[float, float, float, float]:
    value, low, high, one = mean(values)
    return value, low, high, 100 * one


def _scored(measurements: Measurements) -> Rows:
    """Rows of galaxies that count."""
    if "kind" in measurements:
        return np.asarray(measurements["kind"] == OBJECT)
    return np.ones(len(measurements), dtype=bool)


def _by(column: str, x_label: str, edges: FloatArray) -> Callable[[Measurements, Table], Data]:
    """Error, and for scenes recall, against a property of the galaxy."""

    def data(measurements: Measurements, columns: Table) -> Data:
        if column not in measurements:
            return None
        bins, rows = Bins.of(edges, log=True), _scored(measurements)
        x, case = measurements.floats(column)[rows], _cases(measurements)[rows]
        scene = "deblend_error" in measurements
        error = measurements.floats("deblend_error") if scene else np.minimum(_error(measurements), 1)
        found = bins.curve(x, error[rows], case, mean)
        panels = [
            None if found is None else _panel("error", "mean error, at most 1", found, y_range=[0.0, 1.0])
        ]
        if scene:
            found = bins.curve(x, measurements.floats("hit")[rows], case, found_share)
            panels.append(None if found is None else _panel("recall", "recall", found, y_range=[0.0, 1.0]))
        return _panels(x_label, bins, True, panels)

    return data


def overlaps(measurements: Measurements, columns: Table) -> Data:
    """IoU of the masks."""
    if "iou" not in measurements:
        return None
    iou = measurements.floats("iou")
    known = iou[np.isfinite(iou)]
    counts, _ = np.histogram(known, bins=OVERLAPS)
    return _histogram(counts, len(known), columns, OVERLAPS, "IoU", "share of galaxies")


def numbers(measurements: Measurements, columns: Table) -> Data:
    """How many were found in scenes of how many, shares of a row."""
    if "false" not in measurements or "distance" not in measurements:
        return None
    first = np.isfinite(measurements.floats("n_true"))
    true = measurements.floats("n_true")[first].astype(np.int64)
    found = np.minimum(measurements.floats("n_found")[first].astype(np.int64), MOST_FOUND)
    counts = np.zeros((len(TRUE_NUMBERS), MOST_FOUND + 1))
    inside = np.isin(true, TRUE_NUMBERS)
    np.add.at(counts, (true[inside] - TRUE_NUMBERS[0], found[inside]), 1)
    n = counts.sum(axis=1)
    if not np.any(n >= FEWEST):
        return None
    least = fewest(columns)
    return {
        "x_label": "found",
        "y_label": "galaxies",
        "rows": [str(k) for k in TRUE_NUMBERS],
        "columns": [*(str(k) for k in range(MOST_FOUND)), f"{MOST_FOUND}+"],
        "values": [
            [float(c / total) if total >= FEWEST and c >= least else None for c in row]
            for row, total in zip(counts, n, strict=True)
        ],
        "one": [1 / int(total) if total >= FEWEST else None for total in n],
    }


def colours(measurements: Measurements, columns: Table) -> Data:
    """Scatter of the g - r error against blendedness."""
    if "blendedness" not in measurements or "ratio_g" not in measurements:
        return None
    g, r = measurements.floats("ratio_g"), measurements.floats("ratio_r")
    known = (g > 0) & (r > 0)
    error: FloatArray = np.full(len(g), np.nan)
    error[known] = -2.5 * np.log10(g[known] / r[known])
    bins = Bins.of(BLENDEDNESS, log=True)
    found = bins.curve(measurements.floats("blendedness"), error, _cases(measurements), scatter)
    panels = [None if found is None else _panel("nmad", "NMAD of g - r [mag]", found)]
    return _panels("blendedness", bins, True, panels)


_BLEND = _by("blendedness", "blendedness", BLENDEDNESS)
_SNR = _by("snr", "S/N", SNR)


def _of_blends(measurements: Measurements) -> tuple[FloatArray, NDArray[np.intp]]:
    """Mean error of the galaxies of each blend, at most 1 each, NaN where none counts; how many of them were missed."""
    case = _cases(measurements)
    n = int(case.max()) + 1
    if "deblend_error" in measurements:
        error, missed = measurements.floats("deblend_error"), measurements.floats("hit") == 0
    else:
        error = np.minimum(_error(measurements), 1)
        missed = measurements.floats("ratio") == 0
    known = np.isfinite(error)
    total = np.bincount(case[known], error[known], minlength=n)
    number = np.bincount(case[known], minlength=n)
    mean_error = np.divide(total, number, out=np.full(n, np.nan), where=number > 0)
    return mean_error, np.bincount(case[missed], minlength=n)


def _gallery(
    choose: Callable[[FloatArray, NDArray[np.intp]], Array],
) -> Callable[[Measurements, Table], Data]:
    """Blends of an entry: rows of the test table, so there are none while truth is hidden."""

    def data(measurements: Measurements, columns: Table) -> Data:
        if hidden(columns) or not len(measurements):
            return None
        error, missed = _of_blends(measurements)
        rows = choose(error, missed)[:PICTURED]
        notes = [f"error {error[k]:.2f}" + (f", {missed[k]} missed" if missed[k] else "") for k in rows]
        return {"rows": [int(k) for k in rows], "notes": notes} if len(rows) else None

    return data


def _middle(error: FloatArray, missed: NDArray[np.intp]) -> Array:
    order = worst_first(error)
    return order[max(len(order) // 2 - PICTURED // 2, 0) :]


def _missed(error: FloatArray, missed: NDArray[np.intp]) -> Array:
    order = worst_first(error)
    return order[missed[order] > 0]


_GALLERIES = (
    ("best", "Best blends", lambda error, missed: worst_first(error)[::-1]),
    ("median", "Blends in the middle", _middle),
    ("worst", "Worst blends", lambda error, missed: worst_first(error)),
    ("missed", "Blends with a missed galaxy", _missed),
)

FIGURES = (
    Figure(
        "separation",
        "Errors by separation",
        "curves",
        by_separation,
        needs=("separation",),
        caption="Mean of |flux / true flux - 1|.",
        together=True,
    ),
    Figure(
        "difference",
        "Bias by difference in magnitude",
        "curves",
        by_difference,
        needs=("dm",),
        caption="Medians of predicted - true magnitude, of galaxies with a flux.",
        together=True,
    ),
    Figure(
        "error_blendedness",
        "Errors by blendedness",
        "curves",
        _BLEND,
        caption="A galaxy that was missed has error 1.",
        together=True,
    ),
    Figure("error_snr", "Errors by brightness", "curves", _SNR, together=True),
    *(
        Figure(key, title, kind, data, needs=("part",), caption=caption)
        for key, title, kind, data, caption in (
            ("magnitudes", "Magnitudes", "heatmap", magnitudes, "Dashed: 0.75 mag off, an outlier."),
            ("residuals", "Magnitude errors", "histogram", residuals, "Galaxies without a flux left out."),
            ("iou", "Masks", "histogram", overlaps, "IoU of predicted and true pixels."),
        )
    ),
    Figure(
        "numbers",
        "How many were found",
        "matrix",
        numbers,
        needs=("part",),
        caption="Shares of the scenes with as many galaxies, whatever their brightness.",
    ),
    Figure("colours", "Colours", "curves", colours, caption="Of galaxies that were found.", together=True),
    *(
        Figure(
            key,
            title,
            "gallery",
            _gallery(choose),
            needs=("part",),
            caption="Above: blend; truth with its masks. Below: blend with the masks of the answer; what is left "
            "outside them, or of its images, from -5 to 5 sigma.",
        )
        for key, title, choose in _GALLERIES
    ),
)
"""What a track's measurements and truth don't hold makes a figure absent."""
