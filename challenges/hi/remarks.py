"""What is allowed in a catalogue, but worth a word before it is handed in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from blindsky.challenges.hi.field import CENTRE, Field
from blindsky.scoring.measurements import Table

CELL = (7.0, 0.5e6)  # arcsec and Hz
CROWDED = 0.01  # share of the rows in a cell with another


def remarks(claims: Table, read: Callable[[str], dict[str, Any]]) -> tuple[str, ...]:
    """Rows outside the field or the band, which are false; rows at the same place, of which one can be right."""
    field = Field.of(read("fields")["test"])
    x, y = field.pixel(claims["ra"], claims["dec"])
    inside = field.inside(x, y, field.channel(claims["central_freq"]))
    found = []
    n, outside = len(inside), int(np.count_nonzero(~inside))
    if outside:
        low, high = field.frequencies[[0, -1]] / 1e6
        found.append(
            f"{outside:,} of {n:,} rows lie outside the field or its band, {low:.2f} to {high:.2f} MHz: "
            "they count as false detections"
        )
    # the same measure of ra in all rows: one by their own dec would shear the cells
    east = (claims["ra"] - CENTRE[0]) * np.cos(np.radians(CENTRE[1]))
    place = np.stack(
        [
            np.floor(east * 3600 / CELL[0]),
            np.floor(claims["dec"] * 3600 / CELL[0]),
            np.floor(claims["central_freq"] / CELL[1]),
        ]
    )
    _, counts = np.unique(place, axis=1, return_counts=True)
    shared = int(counts[counts > 1].sum())
    if shared > CROWDED * n:
        found.append(
            f'{shared:,} of {n:,} rows share a cell of 7" and 0.5 MHz with another: sources that are claimed twice '
            "share one score"
        )
    return tuple(found)
