"""The prior: normalised, and drawn as it says."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kstest

from blindsky.challenges.photoz import prior


def test_densities_are_normalised() -> None:
    p = np.exp(prior.log_redshift_density())
    assert p.shape == (221, 3, 601)
    np.testing.assert_allclose(np.trapezoid(p, prior.Z_NODES, axis=-1), 1.0, rtol=1e-12)
    joint = np.exp(prior.log_joint())
    np.testing.assert_allclose(np.trapezoid(joint, prior.Z_NODES, axis=-1).sum(axis=1), 1.0, rtol=1e-12)


def test_class_shares() -> None:
    shares = prior.class_shares(np.array([16.0, 20.0, 25.0]))
    np.testing.assert_allclose(shares[0], [0.35, 0.50, 0.15])
    np.testing.assert_allclose(shares[0], shares[1])
    np.testing.assert_allclose(shares[2], [0.0369, 0.2398, 0.7233], atol=2e-4)


def test_shape_of_one_class() -> None:
    # Irr at m = 24: z^1.5 exp(-(z/0.792)^1.5) peaks where (z/z_m)^a = 1
    p = prior.log_redshift_density()[prior.magnitude_node(np.array([24.0]))[0], 2]
    assert prior.Z_NODES[np.argmax(p)] == pytest.approx(0.300 + 0.123 * 4, abs=0.005)


def test_nearest_node() -> None:
    assert prior.magnitude_node(np.array([16.0, 16.02, 16.03, 27.0, 30.0, 10.0])).tolist() == [
        0,
        0,
        1,
        220,
        220,
        0,
    ]


def test_counts_have_their_slope() -> None:
    m = prior.draw_magnitude((np.arange(200_000) + 0.5) / 200_000)
    counts = np.histogram(m, bins=[20, 21, 24, 25])[0]
    assert counts[2] / counts[0] == pytest.approx(10 ** (0.3 * 4), rel=0.02)
    assert m.min() >= 16 and m.max() <= 27


def test_draws_of_class_and_redshift() -> None:
    rng = np.random.Generator(np.random.Philox(1))
    n = 20_000
    node = np.full(n, 170)  # m = 24.5
    number = prior.draw_class(rng.random(n), node)
    shares = prior.class_shares(np.array([24.5]))[0]
    # four standard errors of a share
    np.testing.assert_allclose(np.bincount(number) / n, shares, atol=4 * np.sqrt(0.25 / n))
    for kind in range(3):
        kinds = np.full(n, kind, dtype=np.int8)
        z = prior.draw_redshift(rng.random(n), node, kinds)
        p = np.exp(prior.log_redshift_density()[170, kind])
        curve = np.concatenate([[0], np.cumsum((p[1:] + p[:-1]) / 2)]) * 0.005
        assert kstest(z, lambda x, c=curve: np.interp(x, prior.Z_NODES, c)).pvalue > 1e-3


@pytest.mark.parametrize("node", [0, 220])
def test_extreme_draws_stay_in_range(node: int) -> None:
    u = np.array([0.0, 0.5, np.nextafter(1, 0)])
    for kind in range(3):
        z = prior.draw_redshift(u, np.full(3, node), np.full(3, kind, dtype=np.int8))
        assert np.all(np.diff(z) > 0) and z[0] >= 0 and z[-1] <= 3
