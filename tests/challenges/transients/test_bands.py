"""Nodes and the zero point."""

from __future__ import annotations

import numpy as np

from blindsky.challenges.transients import bands


def test_nodes_lie_in_their_bands() -> None:
    assert bands.NODES.shape == (5, 6)
    edges = np.array([3200, 4000, 5520, 6910, 8180, 9220, 10_600.0])  # half-light limits of the LSST bands
    assert (edges[:-1] < bands.NODES).all()
    assert (edges[1:] > bands.NODES).all()
    assert (np.diff(bands.NODES, axis=0) > 0).all()


def test_zero_point() -> None:
    """PLAsTiCC's cut at magnitude 14 is a flux of 251,189."""
    np.testing.assert_allclose(bands.to_flux(np.array([27.5, 14.0])), [1, 251_188.64], rtol=1e-6)
    np.testing.assert_allclose(bands.to_magnitude(np.array([1, 251_188.64])), [27.5, 14], atol=1e-6)
    assert bands.to_magnitude(np.zeros(1))[0] == np.inf
