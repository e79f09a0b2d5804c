"""Subsets of the test objects that are scored by themselves."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from blindsky.challenges.challenge import Slice
from blindsky.challenges.transients.cadence import DEEP_HALF_SEASON, END, SEASON, START, YEAR, opposition
from blindsky.challenges.transients.classes import CLASSES, DAYS, HIDDEN
from blindsky.scoring.measurements import FloatArray, Table

_GALACTIC = [kind.number for kind in (*CLASSES, *HIDDEN) if kind.galactic]
_METRICS = ("weighted_logloss", "logloss_known", "brier", "balanced_accuracy")
LOST = 0.15  # |error| / (1 + z) of a photometric redshift beyond which it is called catastrophic

Mask = Callable[[Table], NDArray[np.bool_]]


def galactic(table: Table) -> NDArray[np.bool_]:
    """Objects of our Galaxy."""
    return np.isin(table["true_target"], _GALACTIC)


def in_season(table: Table) -> NDArray[np.bool_]:
    """Objects whose reference time falls into the survey and a season of their position."""
    peak = table["true_peakmjd"]
    away = (peak - opposition(table["ra"].astype(np.float64)) + YEAR / 2) % YEAR - YEAR / 2
    half = np.where(table["ddf"] > 0, DEEP_HALF_SEASON, SEASON / 2)
    return np.asarray((np.abs(away) <= half) & (peak >= START) & (peak <= END))


def catastrophic(table: Table) -> NDArray[np.bool_]:
    """Galaxies whose photometric redshift is far off."""
    z: FloatArray = table["true_z"]
    return np.asarray(np.abs(table["hostgal_photoz"] - z) > LOST * (1 + z))


def _slice(name: str, family: str, needs: tuple[str, ...], mask: Mask) -> Slice:
    return Slice(name, needs, mask, family, _METRICS)


def _range(column: str, low: float, high: float) -> Mask:
    """From ``low`` to below ``high``; an infinite ``high`` leaves out nothing."""
    return lambda t: np.asarray((t[column] >= low) & ((t[column] < high) | np.isinf(high)))


def _equal(column: str, number: int) -> Mask:
    return lambda t: np.asarray(t[column] == number)


_DISTANCES = ((0.0, 0.2), (0.2, 0.4), (0.4, 0.7), (0.7, 1.2), (1.2, 4.0))
_DETECTIONS = (("2-3", 2, 4), ("4-9", 4, 10), (">= 10", 10, np.inf))
_PEAKS = (("< 21", -np.inf, 21), ("21-22.5", 21, 22.5), ("> 22.5", 22.5, np.inf))
_HOST = ("true_target", "hostgal_specz")
_SEASON = ("true_peakmjd", "ra", "ddf")
_REDSHIFT = ("true_target", "true_z", "hostgal_photoz")

SLICES = (
    _slice("deep fields", "survey", ("ddf",), _equal("ddf", 1)),
    _slice("wide survey", "survey", ("ddf",), _equal("ddf", 0)),
    _slice("Galactic", "place", ("true_target",), galactic),
    _slice("extragalactic", "place", ("true_target",), lambda t: ~galactic(t)),
    _slice("host has a spectrum", "host", _HOST, lambda t: ~galactic(t) & np.isfinite(t["hostgal_specz"])),
    _slice("host has none", "host", _HOST, lambda t: ~galactic(t) & np.isnan(t["hostgal_specz"])),
    *(
        _slice(f"{low:g} <= z < {high:g}", "redshift", ("true_z",), _range("true_z", low or 1e-9, high))
        for low, high in _DISTANCES
    ),
    *(
        _slice(f"detections {name}", "detections", ("n_det",), _range("n_det", a, b))
        for name, a, b in _DETECTIONS
    ),
    *(
        _slice(f"peak i {name}", "brightness", ("peak_mag_i",), _range("peak_mag_i", a, b))
        for name, a, b in _PEAKS
    ),
    _slice("peak in a season", "season", _SEASON, in_season),
    _slice("peak outside", "season", _SEASON, lambda t: np.isfinite(t["true_peakmjd"]) & ~in_season(t)),
    _slice("photo-z good", "photo-z", _REDSHIFT, lambda t: ~galactic(t) & ~catastrophic(t)),
    _slice("photo-z catastrophic", "photo-z", _REDSHIFT, lambda t: ~galactic(t) & catastrophic(t)),
    *(
        _slice(f"day {day}", "days after the trigger", ("epoch_cut",), _equal("epoch_cut", day))
        for day in DAYS
    ),
)
