"""The classes of transients and variables: numbers, names, weights in the score, and how many of each there are.

Numbers and weights are those of PLAsTiCC (Malz et al. 2019); counts of its training and test set are those of the
generation log (data/plasticc_snana_counts.csv), counts of the smaller sizes are ours.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

from blindsky.scoring.measurements import Array, Table


@dataclass(frozen=True)
class Class:
    """One class.

    weight : in the weighted log-loss.   train_wide, train_deep : training objects, the same in ``small`` and ``full``.
    test, test_deep : all test objects of ``full`` and those in deep fields.   tiny_train, small_test : other sizes.
    """

    number: int
    name: str
    weight: float
    galactic: bool
    train_wide: int
    train_deep: int
    test: int
    test_deep: int
    tiny_train: int
    small_test: int

    @property
    def train(self) -> int:
        """Training objects of ``small`` and ``full``."""
        return self.train_wide + self.train_deep


@dataclass(frozen=True)
class Hidden:
    """A kind of object that no training set holds; all of them are the class 99 of the test set."""

    number: int
    name: str
    galactic: bool
    test: int
    test_deep: int
    tiny_test: int
    small_test: int


OTHER = 99
SNIA = 90
CLASSES = (
    Class(6, "microlensing", 1, True, 144, 7, 1303, 6, 15, 1000),
    Class(15, "TDE", 2, False, 487, 8, 13_555, 68, 41, 1200),
    Class(16, "eclipsing binary", 1, True, 762, 162, 96_572, 3, 77, 3100),
    Class(42, "SN II", 1, False, 889, 304, 1_000_150, 15_986, 99, 10_000),
    Class(52, "SN Iax", 1, False, 113, 70, 63_664, 807, 15, 2500),
    Class(53, "Mira", 1, True, 26, 4, 1453, 6, 15, 1000),
    Class(62, "SN Ibc", 1, False, 355, 129, 175_094, 2194, 40, 4200),
    Class(64, "kilonova", 2, False, 100, 2, 133, 2, 15, 1000),
    Class(65, "M-dwarf flare", 1, True, 672, 309, 93_494, 61, 82, 3000),
    Class(67, "SN Ia-91bg", 1, False, 142, 66, 40_193, 362, 17, 2000),
    Class(88, "AGN", 1, False, 251, 119, 101_424, 363, 31, 3200),
    Class(SNIA, "SN Ia", 1, False, 1476, 837, 1_659_831, 12_640, 193, 13_000),
    Class(92, "RR Lyrae", 1, True, 181, 58, 197_155, 142, 20, 4400),
    Class(95, "SLSN-I", 1, False, 134, 41, 35_782, 98, 15, 1900),
    Class(OTHER, "other", 2, False, 0, 0, 13_087, 188, 0, 1500),
)
"""In the order of the columns of a prediction."""

HIDDEN = (
    Hidden(991, "binary lens", True, 533, 9, 35, 300),
    Hidden(992, "ILOT", False, 1702, 31, 0, 100),
    Hidden(993, "Ca-rich", False, 9680, 142, 30, 800),
    Hidden(994, "PISN", False, 1172, 6, 35, 300),
)
NUMBERS = tuple(c.number for c in CLASSES)
WEIGHTS = tuple(c.weight for c in CLASSES)
TINY_TEST = 100  # test objects of every class in ``tiny``
DAYS = (0, 2, 8, 32, 128)  # after the trigger, where the light curves of the ``early`` track end


def index(target: Array) -> Array:
    """Place (n,) in ``CLASSES`` of true targets (n,), 991 and above being class 99; ValueError for other numbers."""
    number = np.where(np.asarray(target) > OTHER, OTHER, target)
    place = np.minimum(np.searchsorted(NUMBERS, number), len(NUMBERS) - 1)
    unknown = np.unique(number[np.asarray(NUMBERS)[place] != number])
    if len(unknown):
        message = f"expected the classes {', '.join(map(str, NUMBERS))} or above, got {unknown[:5]}"
        raise ValueError(message)
    return place


@cache
def snana_counts() -> Table:
    """The generation log of PLAsTiCC by SNANA model and survey, one row each.

    snana_model, class (its own number, so 991 and above for what the challenge calls 99), survey (WFD or DDF),
    n_generated, n_written, n_spectroscopic (the training set), n_test.
    """
    path = files("blindsky.challenges.transients") / "data" / "plasticc_snana_counts.csv"
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    return {
        name: np.array([row[name] if name == "survey" else int(row[name]) for row in rows])
        for name in rows[0]
    }
