"""Methods that learn nothing of shapes: random, constant, flux."""

from __future__ import annotations

import numpy as np
from scipy.stats import kstest

from blindsky.baselines.baseline import Settings
from blindsky.baselines.lens import constant, flux, random


def test_random_is_even_and_hangs_on_seed_and_id_alone(toy_stamps):
    public, _ = toy_stamps(20, 10)
    ids = {"id": 200_000 + np.arange(20_000)}
    model = random.train(public, Settings(seed=1))
    score = model.predict(ids)["score"]
    assert kstest(score, "uniform").pvalue > 1e-3  # one of a thousand seeds would fail, and this one is fixed
    assert abs(np.corrcoef(score[1:], score[:-1])[0, 1]) < 0.03  # 1 / sqrt(n) = 0.007
    back = {"id": ids["id"][::-1]}
    assert np.array_equal(model.predict(back)["score"][::-1], score)
    assert not np.isclose(random.train(public, Settings(seed=2)).predict(ids)["score"], score).any()


def test_constant_is_a_half(toy_stamps):
    public, _ = toy_stamps(20, 10)
    assert (constant.train(public, Settings()).predict(public.table("test"))["score"] == 0.5).all()


def test_flux_ranks_the_sum_of_good_pixels_of_the_reference_band(toy_stamps):
    public, _ = toy_stamps(80, 40, 4)
    model = flux.train(public, Settings())
    test = public.table("test")
    total = np.sum(test["image"][:, 0].astype(np.float64) * (test["mask"][:, 0] == 0), axis=(1, 2))  # u
    score = model.predict(test)["score"]
    assert np.array_equal(np.argsort(score), np.argsort(total))
    test["image"] = np.where(test["mask"] > 0, np.float32(1e30), test["image"])
    test["image"][:, 1:] = 0
    assert np.array_equal(model.predict(test)["score"], score)
