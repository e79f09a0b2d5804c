"""Light curves of a release for the methods here: found by object, cut at a time, taken in any order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blindsky.challenges import tables
from blindsky.challenges.challenge import rows
from blindsky.challenges.release import Public
from blindsky.challenges.transients.classes import DAYS
from blindsky.scoring.measurements import Array, FloatArray, Table

BANDS = 6
SAME_NIGHT = 0.021  # days after the first detection before which a second one triggers nothing
KEY = "object_id"
_COLUMNS = ("mjd", "passband", "flux", "flux_err", "detected")


@dataclass(frozen=True)
class LightCurves:
    """The observations of n objects, those of the first object first, each object's by time.

    starts : (n + 1,); object k has the rows starts[k] to starts[k + 1].
    mjd float64, passband 0..5, flux, flux_err float64, detected bool : (rows,).
    """

    starts: NDArray[np.int64]
    mjd: FloatArray
    passband: NDArray[np.int64]
    flux: FloatArray
    flux_err: FloatArray
    detected: NDArray[np.bool_]

    def __len__(self) -> int:
        """Number of objects."""
        return len(self.starts) - 1

    @property
    def counts(self) -> NDArray[np.int64]:
        """Observations of each object, (n,)."""
        return np.diff(self.starts)

    @property
    def owner(self) -> NDArray[np.int64]:
        """Object of each observation, (rows,)."""
        return np.repeat(np.arange(len(self)), self.counts)

    def take(self, objects: Array) -> LightCurves:
        """Those of some objects (m,), in that order; an object may stand there more than once."""
        counts = self.counts[objects]
        starts = np.concatenate([[0], np.cumsum(counts)])
        chosen = np.arange(starts[-1]) + np.repeat(self.starts[:-1][objects] - starts[:-1], counts)
        return self._rows(starts, chosen)

    def until(self, end: FloatArray) -> LightCurves:
        """Observations of each object up to its time ``end`` (n,), MJD."""
        kept = self.mjd <= end[self.owner]
        running = np.concatenate([[0], np.cumsum(kept)])
        return self._rows(running[self.starts], np.flatnonzero(kept))

    def trigger(self) -> FloatArray:
        """When each object was reported, MJD (n,): as the challenge defines it, from the detections that are public.

        The first detection that follows another by more than half an hour; where there is none, the first detection;
        where there is none of these, the observation of the highest signal to noise; NaN without observations.
        """
        first = self._earliest(self.detected)
        second = self._earliest(self.detected & (self.mjd > first[self.owner] + SAME_NIGHT))
        signal = np.abs(self.flux) / self.flux_err
        highest = np.full(len(self), -np.inf)
        np.maximum.at(highest, self.owner, signal)
        brightest = self._earliest(signal == highest[self.owner])
        found = np.where(np.isfinite(second), second, first)
        found = np.where(np.isfinite(found), found, brightest)
        return np.where(np.isfinite(found), found, np.nan)

    def _earliest(self, chosen: NDArray[np.bool_]) -> FloatArray:
        time = np.full(len(self), np.inf)
        np.minimum.at(time, self.owner[chosen], self.mjd[chosen])
        return time

    def _rows(self, starts: NDArray[np.int64], chosen: Array) -> LightCurves:
        return LightCurves(starts, *(getattr(self, name)[chosen] for name in _COLUMNS))


@dataclass(frozen=True)
class Archive:
    """The light curves of a split on disk; to read objects of neighbouring ids takes no more memory than these."""

    groups: tables.Groups
    low: Array
    high: Array

    @classmethod
    def of(cls, public: Public, split: str) -> Archive:
        """The archive of ``train`` or ``test``."""
        groups = public.groups(f"{split}_lightcurves")
        return cls(groups, *groups.ends(KEY))

    def read(self, ids: Array) -> LightCurves:
        """Light curves of objects (n,), in that order; an object without observations has an empty one."""
        order = np.argsort(ids)
        wanted = ids[order]
        found: list[Table] = []
        near = np.searchsorted(wanted, self.low) < np.searchsorted(wanted, self.high, side="right")
        for k in np.flatnonzero(near):
            table = self.groups.read(int(k), (KEY, *_COLUMNS))
            place = np.minimum(np.searchsorted(wanted, table[KEY]), len(wanted) - 1)
            kept = wanted[place] == table[KEY]
            found.append({"owner": order[place[kept]], **{c: table[c][kept] for c in _COLUMNS}})
        return _gathered(found, len(ids))


def _gathered(found: list[Table], n: int) -> LightCurves:
    table = {
        name: np.concatenate([part[name] for part in found]) if found else np.empty(0, dtype)
        for name, dtype in zip(("owner", *_COLUMNS), (np.int64, *[np.float64] * 5), strict=True)
    }
    by_time = np.lexsort((table["mjd"], table["owner"]))
    starts = np.searchsorted(table["owner"][by_time], np.arange(n + 1))
    dtypes = (np.float64, np.int64, np.float64, np.float64, np.bool_)
    return LightCurves(
        starts, *(table[name][by_time].astype(dtype) for name, dtype in zip(_COLUMNS, dtypes, strict=True))
    )


def training(public: Public) -> tuple[Table, LightCurves]:
    """The training objects with their light curves, as the track asks for them.

    Where test light curves end some days after the trigger, every training object is there once for each of these
    days, cut in the same way, with a column ``epoch_cut`` like that of the test table.
    """
    table = public.table("train")
    curves = Archive.of(public, "train").read(table[KEY])
    if "epoch_cut" not in tables.column_names(public.path("test")):
        return table, curves
    n, days = rows(table), np.array(DAYS, dtype=np.float64)
    objects, cut = np.repeat(np.arange(n), len(days)), np.tile(days, n)
    repeated = {name: column[objects] for name, column in table.items()} | {"epoch_cut": cut}
    return repeated, curves.take(objects).until(curves.trigger()[objects] + cut)
