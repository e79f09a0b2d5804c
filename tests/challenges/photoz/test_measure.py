"""What judging a photo-z prediction leaves, and that the declared metrics fit it."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from blindsky.challenges.photoz.measure import measure
from blindsky.challenges.photoz.metrics import METRICS
from blindsky.scoring.card import evaluate
from blindsky.scoring.measurements import Collector
from blindsky.scoring.metric import ones
from blindsky.scoring.weights import Replicates

KEYS = {
    *("cde_loss", "excess_nats", "mean_log_p", "crps", "f05", "f15"),
    *("pit_ks", "pit_cvm", "pit_ad", "pit_outlier", "nz_w1"),
    *(
        "mu",
        "mean_bias",
        "sigma_nmad",
        "sigma_iqr",
        "sigma68",
        "sigma95",
        "sigma",
        "out15",
        "out3",
        "hsc_loss",
    ),
    *(f"tomo_bias_{k}" for k in (*range(1, 6), "max", "rms")),
    *(f"tomo_bias_pdf_{k}" for k in (*range(1, 6), "max", "rms")),
    *(f"tomo_width_{k}" for k in range(1, 6)),
}
BY_KEY = {metric.key: metric for metric in METRICS}


def tables(n=600, seed=0):
    """A perfect entry: truths drawn from the densities that are submitted."""
    rng = np.random.default_rng(seed)
    m, s = rng.uniform(0.4, 2.6, n), rng.uniform(0.02, 0.06, n)
    z = m + s * rng.standard_normal(n)
    pdf = np.exp(-((np.linspace(0, 3, 301) - m[:, None]) ** 2) / (2 * s[:, None] ** 2)).astype(np.float32)
    log_p = -((z - m) ** 2) / (2 * s**2) - np.log(s * np.sqrt(2 * np.pi))
    return {"z_true": z, "oracle_logp": log_p}, {"z_point": m, "pdf": pdf}


def folded(truth, prediction, chunk=250):
    n = len(truth["z_true"])
    part = np.where(np.arange(n) % 3 == 0, "public", "private")
    collector = Collector(("public", "private"))
    for i in range(0, n, chunk):
        cut = slice(i, i + chunk)
        pieces = ({k: v[cut] for k, v in table.items()} for table in (truth, prediction))
        collector.add(measure(*pieces), part[cut])
    return collector.measurements()[0]


def test_every_metric_is_declared_once():
    assert len(METRICS) == len(KEYS)
    assert {metric.key for metric in METRICS} == KEYS
    assert {metric.key for metric in METRICS if metric.interval == "null" and metric.null is None} == set()


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.key)
def test_a_metric_speaks_for_itself_and_travels(metric):
    assert metric.title
    assert metric.formula
    assert metric.reference
    assert set(metric.null_from) <= KEYS
    assert pickle.loads(pickle.dumps(metric)).key == metric.key


def test_a_point_entry_has_point_scores_only():
    truth, prediction = tables()
    measured = measure({"z_true": truth["z_true"]}, {"z_point": prediction["z_point"]})
    assert set(measured.rows) == {"z_true", "z_point", "e"}
    assert measured.wide == {}
    np.testing.assert_allclose(
        measured.rows["e"], (prediction["z_point"] - truth["z_true"]) / (1 + truth["z_true"])
    )


def test_a_perfect_entry_on_every_metric():
    parts = folded(*tables())
    for name, measurements in parts.items():
        statistics = {m.key: m.prepare(measurements) for m in METRICS if m.available(measurements)}
        assert set(statistics) == KEYS
        values = {key: statistic(ones(len(measurements)))[0] for key, statistic in statistics.items()}
        assert all(np.isfinite(v) for v in values.values()), name
        # chords of the narrowest density, step / s = 1/2, cost (1/2)^2 / 12 at its peak
        assert values["excess_nats"] == pytest.approx(0, abs=0.02)
        for key in ("tomo_bias_1", "tomo_bias_pdf_5", "mu"):
            # the mean of 40 to 200 errors of 0.04 / (1 + z)
            assert values[key] == pytest.approx(0, abs=0.015)


def test_chunks_change_nothing():
    truth, prediction = tables()
    one, many = folded(truth, prediction, 600)["all"], folded(truth, prediction, 7)["all"]
    for name, column in one.rows.items():
        assert np.array_equal(column, many.rows[name]), name
    np.testing.assert_allclose(one.moments["cdf_excess"].total, many.moments["cdf_excess"].total, atol=1e-9)


def test_the_card_of_a_perfect_entry():
    measurements = folded(*tables(2000))["all"]
    card = evaluate(measurements, METRICS, Replicates(b"key", np.arange(2000)), 100)
    assert set(card.scores) == KEYS
    for key in ("pit_ks", "pit_cvm", "pit_ad", "nz_w1", "tomo_bias_max", "tomo_bias_pdf_rms"):
        # not rarer than once in some 200 perfect entries, and this one is fixed by its seed
        score = card.scores[key]
        assert 0.6 * score.low <= score.value <= 1.5 * score.high, key
    for key in ("sigma_nmad", "out3", "cde_loss", "crps", "tomo_width_3", "tomo_bias_2"):
        score = card.scores[key]
        assert score.low <= score.value <= score.high, key


def test_hostile_entries_lose():
    truth, prediction = tables()
    n = len(truth["z_true"])
    nodes = np.linspace(0, 3, 301)
    delta = (nodes == nodes[np.rint(prediction["z_point"] * 100).astype(int)][:, None]).astype(np.float32)
    stacked = np.histogram(truth["z_true"], np.linspace(-0.005, 3.005, 302))[0] + 1e-3
    entries = {
        "perfect": prediction,
        "delta": {**prediction, "pdf": delta},
        "flat": {**prediction, "pdf": np.ones((n, 301), np.float32)},
        "trainz": {**prediction, "pdf": np.tile(stacked.astype(np.float32), (n, 1))},
        "constant": {"z_point": np.full(n, 0.9)},
    }
    values = {}
    for name, entry in entries.items():
        found = folded(truth, entry)["all"]
        values[name] = {m.key: m.prepare(found)(ones(len(found)))[0] for m in METRICS if m.available(found)}
    for key in ("excess_nats", "cde_loss"):
        for loser in ("delta", "flat", "trainz"):
            assert values[loser][key] > values["perfect"][key] + 0.3, (key, loser)
    # the stack of all truths is calibrated by construction: why PIT tests are never primary
    assert values["trainz"]["pit_ks"] < 0.05
    assert values["trainz"]["nz_w1"] < 0.01
    for key in (*(f"tomo_bias_{k}" for k in range(1, 6)), "tomo_bias_max", "tomo_bias_rms"):
        assert np.isnan(values["constant"][key])
    assert "cde_loss" not in values["constant"]
