"""Copies of training objects at other redshifts: fluxes where the answer is known, and what they are joined to."""

from __future__ import annotations

import numpy as np
import pytest

from blindsky.baselines.baseline import Settings
from blindsky.baselines.transients import resampling
from blindsky.baselines.transients.gaussian_process import Sample
from blindsky.baselines.transients.lightcurves import SAME_NIGHT, LightCurves
from blindsky.baselines.transients.resampling import _Drawn
from blindsky.challenges.transients.cosmology import distance_modulus

START, CENTRE, WIDTH, PEAK = 59_600.0, 100.0, 15.0, 80.0


def _sky(n, rng, ddf=0, z=0.2, visits=90):
    """Objects of one colour, a Gaussian in time, seen by the wide survey on the same nights."""
    mjd = np.sort(START + rng.uniform(0, 200, (n, visits)), axis=1).ravel()
    error = rng.uniform(0.5, 1.0, n * visits)
    flux = PEAK * np.exp(-0.5 * ((mjd - START - CENTRE) / WIDTH) ** 2)
    noisy = flux + error * rng.standard_normal(len(mjd))
    curves = LightCurves(
        np.arange(0, n * visits + 1, visits),
        mjd,
        rng.integers(0, 6, n * visits),
        noisy,
        error,
        flux > 5.5 * error,
    )
    z = np.full(n, z, np.float32)
    table = {
        "object_id": np.arange(n) + 1000,
        "target": np.where(np.arange(n) % 4, 90, 42).astype(np.int16),
        "ra": rng.uniform(0, 360, n).astype(np.float32),
        **{name: rng.uniform(0, 1, n).astype(np.float32) for name in ("decl", "gal_l", "gal_b", "mwebv")},
        "ddf": np.full(n, ddf, np.int8),
        "hostgal_specz": z,
        "hostgal_photoz": z + rng.normal(0, 0.02, n).astype(np.float32),
        "hostgal_photoz_err": np.full(n, 0.03, np.float32),
        "distmod": distance_modulus(z).astype(np.float32),
    }
    return table, curves


@pytest.mark.parametrize("stretch", [1.0, 1.25])
def test_a_copy_of_no_colour_is_stretched_and_dimmed(stretch):
    _, curves = _sky(3, np.random.default_rng(1), visits=250)
    ones = np.ones(3)
    z = 1.2 * stretch * ones - 1
    factor = 10 ** (-0.4 * (distance_modulus(z) - distance_modulus(0.2 * ones))) * stretch
    drawn = _Drawn(np.arange(3), np.array([1, 2, 0]), z, z, z, stretch * ones, factor, 0 * ones)
    visits = curves.take(drawn.donors)
    mean, error = resampling._fluxes(curves, drawn, visits, Settings())
    centre = Sample.of(curves).centre[visits.owner]  # the only moment that is not moved
    phase = centre + (visits.mjd - centre) / stretch - START - CENTRE
    near = np.isfinite(mean) & (np.abs(phase) < 60)
    assert near.sum() > 50
    expected = np.exp(-0.5 * (phase / WIDTH) ** 2)
    # Bands see light bluer by ``stretch``; of no colour, it is as bright. The noise of a visit is a hundredth
    np.testing.assert_allclose((mean / factor[0] / PEAK)[near], expected[near], atol=0.1)
    said = np.abs(mean / factor[0] - PEAK * expected) < 4 * error / factor[0] + 0.5
    assert said[near].mean() > 0.98


def test_redshifts_lie_where_they_should_and_agree_with_the_fluxes():
    table, _ = _sky(50, np.random.default_rng(2), z=0.3)
    drawn = _Drawn.of(table, np.random.default_rng(0))
    assert np.all((drawn.z >= 0.95 * 0.3 - 1e-6) & (drawn.z <= 1.5 * 1.3 - 1 + 1e-6))
    np.testing.assert_allclose(drawn.stretch, (1 + drawn.z) / 1.3, rtol=1e-6)
    old = distance_modulus(np.full(len(drawn.z), np.float64(np.float32(0.3))))
    np.testing.assert_allclose(
        -2.5 * np.log10(drawn.factor / drawn.stretch), distance_modulus(drawn.z) - old, atol=1e-9
    )
    offset = (drawn.photoz - drawn.z) / (1 + drawn.z)
    assert np.std(offset) == pytest.approx(0.02 / 1.3, rel=0.4)
    np.testing.assert_allclose(drawn.photoz_err, 0.03 * (1 + drawn.z) / 1.3, rtol=1e-5)


def test_seasons_are_those_of_the_original():
    """The donor of visits is one of the nearest in right ascension, around the circle."""
    ra = np.arange(0, 360, 0.5)
    givers = np.arange(len(ra))
    objects = np.repeat([0, 300, 719], 50)
    donors = resampling._neighbours(ra, givers, objects, np.random.default_rng(0))
    apart = np.abs((ra[donors] - ra[objects] + 180) % 360 - 180)
    assert apart.max() <= 0.5 * resampling.NEIGHBOURS / 2 + 0.5
    assert len(np.unique(donors[:50])) > 20


def test_copies_are_wide_detected_and_keep_name_and_class():
    table, curves = _sky(24, np.random.default_rng(3))
    found, seen = resampling.resampled(table, curves, np.random.default_rng(0), Settings())
    assert len(seen) == len(found["object_id"]) > 24
    original = found["object_id"] - 1000
    np.testing.assert_array_equal(found["target"], table["target"][original])
    assert np.bincount(original).max() <= resampling.MOST
    assert {name: column.dtype for name, column in found.items()} == {n: c.dtype for n, c in table.items()}
    assert not found["ddf"].any()
    assert np.isnan(found["hostgal_specz"]).all()
    assert np.all((found["hostgal_photoz"] > 0) & (found["hostgal_photoz"] <= 3))
    np.testing.assert_allclose(
        found["distmod"], distance_modulus(found["hostgal_photoz"].astype(np.float64)), rtol=1e-5
    )
    assert seen.counts.min() >= resampling.VISITS
    for k in range(len(seen)):
        times = seen.take([k]).mjd[seen.take([k]).detected]
        assert times[-1] - times[0] > SAME_NIGHT
    # farther, so fainter
    assert np.median([seen.take([k]).flux.max() for k in range(len(seen))]) < PEAK
    assert np.isfinite(seen.flux).all()
    assert seen.flux_err.min() > 0.25  # half of the smallest
    again, same = resampling.resampled(table, curves, np.random.default_rng(0), Settings())
    np.testing.assert_array_equal(again["hostgal_photoz"], found["hostgal_photoz"])
    np.testing.assert_array_equal(same.flux, seen.flux)


@pytest.mark.parametrize("changed", [{"ddf": 1}, {"hostgal_specz": np.nan}, {"hostgal_photoz": 0.0}])
def test_nothing_to_copy_gives_no_copies(changed):
    table, curves = _sky(5, np.random.default_rng(4))
    table |= {name: np.full(5, value, table[name].dtype) for name, value in changed.items()}
    copies = resampling.resampled(table, curves, np.random.default_rng(0), Settings())
    assert len(copies[1]) == len(copies[0]["object_id"]) == 0
    joined, all_curves = resampling.joined((table, curves), copies)
    np.testing.assert_array_equal(joined["object_id"], table["object_id"])
    np.testing.assert_array_equal(all_curves.flux, curves.flux)


def test_joined_keeps_light_curves_with_their_objects():
    a, b = _sky(3, np.random.default_rng(5)), _sky(2, np.random.default_rng(6), visits=7)
    table, curves = resampling.joined(a, b)
    assert curves.counts.tolist() == [90, 90, 90, 7, 7]
    np.testing.assert_array_equal(curves.take([4]).flux, b[1].take([1]).flux)
    assert table["ra"][4] == b[0]["ra"][1]


class Few:
    """A release with the first 60 of its training objects."""

    def __init__(self, public):
        self.public = public

    def __getattr__(self, name):
        return getattr(self.public, name)

    def table(self, name):
        return {column: values[:60] for column, values in self.public.table(name).items()}


def test_copies_of_an_early_release_are_cut_as_its_test_set_is(transients_early):
    public = Few(transients_early.public)
    table, curves = resampling.copies(public, Settings())
    assert set(np.unique(table["epoch_cut"])) <= {0, 2, 8, 32, 128}
    assert set(table) == {*public.table("train"), "epoch_cut"}
    last = np.array([curves.take([k]).mjd[-1] for k in range(len(curves))])
    assert np.all(last <= curves.trigger() + table["epoch_cut"])
    assert np.all(last[table["epoch_cut"] == 0] == curves.trigger()[table["epoch_cut"] == 0])
