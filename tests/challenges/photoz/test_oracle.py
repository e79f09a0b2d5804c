"""The oracle against a plain sum over templates, and against the truths it was not shown."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kstest

from blindsky.challenges.challenge import Size, Track
from blindsky.challenges.photoz import oracle, photometry, prior, templates
from blindsky.challenges.photoz.sky import PhotozSky, simulate
from blindsky.scoring import density
from blindsky.scoring.measurements import FloatArray, Table

TRACK = Track(name="representative", title="", description="", public=())


@pytest.fixture(scope="module")
def sky() -> PhotozSky:
    return simulate(TRACK, Size(2000, 2000), {})


@pytest.fixture(scope="module")
def galaxies(sky: PhotozSky) -> tuple[Table, FloatArray, FloatArray]:
    return sky._galaxies(np.random.Generator(np.random.Philox(11)))


def plain(sky: PhotozSky, o: FloatArray, f5: FloatArray) -> FloatArray:
    """Section 4.9 of the specification word by word, float64, one galaxy; normalised on 601 nodes."""
    survey, known = sky.survey, templates.templates()
    f = np.maximum(o, 0)
    V = 0.039 * f5**2 + survey.photons * f5 * f + (0.0046**2 + 0.015**2) * f**2
    m = 31.4 - 2.5 * np.log10(o[3])
    log_prior = prior.log_joint()[round((m - 16) / 0.05)]
    p = np.zeros(601)
    for T in range(96):
        g = sky.G[T]  # (601, B)
        num, den = (o * g / V).sum(axis=1), (g**2 / V).sum(axis=1)
        A = np.maximum(num / den, 1e-3)
        chi2 = (o**2 / V).sum() - 2 * A * num + A**2 * den
        p += np.exp(
            -chi2 / 2
            - 0.5 * np.log(den)
            - 1.75 * np.log(A)
            + log_prior[known.type_class[T]]
            + np.log(known.weight[T])
        )
    return p / np.trapezoid(p, dx=0.005)


def test_density_is_the_plain_sum(sky: PhotozSky, galaxies: tuple[Table, FloatArray, FloatArray]) -> None:
    _, observed, f5 = galaxies
    negative = np.flatnonzero(observed[:, 0] < 0)[:2]
    rows = np.concatenate([np.arange(5), negative, [np.argmax(observed[:, 3])]])
    found = sky._oracle.density(observed[rows], f5[rows])
    for p, row in zip(found, rows, strict=True):
        expected = plain(sky, observed[row], f5[row])
        # float32: terms of chi2 are as large as the squared signal to noise, up to 1e4
        assert np.abs(p - expected).max() < 5e-3 * expected.max()


def test_amplitude_integral() -> None:
    """Int dA A^-1.75 N(o; A g, V) at the limit i = 25.3 against its Laplace form."""
    survey = photometry.survey(("g", "r", "i", "z"))
    g = np.array([0.4, 0.7, 1.0, 1.1])
    F = photometry.flux(np.array(25.3)) * g
    V = photometry.variance(F, F, survey.f5, survey.photons, np.hypot(0.0046, 0.015))
    o = F + np.sqrt(V) * np.array([0.3, -0.5, 0.2, 0.1])
    A = np.linspace(150, 450, 20_001)
    exact = np.log(np.trapezoid(A**-1.75 * np.exp(-0.5 * ((o - A[:, None] * g) ** 2 / V).sum(axis=1)), A))
    num, den = (o * g / V).sum(), (g**2 / V).sum()
    best = num / den
    laplace = -0.5 * ((o - best * g) ** 2 / V).sum() - 0.5 * np.log(den) - 1.75 * np.log(best)
    assert exact - 0.5 * np.log(2 * np.pi) == pytest.approx(laplace, abs=5e-3)


def test_self_consistency(sky: PhotozSky, galaxies: tuple[Table, FloatArray, FloatArray]) -> None:
    """A posterior's own entropy foretells its log score, and the truth is a draw from it."""
    truth, observed, f5 = galaxies
    n = 600
    p = sky._oracle.density(observed[:n], f5[:n])
    found = density.measure(truth["z_true"][:n], p, 0.0, 3.0)
    entropy = -np.trapezoid(p * np.log(np.maximum(p, 1e-30)), dx=0.005, axis=1)
    surprise = np.log(found["p_true"]) + entropy
    assert abs(surprise.mean()) < 4 * surprise.std() / np.sqrt(n)
    excess = found["p_true"] - found["int_p2"]
    assert abs(excess.mean()) < 4 * excess.std() / np.sqrt(n)
    assert kstest(found["pit"], "uniform").pvalue > 1e-3
    assert np.log(found["p_true"]).mean() == pytest.approx(1.857, abs=4 * 0.055)  # published; SE of 600


def test_submittable_is_every_second_node(
    sky: PhotozSky, galaxies: tuple[Table, FloatArray, FloatArray]
) -> None:
    _, observed, f5 = galaxies
    p = sky._oracle.density(observed[:20], f5[:20])
    pdf = oracle.submittable(p)
    assert pdf.shape == (20, 301) and pdf.dtype == np.float32
    np.testing.assert_allclose(np.trapezoid(p, dx=0.005, axis=1), 1.0, rtol=1e-5)
    np.testing.assert_allclose(np.trapezoid(pdf, dx=0.01, axis=1), 1.0, rtol=1e-5)
    ratio = pdf.max(axis=1) / p[:, ::2].max(axis=1)
    np.testing.assert_allclose(pdf, p[:, ::2] * ratio[:, None], rtol=1e-4, atol=1e-12)


def test_torch_agrees(sky: PhotozSky, galaxies: tuple[Table, FloatArray, FloatArray]) -> None:
    pytest.importorskip("torch")
    truth, observed, f5 = galaxies
    n = 40
    here = sky._oracle.density(observed[:n], f5[:n])
    there = sky._oracle.density(observed[:n], f5[:n], device="cpu:0")
    a, b = (density.measure(truth["z_true"][:n], p, 0.0, 3.0) for p in (here, there))
    assert abs(np.mean(a["log_p"] - b["log_p"])) < 1e-4
    np.testing.assert_allclose(there, here, atol=1e-3 * here.max())
