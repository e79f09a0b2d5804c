"""Four galaxies whose densities are drawn after the reveal: what the oracle says of them, and what an entry does.

They are chosen by the oracle's own density, so that every entry is seen on the same ones: one narrow peak, one broad
one, two peaks, and more. Only where the release keeps the oracle's densities, which large ones don't.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blindsky.challenges import tables
from blindsky.challenges.challenge import Examples, Plate
from blindsky.challenges.curves import plain
from blindsky.challenges.photoz.oracle import GRID
from blindsky.scoring.measurements import Array, FloatArray, Table

PEAK = 0.15  # how far a peak rises above the saddles around it, in units of the highest
NARROW, BROAD = 0.9, 0.1  # quantiles of the height among densities of one peak
TAIL = 0.002  # probability beyond either end of what is drawn
LEAST = 0.3  # redshift that is drawn, at least
ORACLE, ENTRY = 6, 0  # styles


def peaks(pdf: FloatArray) -> NDArray[np.intp]:
    """Nodes of the peaks of a density (n,), the highest first."""
    from scipy.signal import find_peaks

    found, _ = find_peaks(np.pad(pdf, 1), prominence=PEAK * pdf.max())
    return np.asarray((found - 1)[np.argsort(-pdf[found - 1], kind="stable")])


def choose(revealed: Path) -> dict[str, Any] | None:
    """Ids, redshifts and the oracle's densities of the examples; None where there are no such densities."""
    path = revealed / "oracle.parquet"
    if not path.exists() or "oracle_pdf" not in tables.column_names(path):
        return None
    table = tables.read(path, ["object_id", "oracle_pdf"])
    chosen = chosen_rows(np.asarray(table["oracle_pdf"], dtype=np.float64))
    ids = table["object_id"][list(chosen.values())]
    truth = tables.read(revealed / "truth.parquet", ["object_id", "z_true"])
    order = np.argsort(truth["object_id"])
    z_true = truth["z_true"][order[np.searchsorted(truth["object_id"], ids, sorter=order)]]
    pdf = [plain(table["oracle_pdf"][row]) for row in chosen.values()]
    return {"ids": ids.tolist(), "titles": list(chosen), "z_true": z_true.tolist(), "pdf": pdf}


def chosen_rows(pdf: FloatArray) -> dict[str, int]:
    """Rows of densities (n, nodes) by what is to be seen of each; kinds that none shows are left out.

    Of one peak, a narrow and a broad one by their heights; of more, the one whose peaks are most alike and far apart.
    """
    found = [peaks(p) for p in pdf]
    number = np.array([len(at) for at in found])
    highest = pdf.max(axis=1)
    rows = {}
    one = np.flatnonzero(number == 1)
    for title, level in (("One narrow peak", NARROW), ("One broad peak", BROAD)):
        if len(one):
            wanted = np.quantile(highest[one], level)
            rows[title] = int(one[np.argmin(np.abs(highest[one] - wanted))])
    for title, fitting, k in (("Two peaks", number == 2, 2), ("Three peaks and more", number >= 3, 3)):
        some = np.flatnonzero(fitting)
        if len(some):
            marked = [np.ptp(found[row][:k]) * pdf[row, found[row][k - 1]] / highest[row] for row in some]
            rows[title] = int(some[np.argmax(marked)])
    return rows


def draw(chosen: Mapping[str, Any], answer: Table) -> tuple[Plate, ...]:
    """The densities of an entry over those of the oracle; none where it sent none."""
    if "pdf" not in answer:
        return ()
    told = zip(chosen["titles"], chosen["ids"], chosen["z_true"], chosen["pdf"], answer["pdf"], strict=True)
    return tuple(_plate(title, i, z, np.array(oracle), pdf) for title, i, z, oracle, pdf in told)


def _plate(title: str, i: int, z_true: float, oracle: FloatArray, pdf: Array) -> Plate:
    z = GRID.nodes
    densities = [np.asarray(p, dtype=np.float64) for p in (pdf, oracle)]
    ends = [_ends(p) for p in densities]
    low, high = min(z_true, *(a for a, _ in ends)), max(z_true, *(b for _, b in ends))
    wider = max(0.04 * (high - low), (LEAST - (high - low)) / 2)
    low, high = max(low - wider, GRID.low), min(high + wider, GRID.high)
    inside = (z >= low) & (z <= high)
    top = 1.08 * max(float(p.max()) for p in densities)
    series = [
        {"x": plain(z[inside]), "y": plain(p[inside]), "style": style, "label": label}
        for p, style, label in zip(densities, (ENTRY, ORACLE), ("this entry", "oracle"), strict=True)
    ]
    panel = {
        "key": "pdf",
        "y_label": "p(z)",
        "y_range": [0.0, top],
        "guides": [{"label": "true redshift", "x": [z_true, z_true], "y": [0.0, top]}],
        "series": series,
    }
    data = {"x_label": "redshift", "x_range": [low, high], "panels": [panel]}
    return Plate(title, "curves", data, f"Galaxy {i}. Upright line: its redshift, {z_true:.3f}.")


def _ends(p: FloatArray) -> tuple[float, float]:
    """Between which redshifts nearly all of a density lies."""
    share = np.cumsum(p) / p.sum()
    first, last = np.searchsorted(share, (TAIL, 1 - TAIL))
    return float(GRID.nodes[first]), float(GRID.nodes[min(last, len(p) - 1)])


EXAMPLES = Examples(
    "Densities of four galaxies",
    "The same galaxies for every entry, chosen by the oracle’s density alone.",
    choose,
    draw,
)
