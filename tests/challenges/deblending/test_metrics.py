"""The declared metrics: worked examples, real predictions on real pairs, weights as repeated rows, hostile entries."""

from __future__ import annotations

import csv
import pickle
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blindsky.challenges.deblending.bands import LSST, SPACE
from blindsky.challenges.deblending.measure import (
    measure_known,
    measure_pair,
    measure_scene,
)
from blindsky.challenges.deblending.metrics import PAIR, SCENE, SCENE_KNOWN
from blindsky.challenges.skies import Ragged
from blindsky.scoring.card import evaluate
from blindsky.scoring.measurements import Measurements
from blindsky.scoring.metric import value
from blindsky.scoring.segmentation import ellipticity
from blindsky.scoring.weights import Replicates

NAN = np.nan
N = 24
OF_PAIR, OF_SCENE, OF_KNOWN = ({m.key: m for m in family} for family in (PAIR, SCENE, SCENE_KNOWN))
ROUND = {"mape", "mape_clip", "mede", "dm_mean", "dm_median", "dm_std", "dm_nmad", "outlier", "missing"}


def evaluated(metric, measurements, weights=None):
    return value(metric.prepare(measurements), len(measurements), weights)


def everything(metrics, measurements, weights=None):
    """Every metric that is there, by key."""
    present = [m for m in metrics if m.available(measurements)]
    return {m.key: evaluated(m, measurements, weights) for m in present}


def judged_pairs(true, flux, **columns):
    """Measurements of pairs; true, flux (n, 2); columns of both tables by name, (n, 2, ...)."""
    counts = np.full(len(true), 2)
    obj = np.tile([0, 1], len(true))
    objects = {"obj": obj, "flux_f160w": np.ravel(true), "scored": np.ones(len(obj), bool)}
    found = {"obj": obj, "flux": np.ravel(flux).astype(float)}
    for name, (of_truth, of_entry) in columns.items():
        objects[name], found[name] = (
            of_truth.reshape(-1, *of_truth.shape[2:]),
            of_entry.reshape(-1, *of_entry.shape[2:]),
        )
    measured = measure_pair({}, Ragged(counts, objects), Ragged(counts, found), bands=SPACE)
    return Measurements(measured.rows, case=measured.case)


@pytest.mark.parametrize("family", [PAIR, SCENE, SCENE_KNOWN])
def test_the_declaration(family):
    assert len({m.key for m in family}) == len({m.title for m in family}) == len(family)
    pickle.dumps(family)
    for metric in family:
        assert metric.formula
        assert metric.reference
        assert metric.needs
        assert (metric.interval == "signed") == (metric.direction == "target")
        assert metric.direction != "none"
        assert (metric.sparse is None) == (metric.trials is len)


def test_the_keys():
    of_slots = {f"{key}{suffix}" for key in (*ROUND, "iou") for suffix in ("", "_central", "_companion")}
    assert set(OF_PAIR) == of_slots | {"pair_ratio_nmad", "flux_sum_bias", "iou_overlap", "centroid_px"}
    of_bands = {f"{key}_{band}" for key in ("flux_mede", "dm_median", "dm_nmad") for band in "ugrizy"}
    colours = {f"colour_nmad_{colour}" for colour in ("gr", "ri", "iz", "ug")}
    images = {"recon", "cosine", "residual_chi2", "conservation", "e_m", "e_c"}
    assert set(OF_KNOWN) == of_bands | colours | images | {"deblend_error", "iou"}
    assert set(OF_SCENE) == set(OF_KNOWN) | {"recall", "precision", "f1", "centroid_px"}
    assert PAIR[0].key == "mape"
    assert SCENE[0].key == SCENE_KNOWN[0].key == "deblend_error"


EXAMPLE = np.array([[100, 50], [30, 60], [10, 10]]), np.array([[110, 40], [30, 0], [25, 9]])
KEYS = ("mape", "mape_clip", "outlier", "dm_mean", "dm_median", "dm_nmad", "dm_std")
# fmt: off
PLAIN = (48.33333333, 40, 0.33333333, -0.14833260, 0, 0.16960014, 0.43868106)
WEIGHTED = (36.66666667, 28.33333333, 0.16666667, -0.10047828, 0.00545601, 0.25630948, 0.42446996)
# fmt: on


@pytest.mark.parametrize(("key", "plain", "weighted"), list(zip(KEYS, PLAIN, WEIGHTED, strict=True)))
def test_the_worked_example(key, plain, weighted):
    table = judged_pairs(*EXAMPLE)
    assert evaluated(OF_PAIR[key], table) == pytest.approx(plain, abs=1e-8)
    weights = np.array([2, 0, 1])[table.case]
    assert evaluated(OF_PAIR[key], table, weights) == pytest.approx(weighted, abs=1e-8)
    assert evaluated(OF_PAIR[key], table, 0.3 * weights) == pytest.approx(weighted, abs=1e-8)


def test_ratios_and_sums_of_the_worked_example():
    table = judged_pairs(*EXAMPLE)
    ratios = np.log10([1.1 / 0.8, 2.5 / 0.9])  # the second pair lacks a flux
    expected = 1.4826 * np.median(np.abs(ratios - np.median(ratios)))
    assert evaluated(OF_PAIR["pair_ratio_nmad"], table) == pytest.approx(expected, abs=1e-12)
    assert evaluated(OF_PAIR["flux_sum_bias"], table) == pytest.approx(np.mean([0, -2 / 3, 0.7]), abs=1e-12)
    assert evaluated(OF_PAIR["missing"], table) == pytest.approx(1 / 6)
    assert evaluated(OF_PAIR["missing_central"], table) == 0
    assert evaluated(OF_PAIR["mape_companion"], table) == pytest.approx((20 + 100 + 10) / 3)
    assert evaluated(OF_PAIR["mede"], table) == pytest.approx(15)


# Boucaud+2020, output_catalog.csv of aboucaud/coindeblend: dm mean, median, std, NMAD, outlier, MAPE, median error
TABLE_KEYS = ("dm_mean", "dm_median", "dm_std", "dm_nmad", "outlier", "mape", "mede")
# fmt: off
TABLE = (
    ("b2f", "central", False, (.01136, .00821, .12856, .09071, .001675, 8.14842, 5.58946)),
    ("b2f", "companion", False, (.00924, .00544, .12999, .08915, .001675, 8.09133, 5.47416)),
    ("b2m2f", "central", False, (.01157, .01126, .12096, .07863, .001466, 7.41763, 4.96363)),
    ("b2m2f", "companion", False, (.01339, .01385, .12391, .08405, .000628, 7.84708, 5.38183)),
    ("sex", "central", True, (.10138, .01872, .54208, .30015, .124350, 29.82424, 18.43491)),
    ("sex", "companion", True, (.00240, -.02754, .70981, .34478, .162293, 44.38064, 21.34066)),
    ("b2f", "central", True, (.01519, .00999, .12029, .08575, .001561, 7.56605, 5.27003)),
    ("b2f", "companion", True, (.01173, .00666, .12697, .08751, .001151, 7.87103, 5.35182)),
    ("b2m2f", "central", True, (.01609, .01341, .11130, .07292, .001041, 6.78477, 4.59501)),
    ("b2m2f", "companion", True, (.01657, .01524, .11946, .08176, .000230, 7.59330, 5.24264)),
)
# fmt: on
RULE = (
    ("b2f", {"mape": 8.11988, "missing": 0.0}),
    ("b2m2f", {"mape": 7.63235, "missing": 0.0}),
    (
        "sex",
        {
            "mape": 45.32718,
            "mape_clip": 38.83165,
            "missing_central": 0.16625,
            "missing_companion": 0.06156,
            "outlier_central": 0.27617,
            "outlier_companion": 0.22906,
        },
    ),
)
NETWORK_ZP, SEXTRACTOR_ZP = 25.96, 25.67


@pytest.fixture(scope="module")
def coin(shared_data):
    """Measurements of the three published entries, and the blends where SExtractor found a slot and no third object."""
    with shared_data("deblending/coin_output_catalog.csv").open() as file:
        rows = list(csv.DictReader(file))
    column = {
        name: np.array([float(row[name] or 0) for row in rows]) for name in rows[0] if "_type" not in name
    }
    true = np.stack([10 ** (-0.4 * (column[f"g{k}_mag"] - NETWORK_ZP)) for k in (1, 2)], axis=1)
    entries = {}
    for name in ("b2f", "b2m2f", "sex"):
        flux = np.stack([column[f"g{k}_flux_{name}"] for k in (1, 2)], axis=1)
        zero_point = SEXTRACTOR_ZP if name == "sex" else NETWORK_ZP
        entries[name] = judged_pairs(true, flux * 10 ** (0.4 * (NETWORK_ZP - zero_point)))
    few = column["detection"] < 3
    selected = {slot: few & (column[f"g{k}_flux_sex"] > 0) for k, slot in ((1, "central"), (2, "companion"))}
    assert (selected["central"].sum(), selected["companion"].sum()) == (3844, 4344)
    return entries, selected


@pytest.mark.parametrize(("entry", "slot", "selection", "expected"), TABLE)
def test_published_predictions(coin, entry, slot, selection, expected):
    entries, selected = coin
    table = entries[entry]
    weights = selected[slot].astype(np.uint8)[table.case] if selection else None
    for key, number in zip(TABLE_KEYS, expected, strict=True):
        # as many digits as are given
        tolerance = 6e-7 if key == "outlier" else 6e-6
        assert evaluated(OF_PAIR[f"{key}_{slot}"], table, weights) == pytest.approx(number, abs=tolerance)


@pytest.mark.parametrize(("entry", "expected"), RULE)
def test_published_predictions_by_the_rule_of_this_challenge(coin, entry, expected):
    for key, number in expected.items():
        assert evaluated(OF_PAIR[key], coin[0][entry]) == pytest.approx(number, abs=6e-6)


def drawn_pairs(seed, n=30, masks=True):
    """Pairs with a fair entry, some fluxes missing, some masks empty."""
    rng = np.random.default_rng(seed)
    true = rng.uniform(5, 100, (n, 2))
    flux = true * rng.lognormal(0, 0.3, (n, 2)) * (rng.random((n, 2)) > 0.1)
    truth, given = rng.random((2, n, 2, 9, 9)) < rng.choice([0, 0.5], (2, n, 2, 1, 1), p=[0.1, 0.9])
    at = rng.uniform(0, 8, (2, n, 2))
    places = {axis: (p, p + rng.normal(0, 0.5, (n, 2))) for axis, p in zip("xy", at, strict=True)}
    return judged_pairs(true, flux, **({"mask": (truth, given), **places} if masks else {}))


def repeated(measurements, counts):
    """The rows of the cases as often as counts (n,) say."""
    times = counts[measurements.case]
    rows = {name: np.repeat(column, times) for name, column in measurements.rows.items()}
    return Measurements(rows, case=np.repeat(measurements.case, times))


def same(one, other):
    assert one.keys() == other.keys()
    for key, number in one.items():
        # a spread from sums of squares is good to the root of their rounding
        assert number == pytest.approx(other[key], rel=1e-10, abs=1e-10, nan_ok=True), key


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_weights_are_repeated_pairs(seed):
    table = drawn_pairs(seed)
    counts = np.random.default_rng(seed).poisson(1, 30).astype(np.uint8)
    expected = everything(PAIR, repeated(table, counts))
    same(everything(PAIR, table, counts[table.case]), expected)
    same(everything(PAIR, table, 0.1 * counts[table.case]), expected)
    order = np.random.default_rng(seed + 1).permutation(len(table))
    shuffled = Measurements({name: c[order] for name, c in table.rows.items()}, case=table.case[order])
    same(everything(PAIR, shuffled), everything(PAIR, table))


def scenes(seed, n=40, spread=0.2, images=True):
    """Scenes of Gaussians with an entry that misses some, finds others twice and measures with errors.

    Returns cases, objects, found.
    """
    rng = np.random.default_rng(seed)
    counts = rng.integers(2, 5, n)
    m = counts.sum()
    x, y = rng.uniform(3, N - 4, (2, m))
    xx, yy, xy = rng.uniform(3, 7, m), rng.uniform(3, 7, m), rng.uniform(-1.5, 1.5, m)
    flux = rng.uniform(50, 500, m)
    dy, dx = np.mgrid[:N, :N][:, None] - np.stack([y, x])[:, :, None, None]
    form = (yy[:, None, None] * dx**2 - 2 * xy[:, None, None] * dx * dy + xx[:, None, None] * dy**2) / (
        xx * yy - xy**2
    )[:, None, None]
    isolated = (flux[:, None, None] * np.exp(-0.5 * form)).astype(np.float32)
    r_half = np.full(m, 2.0 * LSST.pixel)
    e1, e2 = ellipticity(isolated, x, y, np.full(m, 3.0))
    objects = {
        **{"obj": np.concatenate([np.arange(c) for c in counts]), "x": x, "y": y},
        **{f"flux_{band}": flux * (k + 1) for k, band in enumerate(LSST.names)},
        **{"scored": rng.random(m) < 0.9, "mask": isolated > 5, "isolated": isolated},
        **{"e1": e1, "e2": e2, "r_half": r_half},
    }
    times = rng.choice([0, 1, 2], m, p=[0.2, 0.7, 0.1])
    who = np.repeat(np.arange(m), times)
    case = np.repeat(np.arange(n), counts)
    scale = rng.lognormal(0, spread, len(who))
    found = {
        **{"det": rng.permutation(len(who)), "obj": objects["obj"][who]},
        **{a: objects[a][who] + rng.normal(0, 0.5, len(who)) for a in "xy"},
        **{
            f"flux_{band}": objects[f"flux_{band}"][who] * rng.lognormal(0, spread, len(who))
            for band in LSST.names
        },
        **{"mask": np.roll(objects["mask"][who], 1, axis=1)},
        "image": (isolated[who] * scale[:, None, None] + rng.normal(0, 0.5, (len(who), N, N)))[:, None],
    }
    sums = np.stack([isolated[case == k].sum(axis=0) for k in range(n)])
    noise = rng.normal(0, 2, (n, 1, N, N))
    cases = {"sigma": np.full((n, 6), 2.0), "image": np.tile(sums[:, None], (1, 6, 1, 1)) + noise}
    if not images:
        del objects["isolated"], found["image"]
    return cases, Ragged(counts, objects), Ragged(np.bincount(case[who], minlength=n), found)


def judged(cases, objects, found, measure=measure_scene):
    measured = measure(cases, objects, found, bands=LSST)
    return Measurements(measured.rows, case=measured.case)


def own(objects, **changes):
    """The entry that says the truth of every object, with changes."""
    entry = {
        name: objects.columns[name] for name in ("obj", "x", "y", "mask", *(f"flux_{b}" for b in "ugrizy"))
    }
    image = objects.columns["isolated"][:, None]
    entry |= {"det": np.arange(len(entry["x"])), "image": image}
    return Ragged(objects.counts, {**entry, **changes})


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_weights_are_repeated_scenes(seed):
    for family, table in (
        (SCENE, judged(*scenes(seed, 12))),
        (SCENE_KNOWN, known_scene(seed)),
    ):
        counts = np.random.default_rng(seed).poisson(1, 12).astype(np.uint8)
        expected = everything(family, repeated(table, counts))
        assert len(expected) == len(family)
        same(everything(family, table, counts[table.case]), expected)
        same(everything(family, table, 0.1 * counts[table.case]), expected)


def known_scene(seed, n=12):
    """Measurements of an entry that errs on given objects."""
    cases, objects, _ = scenes(seed, n)
    rng, m = np.random.default_rng(seed), objects.counts.sum()
    truth = objects.columns
    fluxes = {f"flux_{b}": truth[f"flux_{b}"] * rng.lognormal(0, 0.2, m) for b in "ugrizy"}
    image = truth["isolated"] + rng.normal(0, 0.5, (m, N, N))
    entry = own(objects, **fluxes, mask=np.roll(truth["mask"], 1, axis=1), image=image[:, None])
    return judged(cases, objects, entry, measure_known)


def test_chunks_make_no_difference():
    cases, objects, found = scenes(5, 20)
    whole = judged(cases, objects, found)
    parts = []
    for first, last in ((0, 1), (1, 9), (9, 20)):
        chunk = slice(first, last)
        rows = []
        for table in (objects, found):
            ends = np.concatenate([[0], np.cumsum(table.counts)])
            inside = slice(ends[first], ends[last])
            rows.append(Ragged(table.counts[chunk], {name: c[inside] for name, c in table.columns.items()}))
        parts.append(judged({name: c[chunk] for name, c in cases.items()}, *rows).rows)
    for name, column in whole.rows.items():
        np.testing.assert_array_equal(np.concatenate([part[name] for part in parts]), column)


def test_scene_metrics_from_their_rows():
    """Independent sums over the rows of an entry that misses, doubles and errs."""
    table = judged(*scenes(6))
    rows = table.rows
    found = everything(SCENE, table)
    assert set(found) == set(OF_SCENE)
    scored = rows["kind"] == 0
    hit, false = scored & (rows["hit"] == 1), rows["kind"] == 2
    assert 0 < hit.sum() < scored.sum()
    assert false.any()
    clipped = np.minimum(np.abs(rows["ratio_r"][hit] - 1), 1)
    missed = scored.sum() - hit.sum()
    error = (clipped.sum() + missed + false.sum()) / (scored.sum() + false.sum())
    tp, fp = hit.sum(), false.sum()
    ratio = {band: rows[f"ratio_{band}"][hit] for band in "ugrizy"}
    dm = -2.5 * np.log10(ratio["z"])
    colour = -2.5 * np.log10(ratio["g"] / ratio["r"])
    t, e = (np.concatenate([rows[f"e{k}{which}"][hit] for k in (1, 2)]) for which in ("_true", ""))
    slope, intercept = np.polyfit(t, e, 1)
    per_blend = ~np.isnan(rows["n_true"])
    expected = {
        "deblend_error": error,
        "recall": tp / scored.sum(),
        "precision": tp / (tp + fp),
        "f1": 2 * tp / (scored.sum() + tp + fp),
        "centroid_px": np.median(rows["distance"][hit]),
        "flux_mede_i": 100 * np.median(np.abs(ratio["i"] - 1)),
        "dm_median_z": np.median(dm),
        "dm_nmad_z": 1.4826 * np.median(np.abs(dm - np.median(dm))),
        "colour_nmad_gr": 1.4826 * np.median(np.abs(colour - np.median(colour))),
        "iou": np.nansum(rows["iou"]) / scored.sum(),
        "recon": (np.nansum(rows["recon"][hit]) + missed) / scored.sum(),
        "cosine": np.nansum(rows["cosine"][hit]) / scored.sum(),
        "residual_chi2": np.mean(rows["residual_chi2"][per_blend]),
        "conservation": np.median(rows["conservation"][per_blend]),
        "e_m": slope - 1,
        "e_c": intercept,
    }
    for key, number in expected.items():
        assert found[key] == pytest.approx(number, rel=1e-10, abs=1e-12), key


def test_the_truth_itself():
    cases, objects, _ = scenes(7)
    found = everything(SCENE, judged(cases, objects, own(objects)))
    best = {"recall": 1, "precision": 1, "f1": 1, "iou": 1, "cosine": 1, "residual_chi2": 1}
    for key, number in found.items():
        # noise leaves a chi2 of 1 within sqrt(2 / (40 x 24^2)) = .009
        assert number == pytest.approx(best.get(key, 0), abs=0.04 if key == "residual_chi2" else 1e-6), key


def test_a_set_without_truth_and_detections():
    cases, objects, found = scenes(8, 5, images=False)
    unscored = Ragged(objects.counts, {**objects.columns, "scored": np.zeros(objects.counts.sum(), bool)})
    nothing = Ragged(np.zeros(5, int), {name: column[:0] for name, column in found.columns.items()})
    empty = judged(cases, unscored, nothing)
    for key in ("recall", "precision", "f1"):
        assert evaluated(OF_SCENE[key], empty) == 1
        assert evaluated(OF_SCENE[key], judged(cases, objects, nothing)) == 0
        assert np.isnan(evaluated(OF_SCENE[key], empty, np.zeros(len(empty))))
    assert np.isnan(evaluated(OF_SCENE["deblend_error"], empty))
    assert evaluated(OF_SCENE["deblend_error"], judged(cases, objects, nothing)) == 1


def test_no_flux_at_all():
    table = judged_pairs(EXAMPLE[0], np.zeros((3, 2)))
    found = everything(PAIR, table)
    assert found["mape"] == found["mape_clip"] == found["mede"] == 100
    assert found["outlier"] == found["missing"] == 1
    assert found["flux_sum_bias"] == pytest.approx(-1)
    for key in ("dm_mean", "dm_median", "dm_std", "dm_nmad", "pair_ratio_nmad"):
        assert np.isnan(found[key])


def test_all_fluxes_doubled():
    # where images are scaled by their own maximum this is perfect
    found = everything(PAIR, judged_pairs(EXAMPLE[0], 2 * EXAMPLE[0]))
    assert found["mape"] == pytest.approx(100)
    assert found["dm_median"] == pytest.approx(-2.5 * np.log10(2))
    cases, objects, _ = scenes(9)
    twice = {f"flux_{b}": 2 * objects.columns[f"flux_{b}"] for b in "ugrizy"}
    entry = own(objects, **twice, image=2 * objects.columns["isolated"][:, None])
    found = everything(SCENE, judged(cases, objects, entry))
    assert found["deblend_error"] == pytest.approx(1)
    assert found["recon"] == pytest.approx(1)
    assert found["conservation"] == pytest.approx(1)
    assert found["cosine"] == pytest.approx(1)
    assert found["residual_chi2"] > 1.5


def test_swapped_slots():
    true = np.array([[100.0, 20.0], [30.0, 90.0]])
    fair, swapped = judged_pairs(true, 1.1 * true), judged_pairs(true, true[:, ::-1])
    assert evaluated(OF_PAIR["mape"], swapped) > 5 * evaluated(OF_PAIR["mape"], fair)
    assert evaluated(OF_PAIR["flux_sum_bias"], swapped) == pytest.approx(0)


def test_masks_of_all_ones():
    rng = np.random.default_rng(10)
    truth = rng.random((20, 2, 16, 16)) < 0.1
    true = np.ones((20, 2))
    found = everything(PAIR, judged_pairs(true, true, mask=(truth, np.ones_like(truth))))
    assert found["iou"] == pytest.approx(truth.mean())
    assert found["iou_overlap"] == pytest.approx((truth[:, 0] & truth[:, 1]).mean())
    cases, objects, _ = scenes(10)
    entry = own(objects, mask=np.ones_like(objects.columns["mask"]))
    scored = objects.columns["scored"]
    expected = objects.columns["mask"][scored].mean()
    assert evaluated(OF_SCENE["iou"], judged(cases, objects, entry)) == pytest.approx(expected)


def detections(n, x, y, flux):
    """The same detections in each of n blends."""
    k = len(x)
    columns = {"det": np.tile(np.arange(k), n), "x": np.tile(x, n), "y": np.tile(y, n)}
    return Ragged(np.full(n, k), columns | {f"flux_{band}": np.full(n * k, flux) for band in LSST.names})


def test_fifty_detections_in_every_blend():
    cases, objects, honest = scenes(11, images=False)
    rng = np.random.default_rng(11)
    flood = detections(
        len(objects.counts), *rng.uniform(0, N, (2, 50)), float(np.median(objects.columns["flux_r"]))
    )
    found = everything(SCENE, judged(cases, objects, flood))
    fair = everything(SCENE, judged(cases, objects, honest))
    assert found["recall"] > 0.9
    assert found["precision"] < 0.1
    assert found["deblend_error"] > 0.9 > fair["deblend_error"]


def test_one_detection_at_the_centre():
    cases, objects, honest = scenes(12, images=False)
    n, truth = len(objects.counts), objects.columns
    centre = detections(n, np.array([N / 2]), np.array([N / 2]), float(np.median(truth["flux_r"])))
    found = everything(SCENE, judged(cases, objects, centre))
    fair = everything(SCENE, judged(cases, objects, honest))
    assert fair["deblend_error"] < 0.6
    assert found["deblend_error"] > 0.8  # nothing at all has 1
    assert found["recall"] < 0.4


@pytest.mark.parametrize(
    ("metrics", "make"),
    [
        (PAIR, partial(drawn_pairs, 14, 60)),
        (SCENE, lambda: judged(*scenes(14, 60))),
        (SCENE_KNOWN, lambda: known_scene(14, 60)),
    ],
)
def test_every_metric_has_its_interval(metrics, make):
    table = make()
    part = evaluate(table, metrics, Replicates(b"test", np.arange(60)), 200)
    assert set(part.scores) == {m.key for m in metrics}
    for metric in metrics:
        score = part.scores[metric.key]
        assert metric.low <= score.value <= metric.high
        assert metric.low <= score.low < score.high <= metric.high, metric.key


def test_a_share_that_hangs_on_few_fluxes():
    true = np.full((40, 2), 10.0)
    flux = true.copy()
    flux[:2, 0] = 0
    part = evaluate(judged_pairs(true, flux), PAIR, Replicates(b"test", np.arange(40)), 200)
    missing = part.scores["missing_central"]
    assert (missing.value, missing.interval, missing.trials) == (0.05, "binomial", 40)
    assert 0 < missing.low < 0.05 < missing.high
    assert part.scores["missing"].trials == 80
    # no bootstrap can see what never happened
    assert part.scores["outlier_companion"].high > 0.05


def test_intervals_of_a_mean_cover_it_as_often_as_they_say():
    """Errors of two objects of a blend go together: resampling blends knows that, resampling objects would not."""
    rng = np.random.default_rng(15)
    covered = []
    for _ in range(150):
        error = rng.exponential(0.2, 100)
        table = judged_pairs(np.full((100, 2), 10.0), 10 * (1 + error[:, None] * np.ones(2)))
        part = evaluate(table, [OF_PAIR["mape"]], Replicates(rng.bytes(8), np.arange(100)), 200)
        covered.append(part.scores["mape"].low <= 20 <= part.scores["mape"].high)
    # .95 within 3 spreads of sqrt(.95 x .05/150) = .018, less some for 100 skewed errors. Intervals too narrow by the
    # root of 2, as those of 200 objects would be, cover .83
    assert np.mean(covered) > 0.88
