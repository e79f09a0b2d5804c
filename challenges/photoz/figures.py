"""The data of the figures that people expect of photometric redshifts: binned, and safe to publish.

Each function takes (measurements, columns) and gives JSON-ready numbers for a template of the leaderboard, or
None where a column it needs is missing. A cell of fewer than ``FEWEST`` cases is None, so that no case can be
read off; cumulative curves take no step over fewer than that. Intervals are 95 %.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blindsky.challenges.challenge import Figure
from blindsky.challenges.curves import FEWEST, fewest
from blindsky.scoring.measurements import FloatArray, Measurements, Table

Z_MAX = 3.0
SIGMAS_95 = 1.959963984540054
CELLS = (
    (1_500, 15),
    (10_000, 30),
)  # (below this many cases, cells a side of the z_point-z_true map); else 60
MAP_CELLS = 60
FEW_CASES = 5_000  # below this, curves against z_true have bins twice as wide
I_EDGES = (16, 18, 19, 20, 21, 22, 22.5, 23, 23.5, 24, 24.25, 24.5, 24.75, 25, 25.3, 25.6, 26, 26.5, 27)
PIT_BINS = 20
EXCESS_EDGES = np.linspace(-2.0, 6.0, 41)
TOMOGRAPHIC_BINS = 5
Z_LABEL, I_LABEL = "z_true", "i_obs [AB mag]"

LSST = "LSST Science Book"
EUCLID = "Euclid"
REQUIREMENTS = {
    "bias": ((0.003, LSST), (-0.003, LSST)),
    "nmad": ((0.02, f"{LSST} (an rms)"), (0.05, EUCLID)),
    "out15": ((0.10, EUCLID),),
}
DESC_BANDS = ((0.002, "DESC SRD Y1"), (0.001, "DESC SRD Y10"))

Data = dict[str, Any] | None
Summary = Callable[[FloatArray], tuple[float, float, float]]


def density_map(measurements: Measurements, columns: Table) -> Data:
    """Cases in cells of z_true and z_point, counts (ny, nx)."""
    least = max(fewest(columns), 1)
    n = len(measurements)
    cells = next((k for limit, k in CELLS if n < limit), MAP_CELLS)
    edges = np.linspace(0.0, Z_MAX, cells + 1)
    z_true, z_point = measurements.floats("z_true"), measurements.floats("z_point")
    counts, _, _ = np.histogram2d(z_point, z_true, bins=(edges, edges))
    ends = np.array([0.0, Z_MAX])
    return {
        "x_label": Z_LABEL,
        "y_label": "z_point",
        "x_edges": _plain(edges),
        "y_edges": _plain(edges),
        "counts": [[int(c) if c >= least else None for c in row] for row in counts],
        "lines": [
            {"label": label, "x": _plain(ends), "y": _plain(ends + sign * 0.15 * (1 + ends))}
            for label, sign in (
                ("z_point = z_true", 0),
                ("+0.15 (1 + z_true)", 1),
                ("-0.15 (1 + z_true)", -1),
            )
        ],
    }


def median_error(e: FloatArray) -> tuple[float, float, float]:
    """Median of e with the order-statistic interval of a quantile."""
    return _median_interval(e)


def nmad(e: FloatArray) -> tuple[float, float, float]:
    """1.4826 times the median of |e - median|, with the order-statistic interval of that median."""
    value, low, high = _median_interval(np.abs(e - _quantile(np.sort(e), 0.5)))
    return 1.4826 * value, 1.4826 * low, 1.4826 * high


def outlier_share(e: FloatArray) -> tuple[float, float, float]:
    """Share of |e| > 0.15 with its Wilson interval."""
    n, k = len(e), int(np.count_nonzero(np.abs(e) > 0.15))
    share, s2 = k / n, SIGMAS_95**2
    centre = (share + s2 / (2 * n)) / (1 + s2 / n)
    half = SIGMAS_95 / (1 + s2 / n) * np.sqrt(share * (1 - share) / n + s2 / (4 * n * n))
    return share, max(0.0, float(centre - half)), float(centre + half)


def _quantile(ascending: FloatArray, q: float) -> float:
    """Smallest value whose share of the cases reaches q (section 6 of the definition of the metrics)."""
    n = len(ascending)
    return float(ascending[min(n - 1, max(0, int(np.ceil(q * n - 1e-9)) - 1))])


def _median_interval(x: FloatArray) -> tuple[float, float, float]:
    ascending, half = np.sort(x), SIGMAS_95 * 0.5 / np.sqrt(len(x))
    return _quantile(ascending, 0.5), _quantile(ascending, 0.5 - half), _quantile(ascending, 0.5 + half)


def _z_edges(n: int) -> FloatArray:
    return np.linspace(0.0, Z_MAX, 16 if n < FEW_CASES else 31)


def against_z(key: str, summary: Summary, y_label: str) -> Callable[[Measurements, Table], Data]:
    """The figure function of a summary of e in bins of z_true."""

    def data(measurements: Measurements, columns: Table) -> Data:
        del columns
        z = measurements.floats("z_true")
        return _curve(key, summary, z, measurements.floats("e"), _z_edges(len(z)), Z_LABEL, y_label)

    return data


def against_i(key: str, summary: Summary, y_label: str) -> Callable[[Measurements, Table], Data]:
    """The figure function of a summary of e in bins of the observed i magnitude."""

    def data(measurements: Measurements, columns: Table) -> Data:
        if "i_obs" not in columns:
            return None
        magnitude = np.asarray(columns["i_obs"], dtype=np.float64)
        edges = np.array(I_EDGES, dtype=np.float64)
        return _curve(key, summary, magnitude, measurements.floats("e"), edges, I_LABEL, y_label)

    return data


def _curve(
    key: str, summary: Summary, x: FloatArray, e: FloatArray, edges: FloatArray, x_label: str, y_label: str
) -> Data:
    """``summary`` of e in each bin of x; None where no bin has cases enough."""
    bins = _bin_of(x, edges)
    found = [
        summary(chosen) if len(chosen := e[bins == k]) >= FEWEST else None for k in range(len(edges) - 1)
    ]
    known = [k for k, point in enumerate(found) if point is not None]
    if not known:
        return None
    first, last = known[0], known[-1] + 1  # an axis as long as what it shows
    columns = {
        name: [None if point is None else point[j] for point in found[first:last]]
        for j, name in enumerate(("values", "low", "high"))
    }
    lines = [{"value": value, "label": label} for value, label in REQUIREMENTS[key]]
    return {"x_label": x_label, "y_label": y_label, "edges": _plain(edges[first : last + 1]), **columns} | {
        "requirements": lines
    }


def _bin_of(x: FloatArray, edges: FloatArray) -> NDArray[np.int64]:
    """Index of the bin [a, b) that holds each value, the last bin closed; -1 outside and for NaN."""
    bins = np.searchsorted(edges, x, side="right") - 1
    bins = np.where(x == edges[-1], len(edges) - 2, bins)
    return np.where((x >= edges[0]) & (x <= edges[-1]), bins, -1)


def pit_histogram(measurements: Measurements, columns: Table) -> Data:
    """PIT density in equal bins, with the 95 % binomial band of a calibrated entry."""
    if "pit" not in measurements or len(measurements) < FEWEST:
        return None
    n = len(measurements)
    counts, edges = np.histogram(measurements.floats("pit"), bins=PIT_BINS, range=(0.0, 1.0))
    low, high = _binomial_band(n, np.array([1 / PIT_BINS]))
    return {
        "x_label": "PIT",
        "y_label": "density",
        "edges": _plain(edges),
        "values": [float(c * PIT_BINS / n) if c >= fewest(columns) else None for c in counts],
        "one": PIT_BINS / n,
        "reference": 1.0,
        "band": [float(low[0] * PIT_BINS), float(high[0] * PIT_BINS)],
    }


def pit_qq(measurements: Measurements, columns: Table) -> Data:
    """Share of the cases with PIT at most u, against u, with the pointwise 95 % binomial band."""
    del columns
    if "pit" not in measurements or len(measurements) < FEWEST:
        return None
    n = len(measurements)
    nominal = np.linspace(0.0, 1.0, PIT_BINS + 1)
    below = np.searchsorted(np.sort(measurements.floats("pit")), nominal, side="right")
    below[0] = 0
    low, high = _binomial_band(n, nominal)
    return {
        "x_label": "nominal share u",
        "y_label": "share of PIT ≤ u",
        "nominal": _plain(nominal),
        "observed": [None if c is None else c / n for c in _coarsened(below)],
        "band_low": _plain(low),
        "band_high": _plain(high),
    }


def _coarsened(cumulative: NDArray[np.int64]) -> list[int | None]:
    """Cumulative counts at nodes; a node that would part off fewer than ``FEWEST`` cases is None."""
    kept: list[int | None] = [int(cumulative[0])]
    last = 0
    for k in range(1, len(cumulative) - 1):
        enough = cumulative[k] - cumulative[last] >= FEWEST and cumulative[-1] - cumulative[k] >= FEWEST
        kept.append(int(cumulative[k]) if enough else None)
        last = k if enough else last
    return [*kept, int(cumulative[-1])]


def _binomial_band(n: int, share: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Central 95 % of a binomial share of n cases, shapes as ``share``."""
    from scipy.stats import binom

    return binom.ppf(0.025, n, share) / n, binom.ppf(0.975, n, share) / n


def stacked(measurements: Measurements, columns: Table) -> Data:
    """N(z) of the stacked densities and of the truth, shares per unit z in equal bins.

    The mean excess of the CDFs over the empirical CDF, differenced between nodes, is the mass that the stack
    puts into a bin beyond the truth's own.
    """
    if "cdf_excess" not in measurements.moments or len(measurements) < FEWEST:
        return None
    moments = measurements.moments["cdf_excess"]
    n, cells = len(measurements), len(moments.total) - 1
    per_bin = next(k for k in ((20, 10) if n < FEW_CASES else (10, 5)) if cells % k == 0)
    nodes = np.linspace(0.0, Z_MAX, cells + 1)[::per_bin]
    excess = (moments.total / moments.n)[::per_bin]
    below = np.searchsorted(np.sort(measurements.floats("z_true")), nodes, side="right")
    counts = np.diff(below)
    width = nodes[1] - nodes[0]
    shown = counts >= fewest(columns)
    stack = np.where(shown, (np.diff(excess) + counts / n) / width, np.nan)
    truth = np.where(shown, counts / n / width, np.nan)
    return {
        "x_label": "z",
        "y_label": "N(z), share per unit z",
        "edges": _plain(nodes),
        "series": [
            {"label": "stacked p(z)", "values": _blanked(stack), "one": 1 / float(n * width)},
            {"label": "truth", "values": _blanked(truth), "one": 1 / float(n * width)},
        ],
    }


def tomographic_bins(z_point: FloatArray) -> NDArray[np.int64]:
    """The bin 0..4 of each case, between the quintiles of z_point; a value equal to an edge goes to the lower bin."""
    ascending = np.sort(z_point)
    edges = [_quantile(ascending, q) for q in np.arange(1, TOMOGRAPHIC_BINS) / TOMOGRAPHIC_BINS]
    return np.searchsorted(edges, z_point, side="left")


def tomography(measurements: Measurements, columns: Table) -> Data:
    """Offset of the mean redshift in five bins of z_point, with 95 % intervals and the DESC bands."""
    del columns
    z_point, z_true = measurements.floats("z_point"), measurements.floats("z_true")
    if len(z_point) < FEWEST * TOMOGRAPHIC_BINS:
        return None
    bins = tomographic_bins(z_point)
    estimates = {"z_point": z_point}
    if "pdf_mean" in measurements:
        estimates["mean of p(z)"] = measurements.floats("pdf_mean")
    series = []
    for label, estimate in estimates.items():
        points = [_offset(estimate[bins == k], z_true[bins == k]) for k in range(TOMOGRAPHIC_BINS)]
        ends = {name: [p[j] for p in points] for j, name in enumerate(("values", "low", "high"))}
        series.append({"label": label, **ends})
    return {
        "x_label": "tomographic bin of z_point",
        "y_label": "mean offset / (1 + mean z_true)",
        "labels": [str(k + 1) for k in range(TOMOGRAPHIC_BINS)],
        "series": series,
        "bands": [{"half": half, "label": label} for half, label in DESC_BANDS],
    }


def _offset(estimate: FloatArray, z_true: FloatArray) -> tuple[float | None, float | None, float | None]:
    """Offset d = (<est> - <zt>) / (1 + <zt>) with the 95 % interval of its linearised mean."""
    n = len(z_true)
    if n < FEWEST:
        return None, None, None
    scale = 1 + z_true.mean()
    d = (estimate.mean() - z_true.mean()) / scale
    influence = (estimate - z_true - d * (1 + z_true)) / scale
    half = SIGMAS_95 * influence.std(ddof=1) / np.sqrt(n)
    return float(d), float(d - half), float(d + half)


def excess_histogram(measurements: Measurements, columns: Table) -> Data:
    """Nats lost to the oracle, case by case; cases beyond the axis count in the outermost bins."""
    known = "log_p" in measurements and "oracle_log_p" in measurements
    if not known or len(measurements) < FEWEST:
        return None
    excess = measurements.floats("oracle_log_p") - measurements.floats("log_p")
    inside = np.clip(excess, EXCESS_EDGES[0], EXCESS_EDGES[-1])
    counts, edges = np.histogram(inside, bins=EXCESS_EDGES)
    return {
        "x_label": "ln p_oracle(z_true) − ln p(z_true) [nat]",
        "y_label": "share of cases",
        "edges": _plain(edges),
        "values": [float(c / len(excess)) if c >= fewest(columns) else None for c in counts],
        "one": 1 / len(excess),
        "mark": {"value": 0.0, "label": "oracle"},
    }


def _plain(x: FloatArray) -> list[float]:
    return [round(float(v), 10) for v in x]


def _blanked(x: FloatArray) -> list[float | None]:
    return [None if np.isnan(v) else float(v) for v in x]


_BINNED = (
    ("bias", median_error, "median of e", "Bias", "Median of e = (z_point − z_true)/(1 + z_true)."),
    ("nmad", nmad, "sigma_nmad of e", "Scatter", "The line of the Science Book is an rms."),
    ("out15", outlier_share, "share of |e| > 0.15", "Outliers", ""),
)

FIGURES = (
    Figure(
        key="density_map",
        title="Point estimate against truth",
        kind="heatmap",
        data=density_map,
        needs=("part",),
        caption="Solid: z_point = z_true. Dashed: the outlier limits ±0.15 (1 + z_true).",
    ),
    *(
        Figure(
            key=f"{key}_z",
            title=f"{title} by redshift",
            kind="binned_curve",
            data=against_z(key, s, y),
            caption=c,
            together=True,
        )
        for key, s, y, title, c in _BINNED
    ),
    *(
        Figure(
            key=f"{key}_i",
            title=f"{title} by magnitude",
            kind="binned_curve",
            data=against_i(key, s, y),
            needs=("i_obs",),
            caption=c,
        )
        for key, s, y, title, c in _BINNED
    ),
    Figure(
        key="pit",
        title="PIT histogram",
        kind="histogram",
        data=pit_histogram,
        needs=("part",),
        caption="Flat is calibrated. Grey: 95 % of the bins of a calibrated entry.",
    ),
    Figure(
        key="pit_qq",
        title="PIT against uniform",
        kind="qq",
        data=pit_qq,
        caption="Grey: pointwise 95 % binomial band of a calibrated entry.",
    ),
    Figure(
        key="stacked",
        title="Stacked N(z) against truth",
        kind="line_pair",
        data=stacked,
        needs=("part",),
        caption="The sum of all densities beside the histogram of the true redshifts.",
    ),
    Figure(
        key="tomography",
        title="Tomographic offsets",
        kind="offsets",
        data=tomography,
        caption="Grey: what DESC allows the mean of a source bin, ±0.002 (Y1) and ±0.001 (Y10).",
    ),
    Figure(
        key="excess",
        title="Nats lost to the oracle",
        kind="histogram",
        data=excess_histogram,
        needs=("part",),
        caption="Case by case; the outermost bins hold what lies beyond.",
    ),
)
