"""What the data of a release look like: the noise of both fields by channel, and the sources of the training field."""

from __future__ import annotations

from typing import Any

import numpy as np

from blindsky.challenges.challenge import Plate
from blindsky.challenges.curves import plain
from blindsky.challenges.release import Public
from blindsky.scoring.measurements import Table

POINTS = 600  # of a curve, at most
STYLES = {"train": 0, "test": 1}
FLUX = np.round(np.arange(0.0, 2.61, 0.1), 1)  # log10 of Jy Hz
SIZE = np.round(np.arange(0.0, 1.81, 0.1), 1)  # log10 of arcsec
WIDTH = np.arange(0.0, 801.0, 50.0)  # km/s


def plates(public: Public) -> tuple[Plate, ...]:
    """The plates that the tables of a release have the data for."""
    splits = [split for split in STYLES if public.has(f"{split}_channels")]
    channels = {split: public.table(f"{split}_channels") for split in splits}
    if len(splits) == 2 and all(
        np.array_equal(channels["train"][name], c) for name, c in channels["test"].items()
    ):
        del channels["train"]  # one and the same
    noise = [_noise(channels)] if splits else []
    if not public.has("train_sources"):
        return tuple(noise)
    truth = public.table("train_sources", ["line_flux_integral", "hi_size", "w20"])
    return (*noise, _sizes(truth), _widths(truth)) if len(truth["w20"]) else tuple(noise)


def _noise(channels: dict[str, Table]) -> Plate:
    """Nominal rms by frequency; where interference is, with its factor below."""
    panels = []
    for column, y_label, scale, log in (
        ("rms_jy_beam", "rms [uJy/beam]", 1e6, False),
        ("gamma", "gamma", 1.0, True),
    ):
        series = [
            _channels(table, column, scale) | {"style": STYLES[s], "label": s}
            for s, table in channels.items()
        ]
        ends = [y for one in series for y in one["y"]]
        if column == "gamma" and max(ends) == 1:
            continue
        low, high = (0.0, 1.05 * max(ends)) if not log else (0.9, 1.2 * max(ends))
        panels.append(
            {"key": column, "y_label": y_label, "y_range": [low, high], "y_log": log, "series": series}
        )
    every = np.concatenate([table["freq_hz"] for table in channels.values()]) / 1e6
    data = {
        "x_label": "frequency [MHz]",
        "x_range": [float(every.min()), float(every.max())],
        "panels": panels,
    }
    told = "; gamma is the factor of interference" if any(panel["key"] == "gamma" for panel in panels) else ""
    return Plate("Noise by channel", "curves", data, f"Nominal{told}.")


def _channels(table: Table, column: str, scale: float) -> dict[str, Any]:
    """A column by frequency; of runs of channels the largest, so that no peak is lost."""
    run = -(-len(table["freq_hz"]) // POINTS)
    starts = np.arange(0, len(table["freq_hz"]), run)
    values = np.maximum.reduceat(table[column], starts) * scale
    return {"x": plain(table["freq_hz"][starts] / 1e6), "y": [float(f"{v:.4g}") for v in values]}


def _sizes(truth: Table) -> Plate:
    x, y = (np.log10(truth[name]) for name in ("line_flux_integral", "hi_size"))
    counts, _, _ = np.histogram2d(x, y, bins=(FLUX, SIZE))
    data = {
        "x_label": "log flux [Jy Hz]",
        "y_label": "log size [arcsec]",
        "x_edges": plain(FLUX),
        "y_edges": plain(SIZE),
        "counts": [[int(n) or None for n in row] for row in counts.T],
        "one": 1,
    }
    return Plate(
        "Training sources by flux and size", "heatmap", data, "Number of sources; the beam has 7 arcsec."
    )


def _widths(truth: Table) -> Plate:
    counts, _ = np.histogram(truth["w20"], WIDTH)
    data = {
        "x_label": "w20 [km/s]",
        "y_label": "training sources",
        "edges": plain(WIDTH),
        "values": counts.tolist(),
        "one": 1,
    }
    return Plate("Training sources by width", "histogram", data)
