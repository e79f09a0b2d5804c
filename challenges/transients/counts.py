"""How many objects of each population a release holds, in the wide survey and in the deep fields.

``small`` and ``full`` have the training set of PLAsTiCC, ``full`` its test set too, population by population. Other
test sets are flattened: the mix of classes moves only the variance of scores that average over classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from blindsky.challenges.challenge import Size
from blindsky.challenges.transients.classes import CLASSES, HIDDEN, OTHER, TINY_TEST, snana_counts
from blindsky.challenges.transients.populations import POPULATIONS

TINY = Size(train=sum(c.tiny_train for c in CLASSES), test=TINY_TEST * len(CLASSES))
SMALL = Size(train=sum(c.train for c in CLASSES), test=sum(c.small_test for c in CLASSES))
FULL = Size(train=SMALL.train, test=sum(c.test for c in CLASSES))
_KNOWN = tuple(c for c in CLASSES if c.number != OTHER)
_TINY_DEEP, _SMALL_DEEP = 0.10, 0.02  # share of every class of the test set that lies in deep fields

# Models of the generation log. Two codes are one model here; of class 42 IIn is a model of its own
_MODELS = {
    "Ia": (11,), "91bg": (41,), "Iax": (43,), "II": (2, 12), "IIn": (14,), "Ibc": (3, 13), "SLSN-I": (60,),
    "TDE": (64,), "KN": (51,), "ILOT": (62,), "Ca-rich": (63,), "PISN": (61,), "AGN": (70,), "RRL": (80,),
    "Mdwarf": (81,), "EB": (83,), "Mira": (84,), "uLens": (91, 93), "uLens-binary": (90,),
}  # fmt: skip


class Number(NamedTuple):
    """Objects in the wide survey and in the deep fields."""

    wide: int
    deep: int


Mix = dict[str, Number]  # by name, of every population


def test_mix(size: Size) -> Mix:
    """The test set; a size of one's own has equal classes and the surveys of ``tiny``."""
    logged = _logged("n_test")
    if size == FULL:
        return logged
    if size == SMALL:
        number = {c.number: c.small_test for c in _KNOWN} | {h.number: h.small_test for h in HIDDEN}
    else:
        number = apportion(size.test, {c.number: 1 for c in CLASSES})
        number |= apportion(number.pop(OTHER), {h.number: h.tiny_test for h in HIDDEN})
    share = _SMALL_DEEP if size == SMALL else _TINY_DEEP
    return _divide(number, {target: round(share * n) for target, n in number.items()}, logged)


def train_mix(size: Size, representative: bool) -> Mix:
    """The training set; a size of one's own is mixed as ``tiny`` is.

    representative : whether a class is divided into surveys and populations as in the test set, in place of as
        spectrographs do.
    """
    like = test_mix(size) if representative else _logged("n_spectroscopic")
    if size in (SMALL, FULL):
        if not representative:
            return like
        number = {c.number: c.train for c in _KNOWN}
    else:
        number = apportion(size.train, {c.number: c.tiny_train for c in _KNOWN})
    deep = {}
    for target, n in number.items():
        own = [like[name] for name in _of(target)]
        deep[target] = round(n * sum(k.deep for k in own) / max(sum(map(sum, own)), 1))
    return _divide(number, deep, like)


def apportion(total: int, weights: Mapping[int, float]) -> dict[int, int]:
    """Whole numbers in proportion to the weights that add up to ``total``: the largest remainders are rounded up."""
    exact = total * np.array([*weights.values()], dtype=np.float64) / sum(weights.values())
    whole = np.floor(exact).astype(np.int64)
    whole[np.argsort(whole - exact, kind="stable")[: total - int(whole.sum())]] += 1
    return dict(zip(weights, whole.tolist(), strict=True))


def _of(target: int) -> list[str]:
    return [name for name, population in POPULATIONS.items() if population.source.target == target]


def _divide(number: Mapping[int, int], deep: Mapping[int, int], like: Mix) -> Mix:
    """Objects of each class, of which ``deep`` lie in deep fields, as populations in the proportions of ``like``."""
    found: Mix = dict.fromkeys(POPULATIONS, Number(0, 0))
    for target, n in number.items():
        wide, below = n - deep[target], deep[target]
        first, *others = _of(target)
        for name in others:
            own = round(n * sum(like[name]) / sum(sum(like[k]) for k in (first, *others)))
            own_deep = round(deep[target] * own / max(n, 1))
            found[name] = Number(own - own_deep, own_deep)
            wide, below = wide - found[name].wide, below - own_deep
        found[first] = Number(wide, below)
    return found


def _logged(column: str) -> Mix:
    log = snana_counts()

    def number(name: str, survey: str) -> int:
        return int(log[column][np.isin(log["snana_model"], _MODELS[name]) & (log["survey"] == survey)].sum())

    return {name: Number(number(name, "WFD"), number(name, "DDF")) for name in POPULATIONS}
