"""Objects that are moved: distances against an integral, noise against its stated error, draws against themselves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")

from blindsky.baselines.transients import augmentation
from blindsky.baselines.transients.augmentation import Augmentation, Draws, flagged, reddening
from blindsky.baselines.transients.lightcurves import BANDS, Archive, LightCurves
from blindsky.baselines.transients.tokens import WAVELENGTHS
from blindsky.challenges.transients.classes import DAYS

N, VISITS = 60, 64
ROWS = np.arange(N)


def objects(flux=1000.0, error=1.0, z=0.3, deep=False):
    """N objects with VISITS detections each, a day apart, and their table."""
    total = N * VISITS
    curves = LightCurves(
        np.arange(N + 1) * VISITS,
        np.tile(np.arange(VISITS, dtype=np.float64), N),
        np.arange(total) % BANDS,
        np.full(total, float(flux)),
        np.full(total, float(error)),
        np.ones(total, bool),
    )
    columns = {"hostgal_photoz": z, "hostgal_specz": z, "hostgal_photoz_err": 0.05, "mwebv": 0.0}
    table = {name: np.full(N, value) for name, value in columns.items()} | {"ddf": np.full(N, int(deep))}
    return table, curves


def bare(sigma=1e-6, **more):
    """An augmentation with flat colours, one sky for all bands, and nothing left to chance but the distance."""
    facts = {
        "sky": np.array([[np.log(sigma)] * BANDS, [0.0] * BANDS]),
        "counts": np.array([VISITS]),
        "scatter": np.zeros((1, 2)),
        "spectra": np.ones(2),
        "room": np.full(N, 2.0),
        "colours": np.zeros((N, BANDS)),
        "cut": False,
    }
    return Augmentation(**(facts | more))


@pytest.fixture
def certain(monkeypatch):
    """Every object is moved, none of its points dropped, no flux jittered."""
    for name, value in (("MOVED", 1.0), ("DROPPED", 0.0), ("JITTER", 0.0)):
        monkeypatch.setattr(augmentation, name, value)


def luminosity_distance(z):
    """(1 + z) times the integral of 1 / E, in units of c / H0, by trapezoids."""
    x = np.linspace(0, 1, 4001)[:, None] * z
    e = np.sqrt(0.3 * (1 + x) ** 3 + 0.7)
    return (1 + z) * np.trapezoid(1 / e, x, axis=0)


def same(first, second):
    for one, other in zip(first, second, strict=True):
        one, other = (vars(x) if isinstance(x, LightCurves) else x for x in (one, other))
        for name in one:
            np.testing.assert_array_equal(one[name], other[name])


def test_flux_falls_with_the_luminosity_distance_and_time_stretches(certain):
    table, curves = objects()
    moved, seen = bare()(table, curves, ROWS, Draws(0, 0, ROWS))
    z = moved["hostgal_specz"]
    assert z.min() < 0.35
    assert z.max() > 0.6
    stretch = (1 + z) / 1.3
    dimmer = (luminosity_distance(np.full(N, 0.3)) / luminosity_distance(z)) ** 2
    assert np.all(dimmer >= 10 ** (-0.4 * 2.0) * (1 - 1e-4))
    np.testing.assert_allclose(seen.flux / 1000, (dimmer * stretch)[seen.owner], rtol=2e-4)
    # the trigger is the second visit; what would lie beyond the survey is gone
    dt = np.diff(seen.mjd)[np.diff(seen.owner) == 0]
    np.testing.assert_allclose(dt, stretch[seen.owner[1:]][np.diff(seen.owner) == 0], rtol=1e-9)
    assert seen.mjd.max() <= VISITS - 1
    assert seen.mjd.min() >= 0


def test_the_signal_to_noise_in_a_shallower_survey_falls_by_the_same_ratio(certain):
    table, curves = objects(flux=1e4)
    moved, seen = bare(sigma=5.0)(table, curves, ROWS, Draws(0, 0, ROWS))
    np.testing.assert_allclose(seen.flux_err, 5.0)
    z = moved["hostgal_specz"]
    fainter = (luminosity_distance(np.full(N, 0.3)) / luminosity_distance(z)) ** 2 * (1 + z) / 1.3
    signal = np.bincount(seen.owner, seen.flux / seen.flux_err) / seen.counts
    np.testing.assert_allclose(signal, 1e4 / 5 * fainter, atol=5 / np.sqrt(seen.counts.min()))


@pytest.mark.parametrize("jitter", [0.0, 2 / 3])
def test_added_noise_is_the_stated_error(certain, monkeypatch, jitter):
    monkeypatch.setattr(augmentation, "JITTER", jitter)
    table, curves = objects(z=0.0)
    noise = np.random.default_rng(0).normal(size=len(curves.flux)) * 2.0
    faint = np.arange(len(curves.flux)) % VISITS > 3  # the others are what is detected
    curves = replace(
        curves,
        flux=np.where(faint, noise, 1e5),
        flux_err=np.full(len(faint), 2.0),
        detected=~faint,
    )
    _, seen = bare(sigma=3.0)(table, curves, ROWS, Draws(0, 0, ROWS))
    assert len(seen.flux) == len(curves.flux)  # nothing stretches in our Galaxy
    pull = (seen.flux / seen.flux_err)[faint]
    # 3600 of them: the rms is known to 1.2 %
    assert np.sqrt((pull**2).mean()) == pytest.approx(np.sqrt(1 + jitter**2), rel=0.05)
    assert not seen.detected[faint].any()


def test_an_object_that_would_hardly_be_detected_stays_where_it_was(certain):
    table, curves = objects(flux=20.0)
    moved, seen = bare(sigma=1000.0)(table, curves, ROWS, Draws(0, 0, ROWS))
    np.testing.assert_allclose(moved["hostgal_specz"], 0.3)
    np.testing.assert_array_equal(seen.flux, 20.0)


def test_deep_objects_become_wide_ones_with_as_many_visits(certain):
    table, curves = objects(deep=True)
    moved, seen = bare(counts=np.array([VISITS // 4]))(table, curves, ROWS, Draws(0, 0, ROWS))
    assert not moved["ddf"].any()
    assert seen.counts.mean() < 1.1 * VISITS / 4
    assert seen.counts.min() >= 2


def test_what_is_not_moved_keeps_its_survey_and_loses_a_share_of_its_points(monkeypatch):
    monkeypatch.setattr(augmentation, "MOVED", 0.0)
    table, curves = objects(deep=True)
    kept, seen = bare()(table, curves, ROWS, Draws(0, 0, ROWS))
    assert kept["ddf"].all()
    np.testing.assert_allclose(kept["hostgal_specz"], 0.3)
    # 3840 points, of which 30 % are dropped: +-1 % at 1.4 sigma
    assert seen.counts.sum() / (N * VISITS) == pytest.approx(0.7, abs=0.03)
    pull = seen.flux - 1000
    assert pull.std() == pytest.approx(2 / 3, rel=0.1)


def test_redshifts_that_few_have_are_hidden_and_galactic_objects_stay_ours():
    table, curves = objects()
    table["hostgal_photoz"][::2] = table["hostgal_specz"][::2] = table["hostgal_photoz_err"][::2] = 0
    found, _ = bare(spectra=np.zeros(2))(table, curves, ROWS, Draws(0, 0, ROWS))
    assert np.all(np.isnan(found["hostgal_specz"][1::2]))
    for name in ("hostgal_photoz", "hostgal_specz"):
        assert not found[name][::2].any()
    assert np.all((found["hostgal_photoz"][1::2] > 0) & (found["hostgal_photoz"][1::2] < 3))


def test_photometric_redshifts_scatter_as_those_of_the_hosts_do(certain):
    table, curves = objects()
    scatter = np.array([[0.02, 0.01], [-0.02, 0.03]])
    found, _ = bare(scatter=scatter)(table, curves, ROWS, Draws(0, 0, ROWS))
    offset = (found["hostgal_photoz"] - found["hostgal_specz"]) / (1 + found["hostgal_specz"])
    np.testing.assert_allclose(np.abs(offset), 0.02)
    stated = found["hostgal_photoz_err"] / (1 + found["hostgal_specz"])
    np.testing.assert_allclose(stated, np.where(offset > 0, 0.01, 0.03))


def test_a_draw_follows_from_seed_epoch_and_row_alone():
    table, curves = objects()
    table["ddf"][9] = 1
    augment = bare(sigma=3.0, scatter=np.array([[0.02, 0.01], [-0.02, 0.03]]), counts=np.array([20, 40]))

    def drawn(rows, seed=1, epoch=2):
        part = {name: column[rows] for name, column in table.items()}
        return augment(part, curves.take(rows), rows, Draws(seed, epoch, rows))

    alone, together = drawn(np.array([5])), drawn(np.array([9, 5, 3]))
    same(alone, ({k: v[1:2] for k, v in together[0].items()}, together[1].take(np.array([1]))))
    for other in (drawn(np.array([5]), seed=2), drawn(np.array([5]), epoch=3), drawn(np.array([6]))):
        assert not np.array_equal(alone[1].flux[:20], other[1].flux[:20])


def test_draws_are_even_and_independent():
    draws = Draws(3, 1, np.arange(20_000))
    first, second = draws.uniform(), draws.uniform()
    owner, place = np.repeat(np.arange(100), 200), np.tile(np.arange(200), 100)
    for u in (first, second, draws.uniform(owner, place)):
        assert np.abs(np.sort(u) - np.linspace(0, 1, len(u))).max() < 2 / np.sqrt(len(u))  # Kolmogorov
    assert abs(np.corrcoef(first, second)[0, 1]) < 4 / np.sqrt(20_000)
    assert draws.normal().std() == pytest.approx(1, abs=0.03)


def test_a_power_law_reddens_by_its_slope_in_every_band():
    stretch = np.array([1.0, 1.1, 1.5])
    colours = np.tile(0.8 * np.log(WAVELENGTHS), (3, 1))
    np.testing.assert_allclose(
        reddening(colours, stretch), np.repeat(-0.8 * np.log(stretch)[:, None], BANDS, axis=1), atol=1e-12
    )


def test_half_of_what_has_the_detection_limit_is_flagged():
    np.testing.assert_allclose(flagged(np.array([5.5, 7.5])), [0.5, 0.921350396], rtol=1e-6)


def test_early_light_curves_end_some_days_after_the_trigger():
    table, curves = objects()
    curves = replace(curves, mjd=3 * curves.mjd)
    whole, cut = (
        bare(sigma=3.0, cut=cut)(table, curves, ROWS, Draws(0, 0, ROWS))[1] for cut in (False, True)
    )
    np.testing.assert_array_equal(whole.trigger(), cut.trigger())
    ends = set()
    for k in range(N):
        full, part = (c.mjd[c.starts[k] : c.starts[k + 1]] for c in (whole, cut))
        days = [d for d in DAYS if np.array_equal(part, full[full <= cut.trigger()[k] + d])]
        assert days
        ends |= set(days)
    assert ends == set(DAYS)


def test_what_is_learned_from_a_release(transients_original):
    public = transients_original.public
    table = public.table("train")
    curves = Archive.of(public, "train").read(table["object_id"])
    test = public.table("test")
    found = Augmentation.of(table, curves, test)
    # the sky from which the release was drawn, Boone 2019; errors of the mean are near 1 % of it
    np.testing.assert_allclose(found.sky[0], [2.34, 0.94, 1.30, 1.82, 2.56, 3.33], atol=0.08)
    np.testing.assert_allclose(found.sky[1], [0.43, 0.41, 0.41, 0.42, 0.36, 0.37], atol=0.05)
    assert not found.cut
    assert Augmentation.of(table, curves, test | {"epoch_cut": test["ddf"]}).cut
    assert found.room.min() >= 0
    assert found.room.max() <= 3
    beyond = table["hostgal_photoz"] > 0
    moved, seen = found(table, curves, np.arange(len(beyond)), Draws(0, 0, np.arange(len(beyond))))
    farther = moved["hostgal_specz"] - table["hostgal_specz"]
    assert np.nanmin(farther[beyond]) >= -1e-6
    assert np.all(seen.flux_err > 0)
    # most are detected but a few times, as in the test set; before, half of them more than seven times
    detections = [np.bincount(c.owner, c.detected, len(c)) for c in (curves, seen)]
    assert np.median(detections[1][beyond]) < np.median(detections[0][beyond])
    assert np.all((detections[1] >= 2) | (detections[1] == detections[0]))
