"""Colours and K-corrections of four galaxy templates (Coleman, Wu & Weedman 1980, extended), z = 0 to 5."""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files

import numpy as np

from blindsky.scoring.measurements import Array, FloatArray

STEP = 0.05  # of the table, in redshift
TEMPLATES = ("E", "Sbc", "Scd", "Im")


@cache
def _table() -> dict[str, FloatArray]:
    """Column -> (4 templates, redshifts)."""
    text = (files("blindsky.challenges") / "data" / "sed_colours.csv").read_text(encoding="utf-8")
    lines = list(csv.DictReader(text.splitlines()))
    names = [name for name in lines[0] if name not in ("template", "z")]
    return {
        name: np.array([[float(line[name]) for line in lines if line["template"] == t] for t in TEMPLATES])
        for name in names
    }


def _read(column: str, template: Array, z: FloatArray) -> FloatArray:
    table = _table()[column]
    row = np.array([TEMPLATES.index(t) for t in template], dtype=np.int64)
    place = np.clip(z / STEP, 0, table.shape[1] - 1.0001)
    cell = place.astype(np.int64)
    return np.asarray(table[row, cell] + (place - cell) * (table[row, cell + 1] - table[row, cell]))


def k_correction(template: Array, z: FloatArray) -> FloatArray:
    """K_r (m,) in magnitudes; ``template`` holds names."""
    return _read("K_r", template, z)


def colours(template: Array, z: FloatArray, bands: tuple[str, ...]) -> FloatArray:
    """Magnitude in each band minus that in r, (m, bands)."""
    zero = np.zeros(len(z))
    return np.stack([zero if b == "r" else _read(f"{b}-r", template, z) for b in bands], axis=1)


def fluxes(
    magnitude: FloatArray, reference: str, template: Array, z: FloatArray, bands: tuple[str, ...]
) -> FloatArray:
    """Fluxes (m, bands) in maggies of galaxies of given magnitude in the reference band."""
    relative = colours(template, z, bands) - colours(template, z, (reference,))
    return np.asarray(10 ** (-0.4 * (magnitude[:, None] + relative)))
