"""What every photo-z baseline promises, on a stand-in release."""

from __future__ import annotations

import numpy as np
import pytest

from blindsky.baselines.baseline import Settings, names
from blindsky.baselines.baseline import get as get_baseline
from blindsky.challenges.challenge import rows

NAMES = names("photoz")
NODES = np.arange(301) / 100


@pytest.fixture(params=NAMES)
def baseline(request):
    found = get_baseline(request.param)
    if found.extra is not None:
        pytest.importorskip(found.extra)
    return found


def spread(prediction, truth):
    e = (prediction["z_point"] - truth) / (1 + truth)
    return np.mean(np.abs(e))


def check(prediction, test, fields):
    assert set(prediction) == {"object_id", *fields}
    assert np.array_equal(prediction["object_id"], test["object_id"])
    assert np.all((prediction["z_point"] >= 0) & (prediction["z_point"] <= 3))
    if "pdf" in fields:
        pdf = prediction["pdf"]
        assert pdf.shape == (rows(test), 301)
        assert pdf.dtype == np.float32
        assert np.all(np.isfinite(pdf)) and np.all(pdf >= 0)
        integral = np.trapezoid(pdf.astype(np.float64), NODES, axis=1)
        assert np.allclose(integral, 1, atol=1e-5)  # float32 values
        assert np.allclose(prediction["z_point"], NODES[np.argmax(pdf, axis=1)], atol=1e-12)


def test_the_expected_baselines_are_there():
    short = {name.partition("/")[2] for name in NAMES}
    assert short == {"trainz", "constant", "knn", "histgb", "adaboost", "template", "mdn", "mdn_reweight"}


def test_fields_are_complete_reproducible_and_independent_of_the_batch(baseline, public, trained):
    test = public.table("test")
    prediction = trained(f"photoz/{baseline.name}", 3).predict(test)
    check(prediction, test, baseline.fields)
    again = baseline.fit(public, Settings(seed=3))
    assert all(np.array_equal(again.predict(test)[name], column) for name, column in prediction.items())
    half = again.predict({name: column[200:] for name, column in test.items()})
    assert np.allclose(half["z_point"], prediction["z_point"][200:], atol=0.0101)  # BLAS may round otherwise


def test_any_flux_gets_an_answer(baseline, public, trained):
    test = {name: column[:6].copy() for name, column in public.table("test").items()}
    hostile = (0.0, -50.0, 1e9, 1e-3, -1e6, 1e7)
    for band in public.bands:
        test[f"flux_{band}"][:] = hostile
    test["flux_z"][3:] = [1e8, 1e-8, -1e8]  # colours far from any label's
    check(trained(f"photoz/{baseline.name}", 0).predict(test), test, baseline.fields)


def test_labels_teach_something(baseline, public, trained):
    if baseline.name in ("trainz", "constant", "template"):
        pytest.skip("learns nothing from colours")
    truth = public.tables["hidden"]["redshift"].astype(np.float64)
    test = public.table("test")
    constant = trained("photoz/constant", 0).predict(test)
    learnt = trained(f"photoz/{baseline.name}", 0).predict(test)
    assert spread(learnt, truth) < 0.35 * spread(constant, truth)


def test_the_seed_matters_where_it_is_said_to(baseline, public, trained):
    test = public.table("test")
    first, second = (trained(f"photoz/{baseline.name}", seed).predict(test)["z_point"] for seed in (0, 3))
    assert np.array_equal(first, second) != baseline.seeded
