"""Distributions of parameters against scipy's and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from blindsky.challenges.transients.draws import LogNormal, LogUniform, Normal, Uniform

N = 50_000


def stream() -> np.random.Generator:
    return np.random.default_rng(20_261_121)


def test_uniform_and_log_uniform() -> None:
    x = Uniform(2, 5).draw(stream(), N)
    assert stats.kstest(x, stats.uniform(2, 3).cdf).pvalue > 1e-3
    y = LogUniform(3, 14).draw(stream(), N)
    assert stats.kstest(y, stats.loguniform(3, 14).cdf).pvalue > 1e-3


def test_truncated_normal() -> None:
    x = Normal(-17.4, 1.0, -18.9, -13.5).draw(stream(), N)
    assert stats.kstest(x, stats.truncnorm(-1.5, 3.9, -17.4, 1.0).cdf).pvalue > 1e-3
    assert x.min() > -18.9  # redrawn, not piled up


def test_log_normal() -> None:
    x = LogNormal(2.4, 0.16, 1, 8).draw(stream(), N)
    ends = (np.log10([1, 8]) - np.log10(2.4)) / 0.16
    assert stats.kstest(np.log10(x), stats.truncnorm(*ends, np.log10(2.4), 0.16).cdf).pvalue > 1e-3


def test_two_sided_normal() -> None:
    """Share above the mode is sigma_+/(sigma_- + sigma_+), where the density is continuous."""
    x = Normal(-0.054, 0.043, above=0.101).draw(stream(), N)
    up = x > -0.054
    assert up.mean() == pytest.approx(0.101 / 0.144, abs=3 * 0.5 / np.sqrt(N))
    assert np.sqrt(np.mean((x[up] + 0.054) ** 2)) == pytest.approx(0.101, rel=0.02)
    assert np.sqrt(np.mean((x[~up] + 0.054) ** 2)) == pytest.approx(0.043, rel=0.02)
    near = 0.004
    left, right = (x > -0.054 - near) & ~up, (x < -0.054 + near) & up
    assert left.sum() / right.sum() == pytest.approx(1, rel=0.12)
