"""What is said of a catalogue that is allowed, but strange: rows outside, and rows that share a cell."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from blindsky.challenges.hi.field import CENTRE, CHANNEL, FIRST, TINY
from blindsky.challenges.hi.remarks import remarks
from blindsky.scoring.measurements import Table

PAIRS = 2000


def read(name: str) -> dict[str, Any]:
    assert name == "fields"
    return {"test": TINY.to_dict()}


def pairs() -> Table:
    """Places of the field, each twice."""
    rng = np.random.default_rng(5)
    ra, dec = TINY.world(*rng.uniform(0, TINY.nx - 1, (2, PAIRS)))
    frequency = FIRST + CHANNEL * (TINY.k0 + rng.uniform(0, TINY.nchan - 1, PAIRS))
    return {"ra": np.repeat(ra, 2), "dec": np.repeat(dec, 2), "central_freq": np.repeat(frequency, 2)}


def number(remark: str) -> int:
    return int(remark.split()[0].replace(",", ""))


@pytest.mark.parametrize("direction", ["ra", "dec"])
@pytest.mark.parametrize("apart", [0.0, 1.0, 2.0, 3.0, 5.0])
def test_pairs_share_a_cell_as_often_as_its_side_allows(apart: float, direction: str) -> None:
    """Of pairs s arcsec apart along a side of 7 arcsec, 1 - s / 7 have no border of cells between them."""
    claims = pairs()
    step = apart / 3600 / (np.cos(np.radians(CENTRE[1])) if direction == "ra" else 1)
    claims[direction] = claims[direction] + np.tile([0, step], PAIRS)
    (said,) = (text for text in remarks(claims, read) if "share a cell" in text)
    assert number(said) == pytest.approx(2 * PAIRS * (1 - apart / 7), abs=170)  # 4 sigma


def test_rows_alone_are_not_remarkable() -> None:
    assert remarks({name: column[::20] for name, column in pairs().items()}, read) == ()


def test_rows_outside_are_counted() -> None:
    claims = {name: column[:40:2].copy() for name, column in pairs().items()}
    claims["ra"][0], claims["dec"][0] = 0.0, 30.0  # on the far side of the sky
    claims["central_freq"][1] = 1.2e9
    (said,) = remarks(claims, read)
    assert said.startswith("2 of 20 rows lie outside the field or its band")
