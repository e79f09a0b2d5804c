"""The data of the lens figures: ready for JSON, equal to counts done the long way, blank below ten cases."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from scipy.special import ndtr
from scipy.stats import binomtest

from blindsky.challenges.curves import FEWEST
from blindsky.challenges.lens import figures
from blindsky.challenges.lens.figures import FIGURES
from blindsky.challenges.lens.impostors import KINDS
from blindsky.leaderboard.coarse import coarsened
from blindsky.leaderboard.figures import draw
from blindsky.leaderboard.pictures import GALLERY
from blindsky.scoring.measurements import Measurements, Table
from blindsky.scoring.reliability import reliability as bins_of_score

KEYS = {f.key: f for f in FIGURES}


def sky(n: int, *, seed: int = 0, part: str = "") -> tuple[Measurements, Table]:
    """An entry and the truth of n stamps; ``part`` names the only part of the cases, or both are there."""
    rng = np.random.default_rng(seed)
    label = rng.random(n) < 0.4
    kind = np.where(label | (rng.random(n) < 0.7), "", rng.choice(KINDS, n))
    r_ein = rng.lognormal(-0.2, 0.9, n)

    def of_lenses(values: Any) -> Any:
        return np.where(label, values, np.nan)

    columns: Table = {
        "part": np.full(n, part) if part else np.where(rng.random(n) < 0.3, "public", "private"),
        "r_ein": r_ein,
        "npix": (rng.lognormal(5, 1.5, n) * label).astype(np.int32),
        "flux_sigma": of_lenses(rng.lognormal(6, 1.8, n)),
        "snr_arc": of_lenses(rng.lognormal(4, 1.2, n)),
        "contrast": of_lenses(rng.lognormal(-2, 1.5, n)),
        "mag_source": of_lenses(rng.normal(25, 1.3, n)),
        "impostor": kind.astype(str),
    }
    score = ndtr(rng.normal(size=n) + 2.2 * label - 1)
    rows = {"label": label, "score": score, "rein_error": of_lenses(rng.normal(0, 0.1, n))}
    return Measurements(rows), columns


def numbers(data: Any) -> list[float]:
    """Every number of a JSON value, flat."""
    if isinstance(data, dict):
        data = list(data.values())
    if isinstance(data, list | tuple):
        return [x for item in data for x in numbers(item)]
    return [float(data)] if isinstance(data, int | float) and not isinstance(data, bool) else []


@pytest.mark.parametrize("part", ["", "public"])
@pytest.mark.parametrize("n", [12, 90, 600, 6000])
def test_every_figure_is_ready_for_json_and_for_its_template(n: int, part: str) -> None:
    measurements, columns = sky(n, part=part)
    for f in FIGURES:
        assert all(name in columns for name in f.needs)
        data = f.data(measurements, columns)
        if data is None:
            assert n < 6000 or (f.kind == GALLERY and part), f"{f.key} shows nothing"
            continue
        assert json.loads(json.dumps(data, allow_nan=False)) == data
        assert all(np.isfinite(numbers(data)))
        if f.kind != GALLERY:
            assert "<svg" in draw(f.kind, data, uid=f.key, title=f.title)
            assert "<svg" in draw(f.kind, coarsened(f.kind, data), uid=f.key, title=f.title)


def rated(data: dict[str, Any]) -> list[tuple[float, float, float, float]]:
    """Value, ends of its interval and what one case adds, of every share in a figure."""
    series = [c for p in data.get("panels", ()) for c in p["series"]]
    series += [one for one in data.get("series", ()) if "low" in one] + ([data] if "low" in data else [])
    found = []
    for one in series:
        columns = (one.get("y", one.get("values")), one["low"], one["high"], one["one"])
        found += [point for point in zip(*columns, strict=True) if point[0] is not None]
    return found


@pytest.mark.parametrize("f", [f for f in FIGURES if f.kind != GALLERY], ids=lambda f: f.key)
def test_before_the_reveal_a_number_is_rounded_to_at_least_two_cases_and_to_little_of_its_interval(
    f: Any,
) -> None:
    measurements, columns = sky(3000, part="public")
    data = f.data(measurements, columns)
    assert data is not None
    coarse = coarsened(f.kind, data)
    assert coarse.keys() == data.keys()
    assert np.mean(np.array(numbers(data)) != np.array(numbers(coarse))) > 0.05
    assert bool(rated(data)) == (f.kind not in ("heatmap", "line_pair"))
    for (exact, low, high, one), (shown, *_) in zip(rated(data), rated(coarse), strict=True):
        tenth = max((high - low) / 10, 2 * one) or abs(exact) / 10
        # the smallest of 1, 2, 5 times a power of ten that is not below a tenth
        step = min(m * 10.0**k for k in range(-9, 2) for m in (1, 2, 5) if m * 10.0**k >= tenth * (1 - 1e-9))
        assert shown / step == pytest.approx(round(shown / step), abs=1e-6)
        assert abs(shown - exact) <= step / 2 * (1 + 1e-6)


def test_the_cuts_show_tpr0_after_the_reveal_alone() -> None:
    shown = {}
    for part in ("", "public", "private"):
        data = KEYS["cut_r_ein"].data(*sky(3000, part=part))
        assert data is not None
        shown[part] = [(panel["key"], panel["y_label"]) for panel in data["panels"]]
    every = [("auroc", "AUROC"), ("tpr0", "TPR0"), ("tpr10", "TPR10"), ("share", "share of lenses")]
    assert shown[""] == every
    assert shown["public"] == shown["private"] == [every[0], *every[2:]]


def test_keys_are_unique() -> None:
    assert len(KEYS) == len(FIGURES)


def test_the_share_of_lenses_found_is_counted_in_bins_of_ten_or_more() -> None:
    """One hundred lenses in three bins of Einstein radius: 9, 10 and 81, of which 9, 8 and 27 are found."""
    r_ein = np.concatenate([np.full(9, 0.2), np.full(10, 0.5), np.full(81, 1.0), np.full(50, 3.0)])
    found = np.concatenate([np.ones(9), np.arange(10) < 8, np.arange(81) < 27, np.zeros(50)])
    label = np.arange(150) < 100
    measurements = Measurements({"label": label, "score": np.where(found > 0, 0.9, 0.1)})
    data = KEYS["tpr_r_ein"].data(measurements, {"r_ein": r_ein})
    assert data is not None
    edges = np.array(data["edges"])
    assert edges == pytest.approx([0.3, 0.6, 1.2], rel=1e-2), "the bin of nine is off the axis"
    assert data["values"] == pytest.approx([0.8, 1 / 3])
    for k, (yes, n) in enumerate(((8, 10), (27, 81))):
        ends = binomtest(yes, n).proportion_ci(method="wilson")
        assert (data["low"][k], data["high"][k]) == pytest.approx((ends.low, ends.high), abs=1e-9)
        assert data["one"][k] == 1 / n


def test_impostors_are_counted_at_one_false_positive_in_a_hundred() -> None:
    measurements, columns = sky(8000, seed=4)
    data = figures.impostors(measurements, columns)
    assert data is not None
    label, score = measurements["label"], measurements["score"]
    threshold = np.sort(score[~label])[::-1][int(0.01 * np.count_nonzero(~label))]
    for k, kind in enumerate(("", *KINDS)):
        chosen = ~label & (columns["impostor"] == kind)
        assert data["series"][0]["values"][k] == pytest.approx(np.mean(score[chosen] > threshold))
    few = {**columns, "impostor": np.where(np.arange(8000) == np.flatnonzero(~label)[0], "ring", "")}
    assert figures.impostors(measurements, few) is None, "one ring tells what that ring was called"


def test_reliability_is_that_of_the_calibration_error() -> None:
    measurements, columns = sky(3000)
    data = figures.reliability(measurements, columns)
    assert data is not None
    weight, mean, share = bins_of_score(measurements["label"], measurements["score"])
    shown = weight >= FEWEST
    curve = data["panels"][0]["series"][0]
    assert curve["x"] == pytest.approx(mean[shown], abs=0.0051)
    assert curve["y"] == pytest.approx(share[shown], abs=2e-6)


def test_scores_of_few_cases_are_blank() -> None:
    label = np.arange(60) < 20
    score = np.where(np.arange(60) < 9, 0.99, 0.01)  # nine lenses alone at the top
    found = Measurements({"label": label, "score": score})
    data = figures.score_histograms(found, {"part": np.array(["public"])})
    assert data is not None
    lenses, others = data["series"]
    assert lenses["values"] == [11 / 20, *[None] * 19]
    assert others["values"] == [1.0, *[None] * 19]
    data = figures.score_histograms(found, {"part": np.array(["private", "public"])})
    assert data is not None, "after the reveal nothing is blank"
    assert data["series"][0]["values"] == [11 / 20, *[0.0] * 18, 9 / 20]


def test_the_map_of_radii_counts_lenses_in_cells_of_ten_or_more() -> None:
    label = np.arange(40) < 30
    error = np.where(np.arange(40) < 21, 0.0, 3.0)  # 21 right, nine four times too large
    rows = {"label": label, "score": np.full(40, 0.5), "rein_error": error}
    for parts, expected in ((["public"] * 40, [21]), (["public", "private"] * 20, [9, 21])):
        data = figures.einstein_radii(Measurements(rows), {"r_ein": np.ones(40), "part": np.array(parts)})
        assert data is not None
        assert sorted(c for row in data["counts"] for c in row if c is not None) == expected
    assert figures.einstein_radii(Measurements({"label": label, "score": error}), {}) is None


def test_galleries_name_no_row_while_truth_is_hidden() -> None:
    galleries = [f for f in FIGURES if f.kind == GALLERY]
    assert len(galleries) == 3
    for f in galleries:
        assert f.data(*sky(6000, part="public")) is None
        assert f.data(*sky(6000, part="private")) is None
    measurements, columns = sky(6000)
    label, score = measurements["label"], measurements["score"]
    rows = {f.key: (f.data(measurements, columns) or {})["rows"] for f in galleries}
    assert rows["top_false"] == list(np.flatnonzero(~label)[np.argsort(-score[~label])[:8]])
    assert rows["best"] == list(np.flatnonzero(label)[np.argsort(-score[label])[:8]])
    missed = rows["missed"]
    bright = np.quantile(columns["snr_arc"][label], 0.75)
    assert len(missed) == 8
    assert label[missed].all() and np.all(columns["snr_arc"][missed] >= bright)
    assert np.all(score[missed] <= np.sort(score[~label])[::-1][int(0.01 * np.count_nonzero(~label))])
    blind = Measurements({"label": label, "score": np.full(6000, 0.5)})
    assert all(f.data(blind, columns) is None for f in galleries), "equal scores choose nobody"
