"""Noise against closed forms, a Monte Carlo and photerr."""

from __future__ import annotations

import numpy as np
import pytest

from blindsky.challenges.photoz import photometry
from blindsky.challenges.photoz.filters import LSST, NISP

SURVEY = photometry.survey(LSST)


def test_magnitudes_and_fluxes() -> None:
    assert photometry.flux(np.array(31.4)) == 1.0
    m = np.array([16.0, 25.3])
    np.testing.assert_allclose(photometry.magnitude(photometry.flux(m)), m)


def test_five_sigma_at_five_sigma() -> None:
    # background and photons give 5 sigma at F5 up to the photon term, which the single-visit formula has once
    f5 = SURVEY.f5[None]
    snr = f5 / np.sqrt(photometry.variance(f5, f5, f5, SURVEY.photons))
    np.testing.assert_allclose(snr, 5.0, atol=0.1)


def test_one_year_is_shallower() -> None:
    year = photometry.survey((*LSST, *NISP), "y1")
    found = photometry.magnitude(year.f5)
    published = [24.65, 25.91, 25.92, 25.49, 24.85, 23.93, 24.3, 24.5, 24.4]
    np.testing.assert_allclose(found, published, atol=0.011)
    assert np.all(year.photons[6:] == 0)


def test_moments_of_an_observation() -> None:
    rng = np.random.Generator(np.random.Philox(7))
    n = 100_000
    true = np.tile(photometry.flux(np.array([24.0, 25.0, 26.0, 23.0, 22.0, 24.0])), (n, 1))
    observed, f5 = photometry.observe(true, np.zeros(n), SURVEY, rng)
    sigma = np.sqrt(
        photometry.variance(true, true, SURVEY.f5, SURVEY.photons) + (photometry.SED_SCATTER * true) ** 2
    )
    error = sigma[0] / np.sqrt(n)
    assert np.all(np.abs(observed.mean(axis=0) - true[0]) < 4.5 * error)
    # depth scatter of 0.05 mag adds (0.92 * 0.05)^2 ~ 0.2 % twice over to a background-limited variance
    np.testing.assert_allclose(observed.std(axis=0), sigma[0], rtol=0.012)
    offsets = -2.5 * np.log10(f5 / SURVEY.f5)
    np.testing.assert_allclose(offsets.std(axis=0), 0.05, rtol=0.02)
    assert np.abs(np.corrcoef(offsets.T) - np.eye(6)).max() < 0.02


def test_common_depth_is_common() -> None:
    rng = np.random.Generator(np.random.Philox(7))
    _, f5 = photometry.observe(np.ones((4, 6)), np.array([0.0, 0.1, -0.2, 1.0]), SURVEY, rng)
    offsets = -2.5 * np.log10(f5 / SURVEY.f5)
    np.testing.assert_allclose(offsets.mean(axis=1), [0.0, 0.1, -0.2, 1.0], atol=0.1)


def test_error_depends_on_the_observed_flux_alone() -> None:
    f5 = np.tile(SURVEY.f5, (2, 1))
    negative = photometry.reported_error(np.full((2, 6), -5.0), f5, SURVEY.photons)
    zero = photometry.reported_error(np.zeros((2, 6)), f5, SURVEY.photons)
    np.testing.assert_allclose(zero, np.sqrt(0.039) * f5)
    np.testing.assert_allclose(negative**2 - zero**2, (0.0046 * 5) ** 2, rtol=1e-6)


def test_errors_against_photerr() -> None:
    photerr = pytest.importorskip("photerr")
    model = photerr.LsstErrorModelV1()
    depths = model.getLimitingMags()
    np.testing.assert_allclose(
        [photometry.FIVE_SIGMA[b] for b in LSST], [depths[b] for b in LSST], atol=0.006
    )
    mags = np.array([[20.0] * 6, [22.0] * 6, [24.0] * 6, [26.0] * 6])
    nsr = model._get_nsr_from_mags(mags, None, None, list(LSST))
    fluxes = photometry.flux(mags)
    ours = photometry.reported_error(fluxes, np.tile(SURVEY.f5, (4, 1)), SURVEY.photons) / fluxes
    np.testing.assert_allclose(ours[:, 1:], nsr[:, 1:], rtol=0.03)
    # photerr has gamma = 0.038 in u, the sky 0.039 in every band: less photon noise, 4 % at u = 22
    np.testing.assert_allclose(ours[:, 0], nsr[:, 0], rtol=0.05)
