"""Boxes that cover a cube once, with margins, within the budget."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blindsky.baselines.hi.regions import MARGIN, VOXELS, regions
from blindsky.challenges.hi.field import FULL, SMALL, TINY


@settings(deadline=None, max_examples=40)
@given(st.tuples(*[st.integers(1, 60)] * 3), st.integers(2000, 40_000))
def test_every_voxel_is_owned_once_and_seen_with_its_surroundings(shape, budget):
    margin = (4, 2, 3)
    owned = np.zeros(shape, int)
    for region in regions(shape, budget, margin):
        owned[tuple(slice(*span) for span in region.inner)] += 1
        for (first, last), (low, high), m, n in zip(region.inner, region.outer, margin, shape, strict=True):
            assert low == max(first - m, 0) and high == min(last + m, n)
        assert math.prod(b - a for a, b in region.outer) <= budget
        assert region.voxels == math.prod(b - a for a, b in region.inner)
    assert (owned == 1).all()


@pytest.mark.parametrize(("field", "waste"), [(TINY, 1.0), (SMALL, 1.3), (FULL, 1.8)])
def test_margins_are_the_smaller_part_of_the_work(field, waste):
    boxes = list(regions(field.shape))
    outer = [math.prod(b - a for a, b in region.outer) for region in boxes]
    assert max(outer) <= VOXELS
    assert sum(outer) <= waste * math.prod(field.shape)


def test_a_region_owns_what_lies_in_its_inner_box():
    *_, last = regions((100, 60, 60), 50_000, (10, 5, 5))
    corner = [first - start for (first, _), start in zip(last.inner, last.origin, strict=True)]
    assert last.owns(tuple(corner))
    assert not last.owns((corner[0] - 1, corner[1], corner[2]))
    assert last.tile[0] == last.outer[0][0] and MARGIN[0] == 40
