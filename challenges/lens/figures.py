"""The figures of a lens entry: numbers made at judging, ready for JSON, for the templates of the leaderboard.

Each function takes (measurements, columns) and gives the data of one figure, or None where it has nothing to show. A
cell of fewer than ``FEWEST`` cases is None and curves take no step over fewer (challenges/curves.py), so that before
the reveal no case can be read off. ``one`` is what one case adds to a value. Intervals are 95 %.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from blindsky.challenges import curves
from blindsky.challenges.challenge import Figure
from blindsky.challenges.curves import FEWEST, fewest, heights, hidden, plain, share
from blindsky.challenges.lens import stamps
from blindsky.challenges.lens.curves import passing, purity_curve, roc, without_faint
from blindsky.challenges.lens.impostors import KINDS
from blindsky.scoring.measurements import Array, FloatArray, Measurements, Table
from blindsky.scoring.operating import PREVALENCE
from blindsky.scoring.reliability import BINS, bin_of

Data = dict[str, Any] | None
FEW_LENSES = 1_000  # below this, bins are twice as wide
FEW_CELLS, CELLS = 12, 30  # cells a side of the map of Einstein radii
SCORE_BINS = 20
HIGH_RATE = 1e-2  # false-positive rate at which impostors are counted
LOW_RATE = 1e-3  # and at which lenses are
RADII = (0.1, 12.0)  # arcsec, of the map

# (column, axis, cuts): the axes of the paper's figures, eight cuts to a factor of ten, four for contrast
CUTS = {
    "r_ein": ("Einstein radius above [arcsec]", np.round(10.0 ** (np.arange(-8, 9) / 8), 3)),
    "flux_sigma": ("light of the arc above [noise rms]", np.round(10.0 ** (np.arange(37) / 8), 1)),
    "npix": ("pixels of the arc above", np.unique(np.round(10.0 ** (np.arange(30) / 8)))),
    "contrast": ("arc over foreground light above", np.round(10.0 ** (np.arange(-12, 5) / 4), 5)),
}
# title and lowest height of each panel over a cut
CUT_PANELS = {
    "auroc": ("AUROC", 0.5),
    "tpr0": ("TPR0", 0.0),
    "tpr10": ("TPR10", 0.0),
    "share": ("share of lenses", 0.0),
}


def _roc_figure(start: float | None) -> Callable[[Measurements, Table], Data]:
    """ROC on a linear axis or, from ``start`` false positives on, a logarithmic one."""

    def data(measurements: Measurements, columns: Table) -> Data:
        curve = roc(measurements, columns)
        if curve is None:
            return None
        n = np.count_nonzero(~measurements["label"].astype(bool))
        first = 0.0 if start is None else start / n
        chance = np.linspace(0, 1, 2) if start is None else np.geomspace(first, 1, 25)
        return {
            "x_label": "false-positive rate",
            "x_range": [first, 1.0],
            "x_log": start is not None,
            "panels": [
                {
                    "key": "tpr",
                    "y_label": "true-positive rate",
                    "y_range": [0.0, 1.0],
                    "guides": [{"label": "chance", "x": plain(chance), "y": plain(chance)}],
                    "series": [curve],
                }
            ],
        }

    return data


def purity_figure(measurements: Measurements, columns: Table) -> Data:
    """Purity against completeness where one candidate in a thousand is a lens."""
    curve = purity_curve(measurements, columns)
    if curve is None:
        return None
    return {
        "x_label": "completeness",
        "x_range": [0.0, 1.0],
        "x_log": False,
        "panels": [
            {
                "key": "purity",
                "y_label": "purity",
                "y_range": [PREVALENCE / 2, 1.0],
                "y_log": True,
                "guides": [{"label": "chance", "x": [0.0, 1.0], "y": [PREVALENCE, PREVALENCE]}],
                "series": [curve],
            }
        ],
    }


def _cut_figure(column: str) -> Callable[[Measurements, Table], Data]:
    label, cuts = CUTS[column]

    def data(measurements: Measurements, columns: Table) -> Data:
        value = np.asarray(columns[column], dtype=np.float64)
        found = without_faint(measurements, value, cuts, columns)
        if found is None or len(found["share"]["x"]) < 2:
            return None
        panels = [
            {
                "key": key,
                "y_label": CUT_PANELS[key][0],
                "y_range": [min(CUT_PANELS[key][1], *curve["low"]), 1.0],
                "guides": [],
                "series": [curve],
            }
            for key, curve in found.items()
        ]
        return {"x_label": label, "x_range": plain(cuts[[0, -1]]), "x_log": True, "panels": panels}

    return data


def _finders(column: str, x_label: str, edges: Array, log: bool) -> Callable[[Measurements, Table], Data]:
    """Share of the lenses found at the low false-positive rate in bins of a column."""

    def data(measurements: Measurements, columns: Table) -> Data:
        lens = measurements["label"].astype(bool)
        if min(np.count_nonzero(lens), np.count_nonzero(~lens)) < FEWEST:
            return None
        found = passing(measurements, LOW_RATE)[lens]
        value = np.asarray(columns[column], dtype=np.float64)[lens]
        used = edges[::2] if len(value) < FEW_LENSES else edges
        bins = np.digitize(value, used) - 1
        points = [share(found[bins == k]) for k in range(len(used) - 1)]
        known = [k for k, point in enumerate(points) if point is not None]
        if not known:
            return None
        shown = slice(known[0], known[-1] + 1)  # an axis as long as what it shows
        return {
            "x_label": x_label,
            "y_label": f"TPR at FPR {LOW_RATE:g}",
            "x_log": log,
            "edges": plain(used[known[0] : known[-1] + 2]),
            **heights(points[shown]),
        }

    return data


def impostors(measurements: Measurements, columns: Table) -> Data:
    """False-positive rate of each kind of impostor, and of non-lenses that imitate nothing."""
    lens = measurements["label"].astype(bool)
    if np.count_nonzero(~lens) < FEWEST:
        return None
    called, kind = passing(measurements, HIGH_RATE)[~lens], columns["impostor"][~lens]
    points = [share(called[kind == name]) for name in ("", *KINDS)]
    if all(point is None for point in points[1:]):
        return None
    return {
        "x_label": "what the non-lens imitates",
        "y_label": "false-positive rate of the kind",
        "labels": ["nothing", *KINDS],
        "series": [{"label": "share called a lens", **heights(points)}],
    }


def reliability(measurements: Measurements, columns: Table) -> Data:
    """Share of lenses against mean score in equal bins of score."""
    del columns
    found = curves.reliability(measurements["label"].astype(bool), measurements.floats("score"), BINS)
    return None if found is None else curves.reliability_figure(found, "mean score", "share of lenses")


def score_histograms(measurements: Measurements, columns: Table) -> Data:
    """Scores of the two classes, as shares of each."""
    lens, where = measurements["label"].astype(bool), bin_of(measurements.floats("score"), SCORE_BINS)
    series = []
    for label, chosen in (("lenses", lens), ("non-lenses", ~lens)):
        n = int(np.count_nonzero(chosen))
        if n < FEWEST:
            return None
        counts = np.bincount(where[chosen], minlength=SCORE_BINS)
        values = [float(c) / n if c >= fewest(columns) else None for c in counts]
        series.append({"label": label, "values": values, "one": 1 / n})
    return {
        "x_label": "score",
        "y_label": "share of the class",
        "edges": plain(np.linspace(0, 1, SCORE_BINS + 1)),
        "series": series,
    }


def einstein_radii(measurements: Measurements, columns: Table) -> Data:
    """Predicted against true Einstein radius of the lenses, counts (ny, nx) in cells of equal ratio."""
    if "rein_error" not in measurements:
        return None
    lens = measurements["label"].astype(bool)
    true = np.asarray(columns["r_ein"], dtype=np.float64)[lens]
    claimed = true * (1 + measurements.floats("rein_error")[lens])
    edges = np.geomspace(*RADII, (FEW_CELLS if len(true) < FEW_LENSES else CELLS) + 1)
    counts, _, _ = np.histogram2d(claimed, true, bins=(edges, edges))
    least = max(fewest(columns), 1)
    if not np.any(counts >= least):
        return None
    ends = np.array(RADII)
    lines = (("theta_e = r_ein", 1.0), ("20 % above", 1.2), ("20 % below", 0.8))
    return {
        "x_label": "r_ein [arcsec]",
        "y_label": "theta_e [arcsec]",
        "x_log": True,
        "y_log": True,
        "x_edges": plain(edges),
        "y_edges": plain(edges),
        "counts": [[int(c) if c >= least else None for c in row] for row in counts],
        "lines": [{"label": label, "x": plain(ends), "y": plain(ends * ratio)} for label, ratio in lines],
    }


def _gallery(choose: stamps.Choose) -> Callable[[Measurements, Table], Data]:
    """Stamps of an entry: rows of the test table, so there are none while truth is hidden."""

    def data(measurements: Measurements, columns: Table) -> Data:
        if hidden(columns) or np.ptp(measurements.floats("score")) == 0:
            return None
        rows = choose(measurements, columns)
        notes = [stamps.note(measurements.floats("score")[k], columns, k) for k in rows]
        return {"rows": [int(k) for k in rows], "notes": notes} if len(rows) else None

    return data


_FINDERS: tuple[tuple[str, str, str, FloatArray, bool], ...] = (
    ("r_ein", "Einstein radius", "r_ein [arcsec]", np.round(0.15 * 2.0 ** (np.arange(13) / 2), 3), True),
    (
        "mag_source",
        "brightness of the source",
        "unlensed source [AB mag]",
        np.arange(20.5, 28.51, 0.5),
        False,
    ),
    ("snr_arc", "signal to noise of the arc", "snr_arc", np.round(10.0 ** (np.arange(0, 29) / 8), 2), True),
)
_VARIABLES = {
    "r_ein": "Einstein radius",
    "flux_sigma": "light of the arc",
    "npix": "pixels of the arc",
    "contrast": "contrast",
}
_GALLERIES: tuple[tuple[str, str, stamps.Choose, str], ...] = (
    ("top_false", "Top false positives", stamps.top_false, "The non-lenses with the highest scores."),
    (
        "missed",
        "Missed bright lenses",
        stamps.missed,
        "The lowest scores among the brightest quarter of arcs, where one non-lens in a hundred passes.",
    ),
    ("best", "Best lenses", stamps.best, "The lenses with the highest scores."),
)

FIGURES = (
    Figure(
        key="roc_log",
        title="ROC at few false positives",
        kind="curves",
        data=_roc_figure(1.0),
        needs=("part",),
        caption="From one false positive on; before the reveal, no step holds fewer than ten cases of a class.",
        together=True,
    ),
    Figure(key="roc", title="ROC", kind="curves", data=_roc_figure(None), needs=("part",), together=True),
    *(
        Figure(
            key=f"tpr_{column}",
            title=f"Lenses found by {title}",
            kind="binned_curve",
            data=_finders(column, label, edges, log),
            needs=(column,),
            caption="The threshold lets through one non-lens in a thousand.",
            together=column == "r_ein",
        )
        for column, title, label, edges, log in _FINDERS
    ),
    Figure(
        key="purity",
        title="Purity against completeness",
        kind="curves",
        data=purity_figure,
        needs=("part",),
        caption="In a sky where one candidate in a thousand is a lens; 1 where no non-lens scores as high.",
        together=True,
    ),
    *(
        Figure(
            key=f"cut_{column}",
            title=f"Lenses above a cut, by {title}",
            kind="curves",
            data=_cut_figure(column),
            needs=(column, "part"),
            caption="Lenses below the cut removed, all non-lenses kept. Dotted: fewer than 100 lenses left. "
            "TPR0 hangs on one non-lens and is shown after the reveal.",
        )
        for column, title in _VARIABLES.items()
    ),
    Figure(
        key="impostors",
        title="False positives by kind of impostor",
        kind="offsets",
        data=impostors,
        needs=("impostor",),
        caption="The threshold lets through one non-lens in a hundred.",
    ),
    Figure(
        key="reliability",
        title="Reliability",
        kind="curves",
        data=reliability,
        caption="With the lens fraction of the test set, which is far above that of the sky.",
    ),
    Figure(
        key="scores",
        title="Scores of both classes",
        kind="line_pair",
        data=score_histograms,
        needs=("part",),
        caption="Shares of each class in bins of score.",
    ),
    Figure(
        key="radii",
        title="Einstein radii",
        kind="heatmap",
        data=einstein_radii,
        needs=("r_ein", "part"),
        caption="Solid: equal. Dashed: 20 % off, the limit of an outlier.",
    ),
    *(
        Figure(
            key=key,
            title=title,
            kind="gallery",
            data=_gallery(choose),
            needs=("part", "r_ein", "snr_arc", "impostor"),
            caption=caption,
        )
        for key, title, choose, caption in _GALLERIES
    ),
)
