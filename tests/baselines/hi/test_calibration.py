"""What the training field teaches, on candidates whose biases are known."""

from __future__ import annotations

import numpy as np
import pytest

from blindsky.baselines.hi.calibration import Calibration, best_threshold, calibrate, catalogue, clipped
from blindsky.baselines.hi.search import COLUMNS
from blindsky.challenges.hi import CHALLENGE
from blindsky.challenges.hi.field import C_KMS, Field
from blindsky.scoring.catalogue import match, value

FIELD = Field(200, 200, 512, 3078, 0.25, 20, 5, (48, 48, 64), 208)


class Known:
    """A cube of which only the geometry is asked for."""

    shape, frequencies = FIELD.shape, FIELD.frequencies


CUBE = Known()


def sky(n=60, false=15, seed=0):
    """Sources far from each other, and candidates: biased as ln(true / measured) = 0.2 - 0.1 ln(measured)."""
    draw = np.random.default_rng(seed)
    cell = draw.permutation(10 * 10 * 4)[: n + false]
    x, y = 10 + 20 * (cell % 10) + draw.uniform(-1, 1, len(cell)), 10 + 20 * (cell // 10 % 10)
    z = 64 + 128.0 * (cell // 100)
    frequency = FIELD.frequencies[0] + 30e3 * z
    flux, w20 = 10 ** draw.uniform(0.7, 2, len(cell)), draw.uniform(60, 400, len(cell))
    ra, dec = FIELD.world(x, y)
    truth = {
        "id": np.arange(n), "ra": ra[:n], "dec": dec[:n],
        "hi_size": draw.uniform(4, 12, n), "pa": draw.uniform(0, 360, n),
        "line_flux_integral": flux[:n], "central_freq": frequency[:n], "i": np.full(n, 60.0), "w20": w20[:n],
    }  # fmt: skip
    measured = np.exp((np.log(flux) - 0.2) / 0.9)  # ln true = 0.9 ln measured + 0.2
    width = np.exp((np.log(w20) - 0.2) / 0.9) * frequency / C_KMS
    peak = np.where(np.arange(len(cell)) < n, draw.uniform(6, 20, len(cell)), draw.uniform(5, 6.2, len(cell)))
    columns = (x, y, z, measured, width, draw.uniform(0, 360, len(cell)), peak, np.full(len(cell), 50.0))
    return dict(zip(COLUMNS, columns, strict=True)), truth


def test_biases_are_found_and_taken_away():
    found, truth = sky()
    fitted = calibrate(found, truth, CUBE, FIELD)
    np.testing.assert_allclose(fitted.flux, (-0.1, 0.2), atol=0.01)
    np.testing.assert_allclose(fitted.width, (-0.1, 0.2), atol=0.01)
    claims = fitted.claims(found, CUBE, FIELD)
    seen = match(truth, claims)
    for name in ("line_flux_integral", "w20"):
        np.testing.assert_allclose(claims[name][seen.claim], truth[name][seen.truth], rtol=0.02)


def test_the_threshold_is_that_of_the_best_score():
    found, truth = sky()
    fitted = calibrate(found, truth, CUBE, FIELD)
    assert 5.5 < fitted.threshold < 6.5
    everything = Calibration(flux=fitted.flux, width=fitted.width).claims(found, CUBE, FIELD)
    best = value(match(truth, fitted.claims(found, CUBE, FIELD)))
    for tried in np.linspace(5, 8, 13):
        kept = everything["peak"] >= tried
        assert value(match(truth, {name: column[kept] for name, column in everything.items()})) <= best + 1e-9


def test_a_threshold_by_hand():
    """Sums from the tallest on: 0.8, -0.2, 0.5, 1.4, 0.4."""
    peak, gains = np.array([5.0, 9.0, 6.0, 8.0, 7.0]), np.array([-1.0, 0.8, 0.9, -1.0, 0.7])
    assert best_threshold(peak, gains) == 6.0


def test_confidence_is_the_share_of_true_claims_and_rises_with_height():
    found, truth = sky(n=80, false=60)
    fitted = calibrate(found, truth, CUBE, FIELD)
    open_ended = Calibration(flux=fitted.flux, width=fitted.width, odds=fitted.odds).claims(
        found, CUBE, FIELD
    )
    real = match(truth, open_ended).gains > -1
    assert open_ended["conf"].sum() == pytest.approx(real.sum(), abs=2)
    order = np.argsort(open_ended["peak"])
    assert (np.diff(open_ended["conf"][order]) >= 0).all()
    assert open_ended["conf"][real].mean() > open_ended["conf"][~real].mean() + 0.3


def test_a_source_that_two_regions_found_is_claimed_once():
    found, _ = sky(n=20, false=0)
    twice = {name: np.concatenate([column, column[:5]]) for name, column in found.items()}
    twice["x"][20:] += 1.0
    twice["flux"][20:] *= 1.5
    claims = Calibration().claims(twice, CUBE, FIELD)
    assert len(claims["id"]) == 20
    assert list(claims["id"]) == list(range(1, 21))
    assert set(np.round(found["flux"][:5] * 1.5, 6)) <= set(np.round(claims["line_flux_integral"], 6))


@pytest.mark.parametrize("nothing", [True, False])
def test_there_is_a_claim_whatever_was_found(nothing):
    """A catalogue without rows is none; where no source lies beyond the threshold the tallest candidate is claimed."""
    found, truth = sky(n=20, false=0)
    if nothing:
        found = {name: column[:0] for name, column in found.items()}
        assert calibrate(found, truth, CUBE, FIELD).flux == (0.0, 0.0)
    claims = catalogue(Calibration(threshold=1e9).claims(found, CUBE, FIELD))
    assert len(claims["id"]) == 1
    check_ranges(claims)


def check_ranges(claims):
    """As the check of a catalogue has them."""
    for column in CHALLENGE.prediction.fields:
        if column.name in claims:
            values = claims[column.name]
            assert np.isfinite(values).all(), column.name
            low = column.above if column.above is not None else column.low
            assert (values > low if column.above is not None else values >= low).all(), column.name
            assert (values <= column.high).all(), column.name


def test_wild_candidates_stay_within_the_ranges_of_a_catalogue():
    found, _ = sky(n=20, false=0)
    found["flux"] *= 10.0 ** np.arange(-10, 10)
    found["width"] *= 10.0 ** np.arange(-10, 10)
    check_ranges(Calibration(flux=(0.5, 1), width=(-0.5, 9)).claims(found, CUBE, FIELD))
    other = Calibration().claims(found, CUBE, FIELD)
    check_ranges(clipped(other | {"w20": other["w20"] * 1e6, "hi_size": other["hi_size"] * 0}))
