"""The figures' data: binned as said, blank where fewer than ten cases are, equal to sums done the long way."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from blindsky.challenges.photoz import figures
from blindsky.challenges.photoz.figures import FEWEST, FIGURES
from blindsky.scoring.measurements import Measurements, Moments, Table

NODES = np.linspace(0.0, 3.0, 301)
# Golden set D of the metrics' definition: the values below are the published ones, of weights of one
Z_TRUE = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.5, 1.8, 2.1, 2.5])
Z_POINT = np.array([0.11, 0.19, 0.33, 0.40, 0.47, 0.62, 0.71, 0.79, 1.5, 1.02, 1.19, 1.55, 0.2, 2.14, 2.49])
TOMO_BIAS = [-0.3137254902, 0.0, 0.0039215686, 0.1, 0.0087912088]


HIDDEN: Table = {"part": np.array(["public"])}
REVEALED: Table = {"part": np.array(["private", "public"])}


def table(z_true: NDArray[Any], z_point: NDArray[Any], **more: Any) -> Measurements:
    e = (z_point - z_true) / (1 + z_true)
    return Measurements({"z_true": z_true, "z_point": z_point, "e": e, **more})


def sky(n: int, seed: int = 0) -> tuple[Measurements, Table]:
    """A sky of n galaxies with Gaussian densities, every column of the contract, and the magnitudes."""
    rng = np.random.default_rng(seed)
    z = rng.uniform(0.05, 2.8, n)
    mean = np.clip(z + 0.03 * (1 + z) * rng.normal(size=n), 0, 3)
    pdf = np.exp(-0.5 * ((NODES - mean[:, None]) / (0.03 * (1 + z[:, None]))) ** 2)
    cdf = np.concatenate([np.zeros((n, 1)), np.cumsum((pdf[:, 1:] + pdf[:, :-1]) / 2, axis=1)], axis=1)
    cdf /= cdf[:, -1:]
    excess = (cdf - (z[:, None] <= NODES)).astype(np.float32)
    rows = {
        "z_true": z,
        "z_point": mean,
        "e": (mean - z) / (1 + z),
        "pit": np.array([np.interp(a, NODES, c) for a, c in zip(z, cdf, strict=True)]),
        "pdf_mean": mean,
        "log_p": rng.normal(1.0, 1.0, n),
        "oracle_log_p": rng.normal(1.5, 1.0, n),
    }
    columns: Table = HIDDEN | {"i_obs": np.where(rng.random(n) < 0.01, np.nan, rng.uniform(19, 25.3, n))}
    return Measurements(rows, {"cdf_excess": Moments.of(excess)}), columns


def numbers(data: Any) -> list[float]:
    """Every number of a JSON value, flat."""
    if isinstance(data, dict):
        data = list(data.values())
    if isinstance(data, list):
        return [x for item in data for x in numbers(item)]
    return [float(data)] if isinstance(data, int | float) else []


@pytest.mark.parametrize("n", [12, 600, 4000])
def test_every_figure_is_ready_for_json_at_any_size(n: int) -> None:
    measurements, columns = sky(n)
    for figure in FIGURES:
        data = figure.data(measurements, columns)
        if data is not None:
            assert json.loads(json.dumps(data, allow_nan=False)) == data
            assert all(np.isfinite(numbers(data)))
        else:
            assert n == 12, f"{figure.key} shows nothing"


def test_after_the_reveal_no_case_is_left_out() -> None:
    """The cells of the map hold all cases, and the bins of a histogram add up to one."""
    measurements, _ = sky(600)
    drawn = {
        f.key: f.data(measurements, REVEALED) for f in FIGURES if f.key in ("density_map", "excess", "pit")
    }
    assert all(drawn.values())
    assert sum(c or 0 for row in drawn["density_map"]["counts"] for c in row) == 600
    assert sum(drawn["excess"]["values"]) == pytest.approx(1.0)
    assert np.mean(drawn["pit"]["values"]) == pytest.approx(1.0)


def test_keys_are_unique_and_every_kind_has_a_template() -> None:
    from blindsky.leaderboard.figures import draw

    measurements, columns = sky(3000)
    assert len({f.key for f in FIGURES}) == len(FIGURES)
    for figure in FIGURES:
        data = figure.data(measurements, columns)
        assert data is not None
        assert draw(figure.kind, data, uid=figure.key, title=figure.title).startswith("<svg")


def test_a_figure_without_its_column_is_none() -> None:
    point_only = table(np.repeat(Z_TRUE, 10), np.repeat(Z_POINT, 10))
    shown = {f.key for f in FIGURES if f.data(point_only, HIDDEN) is not None}
    assert shown == {"density_map", "bias_z", "nmad_z", "out15_z", "tomography"}


@settings(max_examples=25, deadline=None)
@given(n=st.integers(1, 400), seed=st.integers(0, 1000))
def test_no_cell_of_fewer_than_ten_cases_is_shown(n: int, seed: int) -> None:
    measurements, columns = sky(n, seed)
    z, i = measurements["z_true"], columns["i_obs"]
    chart = figures.density_map(measurements, columns)
    assert chart is not None
    assert all(c is None or c >= FEWEST for row in chart["counts"] for c in row)
    for key, x in (("bias_z", z), ("out15_z", z), ("nmad_i", i)):
        data = {f.key: f for f in FIGURES}[key].data(measurements, columns)
        if data is not None:
            counts, _ = np.histogram(x[np.isfinite(x)], bins=data["edges"])
            assert [v is None for v in data["values"]] == [bool(c < FEWEST) for c in counts]
    pit, qq, nz = (f(measurements, columns) for f in (figures.pit_histogram, figures.pit_qq, figures.stacked))
    if pit is None or qq is None or nz is None:
        assert n < FEWEST
        return
    counts, _ = np.histogram(measurements["pit"], bins=pit["edges"])
    assert [v is None for v in pit["values"]] == [bool(c < FEWEST) for c in counts]
    steps = np.diff([round(o * n) for o in qq["observed"] if o is not None])
    assert (steps >= FEWEST).all(), "a step of the curve is a cell, too"
    counts, _ = np.histogram(z, bins=nz["edges"])
    for series in nz["series"]:
        assert [v is None for v in series["values"]] == [bool(c < FEWEST) for c in counts]


def test_the_map_counts_truth_along_x_and_estimate_along_y() -> None:
    data = figures.density_map(table(np.full(20, 0.1), np.full(20, 2.9)), HIDDEN)
    assert data is not None
    assert data["counts"][-1][0] == 20
    assert sum(c is not None for row in data["counts"] for c in row) == 1
    assert data["lines"][1]["y"] == pytest.approx([0.15, 3.6])


@pytest.mark.parametrize(("n", "cells"), [(600, 15), (2000, 30), (20_000, 60)])
def test_small_releases_have_larger_cells(n: int, cells: int) -> None:
    z = np.linspace(0.01, 2.99, n)
    data = figures.density_map(table(z, z), HIDDEN)
    assert data is not None
    assert len(data["counts"]) == cells
    assert any(c is not None for row in data["counts"] for c in row)


def test_bins_hold_the_golden_values() -> None:
    e = np.repeat((Z_POINT - Z_TRUE) / (1 + Z_TRUE), 10)
    assert figures.median_error(e)[0] == pytest.approx(0.0058823529, abs=1e-9)
    assert figures.nmad(e)[0] == pytest.approx(0.0154602674, abs=1e-9)
    assert figures.outlier_share(e)[0] == pytest.approx(0.1333333333, abs=1e-9)


def test_the_wilson_interval_is_that_of_scipy() -> None:
    from scipy.stats import binomtest

    for n, k in ((10, 0), (37, 5), (200, 200)):
        e = np.where(np.arange(n) < k, 1.0, 0.0)
        reference = binomtest(k, n).proportion_ci(method="wilson")
        found = figures.outlier_share(e)
        assert found == pytest.approx((k / n, reference.low, min(1.0, reference.high)), abs=1e-12)


def test_the_interval_of_a_median_covers_it_as_often_as_it_says() -> None:
    # 2,000 samples of 50 about 0: the share covered has a standard error of 0.005; the step of the order statistics
    # moves the coverage of n = 50 by up to 0.02
    x = np.random.default_rng(7).normal(size=(2000, 50))
    covered = [low <= 0 <= high for _, low, high in map(figures.median_error, x)]
    assert np.mean(covered) == pytest.approx(0.95, abs=0.03)


def test_a_curve_bins_by_half_open_cells_and_trims_blank_ends() -> None:
    z = np.repeat([0.2, 0.4, 1.0], 10)  # on edges of bins of 0.2: each belongs to the bin that begins there
    data = figures.against_z("bias", figures.median_error, "y")(
        table(z, z + np.repeat([0.1, 0.2, 0.3], 10)), {}
    )
    assert data is not None
    assert data["edges"] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0, 1.2])
    expected = [0.1 / 1.2, 0.2 / 1.4, None, None, 0.3 / 2]
    assert [None if v is None else round(v, 9) for v in data["values"]] == [
        None if v is None else round(v, 9) for v in expected
    ]


def test_requirement_lines_go_with_their_figure() -> None:
    measurements, columns = sky(600)
    lines = {
        f.key: [r["value"] for r in (f.data(measurements, columns) or {}).get("requirements", [])]
        for f in FIGURES
    }
    assert lines["bias_z"] == lines["bias_i"] == [0.003, -0.003]
    assert lines["nmad_z"] == [0.02, 0.05]
    assert lines["out15_i"] == [0.1]


def test_tomographic_offsets_are_the_golden_ones() -> None:
    data = figures.tomography(table(np.repeat(Z_TRUE, 10), np.repeat(Z_POINT, 10)), {})
    assert data is not None
    (series,) = data["series"]
    assert series["values"] == pytest.approx(TOMO_BIAS, abs=1e-9)
    assert [b["half"] for b in data["bands"]] == [0.002, 0.001]


def test_the_interval_of_an_offset_is_that_of_a_bootstrap() -> None:
    rng = np.random.default_rng(5)
    z = rng.uniform(0.1, 2.5, 3000)
    point = z + 0.1 * (1 + z) * rng.normal(size=3000)
    data = figures.tomography(table(z, point), {})
    assert data is not None
    first = point <= np.quantile(point, 0.2, method="inverted_cdf")
    pairs = np.stack([point[first], z[first]], axis=1)
    draws = pairs[rng.integers(0, len(pairs), (2000, len(pairs)))].mean(axis=1)
    low, high = np.quantile((draws[:, 0] - draws[:, 1]) / (1 + draws[:, 1]), [0.025, 0.975])
    width = data["series"][0]["high"][0] - data["series"][0]["low"][0]
    assert width == pytest.approx(high - low, rel=0.08)  # 2,000 draws know an interval to about 3 %


def test_bins_that_a_constant_leaves_empty_are_blank() -> None:
    data = figures.tomography(table(np.linspace(0.1, 2.0, 100), np.full(100, 0.9)), {})
    assert data is not None
    assert [v is None for v in data["series"][0]["values"]] == [False, True, True, True, True]


def test_the_stack_equals_the_sum_of_the_densities() -> None:
    measurements, columns = sky(900, seed=3)
    z, mean = measurements["z_true"], measurements["pdf_mean"]
    data = figures.stacked(measurements, columns)
    assert data is not None
    fine = np.exp(-0.5 * ((NODES - mean[:, None]) / (0.03 * (1 + z[:, None]))) ** 2)
    cdf = np.cumsum((fine[:, 1:] + fine[:, :-1]) / 2, axis=1)
    stack = np.concatenate([[0.0], (cdf / cdf[:, -1:]).mean(axis=0)])
    edges = np.array(data["edges"])
    direct = np.diff(np.interp(edges, NODES, stack)) / np.diff(edges)
    shown = data["series"][0]["values"]
    assert len([v for v in shown if v is not None]) >= 10
    for found, expected in zip(shown, direct, strict=True):
        assert found is None or found == pytest.approx(expected, abs=1e-5)
    truth = np.histogram(z, bins=edges)[0] / len(z) / np.diff(edges)
    for found, expected in zip(data["series"][1]["values"], truth, strict=True):
        assert found is None or found == pytest.approx(expected)


def test_a_calibrated_pit_lies_in_its_bands() -> None:
    pit = (np.arange(2000) + 0.5) / 2000
    measurements = table(pit, pit, pit=pit)
    histogram, qq = figures.pit_histogram(measurements, HIDDEN), figures.pit_qq(measurements, {})
    assert histogram is not None
    assert qq is not None
    assert histogram["values"] == pytest.approx([1.0] * 20)
    assert histogram["band"][0] < 1 < histogram["band"][1]
    # binomial(2000, 1/20): mean 100, standard deviation 9.75
    assert histogram["band"] == pytest.approx([1 - 1.96 * 0.0975, 1 + 1.96 * 0.0975], abs=0.01)
    assert qq["observed"] == pytest.approx(qq["nominal"])
    assert all(a <= o <= b for a, o, b in zip(qq["band_low"], qq["observed"], qq["band_high"], strict=True))


def test_an_overconfident_pit_leaves_the_band() -> None:
    pit = np.concatenate([np.zeros(300), np.ones(300)])
    qq = figures.pit_qq(table(pit, pit, pit=pit), {})
    assert qq is not None
    assert qq["observed"][:2] == [0.0, 0.5]
    assert qq["band_high"][1] < 0.5
    assert set(qq["observed"][2:-1]) == {None}, "the curve is flat from there on, so nothing more is said"


def test_losses_beyond_the_axis_count_in_the_last_bins() -> None:
    n = 100
    log_p = np.concatenate([np.full(60, -13.8), np.full(40, 4.0)])
    measurements = table(np.ones(n), np.ones(n), log_p=log_p, oracle_log_p=np.ones(n))
    data = figures.excess_histogram(measurements, HIDDEN)
    assert data is not None
    assert (data["values"][0], data["values"][-1]) == (0.4, 0.6)
    assert sum(v for v in data["values"] if v is not None) == pytest.approx(1)
