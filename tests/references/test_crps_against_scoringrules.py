"""CRPS of densities on a grid against the closed forms of scoringrules."""

from __future__ import annotations

import numpy as np
import pytest

from blindsky.scoring import density


def test_normal_densities():
    scoringrules = pytest.importorskip("scoringrules")
    rng = np.random.default_rng(0)
    m, s = rng.uniform(1.0, 2.0, 50), rng.uniform(0.05, 0.15, 50)
    z = m + 2 * s * rng.standard_normal(50)
    nodes = np.linspace(0, 3, 3001)
    pdf = np.exp(-((nodes - m[:, None]) ** 2) / (2 * s[:, None] ** 2))
    # the chords of a normal density of width s lie off by (step / s)^2 / 12: 3e-5 at worst
    found = density.measure(z, pdf, 0, 3)["crps"]
    np.testing.assert_allclose(found, scoringrules.crps_normal(z, m, s), rtol=1e-4)


def test_uniform_densities():
    scoringrules = pytest.importorskip("scoringrules")
    z = np.linspace(0, 3, 31)
    found = density.measure(z, np.ones((31, 301)), 0, 3)["crps"]
    np.testing.assert_allclose(found, scoringrules.crps_uniform(z, 0.0, 3.0), atol=1e-12)
