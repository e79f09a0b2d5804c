"""The figures of a transients entry: numbers made at judging, ready for JSON, for the templates of the leaderboard.

Each function takes (measurements, columns) and gives the data of one figure, or None where it has nothing to show. A
cell of fewer than ``FEWEST`` cases is None and curves take no step over fewer (challenges/curves.py), so that before
the reveal no case can be read off. ``one`` is what one case adds to a value. Intervals are 95 %.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from blindsky.challenges import curves
from blindsky.challenges.challenge import Figure
from blindsky.challenges.curves import FEWEST, NORMAL, Curve, fewest, plain
from blindsky.challenges.transients.classes import CLASSES, DAYS, HIDDEN, NUMBERS, OTHER, SNIA, WEIGHTS
from blindsky.challenges.transients.curves import (
    UNINFORMED,
    Losses,
    completeness,
    novelty,
    sides,
    snia_by_redshift,
    snia_by_threshold,
)
from blindsky.scoring.classification import BINS, THRESHOLD
from blindsky.scoring.measurements import Measurements, Table

Data = dict[str, Any] | None

NAMES = {c.number: c.name for c in CLASSES} | {h.number: h.name for h in HIDDEN}
GROUPS = {
    "supernovae": (SNIA, 67, 52, 42, 62),
    "others": (95, 15, 64, 88, OTHER),
    "Galactic": (16, 92, 53, 65, 6),
}
"""Classes that are shown together; the order of the classes in the figures."""
ORDER = tuple(number for group in GROUPS.values() for number in group)
DISTANT = {"white dwarfs": (SNIA, 67, 52), "massive stars": (42, 62, 95), "others": (15, 88, 64)}
LOWEST_RATE = 1e-3  # false positives, where the axes of ROC begin
LONGEST = 2 * UNINFORMED  # of an axis of losses by day, unless all lie beyond
FIRST_DAY = 0.5  # where a logarithmic axis holds day 0
APART = 1.1  # ratio between the places of neighbouring bars that would hide each other


def confusion(measurements: Measurements, columns: Table) -> Data:
    """Share of the objects of each class called each class.

    Before the reveal a cell of fewer than ten objects is blank, one of none too, or it would tell what a lone object
    called so is not.
    """
    k = len(CLASSES)
    pairs = measurements["y"].astype(np.intp) * k + measurements["called"]
    places = [NUMBERS.index(number) for number in ORDER]
    counts = np.bincount(pairs, minlength=k * k).reshape(k, k)[np.ix_(places, places)]
    n = counts.sum(axis=1)
    if not np.any(n >= FEWEST):
        return None
    least = fewest(columns)
    names = [NAMES[number] for number in ORDER]
    return {
        "x_label": "called",
        "y_label": "true class",
        "rows": names,
        "columns": names,
        "values": [
            [float(c / total) if total >= FEWEST and c >= least else None for c in row]
            for row, total in zip(counts, n, strict=True)
        ],
        "one": [1 / int(total) if total >= FEWEST else None for total in n],
    }


def class_losses(measurements: Measurements, columns: Table) -> Data:
    """Mean -ln p of each class with the normal interval of the mean."""
    del columns
    found = Losses.of(measurements["y"], measurements.floats("log_p"))
    points: list[curves.Share | None] = []
    for number in ORDER:
        k = NUMBERS.index(number)
        value, half = float(found.mean[k]), NORMAL * float(found.error[k])
        enough = found.n[k] >= FEWEST
        points.append(
            (value, max(value - half, 0.0), value + half, UNINFORMED / found.n[k]) if enough else None
        )
    if all(point is None for point in points):
        return None
    return {
        "x_label": "mean −ln p of the true class [nat]",
        "labels": [f"{NAMES[n]}{' ×2' if WEIGHTS[NUMBERS.index(n)] == 2 else ''}" for n in ORDER],
        **curves.heights(points),
        "mark": {"value": UNINFORMED, "label": "equal probabilities"},
    }


def _panel(key: str, y_label: str, series: Sequence[Curve | None], **more: Any) -> dict[str, Any]:
    shown = [one for one in series if one is not None]
    return {"key": key, "y_label": y_label, "y_range": [0.0, 1.0], "guides": [], "series": shown, **more}


def _in_groups(
    groups: Mapping[str, tuple[int, ...]], y_label: str, curve_of: Callable[[int], Curve | None]
) -> list[dict[str, Any]]:
    """A panel a group, with a curve of each of its classes that has one; None of a group without any."""
    panels = []
    for title, numbers in groups.items():
        made = [(k, number, curve_of(number)) for k, number in enumerate(numbers)]
        series = [found | {"label": NAMES[n], "style": k} for k, n, found in made if found is not None]
        if series:
            panels.append(_panel(title, y_label, series, title=title))
    return panels


def roc_by_class(measurements: Measurements, columns: Table) -> Data:
    """ROC of each class against all others by its probability."""
    least = fewest(columns)
    panels = _in_groups(GROUPS, "TPR", lambda number: curves.roc(sides(measurements, number), least))
    return _rates(panels)


def _rates(panels: list[dict[str, Any]]) -> Data:
    """Panels over a logarithmic axis of false-positive rates, with the line of chance."""
    chance = plain(np.geomspace(LOWEST_RATE, 1, 25))
    guide = {"label": "chance", "x": chance, "y": chance}
    panels = [panel | {"guides": [guide]} for panel in panels if panel["series"]]
    if not panels:
        return None
    return {
        "x_label": "false-positive rate",
        "x_range": [LOWEST_RATE, 1.0],
        "x_log": True,
        "panels": panels,
    }


def precision_by_class(measurements: Measurements, columns: Table) -> Data:
    """Precision against recall of each class by its probability."""
    least = fewest(columns)
    panels = _in_groups(
        GROUPS, "precision", lambda number: curves.precision_recall(sides(measurements, number), least)
    )
    return {"x_label": "recall", "x_range": [0.0, 1.0], "x_log": False, "panels": panels} if panels else None


def _efficiency_and_purity(
    found: tuple[Curve | None, Curve | None], x_label: str, x_range: Sequence[float], guides: list[Any]
) -> Data:
    if found == (None, None):
        return None
    panels = [
        _panel(name, name, [one], guides=guides)
        for name, one in zip(("efficiency", "purity"), found, strict=True)
    ]
    return {"x_label": x_label, "x_range": list(x_range), "x_log": False, "panels": panels}


def snia_threshold(measurements: Measurements, columns: Table) -> Data:
    """Efficiency and purity of SN Ia against the threshold of their probability."""
    guide = {"label": "of snia_fom", "x": [THRESHOLD] * 2, "y": [0.0, 1.0]}
    found = snia_by_threshold(measurements, fewest(columns))
    return _efficiency_and_purity(found, f"threshold of p_{SNIA}", (0.0, 1.0), [guide])


def snia_redshift(measurements: Measurements, columns: Table) -> Data:
    """Efficiency and purity of SN Ia against true redshift at the threshold of the figure of merit."""
    z = np.asarray(columns["true_z"], dtype=np.float64)
    found = snia_by_redshift(measurements, z)
    farthest = max([1.2, *(one["x"][-1] for one in found if one is not None)])
    return _efficiency_and_purity(found, "true redshift", (0.0, round(farthest + 0.05, 6)), [])


def reliability(measurements: Measurements, columns: Table) -> Data:
    """Share called right against the probability of the class called."""
    del columns
    right = np.asarray(measurements["called"] == measurements["y"])
    found = curves.reliability(right, measurements.floats("confidence"), BINS)
    if found is None:
        return None
    return curves.reliability_figure(found, "mean probability of the class called", "share called right")


def completeness_by_redshift(measurements: Measurements, columns: Table) -> Data:
    """Share called right against true redshift of the classes that have one."""
    z = np.asarray(columns["true_z"], dtype=np.float64)
    panels = _in_groups(DISTANT, "called right", lambda number: completeness(measurements, z, number))
    ends = [x for panel in panels for one in panel["series"] for x in one["x"]]
    if not panels:
        return None
    for panel in panels:
        for one in panel["series"]:
            one["x"] = [x * APART ** (one["style"] - 1) for x in one["x"]]
    return {
        "x_label": "true redshift",
        "x_range": [min(ends) / 1.3, max(ends) * 1.3],
        "x_log": True,
        "panels": panels,
    }


def loss_by_day(measurements: Measurements, columns: Table) -> Data:
    """Weighted log-loss of the objects whose light curves end so many days after the trigger."""
    del columns
    if "epoch" not in measurements:
        return None
    y, log_p, epoch = measurements["y"], measurements.floats("log_p"), measurements["epoch"]
    known = tuple(0.0 if n == OTHER else w for n, w in zip(NUMBERS, WEIGHTS, strict=True))
    found: dict[str, list[curves.Point]] = {"all classes": [], "known classes": []}
    for k, day in enumerate(DAYS):
        inside = epoch == k
        if np.count_nonzero(inside) < FEWEST:
            continue
        losses = Losses.of(y[inside], log_p[inside])
        for points, weights in zip(found.values(), (WEIGHTS, known), strict=True):
            point = losses.weighted(weights)
            if point is not None:
                points.append((float(day or FIRST_DAY), *point))
    if not found["all classes"]:
        return None
    drawn = {name: curves.curve(points) | {"dots": True} for name, points in found.items() if points}
    highest = max(v for one in drawn.values() for v in one["high"])
    lowest = min(v for one in drawn.values() for v in one["low"])
    # a whole number, or the axis would tell the exact one
    top = float(math.ceil(min(highest, max(LONGEST, lowest))))
    level = {"label": "equal probabilities", "x": [FIRST_DAY / 2, DAYS[-1] * 2], "y": [UNINFORMED] * 2}
    return {
        "x_label": f"days after the trigger, 0 drawn at {FIRST_DAY:g}",
        "x_range": [FIRST_DAY / 1.6, DAYS[-1] * 1.6],
        "x_log": True,
        "x_ticks": [[float(day or FIRST_DAY), f"{day}"] for day in DAYS],
        "panels": [
            _panel(name, f"{name} [nat]", [drawn.get(name)], y_range=[0.0, top], guides=[level])
            for name in found
        ],
    }


def novelty_roc(measurements: Measurements, columns: Table) -> Data:
    """ROC of class 99 against all others by the anomaly score."""
    found = curves.roc(novelty(measurements, OTHER), fewest(columns))
    return None if found is None else _rates([_panel("tpr", "true-positive rate", [found])])


def novelty_by_kind(measurements: Measurements, columns: Table) -> Data:
    """ROC of each hidden kind against all that is not of class 99 by the anomaly score."""
    least = fewest(columns)

    def one(number: int) -> Curve | None:
        return curves.roc(novelty(measurements, number), least)

    numbers = tuple(kind.number for kind in HIDDEN)
    return _rates(_in_groups({"hidden kinds": numbers}, "true-positive rate", one))


FIGURES = (
    Figure(
        key="confusion",
        title="Confusion",
        kind="matrix",
        data=confusion,
        needs=("part",),
        caption="Shares of the objects of each class, a row each, by the class called, the most probable one. "
        "Before the reveal cells of fewer than ten objects are blank.",
    ),
    Figure(
        key="class_logloss",
        title="Log-loss of each class",
        kind="bars",
        data=class_losses,
        caption="Classes marked ×2 count twice in the weighted log-loss.",
    ),
    Figure(
        key="roc",
        title="ROC of each class",
        kind="curves",
        data=roc_by_class,
        needs=("part",),
        caption="Each class against all others; before the reveal, no step holds fewer than ten objects of either.",
    ),
    Figure(
        key="precision",
        title="Precision and recall of each class",
        kind="curves",
        data=precision_by_class,
        needs=("part",),
        caption="With as many objects of every class as this test set has.",
    ),
    Figure(
        key="reliability",
        title="Reliability",
        kind="curves",
        data=reliability,
        caption="Of the class called, the most probable one.",
    ),
    Figure(
        key="snia_threshold",
        title="SN Ia by threshold",
        kind="curves",
        data=snia_threshold,
        needs=("part",),
        caption=f"Objects whose probability of SN Ia reaches the threshold. Dashed: {THRESHOLD:g}, that of snia_fom.",
        together=True,
    ),
    Figure(
        key="snia_redshift",
        title="SN Ia by redshift",
        kind="curves",
        data=snia_redshift,
        needs=("true_z",),
        caption=f"Objects whose probability of SN Ia is {THRESHOLD:g} or more; purity at the "
        "redshift of what was selected, objects of our Galaxy left out.",
        together=True,
    ),
    Figure(
        key="completeness",
        title="Called right by redshift",
        kind="curves",
        data=completeness_by_redshift,
        needs=("true_z",),
        caption="Bars of one bin stand beside each other.",
    ),
    Figure(
        key="loss_by_day",
        title="Log-loss by length of the light curve",
        kind="curves",
        data=loss_by_day,
        caption="Weighted log-loss of all classes, and of those known from training. Dashed: equal probabilities.",
        together=True,
    ),
    Figure(
        key="novelty_roc",
        title="Finding class 99",
        kind="curves",
        data=novelty_roc,
        needs=("part",),
        caption="By the anomaly score, or by the probability of class 99 where an entry has none.",
        together=True,
    ),
    Figure(
        key="novelty_kinds",
        title="Finding each hidden kind",
        kind="curves",
        data=novelty_by_kind,
        needs=("part",),
        caption="Against all that is not of class 99, by the same score.",
    ),
)
