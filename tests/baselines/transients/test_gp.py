"""Features of Gaussian processes: of shapes that are known, of hostile light curves, and from release to answer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from blindsky.baselines.baseline import Settings, get
from blindsky.baselines.transients import gp
from blindsky.baselines.transients.lightcurves import Archive, LightCurves
from blindsky.challenges.transients.classes import NUMBERS
from blindsky.challenges.transients.cosmology import distance_modulus

START = 59_600.0


def _curves(*objects):
    """Of (mjd, passband, flux, flux_err) columns."""
    columns = [np.concatenate([np.asarray(one[k], dtype=float) for one in objects]) for k in range(4)]
    mjd, passband, flux, flux_err = columns
    starts = np.cumsum([0, *(len(one[0]) for one in objects)])
    return LightCurves(starts, mjd, passband.astype(np.int64), flux, flux_err, np.abs(flux) > 5 * flux_err)


def _table(*z):
    z = np.array(z, dtype=np.float64)
    modulus = np.where(z > 0, distance_modulus(np.maximum(z, 1e-3)), np.nan)
    zero = np.zeros(len(z), np.float32)
    return {
        "object_id": np.arange(len(z)),
        "hostgal_photoz": z.astype(np.float32),
        "hostgal_photoz_err": zero + 0.05,
        "distmod": modulus.astype(np.float32),
        "mwebv": zero,
        "ddf": zero,
    }


def _bump(sigma=20.0, peak=(50.0, 100.0, 200.0, 200.0, 100.0, 100.0), centre=150.0, lag=0.0, error=0.5):
    """Every two days in every band, a Gaussian in time; each band ``lag`` days after the one before."""
    day, band = (a.ravel() for a in np.meshgrid(np.arange(0, 300, 2.0), np.arange(6)))
    flux = np.array(peak)[band.astype(int)] * np.exp(
        -0.5 * ((day - centre - lag * (band - 2.5)) / sigma) ** 2
    )
    return START + day + 0.01 * band, band, flux, np.full(len(day), error)


def test_shape_of_a_gaussian_bump():
    found = gp.shapes(_curves(_bump()), _table(0.0), Settings())
    half, fifth = 20 * np.sqrt(2 * np.log(2)), 20 * np.sqrt(2 * np.log(5))
    for side in ("rise", "fall"):
        assert found[f"{side}_ri_0.5"][0] == pytest.approx(half, abs=1.5)  # steps of a day
        assert found[f"{side}_ri_0.2"][0] == pytest.approx(fifth, abs=2.5)  # steps of two
    assert found["width_ri"][0] == pytest.approx(20 * np.sqrt(2 * np.pi), rel=0.03)
    assert found["magnitude_g"][0] == pytest.approx(27.5 - 5, abs=0.02)
    assert found["colour_ug+0"][0] == pytest.approx(2.5 * np.log10(2), abs=0.03)
    assert found["colour_ri+0"][0] == pytest.approx(0, abs=0.02)
    assert found["course_r+15"][0] == pytest.approx(np.exp(-0.5 * (15 / 20) ** 2), abs=0.03)
    assert found["highest_z"][0] == pytest.approx(100, rel=0.02)
    assert found["second_peak"][0] < 0.1
    assert found["peaks"][0] == 1
    assert found["time_r"][0] == pytest.approx(0, abs=1)
    assert np.isnan(found["luminosity_r"][0])  # in our Galaxy
    # visits on every other day in six bands, of which 10 and 10.01 and so on lie after a border
    assert found["observed-5"][0] == pytest.approx(5 * 6, abs=6)


def test_bands_that_follow_each_other_and_two_peaks():
    lagging = gp.shapes(_curves(_bump(lag=4.0)), _table(0.0), Settings())
    assert [lagging[f"time_{b}"][0] for b in "ug"] == pytest.approx([-10, -6], abs=1.5)
    assert [lagging[f"time_{b}"][0] for b in "zy"] == pytest.approx([6, 10], abs=1.5)
    first, second = _bump(sigma=8, centre=110), _bump(sigma=8, centre=180)
    twice = (first[0], first[1], first[2] + 0.5 * second[2], first[3])
    found = gp.shapes(_curves(twice), _table(0.0), Settings())
    assert found["second_peak"][0] == pytest.approx(0.5, abs=0.05)
    assert found["peaks"][0] == 2


def test_dips_are_measured_as_peaks_are():
    bump = _bump()
    dip = (bump[0], bump[1], -bump[2], bump[3])
    up, down = (gp.shapes(_curves(one), _table(0.0), Settings()) for one in (bump, dip))
    assert down["fall_dip_0.5"][0] == up["fall_ri_0.5"][0]
    assert down["width_dip"][0] == pytest.approx(up["width_ri"][0])
    assert down["faint"][0] == up["bright"][0] > 0.3


def test_redshift_stretches_and_dims():
    curves = _curves(_bump(), _bump())
    found = gp.shapes(curves, _table(0.1, 0.4), Settings())
    assert found["fall_ri_0.5"][0] == found["fall_ri_0.5"][1]
    np.testing.assert_allclose(found["rest_fall_0.5"], found["fall_ri_0.5"] / [1.1, 1.4], rtol=1e-6)
    np.testing.assert_allclose(found["rest_width_ri"], found["width_ri"] / [1.1, 1.4], rtol=1e-6)
    np.testing.assert_allclose(
        np.diff(found["luminosity_r"]), -np.diff(distance_modulus(np.array([0.1, 0.4]))), rtol=1e-4
    )
    # 2,800 Angstrom of the host lie blueward of u at z = .1 and in g at z = .4; at 6,194 / 1.1 it is as bright as in r
    assert np.isnan(found["rest_2800+0"]).tolist() == [True, False]
    between = np.interp(6194 / 1.1, [5500, 6500], [found["rest_5500+0"][0], found["rest_6500+0"][0]])
    assert between == pytest.approx(found["luminosity_r"][0], abs=0.1)


def test_hostile_light_curves_give_numbers_or_nothing():
    empty = ([], [], [], [])
    n = 30
    day = START + np.arange(n)
    curves = _curves(
        empty,
        ([START], [2], [30.0], [1.0]),
        (day, np.arange(n) % 6, np.full(n, 1e12), np.full(n, 1e-6)),
        (np.full(n, START), np.full(n, 3), np.arange(n), np.ones(n)),
        (day, np.full(n, 1), np.zeros(n), np.ones(n)),
        (day, np.arange(n) % 6, np.full(n, np.nan), np.ones(n)),
        (day, np.arange(n) % 6, np.full(n, -1e5), np.ones(n)),
    )
    table = _table(0.5, 0.5, 2.9, 0.0, 0.01, 0.5, 0.0)
    found = np.stack(list(gp.shapes(curves, table, Settings()).values()), axis=1)
    assert not np.isinf(found.astype(np.float32)).any()
    assert np.isnan(found[[0, 5]]).all()
    assert np.isfinite(found[[1, 2, 3, 4, 6]]).mean() > 0.5


def test_objects_do_not_depend_on_each_other(transients_original):
    public = transients_original.public
    table = {name: column[:60] for name, column in public.table("test").items()}
    curves = Archive.of(public, "test").read(table["object_id"])
    whole = gp.describe(curves, table, Settings())
    np.testing.assert_array_equal(whole, gp.describe(curves, table, Settings(workers=2)))
    order = np.random.default_rng(0).permutation(60)[:25]
    some = gp.describe(curves.take(order), {k: v[order] for k, v in table.items()}, Settings())
    # Other neighbours, another padding, another rounding: a day of the grid may win over the next one
    same = np.isclose(some, whole[order], rtol=2e-2, atol=1e-2, equal_nan=True)
    assert same.mean() > 0.995


@dataclass(frozen=True)
class Trees:
    """Stands for the classifier: what it was trained on and what it is asked."""

    features: np.ndarray
    table: dict

    def answer(self, features, test):
        assert features.shape == (len(test["object_id"]), self.features.shape[1])
        assert features.dtype == self.features.dtype == np.float32
        return {"object_id": test["object_id"], **{f"class_{n}": np.ones(len(features)) for n in NUMBERS}}


class Few:
    """A release with the first 100 of its training objects."""

    def __init__(self, public):
        self.public = public

    def __getattr__(self, name):
        return getattr(self.public, name)

    def table(self, name):
        return {column: values[:100] for column, values in self.public.table(name).items()}


def test_from_release_to_answer(transients_original, monkeypatch):
    monkeypatch.setattr(
        gp.boosted, "train_on", lambda features, table, public, settings, name: Trees(features, table)
    )
    monkeypatch.setattr(gp.resampling, "MEMBERS", 1)
    public = Few(transients_original.public)
    model = get("transients/gp").fit(public, Settings())
    trained, table = model.classifier, public.table("train")
    assert len(trained.features) == len(trained.table["target"]) > 100
    for name, column in table.items():
        np.testing.assert_array_equal(trained.table[name][:100], column)
    assert set(trained.table["object_id"][100:]) <= set(table["object_id"])
    test = public.table("test")
    np.testing.assert_array_equal(model.predict(test)["object_id"], test["object_id"])
