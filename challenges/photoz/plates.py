"""What the data of a release look like: how training and test galaxies differ, and the fluxes of a few galaxies.

Everything comes from the public tables, of which no more is read than a page shows.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from blindsky.challenges.challenge import Plate
from blindsky.challenges.curves import plain
from blindsky.challenges.release import Public
from blindsky.scoring.measurements import FloatArray, Table

MOST = 20_000  # galaxies of a split; their order carries no information
AT = (0.2, 0.5, 0.8, 1.2, 1.7, 2.4)  # redshifts near which a galaxy is shown
NEAR = 0.1  # how near, in units of 1 + z
CLEAR = 20.0  # signal to noise in the reference band of a galaxy that is shown
ZERO_POINT = 31.4  # AB magnitude of 1 nJy
STYLES = (3, 0, 2, 4, 1, 10)  # of the galaxies from near to far
REDSHIFTS = np.round(np.arange(0.0, 3.01, 0.1), 1)
MAGNITUDES = np.arange(16.0, 27.1, 0.5)


def plates(public: Public) -> tuple[Plate, ...]:
    """The plates that the tables of a release have the data for."""
    bands = list(public.json("bands")["bands"])
    reference = "i" if "i" in bands else bands[len(bands) // 2]
    names = [f"{what}_{band}" for what in ("flux", "flux_err") for band in bands]
    found = {
        split: next(public.batches(split, MOST, [*names, *(("redshift",) if split == "train" else ())]))
        for split in ("train", "test")
        if public.has(split)
    }
    made = []
    if "train" in found:
        made.append(_redshifts(found["train"]["redshift"]))
    if len(found) == 2:
        made.append(
            _brightness({split: table[f"flux_{reference}"] for split, table in found.items()}, reference)
        )
    if "train" in found and public.has("filters"):
        drawn = _galaxies(found["train"], bands, reference, _wavelengths(public.table("filters")))
        made += [drawn] if drawn else []
    return tuple(made)


def _redshifts(redshift: FloatArray) -> Plate:
    inside = np.clip(redshift, REDSHIFTS[0], REDSHIFTS[-1])
    counts, _ = np.histogram(inside, bins=REDSHIFTS)
    data = {
        "x_label": "redshift of the training galaxies",
        "y_label": "share of galaxies",
        "edges": plain(REDSHIFTS),
        "values": plain(counts / max(len(inside), 1)),
        "one": 0.0,
    }
    return Plate("Redshifts of the labels", "histogram", data, "As the catalogue gives them.")


def _brightness(flux: dict[str, FloatArray], band: str) -> Plate:
    """Training against test: what is bright enough for a label, where that decides."""
    series = []
    for split, name in (("train", "training set"), ("test", "test set")):
        seen = flux[split][flux[split] > 0]
        magnitude = ZERO_POINT - 2.5 * np.log10(seen.astype(np.float64))
        counts, _ = np.histogram(np.clip(magnitude, MAGNITUDES[0], MAGNITUDES[-1]), bins=MAGNITUDES)
        series.append({"label": name, "values": plain(counts / max(len(seen), 1))})
    data = {
        "x_label": f"{band} [AB mag]",
        "y_label": "share of galaxies",
        "edges": plain(MAGNITUDES),
        "series": series,
    }
    caption = "What is brighter or fainter is counted in the outermost bins."
    return Plate("Brightness of training and test", "line_pair", data, caption)


def _wavelengths(filters: Table) -> dict[str, float]:
    """Mean wavelength of each band in micrometres, weighted by its transmission."""
    return {
        str(band): float(
            np.average(filters["wavelength"][own], weights=filters["transmission"][own] + 1e-12) / 1e4
        )
        for band in np.unique(filters["band"])
        for own in [filters["band"] == band]
    }


def _galaxies(table: Table, bands: list[str], reference: str, wavelengths: dict[str, float]) -> Plate | None:
    """Fluxes of training galaxies at several redshifts; None where none is clear enough."""
    known = sorted((b for b in bands if b in wavelengths), key=lambda b: wavelengths[b])
    if reference not in known:
        return None
    x = plain(np.array([wavelengths[b] for b in known]))
    signal = table[f"flux_{reference}"] / table[f"flux_err_{reference}"]
    series: list[dict[str, Any]] = []
    heights: list[float] = []
    for z, style in zip(AT, STYLES, strict=True):
        some = np.flatnonzero((np.abs(table["redshift"] - z) < NEAR * (1 + z)) & (signal > CLEAR))
        if not len(some):
            continue
        k = some[np.argsort(signal[some], kind="stable")[len(some) // 2]]  # the one in the middle
        flux = np.array([table[f"flux_{b}"][k] for b in known], dtype=np.float64)
        error = np.array([table[f"flux_err_{b}"][k] for b in known], dtype=np.float64)
        unit = float(table[f"flux_{reference}"][k])
        y, low, high = (plain(v / unit) for v in (flux, flux - error, flux + error))
        label = f"z = {float(table['redshift'][k]):.2f}"
        series += [
            {"x": x, "y": y, "low": low, "high": high, "dots": True, "style": style, "label": label},
            {"x": x, "y": y, "style": style},
        ]
        heights += [*low, *high]
    if not series:
        return None
    margin = 0.06 * (max(heights) - min(heights))
    panel = {
        "key": "flux",
        "y_label": f"flux / flux in {reference}",
        "y_range": [min(0.0, min(heights) - margin), max(heights) + margin],
        "series": series,
    }
    data = {"x_label": "wavelength [um]", "x_range": [x[0] - 0.05, x[-1] + 0.05], "panels": [panel]}
    caption = f"Fluxes of training galaxies in {', '.join(known)}; bars are 1 sigma, lines guide the eye."
    return Plate("Galaxies at several redshifts", "curves", data, caption)
