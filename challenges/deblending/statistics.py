"""Statistics of what ``measure`` leaves, under weights: fluxes, colours, shapes and shares.

Everything is made from columns of measurements that are NaN where they don't count. ``ratio`` names a column of
measured over true flux; ``slot`` keeps the central galaxies (0) or the companions (1) of pairs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from blindsky.scoring import defined
from blindsky.scoring.defined import Kind
from blindsky.scoring.measurements import Array, FloatArray, Measurements
from blindsky.scoring.metric import Statistic

OUTLIER = 0.75  # mag, Boucaud+2020
FEW = 5  # events or their absence: of fewer a bootstrap of a share covers less than it says
Share = Literal["outlier", "missing", "recall", "precision"]
Term = Literal["m", "c"]


def _of_slot(measurements: Measurements, column: str, slot: int | None) -> FloatArray:
    numbers = measurements.floats(column)
    return numbers if slot is None else np.where(measurements["obj"] == slot, numbers, np.nan)


def offsets(ratio: FloatArray) -> FloatArray:
    """-2.5 log10 of flux ratios; NaN where one is not above 0."""
    found: FloatArray = np.full(len(ratio), np.nan)
    return -2.5 * np.log10(ratio, out=found, where=ratio > 0)


def prepare_column(
    measurements: Measurements, *, kind: Kind, column: str, slot: int | None = None
) -> Statistic:
    """Statistic of a column as it is."""
    return defined.prepare(measurements, kind, f"{column} of {slot}", lambda m: _of_slot(m, column, slot))


def prepare_flux_error(
    measurements: Measurements,
    *,
    kind: Kind,
    ratio: str = "ratio",
    slot: int | None = None,
    most: float = np.inf,
) -> Statistic:
    """Statistic of 100 min(|f/f_true - 1|, most), per cent."""

    def error(m: Measurements) -> FloatArray:
        return 100 * np.minimum(np.abs(_of_slot(m, ratio, slot) - 1), most)

    return defined.prepare(measurements, kind, f"error up to {most} of {ratio}, {slot}", error)


def prepare_dm(
    measurements: Measurements, *, kind: Kind, ratio: str = "ratio", slot: int | None = None
) -> Statistic:
    """Statistic of dm = -2.5 log10(f/f_true) of fluxes above 0, mag."""
    return defined.prepare(
        measurements, kind, f"dm of {ratio}, {slot}", lambda m: offsets(_of_slot(m, ratio, slot))
    )


def prepare_colour(measurements: Measurements, *, kind: Kind, blue: str, red: str) -> Statistic:
    """Statistic of measured minus true colour of objects with both fluxes above 0, mag.

    blue, red : columns of flux ratios of two bands.
    """
    return defined.prepare(
        measurements,
        kind,
        f"{blue} - {red}",
        lambda m: offsets(m.floats(blue)) - offsets(m.floats(red)),
    )


def _events(measurements: Measurements, share: Share, slot: int | None) -> FloatArray:
    """1 where it happened, 0 where it could have, NaN elsewhere."""
    match share:
        case "outlier" | "missing":
            ratio = _of_slot(measurements, "ratio", slot)
            happened = ratio <= 0
            if share == "outlier":
                happened |= np.abs(offsets(ratio)) > OUTLIER
            return np.where(np.isnan(ratio), np.nan, happened)
        case "recall":
            return measurements.floats("hit")
        case "precision":
            hit, false = measurements.floats("hit"), measurements.floats("false")
            return np.where(false > 0, 0.0, np.where(hit > 0, 1.0, np.nan))


def prepare_share(measurements: Measurements, *, share: Share, slot: int | None = None) -> Statistic:
    """Statistic of the share of fluxes that are 0, or that are 0 or off by more than 0.75 mag."""
    return defined.prepare_mean(measurements, f"{share} of {slot}", lambda m: _events(m, share, slot))


def trials(measurements: Measurements, *, share: Share, slot: int | None = None) -> int:
    """Number of rows that a share is a share of."""
    return int(np.count_nonzero(~np.isnan(_events(measurements, share, slot))))


def hangs_on_few(measurements: Measurements, *, share: Share, slot: int | None = None) -> bool:
    """Whether it happened to fewer than five rows, or to all but fewer than five."""
    events = _events(measurements, share, slot)
    happened, not_so = int(np.count_nonzero(events == 1)), int(np.count_nonzero(events == 0))
    return happened + not_so > 0 and min(happened, not_so) < FEW


def prepare_shape(measurements: Measurements, *, term: Term) -> Statistic:
    """Statistic of the slope minus 1 (m) or intercept (c) of measured on true ellipticities, both components alike.

    NaN where all true ones are the same.
    """

    def mean(name: str, make: Callable[[FloatArray, FloatArray], FloatArray]) -> Statistic:
        """Mean over rows of ``make(e_true, e)`` (2, n), a row standing for its two components."""

        def both(m: Measurements) -> FloatArray:
            e, true = (np.stack([m.floats(f"e{k}{which}") for k in (1, 2)]) for which in ("", "_true"))
            return np.asarray(make(true, e).mean(axis=0))

        return defined.prepare_mean(measurements, name, both)

    means = (
        mean("e_true", lambda true, e: true),
        mean("e", lambda true, e: e),
        mean("e_true^2", lambda true, e: true**2),
        mean("e_true e", lambda true, e: true * e),
    )

    def statistic(weights: Array) -> FloatArray:
        t, e, tt, te = (of(weights) for of in means)
        spread, slope = tt - t * t, np.full(len(t), np.nan)
        # what rounding leaves of equal ellipticities is no spread
        np.divide(te - t * e, spread, out=slope, where=spread > 1e-12 * tt)
        return slope - 1 if term == "m" else e - slope * t

    return statistic
