"""Catalogues that see no cube: places, numbers and properties by construction."""

from __future__ import annotations

import numpy as np
import pytest

from blindsky.baselines.baseline import Settings
from blindsky.baselines.hi import grid, random_catalogue, training_sources
from blindsky.challenges.hi.columns import PROPERTIES, SDC2
from blindsky.scoring.catalogue import match, value


@pytest.mark.parametrize("module", [random_catalogue, training_sources, grid])
def test_a_catalogue_of_the_test_field_that_finds_next_to_nothing(mini, module):
    found = module.train(mini.public, Settings()).catalogue(mini.public, "test")
    assert set(found) == set(SDC2)
    assert len(np.unique(found["id"])) == len(found["id"]) == len(found["ra"])
    x, y = mini.field.pixel(found["ra"], found["dec"])
    assert mini.field.inside(x, y, mini.field.channel(found["central_freq"])).all()
    seen = match(mini.truths["test"], found)
    assert value(seen) < 0
    assert seen.n_false > 0.8 * seen.n_det


def test_random_draws_follow_the_seed_and_the_population(mini):
    one, same, other = (
        random_catalogue.train(mini.public, Settings(seed=seed)).catalogue(mini.public, "test")
        for seed in (1, 1, 2)
    )
    truth = mini.truths["train"]
    assert all(np.array_equal(one[name], same[name]) for name in SDC2)
    assert not np.array_equal(one["ra"], other["ra"])
    assert len(one["id"]) == len(truth["id"])
    assert set(one["line_flux_integral"]) <= set(truth["line_flux_integral"])


def test_the_truth_of_another_field_is_handed_in_as_it_is(mini):
    found = training_sources.train(mini.public, Settings()).catalogue(mini.public, "test")
    assert all(np.array_equal(found[name], mini.truths["train"][name]) for name in SDC2)
    assert value(match(mini.truths["train"], found)) == pytest.approx(len(found["id"]))


def test_the_grid_is_even_and_constant(mini):
    found = grid.train(mini.public, Settings()).catalogue(mini.public, "test")
    assert len(found["id"]) == 12 * 12 * 13
    assert len(np.unique(found["central_freq"])) == 13
    steps = np.diff(np.unique(found["central_freq"]))
    np.testing.assert_allclose(steps, 30e3 * mini.field.nchan / 13, rtol=1e-6)
    same = set(PROPERTIES) - {"ra", "dec", "central_freq"}
    assert all(len(np.unique(found[name])) == 1 for name in same)
    assert found["w20"][0] == np.median(mini.truths["train"]["w20"])
