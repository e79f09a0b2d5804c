"""What is left when a truth meets a catalogue: rows, their blocks, and every number made of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blindsky.challenges.hi.boards import BOARDS
from blindsky.challenges.hi.field import FIELDS, TINY, Field
from blindsky.challenges.hi.figures import FIGURES
from blindsky.challenges.hi.measure import CLAIM, SOURCE, geometry, measure
from blindsky.challenges.hi.metrics import METRICS
from blindsky.challenges.hi.slices import SLICES, SURVEY
from blindsky.scoring import catalogue
from blindsky.scoring.catalogue import COLUMNS, SCORES
from blindsky.scoring.measurements import Measurements, Table
from blindsky.scoring.metric import value

KEYS = {m.key: m for m in METRICS}
Tables = dict[str, Table]


def blocks(field: Field) -> Table:
    """Blocks as a release has them, in any order."""
    order = np.random.default_rng(0).permutation(field.blocks)
    return {name: column[order] for name, column in field.block_table().items()} | {"block": order + 1000}


def field_of(seed: int, n: int = 150, false: int = 40) -> tuple[Tables, Table]:
    """A tiny field and what somebody finds in it: bright sources, with errors, and what is not there."""
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(-0.5, TINY.nx - 0.5, (2, n))
    chan = TINY.k0 + rng.uniform(-0.5, TINY.nchan - 0.5, n)
    ra, dec = TINY.world(x, y)
    source = {
        "id": rng.permutation(n),
        "ra": ra,
        "dec": dec,
        "hi_size": rng.lognormal(1.5, 0.5, n),
        "line_flux_integral": rng.lognormal(2.3, 0.7, n),
        "central_freq": 950e6 + 30e3 * chan,
        "pa": rng.uniform(0, 360, n),
        "i": np.degrees(np.arccos(rng.random(n))),
        "w20": rng.uniform(50, 400, n),
        "snr": rng.lognormal(1.7, 0.6, n),
        "f_in": rng.uniform(0.8, 1, n),
        "block": TINY.block_of(x, y, chan) + 1000,
    }
    seen = np.flatnonzero(source["snr"] * rng.lognormal(0, 0.3, n) > 4)
    claims = {name: source[name][seen] for name in COLUMNS}
    for name, spread in (("ra", 1 / 3600), ("dec", 1 / 3600), ("pa", 15), ("i", 8), ("central_freq", 3e4)):
        claims[name] = claims[name] + rng.normal(0, spread, len(seen))
    for name in ("hi_size", "line_flux_integral", "w20"):
        claims[name] = claims[name] * rng.lognormal(0, 0.15, len(seen))
    places = rng.uniform(0, 190, (2, false))
    nothing = dict(zip(("ra", "dec"), TINY.world(*places), strict=True))
    nothing["central_freq"] = 950e6 + 30e3 * (TINY.k0 + rng.uniform(0, 511, false))
    nothing |= {name: rng.choice(source[name], false) for name in COLUMNS[1:] if name not in nothing}
    claims = {name: np.append(claims[name], nothing[name]) for name in COLUMNS[1:]}
    k = len(claims["ra"])
    claims |= {"id": np.arange(k), "conf": rng.random(k)}
    channels = {"rms_jy_beam": np.full(512, 7e-6), "gamma": 1 + np.arange(512) % 5 / 2}
    bright = {"ra": ra[:5], "dec": dec[:5] + 20 / 3600, "flux": np.array([0.02, 0.02, 0.02, 0.005, 0.005])}
    tables = {
        "truth": {"block": blocks(TINY)["block"]},
        "truth_sources": source,
        "test": blocks(TINY),
        "test_channels": channels,
        "truth_continuum": bright,
    }
    return tables, claims


def measured(tables: Tables, claims: Table) -> Measurements:
    found = measure(tables, claims)
    return Measurements(found.rows, case=found.case)


def score(key: str, rows: Measurements, weights: np.ndarray | None = None) -> float:
    """A metric under weights of blocks."""
    return value(KEYS[key].prepare(rows), len(rows), None if weights is None else weights[rows.case])


@pytest.mark.parametrize("size", list(FIELDS))
def test_geometry_is_that_of_the_field(size: str) -> None:
    field = FIELDS[size]["test"]
    found = geometry(blocks(field))
    assert (found.shape, found.k0, found.block, found.grid) == (
        field.shape,
        field.k0,
        field.block,
        field.grid,
    )
    assert found.centre == field.centre


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=10, deadline=None)
def test_weights_of_one_give_the_score(seed: int) -> None:
    tables, claims = field_of(seed)
    found, rows = catalogue.match(tables["truth_sources"], claims), measured(tables, claims)
    assert score("sdc2_value", rows) == pytest.approx(catalogue.value(found), abs=1e-9)
    single = catalogue.strict(tables["truth_sources"], claims)
    assert score("sdc2_strict_value", rows) == pytest.approx(catalogue.value(single), abs=1e-9)
    counts = [score(key, rows) for key in ("n_det", "n_match", "n_false", "n_bad")]
    assert counts == [found.n_det, found.n_match, found.n_false, found.n_bad]
    assert score("accuracy", rows) == pytest.approx(found.accuracy)
    for name in SCORES:
        assert score(f"acc_{name}", rows) == pytest.approx(found.accuracies[name])


@pytest.mark.parametrize("first", [2**53, 2**62])
def test_ids_too_large_for_a_float_are_told_apart(first: int) -> None:
    tables, claims = field_of(3)
    plain, large = (measured(tables, claims | {"id": n + np.arange(len(claims["id"]))}) for n in (0, first))
    assert score("n_match", plain) > 20
    for key in ("n_match", "sdc2_value", "sdc2_strict_value"):
        assert score(key, large) == score(key, plain)


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=10, deadline=None)
def test_replicates_follow_their_formula(seed: int) -> None:
    """Section 6.6 row by row: anchors, and sums of w with n_dup as it was."""
    tables, claims = field_of(seed)
    claims = {name: np.append(column, column[:9]) for name, column in claims.items()}  # some sources twice
    claims["id"] = np.arange(len(claims["id"]))
    source, rows = tables["truth_sources"], measured(tables, claims)
    found = catalogue.match(source, claims)
    row_of = {number: row for row, number in enumerate(tables["test"]["block"])}
    anchor = (
        TINY.block_of(*TINY.pixel(claims["ra"], claims["dec"]), TINY.channel(claims["central_freq"])) + 1000
    )
    anchor[found.claim] = source["block"][found.truth]
    w = np.random.default_rng(seed).poisson(1, TINY.blocks)
    of_claims, of_sources = (w[[row_of[b] for b in of]] for of in (anchor, source["block"]))
    false = np.ones(found.n_det, bool)
    false[found.claim] = False
    mine = of_claims[found.claim]
    expected = mine @ (found.scores.mean(axis=1) / found.n_dup) - of_claims[false].sum()
    assert score("sdc2_value", rows, w) == pytest.approx(expected, abs=1e-9)
    hit = np.isin(np.arange(len(source["id"])), found.truth)
    bright = source["snr"] >= 5
    completeness = of_sources[hit & bright].sum() / of_sources[bright].sum()
    purity = mine.sum() / of_claims.sum()
    assert score("completeness", rows, w) == pytest.approx(of_sources[hit].sum() / of_sources.sum())
    assert score("completeness5", rows, w) == pytest.approx(completeness)
    assert score("purity", rows, w) == pytest.approx(purity)
    assert score("f1", rows, w) == pytest.approx(2 * purity * completeness / (purity + completeness))
    assert score("value_norm", rows, w) == pytest.approx(expected / of_sources[bright].sum())
    assert score("acc_flux", rows, w) == pytest.approx(100 * (mine @ found.scores[:, 2]) / mine.sum())
    ratios = np.repeat((claims["w20"][found.claim] / source["w20"][found.truth]) - 1, mine)
    middle = np.sort(ratios)[(len(ratios) - 1) // 2]
    assert score("w20_bias", rows, w) == pytest.approx(middle)
    deviations = np.sort(np.abs(ratios - middle))
    assert score("w20_scatter", rows, w) == pytest.approx(1.4826 * deviations[(len(ratios) - 1) // 2])


def test_order_of_rows_changes_nothing() -> None:
    tables, claims = field_of(1)
    rng = np.random.default_rng(2)
    order, other = rng.permutation(len(claims["id"])), rng.permutation(len(tables["truth_sources"]["id"]))
    turned = {name: column[order] for name, column in claims.items()}
    shuffled = tables | {"truth_sources": {name: c[other] for name, c in tables["truth_sources"].items()}}
    here, there = measured(tables, claims), measured(shuffled, turned)
    w = rng.poisson(1, TINY.blocks)
    for key in KEYS:
        assert score(key, there, w) == pytest.approx(score(key, here, w), rel=1e-12, nan_ok=True), key


def test_split_by_frequency(shared_data: Callable[[str], Path]) -> None:
    """The golden halves of the score, taken through the measured rows."""
    folder = shared_data("hi")
    golden = json.loads((folder / "golden" / "golden.json").read_text())
    lines = np.genfromtxt(folder / golden["truth"], names=True)
    field = FIELDS["ldev"]["test"]
    source = {name: lines[name] for name in COLUMNS}
    at = (*field.pixel(source["ra"], source["dec"]), field.channel(source["central_freq"]))
    source["block"] = field.block_of(*at) + 1000
    for name in ("realistic", "duplicates", "boundaries"):
        case = golden["cases"][name]
        lines = np.genfromtxt(folder / "golden" / case["file"], names=True)
        rows = measured(
            {"truth_sources": source, "test": blocks(field)}, {column: lines[column] for column in COLUMNS}
        )
        high = rows["central_freq"] >= 1.05e9
        for half, expected in ((high, "high"), (~high, "low")):
            part = rows.select(half)
            assert score("sdc2_value", part) == pytest.approx(case["split_1050MHz"][expected], abs=1e-6)
        assert score("sdc2_value", rows) == pytest.approx(case["ska_sdc"]["value"], abs=1e-6)


@pytest.mark.parametrize("matches", [1, 2, 3])
def test_one_match_or_two_have_no_scatter(matches: int) -> None:
    tables, claims = field_of(4)
    rows = measured(tables, claims)
    offsets = np.flatnonzero(~np.isnan(rows["off_w20"]))
    rest = np.ones(len(rows), dtype=bool)
    rest[offsets[matches:]] = False
    few = rows.select(rest)
    assert np.isfinite(score("w20_bias", few))
    if matches < 3:
        assert np.isnan(score("w20_scatter", few))
    else:
        assert score("w20_scatter", few) > 0


def test_an_empty_catalogue() -> None:
    tables, claims = field_of(4)
    rows = measured(tables, {name: column[:0] for name, column in claims.items()})
    expected = {"sdc2_value": 0, "purity": 0, "completeness": 0, "completeness5": 0, "f1": 0, "n_det": 0}
    assert {key: score(key, rows) for key in expected} == expected
    assert score("snr50", rows) == np.inf
    assert all(np.isnan(score(key, rows)) for key in ("accuracy", "acc_flux", "flux_bias", "pa_scatter"))
    assert all(figure.data(rows, {"part": np.repeat(["a", "b"], 75)}) is None for figure in FIGURES[4:])


def test_all_of_the_truth() -> None:
    tables, _ = field_of(6)
    source = tables["truth_sources"]
    rows = measured(tables, {name: source[name] for name in COLUMNS})
    n = len(source["id"])
    assert score("sdc2_value", rows) == score("sdc2_strict_value", rows) == pytest.approx(n)
    assert score("value_norm", rows) == pytest.approx(n / np.sum(source["snr"] >= 5))
    for key in ("purity", "completeness", "completeness5", "f1"):
        assert score(key, rows) == 1
    assert all(score(f"acc_{name}", rows) == pytest.approx(100) for name in SCORES)
    assert all(score(m.key, rows) == pytest.approx(0, abs=1e-12) for m in METRICS if m.key.endswith("_bias"))


def half_found(snr: list[float], found: list[int]) -> Measurements:
    n = len(snr)
    columns = {"kind": np.full(n, SOURCE), "snr": np.array(snr), "found": np.array(found, float)}
    return Measurements(columns)


def test_signal_to_noise_of_half_completeness() -> None:
    def bins(shares: list[tuple[float, int, int]]) -> float:
        snr = [s for s, n, _ in shares for _ in range(n)]
        found = [k < hit for _, n, hit in shares for k in range(n)]
        return value(KEYS["snr50"].prepare(half_found(snr, found)), len(snr))

    # middles of the bins 0.4-0.5 and 0.5-0.6 of log S/N, completeness 1/4 and 3/4: half way between them
    assert bins([(2.8, 4, 1), (3.5, 4, 3)]) == pytest.approx(10**0.5)
    assert bins([(2.8, 4, 0), (3.5, 4, 4), (9, 1, 1)]) == pytest.approx(10**0.5)
    assert bins([(3.5, 4, 3), (9, 2, 2)]) == pytest.approx(10**0.55)  # never below
    assert bins([(2.8, 4, 4), (3.5, 4, 1)]) == np.inf
    assert bins([(2.8, 4, 4), (3.5, 4, 1), (4.4, 4, 3)]) == pytest.approx(10**0.6)  # stays from there
    assert bins([(2.8, 4, 0), (9, 4, 4)]) == pytest.approx(10**0.7)  # bins without sources are none
    assert bins([(0.01, 4, 0), (1e4, 4, 4)]) == pytest.approx(10)  # the end bins hold what is beyond


def test_what_rows_are_told() -> None:
    tables, claims = field_of(9)
    source = tables["truth_sources"]
    found, rows = catalogue.match(source, claims), measured(tables, claims)
    n = len(source["id"])
    assert np.array_equal(rows["kind"], np.repeat([SOURCE, CLAIM], [n, found.n_det]))
    for name in ("snr", "f_in", "w20", "central_freq"):
        np.testing.assert_array_equal(rows[name][:n], source[name])
        np.testing.assert_array_equal(rows[name][n:][found.claim], source[name][found.truth])
    false = np.ones(found.n_det, bool)
    false[found.claim] = False
    assert np.isnan(rows["f_in"][n:][false]).all()
    # Eq. of section 4.8, by the claims' own numbers
    width = claims["w20"] * claims["central_freq"] / 299792.458
    expected = claims["line_flux_integral"] / (
        7e-6 * np.sqrt(width * 3e4) * np.hypot(1, claims["hi_size"] / 7)
    )
    np.testing.assert_allclose(rows["snr_claimed"][n:], expected)
    np.testing.assert_allclose(rows["snr"][n:][false], expected[false])
    local = np.rint((source["central_freq"] - 950e6) / 30e3).astype(int) - TINY.k0
    np.testing.assert_allclose(rows["gamma"][:n], tables["test_channels"]["gamma"][local])
    np.testing.assert_array_equal(rows["fifth"][:n], local * 5 // 512)


def test_neighbours() -> None:
    """Each source by a loop over all; of a claim that is no source, what lies near it would tell of hidden ones."""
    from astropy.coordinates import SkyCoord

    tables, claims = field_of(11, n=400)
    source, rows = tables["truth_sources"], measured(tables, claims)
    n, k = len(source["id"]), len(claims["id"])
    sky = SkyCoord(source["ra"], source["dec"], unit="deg")
    bright = SkyCoord(tables["truth_continuum"]["ra"][:3], tables["truth_continuum"]["dec"][:3], unit="deg")
    for row in range(n):
        near = sky[row].separation(sky).arcsec < 20
        near &= np.abs(source["central_freq"] - source["central_freq"][row]) < 1e6
        assert rows["blended"][row] == (near.sum() > 1)
        assert rows["near_continuum"][row] == np.any(sky[row].separation(bright).arcsec < 30)
    matched = np.isfinite(rows["score_pa"][n:])
    for name in ("blended", "near_continuum"):
        np.testing.assert_array_equal(np.isfinite(rows[name][n:]), matched)
    assert 0 < rows["blended"][:n].sum() < n
    assert len(rows) == n + k


def test_slices_are_of_rows_and_leave_none_out() -> None:
    tables, claims = field_of(12)
    rows = measured(tables, claims)
    sources = rows["kind"] == 0
    shown = {key for s in (*SLICES, *SURVEY) for key in s.metrics}
    assert shown <= set(KEYS)
    masks: dict[str, list[np.ndarray]] = {}
    for s in (*SLICES, *SURVEY):
        assert all(name in rows for name in s.needs)
        masks.setdefault(s.family, []).append(s.mask(rows.rows))
        assert s.about is not None
        np.testing.assert_array_equal(s.about(rows.rows), sources, "an entry can't fill a slice by itself")
    for family, found in masks.items():
        total = np.sum(found, axis=0)
        if family not in ("S/N", "edges"):
            told = sources if family in ("blends", "continuum") else np.ones(len(rows), bool)
            assert np.all(total[told] == 1), family
        assert np.all(total <= 1)
    assert {name: len(found) for name, found in masks.items()} == {
        **{"S/N": 8, "frequency": 5, "size": 3, "w20": 4, "inclination": 3, "blends": 2, "edges": 1},
        **{"interference": 3, "continuum": 2},
    }


def test_boards_name_metrics() -> None:
    for board in BOARDS:
        assert {*board.primary, *board.metrics, *(board.compare or ())} <= set(KEYS)
        assert KEYS[board.primary[0]].direction == "high"


def figures(rows: Measurements, part: str = "") -> dict[str, dict]:
    """Data of the figures, of one part or after the reveal."""
    parts = np.full(len(rows), part) if part else np.where(rows.case % 2, "public", "private")
    found = {f.key: f.data(rows, {"part": parts}) for f in FIGURES}
    return {key: data for key, data in found.items() if data is not None}


def test_figures_are_drawn() -> None:
    from blindsky.leaderboard.coarse import coarsened
    from blindsky.leaderboard.figures import draw

    tables, claims = field_of(13, n=900, false=300)
    rows = measured(tables, claims)
    found = figures(rows)
    assert set(found) == {f.key for f in FIGURES}
    for figure in FIGURES:
        data = json.loads(json.dumps(found[figure.key], allow_nan=False))
        for shown in (data, coarsened(figure.kind, data)):
            assert "<svg" in draw(figure.kind, shown, uid="one", title=figure.title)


def test_hidden_truth_stays_hidden() -> None:
    """One part alone: no residuals, and no number that rests on fewer than ten blocks."""
    tables, claims = field_of(13, n=900, false=300)
    rows = measured(tables, claims)
    shown = figures(rows, "public")
    assert {"residuals", "cuts"} & set(shown) == set()
    assert {"residuals", "cuts"} <= set(figures(rows, "train"))  # the training field hides nothing
    few = rows.select(rows.case < 9)
    assert len(few) > 30
    assert set(figures(few, "public")) <= {"reliability"}


def test_purity_and_completeness_by_hand() -> None:
    tables, claims = field_of(13, n=900, false=300)
    rows = measured(tables, claims)
    found = figures(rows)
    for key, kind, x, yes in (
        ("completeness_snr", SOURCE, "snr", "found"),
        ("purity_snr", CLAIM, "snr_claimed", "hit"),
    ):
        line = found[key]["panels"][0]["series"][0]
        where = int(np.argmin(np.abs(np.array(line["x"]) - np.sqrt(30))))  # the bin from 5 to 6
        inside = (rows["kind"] == kind) & (rows[x] >= 5) & (rows[x] < 6)
        assert line["y"][where] == pytest.approx(rows[yes][inside].mean(), rel=1e-5)
        assert line["low"][where] <= line["y"][where] <= line["high"][where]
