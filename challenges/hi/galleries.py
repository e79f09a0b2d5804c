"""Which sources of an entry are worth a picture: found well, found somehow, missed, and claimed where there is none.

Of the training field always, of the test field once all of its truth may be shown. The same for a map of them all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blindsky.challenges.challenge import Figure
from blindsky.challenges.hi.field import C_KMS, CENTRE
from blindsky.challenges.hi.measure import CLAIM, DETECTABLE, SOURCE
from blindsky.challenges.hi.pictures import PANELS, PLACE
from blindsky.scoring.measurements import FloatArray, Measurements, Table

EACH = 4  # pictures of a gallery
MOST = 400  # places of a kind on a map
STYLES = ((0, "disc"), (4, "ring"), (1, "cross"))  # of found, missed, false

Indices = NDArray[np.intp]


def _open(columns: Table) -> bool:
    """Whether these are sources of which all may be told."""
    parts = set(np.unique(columns["part"]).tolist())
    return parts == {"train"} or len(parts) > 1


def _falling(value: FloatArray, of: NDArray[np.bool_]) -> Indices:
    """Rows of which ``of`` holds and whose value is known, the largest first."""
    rows = np.flatnonzero(of & ~np.isnan(value))
    return rows[np.argsort(-value[rows], kind="stable")]


def _matches(m: Measurements) -> Indices:
    return _falling(m.floats("gain"), (m["kind"] == CLAIM) & (m["hit"] == 1))


def best(m: Measurements) -> Indices:
    """Claims with the highest scores."""
    return _matches(m)[:EACH]


def middle(m: Measurements) -> Indices:
    """Claims around the median score."""
    found = _matches(m)
    first = max(0, len(found) // 2 - EACH // 2)
    return found[first : first + EACH]


def missed(m: Measurements) -> Indices:
    """Sources that could have been found, the clearest first."""
    return _falling(
        m.floats("snr"), (m["kind"] == SOURCE) & (m["found"] == 0) & (m.floats("snr") >= DETECTABLE)
    )[:EACH]


def false(m: Measurements) -> Indices:
    """Claims where there is no source, those of the highest S/N by their own numbers first."""
    return _falling(m.floats("snr_claimed"), (m["kind"] == CLAIM) & (m["hit"] == 0))[:EACH]


def _gallery(
    choose: Callable[[Measurements], Indices],
) -> Callable[[Measurements, Table], dict[str, Any] | None]:
    def data(measurements: Measurements, columns: Table) -> dict[str, Any] | None:
        if "snr" not in measurements or "snr_claimed" not in measurements or not _open(columns):
            return None
        rows = choose(measurements)
        if not len(rows):
            return None
        of = {name: measurements.floats(name)[rows] for name in PLACE}
        shift = measurements.floats("off_central_freq")[rows] / C_KMS
        claimed = {
            "claimed_freq": of["central_freq"] * (1 - shift),
            "claimed_w20": of["w20"] * (1 + measurements.floats("off_w20")[rows]),
        }
        places = {
            name: [None if np.isnan(v) else float(v) for v in column]
            for name, column in (of | claimed).items()
        }
        return {"rows": rows.tolist(), "places": places, "notes": [_note(measurements, row) for row in rows]}

    return data


def _note(m: Measurements, row: int) -> str:
    """Numbers of the source; of a false claim those that it gives itself."""
    text = f"S/N {m.floats('snr')[row]:.1f}, {m.floats('line_flux_integral')[row]:.0f} Jy Hz"
    if m["hit"][row] == 1:
        return f"{text}, score {m.floats('gain')[row]:.2f}"
    return f"claimed {text}" if m["kind"][row] == CLAIM else text


def places(m: Measurements, columns: Table) -> dict[str, Any] | None:
    """Matches, detectable sources that were missed, and false claims on a map of one direction and the frequency."""
    if "snr" not in m or not _open(columns):
        return None
    kinds = {
        "found": (m["kind"] == CLAIM) & (m["hit"] == 1),
        "missed": (m["kind"] == SOURCE) & (m["found"] == 0) & (m.floats("snr") >= DETECTABLE),
        "false": (m["kind"] == CLAIM) & (m["hit"] == 0),
    }
    east = (m.floats("ra") - CENTRE[0]) * np.cos(np.radians(m.floats("dec"))) * 60
    frequency = m.floats("central_freq") / 1e6
    sources = m["kind"] == SOURCE  # claims may lie anywhere, and must not set the axes
    series: list[dict[str, Any]] = []
    ends = {}
    for name, of in (("x", east), ("y", frequency)):
        low, high = float(of[sources].min()), float(of[sources].max())
        ends[name] = low - 0.03 * (high - low), high + 0.03 * (high - low)
    for (name, of_kind), (style, shape) in zip(kinds.items(), STYLES, strict=True):
        shown = of_kind & np.all(
            [(of >= ends[axis][0]) & (of <= ends[axis][1]) for axis, of in (("x", east), ("y", frequency))],
            axis=0,
        )
        rows = np.flatnonzero(shown)
        rows = rows[:: -(-len(rows) // MOST) or 1]
        y = [round(float(v), 3) for v in frequency[rows]]
        x = [round(float(v), 3) for v in east[rows]]
        look = {"dots": True, "style": style, "shape": shape, "label": name}
        series.append({"x": x, "y": y, "low": y, "high": y} | look)
    panel = {"key": "map", "y_label": "frequency [MHz]", "y_range": list(ends["y"]), "guides": []}
    return {
        "x_label": "to the east of the centre [arcmin]",
        "x_range": list(ends["x"]),
        "x_log": False,
        "panels": [panel | {"series": series}],
    }


_WIDTHS, _CLAIMED = "true width green, claimed one amber", "claimed width green"

MAP = Figure(
    "map",
    "Where they are",
    "curves",
    places,
    needs=("part",),
    caption="Matches, sources of S/N 5 and more that were missed, and false detections.",
    training=True,
)
GALLERIES = tuple(
    Figure(
        key,
        title,
        "gallery",
        _gallery(choose),
        needs=("part",),
        caption=f"{what} {PANELS.format(widths)}",
        training=True,
    )
    for key, title, choose, what, widths in (
        ("best", "Found best", best, "Highest scores.", _WIDTHS),
        ("middle", "Found in the middle", middle, "Scores around the median.", _WIDTHS),
        ("missed", "Missed", missed, "Of S/N 5 and more, the clearest first.", _WIDTHS),
        ("false", "False", false, "Detections without a source, at the place that they claim.", _CLAIMED),
    )
)
