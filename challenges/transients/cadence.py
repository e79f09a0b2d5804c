"""When each object is observed and in which band: ragged lists of visits, ordered by object and time.

A position is visible around its oppositions. The wide survey visits every object at random nights of its seasons;
the deep fields have one calendar each, which all objects of the field share.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blindsky.challenges.transients.positions import FIELDS
from blindsky.scoring.measurements import Array, FloatArray

START, END = 59580, 60675  # MJD of the three years
YEAR = 365.25
AUTUMN = 59658.0  # MJD when ra = 180 deg stands opposite the Sun
NIGHT = 0.35  # days, from its beginning

SEASON = 190.0  # days of the wide survey about an opposition
NUMBERS = ((0.05, 95.0, 20.0), (0.40, 115.0, 8.0), (0.55, 138.0, 8.0))  # share, mean, sd; Boone 2019
FEWEST = 50  # visits
PER_BAND = (56, 80, 184, 184, 160, 160)  # visits in ten years, ugrizy (Ivezic et al. 2019)

DEEP_HALF_SEASON = 70.0  # days
NEW_MOON, MONTH = 59581.8, 29.5306  # MJD, days
DARK = (4.0, 26.0)  # age of the moon, days: outside, u is observed and nothing else
U_SHARE = 0.70  # of the dark nights
GAP, SEQUENCE_SHARE = 3, 0.25  # nights between sequences at least; share of the nights that then have one
SEQUENCE, SPACING = (2, 1, 3, 4, 5), 0.008  # r g i z y; days from one to the next

# Of n visits, n^2 times this fall on a night and band already taken (570 nights); so many more are drawn
_REPEATED = 0.5 * np.square(PER_BAND).sum() / np.sum(PER_BAND) ** 2 / (3 * SEASON)

_BAND = np.repeat(np.arange(6, dtype=np.uint8), PER_BAND)
# A visit as one sortable uint32: 11 bits of night, 18 of time in the night, 3 of band
_TIME_BITS, _BAND_BITS = 18, 3
_EMPTY = np.uint32(0xFFFFFFFF)


@dataclass(frozen=True)
class Visits:
    """Columns (m,): ``index`` of the object, not falling; ``mjd``, not falling within an object; ``band`` 0..5."""

    index: NDArray[np.intp]
    mjd: FloatArray
    band: NDArray[np.int8]


def opposition(ra: FloatArray) -> FloatArray:
    """MJD of the opposition between 59658 and 60023.25 of positions at ``ra`` deg; others follow year by year."""
    return np.asarray(AUTUMN + ((ra + 180.0) % 360.0) / 360.0 * YEAR)


def wide(stream: np.random.Generator, ra: FloatArray) -> Visits:
    """Visits of objects at ``ra`` (n,) deg in the wide survey, about 127 each.

    Stream: shares (n,), normals (n,), times (m,), bands (m,).
    """
    number = _numbers(stream, len(ra))
    total = int(number.sum())
    # Seasons laid end to end, from the one of the opposition before 59658: y days of season since its beginning
    begin = opposition(ra) - YEAR - 0.5 * SEASON
    y_low, y_high = _season_days(begin, START), _season_days(begin, END)
    y = np.repeat(y_high - y_low, number)
    y *= stream.random(total)
    y += np.repeat(y_low, number)
    t = np.floor(y / SEASON)
    t *= YEAR - SEASON
    t += y
    t += np.repeat(begin - START, number)
    # The fraction of a day is uniform, and so serves as the time in the night
    key = (t * (1 << _TIME_BITS)).astype(np.uint32)
    key <<= _BAND_BITS
    key |= _BAND[stream.integers(len(_BAND), size=total, dtype=np.uint16)]

    table = np.full((len(ra), int(number.max(initial=0))), _EMPTY)
    filled = np.arange(table.shape[1]) < number[:, None]
    table[filled] = key
    table.sort(axis=1)  # short rows: several times faster than one sort of all visits
    key = table[filled]
    index = np.repeat(np.arange(len(ra)), number)
    kept = ~_repeated(index, key >> (_TIME_BITS + _BAND_BITS), key & 7)
    key, index = key[kept], index[kept]
    mjd = ((key >> _BAND_BITS) & ((1 << _TIME_BITS) - 1)) * (NIGHT / (1 << _TIME_BITS))
    mjd += START
    mjd += key >> (_TIME_BITS + _BAND_BITS)
    return Visits(index, np.asarray(mjd, dtype=np.float64), (key & 7).astype(np.int8))


def calendars(stream: np.random.Generator) -> Visits:
    """The visits of each deep field, ``index`` being the field; drawn once a survey.

    Stream: for every field and night in order, one number whether and one when.
    """
    field: list[int] = []
    mjd: list[float] = []
    band: list[int] = []
    chance, hour = stream.random((2, len(FIELDS), END - START))
    for k, middle in enumerate(opposition(FIELDS[:, 0])):
        last = -GAP
        for night in range(END - START):
            if abs((START + night - middle + YEAR / 2) % YEAR - YEAR / 2) > DEEP_HALF_SEASON:
                continue
            moon = (START + night - NEW_MOON) % MONTH
            dark = moon < DARK[0] or moon > DARK[1]
            if (not dark and night - last < GAP) or chance[k, night] >= (U_SHARE if dark else SEQUENCE_SHARE):
                continue
            bands = (0,) if dark else SEQUENCE
            last = last if dark else night
            first = START + night + hour[k, night] * (NIGHT - SPACING * (len(SEQUENCE) - 1))
            field += [k] * len(bands)
            mjd += [first + SPACING * j for j in range(len(bands))]
            band += bands
    return Visits(np.array(field, dtype=np.intp), np.array(mjd), np.array(band, dtype=np.int8))


def deep(shared: Visits, field: Array) -> Visits:
    """Visits of objects in deep ``field`` (n,): the calendar of each object's field."""
    length = np.bincount(shared.index, minlength=len(FIELDS))
    begin = np.cumsum(length) - length
    number = length[field]
    place = np.arange(int(number.sum())) + np.repeat(begin[field] - (np.cumsum(number) - number), number)
    return Visits(np.repeat(np.arange(len(field)), number), shared.mjd[place], shared.band[place])


def _numbers(stream: np.random.Generator, n: int) -> NDArray[np.intp]:
    """Visits to draw for n objects, so that those left of different night or band are as many as were fitted."""
    share, mean, sd = np.array(NUMBERS).T
    which = np.searchsorted(np.cumsum(share)[:-1], stream.random(n), side="right")
    left = np.maximum(mean[which] + sd[which] * stream.standard_normal(n), FEWEST)
    return np.asarray(np.rint(left / (1 - _REPEATED * left)).astype(np.intp))


def _season_days(begin: FloatArray, mjd: float) -> FloatArray:
    """Days of season from ``begin`` (n,), the first day of a season, until ``mjd``."""
    year = np.floor((mjd - begin) / YEAR)
    return np.asarray(year * SEASON + np.minimum(mjd - begin - year * YEAR, SEASON))


def _repeated(index: Array, night: Array, band: Array) -> NDArray[np.bool_]:
    """Visits (m,) whose object, night and band an earlier visit has; ordered by object and night."""
    repeated = np.zeros(len(index), dtype=bool)
    later = np.flatnonzero((night[1:] == night[:-1]) & (index[1:] == index[:-1])) + 1
    lag = 1
    while later.size:
        repeated[later[band[later] == band[later - lag]]] = True
        lag += 1
        later = later[later >= lag]
        before = later - lag
        later = later[(night[later] == night[before]) & (index[later] == index[before])]
    return repeated
