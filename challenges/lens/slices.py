"""Subsets of the lens challenge worth a row of their own; one chosen by the lens keeps every non-lens."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from blindsky.challenges.challenge import Slice
from blindsky.scoring.measurements import Table

Mask = Callable[[Table], NDArray[np.bool_]]
MUCH_MASKED = 0.1  # share of the pixels of a stamp
SHOWN = ("tpr_fpr3", "auroc", "tpr0", "tpr10", "tpr_fpr2")
IMPOSTORS = {
    "ring": "rings",
    "spiral": "face-on spirals",
    "merger": "mergers",
    "edgeon": "edge-on discs",
    "chance": "chance alignments",
}


def _lenses(column: str, low: float, high: float) -> Mask:
    """Lenses with low <= column < high, and all non-lenses."""

    def mask(table: Table) -> NDArray[np.bool_]:
        lens, value = table["label"].astype(bool), table[column]
        return np.asarray(~lens | ((value >= low) & (value < high)))

    return mask


def _quarter(column: str, k: int) -> Mask:
    """Lenses in quarter ``k`` (0 lowest) of a column, and all non-lenses."""

    def mask(table: Table) -> NDArray[np.bool_]:
        lens, value = table["label"].astype(bool), table[column]
        known = value[lens & np.isfinite(value)]
        if not len(known):
            return ~lens
        inner = np.quantile(known, [0.25, 0.5, 0.75])
        return np.asarray(~lens | (np.searchsorted(inner, value, side="right") == k))

    return mask


def _against(kind: str) -> Mask:
    """All lenses, and the non-lenses that imitate them in one way."""
    return lambda table: np.asarray(table["label"].astype(bool) | (table["impostor"] == kind))


def _ordinary(table: Table) -> NDArray[np.bool_]:
    return np.asarray(table["impostor"] == "")


def _early(table: Table) -> NDArray[np.bool_]:
    return np.asarray(table["early"].astype(bool))


def _late(table: Table) -> NDArray[np.bool_]:
    return ~_early(table)


def _unmasked(table: Table) -> NDArray[np.bool_]:
    return np.asarray(table["masked"] == 0)


def _much_masked(table: Table) -> NDArray[np.bool_]:
    return np.asarray(table["masked"] > MUCH_MASKED)


def _little_masked(table: Table) -> NDArray[np.bool_]:
    return ~_unmasked(table) & ~_much_masked(table)


def _slice(name: str, family: str, needs: tuple[str, ...], mask: Mask, about: Mask | None = None) -> Slice:
    return Slice(name, needs, mask, family, SHOWN, about)


def _of_lenses(name: str, family: str, column: str, mask: Mask) -> Slice:
    """A slice of the lenses, whose size is the number of lenses."""
    return _slice(name, family, ("label", column), mask, _is_lens)


def _is_lens(table: Table) -> NDArray[np.bool_]:
    return np.asarray(table["label"].astype(bool))


def _is_no_lens(table: Table) -> NDArray[np.bool_]:
    return ~_is_lens(table)


_RADII = ((0, 0.5), (0.5, 1), (1, 2), (2, np.inf))
_PIXELS = (
    (0, 1, "no pixel"),
    (1, 21, "1 to 20"),
    (21, 101, "21 to 100"),
    (101, 501, "101 to 500"),
    (501, np.inf, "over 500"),
)
_MAGNIFICATIONS = ((0, 2), (2, 5), (5, 10), (10, np.inf))
_IMAGES = ((1, 2, "one image"), (2, 3, "two images"), (3, np.inf, "three or more images"))


def _range(low: float, high: float, unit: str) -> str:
    if high == np.inf:
        return f"over {low:g}{unit}"
    return f"under {high:g}{unit}" if low == 0 else f"{low:g} to {high:g}{unit}"


SLICES = (
    *(_of_lenses(_range(a, b, '"'), "Einstein radius", "r_ein", _lenses("r_ein", a, b)) for a, b in _RADII),
    *(_of_lenses(name, "pixels above the noise", "npix", _lenses("npix", a, b)) for a, b, name in _PIXELS),
    *(
        _of_lenses(f"{name} quarter, {title}", title, column, _quarter(column, k))
        for column, title in (
            ("flux_sigma", "light of the arc over the noise"),
            ("contrast", "contrast of the arc"),
        )
        for k, name in enumerate(("lowest", "second", "third", "highest"))
    ),
    *(_of_lenses(name, "images", "n_images", _lenses("n_images", a, b)) for a, b, name in _IMAGES),
    *(
        _of_lenses(_range(a, b, "x"), "magnification", "mu_eff", _lenses("mu_eff", a, b))
        for a, b in _MAGNIFICATIONS
    ),
    _slice("no impostors", "non-lenses", ("impostor",), _ordinary),
    *(
        _slice(f"only {name}", "non-lenses", ("label", "impostor"), _against(kind), _is_no_lens)
        for kind, name in IMPOSTORS.items()
    ),
    _slice("early", "type of the galaxy", ("early",), _early),
    _slice("late", "type of the galaxy", ("early",), _late),
)

MASKED = (
    _slice("no bad pixels", "bad pixels", ("masked",), _unmasked),
    _slice("up to 10 % bad pixels", "bad pixels", ("masked",), _little_masked),
    _slice("over 10 % bad pixels", "bad pixels", ("masked",), _much_masked),
)
