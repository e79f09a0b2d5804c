"""The SDC2 score against its worked example, against the official scorer's numbers, and against a plain loop."""

from __future__ import annotations

import json
import math
import tracemalloc
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blindsky.scoring import catalogue
from blindsky.scoring.catalogue import COLUMNS, SCORES, Match
from blindsky.scoring.measurements import Table

TRUTH = (
    (1, 180.0, -30.0, 10, 50, 1.05e9, 40, 60, 200),
    (2, 180.1, -30.05, 5, 20, 1.1e9, 355, 30, 120),
    (3, 179.9, -29.95, 8, 30, 1e9, 120, 75, 300),
)
CLAIMS = (
    (11, 180.0008, -30.0005, 12, 55, 1.0501e9, 52, 66, 220),
    (12, 180.0, -29.9978, 25, 30, 1.0497e9, 220, 20, 150),
    (13, 180.1004, -30.0497, 4, 26, 1.10003e9, 7, 42, 150),
    (14, 179.9, -29.95, 8, 210, 1e9, 120, 75, 300),
    (15, 180.0, -30.0, 10, 50, 1.2e9, 40, 60, 200),
    (16, 180.05, -30.02, 6, 10, 1.08e9, 10, 50, 150),
    (17, 179.9002, -29.9501, 2, 27, 1.0005e9, 110, 70, 40),
)
WILD = {  # what no check lets in, and the compatible mode does
    "ra": (-180.0, 540.0),
    "hi_size": (0.0, -5.0, 1e4),
    "line_flux_integral": (0.0, -3.0),
    "central_freq": (0.95e9, 1.15e9, 0.0, -1e9, 1e300, np.inf),
    "pa": (-700.0, np.inf),
    "i": (-40.0, 1e300, np.inf),
    "w20": (0.0, -100.0, 2e4, 1e5, 1.4e5, -1.4e5, 1e-300),
}


def table(rows: tuple[tuple[float, ...], ...]) -> Table:
    return {name: np.array(column) for name, column in zip(COLUMNS, zip(*rows, strict=True), strict=True)}


def read(path: Path) -> Table:
    lines = np.genfromtxt(path, names=True)
    return {name: lines[name] for name in COLUMNS}


def some(claims: Table, rows: object) -> Table:
    return {name: column[rows] for name, column in claims.items()}


def sky(seed: int, n: int = 60, k: int = 80, wild: bool = False) -> tuple[Table, Table]:
    """A crowded corner of the field, and claims near its sources."""
    rng = np.random.default_rng(seed)
    w20 = rng.lognormal(5.4, 0.5, n).clip(30, 890)
    truth = {
        "id": rng.permutation(n) + 7,
        "ra": 180 + rng.uniform(-0.01, 0.01, n),
        "dec": -30 + rng.uniform(-0.01, 0.01, n),
        "hi_size": rng.lognormal(1.35, 0.5, n).clip(1, 47),
        "line_flux_integral": rng.lognormal(1.9, 1, n),
        "central_freq": rng.choice([0.951e9, 1.05e9, 1.148e9]) + rng.uniform(-2e6, 2e6, n),
        "pa": rng.uniform(0, 360, n),
        "i": np.degrees(np.arccos(rng.random(n))),
        "w20": w20,
    }
    near = rng.integers(0, n, k)
    claims = some(truth, near)
    claims["id"] = rng.permutation(k)
    for name, spread in (("ra", 2 / 3600), ("dec", 2 / 3600), ("pa", 20), ("i", 10)):
        claims[name] = claims[name] + rng.normal(0, spread, k)
    claims["central_freq"] = claims["central_freq"] + rng.normal(0, 0.3, k) * w20[near] / 3e5 * 1e9
    for name in ("hi_size", "line_flux_integral", "w20"):
        claims[name] = claims[name] * rng.lognormal(0, 0.5, k)
    for name, values in WILD.items() if wild else ():
        chosen = rng.random(k) < 0.05
        claims[name] = np.where(chosen, rng.choice(values, k), claims[name])
    return truth, claims


@cache
def cosmology() -> object:
    from astropy.cosmology import FlatLambdaCDM

    return FlatLambdaCDM(67, 0.32)


def plain_d_a(frequency: float) -> float:
    """D_A in Mpc by astropy's class for flat space; NaN where no redshift gives the frequency."""
    z = catalogue.REST / frequency - 1 if frequency else math.inf
    if not -1 <= z < math.inf:
        return math.nan
    # received before it was sent: a distance that makes any radius larger than the field
    return float(cosmology().angular_diameter_distance(z).value) if z >= 0 else -1e6


def plain(truth: Table, claims: Table) -> tuple[dict[tuple[int, int], float], set[int]]:
    """Step by step what SDC2 does, pair by pair: {(claim, truth): D} of matches by row, and rows of bad ones."""
    from astropy.coordinates import SkyCoord, angular_separation

    def prepared(of: Table) -> list[dict[str, object]]:
        rows = []
        centre = SkyCoord(180, -30, unit="deg", frame="fk5")
        places = SkyCoord(of["ra"], of["dec"], unit="deg", frame="fk5")
        offsets = zip(*(angle.rad for angle in centre.spherical_offsets_to(places)), strict=True)
        for k, (xi, eta) in enumerate(offsets):
            row: dict[str, object] = {name: float(of[name][k]) for name in COLUMNS}
            nu = float(of["central_freq"][k])
            row["in"] = 0.95e9 < nu < 1.15e9
            if row["in"]:
                row["sky"] = math.radians(of["ra"][k]), math.radians(of["dec"][k])
                d_a = plain_d_a(nu)
                row["place"] = np.array([d_a * xi, d_a * eta, d_a])
                row["conv"] = math.hypot(float(of["hi_size"][k]), 7.0)
                row["width"] = float(of["w20"][k]) * 1000 / (299792458.0 * 1.420405752e9 / nu**2)
                depth = d_a - plain_d_a(nu + row["width"])
                size = row["conv"] / 206265 * d_a
                row["radius"] = size if math.isnan(depth) else max(size, depth)
            rows.append(row)
        return rows

    sources, found = prepared(truth), prepared(claims)
    best: dict[int, tuple[float, int, int]] = {}
    for c, claim in enumerate(found):
        for t, source in enumerate(sources):
            if not (claim["in"] and source["in"]):
                continue
            if np.linalg.norm(claim["place"] - source["place"]) > claim["radius"]:
                continue
            place = math.degrees(angular_separation(*claim["sky"], *source["sky"])) * 3600 / source["conv"]
            freq = abs(claim["central_freq"] - source["central_freq"]) / source["width"]
            if not (place < 1 and freq < 1):
                continue
            flux = claim["line_flux_integral"] / source["line_flux_integral"] - 1
            size = (claim["hi_size"] - source["hi_size"]) / source["conv"]
            d = math.sqrt(place**2 + freq**2 + flux**2 + size**2 + (claim["w20"] / source["w20"] - 1) ** 2)
            number = int(claims["id"][c])
            if number not in best or d < best[number][0]:
                best[number] = (d, c, t)
    return (
        {(c, t): d for d, c, t in best.values() if d < 5},
        {c for d, c, _ in best.values() if d >= 5},
    )


def test_worked_example() -> None:
    found = catalogue.match(table(TRUTH), table(CLAIMS))
    assert (found.n_det, found.n_match, found.n_false, found.n_bad) == (7, 3, 4, 1)
    assert found.claim.tolist() == [0, 1, 2]
    assert found.truth.tolist() == [0, 0, 1]
    assert found.n_dup.tolist() == [2, 2, 1]
    assert found.bad.tolist() == [3]
    np.testing.assert_allclose(found.distance, [0.384234, 1.577721, 0.458815], atol=5e-7)
    expected = [
        [1, 1, 1, 1, 0.833333, 1, 1],
        [0.651691, 0.517816, 0.25, 0.2, 0.055556, 1, 0.25],
        [1, 1, 0.333333, 1, 0.833333, 1, 0.833333],
    ]
    np.testing.assert_allclose(found.scores, expected, atol=5e-7)
    assert catalogue.value(found) == pytest.approx(-2.445828843, abs=1e-9)
    assert found.accuracy == pytest.approx(51.805705, abs=5e-7)
    columns = [88.389710, 83.927200, 52.777778, 73.333333, 57.407407, 100, 69.444444]
    np.testing.assert_allclose(list(found.accuracies.values()), columns, atol=5e-7)


def test_worked_example_one_to_one() -> None:
    found = catalogue.strict(table(TRUTH), table(CLAIMS))
    assert list(zip(found.claim.tolist(), found.truth.tolist(), strict=True)) == [(0, 0), (2, 1), (6, 2)]
    assert found.n_false == 4
    assert catalogue.value(found) == pytest.approx(-1.402871064, abs=1e-9)


@pytest.mark.parametrize("name", ["realistic", "duplicates", "boundaries", "hifriends_sample", "worked"])
def test_golden(name: str, shared_data: Callable[[str], Path]) -> None:
    folder = shared_data("hi")
    golden = json.loads((folder / "golden" / "golden.json").read_text())
    case = golden["cases"][name]
    known = folder / "golden" / case["truth_file"] if "truth_file" in case else folder / golden["truth"]
    truth, claims = read(known), read(folder / "golden" / case["file"])
    found = catalogue.match(truth, claims)
    expected = case["ska_sdc"]
    assert [found.n_det, found.n_bad, found.n_match, found.n_false] == [
        expected[count] for count in ("n_det", "n_bad", "n_match", "n_false")
    ]
    assert catalogue.value(found) == pytest.approx(expected["value"], abs=1e-6)
    assert found.score_det == pytest.approx(expected["score_det"], abs=1e-6)
    assert found.accuracy == pytest.approx(expected["acc_pc"], abs=1e-6)
    assert found.accuracies == pytest.approx(expected["column_acc_pc"], abs=1e-6)
    single = catalogue.strict(truth, claims)
    assert catalogue.value(single) == pytest.approx(case["strict"]["value"], abs=1e-6)
    assert [single.n_match, single.n_false] == [case["strict"][count] for count in ("n_match", "n_false")]
    assert single.accuracies == pytest.approx(case["strict"]["column_acc_pc"], abs=1e-6)
    if "split_1050MHz" in case:
        anchor = claims["central_freq"].copy()
        anchor[found.claim] = truth["central_freq"][found.truth]
        split = case["split_1050MHz"]
        assert catalogue.value(found, weights=anchor >= 1.05e9) == pytest.approx(split["high"], abs=1e-6)
        assert catalogue.value(found, weights=anchor < 1.05e9) == pytest.approx(split["low"], abs=1e-6)


def test_constant_ladder(shared_data: Callable[[str], Path]) -> None:
    truth = read(shared_data("hi/sky_ldev_truthcat_v2.txt"))
    claims = dict(truth)
    n = len(truth["id"])
    rungs = (
        ({}, 11091.000, 0),
        ({"pa": 0.0, "i": 60.0}, 9292.871, 0),
        ({"hi_size": 8.5}, 8557.391, 0),
        ({"w20": 220.0}, 8189.133, 7),
        ({"line_flux_integral": 5.6}, 7001.468, 9),
    )
    for constants, value, bad in rungs:
        claims |= {name: np.full(n, constant) for name, constant in constants.items()}
        found = catalogue.match(truth, claims)
        assert (round(catalogue.value(found), 3), found.n_bad) == (value, bad)
    columns = [99.90, 99.98, 26.07, 53.79, 21.24, 77.86, 65.34]
    np.testing.assert_allclose(list(found.accuracies.values()), columns, atol=0.005)


@given(seed=st.integers(0, 2**32 - 1), wild=st.booleans())
@settings(max_examples=6, deadline=None)
def test_equals_a_plain_loop(seed: int, wild: bool) -> None:
    truth, claims = sky(seed, n=25, k=30, wild=wild)
    found = catalogue.match(truth, claims)
    matches, bad = plain(truth, claims)
    pairs = list(zip(found.claim.tolist(), found.truth.tolist(), strict=True))
    assert pairs == sorted(matches)
    np.testing.assert_allclose(found.distance, [matches[pair] for pair in pairs], rtol=1e-9)
    assert set(found.bad.tolist()) == bad


@given(seed=st.integers(0, 2**32 - 1), wild=st.booleans())
@settings(max_examples=15, deadline=None)
def test_order_of_rows_changes_nothing(seed: int, wild: bool) -> None:
    truth, claims = sky(seed, wild=wild)
    rng = np.random.default_rng(seed + 1)
    rows, others = rng.permutation(len(claims["id"])), rng.permutation(len(truth["id"]))

    def told(found: Match, truth: Table, claims: Table) -> dict[int, tuple[int, float]]:
        pairs = zip(
            claims["id"][found.claim], truth["id"][found.truth], found.gains[found.claim], strict=True
        )
        return {int(c): (int(t), float(gain)) for c, t, gain in pairs}

    for scorer in (catalogue.match, catalogue.strict):
        here = told(scorer(truth, claims), truth, claims)
        turned = some(truth, others), some(claims, rows)
        assert told(scorer(*turned), *turned) == here


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=10, deadline=None)
def test_weights(seed: int) -> None:
    truth, claims = sky(seed, wild=True)
    found = catalogue.match(truth, claims)
    n = found.n_det
    w = np.random.default_rng(seed).integers(0, 4, n)
    assert catalogue.value(found) == catalogue.value(found, weights=np.ones(n))
    accepted = found.scores.mean(axis=1) / found.n_dup
    false = np.ones(n, bool)
    false[found.claim] = False
    expected = float(w[found.claim] @ accepted) - float(w[false].sum())
    assert catalogue.value(found, weights=w) == pytest.approx(expected, abs=1e-9)
    halves = [catalogue.value(found, weights=half) for half in (w > 1, w <= 1)]
    assert sum(halves) == pytest.approx(catalogue.value(found), abs=1e-9)
    with pytest.raises(ValueError, match="finite weights"):
        catalogue.value(found, weights=-np.ones(n))


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_one_to_one(seed: int) -> None:
    """No source and no claim twice, and no free pair that comes before one that was taken."""
    truth, claims = sky(seed)
    found = catalogue.strict(truth, claims)
    assert len(set(found.truth)) == len(set(found.claim)) == found.n_match
    assert np.all(found.distance < 5)
    assert found.n_match >= len(set(catalogue.match(truth, claims).truth))
    alone = catalogue.strict(truth, some(claims, found.claim))
    assert catalogue.value(alone) == pytest.approx(found.score_det)
    assert alone.n_false == 0


def test_every_source_twice_is_as_good_as_once() -> None:
    truth, _ = sky(3)
    twice = {name: np.tile(column, 2) for name, column in truth.items()}
    twice["id"] = np.arange(len(twice["id"]))
    n = len(truth["id"])
    found = catalogue.match(truth, twice)
    assert catalogue.value(found) == pytest.approx(n)
    assert found.accuracy == pytest.approx(50)
    assert catalogue.value(catalogue.strict(truth, twice)) == pytest.approx(0)


def test_repeated_ids_compete_as_one() -> None:
    truth, claims = table(TRUTH), table(CLAIMS)
    claims["id"][:2] = 11
    found = catalogue.match(truth, claims)
    assert found.claim.tolist() == [0, 2]  # the better of the two
    assert found.n_dup.tolist() == [1, 1]
    assert found.n_false == 5


def test_equal_sources_go_by_id() -> None:
    first, other = (9, *TRUTH[0][1:]), (4, *TRUTH[0][1:])
    claims = some(table(CLAIMS), slice(1))
    for truth in (table((first, other)), table((other, first))):
        for scorer in (catalogue.match, catalogue.strict):
            assert truth["id"][scorer(truth, claims).truth].tolist() == [4]


def test_without_claims_or_sources() -> None:
    truth, claims = table(TRUTH), table(CLAIMS)
    for scorer in (catalogue.match, catalogue.strict):
        nothing = scorer(truth, some(claims, slice(0)))
        assert (nothing.n_det, nothing.n_match, catalogue.value(nothing)) == (0, 0, 0.0)
        assert (nothing.accuracy, nothing.accuracies) == (0.0, {})
        assert catalogue.value(scorer(some(truth, slice(0)), claims)) == -7
        assert catalogue.value(scorer(truth, some(claims, [4, 5]))) == -2


def test_edges_of_the_band_are_outside() -> None:
    edge = (1, 180.0, -30.0, 10, 50, 0.95e9, 40, 60, 200)
    inside = (2, 180.0, -30.0, 10, 50, np.nextafter(0.95e9, 1e9), 40, 60, 200)
    assert catalogue.match(table((inside,)), table((edge, inside))).claim.tolist() == [1]
    assert catalogue.match(table((edge,)), table((edge, inside))).n_match == 0


@given(
    places=st.lists(
        st.tuples(*[st.floats(-400, 400), st.floats(-90, 90), st.floats(-400, 400), st.floats(-90, 90)]),
        min_size=1,
        max_size=20,
    )
)
@settings(max_examples=25, deadline=None)
def test_separations_are_those_of_astropy(places: list[tuple[float, float, float, float]]) -> None:
    from astropy.coordinates import SkyCoord

    ra, dec, other_ra, other_dec = np.array(places).T
    here, there = (SkyCoord(*at, unit="deg", frame="fk5") for at in ((ra, dec), (other_ra, other_dec)))
    np.testing.assert_allclose(
        catalogue.separations(ra, dec, other_ra, other_dec), here.separation(there).arcsecond, atol=1e-8
    )


@given(seed=st.integers(0, 2**32 - 1), reach=st.floats(0.1, 300), width=st.floats(1, 3e7))
@settings(max_examples=25, deadline=None)
def test_near_finds_all_pairs_once(seed: int, reach: float, width: float) -> None:
    rng = np.random.default_rng(seed)

    def places(n: int) -> Table:
        return {
            "ra": 180 + rng.uniform(-0.1, 0.1, n) + 360 * rng.integers(-1, 2, n),
            "dec": rng.choice([-89.99, -30.0, 89.99]) + rng.uniform(-0.01, 0.01, n),
            "central_freq": rng.choice([0.95e9, 1.15e9, 1.05e9]) + rng.uniform(-1e7, 1e7, n),
        }

    truth, claims = places(40), places(50)
    pairs = catalogue.near(truth, claims, reach=np.full(40, reach), width=np.full(40, width))
    i, j = (grid.ravel() for grid in np.mgrid[:40, :50])
    apart = catalogue.separations(truth["ra"][i], truth["dec"][i], claims["ra"][j], claims["dec"][j])
    shift = np.abs(truth["central_freq"][i] - claims["central_freq"][j])
    band = [(t["central_freq"] > 0.95e9) & (t["central_freq"] < 1.15e9) for t in (truth, claims)]
    close = (apart < reach) & (shift < width) & band[0][i] & band[1][j]
    assert list(zip(pairs.truth, pairs.claim, strict=True)) == list(zip(i[close], j[close], strict=True))


def test_claims_that_reach_everywhere_take_no_memory() -> None:
    """A thousand widths of 20,000 km/s: a search by the claims' own radius takes 53 s and 6.8 GB here."""
    truth, claims = sky(5, n=11_091, k=1000)
    spread = np.random.default_rng(1)
    truth["ra"], truth["dec"] = (
        180 + spread.uniform(-0.5, 0.5, 11_091),
        -30 + spread.uniform(-0.5, 0.5, 11_091),
    )
    truth["central_freq"] = spread.uniform(0.95e9, 1.15e9, 11_091)
    claims |= {name: truth[name][:1000] for name in ("ra", "dec", "central_freq")}
    catalogue.match(truth, claims)  # what is loaded at first is not counted
    claims["w20"] = np.full(1000, 20_000.0)
    claims["hi_size"] = np.full(1000, 1e6)
    tracemalloc.start()
    found = catalogue.match(truth, claims)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (found.n_match, found.n_bad) == (0, 1000)
    assert peak < 20e6


def test_a_flood_on_one_source() -> None:
    truth = table(TRUTH)
    flood = {name: np.full(100_000, column[0]) for name, column in truth.items()} | {"id": np.arange(100_000)}
    found = catalogue.match(truth, flood)
    assert found.n_match == 100_000
    assert catalogue.value(found) == pytest.approx(1)
    assert catalogue.value(catalogue.strict(truth, flood)) == pytest.approx(1 - 99_999)


def test_scores_are_shares() -> None:
    truth, claims = sky(8, wild=True)
    found = catalogue.match(truth, claims)
    assert found.scores.shape == (found.n_match, len(SCORES))
    assert np.all((found.scores >= 0) & (found.scores <= 1))
