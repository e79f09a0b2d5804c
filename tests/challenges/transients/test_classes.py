"""The classes against the sums of the specification and the generation log of PLAsTiCC."""

from __future__ import annotations

import numpy as np
import pytest

from blindsky.challenges.transients.classes import (
    CLASSES,
    HIDDEN,
    NUMBERS,
    OTHER,
    TINY_TEST,
    WEIGHTS,
    index,
    snana_counts,
)


def total(name, rows=CLASSES):
    return sum(getattr(row, name) for row in rows)


def test_totals():
    assert NUMBERS == (6, 15, 16, 42, 52, 53, 62, 64, 65, 67, 88, 90, 92, 95, 99)
    assert sum(WEIGHTS) == 18
    assert {c.number for c in CLASSES if c.weight == 2} == {15, 64, 99}
    assert {c.number for c in (*CLASSES, *HIDDEN) if c.galactic} == {6, 16, 53, 65, 92, 991}
    assert (total("train"), total("test"), total("test_deep")) == (7848, 3_492_890, 32_926)
    assert (total("tiny_train"), total("small_test")) == (675, 53_000)
    assert len(CLASSES) * TINY_TEST == 1500


def test_hidden_kinds_are_class_99():
    other = CLASSES[NUMBERS.index(OTHER)]
    assert total("test", HIDDEN) == other.test
    assert total("test_deep", HIDDEN) == other.test_deep
    assert total("small_test", HIDDEN) == other.small_test
    assert total("tiny_test", HIDDEN) == TINY_TEST
    assert other.train == other.tiny_train == 0


def test_counts_are_those_of_the_generation_log():
    log = snana_counts()
    number = np.where(log["class"] > OTHER, OTHER, log["class"])
    deep = log["survey"] == "DDF"
    assert set(log["survey"]) == {"DDF", "WFD"}
    for c in CLASSES:
        rows = number == c.number
        assert log["n_spectroscopic"][rows & deep].sum() == c.train_deep
        assert log["n_spectroscopic"][rows & ~deep].sum() == c.train_wide
        assert log["n_test"][rows].sum() == c.test
        assert log["n_test"][rows & deep].sum() == c.test_deep
    for kind in HIDDEN:
        rows = log["class"] == kind.number
        assert log["n_test"][rows].sum() == kind.test
        assert log["n_test"][rows & deep].sum() == kind.test_deep
    np.testing.assert_array_equal(log["n_written"], log["n_spectroscopic"] + log["n_test"])


def test_places_of_targets():
    targets = np.array([*NUMBERS, 991, 992, 993, 994])
    assert list(index(targets)) == [*range(15), 14, 14, 14, 14]
    for wrong in (0, 7, 100 - 2, -1):
        with pytest.raises(ValueError, match="expected the classes"):
            index(np.array([90, wrong]))
