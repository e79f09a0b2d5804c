"""Slices of the test objects: families part what they are about, edges belong to one side."""

from __future__ import annotations

import numpy as np

from blindsky.challenges.transients.metrics import METRICS
from blindsky.challenges.transients.slices import SLICES, in_season
from blindsky.scoring.measurements import Table


def everything(n: int = 5000) -> Table:
    """Objects that meet every edge."""
    draw = np.random.default_rng(1)
    target = draw.choice([6, 15, 16, 42, 53, 65, 88, 90, 92, 991, 993], n)
    galactic = np.isin(target, [6, 16, 53, 65, 92, 991])
    z = np.where(galactic, 0, np.append(draw.uniform(0.01, 3.5, n - 5), [0.2, 0.4, 0.7, 1.2, 3.99]))
    return {
        "true_target": target,
        "true_z": z,
        "ddf": (draw.random(n) < 0.1).astype(np.int8),
        "ra": draw.uniform(0, 360, n).astype(np.float32),
        "hostgal_photoz": np.where(galactic, 0, z + draw.normal(0, 0.2, n)).astype(np.float32),
        "hostgal_specz": np.where(galactic, 0, np.where(draw.random(n) < 0.3, z, np.nan)).astype(np.float32),
        "n_det": np.append(draw.integers(2, 100, n - 4), [2, 3, 4, 10]),
        "peak_mag_i": np.append(draw.uniform(15, 26, n - 3), [21, 22.5, np.inf]),
        "true_peakmjd": np.where(draw.random(n) < 0.3, np.nan, draw.uniform(59520, 60750, n)),
        "epoch_cut": draw.choice([0, 2, 8, 32, 128], n).astype(np.float32),
    }


def test_families_part_the_objects() -> None:
    table = everything()
    galactic = np.isin(table["true_target"], [6, 16, 53, 65, 92, 991])
    whole = {"host": ~galactic, "redshift": ~galactic, "photo-z": ~galactic}
    whole["season"] = np.isfinite(table["true_peakmjd"])
    families = dict.fromkeys(s.family for s in SLICES)
    assert len(families) == 9
    for family in families:
        times = sum(s.mask(table).astype(int) for s in SLICES if s.family == family)
        np.testing.assert_array_equal(
            times, whole.get(family, np.ones(len(galactic), bool)).astype(int), family
        )
    assert len({s.name for s in SLICES}) == len(SLICES)
    assert all(set(s.metrics) <= {m.key for m in METRICS} and set(s.needs) <= set(table) for s in SLICES)
    for s in SLICES:  # a slice reads what it says
        assert s.mask({name: table[name] for name in s.needs}).dtype == bool


def test_seasons() -> None:
    """Right ascension 180 is opposite the Sun at MJD 59658; 95 days about that are its season, 70 in deep fields."""
    days = np.array([0, 69, 71, 94, 96, 180, 365.25 - 94, 365.25 * 2 + 94, -79, -77, 1100])
    n = len(days)
    table = {"ra": np.full(n, 180, np.float32), "ddf": np.zeros(n, np.int8), "true_peakmjd": 59658 + days}
    assert in_season(table).astype(int).tolist() == [1, 1, 1, 1, 0, 0, 1, 1, 0, 1, 0]
    table["ddf"] += 1
    assert in_season(table).astype(int).tolist() == [1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]
