"""Figures before the reveal: one case more or less can't be seen in them, and the eye sees no difference."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from blindsky.challenges.photoz.figures import FIGURES
from blindsky.leaderboard.coarse import coarsened
from blindsky.scoring.measurements import Measurements

CURVE = {"values": [0.123456, None], "low": [0.10111, None], "high": [0.14999, None]}


def test_values_and_ends_are_multiples_of_a_tenth_of_the_interval() -> None:
    for data in (coarsened("binned_curve", CURVE), coarsened("offsets", {"series": [CURVE]})["series"][0]):
        assert data["values"] == [pytest.approx(0.125), None]
        assert data["low"] == [pytest.approx(0.1), None]
        assert data["high"] == [pytest.approx(0.15), None]


def test_a_step_is_never_less_than_two_cases() -> None:
    share = {"values": [0.97], "low": [0.93], "high": [0.99], "one": [1 / 40]}
    assert coarsened("binned_curve", share)["values"] == [pytest.approx(0.95)]
    curve = {"x": [0.1], "y": [0.97], "low": [0.93], "high": [0.99]}
    for one, y in ((1 / 40, 0.95), (1e-6, 0.97)):
        panel = {"key": "tpr", "series": [{**curve, "one": [one]}]}
        shown = coarsened("curves", {"x_label": "FPR", "panels": [panel]})["panels"][0]
        assert shown["key"] == "tpr"
        assert (shown["series"][0]["y"], shown["series"][0]["x"]) == ([pytest.approx(y)], [0.1])


def test_counts_follow_the_interval_of_a_poisson_variable() -> None:
    # 3.92 sqrt(100) / 10 = 3.92, so steps of 5; 3.92 sqrt(10_000) / 10 = 39.2, so steps of 50
    assert coarsened("heatmap", {"counts": [[101, None], [10_030, 97]]})["counts"] == [
        [100, None],
        [10_050, 95],
    ]
    heights = {"values": [101 / 400, None], "one": 1 / 400}
    assert coarsened("histogram", heights)["values"] == [pytest.approx(0.25), None]
    assert coarsened("line_pair", {"series": [heights]})["series"][0]["values"] == [pytest.approx(0.25), None]


def test_shares_of_a_row_follow_their_wilson_interval_and_two_cases() -> None:
    data = {"values": [[0.91, 0.0, None], [0.5123, 0.4877, 0.0], [None] * 3], "one": [1 / 34, 1 / 4000, None]}
    # two of 34 are .059, so steps of .1; the interval of one half of 4,000 is .031 long, so steps of .005
    assert coarsened("matrix", data)["values"] == [
        [pytest.approx(0.9), 0.0, None],
        [pytest.approx(0.51), pytest.approx(0.49), 0.0],
        [None] * 3,
    ]
    bars = {"labels": ["a", "b"], **CURVE, "one": [1 / 40, None]}
    assert coarsened("bars", bars)["values"] == [pytest.approx(0.1), None]


def test_a_curve_of_shares_keeps_its_ends() -> None:
    data = {
        "observed": [0.0, 0.512345, None, 1.0],
        "band_low": [0, 0.46, 0.7, 1],
        "band_high": [0, 0.54, 0.8, 1],
    }
    assert coarsened("qq", data)["observed"] == [0.0, pytest.approx(0.51), None, 1.0]


def test_a_kind_without_a_rule_is_not_shown() -> None:
    with pytest.raises(ValueError, match="no rule"):
        coarsened("gallery", {})


def numbers(data: Any) -> list[float]:
    if isinstance(data, dict):
        return [x for value in data.values() for x in numbers(value)]
    if isinstance(data, list | tuple):
        return [x for value in data for x in numbers(value)]
    return [float(data)] if isinstance(data, float | int) else []


@pytest.mark.parametrize("figure", FIGURES, ids=lambda f: f.key)
def test_every_photoz_figure_has_a_rule_that_hides_the_exact_numbers(figure: Any) -> None:
    rng = np.random.default_rng(3)
    n = 600
    z = rng.uniform(0, 3, n)
    point = np.clip(z + 0.03 * rng.standard_normal(n), 0, 3)
    rows = {
        "z_true": z,
        "z_point": point,
        "e": (point - z) / (1 + z),
        "pit": rng.random(n),
        "pdf_mean": point,
    }
    rows |= {"log_p": rng.standard_normal(n), "oracle_log_p": rng.standard_normal(n) + 1}
    columns = {"i_obs": rng.uniform(20, 25.3, n), "part": np.full(n, "public")}
    data = figure.data(Measurements(rows), columns)
    if data is None:
        pytest.skip("needs sums over whole densities")
    coarse = coarsened(figure.kind, data)
    assert coarse.keys() == data.keys()
    exact, shown = np.array(numbers(data)), np.array(numbers(coarse))
    assert np.mean(exact != shown) > 0.05
    assert np.allclose(exact, shown, rtol=0.3, atol=np.ptp(exact) / 10)
