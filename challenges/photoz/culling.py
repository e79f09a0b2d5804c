"""Culling, the cure for labels that don't reach everywhere: keep the objects inside the label support.

Two slices show what it does to the scores and how much it keeps; a figure per tomographic bin shows which redshifts
it takes away.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blindsky.challenges.challenge import Figure, Slice
from blindsky.challenges.curves import FEWEST, fewest
from blindsky.challenges.photoz.figures import TOMOGRAPHIC_BINS, Z_LABEL, Z_MAX, tomographic_bins
from blindsky.scoring.measurements import Measurements, Table

INSIDE = "inside_label_support"
EDGES = np.linspace(0.0, Z_MAX, 31)


def _inside(table: Table) -> NDArray[np.bool_]:
    return np.asarray(table[INSIDE], dtype=bool)


def _outside(table: Table) -> NDArray[np.bool_]:
    return ~_inside(table)


def bin_before_and_after(measurements: Measurements, columns: Table, k: int) -> dict[str, Any] | None:
    """N(z_true) of tomographic bin ``k`` (0..4): all its cases, and those inside the label support."""
    bins = tomographic_bins(measurements.floats("z_point"))
    z_true, kept = measurements.floats("z_true"), _inside(columns)
    chosen = {"all": bins == k, "inside label support": (bins == k) & kept}
    if min(int(mask.sum()) for mask in chosen.values()) < FEWEST:
        return None
    series = []
    for label, mask in chosen.items():
        counts, _ = np.histogram(z_true[mask], EDGES)
        share = counts / mask.sum() / np.diff(EDGES)
        values = [float(s) if c >= fewest(columns) else None for s, c in zip(share, counts, strict=True)]
        one = float(1 / mask.sum() / (EDGES[1] - EDGES[0]))
        share_kept = f"{mask.sum() / (bins == k).sum():.0%}"
        series.append({"label": f"{label} ({share_kept})", "values": values, "one": one})
    return {
        "x_label": Z_LABEL,
        "y_label": "N(z), share per unit z",
        "edges": [float(edge) for edge in EDGES],
        "series": series,
    }


SLICES = (
    Slice("inside label support", (INSIDE,), _inside, "label support"),
    Slice("outside label support", (INSIDE,), _outside, "label support"),
)

FIGURES = tuple(
    Figure(
        key=f"culling_{k + 1}",
        title=f"Culling in tomographic bin {k + 1}",
        kind="line_pair",
        data=partial(bin_before_and_after, k=k),
        needs=(INSIDE, "part"),
        caption="True redshifts of the bin, all and where the labels reach; the share kept is in brackets.",
    )
    for k in range(TOMOGRAPHIC_BINS)
)
